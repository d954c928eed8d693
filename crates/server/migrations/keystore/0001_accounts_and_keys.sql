-- The Keystore: who can sign in, and the keys each user keeps here, all of them encrypted before they arrive.
--
-- This SQL runs unchanged on SQLite and PostgreSQL: TEXT ids, BIGINT milliseconds since 1970, BIGINT 0/1 flags.
-- `sequence` orders rows of equal milliseconds and is what paging cursors point at.

CREATE TABLE users (
    id           TEXT   NOT NULL PRIMARY KEY,
    username     TEXT   NOT NULL UNIQUE,
    srp_salt     TEXT   NOT NULL,
    srp_verifier TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);

-- One sign-in begun: the server's half of SRP between its two requests. `user_id` is null for an unknown username,
-- which gets a challenge like any other and fails at the proof.
CREATE TABLE srp_challenges (
    username   TEXT   NOT NULL,
    srp_a      TEXT   NOT NULL,
    user_id    TEXT   REFERENCES users (id) ON DELETE CASCADE,
    verifier   TEXT   NOT NULL,
    secret_b   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (username, srp_a)
);
CREATE INDEX srp_challenges_by_expiry ON srp_challenges (expires_at);

CREATE TABLE sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE key_encryption_keys (
    user_id    TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    id         TEXT   NOT NULL,
    serialized TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE data_encryption_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    serialized TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX data_encryption_keys_by_user ON data_encryption_keys (user_id);

CREATE TABLE keypairs (
    id                       TEXT   NOT NULL PRIMARY KEY,
    user_id                  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key               TEXT   NOT NULL,
    encrypted_serialized_key TEXT   NOT NULL,
    metadata                 TEXT   NOT NULL,
    sequence                 BIGINT NOT NULL
);
CREATE INDEX keypairs_by_user ON keypairs (user_id);

CREATE TABLE keypair_identifiers (
    keypair_id TEXT   NOT NULL REFERENCES keypairs (id) ON DELETE CASCADE,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    identifier TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (keypair_id, position)
);
CREATE INDEX keypair_identifiers_by_identifier ON keypair_identifiers (user_id, identifier);

-- What the first request with an Idempotency-Key was answered, for the client that never saw the answer.
CREATE TABLE idempotent_replies (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    request    TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, request, key)
);
CREATE INDEX idempotent_replies_by_age ON idempotent_replies (created_at);

-- Secrets of the server itself, made at the first start (the key that salts of unknown usernames are derived with).
CREATE TABLE server_secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
