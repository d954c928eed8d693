-- The first sharing protocol: one DEK for two connected users, each with a copy under their own KEK.

-- The copies. A space is no more than the copies that name it.
CREATE TABLE encryption_space_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    space_id   TEXT   NOT NULL,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    serialized TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (space_id, user_id)
);
CREATE INDEX encryption_space_keys_by_user ON encryption_space_keys (user_id);

-- The copy that the maker of a space leaves for the other user. `public_key_hash` is what the index holds, because PEM
-- texts outgrow index entries.
CREATE TABLE shared_keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    space_id        TEXT   NOT NULL,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key      TEXT   NOT NULL,
    public_key_hash TEXT   NOT NULL,
    encrypted_key   TEXT   NOT NULL,
    key_type        TEXT   NOT NULL,
    claimed_by      TEXT   REFERENCES users (id) ON DELETE CASCADE,
    created_at      BIGINT NOT NULL,
    UNIQUE (space_id, public_key_hash)
);
CREATE INDEX shared_keys_by_user ON shared_keys (user_id);
CREATE INDEX shared_keys_by_claimant ON shared_keys (claimed_by);
