//! Keys and ciphertexts. Bytes in, bytes out: this room knows no HTTP, no JavaScript objects, no workflow.
//!
//! The hierarchy, from what the user remembers down to what is stored:
//!
//! ```text
//! UserSecret + passphrase ──► SrpPassword       proves to the Keystore who signs in
//!                        └──► PassphraseKey ──► KeyEncryptionKey ──┬─► DataKey (private)   own items
//!                                                                  └─► KeyPair             one per purpose
//!                                     PublicKey (of someone else) ───► DataKey (per share) what they may read
//! ```
//!
//! Everything that crosses the wire is one of the texts of `protocol/envelopes.md`, read and written by [`envelope`].
//! The arithmetic is done by a [`backend`]: the browser's WebCrypto, or portable Rust. Both give the same bytes.

pub mod backend;
pub mod envelope;

mod encoding;
mod fingerprint;
mod kdf;
mod keypair;
mod keys;
mod pem;
mod public_key;
mod rsa_der;
mod secret;
mod srp;
mod symmetric;
mod verification;

pub use fingerprint::safety_number;
pub use kdf::{decrypt_with_passphrase, derive_key_from_passphrase, encrypt_with_passphrase};
pub use keypair::KeyPair;
pub use keys::{DataKey, KeyEncryptionKey, PassphraseKey};
pub use public_key::PublicKey;
pub use secret::UserSecret;
pub use srp::{SrpClient, SrpPassword, SrpRegistration, srp_registration};
pub use symmetric::AesKey;
pub use verification::VerificationKey;
