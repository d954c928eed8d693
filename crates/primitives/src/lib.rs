//! What a page does thousands of times: base64 and AES when it decrypts its user's items, and PBKDF2 where the browser has none.
//!
//! A crate of its own for the sake of the module that pages load. Generic code is compiled where it is used, and there as
//! that crate is compiled: these few functions for speed, all the rest for size. Compiled for size too, they take half
//! as long again; with all the rest for speed, the module weighs half as much again. For tests the rest is not optimised at
//! all, so that a change is tried in a tenth of the time.

mod aes;
mod base64url;
mod kdf;

pub use aes::{ExpandedKey, IV_BYTES, KEY_BYTES, TAG_BYTES};
pub use base64url::{are_letters, decode, encode, unpadded};
pub use kdf::pbkdf2_sha256;
