use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::{Either, select};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Service, TransportError,
    reply::{error_of, is_worth_another_try, read_json, retry_after},
};
use crate::error::{Error, ErrorCode, Result};

const SUBSCRIPTION_KEY: HeaderName = HeaderName::from_static("meeco-subscription-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One request being put together.
pub struct RequestBuilder<'a> {
    service: &'a Service,
    method: Method,
    url: String,
    has_query: bool,
    body: Option<Vec<u8>>,
    idempotency_key: Option<String>,
    safe_to_repeat: bool,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(service: &'a Service, method: Method, path: &[&str]) -> Self {
        let mut url = service.base_url.as_str().to_owned();
        for segment in path {
            url.push('/');
            url.extend(
                form_urlencoded::byte_serialize(segment.as_bytes()).map(|part| if part == "+" { "%20" } else { part }),
            );
        }
        let safe_to_repeat = method != Method::POST;
        RequestBuilder { service, method, url, has_query: false, body: None, idempotency_key: None, safe_to_repeat }
    }

    /// Adds query parameters; a name may occur several times.
    pub fn query(mut self, parameters: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        for (name, value) in parameters {
            self.url.push(if self.has_query { '&' } else { '?' });
            self.has_query = true;
            self.url.extend(form_urlencoded::byte_serialize(name.as_bytes()));
            self.url.push('=');
            self.url.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
        self
    }

    /// Where it goes: what a request that is signed has to name.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the body.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(body).map_err(|_| Error::internal("a request could not be written as JSON"))?;
        self.body = Some(json);
        Ok(self)
    }

    /// Names the wish behind this request, so that a server that knows the header answers a repeat with its first reply.
    pub fn idempotency_key(mut self, key: Option<&str>) -> Self {
        self.idempotency_key = key.map(str::to_owned);
        self
    }

    /// Says that sending this POST twice does no harm. Other methods are safe by their meaning.
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// Sends the request and reads the reply's JSON.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T> {
        let reply = self.exchange().await?;
        read_json(&reply)
    }

    /// Sends the request and takes any success for an answer.
    pub async fn send_void(self) -> Result<()> {
        self.exchange().await.map(drop)
    }

    async fn exchange(self) -> Result<Response<Vec<u8>>> {
        let retries = if self.safe_to_repeat { self.service.policy.retries } else { 0 };
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(retries)
            .with_jitter()
            .build();
        let mut repeated = false;
        loop {
            let outcome = self.attempt().await;
            let reply = match outcome {
                Ok(reply) if reply.status().is_success() => return Ok(reply),
                // The first attempt may have done it before its answer got lost: what is gone is what was wanted.
                Ok(reply) if repeated && self.method == Method::DELETE && reply.status() == StatusCode::NOT_FOUND => {
                    return Ok(reply);
                }
                Ok(reply) => Ok(reply),
                Err(error) => Err(error),
            };
            let pause = match &reply {
                Ok(reply) if !is_worth_another_try(reply.status()) => None,
                Ok(reply) => pauses.next().map(|pause| retry_after(reply).unwrap_or(pause)),
                Err(error) if error.code() == ErrorCode::Network => pauses.next(),
                Err(_) => None,
            };
            match (pause, reply) {
                (Some(pause), _) => self.service.transport.sleep(pause).await,
                (None, Ok(reply)) => return Err(error_of(&reply)),
                (None, Err(error)) => return Err(error),
            }
            repeated = true;
        }
    }

    async fn attempt(&self) -> Result<Response<Vec<u8>>> {
        let transport = &self.service.transport;
        let sent = transport.send(self.to_request()?);
        let deadline = transport.sleep(self.service.policy.timeout);
        match select(sent, deadline).await {
            Either::Left((Ok(reply), _)) => Ok(reply),
            Either::Left((Err(TransportError::Failed), _)) => {
                Err(Error::new(ErrorCode::Network, "the server could not be reached, or the connection broke"))
            }
            Either::Left((Err(TransportError::ReplyTooLong), _)) => {
                Err(Error::new(ErrorCode::BadResponse, "the server's reply is too long"))
            }
            Either::Right(_) => Err(Error::new(ErrorCode::Timeout, "the server did not answer in time")),
        }
    }

    fn to_request(&self) -> Result<Request<Vec<u8>>> {
        let mut builder = Request::builder().method(self.method.clone()).uri(&self.url).header(header::ACCEPT, JSON);
        if self.body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, JSON);
        }
        if let Some(authorization) = self.service.authorization()? {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        if let Some(key) = self.service.subscription_key() {
            builder = builder.header(SUBSCRIPTION_KEY, key);
        }
        if let Some(key) = &self.idempotency_key {
            builder = builder.header(IDEMPOTENCY_KEY, key);
        }
        builder
            .body(self.body.clone().unwrap_or_default())
            .map_err(|_| Error::invalid_argument("the request cannot be sent: its URL or headers are not valid"))
    }
}
