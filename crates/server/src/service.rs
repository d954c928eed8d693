//! What the Keystore and the Vault have in common: a database, a clock, sessions.

use crate::{clock::Clock, config::Limits, store::Store};

/// The state of one service, as handlers receive it. Cloning is cheap: everything inside is shared.
pub trait Service: Clone + Send + Sync + 'static {
    /// Where this service keeps everything. The other service has its own.
    fn store(&self) -> &Store;
    /// What time it is.
    fn clock(&self) -> &Clock;
    /// How long and how much.
    fn limits(&self) -> &Limits;
}
