-- The Vault: users, their items, and what they share. Values are ciphertext; the Vault has no key to any of them.
--
-- This SQL runs unchanged on SQLite and PostgreSQL: TEXT ids, BIGINT milliseconds since 1970, BIGINT 0/1 flags.
-- `sequence` orders rows of equal milliseconds and is what paging cursors point at.

CREATE TABLE users (
    id                      TEXT   NOT NULL PRIMARY KEY,
    -- As the client sent it, byte for byte: sign-in finds the user by this text.
    public_key              TEXT   NOT NULL,
    -- SHA-256 of the text: what the index holds, because PEM texts outgrow index entries.
    public_key_hash         TEXT   NOT NULL UNIQUE,
    full_name               TEXT,
    email                   TEXT,
    country                 TEXT,
    image                   TEXT,
    did                     TEXT,
    private_dek_external_id TEXT,
    created_at              BIGINT NOT NULL
);

CREATE TABLE admission_tokens (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX admission_tokens_by_expiry ON admission_tokens (expires_at);

CREATE TABLE sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Labels that items, slots and templates are filed under. `user_id` is null for those every user sees.
CREATE TABLE classification_nodes (
    id               TEXT   NOT NULL PRIMARY KEY,
    user_id          TEXT   REFERENCES users (id) ON DELETE CASCADE,
    scheme           TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    label            TEXT   NOT NULL,
    description      TEXT,
    image            TEXT,
    background_color TEXT,
    sequence         BIGINT NOT NULL
);
CREATE INDEX classification_nodes_by_name ON classification_nodes (scheme, name);
CREATE INDEX classification_nodes_by_user ON classification_nodes (user_id);

-- `user_id` is null for the system's templates.
CREATE TABLE item_templates (
    id                     TEXT   NOT NULL PRIMARY KEY,
    user_id                TEXT   REFERENCES users (id) ON DELETE CASCADE,
    name                   TEXT   NOT NULL,
    label                  TEXT   NOT NULL,
    description            TEXT,
    ordinal                BIGINT NOT NULL,
    classification_node_id TEXT   REFERENCES classification_nodes (id),
    updated_at             BIGINT NOT NULL,
    sequence               BIGINT NOT NULL
);
CREATE INDEX item_templates_by_name ON item_templates (name);
CREATE INDEX item_templates_by_user ON item_templates (user_id);

CREATE TABLE template_slots (
    id             TEXT   NOT NULL PRIMARY KEY,
    template_id    TEXT   NOT NULL REFERENCES item_templates (id) ON DELETE CASCADE,
    name           TEXT   NOT NULL,
    label          TEXT   NOT NULL,
    description    TEXT,
    slot_type_name TEXT   NOT NULL,
    ordinal        BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);
CREATE INDEX template_slots_by_template ON template_slots (template_id);

-- Items, each row for one user: an owner's original, or a recipient's copy of it. A copy names the original and the
-- share that backs it, and takes its values from that share; the original's values stand in its own slots.
CREATE TABLE items (
    id             TEXT   NOT NULL PRIMARY KEY,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    owner_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    original_id    TEXT   REFERENCES items (id) ON DELETE CASCADE,
    share_id       TEXT,
    template_id    TEXT   NOT NULL REFERENCES item_templates (id),
    template_label TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    label          TEXT   NOT NULL,
    description    TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    sequence       BIGINT NOT NULL,
    UNIQUE (user_id, original_id)
);
CREATE INDEX items_by_user ON items (user_id, sequence);
CREATE INDEX items_by_owner ON items (owner_id);
CREATE INDEX items_by_original ON items (original_id);
CREATE INDEX items_by_share ON items (share_id);

CREATE TABLE slots (
    id                               TEXT   NOT NULL PRIMARY KEY,
    item_id                          TEXT   NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    original_id                      TEXT   REFERENCES slots (id) ON DELETE CASCADE,
    name                             TEXT   NOT NULL,
    label                            TEXT   NOT NULL,
    description                      TEXT,
    slot_type_name                   TEXT   NOT NULL,
    creator                          TEXT   NOT NULL,
    ordinal                          BIGINT NOT NULL,
    visible                          BIGINT NOT NULL,
    attachment_id                    TEXT,
    encrypted_value                  TEXT,
    encrypted_value_verification_key TEXT,
    value_verification_hash          TEXT,
    created_at                       BIGINT NOT NULL,
    updated_at                       BIGINT NOT NULL,
    UNIQUE (item_id, original_id)
);
CREATE INDEX slots_by_item ON slots (item_id);
CREATE INDEX slots_by_original ON slots (original_id);

CREATE TABLE item_classifications (
    item_id TEXT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL REFERENCES classification_nodes (id) ON DELETE CASCADE,
    PRIMARY KEY (item_id, node_id)
);
CREATE INDEX item_classifications_by_node ON item_classifications (node_id);

CREATE TABLE slot_classifications (
    slot_id TEXT NOT NULL REFERENCES slots (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL REFERENCES classification_nodes (id) ON DELETE CASCADE,
    PRIMARY KEY (slot_id, node_id)
);
CREATE INDEX slot_classifications_by_node ON slot_classifications (node_id);

CREATE TABLE invitations (
    id                       TEXT   NOT NULL PRIMARY KEY,
    token                    TEXT   NOT NULL UNIQUE,
    user_id                  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key               TEXT   NOT NULL,
    keypair_external_id      TEXT,
    encrypted_recipient_name TEXT,
    encrypted_sender_name    TEXT,
    state                    TEXT   NOT NULL,
    created_at               BIGINT NOT NULL,
    expire_at                BIGINT NOT NULL,
    sequence                 BIGINT NOT NULL
);
CREATE INDEX invitations_by_user ON invitations (user_id, sequence);

-- A connection is two rows, one for each user, each naming the other: `user_id` sees this row as `own`.
CREATE TABLE connections (
    id                       TEXT   NOT NULL PRIMARY KEY,
    user_id                  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    other_user_id            TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key               TEXT   NOT NULL,
    keypair_external_id      TEXT,
    encrypted_recipient_name TEXT,
    created_at               BIGINT NOT NULL,
    sequence                 BIGINT NOT NULL,
    UNIQUE (user_id, other_user_id)
);
CREATE INDEX connections_by_user ON connections (user_id, sequence);
CREATE INDEX connections_by_other_user ON connections (other_user_id);

-- `item_id` and `slot_id` are always the owner's ids. An on-share names the share it was made from: it falls with it.
CREATE TABLE shares (
    id                  TEXT   NOT NULL PRIMARY KEY,
    item_id             TEXT   NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    slot_id             TEXT   REFERENCES slots (id) ON DELETE CASCADE,
    owner_id            TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sender_id           TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recipient_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_share_id     TEXT   REFERENCES shares (id) ON DELETE CASCADE,
    public_key          TEXT   NOT NULL,
    keypair_external_id TEXT,
    encrypted_dek       TEXT,
    terms               TEXT,
    acceptance_required TEXT   NOT NULL,
    onsharing_permitted BIGINT NOT NULL,
    created_at          BIGINT NOT NULL,
    expires_at          BIGINT,
    sequence            BIGINT NOT NULL
);
CREATE INDEX shares_by_item ON shares (item_id);
CREATE INDEX shares_by_slot ON shares (slot_id);
CREATE INDEX shares_by_owner ON shares (owner_id);
CREATE INDEX shares_by_sender ON shares (sender_id, sequence);
CREATE INDEX shares_by_recipient ON shares (recipient_id, sequence);
CREATE INDEX shares_by_parent ON shares (parent_share_id);
CREATE INDEX shares_by_expiry ON shares (expires_at);

-- The values of a share, each under the share's own key and filed under the owner's slot. They belong to the share and
-- not to the copy, so that a second share of the same item can take over when the first one ends.
CREATE TABLE share_values (
    share_id                         TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    slot_id                          TEXT NOT NULL REFERENCES slots (id) ON DELETE CASCADE,
    encrypted_value                  TEXT NOT NULL,
    encrypted_value_verification_key TEXT,
    value_verification_hash          TEXT,
    PRIMARY KEY (share_id, slot_id)
);
CREATE INDEX share_values_by_slot ON share_values (slot_id);

CREATE TABLE client_tasks (
    id                       TEXT   NOT NULL PRIMARY KEY,
    user_id                  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    work_type                TEXT   NOT NULL,
    target_id                TEXT   NOT NULL,
    state                    TEXT   NOT NULL,
    report                   TEXT   NOT NULL,
    last_state_transition_at BIGINT,
    created_at               BIGINT NOT NULL,
    sequence                 BIGINT NOT NULL
);
CREATE INDEX client_tasks_by_user ON client_tasks (user_id, sequence);
CREATE INDEX client_tasks_by_target ON client_tasks (target_id);

-- What the first request with an Idempotency-Key was answered, for the client that never saw the answer.
CREATE TABLE idempotent_replies (
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    request    TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, request, key)
);
CREATE INDEX idempotent_replies_by_age ON idempotent_replies (created_at);
