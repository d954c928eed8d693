use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::{Either, select};
use zeroize::Zeroizing;

use super::{
    FromJson, JsonText, Method, Reply, Request, Response, Service, ToJson, TransportError, TransportFuture,
    percent::push_encoded,
    response::{error_of, is_worth_another_try, retry_after},
};
use crate::error::{Error, ErrorCode, Result};

const JSON: &str = "application/json";

/// One request being put together.
pub struct RequestBuilder<'service> {
    service: &'service Service,
    request: Request,
    has_query: bool,
    safe_to_repeat: bool,
}

impl<'service> RequestBuilder<'service> {
    pub(super) fn new(service: &'service Service, method: Method, path: &[&str]) -> Self {
        let mut url = service.base_url.as_str().to_owned();
        for segment in path {
            url.push('/');
            push_encoded(&mut url, segment);
        }
        RequestBuilder {
            service,
            request: Request { method, url, headers: vec![("accept", header(JSON))], body: None },
            has_query: false,
            safe_to_repeat: method != Method::Post,
        }
    }

    /// Adds a query parameter; a name may occur several times.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.request.url.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        push_encoded(&mut self.request.url, name);
        self.request.url.push('=');
        push_encoded(&mut self.request.url, value);
        self
    }

    /// Adds a query parameter where it has a value.
    pub fn query_if_any(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Where it goes: what a request that is signed has to name.
    pub fn url(&self) -> &str {
        &self.request.url
    }

    /// Sets the body.
    pub fn json(mut self, body: &dyn ToJson) -> Self {
        self.request.body = Some(JsonText::of(body).into_bytes());
        self.request.headers.push(("content-type", header(JSON)));
        self
    }

    /// Names the wish behind this request, so that a server that knows the header answers a repeat with its first reply.
    pub fn idempotency_key(mut self, key: Option<&str>) -> Self {
        self.request.headers.extend(key.map(|key| ("idempotency-key", header(key))));
        self
    }

    /// Says that sending this POST twice does no harm. Other methods are safe by their meaning.
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// The value that the reply's JSON is.
    pub fn send<T: FromJson>(self) -> Reply<'service, T> {
        Reply::new(self.exchange(), None)
    }

    /// The value of one field of the reply's JSON: most replies wrap what was asked for in an object that has just this.
    pub fn send_for<T: FromJson>(self, field: &'static str) -> Reply<'service, T> {
        Reply::new(self.exchange(), Some(field))
    }

    /// Takes any success for an answer, whatever it says.
    pub fn send_void(self) -> Reply<'service, ()> {
        Reply::unread(self.exchange())
    }

    /// Boxed: this is compiled once for all the calls there are.
    fn exchange(self) -> TransportFuture<'service, Result<Response>> {
        Box::pin(self.exchange_patiently())
    }

    async fn exchange_patiently(mut self) -> Result<Response> {
        self.request.headers.extend(self.service.headers()?);
        let retries = if self.safe_to_repeat { self.service.policy.retries } else { 0 };
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(retries)
            .with_jitter()
            .build();
        let mut repeated = false;
        loop {
            let outcome = attempt(self.service, self.request.clone()).await;
            let pause = match &outcome {
                Ok(response) if (200..300).contains(&response.status) => None,
                // The first attempt may have done it before its answer got lost: what is gone is what was wanted.
                Ok(response) if repeated && self.request.method == Method::Delete && response.status == 404 => None,
                Ok(response) if is_worth_another_try(response.status) => match pauses.next() {
                    Some(pause) => Some(retry_after(response).unwrap_or(pause)),
                    None => return Err(error_of(response)),
                },
                Ok(response) => return Err(error_of(response)),
                Err(error) if error.code() == ErrorCode::Network => pauses.next(),
                Err(_) => None,
            };
            match pause {
                Some(pause) => self.service.transport.sleep(pause).await,
                None => return outcome,
            }
            repeated = true;
        }
    }
}

async fn attempt(service: &Service, request: Request) -> Result<Response> {
    let sent = service.transport.send(request);
    let deadline = service.transport.sleep(service.policy.timeout);
    match select(sent, deadline).await {
        Either::Left((Ok(response), _)) => Ok(response),
        Either::Left((Err(TransportError::Failed), _)) => {
            Err(Error::new(ErrorCode::Network, "the server could not be reached, or the connection broke"))
        }
        Either::Left((Err(TransportError::ReplyTooLong), _)) => {
            Err(Error::new(ErrorCode::BadResponse, "the server's reply is too long"))
        }
        Either::Right(_) => Err(Error::new(ErrorCode::Timeout, "the server did not answer in time")),
    }
}

fn header(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.to_owned())
}
