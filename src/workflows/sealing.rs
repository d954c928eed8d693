//! From keys and values to the wire's ciphertexts.

use super::Slot;
use crate::{
    api::{
        Ciphertext, Id, JsonObject,
        keystore::{self, keypairs::NewKeypair},
        vault::shares::ShareSlotValue,
    },
    crypto::{DataKey, KeyEncryptionKey, KeyPair, VerificationKey},
    error::{Error, ErrorCode, Result},
    http::Service,
};

/// Marks an envelope that was just made as what it holds.
pub(super) fn ciphertext<Of>(envelope: String) -> Result<Ciphertext<Of>> {
    Ciphertext::parse(envelope).ok_or_else(|| Error::invalid_argument("the value is too long to be stored"))
}

/// Stores a key pair with its private half wrapped, and gives its Keystore id.
///
/// A repeated wish is answered with the pair that was stored first; that one is then given back in place of `made`.
pub(super) async fn store_key_pair(
    keystore: &Service,
    kek: &KeyEncryptionKey,
    made: KeyPair,
    external_identifier: Option<&str>,
    idempotency_key: Option<&str>,
) -> Result<(Id, KeyPair)> {
    let request = NewKeypair {
        public_key: made.public_key_pem().to_owned(),
        encrypted_serialized_key: ciphertext(kek.wrap_key_pair(&made).await?)?,
        metadata: JsonObject::new(),
        external_identifiers: external_identifier.map(str::to_owned).into_iter().collect(),
    };
    let record = keystore::keypairs::store(keystore, &request, idempotency_key).await?;
    if record.public_key == made.public_key_pem() {
        return Ok((record.id, made.without_export()));
    }
    let first = kek.unwrap_key_pair(record.encrypted_serialized_key.as_str(), &record.public_key).await?;
    Ok((record.id, first))
}

/// Seals each value under the share's DEK, with the proof that it is the owner's.
///
/// The owner makes a proof: a random key, and the value's HMAC under it. Who shares on has the owner's key and passes it
/// on; the Vault keeps the owner's HMAC beside it, so that an altered value is found out.
pub(super) async fn seal_for_share(dek: &DataKey, own: bool, slots: Vec<&Slot>) -> Result<Vec<ShareSlotValue>> {
    let mut sealed = Vec::with_capacity(slots.len());
    for slot in slots {
        let mut value = ShareSlotValue { slot_id: Some(slot.record.id.clone()), ..ShareSlotValue::default() };
        if let Some(text) = slot.value.as_ref().filter(|text| !text.is_empty()) {
            value.encrypted_value = dek.encrypt_text(text).await?.map(ciphertext).transpose()?;
            let made;
            let key = if own {
                made = VerificationKey::generate()?;
                value.value_verification_hash = Some(made.hash(text));
                &made
            } else {
                let unproven = || Error::new(ErrorCode::ValueNotAuthentic, "a received value is not its owner's");
                slot.verification_key.as_deref().ok_or_else(unproven)?
            };
            value.encrypted_value_verification_key = Some(ciphertext(dek.wrap_verification_key(key).await?)?);
        }
        sealed.push(value);
    }
    Ok(sealed)
}
