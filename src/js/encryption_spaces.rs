use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::{api::vault::encryption_spaces::Direction, error::Error, workflows::NewSpaceShare};

/// Shares of the first protocol of a session.
#[wasm_bindgen]
pub struct EncryptionSpaces {
    handle: Handle,
}

impl EncryptionSpaces {
    pub(super) fn new(handle: Handle) -> Self {
        EncryptionSpaces { handle }
    }
}

#[wasm_bindgen]
impl EncryptionSpaces {
    /// Shares an own item.
    pub fn share(&self, share: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let share = Arguments::of(&share)?;
            let share = NewSpaceShare {
                item_id: share.required_id("itemId")?,
                connection_id: share.required_id("connectionId")?,
                slot_id: share.id("slotId")?,
                terms: share.text("terms")?,
                expires_at: share.instant("expiresAt")?,
            };
            let share = session.share_in_space(&share, &progress).await?;
            records::to_js(&records::SpaceShare::from(&share))
        })
    }

    /// A page of shares.
    pub fn list(&self, direction: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let direction = match direction.as_string().as_deref() {
                Some("incoming") => Direction::Incoming,
                Some("outgoing") => Direction::Outgoing,
                _ => return Err(Error::invalid_argument("direction is 'incoming' or 'outgoing'")),
            };
            let shares = session.list_space_shares(direction, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::SpaceShare>::of(&shares))
        })
    }

    /// A share and its item, decrypted.
    pub fn get(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let shared = session.get_space_share(&id_of("id", &share_id)?).await?;
            let share = records::to_js(&records::SpaceShare::from(&shared.share))?;
            Ok(records::object(&[("share", share), ("item", records::item_to_js(&shared.item)?)]))
        })
    }

    /// Ends a share.
    pub fn delete(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.delete_share(&id_of("id", &share_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}
