use serde::de::DeserializeOwned;

use crate::{
    api::{
        PageQuery,
        vault::{
            self, classification_nodes::NodesResponse, client_tasks::ClientTasksResponse,
            connections::ConnectionsResponse, invitations::InvitationsResponse, items::ItemsResponse,
            shares::SharesResponse,
        },
    },
    error::{Error, ErrorCode, Result},
    http::{Reply, Response, TransportFuture, deserialize},
};

/// How many pages a walk through all of them reads at the most; a server that always has one more is not followed.
const MOST_PAGES: usize = 10_000;

/// One page of a list, or the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The records.
    pub entries: Vec<T>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// How many records a page holds; the server's default where absent.
    pub per_page: Option<u32>,
    /// The cursor of the page; the first where absent.
    pub after: Option<String>,
    /// Follow the cursors and give everything from there on.
    pub all: bool,
}

/// A list as the server answers with it, a page at a time.
pub(super) trait Listed {
    type Entry;

    /// The records, and the cursor of the next page.
    fn into_entries(self) -> Result<(Vec<Self::Entry>, Option<String>)>;
}

/// Fetches one page, or page after page until the last.
pub(super) async fn fetch_pages<'service, R: Listed + DeserializeOwned>(
    request: &PageRequest,
    fetch: &dyn Fn(&PageQuery) -> Reply<'service, R>,
) -> Result<Page<R::Entry>> {
    let mut entries = Vec::new();
    let send = |query: &PageQuery| fetch(query).into_exchange();
    let mut keep = |response: Response| {
        let (mut more, next) = deserialize::<R>(&response, None)?.into_entries()?;
        entries.append(&mut more);
        Ok(next)
    };
    let next = walk(request, &send, &mut keep).await?;
    Ok(Page { entries, next })
}

/// Goes through a list, and gives the cursor of the page before which it stopped. Apart from what is listed, so that it is
/// compiled once.
async fn walk<'service>(
    request: &PageRequest,
    send: &dyn Fn(&PageQuery) -> TransportFuture<'service, Result<Response>>,
    keep: &mut dyn FnMut(Response) -> Result<Option<String>>,
) -> Result<Option<String>> {
    let mut walk = Walk::new(request);
    loop {
        let next = keep(send(&walk.query).await?)?;
        if let Some(next) = walk.ends_before(next)? {
            return Ok(next);
        }
    }
}

/// The way through a list.
struct Walk {
    query: PageQuery,
    all: bool,
    pages: usize,
}

impl Walk {
    fn new(request: &PageRequest) -> Self {
        let query = PageQuery { per_page: request.per_page, next_page_after: request.after.clone() };
        Walk { query, all: request.all, pages: 0 }
    }

    /// Goes on to the next page. `Some` where the walk ends, with the cursor of the page before which it does.
    fn ends_before(&mut self, next: Option<String>) -> Result<Option<Option<String>>> {
        if !self.all || next.is_none() {
            return Ok(Some(next));
        }
        self.pages += 1;
        if self.pages == MOST_PAGES || self.query.next_page_after == next {
            return Err(Error::new(ErrorCode::BadResponse, "the server's list never ends"));
        }
        self.query.next_page_after = next;
        Ok(None)
    }
}

/// A response that has its records in one field.
macro_rules! listed {
    ($($response:ty: $field:ident of $entry:ty,)*) => {$(
        impl Listed for $response {
            type Entry = $entry;

            fn into_entries(self) -> Result<(Vec<Self::Entry>, Option<String>)> {
                Ok((self.$field, self.next_page_after))
            }
        }
    )*};
}
listed! {
    ItemsResponse: items of vault::items::Item,
    SharesResponse: shares of vault::shares::Share,
    InvitationsResponse: invitations of vault::invitations::Invitation,
    ConnectionsResponse: connections of vault::connections::Connection,
    NodesResponse: classification_nodes of vault::items::ClassificationNode,
    ClientTasksResponse: client_tasks of vault::client_tasks::ClientTask,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(all: bool, cursors: &[Option<&str>]) -> Vec<Option<Option<String>>> {
        let mut walk = Walk::new(&PageRequest { all, ..PageRequest::default() });
        cursors.iter().map(|next| walk.ends_before(next.map(str::to_owned)).unwrap()).collect()
    }

    #[test]
    fn one_page_ends_before_the_next_and_all_pages_before_none() {
        assert_eq!(walk(false, &[Some("2")]), [Some(Some("2".to_owned()))]);
        assert_eq!(walk(false, &[None]), [Some(None)]);
        assert_eq!(walk(true, &[Some("2"), Some("4"), None]), [None, None, Some(None)]);
    }

    #[test]
    fn a_cursor_that_leads_to_itself_is_not_followed_forever() {
        let mut walk = Walk::new(&PageRequest { all: true, ..PageRequest::default() });
        assert_eq!(walk.ends_before(Some("again".to_owned())).unwrap(), None);
        assert_eq!(walk.ends_before(Some("again".to_owned())).unwrap_err().code(), ErrorCode::BadResponse);
    }

    #[test]
    fn a_list_without_end_is_given_up() {
        let mut walk = Walk::new(&PageRequest { all: true, ..PageRequest::default() });
        let error = (0..=MOST_PAGES).find_map(|page| walk.ends_before(Some(page.to_string())).err());
        assert_eq!(error.unwrap().code(), ErrorCode::BadResponse);
    }
}
