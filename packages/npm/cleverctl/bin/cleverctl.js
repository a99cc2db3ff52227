#!/usr/bin/env node
"use strict";
const { spawn } = require("node:child_process");

const name = `cleverctl-${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "cleverctl.exe" : "cleverctl";
let program;
try {
  program = require.resolve(`${name}/bin/${file}`);
} catch {
  console.error(
    `there is no ${name}: this machine has no build of cleverctl, or it was installed without optional dependencies`,
  );
  process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`cleverctl could not be started: ${error.message}`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : code;
});
