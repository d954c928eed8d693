//! AES-256-GCM over bytes and text. Workflows use the types of [`super::keys`], which are an [`AesKey`] with a purpose.

use std::{borrow::Cow, fmt};

use subtle::ConstantTimeEq;
use vaultshare_primitives::KEY_BYTES;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    Error, Result,
    crypto::{
        backend::ExpandedKey,
        encoding::{secret_from_base64url, to_base64url},
        envelope::{ADDITIONAL_DATA, Chunk, Envelope, IV_BYTES, TAG_BYTES},
        places::{Place, misplaced},
    },
};

/// 32 secret bytes, at one place on the heap. Zeroized on drop, redacted in `Debug`.
pub struct AesKey {
    bytes: Box<[u8; KEY_BYTES]>,
    /// Made of the bytes at their first use, and kept because an item has many values under one key.
    expanded: ExpandedKey,
}

impl AesKey {
    /// A random key.
    ///
    /// # Errors
    /// `INTERNAL` where the system has no source of randomness.
    pub fn generate() -> Result<Self> {
        let mut key = AesKey::zeroed();
        getrandom::fill(key.bytes.as_mut_slice())?;
        Ok(key)
    }

    /// The key of exactly 32 bytes. The caller zeroizes its own copy.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() != KEY_BYTES {
            return Err(Error::invalid_argument("a symmetric key is 32 bytes"));
        }
        let mut key = AesKey::zeroed();
        key.bytes.copy_from_slice(bytes);
        Ok(key)
    }

    /// The key of a base64url text with padding, the form in files and dumps.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn from_base64url(text: &str) -> Result<Self> {
        let bytes = secret_from_base64url(text)
            .ok_or_else(|| Error::invalid_argument("a symmetric key is written as base64url with padding"))?;
        AesKey::from_bytes(&bytes)
    }

    /// The key as base64url with padding.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64url(self.as_bytes()))
    }

    /// The raw key. A copy made of it is not zeroized with the key.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// A key to be filled in place, so that no copy of its bytes is left elsewhere.
    pub(crate) fn zeroed() -> Self {
        AesKey { bytes: Box::new([0; KEY_BYTES]), expanded: ExpandedKey::default() }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        self.expanded = ExpandedKey::default();
        &mut self.bytes
    }

    /// Encrypts bytes under a random IV, as an envelope.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for no bytes at all: such a ciphertext would say nothing.
    pub async fn encrypt(&self, plaintext: &[u8]) -> Result<String> {
        let chunk = self.encrypt_chunk(plaintext, ADDITIONAL_DATA).await?;
        Ok(Envelope::Symmetric { chunks: vec![chunk], derivation: None }.print())
    }

    /// As [`AesKey::encrypt`], bound to a place: a server cannot move the ciphertext to another one unnoticed. Other clients
    /// decrypt it as any other. Of no bytes at all it authenticates the place alone, and other clients read it as empty.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_at(&self, plaintext: &[u8], place: &Place<'_>) -> Result<String> {
        self.encrypt_with_tag(plaintext, place).await.map(|(envelope, _)| envelope)
    }

    /// As [`AesKey::encrypt_at`], with the authentication tag that the envelope holds.
    pub(super) async fn encrypt_with_tag(
        &self,
        plaintext: &[u8],
        place: &Place<'_>,
    ) -> Result<(String, [u8; TAG_BYTES])> {
        let chunk = self.encrypt_chunk(plaintext, &place.to_string()).await?;
        let tag = chunk.tag;
        Ok((Envelope::Symmetric { chunks: vec![chunk], derivation: None }.print(), tag))
    }

    /// As [`AesKey::decrypt`], together with what the ciphertext says of its place. In one piece: a server could otherwise
    /// join two ciphertexts to one.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`].
    pub async fn decrypt_with_place(&self, envelope: &str) -> Result<Decrypted<Zeroizing<Vec<u8>>>> {
        match Envelope::parse(envelope).await? {
            Envelope::Symmetric { chunks, derivation: None } => {
                let [chunk] = <[Chunk; 1]>::try_from(chunks)
                    .map_err(|_| Error::malformed_envelope("only a file is in several pieces"))?;
                let (tag, additional_data) = (chunk.tag, chunk.additional_data.clone());
                Ok(Decrypted { content: self.decrypt_chunk(chunk).await?, tag, additional_data })
            }
            _ => Err(Error::malformed_envelope("it is not for a symmetric key")),
        }
    }

    /// As [`AesKey::decrypt`], for an envelope that must be of this place.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`]; `MISPLACED` for another place or none.
    pub async fn decrypt_at(&self, envelope: &str, place: &Place<'_>) -> Result<Zeroizing<Vec<u8>>> {
        let decrypted = self.decrypt_with_place(envelope).await?;
        if decrypted.is_at(place)? { Ok(decrypted.content) } else { Err(misplaced()) }
    }

    /// Decrypts an envelope, with the additional data that it carries.
    ///
    /// # Errors
    /// `MALFORMED_ENVELOPE`, `UNSUPPORTED_ALGORITHM`, `DECRYPTION_FAILED`.
    pub async fn decrypt(&self, envelope: &str) -> Result<Zeroizing<Vec<u8>>> {
        match Envelope::parse(envelope).await? {
            Envelope::Symmetric { chunks, derivation: None } => self.decrypt_chunks(chunks).await,
            _ => Err(Error::malformed_envelope("it is not for a symmetric key")),
        }
    }

    /// Encrypts text as UTF-8. The empty text has no ciphertext and gives `None`.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn encrypt_text(&self, text: &str) -> Result<Option<String>> {
        if text.is_empty() { Ok(None) } else { self.encrypt(text.as_bytes()).await.map(Some) }
    }

    /// Decrypts text. `None` stays `None`; the empty ciphertext of very old data gives the empty text.
    ///
    /// Bytes that are not UTF-8 were written by libraries of before 2021 and are read as Latin-1.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`].
    pub async fn decrypt_text(&self, envelope: Option<&str>) -> Result<Option<Zeroizing<String>>> {
        match envelope {
            None => Ok(None),
            Some(envelope) => self.decrypt(envelope).await.map(|bytes| Some(text_from_bytes(bytes))),
        }
    }

    /// For `backend::js_buffer`.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn parts(&self) -> (&[u8; KEY_BYTES], &ExpandedKey) {
        (&self.bytes, &self.expanded)
    }

    pub(crate) async fn encrypt_chunk(&self, plaintext: &[u8], additional_data: &str) -> Result<Chunk> {
        if plaintext.is_empty() && additional_data == ADDITIONAL_DATA {
            return Err(Error::invalid_argument("there is nothing to encrypt: an empty ciphertext would say nothing"));
        }
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv)?;
        let (ciphertext, tag) = self.encrypt_under(&iv, additional_data, plaintext).await?;
        let additional_data = match additional_data {
            ADDITIONAL_DATA => ADDITIONAL_DATA.into(),
            other => other.to_owned().into(),
        };
        Ok(Chunk { ciphertext, iv, tag, additional_data })
    }

    /// Under an IV that the caller answers for: twice under one, with another plaintext, and the key is as good as known.
    pub(super) async fn encrypt_under(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &str,
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, [u8; TAG_BYTES])> {
        self.expanded.encrypt(&self.bytes, iv, additional_data.as_bytes(), plaintext).await
    }

    pub(super) async fn decrypt_under(
        &self,
        iv: &[u8; IV_BYTES],
        additional_data: &str,
        ciphertext: Vec<u8>,
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.expanded.decrypt(&self.bytes, iv, additional_data.as_bytes(), ciphertext, tag).await
    }

    pub(crate) async fn decrypt_chunks(&self, mut chunks: Vec<Chunk>) -> Result<Zeroizing<Vec<u8>>> {
        if chunks.len() == 1
            && let Some(chunk) = chunks.pop()
        {
            return self.decrypt_chunk(chunk).await;
        }
        // Allocated once: a growing vector would leave plaintext behind in the memory that it outgrows.
        let length = chunks.iter().map(|chunk| chunk.ciphertext.len()).sum();
        let mut joined = Zeroizing::new(Vec::with_capacity(length));
        for chunk in chunks {
            joined.extend_from_slice(&self.decrypt_chunk(chunk).await?);
        }
        Ok(joined)
    }

    async fn decrypt_chunk(&self, chunk: Chunk) -> Result<Zeroizing<Vec<u8>>> {
        let Chunk { ciphertext, iv, tag, additional_data } = chunk;
        self.decrypt_under(&iv, &additional_data, ciphertext, &tag).await
    }
}

/// What was decrypted, and what its ciphertext says of its place.
pub struct Decrypted<T> {
    /// The plaintext, or what was read from it.
    pub content: T,
    /// The ciphertext's authentication tag, which no two ciphertexts have in common.
    pub tag: [u8; TAG_BYTES],
    pub(super) additional_data: Cow<'static, str>,
}

impl<T> Decrypted<T> {
    /// The place that the ciphertext names; `None` for one of a client that names none.
    ///
    /// # Errors
    /// As [`Place::parse`].
    pub fn place(&self) -> Result<Option<Place<'_>>> {
        Place::parse(&self.additional_data)
    }

    /// Whether the ciphertext names this place, or `false` where it names none.
    ///
    /// # Errors
    /// `MISPLACED` for another; those of [`Place::parse`].
    pub fn is_at(&self, place: &Place<'_>) -> Result<bool> {
        match self.place()? {
            None => Ok(false),
            Some(named) if named == *place => Ok(true),
            Some(_) => Err(misplaced()),
        }
    }

    /// The same with other content.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn try_map<Read>(self, read: impl FnOnce(T) -> Result<Read>) -> Result<Decrypted<Read>> {
        Ok(Decrypted { content: read(self.content)?, tag: self.tag, additional_data: self.additional_data })
    }
}

/// UTF-8, or else Latin-1.
pub(crate) fn text_from_bytes(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<String> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            let bytes = Zeroizing::new(error.into_bytes());
            let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
            text.extend(bytes.iter().map(|&byte| char::from(byte)));
            text
        }
    }
}

impl Drop for AesKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for AesKey {}

impl fmt::Debug for AesKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AesKey(secret)")
    }
}

/// Compares in constant time.
impl PartialEq for AesKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for AesKey {}
