//! Classification: named nodes that are assigned to items, slots and templates (docs/protocol/http-api.md §6.4).
//!
//! A scheme is a set of nodes. Only the server adds nodes to the global schemes; in any other scheme users create their
//! own, which nobody else sees, except with an item that was shared with them.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use sqlx::AnyConnection;
use vaultshare::api::vault::{
    classification_nodes::{NewNodeRequest, NodeResponse, NodesMeta, NodesResponse},
    names::{MachineNames, machine_name},
    slots::ClassificationNodeChange,
};

use super::{
    Vault,
    labels::check_label,
    records::classification::{self as nodes, Classified, Node, NodeFilter},
};
use crate::{
    auth::Session,
    clock::Clock,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::Body,
    service::Service,
    store::new_id,
    wire::id_text,
};

const GLOBAL_SCHEMES: [&str; 4] = ["country", "region", "meeco_wallet", "esafe"];

pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<NodeFilter>,
) -> Result<Json<NodesResponse>> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = nodes::list(&mut db, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut(rows, |row: &Node| row.sequence);
    let count = nodes::count(&mut db, &session.user_id, &filter).await?;
    let meta = NodesMeta::of(count, page.per_page, next_page_after.as_deref());
    Ok(Json(NodesResponse { classification_nodes: nodes::wire(rows, &session.user_id)?, next_page_after, meta }))
}

pub(super) async fn show(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<NodeResponse>> {
    let mut db = vault.store().read_once().await?;
    let node = nodes::find_visible(&mut db, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::not_found(Code::ClassificationNodeNotFound))?;
    Ok(Json(NodeResponse { classification_node: node.wire(&session.user_id)? }))
}

pub(super) async fn create(
    State(vault): State<Vault>,
    session: Session,
    idempotency: Idempotency,
    Body(request): Body<NewNodeRequest>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
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
    if let Some(image) = &new.image {
        nodes::set_image(&mut change.tx, &id, &session.user_id, image).await?;
    }
    let node = nodes::find_visible(&mut change.tx, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::fault("a node vanished while it was made"))?;
    change.answer(StatusCode::CREATED, &NodeResponse { classification_node: node.wire(&session.user_id)? }).await
}

// Rules.

/// Assigns nodes to an item or a slot, or removes them, as a request asks.
pub(super) async fn apply(
    db: &mut AnyConnection,
    user_id: &str,
    target: Classified<'_>,
    changes: &[ClassificationNodeChange],
    clock: &Clock,
) -> Result<()> {
    for (index, change) in changes.iter().enumerate() {
        let at_node = |error: Error| error.at(&format!("classification_nodes_attributes[{index}]"));
        match (id_text(&change.id), change.destroy.unwrap_or(false)) {
            (Some(node_id), true) => nodes::unlink(db, target, node_id).await?,
            (None, true) => return Err(at_node(Error::missing("id"))),
            (Some(node_id), false) => {
                let node = nodes::find_visible(db, node_id, user_id).await?;
                node.ok_or_else(|| at_node(unknown_node().at("id")))?;
                nodes::link(db, target, node_id).await?;
            }
            (None, false) => {
                let node_id = find_or_create(db, user_id, change, clock).await.map_err(at_node)?;
                nodes::link(db, target, &node_id).await?;
            }
        }
    }
    Ok(())
}

pub(super) fn unknown_node() -> Error {
    Error::refused(Code::UnknownClassificationNode, "There is no such classification node")
}

/// The node that a request names by scheme and name, or by its label as it was typed: `C`, `C++` and `C#` are three. In a
/// scheme that is not global it is created if there is none.
async fn find_or_create(
    db: &mut AnyConnection,
    user_id: &str,
    wanted: &ClassificationNodeChange,
    clock: &Clock,
) -> Result<String> {
    let text = wanted.name.as_deref().or(wanted.label.as_deref());
    let text = text.ok_or_else(|| Error::missing("label"))?;
    let scheme = wanted.scheme.as_deref().ok_or_else(|| Error::missing("scheme"))?;
    check_label(text).map_err(|error| error.at("label"))?;
    check_label(scheme).map_err(|error| error.at("scheme"))?;
    let is_global = GLOBAL_SCHEMES.contains(&scheme);
    let name = machine_name(text);
    // Only the server names global nodes, each otherwise, so that there another spelling means the same.
    let as_name = if is_global || wanted.name.as_deref() == Some(name.as_str()) { Some(name.as_str()) } else { None };
    if let Some(id) = nodes::find_named(db, user_id, scheme, (as_name, text.trim())).await? {
        return Ok(id);
    }
    if is_global {
        let message = "There is no such node in this scheme, and only the server adds nodes to it";
        return Err(Error::refused(Code::ClassificationSchemeFixed, message).at("label"));
    }
    let id = new_id();
    let taken = nodes::names_like(db, user_id, scheme, &name).await?;
    let name = taken.into_iter().collect::<MachineNames>().derive(text);
    let label = wanted.label.as_deref().unwrap_or(text).trim();
    nodes::insert(db, &id, user_id, (scheme, &name, label), wanted.description.as_deref(), clock.sequence()).await?;
    Ok(id)
}
