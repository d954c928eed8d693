//! Writing many rows with few statements.

use sqlx::{AnyConnection, Database, Sqlite};

use super::{Value, execute, placeholders};
use crate::error::Result;

/// How many values one statement binds: fewer than either database bears, and few enough for the statement to be kept
/// prepared.
const VALUES: usize = 1300;

/// Runs a statement that has its rows (`($1, $2), ($3, $4)`) between `before` and `after`, as often as it takes for all of
/// them. Only text written in this crate becomes SQL; every value is bound.
pub async fn write_rows<const COLUMNS: usize>(
    db: &mut AnyConnection,
    before: &'static str,
    rows: Vec<[Value; COLUMNS]>,
    after: &'static str,
) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let values: Vec<Value> = rows.by_ref().take((VALUES / COLUMNS).max(1)).flatten().collect();
        let rows = match db.backend_name() {
            Sqlite::NAME => unnumbered(values.len() / COLUMNS, COLUMNS),
            _ => numbered(values.len() / COLUMNS, COLUMNS),
        };
        execute(db, format!("{before} {rows}{after}"), values).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)`
fn numbered(rows: usize, columns: usize) -> String {
    let tuple = |row| format!("({})", placeholders(row * columns + 1, columns));
    (0..rows).map(tuple).collect::<Vec<_>>().join(", ")
}

/// `(?, ?), (?, ?)`: SQLite finds a placeholder that has a number by going through all those before it, so that a
/// statement with twice as many of them would take four times as long.
fn unnumbered(rows: usize, columns: usize) -> String {
    let tuple = format!("({})", vec!["?"; columns].join(", "));
    vec![tuple; rows].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{KEYSTORE, Store},
        testing::Folder,
    };

    #[test]
    fn values_go_where_their_row_has_a_place_for_them() {
        assert_eq!(numbered(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(unnumbered(2, 3), "(?, ?, ?), (?, ?, ?)");
    }

    #[tokio::test]
    async fn rows_of_several_statements_are_all_written_and_none_is_no_statement() {
        let folder = Folder::new().unwrap();
        let store = Store::open_sqlite(&folder.path().join("rows.db"), &KEYSTORE).await.unwrap();
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
