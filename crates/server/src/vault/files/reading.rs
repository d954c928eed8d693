//! Sending what a blob has, or a range of it, from its objects as the client takes it: no more of it is in memory than one
//! object's next piece.

use std::{collections::VecDeque, io, ops::Range};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue, StatusCode,
        header::{
            ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        },
    },
    response::{IntoResponse, Response},
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use http_range_header::{EndPosition, StartPosition, parse_range_header};

use crate::{
    error::{Code, Error, Result},
    service::Service,
    vault::{Vault, records::blobs},
};

/// How many blocks are looked up at a time.
const BLOCKS: i64 = 64;

/// A blob that is committed, or the range of it that is asked for. Its bytes are some user's: a browser shows and runs none
/// of them.
pub(super) async fn reply(vault: &Vault, key: &str, range: Option<&HeaderValue>) -> Result<Response> {
    let blob = blobs::find(&mut *vault.store().read_once().await?, key).await?;
    let size = blob.size.and_then(|size| u64::try_from(size).ok()).ok_or_else(blobs::not_found)?;
    let part = range.map(|range| read_range(range, size));
    let (status, part) = match part {
        None => (StatusCode::OK, 0..size),
        Some(Some(part)) => (StatusCode::PARTIAL_CONTENT, part),
        Some(None) => {
            let message = "There is no such range, or there are several: one of bytes is served at a time";
            let refused = Error::refused(Code::RangeNotSatisfiable, message);
            return Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], refused).into_response());
        }
    };
    let mut reader = Reader {
        vault: vault.clone(),
        blob_id: blob.id,
        position: part.start,
        end: part.end,
        blocks: VecDeque::new(),
        pieces: None,
    };
    if !part.is_empty() {
        // What is wrong is best told by the status.
        reader.open_next().await?;
    }
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment"),
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (ACCEPT_RANGES, "bytes"),
    ];
    let length = [(CONTENT_LENGTH, HeaderValue::from(part.end - part.start))];
    let mut reply = (status, headers, length, Body::from_stream(reader.stream())).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        reply.headers_mut().insert(CONTENT_RANGE, HeaderValue::try_from(range).map_err(Error::fault)?);
    }
    Ok(reply)
}

/// The one range that a header has, if the blob has some of it.
fn read_range(header: &HeaderValue, size: u64) -> Option<Range<u64>> {
    let parsed = parse_range_header(header.to_str().ok()?).ok()?;
    let [range] = parsed.ranges.as_slice() else { return None };
    let start = match range.start {
        StartPosition::Index(start) => start,
        StartPosition::FromLast(count) => size.saturating_sub(count),
    };
    let end = match range.end {
        EndPosition::Index(last) => last.saturating_add(1).min(size),
        EndPosition::LastByte => size,
    };
    (start < end).then_some(start..end)
}

struct Reader {
    vault: Vault,
    blob_id: i64,
    position: u64,
    end: u64,
    /// Those that are looked up and come next.
    blocks: VecDeque<blobs::BlockRow>,
    /// Of the block that is being sent.
    pieces: Option<BoxStream<'static, object_store::Result<Bytes>>>,
}

impl Reader {
    fn stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        stream::try_unfold(self, |mut reader| async move {
            let piece = reader.next().await.map_err(|error| {
                tracing::error!(%error, "a file cannot be sent to its end");
                io::Error::other("cut off")
            })?;
            Ok(piece.map(|piece| (piece, reader)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(pieces) = &mut self.pieces {
                if let Some(piece) = pieces.next().await.transpose()? {
                    self.position += u64::try_from(piece.len()).map_err(Error::fault)?;
                    return Ok(Some(piece));
                }
                self.pieces = None;
            }
            if self.position >= self.end {
                return Ok(None);
            }
            self.open_next().await?;
        }
    }

    /// Opens the object in which the position is.
    async fn open_next(&mut self) -> Result<()> {
        if self.blocks.is_empty() {
            let position = i64::try_from(self.position).map_err(Error::fault)?;
            let mut db = self.vault.store().read_once().await?;
            self.blocks = blobs::blocks_from(&mut db, self.blob_id, position, BLOCKS).await?.into();
        }
        let gone = || Error::fault("a block of a file is gone");
        let block = self.blocks.pop_front().ok_or_else(gone)?;
        let begins_at = block.begins_at.and_then(|begins_at| u64::try_from(begins_at).ok()).ok_or_else(gone)?;
        let size = u64::try_from(block.size).map_err(Error::fault)?;
        let start = self.position.checked_sub(begins_at).filter(|start| *start < size).ok_or_else(gone)?;
        let end = size.min(self.end - begins_at);
        self.pieces = Some(self.vault.storage().read(&block.object, start..end).await?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_and_within_the_file() {
        let range = |text: &str| read_range(&HeaderValue::from_str(text).unwrap(), 100);
        for (text, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=90-1000", 90..100),
            ("bytes=90-", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
            ("bytes=0-18446744073709551615", 0..100),
        ] {
            assert_eq!(range(text), Some(expected), "{text}");
        }
        for text in ["bytes=100-", "bytes=100-200", "bytes=5-4", "bytes=-0", "bytes=0-1,3-4", "lines=0-1", "bytes", ""]
        {
            assert_eq!(range(text), None, "{text}");
        }
        assert_eq!(read_range(&HeaderValue::from_static("bytes=0-0"), 0), None);
        assert_eq!(read_range(&HeaderValue::from_static("bytes=-1"), 0), None);
    }
}
