//! Writing many rows with few statements.

use sqlx::AnyConnection;

use super::{Value, placeholders, query};
use crate::error::Result;

/// How many values one statement binds: fewer than either database bears, and few enough for the statement to be kept
/// prepared.
pub(super) const VALUES: usize = 1300;

/// Runs a statement that has its rows (`(?, ?), (?, ?)`) between `before` and `after`, as often as it takes for all of
/// them. Only text written in this crate becomes SQL; every value is bound.
pub async fn write_rows<const COLUMNS: usize>(
    db: &mut AnyConnection,
    before: &'static str,
    rows: Vec<[Value; COLUMNS]>,
    after: &'static str,
) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let values = rows.by_ref().take((VALUES / COLUMNS).max(1)).flatten().collect();
        write_at_once(db, before, (COLUMNS, values), after).await?;
    }
    Ok(())
}

/// Runs such a statement once, for rows of so many columns whose values come one after the other.
pub(super) async fn write_at_once(
    db: &mut AnyConnection,
    before: &str,
    (columns, values): (usize, Vec<Value>),
    after: &'static str,
) -> Result<()> {
    let row = format!("({})", placeholders(columns));
    let rows = vec![row.as_str(); values.len() / columns].join(", ");
    query(db, format!("{before} {rows}{after}"), values).execute(&mut *db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::{KEYSTORE, Store},
        testing::Folder,
    };

    #[tokio::test]
    async fn rows_of_several_statements_are_all_written_and_none_is_no_statement() {
        let folder = Folder::new().unwrap();
        let store = Store::open_sqlite(&folder.path().join("rows.db"), &KEYSTORE, Clock::default()).await.unwrap();
        let mut db = store.write().await.unwrap();
        let insert = "INSERT INTO server_secrets (name, value) VALUES";
        let rows: Vec<[Value; 2]> = (0..VALUES + 1).map(|row| [row.to_string().into(), "a secret".into()]).collect();
        let expected = i64::try_from(rows.len()).unwrap();
        write_rows(&mut db, insert, rows.clone(), "").await.unwrap();
        write_rows(&mut db, insert, rows, " ON CONFLICT DO NOTHING").await.unwrap();
        write_rows::<2>(&mut db, insert, vec![], "").await.unwrap();
        let written: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM server_secrets").fetch_one(&mut *db).await.unwrap();
        assert_eq!(written, expected);
    }
}
