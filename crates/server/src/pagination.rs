//! Cursor pagination (docs/protocol/http-api.md §1.5): each page begins after the last row of the previous one. Unlike
//! an offset, a cursor is as fast on the thousandth page as on the first, and neither skips nor repeats rows when
//! others are inserted or deleted meanwhile.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{Object, ObjectBuilder, Type},
};

use crate::query;

const DEFAULT_PER_PAGE: i64 = 200;
const MAX_PER_PAGE: i64 = 1000;

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// The page a request asks for.
#[derive(Clone, Debug)]
pub struct Page {
    /// The maximum number of rows, 1 to 1000.
    pub per_page: i64,
    /// Oldest or newest first.
    pub order: Order,
    after: Option<i64>,
}

/// The query parameters of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct PageParams {
    #[serde(deserialize_with = "query::text")]
    #[param(schema_with = per_page)]
    per_page: Option<String>,
    /// `asc`: oldest first; `desc`: newest first.
    #[serde(deserialize_with = "query::text")]
    order: Option<String>,
    /// The cursor that the page before gave; absent for the first page.
    #[serde(deserialize_with = "query::text")]
    next_page_after: Option<String>,
}

fn per_page() -> Object {
    let description = format!("Most records on the page, {DEFAULT_PER_PAGE} where absent.");
    let number = ObjectBuilder::new().schema_type(Type::Integer).description(Some(description));
    number.minimum(Some(1)).maximum(Some(MAX_PER_PAGE)).build()
}

impl PageParams {
    /// The page that is asked for. What cannot be parsed is ignored; an unknown cursor means the first page, because
    /// old command lines send a number there by mistake.
    pub fn page(&self, default_order: Order) -> Page {
        let per_page = self.per_page.as_deref().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_PER_PAGE);
        let order = match self.order.as_deref() {
            Some(text) if text.eq_ignore_ascii_case("asc") => Order::Ascending,
            Some(text) if text.eq_ignore_ascii_case("desc") => Order::Descending,
            _ => default_order,
        };
        let after = self.next_page_after.as_deref().and_then(read_cursor);
        Page { per_page: per_page.clamp(1, MAX_PER_PAGE), order, after }
    }
}

impl Page {
    /// The SQL operator between a row's sequence number and the cursor.
    pub fn comparison(&self) -> &'static str {
        match self.order {
            Order::Ascending => ">",
            Order::Descending => "<",
        }
    }

    /// The SQL direction of `ORDER BY`.
    pub fn direction(&self) -> &'static str {
        match self.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        }
    }

    /// The cursor to bind; on the first page a value before every row.
    pub fn cursor(&self) -> i64 {
        self.after.unwrap_or(match self.order {
            Order::Ascending => i64::MIN,
            Order::Descending => i64::MAX,
        })
    }

    /// The limit to bind: one more than a page, to learn whether another follows.
    pub fn limit(&self) -> i64 {
        self.per_page + 1
    }

    /// Truncates `rows` to the page, and returns the cursor of the next one if there is one.
    pub fn cut<T>(&self, mut rows: Vec<T>, sequence: impl Fn(&T) -> i64) -> (Vec<T>, Option<String>) {
        let size = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(|row| write_cursor(sequence(row)));
        (rows, next)
    }
}

/// Most of what the rows of one reply may weigh, in bytes of the reply: clients read replies up to some size.
pub const PAGE_BYTES: usize = 16 * 1024 * 1024;

impl Page {
    /// The rows that can be on the page, without the one behind it.
    pub fn shown<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let per_page = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        rows.get(..per_page).unwrap_or(rows)
    }

    /// As [`Page::cut`]. The page ends sooner where its rows would weigh more than [`PAGE_BYTES`]; it has one at least.
    pub fn cut_by_weight<T>(
        &self,
        mut rows: Vec<T>,
        sequence: impl Fn(&T) -> i64,
        weight: impl Fn(&T) -> usize,
    ) -> (Vec<T>, Option<String>) {
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += weight(row);
            bytes <= PAGE_BYTES
        });
        let fitting = fitting.count().max(1);
        if fitting >= rows.len() {
            return self.cut(rows, sequence);
        }
        rows.truncate(fitting.min(usize::try_from(self.per_page).unwrap_or(usize::MAX)));
        let next = rows.last().map(|row| write_cursor(sequence(row)));
        (rows, next)
    }
}

fn write_cursor(sequence: i64) -> String {
    Base64UrlUnpadded::encode_string(format!("after:{sequence}").as_bytes())
}

fn read_cursor(cursor: &str) -> Option<i64> {
    let bytes = Base64UrlUnpadded::decode_vec(cursor).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("after:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    fn page(query: &str) -> Page {
        Query::<PageParams>::parse(query).unwrap().0.page(Order::Ascending)
    }

    #[test]
    fn a_full_page_with_more_behind_it_names_the_next() {
        let (rows, next) = page("per_page=2").cut(vec![1, 2, 3], |row| *row);
        assert_eq!(rows, [1, 2]);
        let second = page(&format!("per_page=2&next_page_after={}", next.unwrap()));
        assert_eq!(second.cursor(), 2);
        assert_eq!(second.cut(vec![3], |row| *row), (vec![3], None));
    }

    #[test]
    fn a_page_ends_before_it_is_too_heavy_and_has_one_row_at_least() {
        let cut = |query: &str, weights: &[usize]| {
            let rows: Vec<usize> = (0..weights.len()).collect();
            let sequence = |row: &usize| i64::try_from(*row).unwrap();
            let (rows, next) = page(query).cut_by_weight(rows, sequence, |row| weights[*row]);
            (rows.len(), next.is_some())
        };
        let half = PAGE_BYTES / 2;
        assert_eq!(cut("", &[half, half]), (2, false));
        assert_eq!(cut("", &[half, half, 1]), (2, true));
        assert_eq!(cut("", &[2 * PAGE_BYTES, 1]), (1, true));
        assert_eq!(cut("", &[2 * PAGE_BYTES]), (1, false));
        assert_eq!(cut("per_page=1", &[half, half, 1]), (1, true));
        assert_eq!(cut("", &[]), (0, false));
    }

    #[test]
    fn an_unknown_cursor_is_the_start() {
        for cursor in ["5", "nonsense", "YWZ0ZXI6eA"] {
            assert_eq!(page(&format!("next_page_after={cursor}")).cursor(), i64::MIN, "{cursor}");
        }
    }

    #[test]
    fn the_size_of_a_page_has_bounds() {
        assert_eq!(page("").per_page, 200);
        assert_eq!(page("per_page=0").per_page, 1);
        assert_eq!(page("per_page=99999999").per_page, 1000);
    }
}
