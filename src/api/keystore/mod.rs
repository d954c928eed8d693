//! The Keystore: SRP login and the user's keys, each wrapped by the one above it. `docs/protocol/http-api.md` §4.

pub mod admission;
pub mod encryption_spaces;
pub mod keypairs;
pub mod keys;
pub mod recovery;
pub mod session;
pub mod srp;
pub mod users;
