use std::rc::Rc;

use super::KeyPairSource;
use crate::http::Service;

/// The two services and the source of key pairs, before anybody is signed in.
pub(super) struct Services {
    pub(super) vault: Service,
    pub(super) keystore: Service,
    pub(super) key_pairs: Rc<dyn KeyPairSource>,
}

impl Services {
    /// The same services without a token: each user's session gets its own.
    pub(super) fn for_one_user(&self) -> Services {
        Services {
            vault: self.vault.for_one_user(),
            keystore: self.keystore.for_one_user(),
            key_pairs: Rc::clone(&self.key_pairs),
        }
    }
}
