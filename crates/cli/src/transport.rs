//! The network of a terminal.

use std::time::Duration;

use http::{Request, Response};
use vaultshare::http::{MAXIMUM_REPLY_LENGTH, Transport, TransportError, TransportFuture};

/// An HTTP client that keeps its connections open and follows no redirect.
pub(crate) struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(HttpTransport { client })
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, reqwest::Error> {
        let request = reqwest::Request::try_from(request)?;
        let mut reply = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAXIMUM_REPLY_LENGTH {
                break;
            }
        }
        let mut response = Response::new(body);
        *response.status_mut() = reply.status();
        *response.headers_mut() = std::mem::take(reply.headers_mut());
        Ok(response)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Vec<u8>>) -> TransportFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            let reply = self.exchange(request).await.map_err(|_| TransportError::Failed)?;
            if reply.body().len() > MAXIMUM_REPLY_LENGTH { Err(TransportError::ReplyTooLong) } else { Ok(reply) }
        })
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
