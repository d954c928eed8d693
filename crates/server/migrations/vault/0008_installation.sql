-- What is known of the database itself: `id` of the installation, which the other service's database has too; and
-- `written`, when the server last tried whether it can write.
CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
