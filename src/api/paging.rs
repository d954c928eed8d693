use serde::{Deserialize, Serialize};

use crate::http::RequestBuilder;

/// A list's `meta`: the wire wants an array of exactly one of these (`docs/protocol/http-api.md` §0, rule 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PageMeta {
    /// Whether there is a page behind `next_page_after`; false exactly when that is null.
    pub next_page_exists: bool,
}

impl PageMeta {
    /// The `meta` of a page whose next one has this cursor; `None` on the last page.
    pub fn of(next_page_after: Option<&str>) -> Vec<PageMeta> {
        vec![PageMeta { next_page_exists: next_page_after.is_some() }]
    }
}

/// Cursor pagination: which page of a list is wanted (`docs/protocol/http-api.md` §1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Most records on the page; `None`: the server's default (200).
    pub per_page: Option<u32>,
    /// The pagination cursor that the page before gave, opaque; `None`: the first page.
    pub next_page_after: Option<String>,
}

impl PageQuery {
    /// Adds the query parameters of this page to the request for a list.
    pub(crate) fn of<'a>(&self, request: RequestBuilder<'a>) -> RequestBuilder<'a> {
        let per_page = self.per_page.map(|number| number.to_string());
        request
            .query_if_any("per_page", per_page.as_deref())
            .query_if_any("next_page_after", self.next_page_after.as_deref())
    }
}
