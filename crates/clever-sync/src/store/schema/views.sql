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
