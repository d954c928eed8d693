-- Who sends a message has it until then, and nobody else. Past that time without an outcome, its sender has died.

ALTER TABLE mail_queue ADD COLUMN lease_until BIGINT;
UPDATE mail_queue SET lease_until = 0 WHERE being_sent = 1;
ALTER TABLE mail_queue DROP COLUMN being_sent;
