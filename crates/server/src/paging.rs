//! Paging by cursor (http-api §1.5): each page begins behind the last row of the one before, which a database finds in
//! the same time on the first page and on the thousandth, and which misses and repeats nothing when rows come and go.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::request::Parameters;

const PER_PAGE: i64 = 200;
const MOST_PER_PAGE: i64 = 1000;

/// Oldest or newest first.
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
    /// How many rows at most.
    pub per_page: i64,
    /// Which way.
    pub order: Order,
    after: Option<i64>,
}

impl Page {
    /// Reads `per_page`, `next_page_after` and `order`. An unknown cursor means the start: old command lines send a
    /// number there by mistake.
    pub fn of(parameters: &Parameters, usual: Order) -> Self {
        let per_page = parameters.one("per_page").and_then(|text| text.parse().ok()).unwrap_or(PER_PAGE);
        let order = match parameters.one("order") {
            Some(text) if text.eq_ignore_ascii_case("asc") => Order::Ascending,
            Some(text) if text.eq_ignore_ascii_case("desc") => Order::Descending,
            _ => usual,
        };
        let after = parameters.one("next_page_after").and_then(read_cursor);
        Self { per_page: per_page.clamp(1, MOST_PER_PAGE), order, after }
    }

    /// How the sequence numbers of this page compare to the cursor.
    pub fn comparison(&self) -> &'static str {
        match self.order {
            Order::Ascending => ">",
            Order::Descending => "<",
        }
    }

    /// Which way the rows of this page are ordered.
    pub fn direction(&self) -> &'static str {
        match self.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        }
    }

    /// The cursor to bind: without one, a value that every row is behind.
    pub fn cursor(&self) -> i64 {
        self.after.unwrap_or(match self.order {
            Order::Ascending => i64::MIN,
            Order::Descending => i64::MAX,
        })
    }

    /// The limit to bind.
    pub fn limit(&self) -> i64 {
        self.per_page + 1
    }

    /// Cuts `rows` to the page and says where the next one begins, if there is one.
    pub fn cut<T>(&self, mut rows: Vec<T>, sequence: impl Fn(&T) -> i64) -> (Vec<T>, Option<String>) {
        let size = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(|row| write_cursor(sequence(row)));
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

    fn page(query: &str) -> Page {
        Page::of(&Parameters::parse(query), Order::Ascending)
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
