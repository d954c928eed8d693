use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{self, Argument, fields, fingerprint, get, instant, is_absent, list, object, object_or_default},
    call::work,
    items::{Proof, item_to_js},
    results::{done, page, to_js},
    session_handle::SessionHandle,
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            shares::{Acceptance, IncomingFilter, OutgoingFilter},
        },
    },
    error::Result,
    workflows::{self, ConnectionRef, OutgoingShare},
};

#[wasm_bindgen]
pub struct Shares {
    session: SessionHandle,
}

impl Shares {
    pub(super) fn new(session: &SessionHandle) -> Self {
        Shares { session: session.clone() }
    }
}

#[wasm_bindgen]
impl Shares {
    pub fn create(&self, share: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let share = object::<NewShare>("share", &share)?.read()?;
            work(async move { to_js(&Share::new(&session.create_share(&share, &progress).await?)) })
        })
    }

    pub fn incoming(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let Incoming { must_accept, connection_id } = object_or_default("filter", &filter)?;
            let filter = IncomingFilter {
                acceptance_required: must_accept.unwrap_or_default().then_some(Acceptance::AcceptanceRequired),
                own_connection_id: connection_id.map(|connection| connection.id),
                ..IncomingFilter::default()
            };
            work(async move {
                self::page(&session.incoming_shares(&filter, &request).await?, |share| Ok(Share::new(share)))
            })
        })
    }

    pub fn outgoing(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let Outgoing { item_ids, connection_id } = object_or_default("filter", &filter)?;
            let filter = OutgoingFilter {
                item_ids: item_ids.unwrap_or_default(),
                own_connection_id: connection_id.map(|connection| connection.id),
                ..OutgoingFilter::default()
            };
            work(async move {
                let shares = session.outgoing_shares(&filter, &request).await?;
                self::page(&shares, |OutgoingShare { share, granted }| {
                    Ok(Share { granted: *granted, ..Share::new(share) })
                })
            })
        })
    }

    pub fn get(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            let proof = Proof::of(&options)?;
            work(async move {
                let shared = session.get_share(&id).await?;
                to_js(&SharedItem { share: Share::new(&shared.share), item: item_to_js(proof.check(&shared.item)?)? })
            })
        })
    }

    pub fn info(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { to_js(&Share::new(&*session.share_info(&id).await?)) })
        })
    }

    pub fn accept(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { to_js(&Share::new(&*session.accept_share(&id).await?)) })
        })
    }

    pub fn change(&self, change: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let change = object::<ShareChange>("change", &change)?.read()?;
            work(async move { to_js(&Share::new(&session.change_share(&change).await?)) })
        })
    }

    pub fn delete(&self, id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            let id = arguments::id("id", &id)?;
            work(async move { done(session.delete_share(&id).await) })
        })
    }

    pub fn refresh(&self, item_id: JsValue, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let item_id = arguments::id("itemId", &item_id)?;
            let include = included(&get(&options, "include")?)?;
            work(async move { to_js(&Refreshed::new(&session.refresh_shares(&item_id, &include, &progress).await?)) })
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewShare {
    item_id: Id,
    connection_id: ConnectionRef,
    slot_id: Option<Id>,
    terms: Option<String>,
    version: Option<String>,
    acceptance_required: Option<bool>,
    on_sharing: Option<bool>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    expires_at: JsValue,
}

impl Argument for NewShare {}

impl NewShare {
    fn read(self) -> Result<workflows::NewShare> {
        Ok(workflows::NewShare {
            item_id: self.item_id,
            connection: self.connection_id,
            slot_id: self.slot_id,
            terms: self.terms,
            version: self.version,
            acceptance_required: self.acceptance_required,
            on_sharing: self.on_sharing.unwrap_or_default(),
            expires_at: instant("share.expiresAt", &self.expires_at)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ShareChange {
    share_id: Id,
    item_id: Id,
    connection_id: ConnectionRef,
    /// As it is: left out, the end stays; null takes it away. serde takes the two for the same.
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    expires_at: JsValue,
    on_sharing: Option<bool>,
}

impl Argument for ShareChange {}

impl ShareChange {
    fn read(self) -> Result<workflows::ShareTerms> {
        let expires_at = match self.expires_at.is_undefined() {
            true => None,
            false => Some(instant("change.expiresAt", &self.expires_at)?),
        };
        let ShareChange { share_id, item_id, connection_id: connection, on_sharing, .. } = self;
        Ok(workflows::ShareTerms { share_id, item_id, connection, expires_at, on_sharing })
    }
}

/// A share that a refresh is to let in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Included {
    share_id: Id,
    fingerprint: String,
    scope: Option<Id>,
    on_sharing: Option<bool>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    expires_at: JsValue,
}

impl Argument for Included {
    const OF_RESULTS: &'static [&'static str] = &["recipientId", "slotId", "why"];
}

fn included(shares: &JsValue) -> Result<Vec<workflows::IncludedShare>> {
    if is_absent(shares) {
        return Ok(Vec::new());
    }
    list("include", shares, |path, share| {
        let Included { share_id, fingerprint: key, scope, on_sharing, expires_at } = fields(path, share)?;
        let fingerprint = fingerprint(&format!("{path}.fingerprint"), &key)?;
        let (on_sharing, expires_at) =
            (on_sharing.unwrap_or_default(), instant(&format!("{path}.expiresAt"), &expires_at)?);
        Ok(workflows::IncludedShare { share_id, fingerprint, scope, on_sharing, expires_at })
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Incoming {
    must_accept: Option<bool>,
    connection_id: Option<ConnectionRef>,
}

impl Argument for Incoming {}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Outgoing {
    item_ids: Option<Vec<Id>>,
    connection_id: Option<ConnectionRef>,
}

impl Argument for Outgoing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Share<'a> {
    id: &'a Id,
    item_id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_id: Option<&'a Id>,
    owner_id: Option<&'a Id>,
    sender_id: &'a Id,
    recipient_id: &'a Id,
    acceptance: Acceptance,
    sharing_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keypair_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_dek: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<bool>,
}

impl<'a> Share<'a> {
    fn new(share: &'a vault::shares::Share) -> Self {
        Share {
            id: &share.id,
            item_id: &share.item_id,
            slot_id: share.slot_id.as_ref(),
            owner_id: share.owner_id.as_ref(),
            sender_id: &share.sender_id,
            recipient_id: &share.recipient_id,
            acceptance: share.acceptance_required,
            sharing_mode: if share.permits_on_sharing() { "anyone" } else { "owner" },
            terms: share.terms.as_deref(),
            expires_at: share.expires_at.as_deref(),
            created_at: &share.created_at,
            public_key: share.public_key.as_deref(),
            keypair_id: share.keypair_external_id.as_deref(),
            encrypted_dek: share.encrypted_dek.as_ref().map(|dek| dek.as_str()),
            granted: None,
        }
    }
}

#[derive(Serialize)]
struct SharedItem<'a> {
    share: Share<'a>,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    item: JsValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refreshed<'a> {
    shares: usize,
    on_shares: usize,
    left_out: Vec<LeftOut<'a>>,
}

impl<'a> Refreshed<'a> {
    fn new(refreshed: &'a workflows::Refreshed) -> Self {
        let workflows::Refreshed { shares, on_shares, left_out } = refreshed;
        Refreshed { shares: *shares, on_shares: *on_shares, left_out: LeftOut::list(left_out) }
    }
}

/// A share that a refresh left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeftOut<'a> {
    share_id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    why: &'static str,
}

impl<'a> LeftOut<'a> {
    pub(super) fn list(left_out: &'a [workflows::LeftOut]) -> Vec<Self> {
        let left_out = left_out.iter().map(|left_out| LeftOut {
            share_id: &left_out.share_id,
            recipient_id: left_out.recipient_id.as_ref(),
            slot_id: left_out.slot_id.as_ref(),
            fingerprint: left_out.fingerprint.as_deref(),
            expires_at: left_out.expires_at.as_deref(),
            why: left_out.why.as_str(),
        });
        left_out.collect()
    }
}
