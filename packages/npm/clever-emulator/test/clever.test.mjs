// What a project that installed the package can do with it.
import { execFileSync } from "node:child_process";
import { start, useClever } from "clever-emulator";

const clever = useClever("--students", "40");

test("the roster is served", async () => {
  const users = await clever().get("/v3.1/users?limit=2");
  expect(users.data).toHaveLength(2);
  const me = await clever().get("/v3.1/me", clever().userTokens.student);
  expect(me.data.id).toBe(clever().users.student);
});

test("it misbehaves on command", async () => {
  await clever().fault("rate-limited", { path: "/users", nth: 1 });
  await expect(clever().get("/v3.1/users?limit=2")).rejects.toThrow("429");
  expect((await clever().get("/v3.1/users?limit=2")).data).toHaveLength(2);
});

test("days pass and things happen", async () => {
  const other = await start("--students", "40", "--events");
  await other.passDays(2);
  await other.happen("user-split");
  expect((await other.get("/v3.1/events?limit=1000")).data.length).toBeGreaterThan(0);
  await other.stop();
  await other.stop();
  await expect(fetch(other.baseUrl)).rejects.toThrow();
});

test("what can't be started says why", async () => {
  await expect(start("--no-such-option")).rejects.toThrow("no-such-option");
});

test("the program is on the path of scripts", () => {
  const said = execFileSync("npx", ["clever-emulator", "--version"], { encoding: "utf8" });
  expect(said).toMatch(/^clever-emulator \d/);
});

test("an app is rehearsed by the same program", async () => {
  const said = execFileSync("npx", ["clever-emulator", "certify", "--help"], { encoding: "utf8" });
  expect(said).toContain("clever-emulator certify --app http://127.0.0.1:3000");
});
