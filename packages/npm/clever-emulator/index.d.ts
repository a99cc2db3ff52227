/** A running emulator. */
export class Emulator {
  /** All that it says of itself when it has started. */
  readonly started: Record<string, unknown>;
  /** Where the app under test calls Clever. */
  readonly baseUrl: string;
  /** The app's token for the first district. */
  readonly districtToken: string | null;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The Clever id of somebody of each role. */
  readonly users: Record<string, string | null>;
  /** A token of somebody of each role, as a sign-in gives it. */
  readonly userTokens: Record<string, string>;
  /** Asks the API, with the district's token if no other is given. */
  get(path: string, token?: string | null): Promise<any>;
  /** Asks the control API: POST with a body, GET without. */
  control(path: string, body?: unknown): Promise<any>;
  /** Lets days of school life pass. */
  passDays(days?: number): Promise<any>;
  /** Lets something happen, such as "rollover". */
  happen(name: string): Promise<any>;
  /** Makes answers go wrong. */
  fault(fault: string, rule?: Record<string, unknown>): Promise<any>;
  /** Ends it. */
  stop(): Promise<void>;
}
/** The path of the program for this machine. */
export function program(): string;
/** Starts an emulator with the options of `clever-emulator --help`. */
export function start(...args: string[]): Promise<Emulator>;
/** For Vitest and Jest: an emulator for the tests of a file or of a `describe`, which ends with them. */
export function useClever(...args: string[]): () => Emulator;
