-- Sessions and what belongs to sign-ins, version 1. Instants are seconds since 1970.
-- A session without an account waits for its person's answer. `sealed` is personal.
CREATE TABLE web_sessions (
    id TEXT PRIMARY KEY, account TEXT, user_id TEXT NOT NULL,
    began_ms BIGINT NOT NULL, expires BIGINT NOT NULL, sealed TEXT NOT NULL
);
CREATE INDEX web_sessions_of ON web_sessions (account);
CREATE INDEX web_sessions_end ON web_sessions (expires);
-- Who could not get in, the last time.
CREATE TABLE web_refused (
    user_id TEXT PRIMARY KEY, district TEXT, why TEXT NOT NULL, at BIGINT NOT NULL, times BIGINT NOT NULL
);
-- Tries to prove an account, by a digest of what is limited.
CREATE TABLE web_tries (
    id TEXT PRIMARY KEY, tries BIGINT NOT NULL, since BIGINT NOT NULL
);
-- Which teacher shared a student through Clever Library.
CREATE TABLE web_library (
    student TEXT PRIMARY KEY, teacher TEXT NOT NULL
);
