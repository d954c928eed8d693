use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{self, Argument, object},
    call::work,
    results::{done, page, to_js},
    session_handle::SessionHandle,
};
use crate::{api::Id, workflows};

#[wasm_bindgen(module = "/src/js/invitation.js")]
extern "C" {
    #[wasm_bindgen(js_name = withLink)]
    fn with_link(invitation: JsValue) -> JsValue;
}

#[wasm_bindgen]
pub struct Invitations {
    session: SessionHandle,
}

impl Invitations {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Invitations { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Invitations {
    pub fn create(&self, invitation: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let invitation: workflows::NewInvitation = object::<NewInvitation>("invitation", &invitation)?.into();
            work(async move {
                let created = session.create_invitation(&invitation, &progress).await?;
                let token_or_code = Invitation::new(&created);
                match invitation.by_code {
                    true => Ok(with_link(to_js(&Invitation { code: Some(&created.token), ..token_or_code })?)),
                    false => to_js(&token_or_code),
                }
            })
        })
    }

    pub fn list(&self, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            work(async move {
                let invitations = session.list_invitations(&request).await?;
                self::page(&invitations, |invitation| Ok(Invitation::new(invitation)))
            })
        })
    }

    pub fn cancel(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { done(session.cancel_invitation(&id).await) })
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewInvitation {
    name: String,
    email: Option<String>,
    keypair_id: Option<String>,
    by: Option<By>,
}

/// What the invited user is given.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Code,
    Token,
}

impl Argument for NewInvitation {}

impl From<NewInvitation> for workflows::NewInvitation {
    fn from(invitation: NewInvitation) -> Self {
        let NewInvitation { name, email, keypair_id, by } = invitation;
        workflows::NewInvitation { name, email, keypair_id, by_code: matches!(by, Some(By::Code)) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invitation<'a> {
    id: Option<&'a Id>,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<&'a str>,
}

impl<'a> Invitation<'a> {
    fn new(invitation: &'a workflows::Invitation) -> Self {
        Invitation {
            id: invitation.id.as_ref(),
            token: &invitation.token,
            code: None,
            email: invitation.email.as_deref(),
            mail: invitation.mail_state.map(|state| state.as_str()),
            state: invitation.state.map(|state| state.as_str()),
            created_at: invitation.created_at.as_deref(),
        }
    }
}
