-- A user who asked to be deleted. Their keys go at that time, or later: with their last user of the Vault.
ALTER TABLE users ADD COLUMN queued_for_deletion_after BIGINT;
CREATE INDEX users_by_deletion ON users (queued_for_deletion_after);

-- The names of deleted users, as hashes under a secret of this installation: nobody else gets one.
CREATE TABLE retired_usernames (
    username_hash TEXT NOT NULL PRIMARY KEY
);
