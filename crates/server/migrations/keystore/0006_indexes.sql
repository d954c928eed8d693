-- Found by the user when they are deleted.
CREATE INDEX srp_challenges_by_user ON srp_challenges (user_id);
