-- Files. Their bytes are objects of a folder or a bucket; here is which objects a file is made of, and whose it is.

CREATE TABLE server_secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Users are deleted after what is theirs here, and nothing of it falls with them by itself: its objects would stay.
CREATE TABLE attachments (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    created_at   BIGINT NOT NULL,
    -- Since when no slot stands for it, as far as housekeeping has seen; null while one does.
    unused_since BIGINT,
    sequence     BIGINT NOT NULL
);
CREATE INDEX attachments_by_user ON attachments (user_id, sequence);
CREATE INDEX attachments_by_disuse ON attachments (unused_since);

-- What is uploaded in blocks. `part` says what it is of its attachment: main, artifact, or the size of a thumbnail.
CREATE TABLE blobs (
    id               BIGINT NOT NULL PRIMARY KEY,
    key              TEXT   NOT NULL UNIQUE,
    user_id          TEXT   NOT NULL REFERENCES users (id),
    attachment_id    TEXT   REFERENCES attachments (id),
    part             TEXT,
    filename         TEXT   NOT NULL,
    content_type     TEXT   NOT NULL,
    encrypted_resume TEXT,
    -- Of all blocks that are stored, which may be more than those of the file.
    bytes            BIGINT NOT NULL,
    blocks           BIGINT NOT NULL,
    -- The length of the file; null until its blocks are in order.
    size             BIGINT,
    created_at       BIGINT NOT NULL,
    touched_at       BIGINT NOT NULL,
    UNIQUE (attachment_id, part)
);
CREATE INDEX blobs_by_user ON blobs (user_id, bytes);
CREATE INDEX blobs_unattached ON blobs (user_id, created_at) WHERE attachment_id IS NULL;
CREATE INDEX blobs_unattached_by_age ON blobs (touched_at) WHERE attachment_id IS NULL;

CREATE TABLE blob_blocks (
    object    TEXT   NOT NULL PRIMARY KEY,
    blob_id   BIGINT NOT NULL REFERENCES blobs (id),
    block_id  TEXT   NOT NULL,
    size      BIGINT NOT NULL,
    -- Where in the file; null while it is not part of it.
    begins_at BIGINT,
    UNIQUE (blob_id, block_id)
);
CREATE INDEX blob_blocks_by_place ON blob_blocks (blob_id, begins_at);

-- Objects that no row has any more, or with a slash at the end all of a folder, which are still to be deleted.
CREATE TABLE deleted_objects (
    object     TEXT   NOT NULL PRIMARY KEY,
    deleted_at BIGINT NOT NULL
);
CREATE INDEX deleted_objects_by_age ON deleted_objects (deleted_at);

CREATE INDEX slots_by_attachment ON slots (attachment_id) WHERE attachment_id IS NOT NULL;
