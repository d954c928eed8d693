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

/// Gives an envelope the type of its plaintext.
pub(super) fn ciphertext<Of>(envelope: String) -> Result<Ciphertext<Of>> {
    Ciphertext::parse(envelope).ok_or_else(|| Error::invalid_argument("the value is too long to be stored"))
}

/// Stores a key pair with its private key wrapped, and gives its Keystore id.
///
/// The response to a retry holds the key pair of the first attempt; that one is then given back in place of
/// `generated`.
pub(super) async fn store_key_pair(
    keystore: &Service,
    kek: &KeyEncryptionKey,
    generated: KeyPair,
    external_identifier: Option<&str>,
    idempotency_key: Option<&str>,
) -> Result<(Id, KeyPair)> {
    let request = NewKeypair {
        public_key: generated.public_key_pem().to_owned(),
        encrypted_serialized_key: ciphertext(kek.wrap_key_pair(&generated).await?)?,
        metadata: JsonObject::new(),
        external_identifiers: external_identifier.map(str::to_owned).into_iter().collect(),
    };
    let record = keystore::keypairs::store(keystore, &request, idempotency_key).await?;
    if record.public_key == generated.public_key_pem() {
        return Ok((record.id, generated.without_export()));
    }
    let first = kek.unwrap_key_pair(record.encrypted_serialized_key.as_str(), &record.public_key).await?;
    Ok((record.id, first))
}

/// Encrypts each value under the share's DEK, with what authenticates it as the owner's.
///
/// The owner generates a verification key and the value's HMAC under it. Who shares on passes the owner's key on; the
/// Vault keeps the owner's HMAC, so that recipients detect an altered value.
pub(super) async fn encrypt_for_share(dek: &DataKey, own: bool, slots: Vec<&Slot>) -> Result<Vec<ShareSlotValue>> {
    let mut values = Vec::with_capacity(slots.len());
    for slot in slots {
        let mut value = ShareSlotValue { slot_id: Some(slot.record.id.clone()), ..ShareSlotValue::default() };
        if let Some(text) = slot.value.as_ref().filter(|text| !text.is_empty()) {
            value.encrypted_value = dek.encrypt_text(text).await?.map(ciphertext).transpose()?;
            let generated;
            let key = if own {
                generated = VerificationKey::generate()?;
                value.value_verification_hash = Some(generated.hash(text));
                &generated
            } else {
                let not_authentic = || Error::new(ErrorCode::ValueNotAuthentic, "a received value is not its owner's");
                slot.verification_key.as_deref().ok_or_else(not_authentic)?
            };
            value.encrypted_value_verification_key = Some(ciphertext(dek.wrap_verification_key(key).await?)?);
        }
        values.push(value);
    }
    Ok(values)
}
