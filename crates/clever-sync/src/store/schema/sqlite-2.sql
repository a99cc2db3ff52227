-- Version 2. Where the events feed was read to, what an undo put aside, what told each change.

ALTER TABLE _districts ADD COLUMN event_cursor TEXT;
ALTER TABLE _districts ADD COLUMN snapshot_at TEXT;

-- The meaning (its hash) that an undo put aside: not applied again until someone approves it.
ALTER TABLE _state ADD COLUMN refused BLOB;

-- The event that told it; NULL where a snapshot or an undo did.
ALTER TABLE changes ADD COLUMN event TEXT;
CREATE INDEX changes_by_record ON changes (district_id, id);
CREATE INDEX contacts_by_student ON contacts (district_id, student_id);

-- How the run learnt what the roster should be: `snapshot`, `events`, `plan` or `undo`.
ALTER TABLE runs ADD COLUMN path TEXT NOT NULL DEFAULT 'snapshot';

-- How far each reader of `changes` has come.
CREATE TABLE consumers (
    district_id TEXT NOT NULL, consumer TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (district_id, consumer)
);
