-- What a user signs in with who has forgotten the passphrase, and the KEK wrapped by it. Its username is a second one of the user.
CREATE TABLE recovery_keys (
    user_id      TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    username     TEXT   NOT NULL UNIQUE,
    srp_salt     TEXT   NOT NULL,
    srp_verifier TEXT   NOT NULL,
    serialized   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);
