-- A user whom the operator has disabled keeps their records and cannot sign in.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;

-- With one of these, one user can sign up where sign-ups are by invitation. The operator makes them.
CREATE TABLE sign_up_invitations (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_up_invitations_by_expiry ON sign_up_invitations (expires_at);
