//! Files of items (docs/protocol/http-api.md §12). A file is uploaded in blocks to a blob, whose URL holds what permits it;
//! an attachment is made of a blob with the file and one with what its blocks are decrypted with; slots stand for it.

pub(super) mod attachments;
pub(super) mod blobs;
pub(super) mod clearing;
pub(super) mod forms;
mod reading;
mod signed_urls;
pub(super) mod thumbnails;
mod uploading;
pub(super) mod uploads;

use std::collections::HashSet;

use sqlx::AnyConnection;
use vaultshare::api::{Id, vault::slots::SlotChange};

use super::{Vault, records::attachments as records};
use crate::{
    error::{Code, Error, Result},
    service::Service,
    storage::Storage,
    store::{Store, server_secrets},
};

/// What the Vault has for files beside its database.
pub(crate) struct Files {
    storage: Storage,
    /// Signs the URLs of blobs.
    url_key: [u8; 32],
}

impl Files {
    pub(crate) async fn open(store: &Store, storage: Storage) -> Result<Self> {
        Ok(Self { storage, url_key: server_secrets::find_or_generate(store, "blob_url_key").await? })
    }
}

impl Vault {
    fn storage(&self) -> &Storage {
        &self.0.files.storage
    }
}

/// Refuses slots that stand for an attachment which is not the user's own.
pub(super) async fn check_attachments(db: &mut AnyConnection, slots: &[SlotChange], user_id: &str) -> Result<()> {
    let ids: HashSet<&str> = slots.iter().filter_map(attachment_id).collect();
    let own = records::own_among(db, &ids.into_iter().collect::<Vec<_>>(), user_id).await?;
    let is_foreign = |slot: &SlotChange| attachment_id(slot).is_some_and(|id| !own.contains(id));
    match slots.iter().position(is_foreign) {
        Some(index) => Err(records::not_found().at(&format!("slots_attributes[{index}].attachment_id"))),
        None => Ok(()),
    }
}

/// [`check_attachments`] of one slot.
pub(super) async fn check_attachment(db: &mut AnyConnection, slot: &SlotChange, user_id: &str) -> Result<()> {
    let Some(id) = attachment_id(slot) else { return Ok(()) };
    match records::own_among(db, &[id], user_id).await?.is_empty() {
        true => Err(records::not_found().at("attachment_id")),
        false => Ok(()),
    }
}

/// The attachment that a slot is to stand for, in the spelling of any generation of clients.
pub(super) fn attachment_id(slot: &SlotChange) -> Option<&str> {
    let of_list = slot.attachments_attributes.as_deref().and_then(<[_]>::last);
    let nested = slot.attachment_attributes.as_ref().or(of_list).map(|attachment| &attachment.id);
    slot.attachment_id.as_ref().or(nested).map(Id::as_str)
}

/// Refuses a file that is larger than one may be here.
fn too_large(vault: &Vault) -> Error {
    Error::refused(Code::FileTooLarge, format!("A file has at most {} bytes here", vault.limits().file_bytes))
}
