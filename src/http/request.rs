use std::{cell::Cell, rc::Rc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use futures_util::future::{Either, select};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{
    Form, Method, Reply, Request, Response, SerializedForm, Service, SignedUrl, Transport, TransportError,
    TransportFuture,
    response::{error_of, is_transient, retry_after},
};
use crate::error::{Error, ErrorCode, Result};

/// How long a mebibyte may take: some 30 kbit/s.
const TIME_FOR_BYTES: Duration = Duration::from_secs(5 * 60);

const JSON: &str = "application/json";

/// What RFC 3986 (section 2.3) calls unreserved stands for itself; all else is percent-encoded. In a path this makes one
/// segment (`Id` refuses `.` and `..`), in a query one name or value.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request being put together.
pub struct RequestBuilder<'service> {
    service: &'service Service,
    request: Request,
    body: serde_json::Result<Option<Vec<u8>>>,
    has_query: bool,
    safe_to_repeat: bool,
    /// Whether it goes to this service, which the session's token is for.
    is_of_service: bool,
    timeout: Duration,
}

impl<'service> RequestBuilder<'service> {
    pub(super) fn new(service: &'service Service, method: Method, path: &[&str]) -> Self {
        let mut url = service.base_url.as_str().to_owned();
        for segment in path {
            url.push('/');
            url.extend(utf8_percent_encode(segment, RESERVED));
        }
        RequestBuilder {
            service,
            request: Request { method, url, headers: vec![("accept", header(JSON))], body: None },
            body: Ok(None),
            has_query: false,
            safe_to_repeat: method != Method::Post,
            is_of_service: true,
            timeout: service.policy.timeout,
        }
    }

    /// Of an address that the service gave, with nothing of the user's.
    pub(super) fn elsewhere(service: &'service Service, method: Method, url: &SignedUrl) -> Self {
        RequestBuilder {
            service,
            request: Request { method, url: url.as_str().to_owned(), headers: Vec::new(), body: None },
            body: Ok(None),
            has_query: true,
            safe_to_repeat: method != Method::Post,
            is_of_service: false,
            timeout: service.policy.timeout.max(TIME_FOR_BYTES),
        }
    }

    /// Adds a query parameter; a name may occur several times.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.request.url.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.request.url.extend(utf8_percent_encode(name, RESERVED));
        self.request.url.push('=');
        self.request.url.extend(utf8_percent_encode(value, RESERVED));
        self
    }

    /// Adds a query parameter where it has a value.
    pub fn query_if_any(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The whole URL, which a signed request has to name.
    pub fn url(&self) -> &str {
        &self.request.url
    }

    /// Sets the body. Fails when the request is sent, if the value cannot be serialized.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).map(Some);
        self.request.headers.push(("content-type", header(JSON)));
        self
    }

    /// Sets a body that is no JSON.
    pub fn bytes(mut self, body: Vec<u8>, content_type: &str) -> Self {
        self.body = Ok(Some(body));
        self.request.headers.push(("content-type", header(content_type)));
        self
    }

    /// Sets a form as the body.
    pub async fn form(self, form: Form) -> Result<Self> {
        let SerializedForm { content_type, body } = form.serialize().await?;
        Ok(self.bytes(body, &content_type))
    }

    /// Asks for a part of a body: `length` bytes, at least one.
    pub fn range(mut self, start: u64, length: u64) -> Self {
        let last = start.saturating_add(length).saturating_sub(1);
        self.request.headers.push(("range", header(&format!("bytes={start}-{last}"))));
        self
    }

    /// Gives a large body more time than other requests have.
    pub fn with_time_for_bytes(mut self) -> Self {
        self.timeout = self.timeout.max(TIME_FOR_BYTES);
        self
    }

    /// Sets `Idempotency-Key`, so that a retry gets the original response from a server that knows the header.
    pub fn idempotency_key(mut self, key: Option<&str>) -> Self {
        self.request.headers.extend(key.map(|key| ("idempotency-key", header(key))));
        self
    }

    /// Allows retries of this POST, because the endpoint is idempotent. Those of the other methods are anyway.
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// Forbids retries of a request that succeeds once.
    pub fn once(mut self) -> Self {
        self.safe_to_repeat = false;
        self
    }

    /// Deserializes the response's body.
    pub fn send<T: DeserializeOwned>(self) -> Reply<'service, T> {
        Reply::new(self.exchange(), None)
    }

    /// Deserializes one field of the response's body: most responses are an object with just this field.
    pub fn send_for<T: DeserializeOwned>(self, field: &'static str) -> Reply<'service, T> {
        Reply::new(self.exchange(), Some(field))
    }

    /// Ignores the response's body.
    pub fn send_void(self) -> Reply<'service, ()> {
        Reply::ignored(self.exchange())
    }

    /// Gives the response's body as it is.
    pub async fn send_for_bytes(self) -> Result<Vec<u8>> {
        Ok(self.exchange().await?.body)
    }

    /// Boxed, so that what awaits it holds a pointer.
    fn exchange(self) -> TransportFuture<'service, Result<Response>> {
        Box::pin(self.exchange_with_retries())
    }

    async fn exchange_with_retries(mut self) -> Result<Response> {
        if self.is_of_service {
            self.request.headers.extend(self.service.headers()?);
        }
        self.request.body = self.body.map_err(|_| Error::internal("a request could not be serialized"))?;
        let Service { transport, policy, .. } = self.service;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(if self.safe_to_repeat { policy.retries } else { 0 })
            .with_jitter();
        let sleeper = Rc::clone(transport);
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            attempt(transport.as_ref(), self.timeout, self.request.clone(), attempts.get() > 1)
        };
        attempt
            .retry(backoff)
            .sleep(move |delay| sleeper.sleep(delay))
            .when(|failure| failure.is_transient)
            .adjust(|failure, delay| delay.map(|delay| failure.retry_after.unwrap_or(delay)))
            .await
            .map_err(|failure| failure.error)
    }
}

/// Why an attempt did not succeed, and whether the next one may.
struct Failure {
    error: Error,
    is_transient: bool,
    retry_after: Option<Duration>,
}

impl Failure {
    fn new(code: ErrorCode, message: &'static str) -> Self {
        Failure { error: Error::new(code, message), is_transient: false, retry_after: None }
    }
}

async fn attempt(
    transport: &dyn Transport,
    timeout: Duration,
    request: Request,
    is_repeated: bool,
) -> Result<Response, Failure> {
    let method = request.method;
    let deadline = transport.sleep(timeout);
    let response = match select(transport.send(request), deadline).await {
        Either::Left((Ok(response), _)) => response,
        Either::Left((Err(TransportError::Failed(cause)), _)) => {
            let Failure { error, retry_after, .. } =
                Failure::new(ErrorCode::Network, "the server could not be reached, or the connection broke");
            return Err(Failure { error: error.with_cause(cause), is_transient: true, retry_after });
        }
        Either::Left((Err(TransportError::ReplyTooLong), _)) => {
            return Err(Failure::new(ErrorCode::BadResponse, "the server's reply is too long"));
        }
        Either::Right(_) => return Err(Failure::new(ErrorCode::Timeout, "the server did not answer in time")),
    };
    match response.status {
        200..300 => Ok(response),
        // The first attempt may have deleted it before its response was lost: what is gone is what was wanted.
        404 if is_repeated && method == Method::Delete => Ok(response),
        status => Err(Failure {
            is_transient: is_transient(status),
            retry_after: retry_after(&response),
            error: error_of(&response),
        }),
    }
}

fn header(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.to_owned())
}
