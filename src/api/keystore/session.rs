//! Ending a Keystore session. `docs/protocol/http-api.md` §4.8.

use crate::http::{Reply, Service};

/// Logs out: ends the session whose token the service carries.
pub fn delete(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["session"]).send_void()
}

/// Ends all the user's sessions but the one whose token the service carries.
pub fn delete_others(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["session", "all"]).query("except_current", "true").send_void()
}
