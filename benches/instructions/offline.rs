//! A network that ends where the client's work ends.

use std::{future, rc::Rc, time::Duration};

use vaultshare::http::{
    BaseUrl, Request, RequestPolicy, Response, Service, Transport, TransportError, TransportFuture,
};

/// Answers every request with the same reply, at once.
struct OfflineTransport {
    reply: Vec<u8>,
}

impl Transport for OfflineTransport {
    fn send(&self, _: Request) -> TransportFuture<'_, vaultshare::Result<Response, TransportError>> {
        let response = Response { status: 200, retry_after: None, body: self.reply.clone() };
        Box::pin(future::ready(Ok(response)))
    }

    fn sleep(&self, _: Duration) -> TransportFuture<'static, ()> {
        Box::pin(future::pending())
    }
}

/// A Vault that answers every request with this reply.
pub(crate) fn vault_answering(reply: Vec<u8>) -> anyhow::Result<Service> {
    let base_url = BaseUrl::parse("https://vault.example")?;
    Ok(Service::new(base_url, Rc::new(OfflineTransport { reply }), RequestPolicy::default(), None)?)
}
