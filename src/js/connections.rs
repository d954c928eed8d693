use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::workflows::ConnectionDetails;

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
    pub fn accept(&self, invitation: JsValue, details: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
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
            let connection = session.accept_invitation(&details, &progress).await?;
            records::to_js(&records::Connection::from(&connection))
        })
    }

    /// A page of connections.
    pub fn list(&self, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let connections = session.list_connections(&Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Connection>::of(&connections))
        })
    }

    /// One connection.
    pub fn get(&self, connection_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let connection = session.get_connection(&id_of("id", &connection_id)?).await?;
            records::to_js(&records::Connection::from(&connection))
        })
    }

    /// Ends a connection.
    pub fn delete(&self, connection_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.delete_connection(&id_of("id", &connection_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}
