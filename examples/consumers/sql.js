// Follows the roster's changes in PostgreSQL. Run: npm install pg; DATABASE_URL=postgres://app@db/roster node sql.js
const { Client } = require("pg");

const READ = `SELECT seq, op, kind, id, after FROM clever.changes WHERE district_id = $1 AND seq > coalesce(
  (SELECT seq FROM clever.consumers WHERE district_id = $1 AND consumer = 'app'), 0) ORDER BY seq LIMIT 500`;
const KEEP = `INSERT INTO clever.consumers (district_id, consumer, seq, at) VALUES ($1, 'app', $2, now()::text)
  ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at`;

async function apply(db, change) {
  // Here the app writes its own rows, in the transaction that also keeps how far it came: so each change counts once.
  console.log(change.op, change.kind, change.id);
}

async function follow(db, district) {
  for (;;) {
    await db.query("BEGIN");
    const { rows } = await db.query(READ, [district]);
    for (const change of rows) await apply(db, change);
    if (rows.length > 0) await db.query(KEEP, [district, rows.at(-1).seq]);
    await db.query("COMMIT");
    if (rows.length === 0) return;
  }
}

async function main() {
  const db = new Client({ connectionString: process.env.DATABASE_URL });
  await db.connect();
  const districts = await db.query("SELECT district_id FROM clever.districts");
  for (const { district_id } of districts.rows) await follow(db, district_id);
  await db.end();
}

main();
