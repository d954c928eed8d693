-- What the senders of shares sign, opaque to the server. Apart from the shares, most lists of which are read without.
CREATE TABLE share_proofs (
    share_id          TEXT NOT NULL PRIMARY KEY REFERENCES shares (id) ON DELETE CASCADE,
    proof             TEXT NOT NULL,
    content_signature TEXT
);
