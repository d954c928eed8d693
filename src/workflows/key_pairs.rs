use std::{future::Future, pin::Pin};

use crate::{crypto::KeyPair, error::Result};

/// Where new RSA key pairs come from. A key pair takes from a third of a second to many, so callers may bring ones that
/// were made ahead of need.
pub trait KeyPairSource {
    /// A key pair that nobody else gets.
    fn make(&self) -> Pin<Box<dyn Future<Output = Result<KeyPair>> + '_>>;
}

/// Makes each key pair when it is asked for: RSA-4096.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreshKeyPairs;

/// The size that the protocol's clients use and expect.
const KEY_BITS: u32 = 4096;

impl KeyPairSource for FreshKeyPairs {
    fn make(&self) -> Pin<Box<dyn Future<Output = Result<KeyPair>> + '_>> {
        Box::pin(KeyPair::generate(KEY_BITS))
    }
}
