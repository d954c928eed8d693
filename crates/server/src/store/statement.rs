//! Statements whose conditions depend on the request: written with `?` where a value goes.

use sqlx::{AnyConnection, FromRow, any::AnyRow};

use super::{Value, placeholders, query};
use crate::{error::Result, pagination::Page};

/// A statement being put together. Only text written in this crate becomes SQL; every value is bound.
#[derive(Debug)]
pub struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    /// Begins with everything up to the conditions, which it ends in (`… WHERE 1 = 1`).
    pub fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Adds SQL in which each `?` stands for `value`.
    pub fn text(self, sql: &'static str, value: &str) -> Self {
        self.value(sql, value.into())
    }

    /// Adds SQL in which each `?` stands for `value`.
    pub fn number(self, sql: &'static str, value: i64) -> Self {
        self.value(sql, value.into())
    }

    fn value(mut self, sql: &str, value: Value) -> Self {
        self.values.extend(vec![value; sql.matches('?').count()]);
        self.sql.push_str(sql);
        self
    }

    /// Adds SQL in which each `?` stands for a list of values (`id IN (?)`). An empty list matches nothing.
    pub fn any_of(mut self, sql: &'static str, values: &[impl AsRef<str>]) -> Self {
        let list = match values.len() {
            0 => "NULL".to_owned(),
            count => placeholders(count),
        };
        for _ in sql.matches('?') {
            self.values.extend(values.iter().map(|value| value.as_ref().into()));
        }
        self.sql.push_str(&sql.replace('?', &list));
        self
    }

    /// Adds the condition only if there is a value.
    pub fn text_if(self, sql: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(sql, value),
            None => self,
        }
    }

    /// Adds the condition only if the list is not empty: an empty filter filters nothing.
    pub fn any_of_if(self, sql: &'static str, values: &[impl AsRef<str>]) -> Self {
        if values.is_empty() { self } else { self.any_of(sql, values) }
    }

    /// Adds SQL without values.
    pub fn sql(mut self, sql: &str) -> Self {
        self.sql.push_str(sql);
        self
    }

    /// Keeps the rows of one page, by a column of sequence numbers, and one more to see whether another page follows.
    pub fn page(self, column: &str, page: &Page) -> Self {
        self.behind(column, page).in_order(column, page)
    }

    /// The first half of [`Statement::page`], for each of several queries that are joined by `UNION ALL`: where the page
    /// begins.
    pub fn behind(self, column: &str, page: &Page) -> Self {
        let sql = format!(" AND {column} {} ?", page.comparison());
        self.value(&sql, page.cursor().into())
    }

    /// The second half of [`Statement::page`]: the order, and where the page ends.
    pub fn in_order(self, column: &str, page: &Page) -> Self {
        let sql = format!(" ORDER BY {column} {} LIMIT ?", page.direction());
        self.value(&sql, page.limit().into())
    }

    /// Reads what the statement finds.
    pub async fn fetch<R>(self, db: &mut AnyConnection) -> Result<Vec<R>>
    where
        R: for<'row> FromRow<'row, AnyRow> + Send + Unpin,
    {
        let rows = query(db, self.sql, self.values).fetch_all(db).await?;
        rows.iter().map(|row| Ok(R::from_row(row)?)).collect()
    }

    /// Changes what the statement says.
    pub async fn execute(self, db: &mut AnyConnection) -> Result<()> {
        query(db, self.sql, self.values).execute(db).await?;
        Ok(())
    }
}

/// The pattern of `LIKE … ESCAPE '\'` for what contains `text`.
pub fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::Statement;

    #[test]
    fn each_place_has_its_value() {
        let select = Statement::new("SELECT id FROM items WHERE 1 = 1")
            .text(" AND SUBSTR(name, 1, LENGTH(?)) = ?", "alice")
            .any_of(" AND (id IN (?) OR label IN (?))", &["a", "b"])
            .any_of_if(" AND name IN (?)", &[] as &[&str])
            .text_if(" AND name = ?", None)
            .number(" AND sequence > ?", 7);
        assert_eq!(
            select.sql,
            "SELECT id FROM items WHERE 1 = 1 AND SUBSTR(name, 1, LENGTH(?)) = ? \
             AND (id IN (?, ?) OR label IN (?, ?)) AND sequence > ?"
        );
        assert_eq!(select.values.len(), 7);
    }

    #[test]
    fn a_list_of_nothing_matches_nothing() {
        let none: [&str; 0] = [];
        assert_eq!(Statement::new("…").any_of(" AND id IN (?)", &none).sql, "… AND id IN (NULL)");
    }
}
