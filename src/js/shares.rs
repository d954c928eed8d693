use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    items::object,
    records,
    session::Handle,
};
use crate::{
    api::vault::shares::{Acceptance, IncomingFilter, OutgoingFilter},
    error::Result,
    workflows::{NewShare, ShareTerms},
};

/// Shares of a session.
#[wasm_bindgen]
pub struct Shares {
    handle: Handle,
}

impl Shares {
    pub(super) fn new(handle: Handle) -> Self {
        Shares { handle }
    }
}

#[wasm_bindgen]
impl Shares {
    /// Shares an item.
    pub async fn create(&self, share: JsValue, options: JsValue) -> Result<JsValue> {
        let share = Arguments::of(&share)?;
        let share = NewShare {
            item_id: share.required_id("itemId")?,
            connection_id: share.required_id("connectionId")?,
            slot_id: share.id("slotId")?,
            terms: share.text("terms")?,
            acceptance_required: share.flag("acceptanceRequired")?,
            on_sharing: share.flag("onSharing")?.unwrap_or(false),
            expires_at: share.instant("expiresAt")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let share = call.run(self.handle.session.create_share(&share, &progress)).await?;
        records::to_js(&records::Share::from(&share))
    }

    /// A page of the shares made for the user.
    pub async fn incoming(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
        let must_accept = filter.flag("mustAccept")?.unwrap_or(false);
        let filter = IncomingFilter {
            acceptance_required: must_accept.then_some(Acceptance::AcceptanceRequired),
            own_connection_id: filter.id("connectionId")?,
            ..IncomingFilter::default()
        };
        let call = self.handle.call(&page)?;
        let shares = call.run(self.handle.session.incoming_shares(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::Share>::of(&shares))
    }

    /// A page of the shares that the user made.
    pub async fn outgoing(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
        let filter = OutgoingFilter {
            item_ids: filter.ids("itemIds")?,
            own_connection_id: filter.id("connectionId")?,
            ..OutgoingFilter::default()
        };
        let call = self.handle.call(&page)?;
        let shares = call.run(self.handle.session.outgoing_shares(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::Share>::of(&shares))
    }

    /// A share and its item, decrypted.
    pub async fn get(&self, share_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let shared = call.run(self.handle.session.get_share(&id_of("id", &share_id)?)).await?;
        let share = records::to_js(&records::Share::from(&shared.share))?;
        Ok(object([("share", share), ("item", records::item_to_js(&shared.item)?)]))
    }

    /// A share without its item.
    pub async fn info(&self, share_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let share = call.run(self.handle.session.share_info(&id_of("id", &share_id)?)).await?;
        records::to_js(&records::Share::from(&share))
    }

    /// Accepts a share and its terms.
    pub async fn accept(&self, share_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let share = call.run(self.handle.session.accept_share(&id_of("id", &share_id)?)).await?;
        records::to_js(&records::Share::from(&share))
    }

    /// Changes how long a share lasts and whether it may be shared on.
    pub async fn change(&self, share_id: JsValue, change: JsValue, options: JsValue) -> Result<JsValue> {
        let change = Arguments::of(&change)?;
        let for_ever = change.get_or_null("expiresAt").is_some_and(|value| value.is_null());
        let terms = ShareTerms {
            expires_at: if for_ever { Some(None) } else { change.instant("expiresAt")?.map(Some) },
            on_sharing: change.flag("onSharing")?,
        };
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let share = call.run(self.handle.session.change_share(&id_of("id", &share_id)?, &terms)).await?;
        records::to_js(&records::Share::from(&share))
    }

    /// Removes a share.
    pub async fn delete(&self, share_id: JsValue, options: JsValue) -> Result<()> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        call.run(self.handle.session.delete_share(&id_of("id", &share_id)?)).await
    }

    /// Re-encrypts an own item for everyone it is shared with.
    pub async fn refresh(&self, item_id: JsValue, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let progress = call.progress.clone();
        let refreshed = call.run(self.handle.session.refresh_shares(&id_of("itemId", &item_id)?, &progress)).await?;
        let count = |number: usize| JsValue::from(u32::try_from(number).unwrap_or(u32::MAX));
        Ok(object([
            ("shares", count(refreshed.shares)),
            ("onShares", count(refreshed.on_shares)),
            ("leftOut", count(refreshed.left_out)),
        ]))
    }
}
