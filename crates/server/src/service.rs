//! What the Keystore and the Vault have in common, and what one asks of the other.

use std::pin::Pin;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    bounds::LARGE_REPLY,
    clock::Clock,
    config::Limits,
    error::Result,
    store::Store,
    work::{Work, to_json},
};

/// The state of one service, as handlers receive it. Cheap to clone.
pub trait Service: Clone + Send + Sync + 'static {
    /// The service's own database.
    fn store(&self) -> &Store;
    /// The clock of both services.
    fn clock(&self) -> &Clock;
    /// Bounds and lifetimes.
    fn limits(&self) -> &Limits;
    /// What it computes.
    fn work(&self) -> &Work;
}

/// A boxed future, which a trait object's method can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the Keystore asks of the Vault. The Vault implements it, so that neither service imports the other.
pub trait Admissions: Send + Sync {
    /// Issues a token that admits this user of the Keystore to the Vault, once.
    fn issue_admission_token<'a>(&'a self, keystore_user_id: &'a str) -> BoxFuture<'a, Result<String>>;
    /// Which of these users of the Keystore are users of the Vault.
    fn users_among<'a>(&'a self, keystore_user_ids: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>>;
}

/// What the Vault asks of the Keystore, which implements it.
pub trait Accounts: Send + Sync {
    /// Deletes users with all their keys. One who is gone already is no error.
    fn delete_users<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>>;
    /// Whether there is a user of this id whom the operator has not disabled.
    fn may_sign_in<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool>>;
    /// Whose these data encryption keys are: pairs of the ids of a key and of its user.
    fn owners_of_deks<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, String)>>>;
}

/// Says of a reply that each user may have so much of such replies, until they are sent.
#[derive(Clone, Copy)]
pub(crate) struct LargeReply {
    pub(crate) bytes: usize,
}

/// A reply that may be megabytes. Writing it takes so long that other requests are answered meanwhile.
pub(crate) fn large_json(value: &impl Serialize) -> Result<Response> {
    let body = to_json(value)?;
    let bytes = body.len();
    let mut reply = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    if bytes > LARGE_REPLY {
        reply.extensions_mut().insert(LargeReply { bytes });
    }
    Ok(reply)
}

/// Reply of `GET /version`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Version {
    /// The service.
    component: Component,
}

/// A service.
#[derive(Serialize, JsonSchema)]
struct Component {
    /// Which.
    name: &'static str,
    /// The version of the protocol that it speaks.
    api_version: &'static str,
}

vaultshare::describe!(SENT: Version);

impl Version {
    pub(crate) const fn new(name: &'static str, api_version: &'static str) -> Self {
        Self { component: Component { name, api_version } }
    }
}
