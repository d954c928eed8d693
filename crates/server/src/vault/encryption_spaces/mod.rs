//! The first sharing protocol (docs/protocol/encryption-spaces-and-setup.md §1): two connected users have one DEK,
//! which the Keystore keeps. Here is which space a connection uses, and what is shared with its DEK. The recipient
//! reads the owner's item with the owner's ids, not a copy: the shares of one protocol never appear among those of the
//! other.

mod changing;
pub(super) mod creating;
pub(super) mod reading;
pub(super) mod space_ids;

pub(super) use changing::change;
