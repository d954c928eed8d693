//! The user's account at the Keystore, and its deletion. `docs/protocol/http-api.md` §4.8.

use crate::http::{Reply, Service};

/// Has the user deleted after some days. Who is queued already keeps their time.
///
/// Nothing of the reply is read: the protocol does not say what it is. 404 at a Keystore without this request.
pub fn queue_deletion(keystore: &Service) -> Reply<'_, ()> {
    keystore.post(&["users", "deletion_queue"]).safe_to_repeat().send_void()
}

/// Takes that back.
pub fn cancel_deletion(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["users", "deletion_queue"]).send_void()
}
