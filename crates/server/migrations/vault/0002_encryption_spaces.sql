-- The first sharing protocol: public keys as records of their own, connections that name an encryption space of the
-- Keystore, and shares whose values are under that space's DEK and under the owner's ids.

CREATE TABLE public_keys (
    id                  TEXT   NOT NULL PRIMARY KEY,
    user_id             TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    keypair_external_id TEXT,
    encryption_strategy TEXT   NOT NULL,
    public_key          TEXT   NOT NULL,
    created_at          BIGINT NOT NULL,
    sequence            BIGINT NOT NULL
);
CREATE INDEX public_keys_by_user ON public_keys (user_id, sequence);

ALTER TABLE invitations ADD COLUMN public_key_id TEXT;
ALTER TABLE connections ADD COLUMN encryption_space_id TEXT;

CREATE TABLE space_shares (
    id            TEXT   NOT NULL PRIMARY KEY,
    item_id       TEXT   NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    slot_id       TEXT   REFERENCES slots (id) ON DELETE CASCADE,
    sender_id     TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recipient_id  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    distributable BIGINT NOT NULL,
    tradeable     BIGINT NOT NULL,
    note          TEXT,
    terms         TEXT,
    expires_at    BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    sequence      BIGINT NOT NULL
);
CREATE INDEX space_shares_by_item ON space_shares (item_id);
CREATE INDEX space_shares_by_slot ON space_shares (slot_id);
CREATE INDEX space_shares_by_sender ON space_shares (sender_id, sequence);
CREATE INDEX space_shares_by_recipient ON space_shares (recipient_id, sequence);
CREATE INDEX space_shares_by_expiry ON space_shares (expires_at);

CREATE TABLE space_share_values (
    share_id        TEXT NOT NULL REFERENCES space_shares (id) ON DELETE CASCADE,
    slot_id         TEXT NOT NULL REFERENCES slots (id) ON DELETE CASCADE,
    encrypted_value TEXT NOT NULL,
    PRIMARY KEY (share_id, slot_id)
);
CREATE INDEX space_share_values_by_slot ON space_share_values (slot_id);
