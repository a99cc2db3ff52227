-- Version 3. What is missing is found without a look at what is there.

-- The run whose totals stand in its report and are right; NULL where they must be counted anew.
ALTER TABLE _districts ADD COLUMN counted INTEGER;

-- Whether the roster has or had a record of the person. Those who are only named, by a section or by a contact, are
-- few and found by this; so are those who left.
ALTER TABLE _people ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
UPDATE _people SET known = 1 WHERE EXISTS (
    SELECT 1 FROM _districts d JOIN users t ON t.district_id = d.district_id
    WHERE d.district = _people.district AND t.id = _people.id);
INSERT INTO _people (district, id)
    SELECT DISTINCT d.district, c.student_id FROM contacts c JOIN _districts d ON d.district_id = c.district_id
    WHERE NOT EXISTS (SELECT 1 FROM users t WHERE t.district_id = c.district_id AND t.id = c.student_id)
      AND NOT EXISTS (SELECT 1 FROM _people p WHERE p.district = d.district AND p.id = c.student_id);
CREATE INDEX _people_unknown ON _people (district, id) WHERE known = 0;
CREATE INDEX users_archived ON users (district_id, id) WHERE archived_at IS NOT NULL;
