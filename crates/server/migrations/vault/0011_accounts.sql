-- The user of the Keystore that an admission token was issued to, and then the user of the Vault. Users of before are
-- told by the key of the Keystore that they name, when the server starts.
ALTER TABLE admission_tokens ADD COLUMN keystore_user_id TEXT;
ALTER TABLE users ADD COLUMN keystore_user_id TEXT;
CREATE INDEX users_by_keystore_user ON users (keystore_user_id);

-- Users of the Keystore who are to be deleted there, because they are no longer here.
CREATE TABLE departed_users (
    keystore_user_id TEXT NOT NULL PRIMARY KEY
);

-- A user whom the operator has disabled keeps their records and cannot sign in.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;

-- For what housekeeping deletes by its age.
CREATE INDEX client_tasks_by_transition ON client_tasks (last_state_transition_at);
CREATE INDEX invitations_by_expiry ON invitations (expire_at);
