//! Shares (http-api §8, §9). An owner's item reaches each recipient as a copy with ids of its own; the values belong to
//! the share, under a key that only its recipient can open.
//!
//! - `creating`: who may share what with whom
//! - `incoming`, `outgoing`: lists, reading, accepting
//! - `refreshing`: the owner's new values for every share; `reencrypting`: a recipient's own key instead of the share's
//! - `rearranging`: several of these in one step
//! - `copies`: keeping copies like their original · [`ending`]: shares that are deleted or expire

mod copies;
mod creating;
pub(super) mod ending;
mod incoming;
mod outgoing;
mod rearranging;
mod records;
mod reencrypting;
mod refreshing;
mod values;

use axum::Router;

use super::Vault;
pub(super) use creating::read_expiry;

pub(super) fn routes() -> Router<Vault> {
    Router::new()
        .merge(creating::routes())
        .merge(incoming::routes())
        .merge(outgoing::routes())
        .merge(refreshing::routes())
        .merge(reencrypting::routes())
        .merge(ending::routes())
        .merge(rearranging::routes())
}
