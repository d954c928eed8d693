//! All routes of the Keystore. Their addresses are at the handlers.

use std::sync::OnceLock;

use axum::{Json, Router};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Keystore, admission, deletion, encryption_spaces, keypairs, keys, login, recovery, registration,
    session_management, shared_keys,
};
use crate::{
    bounds::BODY_WITHOUT_SESSION,
    openapi::with_document,
    request::body_limit,
    service::{Service, Version},
};

static DOCUMENT: OnceLock<String> = OnceLock::new();

/// The Keystore's routes. No reply is compressed: all of them are small, and hold tokens or wrapped keys.
pub fn router(keystore: Keystore) -> Router {
    let without_session = OpenApiRouter::new()
        .routes(routes!(registration::offer_username))
        .routes(routes!(registration::register))
        .routes(routes!(login::challenge))
        .routes(routes!(login::open_session))
        .routes(routes!(login::change_passphrase))
        .routes(routes!(login::replace_recovery_key))
        .route_layer(body_limit(BODY_WITHOUT_SESSION.min(keystore.limits().body)));
    let routes = OpenApiRouter::new()
        .routes(routes!(version))
        .merge(without_session)
        // Sessions
        .routes(routes!(session_management::show, session_management::end))
        .routes(routes!(session_management::end_all))
        .routes(routes!(session_management::limited_in_time))
        .routes(routes!(session_management::show_half, session_management::store_half))
        .routes(routes!(admission::issue))
        // The account
        .routes(routes!(deletion::enqueue, deletion::cancel))
        // Keys
        .routes(routes!(keys::show_kek, keys::store_kek))
        .routes(routes!(recovery::show, recovery::delete))
        .routes(routes!(keys::store_dek))
        .routes(routes!(keys::show_dek, keys::delete_dek))
        .routes(routes!(keypairs::store))
        .routes(routes!(keypairs::show, keypairs::change, keypairs::delete))
        .routes(routes!(keypairs::show_by_identifier))
        // Encryption spaces
        .routes(routes!(encryption_spaces::create))
        .routes(routes!(encryption_spaces::show, encryption_spaces::leave))
        .routes(routes!(shared_keys::create))
        .routes(routes!(shared_keys::claim));
    with_document("Keystore", &DOCUMENT, routes).with_state(keystore)
}

/// The version of the protocol that this service speaks.
#[utoipa::path(get, path = "/version", responses((status = 200, body = Version)), security(()))]
async fn version() -> Json<Version> {
    Json(Version::new("keystore", "10.1.1"))
}
