-- What the client was challenged with is kept, since the proof is about it and computing it again takes its time.
-- Sign-ins that are under way begin anew.

DELETE FROM srp_challenges;
ALTER TABLE srp_challenges ADD COLUMN public_b TEXT NOT NULL DEFAULT '';
