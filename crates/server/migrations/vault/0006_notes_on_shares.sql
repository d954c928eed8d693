-- Texts that clients leave with a share, opaque to the server. Each side that may write a grant reads back its own.

ALTER TABLE shares ADD COLUMN owners_grant TEXT;
ALTER TABLE shares ADD COLUMN on_sharers_grant TEXT;
ALTER TABLE shares ADD COLUMN on_share TEXT;
