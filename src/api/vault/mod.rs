//! The Vault: items, connections, shares and client tasks, all values as ciphertext. `docs/protocol/http-api.md`
//! §5–§10.

pub mod attachments;
pub mod classification_nodes;
pub mod client_tasks;
pub mod connections;
pub mod encryption_spaces;
pub mod invitations;
pub mod items;
pub mod me;
pub mod names;
pub mod session;
pub mod shares;
pub mod slots;
pub mod templates;
pub mod thumbnails;
