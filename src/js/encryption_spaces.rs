use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{self, Argument, fingerprint, instant, object, text, wrong},
    call::work,
    items::item_to_js,
    results::{done, page, to_js},
    session_handle::SessionHandle,
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            encryption_spaces::{Direction, ShareableType},
        },
    },
    error::Result,
    workflows::{self, ConnectionRef},
};

#[wasm_bindgen]
pub struct EncryptionSpaces {
    session: SessionHandle,
}

impl EncryptionSpaces {
    pub(super) fn new(session: &SessionHandle) -> Self {
        EncryptionSpaces { session: session.clone() }
    }
}

#[wasm_bindgen]
impl EncryptionSpaces {
    pub fn share(&self, share: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let share = object::<NewSpaceShare>("share", &share)?.read()?;
            work(async move { to_js(&SpaceShare::new(&session.share_in_space(&share, &progress).await?)) })
        })
    }

    pub fn list(&self, direction: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let direction = match text("direction", &direction)?.as_str() {
                "incoming" => Direction::Incoming,
                "outgoing" => Direction::Outgoing,
                _ => return Err(wrong("direction")),
            };
            work(async move {
                let shares = session.list_space_shares(direction, &request).await?;
                self::page(&shares, |listed| Ok(SpaceShare::new(&listed.share)))
            })
        })
    }

    pub fn get(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move {
                let shared = session.get_space_share(&id).await?;
                to_js(&ItemInSpace { share: SpaceShare::new(&shared.share), item: item_to_js(&shared.item)? })
            })
        })
    }

    /// To the server it is a share like any other.
    pub fn delete(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { done(session.delete_share(&id).await) })
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSpaceShare {
    item_id: Id,
    connection_id: ConnectionRef,
    slot_id: Option<Id>,
    terms: Option<String>,
    accept_unproven: Option<String>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    expires_at: JsValue,
}

impl Argument for NewSpaceShare {}

impl NewSpaceShare {
    fn read(self) -> Result<workflows::NewSpaceShare> {
        Ok(workflows::NewSpaceShare {
            item_id: self.item_id,
            connection: self.connection_id,
            slot_id: self.slot_id,
            terms: self.terms,
            expires_at: instant("share.expiresAt", &self.expires_at)?,
            accept_unproven: match &self.accept_unproven {
                Some(peer) => Some(fingerprint("share.acceptUnproven", peer)?),
                None => None,
            },
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpaceShare<'a> {
    id: &'a Id,
    connection_id: &'a Id,
    item_id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_space_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<&'a str>,
}

impl<'a> SpaceShare<'a> {
    fn new(share: &'a vault::encryption_spaces::SpaceShare) -> Self {
        SpaceShare {
            id: &share.id,
            connection_id: &share.connection_id,
            item_id: share.item_id.as_ref().or(share.slotable_id.as_ref()).unwrap_or(&share.shareable_id),
            slot_id: (share.shareable_type == ShareableType::Slot).then_some(&share.shareable_id),
            encryption_space_id: share.encryption_space_id.as_ref(),
            // The later versions' names first.
            sender_id: share.sender_id.as_ref().or(share.shareable_user_id.as_ref()),
            recipient_id: share.recipient_id.as_ref().or(share.user_id.as_ref()),
            terms: share.terms.as_deref(),
            expires_at: share.expires_at.as_deref(),
            created_at: share.created_at.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct ItemInSpace<'a> {
    share: SpaceShare<'a>,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    item: JsValue,
}
