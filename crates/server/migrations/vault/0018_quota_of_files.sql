-- What is deleted counts against its user's quota until its objects are gone: else a quota would limit what the database knows
-- of, and not what is stored. Nobody knows whose an object is that was deleted before this; it is gone within the hour.

-- Without a reference: users go before the objects of what was theirs.
ALTER TABLE deleted_objects ADD COLUMN user_id TEXT;
-- As the quota counts, with what blocks and uploads count beside their bytes.
ALTER TABLE deleted_objects ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deleted_objects_by_user ON deleted_objects (user_id, bytes);

DROP INDEX blobs_by_user;
CREATE INDEX blobs_by_user ON blobs (user_id, bytes, blocks);
