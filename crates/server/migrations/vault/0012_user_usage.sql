-- What a user has of what a quota limits, while there are quotas: no less than that, since shares may end without
-- their payer. It is counted anew when it would refuse something, and when there is no row.
CREATE TABLE user_usage (
    user_id TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    items   BIGINT NOT NULL,
    bytes   BIGINT NOT NULL
);
