//! The Vault's SQL and rows, one file per table or group of tables, and what a row looks like on the wire. Nothing here
//! knows a request or a rule.

/// How many ids one statement looks for. SQLite takes n² steps to find the places of n of them, and neither database has
/// places for any number.
const IDS_PER_STATEMENT: usize = 500;

pub(crate) mod attachments;
pub(crate) mod blobs;
pub(crate) mod classification;
pub(crate) mod client_tasks;
pub(crate) mod connections;
pub(crate) mod copies;
pub(crate) mod deleted_objects;
pub(crate) mod invitations;
pub(crate) mod items;
pub(crate) mod mail_queue;
mod naming;
pub(crate) mod public_keys;
pub(crate) mod share_proofs;
pub(crate) mod share_values;
pub(crate) mod shares;
pub(crate) mod slots;
pub(crate) mod space_shares;
pub(crate) mod system_templates;
pub(crate) mod templates;
pub(crate) mod usage;
pub(crate) mod users;
