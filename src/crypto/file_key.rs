//! Files: chunks under a key of their own, which is the value of a slot (`docs/protocol/envelopes.md`, files).
//!
//! Other clients read each chunk with the IV and tag that stand beside the file, and additional data that says nothing. So
//! what binds a chunk to its place is the IV, as in STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online
//! Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance): it holds the chunk's index and whether it is the last. A
//! key encrypts one file, so that a chunk of another one does not decrypt at all; and which chunks the file ended up with, of
//! several attempts to upload it, the key authenticates.

use std::fmt;

use base64ct::{Base64, Encoding};
use subtle::ConstantTimeEq;
use vaultshare_primitives::{IV_BYTES, TAG_BYTES};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    crypto::{
        aes_key::AesKey,
        backend::hmac_sha256,
        encoding::to_base64url,
        envelope::{ADDITIONAL_DATA, Chunk, Envelope},
        places::{Place, file_text, misplaced},
    },
};

/// The length of every chunk but the last, in bytes.
pub const FILE_CHUNK_BYTES: usize = 1024 * 1024;

/// The most chunks of a file: 256 GiB. What decrypts them is one reply, of a length that every client reads; an IV has room for
/// more.
pub const MAX_FILE_CHUNKS: u32 = 1 << 18;

/// How IVs begin that name a place. Of the random ones of other clients one in four billion does.
const MARK: [u8; 4] = *b"vs1f";
const UPLOAD_BYTES: usize = 5;

/// Where a chunk belongs in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkPlace {
    /// From 0.
    pub index: u32,
    /// Whether the file ends with it.
    pub is_last: bool,
}

/// One attempt at an upload. Random, and a part of its IVs: a file that has changed since an earlier attempt, under the same
/// key, is not encrypted under the IVs of that one.
#[derive(Clone, Copy, Debug)]
pub struct UploadAttempt([u8; UPLOAD_BYTES]);

impl UploadAttempt {
    /// A new one.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; UPLOAD_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(UploadAttempt(bytes))
    }
}

/// What decrypts a chunk besides the key; not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSeal {
    /// Names the place, where this client wrote it.
    pub iv: [u8; IV_BYTES],
    /// The authentication tag, which the ciphertext does not hold.
    pub tag: [u8; TAG_BYTES],
}

impl ChunkSeal {
    /// The seal that [`ChunkSeal::to_block_id`] made an id of; `None` for the id of another client.
    pub fn from_block_id(id: &str) -> Option<Self> {
        let bytes = Base64::decode_vec(id).ok()?;
        let (iv, tag) = bytes.split_first_chunk()?;
        Some(ChunkSeal { iv: *iv, tag: tag.try_into().ok()? })
    }

    /// The IV, then the tag, as base64: so a list of blocks is all that going on with an upload takes.
    pub fn to_block_id(&self) -> String {
        Base64::encode_string(&[self.iv.as_slice(), self.tag.as_slice()].concat())
    }

    /// Where the chunk belongs; `None` for one of a client that does not say. A server cannot make such a one of ours: it has
    /// no ciphertext of a key of ours under another IV.
    pub fn place(&self) -> Option<ChunkPlace> {
        place_in(&self.iv)
    }
}

fn place_in(iv: &[u8; IV_BYTES]) -> Option<ChunkPlace> {
    let place = iv.strip_prefix(&MARK)?.get(UPLOAD_BYTES..)?;
    let number = place.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Some(ChunkPlace { index: number >> 1, is_last: number & 1 == 1 })
}

/// The key of one file, random. Its holder reads that file and nothing else.
pub struct FileKey(AesKey);

impl FileKey {
    /// A random key.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub fn generate() -> Result<Self> {
        AesKey::generate().map(FileKey)
    }

    /// The key that a slot's value is: base64url with padding, or the 32 bytes themselves, as clients of 2020 wrote them. Not a
    /// text of 32 printable characters, which may be a password.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn from_value(value: &str) -> Result<Self> {
        // Bytes that were no UTF-8 were read as Latin-1.
        let latin1 = || value.chars().map(|character| u8::try_from(character).ok()).collect::<Option<Vec<u8>>>();
        let is_text = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let raw = || {
            let latin1 = Zeroizing::new(latin1().filter(|_| !is_text)?);
            AesKey::from_bytes(&latin1).or_else(|_| AesKey::from_bytes(value.as_bytes())).ok()
        };
        let key = AesKey::from_base64url(value).ok().or_else(raw);
        key.map(FileKey).ok_or_else(|| Error::invalid_argument("the slot's value is no key of a file"))
    }

    /// The key as base64url with padding: 44 characters.
    pub fn to_value(&self) -> Zeroizing<String> {
        self.0.to_base64url()
    }

    /// Encrypts a chunk for its place. The ciphertext is as long as the plaintext.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` beyond [`MAX_FILE_CHUNKS`].
    pub async fn seal_chunk(
        &self,
        plaintext: &[u8],
        place: ChunkPlace,
        attempt: UploadAttempt,
    ) -> Result<(Vec<u8>, ChunkSeal)> {
        if place.index >= MAX_FILE_CHUNKS {
            return Err(Error::invalid_argument("the file is too long"));
        }
        let [_, number @ ..] = (place.index << 1 | u32::from(place.is_last)).to_be_bytes();
        let mut iv = [0; IV_BYTES];
        for (byte, of) in iv.iter_mut().zip(MARK.into_iter().chain(attempt.0).chain(number)) {
            *byte = of;
        }
        let (ciphertext, tag) = self.0.encrypt_under(&iv, ADDITIONAL_DATA, plaintext).await?;
        Ok((ciphertext, ChunkSeal { iv, tag }))
    }

    /// Whether a chunk that was sealed before has this plaintext. Nothing that this encrypts leaves here.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn is_sealed_as(&self, seal: &ChunkSeal, plaintext: &[u8]) -> Result<bool> {
        let (_, tag) = self.0.encrypt_under(&seal.iv, ADDITIONAL_DATA, plaintext).await?;
        Ok(tag == seal.tag)
    }

    /// Authenticates a whole file by the seals of its chunks: of what the key has encrypted more often than once, as a client
    /// does that goes on with an upload, exactly these. Base64url.
    pub fn authenticate(&self, seals: &[ChunkSeal]) -> String {
        to_base64url(&hmac_sha256(self.0.as_bytes(), &file_text(seals.iter().map(|seal| (&seal.iv, &seal.tag)))))
    }

    /// Whether [`FileKey::authenticate`] gave this for these chunks. In constant time.
    pub fn is_authentic(&self, seals: &[ChunkSeal], code: &str) -> bool {
        self.authenticate(seals).as_bytes().ct_eq(code.as_bytes()).into()
    }

    /// Decrypts a chunk, whatever its place.
    ///
    /// # Errors
    /// `DECRYPTION_FAILED`.
    pub async fn open_chunk(&self, ciphertext: Vec<u8>, seal: &ChunkSeal) -> Result<Zeroizing<Vec<u8>>> {
        self.0.decrypt_under(&seal.iv, ADDITIONAL_DATA, ciphertext, &seal.tag).await
    }

    /// Encrypts a thumbnail of the file for its size.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub async fn seal_thumbnail(&self, picture: &[u8], size_type: &str) -> Result<String> {
        self.0.encrypt_at(picture, &Place::Thumbnail { size_type }).await
    }

    /// Decrypts a thumbnail, which is of this size as far as its writer said that.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`]; `MISPLACED` for one of another size, and for a piece of the file.
    pub async fn open_thumbnail(&self, envelope: &str, size_type: &str) -> Result<Zeroizing<Vec<u8>>> {
        let chunks = self.chunks_of_others(envelope).await?;
        let [chunk] = <[Chunk; 1]>::try_from(chunks)
            .map_err(|_| Error::malformed_envelope("only a file is in several pieces"))?;
        let of_this_size = Place::Thumbnail { size_type };
        if Place::parse(&chunk.additional_data)?.is_some_and(|place| place != of_this_size) {
            return Err(misplaced());
        }
        self.0.decrypt_chunks(vec![chunk]).await
    }

    /// Decrypts a file that is one envelope, as other clients write them. Nothing there says which chunks there are, so that a
    /// file of this client's is none.
    ///
    /// # Errors
    /// As [`AesKey::decrypt`]; `MISPLACED` for chunks that name a place.
    pub async fn open_envelope(&self, envelope: &str) -> Result<Zeroizing<Vec<u8>>> {
        let chunks = self.chunks_of_others(envelope).await?;
        // A thumbnail of ours is none either.
        if chunks.iter().any(|chunk| chunk.additional_data != ADDITIONAL_DATA) {
            return Err(misplaced());
        }
        self.0.decrypt_chunks(chunks).await
    }

    async fn chunks_of_others(&self, envelope: &str) -> Result<Vec<Chunk>> {
        match Envelope::parse(envelope).await? {
            Envelope::Symmetric { chunks, derivation: None } => {
                let are_ours = chunks.iter().any(|chunk| place_in(&chunk.iv).is_some());
                if are_ours { Err(misplaced()) } else { Ok(chunks) }
            }
            _ => Err(Error::malformed_envelope("it is not for a symmetric key")),
        }
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FileKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;

    #[test]
    fn an_iv_says_where_its_chunk_belongs_and_no_two_chunks_share_one() {
        let (key, attempt) = (FileKey::generate().unwrap(), UploadAttempt([1, 2, 3, 4, 5]));
        let mut ivs = std::collections::HashSet::new();
        for index in [0, 1, 255, 256, MAX_FILE_CHUNKS - 1] {
            for is_last in [false, true] {
                let place = ChunkPlace { index, is_last };
                let (ciphertext, seal) = block_on(key.seal_chunk(b"text", place, attempt)).unwrap();
                assert_eq!((seal.place(), ciphertext.len()), (Some(place), 4));
                assert!(ivs.insert(seal.iv));
                assert_eq!(ChunkSeal::from_block_id(&seal.to_block_id()), Some(seal));
                assert_eq!(*block_on(key.open_chunk(ciphertext, &seal)).unwrap(), b"text");
                assert!(block_on(key.is_sealed_as(&seal, b"text")).unwrap());
                assert!(!block_on(key.is_sealed_as(&seal, b"texu")).unwrap());
            }
        }
        let beyond = ChunkPlace { index: MAX_FILE_CHUNKS, is_last: true };
        assert_eq!(
            block_on(key.seal_chunk(b"", beyond, attempt)).unwrap_err().code(),
            crate::ErrorCode::InvalidArgument
        );
        assert_eq!(ChunkSeal { iv: [7; 12], tag: [0; 16] }.place(), None);
        let other = UploadAttempt::generate().unwrap();
        let (_, seal) = block_on(key.seal_chunk(b"", ChunkPlace { index: 0, is_last: true }, other)).unwrap();
        assert!(ivs.insert(seal.iv), "another attempt has IVs of its own");
    }

    /// Written out by hand, so that other implementations can be checked against it.
    #[test]
    fn an_iv_is_these_bytes() {
        let key = FileKey::generate().unwrap();
        let place = ChunkPlace { index: 0x01_02_03, is_last: true };
        let (_, seal) = block_on(key.seal_chunk(b"", place, UploadAttempt([9, 8, 7, 6, 5]))).unwrap();
        assert_eq!(seal.iv, *b"vs1f\x09\x08\x07\x06\x05\x02\x04\x07");
    }

    #[test]
    fn a_file_is_authenticated_by_every_seal_and_their_order() {
        let key = FileKey(AesKey::from_bytes(&[b'x'; 32]).unwrap());
        let seal = |byte| ChunkSeal { iv: [byte; 12], tag: [byte; 16] };
        let code = key.authenticate(&[seal(1), seal(2)]);
        assert!(key.is_authentic(&[seal(1), seal(2)], &code));
        let other_tag = ChunkSeal { tag: [3; 16], ..seal(2) };
        for others in [vec![seal(2), seal(1)], vec![seal(1)], vec![seal(1), seal(2), seal(2)], vec![seal(1), other_tag]]
        {
            assert!(!key.is_authentic(&others, &code));
        }
        assert!(!FileKey::generate().unwrap().is_authentic(&[seal(1), seal(2)], &code));
        assert!(!key.is_authentic(&[seal(1), seal(2)], ""));
        // By a Python script, from the form in docs/protocol/envelopes.md.
        assert_eq!(code, "6GG7x4Bv6ah-LD0BB0uWqtqb8wjDA5chyEOOAWHWQcg=");
    }

    #[test]
    fn a_key_is_read_as_base64url_and_as_its_bytes() {
        let key = FileKey::generate().unwrap();
        let bytes = Zeroizing::new(key.0.as_bytes().to_vec());
        let latin1: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        for value in [key.to_value().as_str(), &latin1] {
            assert_eq!(FileKey::from_value(value).unwrap().0, key.0);
        }
        let password = "correct horse, battery & staple!";
        for odd in ["", "x", &"\u{1}".repeat(31), &"\u{20ac}".repeat(32), &"A".repeat(44), &"x".repeat(32), password] {
            assert!(FileKey::from_value(odd).is_err(), "{odd}");
        }
    }
}
