-- Version 2: who judged and saw what.

-- Each deed of a person in the console or its API: who, when, with which role, what and why. `district_id` is empty if it is
-- of none; `subject` is a run, a record's kind and id, an account or a question, never a name. `reason` is in the person's words.
CREATE TABLE audit (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL,
    deed TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL, done_key TEXT,
    UNIQUE (district_id, key)
);
-- A deed that was sent twice is done once.
CREATE UNIQUE INDEX audit_done ON audit (district_id, done_key) WHERE done_key IS NOT NULL;

-- What the next run of a district may let through of what is held: exactly what has this hash. `audit` says who approved it.
CREATE TABLE _approvals (
    district_id TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL, audit INTEGER NOT NULL
);
