//! Classification nodes, and the items and slots that they are assigned to.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{Id, vault::items::ClassificationNode};

use super::{IDS_PER_STATEMENT, naming};
use crate::{
    error::Result,
    pagination::Page,
    query,
    store::{Statement, Value, write_rows},
    wire::Stored,
};

/// What a node can be assigned to, with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Classified<'a> {
    Item(&'a str),
    Slot(&'a str),
}

/// The parameters that filter a list of nodes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct NodeFilter {
    /// Nodes of this scheme.
    #[serde(deserialize_with = "query::text")]
    scheme_name: Option<String>,
    /// Part of the label, or of the name.
    #[serde(deserialize_with = "query::text")]
    name: Option<String>,
    /// True: the user's own nodes; false: the server's.
    #[serde(deserialize_with = "query::flag")]
    own: Option<bool>,
}

impl NodeFilter {
    fn conditions(&self, select: Statement) -> Statement {
        let select = select.text_if(" AND scheme = ?", self.scheme_name.as_deref());
        naming::called_like(select, self.name.as_deref())
    }
}

/// A page of the global nodes and the user's own.
pub(crate) async fn list(db: &mut AnyConnection, user_id: &str, filter: &NodeFilter, page: &Page) -> Result<Vec<Node>> {
    let global = |select: Statement| filter.conditions(select.sql(" AND user_id IS NULL"));
    let own = |select: Statement| filter.conditions(select.text(" AND user_id = ?", user_id));
    let behind = |select: Statement| select.behind("sequence", page);
    let select = Statement::new(NODES);
    let select = match filter.own {
        Some(true) => behind(own(select)),
        Some(false) => behind(global(select)),
        // A union, so that each half uses an index.
        None => behind(own(behind(global(select)).sql(" UNION ALL ").sql(NODES))),
    };
    select.in_order("sequence", page).fetch(db).await
}

/// How many nodes there are on all pages.
pub(crate) async fn count(db: &mut AnyConnection, user_id: &str, filter: &NodeFilter) -> Result<i64> {
    let count = Statement::new("SELECT COUNT(*) FROM classification_nodes WHERE 1 = 1");
    let count = match filter.own {
        Some(true) => count.text(" AND user_id = ?", user_id),
        Some(false) => count.sql(" AND user_id IS NULL"),
        None => count.text(" AND (user_id IS NULL OR user_id = ?)", user_id),
    };
    let count: Vec<(i64,)> = filter.conditions(count).fetch(db).await?;
    Ok(count.first().map_or(0, |(count,)| *count))
}

pub(crate) async fn set_image(db: &mut AnyConnection, id: &str, user_id: &str, image: &str) -> Result<()> {
    sqlx::query("UPDATE classification_nodes SET image = $1 WHERE id = $2 AND user_id = $3")
        .bind(image)
        .bind(id)
        .bind(user_id)
        .execute(db)
        .await?;
    Ok(())
}

const NODES: &str = "SELECT id, user_id, scheme, name, label, description, image, background_color, sequence \
     FROM classification_nodes WHERE 1 = 1";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) scheme: String,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) background_color: Option<String>,
    pub(crate) sequence: i64,
}

impl Node {
    /// What it weighs in a list, in bytes of the reply.
    pub(crate) fn weight(&self) -> usize {
        let texts = [&self.description, &self.image].into_iter().flatten().map(String::len).sum::<usize>();
        512 + self.name.len() + self.label.len() + texts
    }

    pub(crate) fn wire(self, reader: &str) -> Result<ClassificationNode> {
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

/// Nodes as `reader` sees them, without duplicates.
pub(crate) fn wire(mut nodes: Vec<Node>, reader: &str) -> Result<Vec<ClassificationNode>> {
    nodes.sort_by_key(|node| node.sequence);
    nodes.dedup_by(|a, b| a.id == b.id);
    nodes.into_iter().map(|node| node.wire(reader)).collect()
}

/// A global node, or one of the user's own.
pub(crate) async fn find_visible(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Option<Node>> {
    let select = Statement::new(NODES).text(" AND id = ?", id).text(" AND (user_id IS NULL OR user_id = ?)", user_id);
    Ok(select.fetch(db).await?.pop())
}

pub(crate) async fn find_all(db: &mut AnyConnection, ids: &[impl AsRef<str>]) -> Result<Vec<Node>> {
    let mut nodes = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        nodes.extend(Statement::new(NODES).any_of(" AND id IN (?)", ids).fetch::<Node>(db).await?);
    }
    Ok(nodes)
}

/// Those of these ids that are of global nodes or of the user's own.
pub(crate) async fn find_visible_among(db: &mut AnyConnection, ids: &[&str], user_id: &str) -> Result<HashSet<String>> {
    let mut visible = HashSet::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT id FROM classification_nodes WHERE 1 = 1").any_of(" AND id IN (?)", ids);
        let select = select.text(" AND (user_id IS NULL OR user_id = ?)", user_id);
        visible.extend(select.fetch(db).await?.into_iter().map(|(id,): (String,)| id));
    }
    Ok(visible)
}

/// The nodes, global or the user's own, that may be the ones named by scheme, and by name or label; oldest first.
pub(crate) async fn find_named(
    db: &mut AnyConnection,
    user_id: &str,
    named: &[(&str, Option<&str>, &str)],
) -> Result<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    for named in named.chunks(IDS_PER_STATEMENT) {
        let schemes: BTreeSet<&str> = named.iter().map(|(scheme, _, _)| *scheme).collect();
        let names: BTreeSet<&str> = named.iter().filter_map(|(_, name, _)| *name).collect();
        let labels: BTreeSet<&str> = named.iter().map(|(_, _, label)| *label).collect();
        let select = Statement::new(NODES)
            .any_of(" AND scheme IN (?)", &schemes.into_iter().collect::<Vec<_>>())
            .any_of(" AND (name IN (?)", &names.into_iter().collect::<Vec<_>>())
            .any_of(" OR label IN (?))", &labels.into_iter().collect::<Vec<_>>())
            .text(" AND (user_id IS NULL OR user_id = ?)", user_id);
        nodes.extend(select.fetch::<Node>(db).await?);
    }
    nodes.sort_by_key(|node| node.sequence);
    Ok(nodes)
}

/// The names of these schemes, global and the user's own, each with its scheme.
pub(crate) async fn names_in(db: &mut AnyConnection, user_id: &str, schemes: &[&str]) -> Result<Vec<(String, String)>> {
    let mut names = Vec::new();
    for schemes in schemes.chunks(IDS_PER_STATEMENT) {
        let select = Statement::new("SELECT scheme, name FROM classification_nodes WHERE 1 = 1")
            .any_of(" AND scheme IN (?)", schemes)
            .text(" AND (user_id IS NULL OR user_id = ?)", user_id);
        names.extend(select.fetch::<(String, String)>(db).await?);
    }
    Ok(names)
}

/// The id of the global node of this scheme and name.
pub(crate) async fn find_global(db: &mut AnyConnection, scheme: &str, name: &str) -> Result<Option<String>> {
    let id =
        sqlx::query_scalar("SELECT id FROM classification_nodes WHERE scheme = $1 AND name = $2 AND user_id IS NULL");
    Ok(id.bind(scheme).bind(name).fetch_optional(db).await?)
}

/// A node to be inserted.
pub(crate) struct NewNode<'a> {
    pub(crate) id: String,
    pub(crate) user_id: &'a str,
    pub(crate) scheme: &'a str,
    pub(crate) name: String,
    pub(crate) label: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) sequence: i64,
}

pub(crate) async fn insert(db: &mut AnyConnection, nodes: Vec<NewNode<'_>>) -> Result<()> {
    let row = |node: NewNode<'_>| {
        [
            node.id.into(),
            node.user_id.into(),
            node.scheme.into(),
            node.name.into(),
            node.label.into(),
            node.description.into(),
            node.sequence.into(),
        ]
    };
    let insert = "INSERT INTO classification_nodes (id, user_id, scheme, name, label, description, sequence) VALUES";
    write_rows(db, insert, nodes.into_iter().map(row).collect(), "").await
}

/// Has items and slots stand under nodes.
pub(crate) async fn link_all(db: &mut AnyConnection, links: &[(Classified<'_>, &str)]) -> Result<()> {
    let (items, slots) = by_table(links);
    let insert = "INSERT INTO item_classifications (item_id, node_id) VALUES";
    write_rows(db, insert, items, " ON CONFLICT DO NOTHING").await?;
    let insert = "INSERT INTO slot_classifications (slot_id, node_id) VALUES";
    write_rows(db, insert, slots, " ON CONFLICT DO NOTHING").await
}

/// Has items and slots stand under nodes no longer.
pub(crate) async fn unlink_all(db: &mut AnyConnection, links: &[(Classified<'_>, &str)]) -> Result<()> {
    let (items, slots) = by_table(links);
    write_rows(db, "DELETE FROM item_classifications WHERE (item_id, node_id) IN (VALUES", items, ")").await?;
    write_rows(db, "DELETE FROM slot_classifications WHERE (slot_id, node_id) IN (VALUES", slots, ")").await
}

type LinkRows = Vec<[Value; 2]>;

fn by_table(links: &[(Classified<'_>, &str)]) -> (LinkRows, LinkRows) {
    let (mut items, mut slots) = (LinkRows::new(), LinkRows::new());
    for (target, node_id) in links {
        match *target {
            Classified::Item(id) => items.push([id.into(), (*node_id).into()]),
            Classified::Slot(id) => slots.push([id.into(), (*node_id).into()]),
        }
    }
    (items, slots)
}
