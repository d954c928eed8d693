//! Keys and ciphertexts. Bytes in, bytes out: no HTTP, no workflow, JavaScript's types in [`backend`] only.
//!
//! The key hierarchy, from what the user remembers down to what is stored:
//!
//! ```text
//! UserSecret + passphrase ──► SrpPassword       proves to the Keystore who signs in
//!                        └──► PassphraseKey ──► KeyEncryptionKey ──┬─► DataKey (private)   own items
//!                                                                  └─► KeyPair             one per purpose
//!                                     PublicKey (of someone else) ───► DataKey (per share) what they may read
//! ```
//!
//! Everything that crosses the wire is one of the texts of `docs/protocol/envelopes.md`, parsed and printed by [`envelope`].
//! The primitives are a [`backend`]'s: the browser's WebCrypto, or RustCrypto. Both give the same bytes.
//!
//! Verbs: `encrypt` and `decrypt` for data, `wrap` and `unwrap` for keys; `generate` is random, `derive` deterministic.

pub mod backend;
pub mod envelope;

mod aes_key;
mod data_key;
mod encoding;
mod file_key;
mod fingerprint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod invitation_code;
mod kdf;
mod key_pair;
mod keys;
mod passphrase;
mod pem;
pub mod places;
mod public_key;
mod recovery_key;
mod rsa_der;
mod secret;
mod srp;
mod verification;

pub use aes_key::{AesKey, Decrypted};
pub use data_key::DataKey;
pub use file_key::{ChunkPlace, ChunkSeal, FILE_CHUNK_BYTES, FileKey, MAX_FILE_CHUNKS, UploadAttempt};
pub use fingerprint::{is_fingerprint, safety_number};
pub use invitation_code::{InvitationCode, InvitationSecret};
pub use kdf::{decrypt_with_passphrase, derive_key_from_passphrase, encrypt_with_passphrase};
pub use key_pair::KeyPair;
pub use keys::{KeyEncryptionKey, PassphraseKey, SpaceKeyOrigin};
pub use passphrase::Spelling;
pub use public_key::PublicKey;
pub use recovery_key::RecoveryKey;
pub use secret::UserSecret;
pub use srp::{SrpClient, SrpPassword, SrpProof, SrpRegistration, generate_srp_registration};
pub use verification::{Proof, VerificationKey};
