-- The app's own tables, beside those of the accounts.
CREATE TABLE members (
    account TEXT PRIMARY KEY, email TEXT UNIQUE, password TEXT,
    profile TEXT NOT NULL, greeted BIGINT NOT NULL
);
-- The classes of a teacher, as of the last sign-in that gave them.
CREATE TABLE classes (
    teacher TEXT PRIMARY KEY, read_at TEXT NOT NULL, classes TEXT NOT NULL
);
-- Worksheets: rows that follow a merge of accounts, and its undo.
CREATE TABLE works (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, origin TEXT NOT NULL, actor TEXT, written_at TEXT NOT NULL,
    title TEXT NOT NULL
);
CREATE INDEX works_of ON works (owner);
