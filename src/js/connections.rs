use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Argument, connection, fingerprint, object, optional_flag, text},
    call::work,
    results::{done, page, to_js},
    session_handle::SessionHandle,
};
use crate::{
    api::Id,
    error::Result,
    workflows::{self, Verified},
};

#[wasm_bindgen]
pub struct Connections {
    session: SessionHandle,
}

impl Connections {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Connections { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Connections {
    pub fn accept(&self, invitation: JsValue, details: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let InvitationToken { token, id } = InvitationToken::read(&invitation)?;
            let Details { name, keypair_id } = object("details", &details)?;
            let details = workflows::ConnectionDetails { token, invitation_id: id, name, keypair_id };
            work(async move { to_js(&Connection::new(&session.accept_invitation(&details, &progress).await?)) })
        })
    }

    pub fn list(&self, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            work(async move {
                let connections = session.list_connections(&request).await?;
                self::page(&connections, |connection| Ok(Connection::new(connection)))
            })
        })
    }

    pub fn get(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let reference = connection("id", &id)?;
            work(async move { to_js(&Connection::new(&session.get_connection(&reference).await?)) })
        })
    }

    pub fn inspect(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = connection("id", &id)?.id;
            work(async move { to_js(&Connection::new(&session.inspect_connection(&id).await?)) })
        })
    }

    #[wasm_bindgen(js_name = inspectAll)]
    pub fn inspect_all(&self, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            work(async move {
                let connections = session.inspect_connections(&request).await?;
                self::page(&connections, |connection| Ok(Connection::new(connection)))
            })
        })
    }

    #[wasm_bindgen(js_name = trustNewKey)]
    pub fn trust_new_key(&self, id: JsValue, fingerprint: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = connection("id", &id)?.id;
            let fingerprint = self::fingerprint("fingerprint", &text("fingerprint", &fingerprint)?)?;
            work(async move { to_js(&Connection::new(&session.trust_new_key(&id, &fingerprint).await?)) })
        })
    }

    #[wasm_bindgen(js_name = markVerified)]
    pub fn mark_verified(&self, id: JsValue, safety_number: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = connection("id", &id)?.id;
            let number = text("safetyNumber", &safety_number)?;
            work(async move { to_js(&Connection::new(&session.mark_verified(&id, &number).await?)) })
        })
    }

    pub fn delete(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let reference = connection("id", &id)?;
            let end_shares = optional_flag(&options, "endShares")?.unwrap_or(false);
            work(async move {
                done(match end_shares {
                    true => session.delete_connection_and_shares(&reference).await,
                    false => session.delete_connection(&reference).await,
                })
            })
        })
    }
}

/// An invitation's token, by itself or with the invitation's id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationToken {
    token: String,
    id: Option<Id>,
}

impl Argument for InvitationToken {
    const OF_RESULTS: &'static [&'static str] = &["code", "email", "mail", "state", "createdAt"];
}

impl InvitationToken {
    fn read(invitation: &JsValue) -> Result<Self> {
        if invitation.is_string() {
            return Ok(InvitationToken { token: text("invitation", invitation)?.as_str().to_owned(), id: None });
        }
        object("invitation", invitation)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Details {
    name: String,
    keypair_id: Option<String>,
}

impl Argument for Details {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    id: &'a Id,
    name: Option<&'a str>,
    user_id: &'a Id,
    public_key: &'a str,
    keypair_id: Option<&'a str>,
    other_connection_id: &'a Id,
    other_public_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_keypair_id: Option<&'a str>,
    #[serde(rename = "ref")]
    reference: String,
    fingerprint: &'a str,
    safety_number: &'a str,
    verified: Verification,
    name_bound: bool,
    key_changed: bool,
}

/// Why a key is taken for the other user's; false where nothing says so.
#[derive(Serialize)]
#[serde(untagged)]
enum Verification {
    By(Verified),
    None(bool),
}

impl<'a> Connection<'a> {
    fn new(connection: &'a workflows::Connection) -> Self {
        let (own, other) = (&connection.record.own, &connection.record.the_other_user);
        Connection {
            id: &own.id,
            name: connection.name.as_deref(),
            user_id: &other.user_id,
            public_key: &own.user_public_key,
            keypair_id: own.user_keypair_external_id.as_deref(),
            other_connection_id: &other.id,
            other_public_key: &other.user_public_key,
            other_keypair_id: other.user_keypair_external_id.as_deref(),
            reference: connection.reference(),
            fingerprint: &connection.fingerprint,
            safety_number: &connection.safety_number,
            verified: connection.verified.map_or(Verification::None(false), Verification::By),
            name_bound: connection.is_name_bound,
            key_changed: connection.key_changed,
        }
    }
}
