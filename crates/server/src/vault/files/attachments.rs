//! Attachments: making one of what was uploaded, reading where it is, deleting it (docs/protocol/http-api.md §12.4).

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use vaultshare::api::{
    PageMeta,
    vault::attachments::{Attachment, AttachmentResponse, BlobUrl, NewAttachmentRequest},
};

use super::{
    reading,
    signed_urls::{self, Permission},
    uploading,
};
use crate::{
    auth::Session,
    error::{Code, Error, Result},
    own_address::OwnAddress,
    pagination::{Order, PageParams},
    query::{self, Query},
    request::{Body, Path},
    service::Service,
    store::new_id,
    vault::{
        Vault,
        records::{
            attachments::{self, AttachmentRow, byte_count},
            blobs::{self, BlobRow, MAIN},
        },
    },
};

/// Makes an attachment of a file and of what its blocks are decrypted with.
#[utoipa::path(
    post, path = "/direct/attachments",
    request_body = NewAttachmentRequest,
    responses((status = 201, body = AttachmentResponse), (status = 404), (status = 409)),
)]
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    Body(NewAttachmentRequest { blob }): Body<NewAttachmentRequest>,
) -> Result<(StatusCode, Json<AttachmentResponse>)> {
    let (main_id, artifact_id) = (number(blob.blob_id)?, number(blob.encrypted_artifact_blob_id)?);
    let mut tx = vault.store().write().await?;
    let main = find_committed(&mut tx, (main_id, &blob.blob_key), &session.user_id).await?;
    let artifact = find_committed(&mut tx, (artifact_id, &blob.encrypted_artifact_blob_key), &session.user_id).await?;
    if main.id == artifact.id {
        let message = "A file and what its blocks are decrypted with are two uploads";
        return Err(Error::refused(Code::InvalidField, message).at("blob.encrypted_artifact_blob_id"));
    }
    let row = match &main.attachment_id {
        // The reply to the first request did not arrive.
        Some(id) if main.part.as_deref() == Some(MAIN) && artifact.attachment_id.as_ref() == Some(id) => {
            attachments::find_own(&mut tx, id, &session.user_id).await?
        }
        _ => {
            uploading::check_unattached(&main)?;
            uploading::check_unattached(&artifact)?;
            let id = new_id();
            let parts = (main.id, Some(artifact.id));
            attachments::insert(&mut tx, &id, &session.user_id, parts, vault.clock()).await?;
            attachments::find_own(&mut tx, &id, &session.user_id).await?
        }
    };
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(AttachmentResponse { attachment: with_urls(&vault, &own, row)? })))
}

fn number(id: u64) -> Result<i64> {
    i64::try_from(id).map_err(|_| blobs::not_found())
}

/// The user's blob of this id and key, once its blocks are in order.
async fn find_committed(db: &mut sqlx::AnyConnection, (id, key): (i64, &str), user_id: &str) -> Result<BlobRow> {
    let blob = blobs::find_own(db, id, user_id).await?;
    if blob.key != key {
        return Err(blobs::not_found());
    }
    match blob.size {
        Some(_) => Ok(blob),
        None => Err(Error::refused(Code::UploadUnfinished, "The list of the upload's blocks has not come")),
    }
}

/// As it is shown by itself: with where it can be read, for a while.
pub(super) fn with_urls(vault: &Vault, own: &OwnAddress, row: AttachmentRow) -> Result<Attachment> {
    let url = |key: &str| signed_urls::url(vault, own, key, Permission::Read);
    let main = BlobUrl {
        filename: row.filename.clone(),
        content_type: row.content_type.clone(),
        bytesize: byte_count(row.bytes),
        url: url(&row.main_key)?,
    };
    let artifact = row.artifact_key.as_deref().map(|key| {
        Ok::<_, Error>(BlobUrl {
            filename: row.artifact_filename.clone().unwrap_or_default(),
            content_type: row.artifact_content_type.clone().unwrap_or_default(),
            bytesize: byte_count(row.artifact_bytes),
            url: url(key)?,
        })
    });
    let encryption_artifact = artifact.transpose()?;
    Ok(Attachment { main: Some(main), encryption_artifact, ..row.wire()? })
}

async fn find_readable(vault: &Vault, session: &Session, id: &str) -> Result<AttachmentRow> {
    let mut db = vault.store().read_once().await?;
    attachments::find_readable(&mut db, id, &session.user_id, vault.clock().now()).await
}

/// One attachment, of one's own or of a slot that one may read, with where its bytes are.
#[utoipa::path(get, path = "/direct/attachments/{id}", responses((status = 200, body = AttachmentResponse)))]
pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    Path(id): Path,
) -> Result<Json<AttachmentResponse>> {
    let row = find_readable(&vault, &session, &id).await?;
    Ok(Json(AttachmentResponse { attachment: with_urls(&vault, &own, row)? }))
}

/// The query parameter of `GET /direct/attachments/{id}/download_url`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::vault) struct DownloadParams {
    /// `encryption_artifact_file` for what the file's blocks are decrypted with; anything else for the file.
    #[serde(rename = "type", deserialize_with = "query::text")]
    part: Option<String>,
}

/// Reply of `GET /direct/attachments/{id}/download_url`.
#[derive(Serialize, JsonSchema)]
pub(in crate::vault) struct DownloadUrlResponse {
    /// Of the part that was asked for.
    attachment_direct_download_url: DownloadUrl,
}

/// Where a part of an attachment is.
#[derive(Serialize, JsonSchema)]
struct DownloadUrl {
    /// For people; not encrypted.
    filename: String,
    /// The media type.
    content_type: String,
    /// The length.
    byte_size: Option<u64>,
    /// Absolute, and ends within hours.
    url: String,
}

vaultshare::describe!(SENT: DownloadUrlResponse);

/// Where the file is, or what its blocks are decrypted with.
#[utoipa::path(
    get, path = "/direct/attachments/{id}/download_url",
    params(DownloadParams),
    responses((status = 200, body = DownloadUrlResponse)),
)]
pub(in crate::vault) async fn download_url(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    Path(id): Path,
    Query(params): Query<DownloadParams>,
) -> Result<Json<DownloadUrlResponse>> {
    let attachment = with_urls(&vault, &own, find_readable(&vault, &session, &id).await?)?;
    let part = match params.part.as_deref() {
        Some("encryption_artifact_file") => attachment.encryption_artifact,
        _ => attachment.main,
    };
    let BlobUrl { filename, content_type, bytesize, url } = part.ok_or_else(attachments::not_found)?;
    let attachment_direct_download_url = DownloadUrl { filename, content_type, byte_size: bytesize, url };
    Ok(Json(DownloadUrlResponse { attachment_direct_download_url }))
}

/// Deletes an own attachment with its bytes. Slots that stand for it stay, without one.
#[utoipa::path(delete, path = "/direct/attachments/{id}", responses((status = 204)))]
pub(in crate::vault) async fn delete(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    attachments::find_own(&mut tx, &id, &session.user_id).await?;
    attachments::delete(&mut tx, &id, vault.clock().now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reply of `GET /attachments`.
#[derive(Serialize, JsonSchema)]
pub(in crate::vault) struct AttachmentsResponse {
    /// Without where their bytes are.
    attachments: Vec<Attachment>,
    /// The cursor of the next page; null at the end.
    next_page_after: Option<String>,
    /// About the page.
    meta: Vec<PageMeta>,
}

vaultshare::describe!(SENT: AttachmentsResponse);

/// The user's own attachments, newest first.
#[utoipa::path(get, path = "/attachments", params(PageParams), responses((status = 200, body = AttachmentsResponse)))]
pub(in crate::vault) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
) -> Result<Json<AttachmentsResponse>> {
    let page = page.page(Order::Descending);
    let rows = attachments::list(&mut *vault.store().read_once().await?, &session.user_id, &page).await?;
    let (rows, next_page_after) = page.cut(rows, |row| row.sequence);
    let attachments = rows.into_iter().map(AttachmentRow::wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(AttachmentsResponse { attachments, next_page_after, meta }))
}

/// The bytes of a file, for clients of old. One in blocks is as it is stored.
#[utoipa::path(
    get, path = "/attachments/{id}/download",
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = 206, body = String, content_type = "application/octet-stream"),
        (status = 416),
    ),
)]
pub(in crate::vault) async fn download(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
    headers: axum::http::HeaderMap,
) -> Result<Response> {
    let row = find_readable(&vault, &session, &id).await?;
    Ok(reading::reply(&vault, &row.main_key, headers.get(axum::http::header::RANGE)).await?.into_response())
}
