use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Arguments, id_of},
    records,
    session::Handle,
};
use crate::{
    api::vault::shares::{Acceptance, IncomingFilter, OutgoingFilter},
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
    pub fn create(&self, share: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
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
            let share = session.create_share(&share, &progress).await?;
            records::to_js(&records::Share::from(&share))
        })
    }

    /// A page of the shares made for the user.
    pub fn incoming(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let must_accept = filter.flag("mustAccept")?.unwrap_or(false);
            let filter = IncomingFilter {
                acceptance_required: must_accept.then_some(Acceptance::AcceptanceRequired),
                own_connection_id: filter.id("connectionId")?,
                ..IncomingFilter::default()
            };
            let shares = session.incoming_shares(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Share>::of(&shares))
        })
    }

    /// A page of the shares that the user made.
    pub fn outgoing(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let filter = OutgoingFilter {
                item_ids: filter.ids("itemIds")?,
                own_connection_id: filter.id("connectionId")?,
                ..OutgoingFilter::default()
            };
            let shares = session.outgoing_shares(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::Share>::of(&shares))
        })
    }

    /// A share and its item, decrypted.
    pub fn get(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let shared = session.get_share(&id_of("id", &share_id)?).await?;
            let share = records::to_js(&records::Share::from(&shared.share))?;
            Ok(records::object(&[("share", share), ("item", records::item_to_js(&shared.item)?)]))
        })
    }

    /// A share without its item.
    pub fn info(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let share = session.share_info(&id_of("id", &share_id)?).await?;
            records::to_js(&records::Share::from(&share))
        })
    }

    /// Accepts a share and its terms.
    pub fn accept(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let share = session.accept_share(&id_of("id", &share_id)?).await?;
            records::to_js(&records::Share::from(&share))
        })
    }

    /// Changes how long a share lasts and whether it may be shared on.
    pub fn change(&self, share_id: JsValue, change: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            let change = Arguments::of(&change)?;
            let for_ever = change.get_or_null("expiresAt").is_some_and(|value| value.is_null());
            let terms = ShareTerms {
                expires_at: if for_ever { Some(None) } else { change.instant("expiresAt")?.map(Some) },
                on_sharing: change.flag("onSharing")?,
            };
            let share = session.change_share(&id_of("id", &share_id)?, &terms).await?;
            records::to_js(&records::Share::from(&share))
        })
    }

    /// Removes a share.
    pub fn delete(&self, share_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.delete_share(&id_of("id", &share_id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Re-encrypts an own item for everyone it is shared with.
    pub fn refresh(&self, item_id: JsValue, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        let progress = call.progress();
        call.promise(async move {
            let refreshed = session.refresh_shares(&id_of("itemId", &item_id)?, &progress).await?;
            Ok(records::object(&[
                ("shares", records::number(refreshed.shares)),
                ("onShares", records::number(refreshed.on_shares)),
                ("leftOut", records::number(refreshed.left_out)),
            ]))
        })
    }
}
