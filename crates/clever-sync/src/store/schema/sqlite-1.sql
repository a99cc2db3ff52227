-- Version 1. Tables in the first part are for everyone; those that start with `_` are the sync's own.
-- Every key starts with the district, so that the store can be split by district.

CREATE TABLE districts (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, state TEXT, sis_type TEXT, nces_id TEXT, mdr_number TEXT, launch_date TEXT, last_sync TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE schools (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, school_number TEXT, sis_id TEXT, state_id TEXT, nces_id TEXT, low_grade TEXT, high_grade TEXT,
    phone TEXT, city TEXT, state TEXT, zip TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE terms (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, start_date TEXT, end_date TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE courses (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, number TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE users (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    first_name TEXT, middle_name TEXT, last_name TEXT, email TEXT, created TEXT, last_modified TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE sections (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, school_id TEXT, course_id TEXT, term_id TEXT, teacher_id TEXT, subject TEXT, grade TEXT, period TEXT,
    section_number TEXT, sis_id TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);
CREATE TABLE resources (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, id TEXT NOT NULL,
    resource_id TEXT, title TEXT,
    record TEXT NOT NULL, archived_at TEXT, first_seen_at TEXT NOT NULL, changed_at TEXT NOT NULL, source INTEGER NOT NULL,
    UNIQUE (district_id, id)
);

-- One row a role of an active user.
CREATE TABLE user_roles (
    district_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL,
    legacy_id TEXT, school_id TEXT, sis_id TEXT, number TEXT, state_id TEXT, username TEXT, grade TEXT, title TEXT,
    PRIMARY KEY (district_id, user_id, role)
) WITHOUT ROWID;

-- One row an adult and student.
CREATE TABLE contacts (
    district_id TEXT NOT NULL, contact_id TEXT NOT NULL, student_id TEXT NOT NULL,
    relationship TEXT, type TEXT, phone TEXT, phone_type TEXT,
    PRIMARY KEY (district_id, contact_id, student_id)
) WITHOUT ROWID;

-- What changed, one row a record and run; `seq` has no gap within a district.
CREATE TABLE changes (
    district_id TEXT NOT NULL, seq INTEGER NOT NULL, run INTEGER NOT NULL,
    kind TEXT NOT NULL, id TEXT NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('create', 'update', 'archive', 'restore')),
    fields TEXT, before TEXT, after TEXT, at TEXT NOT NULL,
    PRIMARY KEY (district_id, seq)
);

CREATE TABLE runs (
    district_id TEXT NOT NULL, run INTEGER NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT NOT NULL, outcome TEXT NOT NULL, report TEXT NOT NULL,
    PRIMARY KEY (district_id, run)
);

-- References that lead nowhere, as of the last run that changed anything.
CREATE TABLE findings (
    district_id TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, target TEXT NOT NULL,
    count INTEGER NOT NULL, samples TEXT NOT NULL,
    PRIMARY KEY (district_id, kind, field)
);

-- A small number for each district, for the tables that have many rows.
CREATE TABLE _districts (district INTEGER PRIMARY KEY, district_id TEXT NOT NULL UNIQUE);

-- What each record's bytes were when last seen: the narrow side of the merge join.
CREATE TABLE _state (
    district INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL, hash BLOB NOT NULL, archived INTEGER NOT NULL,
    PRIMARY KEY (district, kind, id)
) WITHOUT ROWID;

-- A small number for each person whom a section names, known or not.
CREATE TABLE _people (
    key INTEGER PRIMARY KEY, district INTEGER NOT NULL, id TEXT NOT NULL,
    UNIQUE (district, id)
);

-- Places in sections, by small numbers: `section` is the key of its row in `sections`.
CREATE TABLE _enrollments (
    district INTEGER NOT NULL, section INTEGER NOT NULL, role INTEGER NOT NULL, person INTEGER NOT NULL,
    is_primary INTEGER NOT NULL,
    PRIMARY KEY (district, section, role, person)
) WITHOUT ROWID;
CREATE INDEX _enrollments_by_person ON _enrollments (district, person);

-- Places in active sections.
CREATE VIEW enrollments AS
    SELECT s.district_id, s.id AS section_id, p.id AS user_id,
           CASE e.role WHEN 0 THEN 'student' ELSE 'teacher' END AS role, e.is_primary
    FROM _enrollments e
    JOIN sections s ON s.key = e.section AND s.archived_at IS NULL
    JOIN _people p ON p.key = e.person;
