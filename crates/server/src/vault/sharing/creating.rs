//! Sharing an item: the owner with any connection; a recipient only if the share permits it (docs/protocol/http-api.md
//! §8.4, §9.1).

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{Acceptance, NewShare, NewSharesRequest, SharesResponse, SharingMode},
};

use super::values::{self, Sender, SharedSlot};
use crate::{
    auth::Session,
    clock::{Clock, Millis},
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    request::{Body, check_length, read_expiry},
    service::Service,
    store::new_id,
    vault::{
        Vault,
        quota::Quota,
        records::{
            connections, copies, items, share_values,
            shares::{self, ShareRow},
        },
    },
    wire::id_text,
};

/// Creates all shares of the request, or none.
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path<String>,
    idempotency: Idempotency,
    Body(request): Body<NewSharesRequest>,
) -> Result<Response> {
    let mut change = match idempotency.begin(&vault, &session.user_id).await? {
        Begun::New(change) => change,
        Begun::Replayed(reply) => return Ok(reply),
    };
    let db = &mut *change.tx;
    let sharing = Sharing::begin(db, &item_id, &session.user_id).await?;
    let quota = Quota::begin(db, &vault, &sharing.owner_id, &sharing.original_id).await?;
    let ids = sharing.create(db, ("shares", &request.shares), vault.clock()).await?;
    quota.settle(db).await?;
    let rows = shares::find_all(db, &ids).await?;
    let shares = rows.into_iter().map(|row| row.wire(&session.user_id)).collect::<Result<_>>()?;
    let response = SharesResponse { shares, next_page_after: None, meta: PageMeta::of(None) };
    change.answer(StatusCode::CREATED, &response).await
}

/// A sender who may share an item.
pub(super) struct Sharing {
    pub(super) sender_id: String,
    pub(super) owner_id: String,
    pub(super) original_id: String,
    pub(super) slots: Vec<SharedSlot>,
    /// The share by which the sender received the item; none if they are the owner.
    parent: Option<ShareRow>,
}

impl Sharing {
    pub(super) async fn begin(db: &mut AnyConnection, item_id: &str, sender_id: &str) -> Result<Self> {
        let item = items::find(db, item_id, sender_id).await?;
        let parent = match &item.share_id {
            Some(share_id) => Some(shares::find(db, share_id).await?.ok_or_else(shares::not_found)?),
            None => None,
        };
        if let Some(parent) = &parent {
            check_may_share_on(parent)?;
        }
        let slots = items::slots_of(db, item_id).await?.into_iter().map(|slot| SharedSlot {
            original_id: slot.original_id.unwrap_or_else(|| slot.id.clone()),
            id: slot.id,
            owners_hash: slot.value_verification_hash,
        });
        Ok(Self {
            sender_id: sender_id.to_owned(),
            slots: slots.collect(),
            original_id: item.original().to_owned(),
            owner_id: item.owner_id,
            parent,
        })
    }

    pub(super) fn sender(&self) -> Sender {
        if self.parent.is_none() { Sender::Owner } else { Sender::OnSharer }
    }

    /// Creates the shares of a field of the request, and returns their ids.
    pub(super) async fn create(
        &self,
        db: &mut AnyConnection,
        (field, new): (&str, &[NewShare]),
        clock: &Clock,
    ) -> Result<Vec<String>> {
        let recipients: Vec<&str> = new.iter().map(|new| new.recipient_id.as_str()).collect();
        let keys = connections::find_public_keys(db, &recipients, &self.sender_id).await?;
        let ids: Vec<String> = new.iter().map(|_| new_id()).collect();
        let (mut rows, mut sent_values, mut recipients_and_shares) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (id, new)) in ids.iter().zip(new).enumerate() {
            let at_share = |error: Error| error.at(&format!("{field}[{index}]"));
            let recipient_id = new.recipient_id.as_str();
            if recipient_id == self.sender_id || recipient_id == self.owner_id {
                let message = "An item is shared with someone else than its owner and its sender";
                return Err(at_share(Error::refused(Code::InvalidRecipient, message).at("recipient_id")));
            }
            let key = keys.get(recipient_id).ok_or_else(|| at_share(not_connected()))?;
            if key.public_key != new.public_key {
                let message = "is not the recipient's key in the connection";
                return Err(at_share(Error::refused(Code::PublicKeyMismatch, message).at("public_key")));
            }
            check_length("terms", new.terms.as_deref(), shares::LONGEST_TERMS).map_err(at_share)?;
            check_length("keypair_external_id", new.keypair_external_id.as_deref(), 255).map_err(at_share)?;
            let slot_id = self.only_slot(id_text(&new.slot_id)).map_err(at_share)?;
            let sender = self.sender();
            let (owners_grant, on_sharers_grant) = match (sender, check_grant(new.grant.as_deref()).map_err(at_share)?)
            {
                (Sender::Owner, grant) => (grant, None),
                (Sender::OnSharer, grant) => (None, grant),
            };
            let sent: Vec<_> = new.slot_values.iter().collect();
            let values = values::check(sender, &self.slots, slot_id, &sent).map_err(at_share)?;
            sent_values.extend(values.into_iter().map(|value| (id.as_str(), value)));
            recipients_and_shares.push((recipient_id, id.as_str()));
            rows.push([
                id.as_str().into(),
                self.original_id.as_str().into(),
                slot_id.into(),
                self.owner_id.as_str().into(),
                self.sender_id.as_str().into(),
                recipient_id.into(),
                self.parent.as_ref().map(|parent| parent.id.as_str()).into(),
                new.public_key.as_str().into(),
                new.keypair_external_id.as_deref().or(key.keypair_external_id.as_deref()).into(),
                new.encrypted_dek.as_str().into(),
                new.terms.as_deref().into(),
                acceptance(new).map_err(at_share)?.as_str().into(),
                // Only the owner can permit it: an item is shared on once, and no further.
                i64::from(self.parent.is_none() && permits_on_sharing(new)).into(),
                clock.now().into(),
                expiry(new, self.parent.as_ref(), clock.now()).map_err(at_share)?.into(),
                owners_grant.into(),
                on_sharers_grant.into(),
                on_share(new, sender).map_err(at_share)?.into(),
                clock.sequence().into(),
            ]);
        }
        shares::insert(db, rows).await?;
        share_values::upsert(db, sent_values).await?;
        copies::insert(db, &self.original_id, &recipients_and_shares, clock).await?;
        Ok(ids)
    }

    /// The owner's id of the only slot to share: the one asked for, or the only one that the sender received.
    fn only_slot(&self, asked: Option<&str>) -> Result<Option<&str>> {
        let Some(asked) = asked else {
            return Ok(self.parent.as_ref().and_then(|parent| parent.slot_id.as_deref()));
        };
        let slot = self.slots.iter().find(|slot| slot.id == asked);
        let unknown = || Error::refused(Code::UnknownSlot, "is not of this item").at("slot_id");
        slot.map(|slot| Some(slot.original_id.as_str())).ok_or_else(unknown)
    }
}

// Rules.

fn not_connected() -> Error {
    Error::refused(Code::NotConnected, "Sender and recipient are not connected").at("recipient_id")
}

fn check_may_share_on(received: &ShareRow) -> Result<()> {
    if !received.permits_on_sharing() {
        let message = "The share does not permit its recipient to share on";
        return Err(Error::refused(Code::OnsharingNotPermitted, message));
    }
    if !received.is_open() {
        let message = "The share has to be accepted before it is shared on";
        return Err(Error::refused(Code::AcceptanceRequired, message));
    }
    Ok(())
}

/// What a client may store with a share for itself.
pub(super) fn check_grant(grant: Option<&str>) -> Result<Option<&str>> {
    check_length("grant", grant, 1024)?;
    Ok(grant)
}

fn on_share(new: &NewShare, sender: Sender) -> Result<Option<&str>> {
    if sender == Sender::Owner && new.on_share.is_some() {
        return Err(Error::refused(Code::OnShareNotAllowed, "is for who shares on to send").at("on_share"));
    }
    check_length("on_share", new.on_share.as_deref(), 2048)?;
    Ok(new.on_share.as_deref())
}

fn permits_on_sharing(new: &NewShare) -> bool {
    new.onsharing_permitted.unwrap_or(new.sharing_mode == Some(SharingMode::Anyone))
}

fn acceptance(new: &NewShare) -> Result<Acceptance> {
    match new.acceptance_required {
        None | Some(Acceptance::AcceptanceNotRequired) => Ok(Acceptance::AcceptanceNotRequired),
        Some(Acceptance::AcceptanceRequired) => Ok(Acceptance::AcceptanceRequired),
        Some(_) => {
            let message = "A sender cannot accept or reject in the recipient's place";
            Err(Error::refused(Code::InvalidAcceptance, message).at("acceptance_required"))
        }
    }
}

/// When the share expires: in the future, and no later than the share it is made from.
fn expiry(new: &NewShare, parent: Option<&ShareRow>, now: Millis) -> Result<Option<Millis>> {
    let asked = match &new.expires_at {
        Some(text) => Some(read_expiry(text, now)?),
        None => None,
    };
    match (asked, parent.and_then(|parent| parent.expires_at)) {
        (Some(asked), Some(latest)) if asked > latest => {
            let message = "A share cannot be shared on for longer than it lasts itself";
            Err(Error::refused(Code::ExpiryAfterParent, message).at("expires_at"))
        }
        (asked, latest) => Ok(asked.or(latest)),
    }
}
