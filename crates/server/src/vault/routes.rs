//! All routes of the Vault.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, patch, post, put},
};

use super::{
    Vault, classification, client_tasks, connections, deletion,
    encryption_spaces::{creating as space_creating, reading as space_reading, space_ids},
    invitations,
    items::{self, slots},
    login, me, public_keys,
    sharing::{batch, creating, ending, incoming, outgoing, reencrypting, refreshing},
    templates,
};
use crate::{
    bounds::BODY_WITHOUT_SESSION,
    compression,
    error::Result,
    request::body_limit,
    service::{Service, version},
};

/// The Vault's routes. Replies with session or invitation tokens are not compressed (see `compression`).
pub fn router(vault: Vault) -> Router {
    let uncompressed = with_tokens(&vault);
    let compressed = Router::new().merge(data()).merge(sharing(&vault)).layer(compression::layer());
    Router::new().merge(uncompressed).merge(compressed).with_state(vault)
}

fn with_tokens(vault: &Vault) -> Router<Vault> {
    let small = body_limit(BODY_WITHOUT_SESSION.min(vault.limits().body));
    Router::new()
        .route("/version", get(|| version("vault", "16.0.1")))
        .route("/session", post(login::create).layer(small).get(login::show).delete(login::end))
        .route("/session/all", delete(login::end_all))
        .route("/session/resume", patch(login::resume))
        .route("/session/limited_in_time", post(login::limited_in_time))
        .route("/me", post(me::create).layer(small).get(me::show).put(me::change).delete(deletion::delete_now))
        .route("/me/deletion_queue", post(deletion::enqueue).delete(deletion::cancel))
        .route("/invitations", get(invitations::list).post(invitations::create))
        .route("/invitations/lookup", post(invitations::look_up))
        .route("/invitations/{id_or_token}", get(invitations::show).delete(invitations::delete))
}

fn data() -> Router<Vault> {
    Router::new()
        .route("/item_templates", get(templates::list).post(templates::create))
        .route("/item_templates/{id}", get(templates::show))
        .route("/classification_nodes", get(classification::list).post(classification::create))
        .route("/classification_nodes/{id}", get(classification::show))
        .route("/connections", get(connections::list).post(connections::create))
        .route("/connections/{id}", get(connections::show).delete(connections::delete))
        .route("/client_task_queue", get(client_tasks::list).put(client_tasks::change))
        // The first protocol (encryption spaces)
        .route("/key_store/public_keys", get(public_keys::list).post(public_keys::create))
        .route("/connections/{id}/encryption_space", post(space_ids::set))
        .route("/shares/incoming", get(space_reading::list_incoming))
        .route("/shares/outgoing", get(space_reading::list_outgoing))
        .route("/items/incoming", get(space_reading::list_incoming))
        .route("/shared/items/incoming", get(space_reading::list_incoming))
        .route("/shared/items/outgoing", get(space_reading::list_outgoing))
        // Old names for what are the only lists today
        .route("/fast_connections", get(connections::list))
        .route("/fast_item_templates", get(templates::list))
        .route("/fast_classification_nodes", get(classification::list))
}

/// Items and shares. Expired shares are ended before any of these requests, so that no query has to check for them.
fn sharing(vault: &Vault) -> Router<Vault> {
    // All values at once: none may stay under a key that is gone. With verification keys and JSON they are more than stored.
    let whole_item = usize::try_from(vault.limits().item_bytes).unwrap_or(usize::MAX).saturating_mul(2);
    let whole_item = body_limit(whole_item.max(vault.limits().body));
    Router::new()
        .route("/items", get(items::list).post(items::create))
        .route("/fast_items", get(items::list))
        .route("/items/{id}", get(items::show).put(items::change).delete(items::delete))
        .route("/items/{id}/encrypt", post(reencrypting::encrypt).layer(whole_item))
        .route("/items/{id}/shares", get(refreshing::list).put(refreshing::refresh).post(creating::create))
        .route("/slots/{id}", get(slots::show).put(slots::change).delete(slots::delete))
        .route("/incoming_shares", get(incoming::list))
        .route("/incoming_shares/{id}", get(incoming::show))
        .route("/incoming_shares/{id}/item", get(incoming::show_with_item))
        .route("/incoming_shares/{id}/accept", put(incoming::accept))
        .route("/outgoing_shares", get(outgoing::list))
        .route("/outgoing_shares/{id}", get(outgoing::show))
        // GET and POST are of the first protocol, PATCH of the second, PUT and DELETE of both.
        .route(
            "/shares",
            get(space_reading::list_all).post(space_creating::create).put(outgoing::change).patch(batch::apply),
        )
        .route("/shares/{id}", get(space_reading::show).delete(ending::end))
        .route_layer(body_limit(vault.limits().body))
        .route_layer(middleware::from_fn_with_state(vault.clone(), end_expired_shares))
}

async fn end_expired_shares(State(vault): State<Vault>, request: Request, next: Next) -> Result<Response> {
    ending::end_expired(&vault).await?;
    Ok(next.run(request).await)
}
