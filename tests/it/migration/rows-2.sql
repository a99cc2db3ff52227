-- And in those of version 2.
UPDATE _districts SET snapshot_at = '2026-09-14T12:01:00Z';
INSERT INTO consumers (district_id, consumer, seq, at) VALUES ('d', 'reader', 7, '2026-09-14T12:00:30Z');
