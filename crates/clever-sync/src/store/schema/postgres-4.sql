
-- Version 4, what of it is PostgreSQL's alone. A changed row is written anew: with room on its page it goes there, and no index need know.
ALTER TABLE schools SET (fillfactor = 85);
ALTER TABLE terms SET (fillfactor = 85);
ALTER TABLE courses SET (fillfactor = 85);
ALTER TABLE users SET (fillfactor = 85);
ALTER TABLE sections SET (fillfactor = 85);
ALTER TABLE resources SET (fillfactor = 85);
ALTER TABLE _state SET (fillfactor = 90);
-- A change is written once and read seldom: compressing its records, which the server does from 2 KB a row on, costs more than it saves.
ALTER TABLE changes SET (toast_tuple_target = 8160);

UPDATE _schema SET version = 4;
