//! Attachments: files of items, as ciphertext under a key of their own that is the value of a slot.
//! `docs/protocol/http-api.md` §12.

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Id, Timestamp,
        reading::{bounded_chunks, bounded_list, null_as_default},
    },
    error::{Error, ErrorCode, Result},
    http::{Reply, Service, SignedUrl},
};

/// Body of `POST /direct/attachments/upload_url`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewUploadRequest {
    /// What is to be uploaded.
    pub blob: NewBlob,
}

/// A blob to be uploaded in blocks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewBlob {
    /// For people; not encrypted.
    pub filename: String,
    /// The file's media type; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub content_type: String,
    /// How long the blob will be. Absent for a stream, whose end nobody knows; our server counts what arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_size: Option<u64>,
    /// What the uploading client needs to go on after a reload, encrypted under the user's DEK. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_resume: Option<String>,
}

/// Where the blocks of a blob go.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UploadUrl {
    /// For [`UploadedBlobs`].
    pub blob_id: u64,
    /// For [`UploadedBlobs`].
    pub blob_key: String,
    /// Absolute, with a query to which `&comp=…` is appended. It holds what permits the upload, and ends within hours.
    pub url: String,
}

/// Reply of `POST /direct/attachments/upload_url`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UploadUrlResponse {
    /// Where the blocks go.
    pub attachment_direct_upload_url: UploadUrl,
}

/// Body of `POST /direct/attachments`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewAttachmentRequest {
    /// What was uploaded.
    pub blob: UploadedBlobs,
}

/// A file and the IVs and tags of its blocks, both uploaded and committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UploadedBlobs {
    /// Of the file.
    pub blob_id: u64,
    /// Of the file.
    pub blob_key: String,
    /// Of the artefacts.
    pub encrypted_artifact_blob_id: u64,
    /// Of the artefacts.
    pub encrypted_artifact_blob_key: String,
}

/// A file as the reading user sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Attachment {
    /// For [`super::slots::Slot::attachment_id`].
    pub id: Id,
    /// For people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub filename: String,
    /// The file's media type; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub content_type: String,
    /// Bytes of the file; of one that is one envelope, of that.
    #[serde(default)]
    pub bytesize: Option<u64>,
    /// Vault API 39; our server sends when the upload ended.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub bytesize_checked_at: Option<Timestamp>,
    /// Who uploaded it.
    #[serde(default)]
    pub user_id: Option<Id>,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// Whether the file is in blocks, or else one envelope.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_direct_upload: bool,
    /// Where the file is; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<BlobUrl>,
    /// Where the IVs and tags of its blocks are; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_artifact: Option<BlobUrl>,
    /// Vault API 19.3 to 22; our server sends null.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachment_uid: Option<Id>,
    /// Where a file that is one envelope can be read, with the session's token; null for one in blocks.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub url: Option<String>,
}

/// Where a blob can be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct BlobUrl {
    /// For people; not encrypted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub filename: String,
    /// The blob's media type.
    #[serde(default, deserialize_with = "null_as_default")]
    pub content_type: String,
    /// Its length.
    #[serde(default)]
    pub bytesize: Option<u64>,
    /// Absolute. It holds what permits reading, and ends within hours; ranges are served.
    pub url: String,
}

/// Reply about one attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttachmentResponse {
    /// With URLs where it was asked for by itself.
    pub attachment: Attachment,
}

/// An upload that was begun and belongs to no attachment yet. Ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UnfinishedUpload {
    /// See [`UploadUrl`].
    pub blob_id: u64,
    /// See [`UploadUrl`].
    pub blob_key: String,
    /// A fresh one.
    pub url: String,
    /// See [`NewBlob`].
    pub encrypted_resume: String,
    /// The ids of the blocks that are stored, in the order of their texts, base64 as the client chose them.
    #[serde(default, deserialize_with = "bounded_list")]
    pub blocks: Vec<String>,
}

/// Reply of `GET /direct/attachments/uploads`. Ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UnfinishedUploadsResponse {
    /// Newest first, at most twenty, of those that have what to go on with.
    #[serde(deserialize_with = "bounded_list")]
    pub uploads: Vec<UnfinishedUpload>,
}

/// The IVs and tags of a file's chunks, as JSON beside the file. What of it binds the chunks is theirs to say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncryptionArtifacts {
    /// 12 bytes each.
    #[serde(deserialize_with = "bounded_chunks")]
    pub iv: Vec<Buffer>,
    /// The additional data of every chunk.
    pub ad: String,
    /// 16 bytes each.
    #[serde(deserialize_with = "bounded_chunks")]
    pub at: Vec<Buffer>,
    /// Where the chunks are, as `bytes=0-1048575`; empty for an empty file.
    #[serde(deserialize_with = "bounded_chunks")]
    pub range: Vec<String>,
    /// `AES-GCM`, also where it is AES-256-GCM.
    #[serde(default)]
    pub encryption_strategy: String,
    /// The same, as clients of 2020 spell it: without it they take the ciphertext for the file.
    #[serde(default)]
    pub encryption_stratergy: String,
    /// Length of the file.
    #[serde(default)]
    pub size: Option<u64>,
    /// What authenticates IVs and tags together, under the file's key, in base64url. Of this client's files alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vs1: Option<String>,
}

/// Bytes as Node.js serializes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Buffer {
    /// `Buffer`.
    #[serde(rename = "type")]
    pub kind: BufferKind,
    /// The bytes, each a number.
    pub data: Vec<u8>,
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        Buffer { kind: BufferKind::Buffer, data: bytes.to_vec() }
    }
}

/// The only kind.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub enum BufferKind {
    /// Of Node.js.
    #[default]
    Buffer,
}

/// One block of a blob, by its id.
#[derive(Debug)]
pub struct Block<'a> {
    /// Where its blob goes.
    pub url: &'a SignedUrl,
    /// Base64; all of one blob are equally long.
    pub id: &'a str,
}

/// The id of a block that only has its number, as other clients make it.
pub fn block_id(index: usize) -> String {
    Base64::encode_string(format!("block{index:5}").as_bytes())
}

/// Stores a block; one of this id is replaced.
pub async fn put_block(vault: &Service, block: Block<'_>, bytes: Vec<u8>) -> Result<()> {
    let request = vault.put_at(block.url).query("comp", "block").query("blockid", block.id);
    request.bytes(bytes, "application/octet-stream").send_for_bytes().await.map(drop)
}

/// Makes a blob of blocks that are stored. Ids are base64, which XML takes as it is.
pub async fn commit_blocks(vault: &Service, url: &SignedUrl, ids: &[String]) -> Result<()> {
    let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for id in ids {
        list.extend(["<Latest>", id, "</Latest>"]);
    }
    list.push_str("</BlockList>");
    let request = vault.put_at(url).query("comp", "blocklist");
    request.bytes(list.into_bytes(), "text/xml").send_for_bytes().await.map(drop)
}

/// Reads a part of a blob, exactly as long as was asked for.
pub async fn read_blob(vault: &Service, url: &SignedUrl, start: u64, length: usize) -> Result<Vec<u8>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    let bytes = vault.get_at(url).range(start, length as u64).send_for_bytes().await?;
    match bytes.len() == length {
        true => Ok(bytes),
        false => Err(Error::new(ErrorCode::BadResponse, "the server sent another part of the file")),
    }
}

/// Reads a blob as a whole.
pub async fn read_small_blob(vault: &Service, url: &SignedUrl) -> Result<Vec<u8>> {
    vault.get_at(url).send_for_bytes().await
}

/// Reads a file that is one envelope.
pub async fn download(vault: &Service, id: &Id) -> Result<Vec<u8>> {
    vault.get(&["attachments", id.as_str(), "download"]).with_time_for_bytes().send_for_bytes().await
}

/// Begins the upload of a blob.
pub fn begin_upload(vault: &Service, blob: NewBlob) -> Reply<'_, UploadUrl> {
    let request = vault.post(&["direct", "attachments", "upload_url"]).json(&NewUploadRequest { blob });
    request.send_for("attachment_direct_upload_url")
}

/// Makes an attachment of two committed blobs. The same blobs give the same attachment again.
pub fn create(vault: &Service, blob: UploadedBlobs) -> Reply<'_, Attachment> {
    vault.post(&["direct", "attachments"]).safe_to_repeat().json(&NewAttachmentRequest { blob }).send_for("attachment")
}

/// One attachment in blocks, with where it can be read.
pub fn get<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Attachment> {
    vault.get(&["direct", "attachments", id.as_str()]).send_for("attachment")
}

/// Deletes an own attachment with its file; slots that stand for it stay, without one.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["direct", "attachments", id.as_str()]).send_void()
}

/// Uploads that can go on. Another server has no such address.
pub fn unfinished(vault: &Service) -> Reply<'_, UnfinishedUploadsResponse> {
    vault.get(&["direct", "attachments", "uploads"]).send()
}

/// Gives up an upload.
pub fn abandon<'a>(vault: &'a Service, blob_id: &str) -> Reply<'a, ()> {
    vault.delete(&["direct", "attachments", "uploads", blob_id]).send_void()
}
