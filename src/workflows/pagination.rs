use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    api::{
        Id, MAX_LIST_LENGTH, PageQuery,
        vault::{
            self, classification_nodes::NodesResponse, client_tasks::ClientTasksResponse,
            connections::ConnectionsResponse, invitations::InvitationsResponse, items::ItemsPage,
            shares::SharesResponse,
        },
    },
    error::{Error, ErrorCode, Result},
    http::{Reply, Response, TransportFuture, deserialize},
};

/// Ends the pagination of a hostile server, which always has one more page.
const MAX_PAGES: usize = 10_000;

/// One page of a list, or all of them joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the server's order.
    pub entries: Vec<T>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
    /// Records that could not be read. They hide none of the others.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Page<T> {
    /// The page with something else made of each entry.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { entries: self.entries.into_iter().map(make).collect(), next: self.next, unreadable: self.unreadable }
    }
}

/// A record of a list that is not what the protocol says, or whose keys and ciphertexts are of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// As the record has it; `None` where that is no id either.
    pub id: Option<Id>,
    /// `BAD_RESPONSE`; for a connection also what its key, key pair or name was refused for.
    pub error: Error,
}

/// Pagination arguments of the list calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Records per page; the server's default where absent.
    pub per_page: Option<u32>,
    /// Cursor of the page; the first where absent.
    pub after: Option<String>,
    /// Follows the cursors to the last page.
    pub all: bool,
}

/// A response with one page of a list.
pub(super) trait ListResponse {
    type Entry;

    /// The entries of a response that could be read as a whole.
    fn into_page(self) -> Page<Self::Entry>;

    /// Each entry by itself, of a response that cannot be read as a whole; `None` where it is no list.
    fn read_each(response: &Response) -> Option<Page<Self::Entry>>;
}

/// The records of one field of a response, each by itself; `None` where that is no list of a length and with a cursor that are
/// believed.
pub(super) fn read_records<T: DeserializeOwned>(response: &Response, field: &str) -> Option<Page<T>> {
    #[derive(Deserialize)]
    struct Identified {
        id: Id,
    }
    let records = deserialize::<Vec<Box<RawValue>>>(response, Some(field)).ok()?;
    if records.len() > MAX_LIST_LENGTH {
        return None;
    }
    #[derive(Deserialize)]
    struct Cursor {
        next_page_after: Option<String>,
    }
    // A cursor that cannot be read would make the list look complete.
    let next = deserialize::<Cursor>(response, None).ok()?.next_page_after;
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for record in *records {
        let record = record.get().as_bytes();
        match serde_json::from_slice(record) {
            Ok(entry) => entries.push(entry),
            Err(_) => {
                let id = serde_json::from_slice(record).ok().map(|Identified { id }| id);
                let error = Error::new(ErrorCode::BadResponse, "a record of the list is not what the protocol says");
                unreadable.push(Unreadable { id, error });
            }
        }
    }
    Some(Page { entries, next, unreadable })
}

/// Puts those of a list's records that are of no use with the other unreadable ones. What concerns more than one record (the
/// connection to the server, the session, a key that changed) fails the list.
pub(super) fn keep_readable<T>(
    results: impl IntoIterator<Item = (Id, Result<T>)>,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<T>> {
    use ErrorCode::{
        BadResponse, DecryptionFailed, MalformedEnvelope, Misplaced, NotFound, UnsupportedAlgorithm, WeakKey,
    };
    let mut entries = Vec::new();
    for (id, result) in results {
        match result {
            Ok(entry) => entries.push(entry),
            Err(error) => match error.code() {
                BadResponse | DecryptionFailed | MalformedEnvelope | Misplaced | NotFound | UnsupportedAlgorithm
                | WeakKey => unreadable.push(Unreadable { id: Some(id), error }),
                _ => return Err(error),
            },
        }
    }
    Ok(entries)
}

/// Fetches one page, or all where `request` says so.
pub(super) async fn fetch_pages<'service, R: ListResponse + DeserializeOwned>(
    request: &PageRequest,
    fetch: &dyn Fn(&PageQuery) -> Reply<'service, R>,
) -> Result<Page<R::Entry>> {
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    let send = |query: &PageQuery| fetch(query).into_exchange();
    let mut keep = |response: Response| {
        let mut page = match deserialize::<R>(&response, None) {
            Ok(read) => read.into_page(),
            Err(error) => R::read_each(&response).ok_or(error)?,
        };
        entries.append(&mut page.entries);
        unreadable.append(&mut page.unreadable);
        Ok(page.next)
    };
    let next = follow_cursors(request, &send, &mut keep).await?;
    Ok(Page { entries, next, unreadable })
}

/// Gives the cursor after the last page that was fetched. Not generic over the entries, so that it is compiled once.
async fn follow_cursors<'service>(
    request: &PageRequest,
    send: &dyn Fn(&PageQuery) -> TransportFuture<'service, Result<Response>>,
    keep: &mut dyn FnMut(Response) -> Result<Option<String>>,
) -> Result<Option<String>> {
    let mut pagination = Pagination::new(request);
    loop {
        let next = keep(send(&pagination.query).await?)?;
        if let Some(next) = pagination.ends_before(next)? {
            return Ok(next);
        }
    }
}

struct Pagination {
    query: PageQuery,
    all: bool,
    pages: usize,
}

impl Pagination {
    fn new(request: &PageRequest) -> Self {
        let query = PageQuery { per_page: request.per_page, next_page_after: request.after.clone() };
        Pagination { query, all: request.all, pages: 0 }
    }

    /// Advances to the next page. `Some` with the remaining cursor where pagination ends.
    fn ends_before(&mut self, next: Option<String>) -> Result<Option<Option<String>>> {
        if !self.all || next.is_none() {
            return Ok(Some(next));
        }
        self.pages += 1;
        if self.pages == MAX_PAGES || self.query.next_page_after == next {
            return Err(Error::new(ErrorCode::BadResponse, "the server's list never ends"));
        }
        self.query.next_page_after = next;
        Ok(None)
    }
}

/// Responses that have their entries in one field.
macro_rules! list_responses {
    ($($response:ty: $field:ident of $entry:ty,)*) => {$(
        impl ListResponse for $response {
            type Entry = $entry;

            fn into_page(self) -> Page<Self::Entry> {
                Page { entries: self.$field, next: self.next_page_after, unreadable: Vec::new() }
            }

            fn read_each(response: &Response) -> Option<Page<Self::Entry>> {
                read_records(response, stringify!($field))
            }
        }
    )*};
}
list_responses! {
    ItemsPage: items of vault::items::Item,
    SharesResponse: shares of vault::shares::Share,
    InvitationsResponse: invitations of vault::invitations::Invitation,
    ConnectionsResponse: connections of vault::connections::Connection,
    NodesResponse: classification_nodes of vault::items::ClassificationNode,
    ClientTasksResponse: client_tasks of vault::client_tasks::ClientTask,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paginate(all: bool, cursors: &[Option<&str>]) -> Vec<Option<Option<String>>> {
        let mut pagination = Pagination::new(&PageRequest { all, ..PageRequest::default() });
        cursors.iter().map(|next| pagination.ends_before(next.map(str::to_owned)).unwrap()).collect()
    }

    #[test]
    fn one_page_ends_before_the_next_and_all_pages_before_none() {
        assert_eq!(paginate(false, &[Some("2")]), [Some(Some("2".to_owned()))]);
        assert_eq!(paginate(false, &[None]), [Some(None)]);
        assert_eq!(paginate(true, &[Some("2"), Some("4"), None]), [None, None, Some(None)]);
    }

    #[test]
    fn a_cursor_that_leads_to_itself_is_not_followed_forever() {
        let mut pagination = Pagination::new(&PageRequest { all: true, ..PageRequest::default() });
        assert_eq!(pagination.ends_before(Some("again".to_owned())).unwrap(), None);
        assert_eq!(pagination.ends_before(Some("again".to_owned())).unwrap_err().code(), ErrorCode::BadResponse);
    }

    #[test]
    fn endless_pagination_is_ended() {
        let mut pagination = Pagination::new(&PageRequest { all: true, ..PageRequest::default() });
        let error = (0..=MAX_PAGES).find_map(|page| pagination.ends_before(Some(page.to_string())).err());
        assert_eq!(error.unwrap().code(), ErrorCode::BadResponse);
    }
}
