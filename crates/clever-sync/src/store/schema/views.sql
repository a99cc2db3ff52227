-- Views that both databases spell alike.
CREATE VIEW section_students AS
    SELECT e.district_id, e.section_id, s.name AS section_name, e.user_id AS student_id, u.first_name, u.last_name, u.email,
           s.school_id, c.name AS course_name, t.name AS term_name, t.term_start, t.term_end
    FROM enrollments e
    JOIN sections s ON s.district_id = e.district_id AND s.id = e.section_id
    JOIN users u ON u.district_id = e.district_id AND u.id = e.user_id
    LEFT JOIN courses c ON c.district_id = s.district_id AND c.id = s.course_id AND c.archived_at IS NULL
    LEFT JOIN _term_dates t ON t.district_id = s.district_id AND t.id = s.term_id
    WHERE e.role = 'student';
CREATE VIEW teacher_sections AS
    SELECT e.district_id, e.user_id AS teacher_id, u.first_name, u.last_name, u.email, e.is_primary,
           e.section_id, s.name AS section_name, s.subject, s.grade, s.period, s.school_id, c.name AS course_name,
           t.name AS term_name, t.term_start, t.term_end,
           (SELECT count(*) FROM enrollments p WHERE p.district_id = e.district_id AND p.section_id = e.section_id
            AND p.role = 'student') AS students
    FROM enrollments e
    JOIN sections s ON s.district_id = e.district_id AND s.id = e.section_id
    JOIN users u ON u.district_id = e.district_id AND u.id = e.user_id
    LEFT JOIN courses c ON c.district_id = s.district_id AND c.id = s.course_id AND c.archived_at IS NULL
    LEFT JOIN _term_dates t ON t.district_id = s.district_id AND t.id = s.term_id
    WHERE e.role = 'teacher';

-- The feed. What followed a change is what its row has, or the record as it stands if no other change followed, or what the next
-- one was made to: from the record's last change, whose number its state has, back to the one that follows. The CROSS JOIN
-- keeps SQLite from going through the feed from the change to its end: it leaves the order of the two tables as it is.
CREATE VIEW changes AS
    SELECT c.district_id, c.seq, c.run, c.kind, c.id, c.op, c.fields, c.before,
        CAST(CASE WHEN c.after IS NOT NULL OR c.op IN ('archive', 'forget') THEN c.after ELSE (
            WITH RECURSIVE later (seq, prev, before) AS (
                SELECT l.seq, l.prev, l.before FROM _districts d
                JOIN _state s ON s.district = d.district AND s.id = c.id AND s.kind = CASE c.kind WHEN 'districts' THEN 0 WHEN 'schools' THEN 1 WHEN 'terms' THEN 2 
                    WHEN 'courses' THEN 3 WHEN 'users' THEN 4 WHEN 'sections' THEN 5 WHEN 'resources' THEN 6 END
                JOIN _changes l ON l.district_id = d.district_id AND l.seq = s.seq
                WHERE d.district_id = c.district_id
                UNION ALL
                SELECT l.seq, l.prev, l.before FROM later CROSS JOIN _changes l
                WHERE l.district_id = c.district_id AND l.seq = later.prev AND later.prev > c.seq AND later.prev < later.seq
            )
            SELECT CASE WHEN later.prev = c.seq THEN later.before ELSE CASE c.kind
             WHEN 'districts' THEN (SELECT r.record FROM districts r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'schools' THEN (SELECT r.record FROM schools r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'terms' THEN (SELECT r.record FROM terms r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'courses' THEN (SELECT r.record FROM courses r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'users' THEN (SELECT r.record FROM users r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'sections' THEN (SELECT r.record FROM sections r WHERE r.district_id = c.district_id AND r.id = c.id)
             WHEN 'resources' THEN (SELECT r.record FROM resources r WHERE r.district_id = c.district_id AND r.id = c.id) END END
            FROM later WHERE later.prev = c.seq OR later.seq = c.seq
        ) END AS TEXT) AS after,
        c.at, c.event, c.prev
    FROM _changes c;
