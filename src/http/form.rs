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

    /// What a `fetch` would make of it. As bytes, so that each attempt and each caller's `fetch` sends the same.
    #[cfg(target_arch = "wasm32")]
    pub(super) async fn serialize(self) -> Result<SerializedForm> {
        use js_sys::{Array, ArrayBuffer, Uint8Array};
        use wasm_bindgen::{JsCast, JsValue};
        use wasm_bindgen_futures::JsFuture;
        use web_sys::{Blob, FormData, Response};

        let (name, content) = self.file;
        let serialized = async {
            let form = FormData::new()?;
            for (name, value) in &self.texts {
                form.append_with_str(name, value)?;
            }
            let content = Array::of1(&Uint8Array::from(content.as_slice()));
            form.append_with_blob(name, &Blob::new_with_u8_array_sequence(&content)?)?;
            let response = Response::new_with_opt_form_data(Some(&form))?;
            let content_type = response.headers().get("content-type")?;
            let body = JsFuture::from(response.array_buffer()?).await?;
            let body = Uint8Array::new(body.unchecked_ref::<ArrayBuffer>()).to_vec();
            Ok::<_, JsValue>(content_type.map(|content_type| SerializedForm { content_type, body }))
        };
        serialized.await.ok().flatten().ok_or_else(not_serialized)
    }
}

fn not_serialized() -> Error {
    Error::internal("the platform makes no forms")
}
