//! The counterparts: the same work by bare primitives, of the same crates, checking nothing.

use std::hint::black_box;

use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag, aead::AeadInOut};
use anyhow::anyhow;
use base64ct::{Base64Url, Encoding};
use serde_json::Value;

use crate::{Path, slots::VALUES, wire};

/// The additional data and the length of the parameters of nearly every ciphertext.
const ADDITIONAL_DATA: &[u8] = b"none";
const PARAMETER_BYTES: usize = 65;

/// A value as its envelope carries it, with the parameters taken out already.
struct Sealed {
    data: String,
    parameters: String,
    iv: [u8; 12],
    tag: Tag,
}

/// Decodes the two parts of each envelope and decrypts, under a key that is expanded once.
pub(crate) fn open() -> anyhow::Result<Path> {
    let cipher = new_cipher()?;
    let sealed = VALUES.iter().map(|value| encrypt(&cipher, value)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Box::new(move || {
        for Sealed { data, parameters, iv, tag } in &sealed {
            let mut buffer = decode(data)?;
            black_box(decode(parameters)?);
            cipher
                .decrypt_inout_detached(&Nonce::from(*iv), ADDITIONAL_DATA, buffer.as_mut_slice().into(), tag)
                .map_err(|_| anyhow!("a value was not decrypted"))?;
            black_box(buffer);
        }
        Ok(())
    }))
}

/// Encrypts under a key that is expanded once, and encodes the two parts of each envelope.
pub(crate) fn seal() -> anyhow::Result<Path> {
    let cipher = new_cipher()?;
    Ok(Box::new(move || {
        for value in VALUES {
            black_box(encrypt(&cipher, value)?);
        }
        Ok(())
    }))
}

/// Reads the same reply into values that know nothing of its types.
pub(crate) fn read_items() -> anyhow::Result<Path> {
    let reply = wire::items_reply()?;
    Ok(Box::new(move || {
        black_box(serde_json::from_slice::<Value>(&reply)?);
        Ok(())
    }))
}

/// Writes the same body from such values.
pub(crate) fn write_refresh() -> anyhow::Result<Path> {
    let change = serde_json::to_value(wire::refresh()?)?;
    Ok(Box::new(move || {
        black_box(serde_json::to_vec(&change)?);
        Ok(())
    }))
}

fn new_cipher() -> anyhow::Result<Aes256Gcm> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(Aes256Gcm::new(&key.into()))
}

fn encrypt(cipher: &Aes256Gcm, value: &str) -> anyhow::Result<Sealed> {
    let mut iv = [0; 12];
    getrandom::fill(&mut iv)?;
    let mut buffer = value.as_bytes().to_vec();
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(iv), ADDITIONAL_DATA, buffer.as_mut_slice().into())
        .map_err(|_| anyhow!("a value was not encrypted"))?;
    let data = Base64Url::encode_string(&buffer);
    Ok(Sealed { data, parameters: Base64Url::encode_string(&[0; PARAMETER_BYTES]), iv, tag })
}

fn decode(text: &str) -> anyhow::Result<Vec<u8>> {
    Base64Url::decode_vec(text).map_err(|_| anyhow!("a text was not base64"))
}
