//! A Keystore session once it is open: ending it, and the half of its keys that it holds for a device.
//! `docs/protocol/http-api.md` §4.8.

use serde::{Deserialize, Serialize};

use crate::{
    api::Timestamp,
    http::{Reply, Service},
};

/// Body of `PUT /session/half`. An extension of this repository's server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSessionHalf {
    /// 32 bytes, base64url without padding.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = "^[A-Za-z0-9_-]{43}$")))]
    pub half: String,
    /// Until when it is wanted: ISO-8601, UTC. `None`, and what is later than the session's end: until that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Reply of `GET` and `PUT /session/half`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SessionHalf {
    /// The first that was stored.
    pub half: String,
    /// When it is gone: ISO-8601, UTC.
    pub expires_at: Timestamp,
}

/// Logs out: ends the session whose token the service carries.
pub fn delete(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["session"]).send_void()
}

/// Ends all the user's sessions but the one whose token the service carries.
pub fn delete_others(keystore: &Service) -> Reply<'_, ()> {
    keystore.delete(&["session", "all"]).query("except_current", "true").send_void()
}

/// What was stored with this session. 404 where nothing is.
pub fn half(keystore: &Service) -> Reply<'_, SessionHalf> {
    keystore.get(&["session", "half"]).send()
}

/// Stores it, unless there is one, and replaces its end. It goes with the session. 404 at a Keystore of another make.
pub fn store_half<'a>(keystore: &'a Service, half: &NewSessionHalf) -> Reply<'a, SessionHalf> {
    keystore.put(&["session", "half"]).json(half).send()
}
