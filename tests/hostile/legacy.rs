//! An account as other clients make it: KEK, private DEK and login key name no purpose.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use vaultshare::{
    crypto::{AesKey, UserSecret},
    http::{Request, Response, Transport, TransportError, TransportFuture},
};

use crate::{harness::PASSPHRASE, oracle::collect_envelopes, wire::Wire};

/// Seals again, without a place, whatever a registration seals.
pub(crate) struct WithoutPlaces {
    wire: Wire,
    /// The passphrase key, and the KEK once it was seen.
    keys: RefCell<Vec<Rc<AesKey>>>,
}

impl WithoutPlaces {
    pub(crate) async fn new(wire: Wire, secret: &UserSecret) -> Self {
        let key = secret.derive_passphrase_key(PASSPHRASE).await.unwrap();
        let key = AesKey::from_base64url(&key.to_base64url()).unwrap();
        WithoutPlaces { wire, keys: RefCell::new(vec![Rc::new(key)]) }
    }

    async fn seal_again(&self, body: &[u8]) -> Vec<u8> {
        let mut text = String::from_utf8(body.to_vec()).unwrap();
        let mut envelopes = BTreeSet::new();
        collect_envelopes(&serde_json::from_str(&text).unwrap(), &mut envelopes);
        for envelope in envelopes {
            let keys = self.keys.borrow().clone();
            for key in keys {
                let Ok(content) = key.decrypt(&envelope).await else { continue };
                text = text.replace(&envelope, &key.encrypt(&content).await.unwrap());
                self.keys.borrow_mut().extend(AesKey::from_bytes(&content).map(Rc::new));
            }
        }
        text.into_bytes()
    }
}

impl Transport for WithoutPlaces {
    fn send(&self, mut request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            if let Some(body) = request.body.take() {
                request.body = Some(self.seal_again(&body).await);
            }
            self.wire.send(request).await
        })
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        self.wire.sleep(duration)
    }
}
