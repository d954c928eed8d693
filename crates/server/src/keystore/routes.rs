//! All routes of the Keystore.

use axum::{
    Router,
    routing::{delete, get, post},
};

use super::{
    Keystore, admission, encryption_spaces, keypairs, keys, login, registration, session_management, shared_keys,
};
use crate::{
    bounds::BODY_WITHOUT_SESSION,
    request::body_limit,
    service::{Service, version},
};

/// The Keystore's routes. No reply is compressed: all of them are small, and hold tokens or wrapped keys.
pub fn router(keystore: Keystore) -> Router {
    let without_session = Router::new()
        .route("/srp/username", post(registration::offer_username))
        .route("/srp/users", post(registration::register))
        .route("/srp/challenges", post(login::challenge))
        .route("/srp/session", post(login::open_session))
        .route_layer(body_limit(BODY_WITHOUT_SESSION.min(keystore.limits().body)));
    Router::new()
        .route("/version", get(|| version("keystore", "10.1.1")))
        .merge(without_session)
        // Sessions
        .route("/session", get(session_management::show).delete(session_management::end))
        .route("/session/all", delete(session_management::end_all))
        .route("/session/limited_in_time", post(session_management::limited_in_time))
        .route("/external_admission_tokens", get(admission::issue))
        // Keys
        .route("/key_encryption_key", get(keys::show_kek).post(keys::store_kek))
        .route("/data_encryption_keys", post(keys::store_dek))
        .route("/data_encryption_keys/{id}", get(keys::show_dek).delete(keys::delete_dek))
        .route("/keypairs", post(keypairs::store))
        .route("/keypairs/{id}", get(keypairs::show).patch(keypairs::change).delete(keypairs::delete))
        .route("/keypairs/external_id/{external_id}", get(keypairs::show_by_identifier))
        // Encryption spaces
        .route("/encryption_spaces", post(encryption_spaces::create))
        .route("/encryption_spaces/{id}", get(encryption_spaces::show).delete(encryption_spaces::leave))
        .route("/shared_keys", post(shared_keys::create))
        .route("/shared_keys/{space_id}/claim_key", post(shared_keys::claim))
        .with_state(keystore)
}
