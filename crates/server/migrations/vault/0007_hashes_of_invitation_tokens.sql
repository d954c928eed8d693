-- Of an invitation's token the hash alone is kept. A message that is still to be sent takes its token along, until it
-- has been.

ALTER TABLE mail_queue ADD COLUMN token TEXT NOT NULL DEFAULT '';
UPDATE mail_queue SET token = (SELECT token FROM invitations WHERE invitations.id = mail_queue.invitation_id);

ALTER TABLE invitations RENAME COLUMN token TO token_hash;
-- SQL has no SHA-256: the server hashes what is so marked when it starts. A hash has no colon.
UPDATE invitations SET token_hash = 'plain:' || token_hash;
