//! Ending a Keystore session. `protocol/http-api.md` §4.8.

use crate::{error::Result, http::Service};

/// Ends the session whose token the service carries.
pub async fn delete(keystore: &Service) -> Result<()> {
    keystore.delete(&["session"]).send_void().await
}
