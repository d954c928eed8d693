//! What a page does thousands of times when it decrypts its user's items: base64 and AES.
//!
//! A crate of its own for the sake of the module that pages load. Generic code is compiled where it is used, and there as
//! that crate is compiled: these few functions for speed, all the rest for size. Compiled for size too, they take half
//! as long again; with all the rest for speed, the module weighs half as much again.

mod aes;
mod base64url;

pub use aes::{ExpandedKey, IV_BYTES, KEY_BYTES, TAG_BYTES};
pub use base64url::{are_letters, decode, decode_into, encode, unpadded};
