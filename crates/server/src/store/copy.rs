//! From the SQLite databases of a data folder to a PostgreSQL database, for who has outgrown one process. All rows of both
//! services are copied in one transaction: cut off anywhere, the PostgreSQL database is as empty as before.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row, any::AnyRow};

use super::{
    KEYSTORE, Tables, Url, VAULT, Value, files,
    postgres::{self, lock_for_writing},
    rows, sqlite,
};
use crate::{
    error::{Error, Result},
    private,
};

/// How many bytes of texts one statement has, and those of the row with which it has more.
const BYTES: usize = 1024 * 1024;

/// Copies every row, and says how many there were. No server may be running on either side.
pub(crate) async fn copy(data: &Path, url: &Url) -> Result<u64> {
    let _lock = private::lock_folder(data)?;
    files::require_current(data)?;
    let problems = files::check(data)?;
    if !problems.is_empty() {
        return Err(Error::fault(format!("{} is not copied: {}", data.display(), problems.join("; "))));
    }
    let mut connection = postgres::connect(url).await?;
    for tables in [&VAULT, &KEYSTORE] {
        postgres::make_tables(&mut connection, tables).await?;
    }
    let mut target = connection.begin().await?;
    let mut rows = 0;
    for service in [&VAULT, &KEYSTORE] {
        let mut source = sqlite::open_to_read(&data.join(service.name).with_extension("db")).await?;
        rows += copy_service(&mut source, &mut target, service).await?;
        source.close().await?;
    }
    target.commit().await?;
    // It is done, whatever becomes of the connection.
    let _ = connection.close().await;
    Ok(rows)
}

async fn copy_service(source: &mut AnyConnection, target: &mut AnyConnection, service: &Tables) -> Result<u64> {
    postgres::search_in(target, service.name).await?;
    // A server that is started meanwhile waits.
    lock_for_writing(target, service.name).await?;
    let tables = table_names(source).await?;
    for table in &tables {
        refuse_rows(target, table).await?;
    }
    postgres::defer_references(target, service.name).await?;
    let mut rows = 0;
    for table in &tables {
        rows += copy_table(source, target, table).await?;
    }
    postgres::enforce_references(target, service.name).await?;
    for table in &tables {
        // What the planner knows of a table it would else learn minutes later.
        sqlx::raw_sql(AssertSqlSafe(format!("ANALYZE {table}"))).execute(&mut *target).await?;
    }
    Ok(rows)
}

async fn table_names(source: &mut AnyConnection) -> Result<Vec<String>> {
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name <> '_sqlx_migrations' ORDER BY name";
    Ok(sqlx::query_scalar(tables).fetch_all(source).await?)
}

async fn refuse_rows(target: &mut AnyConnection, table: &str) -> Result<()> {
    let has_rows = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {table})"));
    if sqlx::query_scalar(has_rows).fetch_one(target).await? {
        let message = "a server or `migrate` has already run on the PostgreSQL database, and nothing is copied over its \
             records: make a new database";
        return Err(Error::fault(message));
    }
    Ok(())
}

/// A column, and whether it has numbers rather than texts: there is nothing else in our tables.
struct Column {
    name: String,
    is_number: bool,
}

impl Column {
    fn value(&self, row: &AnyRow) -> sqlx::Result<Value> {
        let name = self.name.as_str();
        if self.is_number { row.try_get(name).map(Value::Number) } else { row.try_get(name).map(Value::Text) }
    }
}

async fn columns(source: &mut AnyConnection, table: &str) -> Result<Vec<Column>> {
    let columns = "SELECT name, type = 'BIGINT' FROM pragma_table_info(?)";
    let columns: Vec<(String, i64)> = sqlx::query_as(columns).bind(table).fetch_all(source).await?;
    Ok(columns.into_iter().map(|(name, is_number)| Column { name, is_number: is_number != 0 }).collect())
}

async fn copy_table(source: &mut AnyConnection, target: &mut AnyConnection, table: &str) -> Result<u64> {
    let columns = columns(source, table).await?;
    let names = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO {table} ({names}) VALUES");
    let select = AssertSqlSafe(format!("SELECT {names} FROM {table}"));
    let mut source_rows = sqlx::query(select).fetch(source);
    let (mut copied, mut values, mut bytes) = (0, Vec::new(), 0);
    while let Some(row) = source_rows.try_next().await? {
        for column in &columns {
            let value = column.value(&row)?;
            bytes += if let Value::Text(Some(text)) = &value { text.len() } else { 0 };
            values.push(value);
        }
        copied += 1;
        if bytes >= BYTES || values.len() + columns.len() > rows::VALUES {
            rows::write_at_once(target, &insert, (columns.len(), std::mem::take(&mut values)), "").await?;
            bytes = 0;
        }
    }
    if !values.is_empty() {
        rows::write_at_once(target, &insert, (columns.len(), values), "").await?;
    }
    Ok(copied)
}
