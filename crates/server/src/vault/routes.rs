//! All routes of the Vault. Their addresses are at the handlers.

use std::sync::OnceLock;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::Response,
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use super::{
    Vault, classification, client_tasks, connections, deletion,
    encryption_spaces::{creating as space_creating, reading as space_reading, space_ids},
    files::{attachments, blobs, forms, thumbnails, uploads},
    invitations,
    items::{self, slots},
    login, me, public_keys,
    sharing::{batch, creating, ending, incoming, outgoing, reencrypting, refreshing},
    templates,
};
use crate::{
    auth,
    bounds::{BLOB_BODY, BODY_WITHOUT_SESSION},
    compression,
    error::Result,
    openapi::{also_at, with_document},
    request::body_limit,
    service::{Service, Version},
};

static DOCUMENT: OnceLock<String> = OnceLock::new();

/// The Vault's routes. Replies with session or invitation tokens are not compressed (see `compression`).
pub fn router(vault: Vault) -> Router {
    let uncompressed = with_tokens(&vault).merge(files(&vault));
    let compressed = OpenApiRouter::new().merge(data()).merge(sharing(&vault)).layer(compression::layer());
    with_document("Vault", &DOCUMENT, uncompressed.merge(compressed)).with_state(vault)
}

fn with_tokens(vault: &Vault) -> OpenApiRouter<Vault> {
    let small = body_limit(BODY_WITHOUT_SESSION.min(vault.limits().body));
    OpenApiRouter::new()
        .routes(routes!(version))
        .routes(routes!(login::create).layer(small))
        .routes(routes!(login::show, login::end))
        .routes(routes!(login::end_all))
        .routes(routes!(login::resume))
        .routes(routes!(login::limited_in_time))
        .routes(routes!(me::create).layer(small))
        .routes(routes!(me::show, me::change, deletion::delete_now))
        .routes(routes!(deletion::enqueue, deletion::cancel))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::look_up))
        .routes(routes!(invitations::show, invitations::delete))
}

/// The addresses that take a `POST` with a body of any size.
pub(crate) const STREAMED: [&str; 2] = ["/vault/attachments", "/vault/thumbnails"];

/// Files: replies have URLs that permit something, or ciphertext. Whether the reader's share has expired is asked as of items.
fn files(vault: &Vault) -> OpenApiRouter<Vault> {
    // Streams: what they hold to a bound, they count themselves.
    let streamed = DefaultBodyLimit::disable();
    OpenApiRouter::new()
        .routes(routes!(uploads::begin))
        .routes(routes!(uploads::list))
        .routes(routes!(uploads::abandon))
        .routes(routes!(attachments::create))
        .routes(routes!(attachments::show, attachments::delete))
        .routes(routes!(attachments::download_url))
        .routes(routes!(attachments::list, forms::create).layer(streamed))
        .routes(also_at("/attachments/{id}", routes!(attachments::show, attachments::delete)))
        .routes(routes!(attachments::download))
        .routes(routes!(thumbnails::create).layer(streamed))
        .routes(routes!(thumbnails::show, thumbnails::delete))
        .route_layer(middleware::from_fn_with_state(vault.clone(), end_expired_shares))
        .routes(routes!(blobs::put, blobs::get).layer(body_limit(BLOB_BODY)))
}

fn data() -> OpenApiRouter<Vault> {
    OpenApiRouter::new()
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::show))
        .routes(routes!(classification::list, classification::create))
        .routes(routes!(classification::show))
        .routes(routes!(connections::list, connections::create))
        .routes(routes!(connections::show, connections::delete))
        .routes(routes!(client_tasks::list, client_tasks::change))
        // The first protocol (encryption spaces)
        .routes(routes!(public_keys::list, public_keys::create))
        .routes(routes!(space_ids::set))
        .routes(routes!(space_reading::list_incoming))
        .routes(routes!(space_reading::list_outgoing))
        .routes(also_at("/items/incoming", routes!(space_reading::list_incoming)))
        .routes(also_at("/shared/items/incoming", routes!(space_reading::list_incoming)))
        .routes(also_at("/shared/items/outgoing", routes!(space_reading::list_outgoing)))
        // Old names for what are the only lists today
        .routes(also_at("/fast_connections", routes!(connections::list)))
        .routes(also_at("/fast_item_templates", routes!(templates::list)))
        .routes(also_at("/fast_classification_nodes", routes!(classification::list)))
}

/// Items and shares. Expired shares are ended before any of these requests, so that no query has to check for them.
/// Each needs a session, with which whether there are any is asked.
fn sharing(vault: &Vault) -> OpenApiRouter<Vault> {
    // All values at once: none may stay under a key that is gone. With verification keys and JSON they are more than stored.
    let whole_item = usize::try_from(vault.limits().item_bytes).unwrap_or(usize::MAX).saturating_mul(2);
    let whole_item = body_limit(whole_item.max(vault.limits().body));
    OpenApiRouter::new()
        .routes(routes!(items::list, items::create))
        .routes(also_at("/fast_items", routes!(items::list)))
        .routes(routes!(items::show, items::change, items::delete))
        .routes(routes!(reencrypting::encrypt).layer(whole_item))
        .routes(routes!(refreshing::list, refreshing::refresh, creating::create))
        .routes(routes!(slots::show, slots::change, slots::delete))
        .routes(routes!(incoming::list))
        .routes(routes!(incoming::show))
        .routes(routes!(incoming::show_with_item))
        .routes(routes!(incoming::accept))
        .routes(routes!(outgoing::list))
        .routes(routes!(outgoing::show))
        // GET and POST are of the first protocol, PATCH of the second, PUT and DELETE of both.
        .routes(routes!(space_reading::list_all, space_creating::create, outgoing::change, batch::apply))
        .routes(routes!(space_reading::show, ending::end))
        .route_layer(body_limit(vault.limits().body))
        .route_layer(middleware::from_fn_with_state(vault.clone(), end_expired_shares))
}

/// The version of the protocol that this service speaks.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)), security(()))]
async fn version() -> Json<Version> {
    Json(Version::new("vault", "16.0.1"))
}

async fn end_expired_shares(State(vault): State<Vault>, mut request: Request, next: Next) -> Result<Response> {
    if let Some(token) = auth::token_in(request.headers())
        && let Some(session) = ending::session_after_expired(&vault, token).await?
    {
        request.extensions_mut().insert(session);
    }
    Ok(next.run(request).await)
}
