//! Records that people look for, or make, by what they call them: they have a machine name and a label.

use sqlx::AnyConnection;
use vaultshare::api::vault::names::machine_name;

use crate::{
    error::Result,
    store::{Statement, containing},
};

/// Keeps what has `text` in its label or name.
///
/// Case is disregarded in ASCII alone, as `LOWER` does in SQLite, and in PostgreSQL with the locale C. Machine names are in lower
/// case in every script: in them, what is looked for is what they would have of it.
pub(super) fn called_like(select: Statement, text: Option<&str>) -> Statement {
    let Some(text) = text else { return select };
    let in_name = if text.is_ascii() { text.to_owned() } else { machine_name(text) };
    select
        .text(" AND (LOWER(label) LIKE ? ESCAPE '\\'", &containing(&text.to_ascii_lowercase()))
        .text(" OR LOWER(name) LIKE ? ESCAPE '\\')", &containing(&in_name.to_ascii_lowercase()))
}

/// The names among those selected that this name, with a number behind it, could be the same as.
pub(super) async fn names_like(db: &mut AnyConnection, select: Statement, name: &str) -> Result<Vec<String>> {
    let select = select.text(" AND (name = ?", name).text(" OR SUBSTR(name, 1, LENGTH(?)) = ?)", &format!("{name}_"));
    let names: Vec<(String,)> = select.fetch(db).await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}
