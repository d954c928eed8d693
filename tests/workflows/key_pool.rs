//! RSA-2048 key pairs that were made beforehand: generating one takes longer than the workflow that needs it. The protocol
//! accepts their length.

use std::{cell::Cell, future::Future, pin::Pin};

use vaultshare::{Result, crypto::KeyPair, workflows::KeyPairSource};

const KEY_PAIRS: &str = include_str!("../fixtures/rsa2048-pool.pem");
const END: &str = "-----END RSA PRIVATE KEY-----\n";

/// Hands out the key pairs of the fixture, each once, and generates more when they are used up.
pub(crate) struct KeyPool(Cell<usize>);

impl KeyPool {
    pub(crate) fn from(number: usize) -> Self {
        KeyPool(Cell::new(number))
    }

    /// Number of the next.
    pub(crate) fn next(&self) -> usize {
        self.0.get()
    }
}

impl KeyPairSource for KeyPool {
    fn generate(&self) -> Pin<Box<dyn Future<Output = Result<KeyPair>> + '_>> {
        let number = self.0.replace(self.0.get() + 1);
        Box::pin(async move {
            match pems().nth(number) {
                Some(pem) => KeyPair::from_pem(pem).await,
                None => KeyPair::generate(2048).await,
            }
        })
    }
}

pub(crate) fn pems() -> impl Iterator<Item = &'static str> {
    KEY_PAIRS.split_inclusive(END).filter(|pem| pem.ends_with(END))
}
