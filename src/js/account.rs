use serde::Serialize;
use wasm_bindgen::JsValue;

use super::results::to_js;
use crate::{
    api::{Id, vault},
    error::Result,
    workflows,
};

/// The user's record, as far as an app of this package has a use for it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_for_deletion_after: Option<&'a str>,
}

pub(super) fn user_to_js(user: &vault::me::User) -> Result<JsValue> {
    to_js(&User { id: &user.id, queued_for_deletion_after: user.queued_for_deletion_after.as_deref() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountDeletion<'a> {
    queued_for_deletion_after: &'a str,
    keystore_follows: bool,
}

pub(super) fn deletion_to_js(deletion: &workflows::AccountDeletion) -> Result<JsValue> {
    let workflows::AccountDeletion { queued_for_deletion_after, keystore_follows } = deletion;
    to_js(&AccountDeletion { queued_for_deletion_after, keystore_follows: *keystore_follows })
}
