//! Files, uploaded as clients do.

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{Reply, Server, User, text};

/// What the URLs of a server begin with that is asked in this process.
const OWN: &str = "http://localhost";

/// A blob that is being uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: u64,
    pub key: String,
    pub url: String,
}

/// The id of a block, as other people's clients make it.
pub fn block_id(number: usize) -> String {
    Base64::encode_string(format!("block{number:>5}").as_bytes())
}

/// The list that makes a file of blocks.
pub fn block_list(ids: &[String]) -> String {
    let ids: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{ids}</BlockList>")
}

impl Server {
    /// Sends a request to a URL as it is, without a session, and with headers.
    pub async fn fetch(&self, method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::builder().method(method).uri(url.strip_prefix(OWN).unwrap_or(url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn begin_upload(&self, user: &User, blob: Value) -> Upload {
        let reply = self.post(user, "/vault/direct/attachments/upload_url", json!({ "blob": blob })).await.ok();
        let upload = &reply["attachment_direct_upload_url"];
        let id = upload["blob_id"].as_u64().unwrap();
        assert!(id > 0 && id < 1 << 53);
        Upload { id, key: text(&upload["blob_key"]), url: text(&upload["url"]) }
    }

    pub async fn put_block(&self, upload: &Upload, id: &str, bytes: impl Into<Body>) -> Reply {
        let headers = [("x-ms-blob-type", "BlockBlob"), ("content-type", "application/x-www-form-urlencoded")];
        self.fetch(Method::PUT, &format!("{}&comp=block&blockid={id}", upload.url), &headers, bytes).await
    }

    pub async fn commit(&self, upload: &Upload, ids: &[String]) -> Reply {
        let url = format!("{}&comp=blocklist", upload.url);
        self.fetch(Method::PUT, &url, &[("content-type", "text/xml")], block_list(ids)).await
    }

    /// Uploads these blocks and commits them.
    pub async fn upload(&self, user: &User, blob: Value, blocks: &[&[u8]]) -> Upload {
        let upload = self.begin_upload(user, blob).await;
        let ids: Vec<String> = (0..blocks.len()).map(block_id).collect();
        for (id, block) in ids.iter().zip(blocks) {
            assert_eq!(self.put_block(&upload, id, block.to_vec()).await.status, 201);
        }
        assert_eq!(self.commit(&upload, &ids).await.status, 201);
        upload
    }

    pub async fn create_attachment(&self, user: &User, main: &Upload, artifact: &Upload) -> Reply {
        let blob = json!({ "blob_id": main.id, "blob_key": main.key, "encrypted_artifact_blob_id": artifact.id,
            "encrypted_artifact_blob_key": artifact.key });
        self.post(user, "/vault/direct/attachments", json!({ "blob": blob })).await
    }

    /// Makes an attachment of a file in these blocks, and returns it.
    pub async fn attach(&self, user: &User, blocks: &[&[u8]]) -> Value {
        let main = json!({ "filename": "plan.pdf", "content_type": "application/pdf", "byte_size": 6 });
        let artifact = json!({ "filename": "plan.pdf.encryption_artifacts", "content_type": "application/json" });
        let main = self.upload(user, main, blocks).await;
        let artifact = self.upload(user, artifact, &[b"{}"]).await;
        self.create_attachment(user, &main, &artifact).await.ok()["attachment"].clone()
    }

    /// Makes an item with a slot that stands for an attachment.
    pub async fn item_with(&self, user: &User, attachment: &Value) -> Value {
        let slots = json!([{ "label": "Plan", "slot_type_name": "attachment", "attachment_id": attachment["id"],
            "encrypted_value": super::SEALED }]);
        let item = json!({ "label": "House", "slots_attributes": slots });
        let body = json!({ "template_name": "custom", "skip_empty_template_slots": true, "item": item });
        self.post(user, "/vault/items", body).await.ok()
    }
}
