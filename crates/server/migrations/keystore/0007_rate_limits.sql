-- What was counted of whom, as a hash under a secret of this installation, and when all of it is regained.
CREATE TABLE rate_limits (
    subject TEXT   NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL
);
CREATE INDEX rate_limits_by_time ON rate_limits (full_at);

-- The addresses, hashed in the same way, that a user has signed in from.
CREATE TABLE known_networks (
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network TEXT   NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, network)
);
CREATE INDEX known_networks_by_time ON known_networks (seen_at);
