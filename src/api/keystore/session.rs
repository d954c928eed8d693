//! Ending a Keystore session. `protocol/http-api.md` §4.8.

use crate::{error::Result, http::Service};

/// Ends the session whose token the service carries.
pub async fn delete(keystore: &Service) -> Result<()> {
    keystore.delete(&["session"]).send_void().await
}

/// Ends all the user's sessions but the one whose token the service carries.
pub async fn delete_others(keystore: &Service) -> Result<()> {
    keystore.delete(&["session", "all"]).query([("except_current", "true".to_owned())]).send_void().await
}
