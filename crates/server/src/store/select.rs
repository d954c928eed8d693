//! Queries whose conditions depend on the request: written with `?` where a value goes, numbered here.

use super::placeholders;
use crate::error::Result;
use crate::paging::Page;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};

/// A query being put together. Only text written in this crate becomes SQL; every value is bound.
#[derive(Debug)]
pub struct Select {
    sql: String,
    values: Vec<Value>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(i64),
}

impl Select {
    /// Begins with everything up to the conditions, which it ends in (`… WHERE 1 = 1`).
    pub fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Adds SQL in which each `?` stands for `value`.
    pub fn text(mut self, sql: &'static str, value: &str) -> Self {
        self.values.push(Value::Text(value.to_owned()));
        self.sql.push_str(&sql.replace('?', &format!("${}", self.values.len())));
        self
    }

    /// Adds SQL in which each `?` stands for `value`.
    pub fn number(mut self, sql: &'static str, value: i64) -> Self {
        self.values.push(Value::Number(value));
        self.sql.push_str(&sql.replace('?', &format!("${}", self.values.len())));
        self
    }

    /// Adds SQL in which the `?` stands for a list of values (`id IN (?)`). An empty list matches nothing.
    pub fn any_of(mut self, sql: &'static str, values: &[impl AsRef<str>]) -> Self {
        let list = match values.len() {
            0 => "NULL".to_owned(),
            count => placeholders(self.values.len() + 1, count),
        };
        self.values.extend(values.iter().map(|value| Value::Text(value.as_ref().to_owned())));
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
    pub fn page(mut self, column: &str, page: &Page) -> Self {
        let number = self.values.len() + 1;
        self.values.extend([Value::Number(page.cursor()), Value::Number(page.limit())]);
        self.sql.push_str(&page.sql(column, number));
        self
    }

    /// Runs the query.
    pub async fn fetch<R>(self, db: &mut AnyConnection) -> Result<Vec<R>>
    where
        R: for<'row> FromRow<'row, AnyRow> + Send + Unpin,
    {
        let mut query = sqlx::query_as(AssertSqlSafe(self.sql));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        Ok(query.fetch_all(db).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::Select;

    #[test]
    fn values_are_numbered_as_they_come() {
        let select = Select::new("SELECT id FROM items WHERE 1 = 1")
            .text(" AND user_id = ?", "alice")
            .any_of(" AND id IN (?)", &["a", "b"])
            .any_of_if(" AND name IN (?)", &[] as &[&str])
            .text_if(" AND name = ?", None)
            .number(" AND sequence > ?", 7);
        assert_eq!(
            select.sql,
            "SELECT id FROM items WHERE 1 = 1 AND user_id = $1 AND id IN ($2, $3) AND sequence > $4"
        );
        assert_eq!(select.values.len(), 4);
    }

    #[test]
    fn a_list_of_nothing_matches_nothing() {
        let none: [&str; 0] = [];
        assert_eq!(Select::new("…").any_of(" AND id IN (?)", &none).sql, "… AND id IN (NULL)");
    }
}
