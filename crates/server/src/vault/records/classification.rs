//! Classification nodes, and the items and slots that they are assigned to.

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{Id, vault::items::ClassificationNode};

use super::naming;
use crate::{error::Result, pagination::Page, query, store::Statement, wire::Stored};

/// What a node can be assigned to, with its id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Classified<'a> {
    Item(&'a str),
    Slot(&'a str),
}

/// The parameters that filter a list of nodes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeFilter {
    #[serde(deserialize_with = "query::text")]
    scheme_name: Option<String>,
    /// Part of the label, or of the name.
    #[serde(deserialize_with = "query::text")]
    name: Option<String>,
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
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Statement::new(NODES).any_of(" AND id IN (?)", ids).fetch(db).await
}

/// The id of a node of this scheme, global or the user's own: of this name if one is given, or else of this label.
pub(crate) async fn find_named(
    db: &mut AnyConnection,
    user_id: &str,
    scheme: &str,
    (name, label): (Option<&str>, &str),
) -> Result<Option<String>> {
    let id = sqlx::query_scalar(
        "SELECT id FROM classification_nodes WHERE scheme = $1 AND (name = $2 OR label = $3) \
         AND (user_id IS NULL OR user_id = $4) ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END, sequence LIMIT 1",
    );
    Ok(id.bind(scheme).bind(name.unwrap_or_default()).bind(label).bind(user_id).fetch_optional(db).await?)
}

/// The names in a scheme that this name, with a number behind it, could be the same as.
pub(crate) async fn names_like(db: &mut AnyConnection, user_id: &str, scheme: &str, name: &str) -> Result<Vec<String>> {
    let visible = Statement::new("SELECT name FROM classification_nodes WHERE 1 = 1")
        .text(" AND scheme = ?", scheme)
        .text(" AND (user_id IS NULL OR user_id = ?)", user_id);
    naming::names_like(db, visible, name).await
}

/// The id of the global node of this scheme and name.
pub(crate) async fn find_global(db: &mut AnyConnection, scheme: &str, name: &str) -> Result<Option<String>> {
    let id =
        sqlx::query_scalar("SELECT id FROM classification_nodes WHERE scheme = $1 AND name = $2 AND user_id IS NULL");
    Ok(id.bind(scheme).bind(name).fetch_optional(db).await?)
}

pub(crate) async fn insert(
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

pub(crate) async fn link(db: &mut AnyConnection, target: Classified<'_>, node_id: &str) -> Result<()> {
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

pub(crate) async fn unlink(db: &mut AnyConnection, target: Classified<'_>, node_id: &str) -> Result<()> {
    let (sql, id) = match target {
        Classified::Item(id) => ("DELETE FROM item_classifications WHERE item_id = $1 AND node_id = $2", id),
        Classified::Slot(id) => ("DELETE FROM slot_classifications WHERE slot_id = $1 AND node_id = $2", id),
    };
    sqlx::query(sql).bind(id).bind(node_id).execute(db).await?;
    Ok(())
}
