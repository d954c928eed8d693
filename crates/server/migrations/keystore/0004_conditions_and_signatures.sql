-- When a key pair last changed, which a change can be conditional on. Until now its sequence, in microseconds, was the
-- only time it had.
ALTER TABLE keypairs ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE keypairs SET updated_at = sequence / 1000;

-- What the maker of a space says about its key, opaque to the server.
ALTER TABLE shared_keys ADD COLUMN signature TEXT;
