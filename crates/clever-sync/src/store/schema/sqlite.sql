-- Version 1. Tables and views in the first part are for everyone; those that start with `_` are the sync's own.
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

-- The schools of a role of an active user besides the one in `user_roles`.
CREATE TABLE _user_schools (
    district_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, school_id TEXT NOT NULL,
    PRIMARY KEY (district_id, user_id, role, school_id)
) WITHOUT ROWID;

-- Who is at which school: one row a role of an active user and school. `is_primary` marks the role's own school.
CREATE VIEW user_schools AS
    SELECT district_id, user_id, role, school_id, 1 AS is_primary FROM user_roles WHERE school_id IS NOT NULL
    UNION ALL
    SELECT district_id, user_id, role, school_id, 0 FROM _user_schools;

-- One row an active adult and student, whether or not the student is here.
CREATE TABLE _contacts (
    district_id TEXT NOT NULL, contact_id TEXT NOT NULL, student_id TEXT NOT NULL,
    relationship TEXT, type TEXT, phone TEXT, phone_type TEXT,
    PRIMARY KEY (district_id, contact_id, student_id)
) WITHOUT ROWID;
CREATE INDEX _contacts_by_student ON _contacts (district_id, student_id);

-- Adults and students who are both here.
CREATE VIEW contacts AS
    SELECT c.district_id, c.contact_id, c.student_id, c.relationship, c.type, c.phone, c.phone_type
    FROM _contacts c
    JOIN users u ON u.district_id = c.district_id AND u.id = c.student_id AND u.archived_at IS NULL;

-- What changed, one row a record and run; `seq` has no gap within a district. `event` told it; NULL where a snapshot or an
-- undo did. A row of a record that was forgotten has the operation `forget`, no values, and `forgotten-DIGEST` for an id. A
-- record's history is a chain: its state names its last change, and `prev` the one before each. An index in its place would
-- have a run's changes lie scattered, so that each would cost pages of its own. A record is kept once: what followed a change
-- is `before` of the record's next one, or its row. `after` is filled only where neither has it; the view `changes` reads it.
CREATE TABLE _changes (
    district_id TEXT NOT NULL, seq INTEGER NOT NULL, run INTEGER NOT NULL,
    kind TEXT NOT NULL, id TEXT NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('create', 'update', 'archive', 'restore', 'forget')),
    fields TEXT, before TEXT, after TEXT, at TEXT NOT NULL, event TEXT, prev INTEGER,
    PRIMARY KEY (district_id, seq)
) WITHOUT ROWID;

-- `path` is how the run learnt what the roster should be: `snapshot`, `events`, `plan`, `undo` or `forget`. `whole` says
-- whether the store was in step with Clever afterwards; `newest_event` is the last event that was read, where events were;
-- `held_hash` approves what is held. The rest is in the report.
CREATE TABLE runs (
    district_id TEXT NOT NULL, run INTEGER NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT NOT NULL, outcome TEXT NOT NULL, report TEXT NOT NULL,
    path TEXT NOT NULL, whole INTEGER NOT NULL, newest_event TEXT, held_hash TEXT,
    PRIMARY KEY (district_id, run)
);
CREATE INDEX runs_by_day ON runs (finished_at, district_id, outcome, path);

-- Each try of a sync, however it ended, also if it wrote nothing else. `district_id` is empty if it ended before anybody
-- knew which district it is of. `ending` is `done`, `held`, `failed`, `refused`, `stopped` or `lost` (without a word: the
-- next try found it so), and NULL while it runs; `seen_at` is its last sign of life. `error` is a word for scripts,
-- `status` what Clever answered, `says` a sentence. `stage`, `kind`, `pages` and `records` say how far it came. The last 200
-- of a district are kept.
CREATE TABLE attempts (
    key INTEGER PRIMARY KEY, district_id TEXT NOT NULL, credential TEXT NOT NULL,
    started_at TEXT NOT NULL, seen_at TEXT NOT NULL, ended_at TEXT, ending TEXT, exit INTEGER,
    error TEXT, status INTEGER, request_id TEXT, says TEXT, next_step TEXT,
    stage TEXT NOT NULL, kind TEXT, pages INTEGER NOT NULL, records INTEGER NOT NULL, run INTEGER,
    UNIQUE (district_id, key)
);

-- References that lead nowhere, as of the last run that changed anything.
CREATE TABLE findings (
    district_id TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, target TEXT NOT NULL,
    count INTEGER NOT NULL, samples TEXT NOT NULL,
    PRIMARY KEY (district_id, kind, field)
);

-- How far each reader of `changes` has come.
CREATE TABLE consumers (
    district_id TEXT NOT NULL, consumer TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (district_id, consumer)
);

-- What was forgotten: a note for each person or district. It has no name and no id: `digest` is the id's under the district's
-- key, and `change` the row of the feed that tells of it. `kept_out` says whether who was forgotten may not come in again,
-- `is_named` whether that row still has the id, for readers of the feed who must delete their own copies. `signature` is over
-- the note and the signature of the note before it.
CREATE TABLE forgotten (
    district_id TEXT NOT NULL, note INTEGER NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('person', 'district')), digest TEXT NOT NULL,
    at TEXT NOT NULL, actor TEXT NOT NULL, run INTEGER NOT NULL, change INTEGER NOT NULL, counts TEXT NOT NULL,
    kept_out INTEGER NOT NULL, is_named INTEGER NOT NULL, signature TEXT NOT NULL,
    PRIMARY KEY (district_id, note)
);

-- The key of the digests of a district: whoever has an id and the key can tell whether it was forgotten.
CREATE TABLE _forget_keys (district_id TEXT PRIMARY KEY, key BLOB NOT NULL);

-- A small number for each district, for the tables that have many rows. `counted` is the run whose totals stand in its
-- report and are right; NULL where they must be counted anew.
CREATE TABLE _districts (district INTEGER PRIMARY KEY, district_id TEXT NOT NULL UNIQUE,
    event_cursor TEXT, snapshot_at TEXT, counted INTEGER);

-- The state of a district that alerts reported last; of an empty district for tries that came to none.
CREATE TABLE _alerts (district_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, told_at TEXT NOT NULL);

-- What each record's bytes were when last seen: the narrow side of the merge join. `refused` is the meaning (its hash) that
-- an undo put aside: not applied again until someone approves it. `seq` is its last change; 0 where nothing was told of it.
CREATE TABLE _state (
    district INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL, hash BLOB NOT NULL, archived INTEGER NOT NULL,
    refused BLOB, seq INTEGER NOT NULL,
    PRIMARY KEY (district, kind, id)
) WITHOUT ROWID;
CREATE INDEX _state_archived ON _state (district, kind) WHERE archived = 1;

-- A small number for each person whom a section names. `known` says whether the roster has or had a record of the person:
-- those who are only named, by a section or by a contact, are few and found by this; so are those who left.
CREATE TABLE _people (
    key INTEGER PRIMARY KEY, district INTEGER NOT NULL, id TEXT NOT NULL, known INTEGER NOT NULL DEFAULT 0,
    UNIQUE (district, id)
);
CREATE INDEX _people_unknown ON _people (district, id) WHERE known = 0;
CREATE INDEX users_archived ON users (district_id, id) WHERE archived_at IS NOT NULL;

-- Places in sections, by small numbers: `section` is the key of its row in `sections`.
CREATE TABLE _enrollments (
    district INTEGER NOT NULL, section INTEGER NOT NULL, role INTEGER NOT NULL, person INTEGER NOT NULL,
    is_primary INTEGER NOT NULL,
    PRIMARY KEY (district, section, role, person)
) WITHOUT ROWID;
CREATE INDEX _enrollments_by_person ON _enrollments (district, person);

-- Places of active users in active sections.
CREATE VIEW enrollments AS
    SELECT s.district_id, s.id AS section_id, p.id AS user_id,
           CASE e.role WHEN 0 THEN 'student' ELSE 'teacher' END AS role, e.is_primary
    FROM _enrollments e
    JOIN sections s ON s.key = e.section AND s.archived_at IS NULL
    JOIN _people p ON p.key = e.person
    JOIN users u ON u.district_id = s.district_id AND u.id = p.id AND u.archived_at IS NULL;

-- What a record was before somebody else writes over its row, or deletes it, is what followed its last change. A change that is
-- reported gives the row another `source`, and has what it was for `before`: then nothing need be kept. One trigger a table and way.
CREATE TRIGGER _districts_edited AFTER UPDATE OF record ON districts WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 0 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _districts_deleted AFTER DELETE ON districts BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 0 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _schools_edited AFTER UPDATE OF record ON schools WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 1 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _schools_deleted AFTER DELETE ON schools BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 1 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _terms_edited AFTER UPDATE OF record ON terms WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 2 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _terms_deleted AFTER DELETE ON terms BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 2 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _courses_edited AFTER UPDATE OF record ON courses WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 3 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _courses_deleted AFTER DELETE ON courses BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 3 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _users_edited AFTER UPDATE OF record ON users WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 4 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _users_deleted AFTER DELETE ON users BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 4 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _sections_edited AFTER UPDATE OF record ON sections WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 5 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _sections_deleted AFTER DELETE ON sections BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 5 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _resources_edited AFTER UPDATE OF record ON resources WHEN OLD.record IS NOT NEW.record AND OLD.source = NEW.source BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 6 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;
CREATE TRIGGER _resources_deleted AFTER DELETE ON resources BEGIN
    UPDATE _changes SET after = OLD.record WHERE district_id = OLD.district_id AND after IS NULL AND op NOT IN ('archive', 'forget') AND seq = (
        SELECT s.seq FROM _districts d JOIN _state s ON s.district = d.district AND s.kind = 6 AND s.id = OLD.id
        WHERE d.district_id = OLD.district_id);
END;

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

-- Districts whose runs do not begin. `audit` says who paused each, when and why.
CREATE TABLE _pauses (district_id TEXT NOT NULL PRIMARY KEY, audit INTEGER NOT NULL);

-- Districts of which nobody writes here. `store` is the name of another store, as the directory of stores has it. `leaving`: it is
-- carried there, and what is here is what counts; `moved`: it counts there, and what is here is an old copy, if anything; `arriving`:
-- it is carried here from there. `audit` says who moves it, when and why, and `paused` whether it is paused for that alone.
CREATE TABLE _moves (
    district_id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('leaving', 'moved', 'arriving')),
    store TEXT NOT NULL, audit INTEGER NOT NULL, paused INTEGER NOT NULL
);

-- Who may use the console's API: the digest of a token, what it may do, of which district (empty: of all), until when.
CREATE TABLE _tokens (
    digest TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, district_id TEXT NOT NULL,
    made_at TEXT NOT NULL, ends_at TEXT
);

-- What the API answered to a key of a program's, for a day: what is sent again is not done again. `status` is empty until it is done.
CREATE TABLE _answers (
    token TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, at TEXT NOT NULL, status INTEGER, body TEXT,
    PRIMARY KEY (token, key)
);
CREATE INDEX _answers_at ON _answers (at);

-- Views for people who ask. Their dates are real: ISO 8601, or NULL for a text that is no date. A text is a date if SQLite's calendar
-- gives it back unchanged.
CREATE VIEW _term_dates AS
    SELECT district_id, id, name,
           CASE WHEN first GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date(first, '+0 days') = first THEN first END AS term_start,
           CASE WHEN last GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date(last, '+0 days') = last THEN last END AS term_end
    FROM (
        SELECT district_id, id, name,
               CASE WHEN start_date LIKE '%/%/____' THEN printf('%s-%02d-%02d', substr(start_date, -4), substr(start_date, 1, instr(start_date, '/') - 1),
                    substr(start_date, instr(start_date, '/') + 1, length(start_date) - 5 - instr(start_date, '/'))) ELSE substr(start_date, 1, 10) END AS first,
               CASE WHEN end_date LIKE '%/%/____' THEN printf('%s-%02d-%02d', substr(end_date, -4), substr(end_date, 1, instr(end_date, '/') - 1),
                    substr(end_date, instr(end_date, '/') + 1, length(end_date) - 5 - instr(end_date, '/'))) ELSE substr(end_date, 1, 10) END AS last
        FROM terms
    );
CREATE VIEW active_students AS
    SELECT district_id, user_id, first_name, middle_name, last_name, email,
           CASE WHEN born GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date(born, '+0 days') = born THEN born END AS birth_date,
           grade, school_id, school_name, sis_id, student_number, state_id, first_seen_at
    FROM (
        SELECT u.district_id, u.id AS user_id, u.first_name, u.middle_name, u.last_name, u.email, r.grade, r.school_id,
               c.name AS school_name, r.sis_id, r.number AS student_number, r.state_id, u.first_seen_at,
               CASE WHEN dob LIKE '%/%/____' THEN printf('%s-%02d-%02d', substr(dob, -4), substr(dob, 1, instr(dob, '/') - 1),
                    substr(dob, instr(dob, '/') + 1, length(dob) - 5 - instr(dob, '/'))) ELSE substr(dob, 1, 10) END AS born
        FROM (SELECT *, json_extract(record, '$.roles.student.dob') AS dob FROM users WHERE archived_at IS NULL) u
        JOIN user_roles r ON r.district_id = u.district_id AND r.user_id = u.id AND r.role = 'student'
        LEFT JOIN schools c ON c.district_id = u.district_id AND c.id = r.school_id AND c.archived_at IS NULL
    );
