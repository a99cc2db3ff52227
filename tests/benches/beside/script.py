"""Loads a district into SQLite as a careful engineer's nightly script does: requests, orjson, executemany.

    python script.py BASE_URL TOKEN DATABASE

All records are read and upserted, and a row is written only where something differs. Nobody is ever archived.
"""

import sqlite3
import sys

import orjson
import requests

BASE, TOKEN, DATABASE = sys.argv[1:]

db = sqlite3.connect(DATABASE, isolation_level=None)
db.executescript(
    """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY, email TEXT, first TEXT, last TEXT, roles TEXT, school TEXT, sis_id TEXT, record TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sections (
        id TEXT PRIMARY KEY, name TEXT, school TEXT, teacher TEXT, record TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS others (kind TEXT, id TEXT, record TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS places (
        section TEXT, student TEXT, PRIMARY KEY (section, student)
    ) WITHOUT ROWID;
    """
)

session = requests.Session()
session.headers["Authorization"] = "Bearer " + TOKEN


def pages(kind):
    """The pages of a list: each is a list of records."""
    path = f"/v3.1/{kind}?limit=10000"
    while path:
        answer = session.get(BASE + path, timeout=60)
        answer.raise_for_status()
        page = orjson.loads(answer.content)
        yield [one["data"] for one in page["data"]]
        path = next((link["uri"] for link in page["links"] if link["rel"] == "next"), None)


def user(record):
    roles = record.get("roles") or {}
    first = next(iter(roles.values()), None) or {}
    name = record.get("name") or {}
    return (
        record["id"], record.get("email"), name.get("first"), name.get("last"), ",".join(roles),
        first.get("school"), first.get("sis_id"), orjson.dumps(record).decode(),
    )


def section(record):
    return (
        record["id"], record.get("name"), record.get("school"), record.get("teacher"),
        orjson.dumps(record).decode(),
    )


UPSERT_USER = """
    INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, first = excluded.first, last = excluded.last, roles = excluded.roles,
    school = excluded.school, sis_id = excluded.sis_id, record = excluded.record
    WHERE record <> excluded.record
"""
UPSERT_SECTION = """
    INSERT INTO sections VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, school = excluded.school, teacher = excluded.teacher, record = excluded.record
    WHERE record <> excluded.record
"""
UPSERT_OTHER = """
    INSERT INTO others VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET record = excluded.record
    WHERE record <> excluded.record
"""

records = 0
db.execute("BEGIN")
for kind in ("schools", "terms", "courses"):
    for page in pages(kind):
        db.executemany(UPSERT_OTHER, ((kind, one["id"], orjson.dumps(one).decode()) for one in page))
        records += len(page)
for page in pages("users"):
    db.executemany(UPSERT_USER, map(user, page))
    records += len(page)
for page in pages("sections"):
    db.executemany(UPSERT_SECTION, map(section, page))
    db.executemany(
        "INSERT OR IGNORE INTO places VALUES (?, ?)",
        ((one["id"], student) for one in page for student in one.get("students") or ()),
    )
    records += len(page)
db.execute("COMMIT")
print(records)
