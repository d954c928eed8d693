use std::rc::Rc;

use super::KeyPairSource;
use crate::http::Service;

/// The two services and the source of key pairs, before anybody is signed in.
pub(super) struct Services {
    pub(super) vault: Service,
    pub(super) keystore: Service,
    pub(super) key_pairs: Rc<dyn KeyPairSource>,
    /// How long the services' sessions are wanted for, in seconds; `None`: as long as they give them by themselves.
    pub(super) valid_for: Option<u64>,
}

impl Services {
    /// The same services without a token: each user's session gets its own.
    pub(super) fn for_one_user(&self) -> Services {
        Services {
            vault: self.vault.for_one_user(),
            keystore: self.keystore.for_one_user(),
            key_pairs: Rc::clone(&self.key_pairs),
            valid_for: self.valid_for,
        }
    }
}
