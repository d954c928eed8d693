use std::{cell::RefCell, future::Future, pin::Pin};

use crate::{
    api::PageQuery,
    error::{Error, ErrorCode, Result},
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

/// A page's records and the cursor of the next one.
type Fetched<T> = Result<(Vec<T>, Option<String>)>;

/// Fetches one page, or page after page until the last.
pub(super) async fn fetch_pages<T, F, P>(request: &PageRequest, fetch: F) -> Result<Page<T>>
where
    F: Fn(PageQuery) -> P,
    P: Future<Output = Fetched<T>>,
{
    let entries = RefCell::new(Vec::new());
    let fetch_into_entries = |query| -> Pin<Box<dyn Future<Output = Result<Option<String>>> + '_>> {
        let page = fetch(query);
        let entries = &entries;
        Box::pin(async move {
            let (more, next) = page.await?;
            entries.borrow_mut().extend(more);
            Ok(next)
        })
    };
    let next = follow_cursors(request, &fetch_into_entries).await?;
    Ok(Page { entries: entries.into_inner(), next })
}

/// What fetches a page and gives the cursor of the next.
type FetchPage<'a> = dyn Fn(PageQuery) -> Pin<Box<dyn Future<Output = Result<Option<String>>> + 'a>> + 'a;

/// Fetches the pages that are wanted, and gives the cursor of the one after them. Apart from what it fetches, so that it
/// is compiled once.
async fn follow_cursors(request: &PageRequest, fetch: &FetchPage<'_>) -> Result<Option<String>> {
    let mut query = PageQuery { per_page: request.per_page, next_page_after: request.after.clone() };
    let mut next = fetch(query.clone()).await?;
    if !request.all {
        return Ok(next);
    }
    let mut pages = 1;
    while let Some(cursor) = next {
        if pages == MOST_PAGES || query.next_page_after.as_ref() == Some(&cursor) {
            return Err(Error::new(ErrorCode::BadResponse, "the server's list never ends"));
        }
        pages += 1;
        query.next_page_after = Some(cursor);
        next = fetch(query.clone()).await?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn numbers(query: PageQuery) -> impl Future<Output = Result<(Vec<u32>, Option<String>)>> {
        let start: u32 = query.next_page_after.map_or(0, |cursor| cursor.parse().unwrap());
        let next = (start < 4).then(|| (start + 2).to_string());
        std::future::ready(Ok((vec![start, start + 1], next)))
    }

    #[test]
    fn one_page_comes_with_its_cursor_and_all_pages_without() {
        let one = fetch_pages(&PageRequest::default(), numbers).now_or_never().unwrap().unwrap();
        assert_eq!(one, Page { entries: vec![0, 1], next: Some("2".to_owned()) });

        let all = PageRequest { all: true, ..PageRequest::default() };
        let all = fetch_pages(&all, numbers).now_or_never().unwrap().unwrap();
        assert_eq!(all, Page { entries: (0..6).collect(), next: None });
    }

    #[test]
    fn a_cursor_that_leads_to_itself_is_not_followed_forever() {
        let all = PageRequest { all: true, ..PageRequest::default() };
        let circular = |_| std::future::ready(Ok((vec![1], Some("again".to_owned()))));
        let error = fetch_pages(&all, circular).now_or_never().unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadResponse);
    }
}
