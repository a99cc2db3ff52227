// Follows the roster's changes as JSON lines. Run: cleverctl changes --consumer app --json --values | node lines.js
const { createInterface } = require("node:readline");

function apply(change) {
  // Here the app writes its own rows; a change may come twice, so write what should be, not what is to be added.
  const roles = Object.keys(change.after?.roles ?? {}).sort();
  console.log(change.op, change.kind, change.id, JSON.stringify(roles));
}

createInterface({ input: process.stdin }).on("line", (line) => apply(JSON.parse(line)));
