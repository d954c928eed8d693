//! `multipart/form-data` (RFC 7578), as the platform writes it.

use crate::error::{Error, Result};

/// A form with one file, which has no name.
pub struct Form {
    /// Names and values.
    pub texts: Vec<(&'static str, String)>,
    /// Name and content.
    pub file: (&'static str, Vec<u8>),
}

/// A form as it is sent.
pub(super) struct SerializedForm {
    /// With the boundary.
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Form {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn serialize(self) -> Result<SerializedForm> {
        use std::pin::pin;

        use futures_util::TryStreamExt;
        use reqwest::multipart;

        let texts = self.texts.into_iter();
        let form = texts.fold(multipart::Form::new(), |form, (name, value)| form.text(name, value));
        let (name, content) = self.file;
        // Without a file name, some servers take it for a text.
        let form = form.part(name, multipart::Part::bytes(content).file_name("blob"));
        let content_type = format!("multipart/form-data; boundary={}", form.boundary());
        let mut chunks = pin!(form.into_stream());
        let mut body = Vec::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|_| not_serialized())? {
            body.extend_from_slice(&chunk);
        }
        Ok(SerializedForm { content_type, body })
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) async fn serialize(self) -> Result<SerializedForm> {
        super::fetch::serialize_form(self).await.ok().flatten().ok_or_else(not_serialized)
    }
}

fn not_serialized() -> Error {
    Error::internal("the platform makes no forms")
}
