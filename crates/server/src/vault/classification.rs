//! Classification: named nodes that are assigned to items, slots and templates (docs/protocol/http-api.md §6.4).
//!
//! A scheme is a set of nodes. Only the server adds nodes to the global schemes; in any other scheme users create their
//! own, which nobody else sees, except with an item that was shared with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::{Json, extract::State, http::StatusCode, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::vault::{
    classification_nodes::{NewNodeRequest, NodeResponse, NodesMeta, NodesResponse},
    names::{MachineNames, machine_name},
    slots::ClassificationNodeChange,
};

use super::{
    Vault,
    labels::{check_label, check_scheme, given_name},
    records::classification::{self as nodes, Classified, NewNode, Node, NodeFilter},
};
use crate::{
    auth::Session,
    clock::Clock,
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::{Order, PageParams},
    query::Query,
    request::{Body, Path},
    service::{Service, large_json},
    store::new_id,
    wire::id_text,
};

const GLOBAL_SCHEMES: [&str; 4] = ["country", "region", "meeco_wallet", "esafe"];

/// The server's nodes and the user's own, oldest first.
#[utoipa::path(
    get, path = "/classification_nodes",
    params(PageParams, NodeFilter),
    responses((status = 200, body = NodesResponse)),
)]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<NodeFilter>,
) -> Result<Response> {
    let page = page.page(Order::Ascending);
    let mut db = vault.store().read().await?;
    let rows = nodes::list(&mut db, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &Node| row.sequence, Node::weight);
    let count = nodes::count(&mut db, &session.user_id, &filter).await?;
    let meta = NodesMeta::of(count, page.per_page, next_page_after.as_deref());
    large_json(&NodesResponse { classification_nodes: nodes::wire(rows, &session.user_id)?, next_page_after, meta })
}

/// One node.
#[utoipa::path(get, path = "/classification_nodes/{id}", responses((status = 200, body = NodeResponse)))]
pub(super) async fn show(State(vault): State<Vault>, session: Session, Path(id): Path) -> Result<Json<NodeResponse>> {
    let mut db = vault.store().read_once().await?;
    let node = nodes::find_visible(&mut db, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::not_found(Code::ClassificationNodeNotFound))?;
    Ok(Json(NodeResponse { classification_node: node.wire(&session.user_id)? }))
}

/// Makes a node, or finds the one that the request means.
#[utoipa::path(
    post, path = "/classification_nodes",
    request_body = NewNodeRequest,
    params(Idempotency),
    responses((status = 201, body = NodeResponse)),
)]
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
    let named = [("classification_node".to_owned(), NamedNode::new(&wanted)?)];
    let id = find_or_create(&mut change.tx, &session.user_id, &named, vault.clock()).await?;
    let id = id.into_iter().next().ok_or_else(|| Error::fault("a node vanished while it was made"))?;
    if let Some(image) = &new.image {
        nodes::set_image(&mut change.tx, &id, &session.user_id, image).await?;
    }
    let node = nodes::find_visible(&mut change.tx, &id, &session.user_id).await?;
    let node = node.ok_or_else(|| Error::fault("a node vanished while it was made"))?;
    change.answer(StatusCode::CREATED, &NodeResponse { classification_node: node.wire(&session.user_id)? }).await
}

// Rules.

/// What a request changes of the nodes that an item or a slot stands under.
pub(super) type Change<'a> = (Classified<'a>, &'a [ClassificationNodeChange]);

/// Assigns nodes to an item and slots, or removes them, as a request asks. Any number of them takes the same few statements.
pub(super) async fn apply(db: &mut AnyConnection, user_id: &str, changes: &[Change<'_>], clock: &Clock) -> Result<()> {
    let place = |index: usize| format!("classification_nodes_attributes[{index}]");
    let all =
        || changes.iter().flat_map(|(target, nodes)| (0..).zip(*nodes).map(|(index, node)| (*target, index, node)));
    let is_destroyed = |node: &ClassificationNodeChange| node.destroy.unwrap_or(false);
    let ids: Vec<&str> =
        all().filter(|(_, _, node)| !is_destroyed(node)).filter_map(|(_, _, node)| id_text(&node.id)).collect();
    let visible = nodes::find_visible_among(db, &ids, user_id).await?;
    let mut named = Vec::new();
    for (_, index, node) in all() {
        let checked = match (id_text(&node.id), is_destroyed(node)) {
            (None, true) => Err(Error::missing("id")),
            (Some(id), false) if !visible.contains(id) => Err(unknown_node().at("id")),
            (None, false) => NamedNode::new(node).map(|node| named.push((place(index), node))),
            _ => Ok(()),
        };
        checked.map_err(|error| error.at(&place(index)))?;
    }
    let mut named = find_or_create(db, user_id, &named, clock).await?.into_iter();
    // Of what is said twice of one node the last counts.
    let mut links: BTreeMap<(Classified<'_>, String), bool> = BTreeMap::new();
    for (target, _, node) in all() {
        let id = id_text(&node.id).map(str::to_owned).or_else(|| named.next());
        let id = id.ok_or_else(|| Error::fault("a node vanished while it was made"))?;
        links.insert((target, id), !is_destroyed(node));
    }
    let (mut linked, mut unlinked) = (Vec::new(), Vec::new());
    for ((target, id), is_linked) in &links {
        if *is_linked { &mut linked } else { &mut unlinked }.push((*target, id.as_str()));
    }
    nodes::unlink_all(db, &unlinked).await?;
    nodes::link_all(db, &linked).await
}

pub(super) fn unknown_node() -> Error {
    Error::refused(Code::UnknownClassificationNode, "There is no such classification node")
}

/// A node that a request names by scheme and name, or by its label as it was typed: `C`, `C++` and `C#` are three.
struct NamedNode<'a> {
    scheme: &'a str,
    text: &'a str,
    label: &'a str,
    description: Option<&'a str>,
    /// The machine name that it is found by.
    name: Option<String>,
    is_global: bool,
}

impl<'a> NamedNode<'a> {
    fn new(wanted: &'a ClassificationNodeChange) -> Result<Self> {
        let text = wanted.name.as_deref().or(wanted.label.as_deref());
        let text = text.ok_or_else(|| Error::missing("label"))?;
        let scheme = wanted.scheme.as_deref().ok_or_else(|| Error::missing("scheme"))?;
        check_scheme(scheme)?;
        for label in [text, wanted.label.as_deref().unwrap_or(text)] {
            check_label(label).map_err(|error| error.at("label"))?;
        }
        let is_global = GLOBAL_SCHEMES.contains(&scheme);
        let name = match &wanted.name {
            Some(name) => given_name(name)?,
            None => machine_name(text),
        };
        // Only the server names global nodes, each otherwise, so that there another spelling means the same.
        let is_found_by_name = is_global || wanted.name.as_deref() == Some(name.as_str());
        Ok(Self {
            scheme,
            text: text.trim(),
            label: wanted.label.as_deref().unwrap_or(text).trim(),
            description: wanted.description.as_deref(),
            name: is_found_by_name.then_some(name),
            is_global,
        })
    }
}

/// The ids of the nodes that a request names, each with its place there. In a scheme that is not global those are created that
/// there are not.
async fn find_or_create(
    db: &mut AnyConnection,
    user_id: &str,
    wanted: &[(String, NamedNode<'_>)],
    clock: &Clock,
) -> Result<Vec<String>> {
    let pairs: Vec<_> = wanted.iter().map(|(_, node)| (node.scheme, node.name.as_deref(), node.text)).collect();
    let (mut by_name, mut by_label) = (HashMap::new(), HashMap::new());
    for node in nodes::find_named(db, user_id, &pairs).await? {
        by_name.entry((node.scheme.clone(), node.name)).or_insert_with(|| node.id.clone());
        by_label.entry((node.scheme, node.label)).or_insert(node.id);
    }
    let mut names: Option<HashMap<String, MachineNames>> = None;
    let (mut ids, mut new) = (Vec::with_capacity(wanted.len()), Vec::new());
    for (place, node) in wanted {
        let key = |text: &str| (node.scheme.to_owned(), text.to_owned());
        let found = node.name.as_deref().and_then(|name| by_name.get(&key(name)));
        if let Some(id) = found.or_else(|| by_label.get(&key(node.text))) {
            ids.push(id.clone());
            continue;
        }
        if node.is_global {
            let message = "There is no such node in this scheme, and only the server adds nodes to it";
            return Err(Error::refused(Code::ClassificationSchemeFixed, message).at("label").at(place));
        }
        let names = match &mut names {
            Some(names) => names,
            None => names.insert(names_of(db, user_id, wanted).await?),
        };
        let name = names.entry(node.scheme.to_owned()).or_default().derive(node.text);
        let id = new_id();
        by_name.insert(key(&name), id.clone());
        by_label.insert(key(node.label), id.clone());
        ids.push(id.clone());
        new.push(NewNode {
            id,
            user_id,
            scheme: node.scheme,
            name,
            label: node.label,
            description: node.description,
            sequence: clock.sequence(),
        });
    }
    nodes::insert(db, new).await?;
    Ok(ids)
}

/// The names that are taken, in the schemes of these nodes.
async fn names_of(
    db: &mut AnyConnection,
    user_id: &str,
    wanted: &[(String, NamedNode<'_>)],
) -> Result<HashMap<String, MachineNames>> {
    let schemes: BTreeSet<&str> = wanted.iter().map(|(_, node)| node.scheme).collect();
    let mut taken: HashMap<String, Vec<String>> = HashMap::new();
    for (scheme, name) in nodes::names_in(db, user_id, &schemes.into_iter().collect::<Vec<_>>()).await? {
        taken.entry(scheme).or_default().push(name);
    }
    Ok(taken.into_iter().map(|(scheme, names)| (scheme, names.into_iter().collect())).collect())
}
