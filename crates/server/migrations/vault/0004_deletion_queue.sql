-- A user who asked to be deleted, and can still think better of it until then.

ALTER TABLE users ADD COLUMN queued_for_deletion_after BIGINT;
CREATE INDEX users_by_deletion ON users (queued_for_deletion_after);
