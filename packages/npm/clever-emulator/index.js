"use strict";
const { spawn } = require("node:child_process");
const readline = require("node:readline");

/** The path of the program for this machine. */
function program() {
  const name = `clever-emulator-${process.platform}-${process.arch}`;
  const file = process.platform === "win32" ? "clever-emulator.exe" : "clever-emulator";
  try {
    return require.resolve(`${name}/bin/${file}`);
  } catch {
    throw new Error(
      `there is no ${name}: this machine has no build of clever-emulator, or it was installed without optional dependencies`,
    );
  }
}

/** A running emulator. */
class Emulator {
  constructor(process, started) {
    this.process = process;
    /** All that it says of itself when it has started. */
    this.started = started;
    this.baseUrl = started.base_url;
    this.districtToken = started.district_token;
    this.clientId = started.client_id;
    this.clientSecret = started.client_secret;
    this.users = started.users;
    this.userTokens = started.user_tokens;
  }

  /** Asks the API, with the district's token if no other is given. */
  get(path, token = this.districtToken) {
    return this.ask("GET", this.baseUrl + path, token);
  }

  /** Asks the control API: POST with a body, GET without. */
  control(path, body) {
    const method = body === undefined ? "GET" : "POST";
    return this.ask(method, this.started.control + path, this.started.control_token, body);
  }

  /** Lets days of school life pass. */
  passDays(days = 1) {
    return this.control("/days", { days });
  }

  /** Lets something happen, such as "rollover". */
  happen(name) {
    return this.control("/happenings", { name });
  }

  /** Makes answers go wrong: fault("rate-limited", { path: "/users", nth: 3 }). */
  fault(fault, rule = {}) {
    return this.control("/faults", { fault, ...rule });
  }

  async ask(method, url, token, body) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) {
      const error = new Error(`${method} ${url}: ${answer.status} ${text}`);
      error.status = answer.status;
      throw error;
    }
    return text ? JSON.parse(text) : undefined;
  }

  /** Ends it. Doing so twice does no harm. */
  stop() {
    const { process } = this;
    if (process.exitCode !== null || process.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      process.once("exit", () => resolve());
      process.kill();
    });
  }
}

/** Starts an emulator with the options of `clever-emulator --help`. */
function start(...args) {
  const command = ["--listen", "127.0.0.1:0", "--json", ...args];
  const child = spawn(program(), command, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error(`clever-emulator did not start: ${said.trim()}`)));
    readline.createInterface({ input: child.stdout }).once("line", (line) => {
      try {
        resolve(new Emulator(child, JSON.parse(line)));
      } catch (error) {
        child.kill();
        reject(error);
      }
    });
  });
}

/**
 * For Vitest and Jest: an emulator for the tests of a file or of a `describe`, which ends with them.
 *
 *     const clever = useClever("--students", "50");
 *     test("…", async () => { await clever().get("/v3.1/users?limit=2"); });
 */
function useClever(...args) {
  const { beforeAll, afterAll } = globalThis;
  if (!beforeAll || !afterAll) {
    throw new Error("useClever needs beforeAll and afterAll: with Vitest, set test.globals to true");
  }
  let running;
  beforeAll(async () => {
    running = await start(...args);
  });
  afterAll(() => running?.stop());
  return () => running;
}

module.exports = { Emulator, program, start, useClever };
