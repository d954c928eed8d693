-- The half of what a device needs to resume a session. It goes with the session, and then a copy of the device opens nothing.
CREATE TABLE session_halves (
    session_id TEXT   NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    half       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_halves_by_expiry ON session_halves (expires_at);
