//! Beginning uploads, and what there is of those that go on (docs/protocol/http-api.md §12.2, §12.5).

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use vaultshare::api::vault::attachments::{
    NewUploadRequest, UnfinishedUpload, UnfinishedUploadsResponse, UploadUrl, UploadUrlResponse,
};

use super::{
    signed_urls::{self, Permission},
    uploading::{self, Named},
};
use crate::{
    auth::Session,
    error::{Error, Result},
    own_address::OwnAddress,
    request::{Body, Path},
    service::Service,
    vault::{Vault, records::blobs},
};

/// How many uploads are listed.
const LISTED: i64 = 20;

/// How many blocks they have together, of which each is an entry: clients read replies up to some size.
const LISTED_BLOCKS: i64 = 100_000;

/// Begins the upload of a file, or of what its blocks are decrypted with.
#[utoipa::path(
    post, path = "/direct/attachments/upload_url",
    request_body = NewUploadRequest,
    responses((status = 201, body = UploadUrlResponse), (status = 403), (status = 413), (status = 429)),
)]
pub(in crate::vault) async fn begin(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    Body(NewUploadRequest { blob }): Body<NewUploadRequest>,
) -> Result<(StatusCode, Json<UploadUrlResponse>)> {
    let named = Named {
        filename: &blob.filename,
        content_type: &blob.content_type,
        encrypted_resume: blob.encrypted_resume.as_deref(),
        bytes: blob.byte_size.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
    };
    let (id, key) = uploading::begin(&vault, &session.user_id, named).await?;
    let url = signed_urls::url(&vault, &own, &key, Permission::Write)?;
    let attachment_direct_upload_url = UploadUrl { blob_id: wire_id(id)?, blob_key: key, url };
    Ok((StatusCode::CREATED, Json(UploadUrlResponse { attachment_direct_upload_url })))
}

fn wire_id(id: i64) -> Result<u64> {
    u64::try_from(id).map_err(Error::fault)
}

/// Uploads that can go on, newest first.
#[utoipa::path(get, path = "/direct/attachments/uploads", responses((status = 200, body = UnfinishedUploadsResponse)))]
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
) -> Result<Json<UnfinishedUploadsResponse>> {
    let mut db = vault.store().read().await?;
    let mut rows = blobs::find_unfinished(&mut db, &session.user_id, LISTED).await?;
    let mut blocks = 0;
    let fitting = rows.iter().take_while(|row| {
        blocks += row.blocks;
        blocks <= LISTED_BLOCKS
    });
    rows.truncate(fitting.count().max(1));
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let mut blocks: HashMap<String, Vec<String>> = HashMap::new();
    for (key, block_id) in blobs::block_ids(&mut db, &keys).await? {
        blocks.entry(key).or_default().push(block_id);
    }
    let upload = |row: blobs::BlobRow| {
        Ok(UnfinishedUpload {
            blob_id: wire_id(row.id)?,
            url: signed_urls::url(&vault, &own, &row.key, Permission::Write)?,
            encrypted_resume: row.encrypted_resume.unwrap_or_default(),
            blocks: blocks.remove(&row.key).unwrap_or_default(),
            blob_key: row.key,
        })
    };
    Ok(Json(UnfinishedUploadsResponse { uploads: rows.into_iter().map(upload).collect::<Result<_>>()? }))
}

/// Gives up an upload.
#[utoipa::path(delete, path = "/direct/attachments/uploads/{blob_id}", responses((status = 204), (status = 409)))]
pub(in crate::vault) async fn abandon(
    State(vault): State<Vault>,
    session: Session,
    Path(blob_id): Path,
) -> Result<StatusCode> {
    let id = blob_id.parse().map_err(|_| blobs::not_found())?;
    let blob = blobs::find_own(&mut *vault.store().read_once().await?, id, &session.user_id).await?;
    uploading::abandon(&vault, &blob.key).await?;
    Ok(StatusCode::NO_CONTENT)
}
