//! Shares (docs/protocol/http-api.md §8, §9). Each recipient of an item gets a copy with ids of its own; its values
//! belong to the share, encrypted with a DEK that only its recipient can decrypt.

pub(super) mod batch;
pub(super) mod creating;
pub(super) mod ending;
pub(super) mod incoming;
pub(super) mod outgoing;
pub(super) mod reencrypting;
pub(super) mod refreshing;
mod values;
