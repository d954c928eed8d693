use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    items::object,
    records,
    session::Handle,
};
use crate::{
    api::vault::encryption_spaces::Direction,
    error::{Error, Result},
    workflows::NewSpaceShare,
};

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
    pub async fn share(&self, share: JsValue, options: JsValue) -> Result<JsValue> {
        let share = Arguments::of(&share)?;
        let share = NewSpaceShare {
            item_id: share.required_id("itemId")?,
            connection_id: share.required_id("connectionId")?,
            slot_id: share.id("slotId")?,
            terms: share.text("terms")?,
            expires_at: share.instant("expiresAt")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let share = call.run(self.handle.session.share_in_space(&share, &progress)).await?;
        records::to_js(&records::SpaceShare::from(&share))
    }

    /// A page of shares.
    pub async fn list(&self, direction: JsValue, page: JsValue) -> Result<JsValue> {
        let direction = match direction.as_string().as_deref() {
            Some("incoming") => Direction::Incoming,
            Some("outgoing") => Direction::Outgoing,
            _ => return Err(Error::invalid_argument("direction is 'incoming' or 'outgoing'")),
        };
        let page = Arguments::of(&page)?;
        let call = self.handle.call(&page)?;
        let shares = call.run(self.handle.session.list_space_shares(direction, &page.page()?)).await?;
        records::to_js(&records::Page::<records::SpaceShare>::of(&shares))
    }

    /// A share and its item, decrypted.
    pub async fn get(&self, share_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let shared = call.run(self.handle.session.get_space_share(&id_of("id", &share_id)?)).await?;
        let share = records::to_js(&records::SpaceShare::from(&shared.share))?;
        Ok(object([("share", share), ("item", records::item_to_js(&shared.item)?)]))
    }

    /// Ends a share.
    pub async fn delete(&self, share_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.delete_share(&id_of("id", &share_id)?)).await
    }
}
