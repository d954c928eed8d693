//! Thumbnails of attachments: ciphertexts under the key of the file, which clients make (docs/protocol/http-api.md §12.6).

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use vaultshare::api::vault::thumbnails::Thumbnail;

use super::{
    forms::Form,
    reading,
    signed_urls::{self, Permission},
    uploading::{self, Named},
};
use crate::{
    auth::Session,
    bounds::{SHORT_TEXT, THUMBNAIL},
    error::{Code, Error, Result},
    own_address::OwnAddress,
    request::Path,
    service::Service,
    vault::{
        Vault,
        records::{
            attachments::{self, ThumbnailRow},
            blobs,
        },
    },
};

/// The sizes that there are, each as a JPEG and as a PNG.
const SIZES: [&str; 3] = ["128x128", "256x256", "512x512"];

/// The id of the one block that a thumbnail is.
const BLOCK_ID: &str = "QQ==";

/// Reply of `POST /thumbnails`.
#[derive(Serialize, JsonSchema)]
pub(in crate::vault) struct ThumbnailResponse {
    /// As it is now.
    thumbnail: Thumbnail,
}

/// Reply of `GET /thumbnails/{id}`.
#[derive(Serialize, JsonSchema)]
pub(in crate::vault) struct RedirectResponse {
    /// Where the bytes are. Absolute, and ends within hours.
    redirect_url: String,
}

vaultshare::describe!(SENT: ThumbnailResponse, RedirectResponse);

/// Adds a thumbnail to an own attachment. One of the same size is replaced.
#[utoipa::path(
    post, path = "/thumbnails",
    request_body(content = serde_json::Value, content_type = "multipart/form-data"),
    responses((status = 201, body = ThumbnailResponse), (status = 403), (status = 404), (status = 429)),
)]
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    request: Request,
) -> Result<(StatusCode, Json<ThumbnailResponse>)> {
    let New { attachment_id, size_type, bytes } = receive(Form::of(request).await?).await?;
    attachments::find_own(&mut *vault.store().read_once().await?, &attachment_id, &session.user_id).await?;
    let (blob_id, key) = uploading::begin(&vault, &session.user_id, Named::default()).await?;
    if let Err(refused) = uploading::store_block(&vault, &key, BLOCK_ID, bytes).await {
        uploading::abandon(&vault, &key).await?;
        return Err(refused);
    }
    uploading::commit(&vault, &key, &[BLOCK_ID.to_owned()]).await?;
    let mut tx = vault.store().write().await?;
    attachments::find_own(&mut tx, &attachment_id, &session.user_id).await?;
    if let Some(old) = attachments::thumbnail_of_size(&mut tx, &attachment_id, &size_type).await? {
        blobs::delete(&mut tx, &[old.key], vault.clock().now()).await?;
    }
    blobs::attach(&mut tx, blob_id, &attachment_id, &size_type).await?;
    let thumbnail = attachments::find_thumbnail(&mut tx, &key).await?.wire()?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(ThumbnailResponse { thumbnail })))
}

struct New {
    attachment_id: String,
    size_type: String,
    bytes: Vec<u8>,
}

/// A form, in the spelling of either generation of clients.
async fn receive(mut form: Form) -> Result<New> {
    let (mut attachment_id, mut size_type, mut bytes) = (None, None, None);
    while let Some(mut part) = form.next().await? {
        match part.name() {
            "thumbnail[file]" | "binary[file]" | "file" => bytes = Some(part.bytes(THUMBNAIL).await?),
            "thumbnail[attachment_id]" | "thumbnail[binary_id]" | "attachment_id" | "binary_id" => {
                attachment_id = Some(part.text(SHORT_TEXT).await?);
            }
            "thumbnail[size_type]" | "size_type" => {
                size_type = Some(read_size(&part.text(SHORT_TEXT).await?)?);
            }
            _ => {
                part.bytes(SHORT_TEXT).await?;
            }
        }
    }
    Ok(New {
        attachment_id: attachment_id.ok_or_else(|| Error::missing("thumbnail[attachment_id]"))?,
        size_type: size_type.ok_or_else(|| Error::missing("thumbnail[size_type]"))?,
        bytes: bytes.ok_or_else(|| Error::missing("thumbnail[file]"))?,
    })
}

/// `256x256/png`, or as clients of old say it, `png_256x256`.
fn read_size(text: &str) -> Result<String> {
    let (size, kind) =
        text.split_once('/').or(text.split_once('_').map(|(kind, size)| (size, kind))).unwrap_or_default();
    match (SIZES.contains(&size), kind) {
        (true, "jpg" | "png") => Ok(format!("{size}/{kind}")),
        _ => {
            let message = "is 128x128, 256x256 or 512x512, with /jpg or /png";
            Err(Error::refused(Code::InvalidThumbnailSize, message).at("thumbnail[size_type]"))
        }
    }
}

/// A thumbnail whose attachment the user may read.
async fn find_readable(vault: &Vault, session: &Session, id: &str) -> Result<ThumbnailRow> {
    let mut db = vault.store().read().await?;
    let thumbnail = attachments::find_thumbnail(&mut db, id).await?;
    let now = vault.clock().now();
    match attachments::find_readable(&mut db, &thumbnail.attachment_id, &session.user_id, now).await {
        Ok(_) => Ok(thumbnail),
        Err(Error::Refused { .. }) => Err(Error::not_found(Code::ThumbnailNotFound)),
        Err(fault) => Err(fault),
    }
}

/// Where a thumbnail's bytes are, or for clients of Vault API 0.19 these bytes.
#[utoipa::path(
    get, path = "/thumbnails/{id}",
    responses((status = 200, body = RedirectResponse)),
)]
pub(in crate::vault) async fn show(
    State(vault): State<Vault>,
    session: Session,
    own: OwnAddress,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response> {
    let thumbnail = find_readable(&vault, &session, &id).await?;
    if wants_bytes(&headers) {
        return reading::reply(&vault, &thumbnail.key, None).await;
    }
    let redirect_url = signed_urls::url(&vault, &own, &thumbnail.key, Permission::Read)?;
    Ok(Json(RedirectResponse { redirect_url }).into_response())
}

/// Whether a client is of the generation that reads the bytes themselves. Those send a header that later ones spell otherwise, or
/// leave out where they read thumbnails.
fn wants_bytes(headers: &HeaderMap) -> bool {
    ["delegation_id", "x_meeco_api_version"].iter().any(|name| headers.contains_key(*name))
}

/// Deletes a thumbnail of an own attachment.
#[utoipa::path(delete, path = "/thumbnails/{id}", responses((status = 204)))]
pub(in crate::vault) async fn delete(
    State(vault): State<Vault>,
    session: Session,
    Path(id): Path,
) -> Result<StatusCode> {
    let mut tx = vault.store().write().await?;
    let thumbnail = attachments::find_thumbnail(&mut tx, &id).await?;
    let attachment = attachments::find_own(&mut tx, &thumbnail.attachment_id, &session.user_id).await;
    attachment.map_err(|error| match error {
        Error::Refused { .. } => Error::not_found(Code::ThumbnailNotFound),
        fault => fault,
    })?;
    blobs::delete(&mut tx, &[thumbnail.key], vault.clock().now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_said_in_either_way() {
        for (sent, read) in
            [("128x128/jpg", "128x128/jpg"), ("png_256x256", "256x256/png"), ("512x512/png", "512x512/png")]
        {
            assert_eq!(read_size(sent).unwrap(), read);
        }
        for sent in ["", "main", "artifact", "256x256", "256x256/gif", "1x1/png", "png/256x256", "a_b_c"] {
            assert!(read_size(sent).is_err(), "{sent}");
        }
    }
}
