//! What `fuzz/` feeds of this room: the texts that clients seal for themselves and for each other. Each is read, and written
//! as it was read.

use super::{
    connection_keys::Note,
    grants::{Grant, OnShareSignature, has_passed, parse_signed, signed_text},
    provenance::{ContentSignature, ShareProof},
};

/// A user's note on the key at the other end of a connection.
pub fn rewrite_note(text: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&serde_json::from_slice::<Note>(text).ok()?).ok()
}

/// The owner's decision to share.
pub fn rewrite_grant(text: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&serde_json::from_slice::<Grant>(text).ok()?).ok()
}

/// The signature that travels with a share of a received item, for its owner.
pub fn rewrite_signature(text: &str) -> Option<String> {
    signed_text(&parse_signed::<OnShareSignature>(text)?).ok()
}

/// What travels with a share, for its recipient.
pub fn rewrite_proof(text: &str) -> Option<String> {
    signed_text(&parse_signed::<ShareProof>(text)?).ok()
}

/// What travels with the values of a share.
pub fn rewrite_content_signature(text: &str) -> Option<String> {
    signed_text(&parse_signed::<ContentSignature>(text)?).ok()
}

/// Whether the end of a share has come; an instant that cannot be read has.
pub fn instant_has_passed(instant: &str) -> bool {
    has_passed(instant)
}
