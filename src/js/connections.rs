use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::{error::Result, workflows::ConnectionDetails};

/// Connections of a session.
#[wasm_bindgen]
pub struct Connections {
    handle: Handle,
}

impl Connections {
    pub(super) fn new(handle: Handle) -> Self {
        Connections { handle }
    }
}

#[wasm_bindgen]
impl Connections {
    /// Accepts an invitation: a token, or an object with token and id.
    pub async fn accept(&self, invitation: JsValue, details: JsValue, options: JsValue) -> Result<JsValue> {
        let (token, invitation_id) = match invitation.as_string() {
            Some(token) => (token, None),
            None => {
                let invitation = Arguments::of(&invitation)?;
                (invitation.required_text("token")?, invitation.id("id")?)
            }
        };
        let details = Arguments::of(&details)?;
        let details = ConnectionDetails {
            token,
            invitation_id,
            name: details.required_text("name")?,
            keypair_id: details.text("keypairId")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let connection = call.run(self.handle.session.accept_invitation(&details, &progress)).await?;
        records::to_js(&records::Connection::from(&connection))
    }

    /// A page of connections.
    pub async fn list(&self, page: JsValue) -> Result<JsValue> {
        let page = Arguments::of(&page)?;
        let call = self.handle.call(&page)?;
        let connections = call.run(self.handle.session.list_connections(&page.page()?)).await?;
        records::to_js(&records::Page::<records::Connection>::of(&connections))
    }

    /// One connection.
    pub async fn get(&self, connection_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let connection = call.run(self.handle.session.get_connection(&id_of("id", &connection_id)?)).await?;
        records::to_js(&records::Connection::from(&connection))
    }

    /// Ends a connection.
    pub async fn delete(&self, connection_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.delete_connection(&id_of("id", &connection_id)?)).await
    }
}
