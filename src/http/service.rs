use std::{cell::RefCell, rc::Rc, time::Duration};

use zeroize::Zeroizing;

use super::{BaseUrl, Method, RequestBuilder, SignedUrl, Transport};
use crate::error::{Error, ErrorCode, Result};

/// Timeout and retries of requests.
#[derive(Clone, Debug)]
pub struct RequestPolicy {
    /// How long one attempt may take, reading the response included.
    pub timeout: Duration,
    /// How often an idempotent request is retried after a failed connection, a 429 or a 5xx; 0 turns retries off.
    pub retries: usize,
}

impl Default for RequestPolicy {
    fn default() -> Self {
        RequestPolicy { timeout: Duration::from_secs(30), retries: 2 }
    }
}

/// The Vault or the Keystore: its base URL, its transport, and the session token of one user.
pub struct Service {
    pub(super) base_url: BaseUrl,
    pub(super) transport: Rc<dyn Transport>,
    pub(super) policy: RequestPolicy,
    subscription_key: Option<String>,
    token: RefCell<Option<Zeroizing<String>>>,
}

impl Service {
    /// A service without a session token, for the endpoints that need none. `INVALID_ARGUMENT` for a subscription key that
    /// cannot be a header.
    pub fn new(
        base_url: BaseUrl,
        transport: Rc<dyn Transport>,
        policy: RequestPolicy,
        subscription_key: Option<&str>,
    ) -> Result<Service> {
        let subscription_key = match subscription_key {
            Some(key) if !is_header_value(key) => {
                return Err(Error::invalid_argument("the subscription key cannot be sent in a header"));
            }
            other => other.map(str::to_owned),
        };
        Ok(Service { base_url, transport, policy, subscription_key, token: RefCell::new(None) })
    }

    /// The same service for another user, who has no session token yet.
    pub fn for_one_user(&self) -> Service {
        Service {
            base_url: self.base_url.clone(),
            transport: Rc::clone(&self.transport),
            policy: self.policy.clone(),
            subscription_key: self.subscription_key.clone(),
            token: RefCell::new(None),
        }
    }

    /// Without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.base_url.as_str()
    }

    /// See [`Transport::pause`].
    pub async fn pause(&self) {
        self.transport.pause().await;
    }

    /// Sets the session token that every later request carries.
    pub fn set_token(&self, token: Zeroizing<String>) {
        self.token.replace(Some(token));
    }

    /// Forgets and zeroizes the session token.
    pub fn clear_token(&self) {
        self.token.replace(None);
    }

    /// A copy of the token, for who keeps the session on a device.
    pub(crate) fn token(&self) -> Option<Zeroizing<String>> {
        self.token.borrow().clone()
    }

    /// Starts a GET of the path with these segments.
    pub fn get(&self, path: &[&str]) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::Get, path)
    }

    /// Starts a POST to the path with these segments.
    pub fn post(&self, path: &[&str]) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::Post, path)
    }

    /// Starts a PUT to the path with these segments.
    pub fn put(&self, path: &[&str]) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::Put, path)
    }

    /// Starts a PATCH of the path with these segments.
    pub fn patch(&self, path: &[&str]) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::Patch, path)
    }

    /// Starts a DELETE of the path with these segments.
    pub fn delete(&self, path: &[&str]) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::Delete, path)
    }

    /// An address that this service gave for the bytes of a file. `BAD_RESPONSE` for what is none.
    pub fn signed_url(&self, text: &str) -> Result<SignedUrl> {
        SignedUrl::parse(text, &self.base_url)
    }

    /// Starts a GET of bytes that this service keeps elsewhere.
    pub fn get_at(&self, url: &SignedUrl) -> RequestBuilder<'_> {
        RequestBuilder::elsewhere(self, Method::Get, url)
    }

    /// Starts a PUT of bytes that this service keeps elsewhere.
    pub fn put_at(&self, url: &SignedUrl) -> RequestBuilder<'_> {
        RequestBuilder::elsewhere(self, Method::Put, url)
    }

    /// The headers that every request to this service carries.
    pub(super) fn headers(&self) -> Result<Vec<(&'static str, Zeroizing<String>)>> {
        let mut headers = Vec::with_capacity(2);
        if let Some(token) = self.token.borrow().as_ref() {
            if !is_header_value(token) {
                return Err(Error::new(ErrorCode::BadResponse, "the session token is not a token"));
            }
            headers.push(("authorization", token.clone()));
        }
        if let Some(key) = &self.subscription_key {
            headers.push(("meeco-subscription-key", Zeroizing::new(key.clone())));
        }
        Ok(headers)
    }
}

/// Visible ASCII and spaces, so that a value cannot end its header and begin another.
fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
