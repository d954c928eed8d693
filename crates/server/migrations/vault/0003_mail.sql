-- Invitations by e-mail. What waits to be sent has a row in the queue; what became of it stands in the invitation.

ALTER TABLE invitations ADD COLUMN email TEXT;
ALTER TABLE invitations ADD COLUMN mail_state TEXT;
ALTER TABLE invitations ADD COLUMN sent_at BIGINT;

CREATE TABLE mail_queue (
    invitation_id   TEXT   NOT NULL PRIMARY KEY REFERENCES invitations (id) ON DELETE CASCADE,
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    -- Set while the message is handed on. Found set at a start, the server died at that moment.
    being_sent      BIGINT NOT NULL,
    sequence        BIGINT NOT NULL
);
CREATE INDEX mail_queue_by_time ON mail_queue (next_attempt_at);
