//! Watching what a request asks of the database, and rows put there without a request for each.

use std::sync::OnceLock;

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use tokio::sync::Mutex;
use tracing::{
    Event, Instrument, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    filter::filter_fn,
    layer::{Context, Layer, SubscriberExt},
    registry::{LookupSpan, Registry},
};

use super::{SEALED, Server};

/// The span in which a request is watched.
const WATCHED: &str = "watched";
/// Where sqlx reports each statement it has run.
const STATEMENTS: &str = "sqlx::query";

/// What a request asked of the database, in its order.
pub struct Watched {
    pub statements: Vec<String>,
}

/// Runs a request and notes the statements that it takes; those of other requests at the same time are not among them.
pub async fn watched<T>(request: impl Future<Output = T>) -> (T, Watched) {
    static WATCHING: OnceLock<()> = OnceLock::new();
    WATCHING.get_or_init(|| {
        let wanted = filter_fn(|metadata| metadata.name() == WATCHED || metadata.target() == STATEMENTS);
        tracing::subscriber::set_global_default(Registry::default().with(Notes.with_filter(wanted))).unwrap();
    });
    let span = tracing::info_span!("watched");
    let value = request.instrument(span.clone()).await;
    let statements = span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>().unwrap().span(id).unwrap();
        span.extensions_mut().remove::<Vec<String>>().unwrap()
    });
    (value, Watched { statements: statements.unwrap() })
}

/// Notes each statement in the span of the request that it was for.
struct Notes;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Notes {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        context.span(id).unwrap().extensions_mut().insert(Vec::<String>::new());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = if statement.whole.is_empty() { &statement.summary } else { &statement.whole };
        // What a new connection is set up with is not for the request that happens to be its first.
        if !text.trim().starts_with("PRAGMA") && !text.trim().starts_with("SET") {
            span.extensions_mut().get_mut::<Vec<String>>().unwrap().push(text.trim().to_owned());
        }
    }
}

/// sqlx reports a statement of a few words as its own summary.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.summary = value.to_owned(),
            "db.statement" => self.whole = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// The Vault's database, past the server.
pub struct Database {
    connection: Mutex<AnyConnection>,
    is_postgres: bool,
}

impl Database {
    pub async fn open(server: &Server) -> Self {
        let connection = Mutex::new(server.0.connect("vault").await.unwrap());
        Self { connection, is_postgres: server.0.is_on_postgres() }
    }

    /// How SQLite would find the rows of a statement, step by step. What PostgreSQL does depends on how many rows there
    /// are; it has prepared and run each watched statement by then, with types that come with the values and not with the
    /// text.
    pub async fn explain(&self, statement: &str) -> Vec<String> {
        if self.is_postgres {
            return Vec::new();
        }
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let steps = explain.fetch_all(&mut *self.connection.lock().await).await.unwrap();
        steps.iter().map(|step| step.get(3)).collect()
    }

    /// One row more in every list that Alice and Bob, who are connected, can ask for.
    pub async fn add_row_to_every_list(&self, number: usize, alice: &str, bob: &str) {
        self.run(&ROW_OF_EVERY_LIST.replace("{n}", &number.to_string()), alice, bob).await;
    }

    /// Items with one slot each.
    pub async fn add_items(&self, count: usize, owner: &str) {
        self.run(&ITEMS.replace("{count}", &count.to_string()), owner, owner).await;
    }

    /// Every copy is classified so many times, with nodes of its own.
    pub async fn classify_copies(&self, times: usize, owner: &str) {
        self.run(&CLASSIFIED.replace("{times}", &times.to_string()), owner, owner).await;
    }

    /// More shares of an item with somebody who has one, with terms of so many bytes.
    pub async fn add_shares(&self, (count, terms): (usize, usize), item: &str, sender: &str, recipient: &str) {
        let sql = SHARES.replace("{count}", &count.to_string()).replace("{terms}", &"0".repeat(terms));
        self.run(&sql.replace("{item}", item), sender, recipient).await;
    }

    /// Rows of which a thousand would be more than a client reads.
    pub async fn add_heavy_rows(&self, count: usize, owner: &str) {
        let sql = HEAVY_ROWS.replace("{count}", &count.to_string()).replace("{long}", &"x".repeat(70_000));
        self.run(&sql, owner, owner).await;
    }

    /// Gives back the client tasks that were taken.
    pub async fn put_tasks_back(&self) {
        self.run("UPDATE client_tasks SET state = 'todo'", "", "").await;
    }

    async fn run(&self, sql: &str, alice: &str, bob: &str) {
        let sql = sql.replace("{alice}", alice).replace("{bob}", bob).replace("{sealed}", SEALED);
        let sql = sql.replace("{template}", "(SELECT id FROM item_templates WHERE name = 'vehicle')");
        let begin = if self.is_postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
        let sql = format!("{begin}; {sql}; COMMIT");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.connection.lock().await).await.unwrap();
    }
}

/// Everything is classified, so that lists have to look that up too.
const ROW_OF_EVERY_LIST: &str = "
    INSERT INTO users (id, public_key, public_key_hash, created_at) VALUES ('user-{n}', 'PEM', 'hash-{n}', 0);
    INSERT INTO connections (id, user_id, other_user_id, public_key, created_at, sequence) VALUES
        ('connection-{n}', '{alice}', 'user-{n}', 'PEM', 0, {n}), ('other-{n}', 'user-{n}', '{alice}', 'PEM', 0, {n});
    INSERT INTO invitations (id, token_hash, user_id, public_key, state, created_at, expire_at, sequence)
        VALUES ('invitation-{n}', 'token-{n}', '{alice}', 'PEM', 'new', 0, 9000000000000, {n});
    INSERT INTO public_keys (id, user_id, encryption_strategy, public_key, created_at, sequence)
        VALUES ('key-{n}', '{alice}', 'Rsa4096', 'PEM', 0, {n});
    INSERT INTO client_tasks (id, user_id, work_type, target_id, state, report, created_at, sequence)
        VALUES ('task-{n}', '{alice}', 'update_item_shares', 'item-{n}', 'todo', '{}', 0, {n});
    INSERT INTO classification_nodes (id, user_id, scheme, name, label, sequence)
        VALUES ('node-{n}', '{alice}', 'tag', 'node_{n}', 'Node', {n});
    INSERT INTO item_templates (id, user_id, name, label, ordinal, classification_node_id, updated_at, sequence)
        VALUES ('template-{n}', '{alice}', 'template_{n}', 'Template', 1, 'node-{n}', 0, {n});
    INSERT INTO template_slots (id, template_id, name, label, slot_type_name, ordinal, updated_at)
        VALUES ('template-slot-{n}', 'template-{n}', 'slot', 'Slot', 'key_value', 1, 0);
    INSERT INTO items (id, user_id, owner_id, original_id, share_id, template_id, template_label, name, label,
        created_at, updated_at, sequence) VALUES
        ('item-{n}', '{alice}', '{alice}', NULL, NULL, {template}, 'Vehicle', 'item', 'Item', 0, 0, {n}),
        ('bobs-{n}', '{bob}', '{bob}', NULL, NULL, {template}, 'Vehicle', 'item', 'Item', 0, 0, {n}),
        ('copy-{n}', '{bob}', '{alice}', 'item-{n}', 'share-{n}', {template}, 'Vehicle', 'item', 'Item', 0, 0, {n});
    INSERT INTO attachments (id, user_id, created_at, sequence) VALUES ('attachment-{n}', '{alice}', 0, {n});
    INSERT INTO blobs (id, key, user_id, attachment_id, part, filename, content_type, encrypted_resume, bytes, blocks, size,
        created_at, touched_at) VALUES
        (10 * {n} + 1, 'main-{n}', '{alice}', 'attachment-{n}', 'main', '', '', NULL, 1, 1, 1, 0, 0),
        (10 * {n} + 2, 'artifact-{n}', '{alice}', 'attachment-{n}', 'artifact', '', '', NULL, 1, 1, 1, 0, 0),
        (10 * {n} + 3, 'thumbnail-{n}', '{alice}', 'attachment-{n}', '128x128/jpg', '', '', NULL, 1, 1, 1, 0, 0),
        (10 * {n} + 4, 'upload-{n}', '{alice}', NULL, NULL, '', '', '{sealed}', 1, 1, 1, 0, 9000000000000);
    INSERT INTO blob_blocks (object, blob_id, block_id, size, begins_at) VALUES
        ('block-{n}', 10 * {n} + 1, 'QQ==', 1, 0), ('block-of-upload-{n}', 10 * {n} + 4, 'QQ==', 1, 0);
    INSERT INTO slots (id, item_id, original_id, name, label, slot_type_name, creator, ordinal, visible,
        attachment_id, encrypted_value, created_at, updated_at) VALUES
        ('slot-{n}', 'item-{n}', NULL, 'slot', 'Slot', 'key_value', 'user', 1, 1, 'attachment-{n}', '{sealed}', 0, 0),
        ('slot-of-copy-{n}', 'copy-{n}', 'slot-{n}', 'slot', 'Slot', 'key_value', 'user', 1, 1, 'attachment-{n}', NULL, 0,
        0);
    INSERT INTO item_classifications (item_id, node_id) VALUES ('item-{n}', 'node-{n}'), ('copy-{n}', 'node-{n}');
    INSERT INTO slot_classifications (slot_id, node_id) VALUES ('slot-{n}', 'node-{n}'), ('slot-of-copy-{n}', 'node-{n}');
    INSERT INTO shares (id, item_id, owner_id, sender_id, recipient_id, public_key, acceptance_required,
        onsharing_permitted, created_at, sequence) VALUES
        ('share-{n}', 'item-{n}', '{alice}', '{alice}', '{bob}', 'PEM', 'accepted', 0, 0, {n}),
        ('share-of-first-{n}', 'item-0', '{alice}', '{alice}', 'user-{n}', 'PEM', 'accepted', 0, 0, 1000 + {n});
    INSERT INTO share_values (share_id, slot_id, encrypted_value) VALUES ('share-{n}', 'slot-{n}', '{sealed}');
    INSERT INTO share_proofs (share_id, proof, content_signature) VALUES ('share-{n}', 'signed', 'signed');
    INSERT INTO space_shares (id, item_id, sender_id, recipient_id, distributable, tradeable, created_at, updated_at,
        sequence) VALUES ('space-share-{n}', 'item-{n}', '{alice}', '{bob}', 0, 0, 0, 0, {n}),
        ('bobs-space-share-{n}', 'bobs-{n}', '{bob}', '{alice}', 0, 0, 0, 0, {n});
    INSERT INTO space_share_values (share_id, slot_id, encrypted_value) VALUES ('space-share-{n}', 'slot-{n}', '{sealed}')";

const ITEMS: &str = "
    CREATE TEMP TABLE numbers AS WITH RECURSIVE counted (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {count}) SELECT number FROM counted;
    INSERT INTO items (id, user_id, owner_id, template_id, template_label, name, label, created_at, updated_at, sequence)
        SELECT 'item-' || number, '{alice}', '{alice}', {template}, 'Vehicle', 'item', 'Item', 0, 0, number FROM numbers;
    INSERT INTO slots (id, item_id, name, label, slot_type_name, creator, ordinal, visible, encrypted_value, created_at,
        updated_at) SELECT 'slot-' || number, 'item-' || number, 'slot', 'Slot', 'key_value', 'user', 1, 1, '{sealed}', 0,
        0 FROM numbers";

const CLASSIFIED: &str = "
    CREATE TEMP TABLE numbers AS WITH RECURSIVE counted (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {times}) SELECT number FROM counted;
    INSERT INTO classification_nodes (id, user_id, scheme, name, label, sequence)
        SELECT items.id || number, '{alice}', 'tag', 'node_' || number, 'Node', number FROM items, numbers
        WHERE original_id IS NOT NULL;
    INSERT INTO item_classifications (item_id, node_id) SELECT items.id, items.id || number FROM items, numbers
        WHERE original_id IS NOT NULL";

const SHARES: &str = "
    CREATE TEMP TABLE numbers AS WITH RECURSIVE counted (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {count}) SELECT number FROM counted;
    INSERT INTO shares (id, item_id, owner_id, sender_id, recipient_id, public_key, acceptance_required,
        onsharing_permitted, created_at, sequence, terms)
        SELECT 'share-' || number, '{item}', '{alice}', '{alice}', '{bob}', 'PEM', 'acceptance_not_required', 0, 0, number,
        '{terms}' FROM numbers";

const HEAVY_ROWS: &str = "
    CREATE TEMP TABLE numbers AS WITH RECURSIVE counted (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {count}) SELECT number FROM counted;
    CREATE TEMP TABLE text AS SELECT '{long}' AS long;
    INSERT INTO users (id, public_key, public_key_hash, created_at)
        SELECT 'user-' || number, 'PEM', 'hash-' || number, 0 FROM numbers;
    INSERT INTO connections (id, user_id, other_user_id, public_key, encrypted_recipient_name, created_at, sequence)
        SELECT 'connection-' || number, '{alice}', 'user-' || number, 'PEM', 'A.' || long || '.A', 0, number
        FROM numbers, text
        UNION ALL SELECT 'other-' || number, 'user-' || number, '{alice}', 'PEM', NULL, 0, number FROM numbers;
    INSERT INTO client_tasks (id, user_id, work_type, target_id, state, report, created_at, sequence)
        SELECT 'task-' || number, '{alice}', 'update_item_shares', 'x', 'todo', '{\"x\":\"' || long || '\"}', 0, number
        FROM numbers, text;
    INSERT INTO classification_nodes (id, user_id, scheme, name, label, image, sequence)
        SELECT 'node-' || number, '{alice}', 'tag', 'node_' || number, 'Node', long, number FROM numbers, text;
    INSERT INTO item_templates (id, user_id, name, label, ordinal, updated_at, sequence)
        SELECT 'template-' || number, '{alice}', 'template_' || number, 'Template', 1, 0, number FROM numbers;
    INSERT INTO template_slots (id, template_id, name, label, description, slot_type_name, ordinal, updated_at)
        SELECT 'template-slot-' || number, 'template-' || number, 'slot', 'Slot', long, 'key_value', 1, 0 FROM numbers, text";
