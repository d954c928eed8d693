use serde::{Deserialize, Serialize};

use crate::http::RequestBuilder;

/// What a list's `meta` says (`docs/protocol/http-api.md` §0, rule 1): the wire wants an array that holds one of these.
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

/// Which page of a list is wanted (`docs/protocol/http-api.md` §1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// How many records at the most; the server's default where absent (200).
    pub per_page: Option<u32>,
    /// The cursor that the page before gave as `next_page_after`; the first page where absent.
    pub next_page_after: Option<String>,
}

impl PageQuery {
    /// The request of this page of a list.
    pub(crate) fn of<'a>(&self, request: RequestBuilder<'a>) -> RequestBuilder<'a> {
        let per_page = self.per_page.map(|number| number.to_string());
        request
            .query_if_any("per_page", per_page.as_deref())
            .query_if_any("next_page_after", self.next_page_after.as_deref())
    }
}
