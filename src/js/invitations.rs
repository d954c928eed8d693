use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::{error::Result, workflows::NewInvitation};

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
    pub async fn create(&self, invitation: JsValue, options: JsValue) -> Result<JsValue> {
        let invitation = Arguments::of(&invitation)?;
        let invitation = NewInvitation {
            name: invitation.required_text("name")?,
            email: invitation.text("email")?,
            keypair_id: invitation.text("keypairId")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let invitation = call.run(self.handle.session.create_invitation(&invitation, &progress)).await?;
        records::to_js(&records::Invitation::from(&invitation))
    }

    /// A page of the invitations that the user made.
    pub async fn list(&self, page: JsValue) -> Result<JsValue> {
        let page = Arguments::of(&page)?;
        let call = self.handle.call(&page)?;
        let invitations = call.run(self.handle.session.list_invitations(&page.page()?)).await?;
        records::to_js(&records::Page::<records::Invitation>::of(&invitations))
    }

    /// Takes an invitation back.
    pub async fn cancel(&self, invitation_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.cancel_invitation(&id_of("id", &invitation_id)?)).await
    }
}
