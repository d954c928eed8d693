//! The Keystore's SQL and rows, one file per table or group of tables. Nothing here knows a request or a rule.

pub(crate) mod challenges;
pub(crate) mod encryption_spaces;
pub(crate) mod keypairs;
pub(crate) mod keys;
pub(crate) mod known_networks;
pub(crate) mod recovery_keys;
pub(crate) mod retired_usernames;
pub(crate) mod session_halves;
pub(crate) mod shared_keys;
pub(crate) mod sign_up_invitations;
pub(crate) mod users;
