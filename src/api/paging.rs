use serde::{Deserialize, Serialize};

/// What a list's `meta` says (`protocol/http-api.md` §0, rule 1): the wire wants an array that holds one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMeta {
    /// Whether `next_page_after` leads to another page.
    pub next_page_exists: bool,
}

impl PageMeta {
    /// The `meta` of a page with that cursor to the next one.
    pub fn of(next_page_after: Option<&str>) -> Vec<PageMeta> {
        vec![PageMeta { next_page_exists: next_page_after.is_some() }]
    }
}

/// Which page of a list is wanted (`protocol/http-api.md` §1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// How many records at the most; the server's default where absent (200).
    pub per_page: Option<u32>,
    /// The cursor that the page before gave as `next_page_after`; the first page where absent.
    pub next_page_after: Option<String>,
}

impl PageQuery {
    /// The query parameters of this page, to be appended to a list's own.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let per_page = self.per_page.map(|number| ("per_page", number.to_string()));
        let cursor = self.next_page_after.clone().map(|cursor| ("next_page_after", cursor));
        per_page.into_iter().chain(cursor)
    }
}
