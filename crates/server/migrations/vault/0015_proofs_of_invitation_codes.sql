-- What the invitee proved to know of an invitation's code, for the inviter to check.
ALTER TABLE connections ADD COLUMN proof TEXT;
