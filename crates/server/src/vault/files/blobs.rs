//! What the URLs of blobs lead to, as the protocol of the platform's storage has it: blocks, the list that commits them, and
//! reading (docs/protocol/http-api.md §12.3). Clients send no session here.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::RANGE},
    response::Response,
};
use base64ct::{Base64, Encoding};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    reading,
    signed_urls::{self, Permission},
    uploading,
};
use crate::{
    auth,
    bounds::{BLOB_BLOCKS, BLOCK_ID},
    error::{Code, Error, Result},
    query::{self, Query},
    request::{self, Path},
    service::Service,
    vault::{Vault, records::blobs},
    work::Reservation,
};

/// The query parameters of a blob's URL.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::vault) struct BlobParams {
    /// What permits the request.
    #[serde(deserialize_with = "query::text")]
    signature: Option<String>,
    /// Until when, in seconds since 1970.
    #[serde(deserialize_with = "query::text")]
    expires: Option<String>,
    /// `block` or `blocklist`, in a `PUT`.
    #[serde(deserialize_with = "query::text")]
    comp: Option<String>,
    /// The block, by an id that the client chooses: base64 of at most 64 bytes.
    #[serde(deserialize_with = "query::text")]
    blockid: Option<String>,
}

impl BlobParams {
    fn check(&self, vault: &Vault, key: &str, permission: Permission) -> Result<()> {
        signed_urls::check(vault, key, permission, self.signature.as_deref(), self.expires.as_deref())
    }
}

/// Stores a block (`comp=block`), or makes a file of the blocks that are stored (`comp=blocklist`).
#[utoipa::path(
    put, path = "/blobs/{key}",
    params(BlobParams),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201), (status = 403), (status = 409)),
    security(()),
)]
pub(in crate::vault) async fn put(
    State(vault): State<Vault>,
    Path(key): Path,
    Query(params): Query<BlobParams>,
    request: Request,
) -> Result<StatusCode> {
    params.check(&vault, &key, Permission::Write)?;
    let mut db = vault.store().read().await?;
    let blob = blobs::find(&mut db, &key).await?;
    if auth::is_disabled(&mut db, &blob.user_id).await? {
        return Err(auth::user_disabled());
    }
    drop(db);
    let reservation = request.extensions().get::<Reservation>().cloned().unwrap_or_default();
    vault.work().wait_for_turn(&reservation, &blob.user_id).await?;
    match params.comp.as_deref() {
        Some("block") => {
            uploading::check_unattached(&blob)?;
            let id = params.blockid.as_deref().ok_or_else(|| Error::missing("blockid"))?;
            let id = block_id(id)?;
            let bytes = request::read(request, &vault).await?;
            uploading::store_block(&vault, &key, &id, bytes).await?;
        }
        Some("blocklist") => {
            let bytes = request::read(request, &vault).await?;
            let ids = vault.work().requests.run(move || block_list(&bytes)).await??;
            uploading::commit(&vault, &key, &ids).await?;
        }
        _ => return Err(Error::refused(Code::InvalidQuery, "must be block or blocklist").at("comp")),
    }
    Ok(StatusCode::CREATED)
}

/// An id in one form, whichever it came in: some clients send it without escaping, so that a plus sign is read as a space.
fn block_id(text: &str) -> Result<String> {
    let invalid = || Error::refused(Code::InvalidBlockId, format!("is base64 of 1 to {BLOCK_ID} bytes")).at("blockid");
    let text = text.trim_end_matches(['\r', '\n']).replace(' ', "+");
    let bytes = Base64::decode_vec(&text).map_err(|_| invalid())?;
    if !(1..=BLOCK_ID).contains(&bytes.len()) {
        return Err(invalid());
    }
    Ok(text)
}

/// `<BlockList><Latest>…</Latest></BlockList>`.
#[derive(Deserialize)]
struct BlockList {
    #[serde(rename = "$value", default)]
    blocks: Vec<Listed>,
}

/// A block, of those that were committed before or not. Here every block is of both.
#[derive(Deserialize)]
enum Listed {
    Latest(String),
    Committed(String),
    Uncommitted(String),
}

fn block_list(bytes: &[u8]) -> Result<Vec<String>> {
    // The library's own message quotes the list.
    let list: BlockList = quick_xml::de::from_reader(bytes)
        .map_err(|_| Error::refused(Code::InvalidBlockList, "The body is no list of blocks"))?;
    if list.blocks.len() > BLOB_BLOCKS {
        return Err(Error::refused(Code::TooManyValues, format!("A file has at most {BLOB_BLOCKS} blocks")));
    }
    let id = |listed: &Listed| match listed {
        Listed::Latest(id) | Listed::Committed(id) | Listed::Uncommitted(id) => block_id(id.trim()),
    };
    list.blocks.iter().map(id).collect()
}

/// The bytes, or with `Range` or `x-ms-range` one range of them.
#[utoipa::path(
    get, path = "/blobs/{key}",
    params(BlobParams),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = 206, body = String, content_type = "application/octet-stream"),
        (status = 403),
        (status = 416),
    ),
    security(()),
)]
pub(in crate::vault) async fn get(
    State(vault): State<Vault>,
    Path(key): Path,
    Query(params): Query<BlobParams>,
    headers: HeaderMap,
) -> Result<Response> {
    params.check(&vault, &key, Permission::Read)?;
    // The platform's own header goes before.
    let range = headers.get("x-ms-range").or(headers.get(RANGE));
    reading::reply(&vault, &key, range).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_base64_however_it_was_escaped() {
        for (sent, read) in [("QUFB", "QUFB"), ("+/+/", "+/+/"), (" / /", "+/+/"), ("QQ==", "QQ==")] {
            assert_eq!(block_id(sent).unwrap(), read);
        }
        for sent in ["", "Q", "QQ=", "<a>", "a.b", &"QUFB".repeat(22)] {
            assert!(block_id(sent).is_err(), "{sent}");
        }
    }

    #[test]
    fn a_list_has_its_order_and_an_end() {
        let list = |text: &str| block_list(text.as_bytes());
        let mixed = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList><Latest>Qg==</Latest>\n\
            <Uncommitted>QQ==</Uncommitted><Committed>Qw==</Committed></BlockList>";
        assert_eq!(list(mixed).unwrap(), ["Qg==", "QQ==", "Qw=="]);
        assert!(list("<BlockList></BlockList>").unwrap().is_empty());
        assert!(list("<BlockList/>").unwrap().is_empty());
        for wrong in [
            "",
            "{}",
            "<BlockList>",
            "<BlockList><Latest>secret</Latest></BlockList>",
            "<BlockList><Other>QQ==</Other></BlockList>",
            "<!DOCTYPE a [<!ENTITY e \"QQ==\">]><BlockList><Latest>&e;</Latest></BlockList>",
            "\u{0}",
        ] {
            let refused = list(wrong).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert!(block_list(b"<BlockList><Latest>\xff</Latest></BlockList>").is_err());
        let long = |count: usize| format!("<BlockList>{}</BlockList>", "<Latest>QQ==</Latest>".repeat(count));
        assert_eq!(list(&long(BLOB_BLOCKS)).unwrap().len(), BLOB_BLOCKS);
        assert!(list(&long(BLOB_BLOCKS + 1)).is_err());
    }
}
