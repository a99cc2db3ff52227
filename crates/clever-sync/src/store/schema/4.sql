-- Version 4, of both databases. A record's history is a chain: its state names its last change, and each change the one before. It takes the
-- place of an index in which a run's changes lie scattered, so that each would cost pages of its own.

ALTER TABLE changes ADD COLUMN prev BIGINT;
UPDATE changes AS c SET prev = e.prev FROM (
    SELECT district_id, seq, lag(seq) OVER (PARTITION BY district_id, kind, id ORDER BY seq) AS prev FROM changes) e
    WHERE e.prev IS NOT NULL AND c.district_id = e.district_id AND c.seq = e.seq;

-- 0 where nothing was ever told of the record.
ALTER TABLE _state ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
UPDATE _state AS s SET seq = e.seq FROM (
    SELECT d.district, c.id, max(c.seq) AS seq, CASE c.kind WHEN 'districts' THEN 0 WHEN 'schools' THEN 1
        WHEN 'terms' THEN 2 WHEN 'courses' THEN 3 WHEN 'users' THEN 4 WHEN 'sections' THEN 5 ELSE 6 END AS kind
    FROM changes c JOIN _districts d ON d.district_id = c.district_id GROUP BY d.district, c.kind, c.id) e
    WHERE s.district = e.district AND s.kind = e.kind AND s.id = e.id;

DROP INDEX changes_by_record;
