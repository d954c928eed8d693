-- What was counted of whom, as a hash under a secret of this installation, and when all of it is regained.
CREATE TABLE rate_limits (
    subject TEXT   NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL
);
CREATE INDEX rate_limits_by_time ON rate_limits (full_at);
