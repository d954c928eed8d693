//! Classification: named nodes that items, slots and templates are filed under (http-api §6.4).
//!
//! A scheme is a set of nodes. Those of the global schemes are the server's; in any other scheme users make their own,
//! which nobody else sees, except beside an item that was shared with them.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id,
    vault::{
        classification_nodes::{NewNodeRequest, NodeResponse, NodesMeta, NodesResponse},
        items::ClassificationNode,
        slots::ClassificationNodeChange,
    },
};

use super::{
    Vault,
    naming::{check_label, machine_name},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
    idempotency::{Begun, Repeatable},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    wire::{Stored, id_text},
};

const GLOBAL_SCHEMES: [&str; 4] = ["country", "region", "meeco_wallet", "esafe"];

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/classification_nodes", get(list).post(create)).route("/classification_nodes/{id}", get(show))
}

pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<NodesResponse>> {
    let page = Page::of(&parameters, Order::Ascending);
    let filtered = |select: Statement| {
        select
            .text_if(" AND scheme = ?", parameters.one("scheme_name"))
            .text_if(" AND name LIKE ? ESCAPE '\\'", parameters.one("name").map(part_of).as_deref())
    };
    let globals = |select: Statement| filtered(select.sql(" AND user_id IS NULL"));
    let users_own = |select: Statement| filtered(select.text(" AND user_id = ?", &session.user_id));
    let behind = |select: Statement| select.behind("sequence", &page);
    let select = Statement::new(NODES);
    let select = match parameters.flag("own") {
        Some(true) => behind(users_own(select)),
        Some(false) => behind(globals(select)),
        // Each from its place in an index.
        None => behind(users_own(behind(globals(select)).sql(" UNION ALL ").sql(NODES))),
    };
    let mut db = vault.store().read().await?;
    let rows: Vec<Node> = select.in_order("sequence", &page).fetch(&mut db).await?;
    let (rows, next_page_after) = page.cut(rows, |row| row.sequence);
    let count = Statement::new("SELECT COUNT(*) FROM classification_nodes WHERE 1 = 1");
    let count = match parameters.flag("own") {
        Some(true) => users_own(count),
        Some(false) => globals(count),
        None => filtered(count.text(" AND (user_id IS NULL OR user_id = ?)", &session.user_id)),
    };
    let count: Vec<(i64,)> = count.fetch(&mut db).await?;
    let meta = NodesMeta::of(count.first().map_or(0, |(count,)| *count), page.per_page, next_page_after.as_deref());
    Ok(Json(NodesResponse { classification_nodes: wire(rows, &session.user_id)?, next_page_after, meta }))
}

async fn show(State(vault): State<Vault>, session: Session, Path(id): Path<String>) -> Result<Json<NodeResponse>> {
    let mut db = vault.store().read_once().await?;
    let node = find_visible(&mut db, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::not_found("classification_node_not_found"))?;
    Ok(Json(NodeResponse { classification_node: node.wire(&session.user_id)? }))
}

async fn create(
    State(vault): State<Vault>,
    session: Session,
    repeatable: Repeatable,
    Body(request): Body<NewNodeRequest>,
) -> Result<Response> {
    let mut change = match repeatable.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let new = request.classification_node;
    let wanted = ClassificationNodeChange {
        name: new.name,
        label: new.label,
        scheme: Some(new.classification_scheme_name),
        description: new.description,
        ..ClassificationNodeChange::default()
    };
    let id = find_or_create(&mut change.tx, &session.user_id, &wanted, vault.clock()).await?;
    if new.image.is_some() {
        sqlx::query("UPDATE classification_nodes SET image = $1 WHERE id = $2 AND user_id = $3")
            .bind(new.image)
            .bind(&id)
            .bind(&session.user_id)
            .execute(&mut *change.tx)
            .await?;
    }
    let node = find_visible(&mut change.tx, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::fault("a node vanished while it was made"))?;
    change.answer(StatusCode::CREATED, &NodeResponse { classification_node: node.wire(&session.user_id)? }).await
}

// The rules.

/// What nodes can be put on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Classified<'a> {
    /// An item.
    Item(&'a str),
    /// A slot.
    Slot(&'a str),
}

/// Puts an item or a slot under nodes, or takes it from them, as a request asks.
pub(super) async fn apply(
    db: &mut AnyConnection,
    user_id: &str,
    target: Classified<'_>,
    changes: &[ClassificationNodeChange],
    clock: &Clock,
) -> Result<()> {
    for change in changes {
        match (id_text(&change.id), change.destroy.unwrap_or(false)) {
            (Some(node_id), true) => unlink(db, target, node_id).await?,
            (None, true) => return Err(Error::invalid("To take a classification away give the node's id")),
            (Some(node_id), false) => {
                let node = find_visible(db, node_id, user_id).await?;
                node.ok_or_else(|| Error::invalid("There is no such classification node"))?;
                link(db, target, node_id).await?;
            }
            (None, false) => {
                let node_id = find_or_create(db, user_id, change, clock).await?;
                link(db, target, &node_id).await?;
            }
        }
    }
    Ok(())
}

/// The node a request names by scheme and name: one that is there, or in a users' scheme a new one.
async fn find_or_create(
    db: &mut AnyConnection,
    user_id: &str,
    wanted: &ClassificationNodeChange,
    clock: &Clock,
) -> Result<String> {
    let text = wanted.name.as_deref().or(wanted.label.as_deref());
    let text = text.ok_or_else(|| Error::invalid("A classification node needs a name or a label"))?;
    let scheme = wanted.scheme.as_deref().ok_or_else(|| Error::invalid("A classification node needs a scheme"))?;
    check_label(text)?;
    check_label(scheme)?;
    let name = machine_name(text);
    if let Some(id) = find_by_name(db, user_id, scheme, &name).await? {
        return Ok(id);
    }
    if GLOBAL_SCHEMES.contains(&scheme) {
        return Err(Error::invalid("There is no such node in this scheme, and only the server adds nodes to it"));
    }
    let id = new_id();
    let label = wanted.label.as_deref().unwrap_or(text);
    insert(db, &id, user_id, (scheme, &name, label), wanted.description.as_deref(), clock.sequence()).await?;
    Ok(id)
}

fn part_of(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

// The queries.

const NODES: &str = "SELECT id, user_id, scheme, name, label, description, image, background_color, sequence \
     FROM classification_nodes WHERE 1 = 1";

/// A node as the database holds it.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Node {
    pub(super) id: String,
    user_id: Option<String>,
    scheme: String,
    name: String,
    label: String,
    description: Option<String>,
    image: Option<String>,
    background_color: Option<String>,
    sequence: i64,
}

impl Node {
    fn wire(self, reader: &str) -> Result<ClassificationNode> {
        Ok(ClassificationNode {
            id: Id::stored(self.id)?,
            name: self.name,
            label: self.label,
            description: self.description,
            ordinal: 1,
            background_color: self.background_color,
            image: self.image,
            scheme: Some(self.scheme),
            classifications_count: 0,
            own: self.user_id.as_deref() == Some(reader),
        })
    }
}

/// Nodes as `reader` sees them, each once.
pub(super) fn wire(mut nodes: Vec<Node>, reader: &str) -> Result<Vec<ClassificationNode>> {
    nodes.sort_by_key(|node| node.sequence);
    nodes.dedup_by(|a, b| a.id == b.id);
    nodes.into_iter().map(|node| node.wire(reader)).collect()
}

async fn find_visible(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<Node>> {
    let select = Statement::new(NODES).text(" AND id = ?", id).text(" AND (user_id IS NULL OR user_id = ?)", user_id);
    Ok(select.fetch(db).await?.pop())
}

/// The nodes of these ids.
pub(super) async fn find_all(db: &mut AnyConnection, ids: &[impl AsRef<str>]) -> Result<Vec<Node>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Statement::new(NODES).any_of(" AND id IN (?)", ids).fetch(db).await
}

async fn find_by_name(db: &mut AnyConnection, user_id: &str, scheme: &str, name: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar(
        "SELECT id FROM classification_nodes WHERE scheme = $1 AND name = $2 AND (user_id IS NULL OR user_id = $3) \
         ORDER BY sequence LIMIT 1",
    );
    Ok(id.bind(scheme).bind(name).bind(user_id).fetch_optional(db).await?)
}

/// The server's own node of this scheme and name.
pub(super) async fn find_global(db: &mut AnyConnection, scheme: &str, name: &str) -> Result<Option<String>> {
    let id =
        sqlx::query_scalar("SELECT id FROM classification_nodes WHERE scheme = $1 AND name = $2 AND user_id IS NULL");
    Ok(id.bind(scheme).bind(name).fetch_optional(db).await?)
}

async fn insert(
    db: &mut AnyConnection,
    id: &str,
    user_id: &str,
    (scheme, name, label): (&str, &str, &str),
    description: Option<&str>,
    sequence: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO classification_nodes (id, user_id, scheme, name, label, description, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(user_id)
    .bind(scheme)
    .bind(name)
    .bind(label)
    .bind(description)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(())
}

async fn link(db: &mut AnyConnection, target: Classified<'_>, node_id: &str) -> Result<()> {
    let (sql, id) = match target {
        Classified::Item(id) => {
            ("INSERT INTO item_classifications (item_id, node_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", id)
        }
        Classified::Slot(id) => {
            ("INSERT INTO slot_classifications (slot_id, node_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", id)
        }
    };
    sqlx::query(sql).bind(id).bind(node_id).execute(db).await?;
    Ok(())
}

async fn unlink(db: &mut AnyConnection, target: Classified<'_>, node_id: &str) -> Result<()> {
    let (sql, id) = match target {
        Classified::Item(id) => ("DELETE FROM item_classifications WHERE item_id = $1 AND node_id = $2", id),
        Classified::Slot(id) => ("DELETE FROM slot_classifications WHERE slot_id = $1 AND node_id = $2", id),
    };
    sqlx::query(sql).bind(id).bind(node_id).execute(db).await?;
    Ok(())
}
