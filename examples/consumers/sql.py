"""Follows the roster's changes in PostgreSQL. Run: DATABASE_URL=postgres://app@db/roster python3 sql.py"""
import os

import psycopg2

READ = """SELECT seq, op, kind, id, after FROM clever.changes WHERE district_id = %(district)s AND seq > coalesce(
    (SELECT seq FROM clever.consumers WHERE district_id = %(district)s AND consumer = 'app'), 0) ORDER BY seq LIMIT 500"""
KEEP = """INSERT INTO clever.consumers (district_id, consumer, seq, at) VALUES (%s, 'app', %s, now()::text)
    ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at"""


def apply(cursor, op, kind, id):
    # Here the app writes its own rows, in the transaction that also keeps how far it came: so each change counts once.
    print(op, kind, id)


with psycopg2.connect(os.environ["DATABASE_URL"]) as db, db.cursor() as cursor:
    cursor.execute("SELECT district_id FROM clever.districts")
    for (district,) in cursor.fetchall():
        while True:
            cursor.execute(READ, {"district": district})
            changes = cursor.fetchall()
            if not changes:
                break
            for _, op, kind, id, _ in changes:
                apply(cursor, op, kind, id)
            cursor.execute(KEEP, (district, changes[-1][0]))
            db.commit()
