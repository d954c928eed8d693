//! Re-encrypting a received item under the recipient's own key: `docs/protocol/http-api.md` §9.8.

use super::{
    Item, Session, Slot,
    decrypt::{ItemKey, decrypt_item, expect_id},
    encrypt::ciphertext,
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            items::{ReencryptedSlot, ReencryptionRequest},
        },
    },
    crypto::DataKey,
    error::{Error, Result},
};

impl Session {
    /// Re-encrypts a received item under the user's own DEK, so that reading it no longer needs the share's. The
    /// owner's verification keys are kept.
    pub async fn reencrypt_item(&self, id: &Id) -> Result<Item> {
        let keys = self.keys()?;
        let item = self.get_item(id).await?;
        if item.record.share_id.is_none() {
            return Err(Error::invalid_argument("an own item is under the own key already"));
        }
        let mut slots = Vec::with_capacity(item.slots.len());
        for slot in &item.slots {
            slots.extend(reencrypt(&keys.dek, slot).await?);
        }
        let response = vault::items::reencrypt(self.vault(), id, &ReencryptionRequest { slots }).await?;
        expect_id(id, &response.item.id)?;
        decrypt_item(response, &ItemKey::Private(keys)).await
    }
}

async fn reencrypt(dek: &DataKey, slot: &Slot) -> Result<Option<ReencryptedSlot>> {
    let Some(value) = &slot.value else { return Ok(None) };
    let Some(encrypted) = dek.encrypt_text(value).await? else { return Ok(None) };
    let key = match &slot.verification_key {
        Some(key) => Some(ciphertext(dek.wrap_verification_key(key).await?)?),
        None => None,
    };
    Ok(Some(ReencryptedSlot {
        id: slot.record.id.clone(),
        encrypted_value: ciphertext(encrypted)?,
        encrypted_value_verification_key: key,
    }))
}
