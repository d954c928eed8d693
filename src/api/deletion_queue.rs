//! When a user is deleted: `/me/deletion_queue` of the Vault and `/users/deletion_queue` of the Keystore.
//! `docs/protocol/http-api.md` §4.8 and §5.3.

use serde::{Deserialize, Serialize};

use crate::api::{Id, Timestamp};

/// A user who asked to be deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeletionQueueItem {
    /// The user's, of this service.
    pub id: Id,
    /// When at the earliest: ISO-8601, UTC.
    pub queued_for_deletion_after: Timestamp,
}

/// Reply of `POST /me/deletion_queue` and `POST /users/deletion_queue`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct QueuedDeletion {
    /// As it is queued now.
    pub deletion_queue_item: DeletionQueueItem,
}
