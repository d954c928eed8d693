//! Readers of what others choose (a server, a file, another user), each fed with any bytes at all. Beside that nothing
//! panics, each asserts what must hold of whatever is read.
//!
//! A fuzz target and the test of the seeds (`tests/seeds.rs`) call the same function. `cargo xtask fuzz` runs them for long.

mod ciphertexts;
mod keys;
mod notes;
mod replies;

pub use ciphertexts::{additional_data, bson_artefacts, envelope, yaml_artefacts};
pub use keys::{code, der, pem, secret, token};
pub use notes::{grant, note, signature};
pub use replies::{keystore_replies, vault_replies};

/// Panics where something does not hold of the bytes.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its program in `fuzz_targets/`, and of its folder in `seeds/`.
pub const TARGETS: [(&str, Target); 14] = [
    ("additional_data", additional_data),
    ("bson_artefacts", bson_artefacts),
    ("code", code),
    ("der", der),
    ("envelope", envelope),
    ("grant", grant),
    ("keystore_replies", keystore_replies),
    ("note", note),
    ("pem", pem),
    ("secret", secret),
    ("signature", signature),
    ("token", token),
    ("vault_replies", vault_replies),
    ("yaml_artefacts", yaml_artefacts),
];
