//! The HTTP transport of the command line.

use std::{sync::Arc, time::Duration};

use reqwest::header::RETRY_AFTER;
use vaultshare::http::{MAXIMUM_REPLY_LENGTH, Method, Request, Response, Transport, TransportError, TransportFuture};

/// An HTTP client that keeps its connections open and follows no redirect.
pub(crate) struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // Fails only if a provider is installed already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(HttpTransport { client })
    }

    async fn exchange(&self, request: Request) -> Result<Response, reqwest::Error> {
        let mut builder = self.client.request(method(request.method), &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.as_str());
        }
        let mut reply = builder.body(request.body.unwrap_or_default()).send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAXIMUM_REPLY_LENGTH {
                break;
            }
        }
        let retry_after = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Response { status: reply.status().as_u16(), retry_after: retry_after.map(str::to_owned), body })
    }
}

/// The URL stays out of what people are shown.
fn failed(error: reqwest::Error) -> TransportError {
    TransportError::Failed(Some(Arc::new(error.without_url())))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let reply = self.exchange(request).await.map_err(failed)?;
            if reply.body.len() > MAXIMUM_REPLY_LENGTH { Err(TransportError::ReplyTooLong) } else { Ok(reply) }
        })
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
