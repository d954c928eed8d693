use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::workflows::NewInvitation;

/// Invitations of a session.
#[wasm_bindgen]
pub struct Invitations {
    handle: Handle,
}

impl Invitations {
    pub(super) fn new(handle: Handle) -> Self {
        Invitations { handle }
    }
}

#[wasm_bindgen]
impl Invitations {
    /// Makes an invitation.
    pub fn create(&self, invitation: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let invitation = Arguments::of(&invitation)?;
            let invitation = NewInvitation {
                name: invitation.required_text("name")?,
                email: invitation.text("email")?,
                keypair_id: invitation.text("keypairId")?,
            };
            let invitation = session.create_invitation(&invitation, &progress).await?;
            records::to_js(&records::Invitation::from(&invitation))
        })
    }

    /// A page of the invitations that the user made.
    pub fn list(&self, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let invitations = session.list_invitations(&Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Invitation>::of(&invitations))
        })
    }

    /// Takes an invitation back.
    pub fn cancel(&self, invitation_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.cancel_invitation(&id_of("id", &invitation_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}
