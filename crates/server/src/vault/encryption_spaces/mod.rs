//! The first sharing protocol (encryption-spaces §1): one DEK for two connected users, kept in the Keystore; here is which
//! space a connection uses, and what is shared under its DEK. The recipient reads the owner's item under the owner's ids:
//! no copy is made, so nothing of this appears among the shares of the second protocol, nor the other way round.
//!
//! - `public_keys`: the keys that users publish, as records of their own
//! - `twins`: which space of the Keystore each side of a connection has
//! - `creating`, `changing`, `reading`: shares · `records`: their rows, and what each side sees of one

mod changing;
mod creating;
pub(super) mod public_keys;
mod reading;
pub(super) mod records;
mod twins;

use axum::{Router, routing::get};

use super::{Vault, classification, connections, templates};

pub(super) use changing::{SpaceShareChange, change};

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .merge(public_keys::routes())
        .merge(twins::routes())
        .merge(creating::routes())
        .merge(reading::routes())
        // Lists by cursor, as its first clients call those that are today the only ones (`/fast_items` is among the items).
        .route("/fast_connections", get(connections::list))
        .route("/fast_item_templates", get(templates::list))
        .route("/fast_classification_nodes", get(classification::list))
}
