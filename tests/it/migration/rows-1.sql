-- What two runs leave, in the columns of version 1.
INSERT INTO _districts (district, district_id) VALUES
(1, 'd');
INSERT INTO districts (key, district_id, id, name, state, sis_type, nces_id, mdr_number, launch_date, last_sync, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 'd', 'D', 'running', NULL, NULL, NULL, NULL, '1', '{"id":"d","last_sync":"1","name":"D","state":"running"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1);
INSERT INTO schools (key, district_id, id, name, school_number, sis_id, state_id, nces_id, low_grade, high_grade, phone, city, state, zip, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 's1', 'One', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"s1","name":"One"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1),
(2, 'd', 's2', 'Two', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"s2","name":"Two"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1);
INSERT INTO terms (key, district_id, id, name, start_date, end_date, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 't1', 'Fall', NULL, NULL, '{"id":"t1","name":"Fall"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1);
INSERT INTO courses (key, district_id, id, name, number, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 'c1', 'Art', NULL, '{"id":"c1","name":"Art"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1);
INSERT INTO users (key, district_id, id, first_name, middle_name, last_name, email, created, last_modified, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 'u1', NULL, NULL, 'A', 'u1@example.org', NULL, NULL, '{"email":"u1@example.org","id":"u1","name":{"last":"A"},"roles":{"student":{"grade":"3","school":"s1"}}}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1),
(2, 'd', 'u2', NULL, NULL, 'Changed', 'u2@example.org', NULL, NULL, '{"email":"u2@example.org","id":"u2","name":{"last":"Changed"},"roles":{"student":{"grade":"3","school":"s1"}}}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:01:00Z', 2),
(3, 'd', 'u3', NULL, NULL, 'C', NULL, NULL, NULL, '{"id":"u3","name":{"last":"C"},"roles":{"teacher":{"school":"s1"}}}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1),
(4, 'd', 'u4', NULL, NULL, 'D', NULL, NULL, NULL, '{"id":"u4","name":{"last":"D"},"roles":{"contact":{"student_relationships":[{"relationship":"Parent","student":"u1","type":"Parent/Guardian"},{"relationship":"Parent","student":"ghost1","type":"Parent/Guardian"}]}}}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1),
(5, 'd', 'u5', NULL, NULL, 'E', 'u5@example.org', NULL, NULL, '{"email":"u5@example.org","id":"u5","name":{"last":"E"},"roles":{"student":{"grade":"3","school":"s2"}}}', '2026-09-14T12:01:00Z', '2026-09-14T12:00:00Z', '2026-09-14T12:01:00Z', 2);
INSERT INTO sections (key, district_id, id, name, school_id, course_id, term_id, teacher_id, subject, grade, period, section_number, sis_id, record, archived_at, first_seen_at, changed_at, source) VALUES
(1, 'd', 'k1', 'K', 's1', 'c1', 't1', 'u3', NULL, NULL, NULL, NULL, NULL, '{"course":"c1","id":"k1","name":"K","school":"s1","students":["u1","u2","ghost2"],"teacher":"u3","teachers":["u3"],"term_id":"t1"}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1),
(2, 'd', 'k2', 'L', 's9', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"k2","name":"L","school":"s9","students":["u5"],"teachers":["u3"]}', NULL, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 1);
INSERT INTO user_roles (district_id, user_id, role, legacy_id, school_id, sis_id, number, state_id, username, grade, title) VALUES
('d', 'u1', 'student', NULL, 's1', NULL, NULL, NULL, NULL, '3', NULL),
('d', 'u2', 'student', NULL, 's1', NULL, NULL, NULL, NULL, '3', NULL),
('d', 'u3', 'teacher', NULL, 's1', NULL, NULL, NULL, NULL, NULL, NULL),
('d', 'u4', 'contact', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO contacts (district_id, contact_id, student_id, relationship, type, phone, phone_type) VALUES
('d', 'u4', 'ghost1', 'Parent', 'Parent/Guardian', NULL, NULL),
('d', 'u4', 'u1', 'Parent', 'Parent/Guardian', NULL, NULL);
INSERT INTO changes (district_id, seq, run, kind, id, op, fields, before, after, at) VALUES
('d', 1, 1, 'districts', 'd', 'create', NULL, NULL, '{"id":"d","last_sync":"1","name":"D","state":"running"}', '2026-09-14T12:00:00Z'),
('d', 2, 1, 'schools', 's1', 'create', NULL, NULL, '{"id":"s1","name":"One"}', '2026-09-14T12:00:00Z'),
('d', 3, 1, 'schools', 's2', 'create', NULL, NULL, '{"id":"s2","name":"Two"}', '2026-09-14T12:00:00Z'),
('d', 4, 1, 'terms', 't1', 'create', NULL, NULL, '{"id":"t1","name":"Fall"}', '2026-09-14T12:00:00Z'),
('d', 5, 1, 'courses', 'c1', 'create', NULL, NULL, '{"id":"c1","name":"Art"}', '2026-09-14T12:00:00Z'),
('d', 6, 1, 'users', 'u1', 'create', NULL, NULL, '{"email":"u1@example.org","id":"u1","name":{"last":"A"},"roles":{"student":{"grade":"3","school":"s1"}}}', '2026-09-14T12:00:00Z'),
('d', 7, 1, 'users', 'u2', 'create', NULL, NULL, '{"email":"u2@example.org","id":"u2","name":{"last":"B"},"roles":{"student":{"grade":"3","school":"s1"}}}', '2026-09-14T12:00:00Z'),
('d', 8, 1, 'users', 'u3', 'create', NULL, NULL, '{"id":"u3","name":{"last":"C"},"roles":{"teacher":{"school":"s1"}}}', '2026-09-14T12:00:00Z'),
('d', 9, 1, 'users', 'u4', 'create', NULL, NULL, '{"id":"u4","name":{"last":"D"},"roles":{"contact":{"student_relationships":[{"relationship":"Parent","student":"u1","type":"Parent/Guardian"},{"relationship":"Parent","student":"ghost1","type":"Parent/Guardian"}]}}}', '2026-09-14T12:00:00Z'),
('d', 10, 1, 'users', 'u5', 'create', NULL, NULL, '{"email":"u5@example.org","id":"u5","name":{"last":"E"},"roles":{"student":{"grade":"3","school":"s2"}}}', '2026-09-14T12:00:00Z'),
('d', 11, 1, 'sections', 'k1', 'create', NULL, NULL, '{"course":"c1","id":"k1","name":"K","school":"s1","students":["u1","u2","ghost2"],"teacher":"u3","teachers":["u3"],"term_id":"t1"}', '2026-09-14T12:00:00Z'),
('d', 12, 1, 'sections', 'k2', 'create', NULL, NULL, '{"id":"k2","name":"L","school":"s9","students":["u5"],"teachers":["u3"]}', '2026-09-14T12:00:00Z'),
('d', 13, 2, 'users', 'u2', 'update', '["name.last"]', '{"email":"u2@example.org","id":"u2","name":{"last":"B"},"roles":{"student":{"grade":"3","school":"s1"}}}', '{"email":"u2@example.org","id":"u2","name":{"last":"Changed"},"roles":{"student":{"grade":"3","school":"s1"}}}', '2026-09-14T12:01:00Z'),
('d', 14, 2, 'users', 'u5', 'archive', NULL, '{"email":"u5@example.org","id":"u5","name":{"last":"E"},"roles":{"student":{"grade":"3","school":"s2"}}}', NULL, '2026-09-14T12:01:00Z');
INSERT INTO runs (district_id, run, started_at, finished_at, outcome, report) VALUES
('d', 1, '2026-09-14T12:00:00Z', '2026-09-14T12:00:00Z', 'done', '{"run":1,"district_id":"d","district_name":"D","started_at":"2026-09-14T12:00:00Z","finished_at":"2026-09-14T12:00:00Z","outcome":"done","whole":true,"path":"snapshot","why":{"why":"no_start"},"events":null,"undo":null,"kinds":{"districts":{"seen":1,"unchanged":0,"created":1,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"schools":{"seen":2,"unchanged":0,"created":2,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":2,"fields":{},"certificate":{"doubts":[]}},"terms":{"seen":1,"unchanged":0,"created":1,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"courses":{"seen":1,"unchanged":0,"created":1,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"users":{"seen":5,"unchanged":0,"created":5,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":5,"fields":{},"certificate":{"doubts":[]}},"sections":{"seen":2,"unchanged":0,"created":2,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":2,"fields":{},"certificate":{"doubts":[]}}},"enrollments":{"students":4,"teachers":2},"roles":{"contact":1,"student":3,"teacher":1},"holds":[],"sizes":{},"plan_hash":"802827a29b5c4b5a","findings":[{"kind":"sections","field":"school","target":"schools","count":1,"samples":["s9"]},{"kind":"sections","field":"students","target":"users","count":1,"samples":["ghost2"]},{"kind":"users","field":"student_relationships.student","target":"users","count":1,"samples":["ghost1"]}],"drift":{"undeclared_fields":{},"unknown_values":{},"wrong_types":{},"records":12}}'),
('d', 2, '2026-09-14T12:01:00Z', '2026-09-14T12:01:00Z', 'done', '{"run":2,"district_id":"d","district_name":"D","started_at":"2026-09-14T12:01:00Z","finished_at":"2026-09-14T12:01:00Z","outcome":"done","whole":true,"path":"snapshot","why":{"why":"no_start"},"events":null,"undo":null,"kinds":{"districts":{"seen":1,"unchanged":1,"created":0,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"schools":{"seen":2,"unchanged":2,"created":0,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":2,"fields":{},"certificate":{"doubts":[]}},"terms":{"seen":1,"unchanged":1,"created":0,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"courses":{"seen":1,"unchanged":1,"created":0,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":1,"fields":{},"certificate":{"doubts":[]}},"users":{"seen":4,"unchanged":3,"created":0,"updated":1,"archived":1,"restored":0,"held":0,"kept":0,"unreadable":0,"total":4,"fields":{"name.last":1},"certificate":{"doubts":[]}},"sections":{"seen":2,"unchanged":2,"created":0,"updated":0,"archived":0,"restored":0,"held":0,"kept":0,"unreadable":0,"total":2,"fields":{},"certificate":{"doubts":[]}}},"enrollments":{"students":4,"teachers":2},"roles":{"contact":1,"student":2,"teacher":1},"holds":[],"sizes":{},"plan_hash":"4be101f1a182a750","findings":[{"kind":"sections","field":"school","target":"schools","count":1,"samples":["s9"]},{"kind":"sections","field":"students","target":"users","count":2,"samples":["ghost2","u5"]},{"kind":"users","field":"student_relationships.student","target":"users","count":1,"samples":["ghost1"]}],"drift":{"undeclared_fields":{},"unknown_values":{},"wrong_types":{},"records":1}}');
INSERT INTO findings (district_id, kind, field, target, count, samples) VALUES
('d', 'sections', 'school', 'schools', 1, 's9'),
('d', 'users', 'student_relationships.student', 'users', 1, 'ghost1'),
('d', 'sections', 'students', 'users', 2, 'ghost2 u5');
INSERT INTO _state (district, kind, id, hash, archived) VALUES
(1, 0, 'd', x'80B5C88C81BC74F3AD6D2E788D8D529D', 0),
(1, 1, 's1', x'80A807FF9987F80F46D4E60656F3834A', 0),
(1, 1, 's2', x'CF7FFB40755919233DF8CF2E00148615', 0),
(1, 2, 't1', x'09BDED02982707D50A9F34840DA2DD6D', 0),
(1, 3, 'c1', x'EDBDAE6A8CC8A2D2D308673091256E29', 0),
(1, 4, 'u1', x'35124CCA8A9E4C24A75DEBBDD8AEF317', 0),
(1, 4, 'u2', x'F1DB60FE450E55BAF2AC630876BA2586', 0),
(1, 4, 'u3', x'BAF5D090E985C2555D1620252A06BF8F', 0),
(1, 4, 'u4', x'5CAE5582F6AEB6BAF6EFA9179C7833AE', 0),
(1, 4, 'u5', x'365343373C809ACA6B1D27DCBC636F20', 1),
(1, 5, 'k1', x'F23B5D957A23345E7AD71705C26041AE', 0),
(1, 5, 'k2', x'F65A21EF1351319857AF1760DAB66C15', 0);
INSERT INTO _people (key, district, id) VALUES
(2, 1, 'ghost2'),
(3, 1, 'u1'),
(4, 1, 'u2'),
(5, 1, 'u3'),
(6, 1, 'u5');
INSERT INTO _enrollments (district, section, role, person, is_primary) VALUES
(1, 1, 0, 2, 0),
(1, 1, 0, 3, 0),
(1, 1, 0, 4, 0),
(1, 1, 1, 5, 1),
(1, 2, 0, 6, 0),
(1, 2, 1, 5, 0);
