//! Thumbnails of attachments, as ciphertext under the key of the file. `docs/protocol/http-api.md` §12.6.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Id, Timestamp, reading::null_as_default},
    error::Result,
    http::{Form, Reply, Service},
};

/// A small picture of an attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Thumbnail {
    /// Its own.
    pub id: Id,
    /// Of the attachment.
    pub attachment_id: Id,
    /// The same, as clients of before Vault API 37 have it.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub binary_id: Option<Id>,
    /// See [`SizeType`].
    pub size_type: String,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub updated_at: Timestamp,
    /// Where it can be read, with the session's token.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub url: Option<String>,
}

/// The size of a thumbnail, which it fits into, and its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeType(&'static str);

impl SizeType {
    /// All that there are.
    pub const ALL: [SizeType; 6] = [
        SizeType("128x128/jpg"),
        SizeType("128x128/png"),
        SizeType("256x256/jpg"),
        SizeType("256x256/png"),
        SizeType("512x512/jpg"),
        SizeType("512x512/png"),
    ];

    /// One of [`SizeType::ALL`].
    pub fn parse(text: &str) -> Option<Self> {
        SizeType::ALL.into_iter().find(|known| known.0 == text)
    }

    /// The one of this size, as `256x256`, and this media type.
    pub fn of(size: &str, content_type: &str) -> Option<Self> {
        SizeType::ALL.into_iter().find(|known| known.size() == size && known.content_type() == content_type)
    }

    /// As records have it.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// As `256x256`.
    pub fn size(self) -> &'static str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// `jpg` or `png`.
    pub fn extension(self) -> &'static str {
        if self.is_jpeg() { "jpg" } else { "png" }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        if self.is_jpeg() { "image/jpeg" } else { "image/png" }
    }

    fn is_jpeg(self) -> bool {
        self.0.ends_with("jpg")
    }
}

/// Where a thumbnail's bytes are.
#[derive(Debug, Deserialize)]
pub struct ThumbnailUrl {
    /// Absolute, with what permits reading.
    pub redirect_url: String,
}

/// Adds a thumbnail, which is an envelope. One of the same size is replaced.
pub async fn create(vault: &Service, attachment: &Id, size_type: SizeType, envelope: String) -> Result<Thumbnail> {
    let form = Form {
        texts: vec![
            ("thumbnail[attachment_id]", attachment.as_str().to_owned()),
            ("thumbnail[size_type]", size_type.as_str().to_owned()),
        ],
        file: ("thumbnail[file]", envelope.into_bytes()),
    };
    let created = vault.post(&["thumbnails"]).safe_to_repeat().form(form).await?.send_for("thumbnail").await?;
    Ok(*created)
}

/// Where a thumbnail can be read.
pub fn url<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ThumbnailUrl> {
    vault.get(&["thumbnails", id.as_str()]).send()
}
