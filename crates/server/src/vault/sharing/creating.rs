//! Sharing an item: the owner with any connection; a recipient only if the share permits it (docs/protocol/http-api.md
//! §8.4, §9.1).

use std::collections::HashMap;

use axum::{extract::State, http::StatusCode, response::Response};
use sqlx::AnyConnection;
use vaultshare::api::{
    PageMeta,
    vault::shares::{Acceptance, NewShare, NewSharesRequest, SharesResponse, SharingMode},
};

use super::values::{self, Sender, SharedSlot};
use crate::{
    auth::Session,
    bounds::{COPIED_SLOTS, SHARES_OF_ITEM},
    clock::{Clock, Millis},
    error::{Code, Error, Result},
    idempotency::{Begun, Idempotency},
    pagination::PAGE_BYTES,
    request::{Body, Path, read_expiry},
    service::Service,
    store::new_id,
    vault::{
        Vault,
        quota::Quota,
        records::{
            connections,
            copies::{self, Source},
            items, share_proofs, share_values,
            shares::{self, ShareRow},
        },
    },
    wire::id_text,
};

/// Creates all shares of the request, or none.
#[utoipa::path(
    post, path = "/items/{id}/shares",
    request_body = NewSharesRequest,
    params(Idempotency),
    responses((status = 201, body = SharesResponse), (status = 403)),
)]
pub(in crate::vault) async fn create(
    State(vault): State<Vault>,
    session: Session,
    Path(item_id): Path,
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
        self.check_count(db, new.len()).await.map_err(|error| error.at(field))?;
        let recipients: Vec<&str> = new.iter().map(|new| new.recipient_id.as_str()).collect();
        let keys = connections::find_public_keys(db, &recipients, &self.sender_id).await?;
        let slots = values::by_id(&self.slots);
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
            let slot_id = self.only_slot(&slots, id_text(&new.slot_id)).map_err(at_share)?;
            let sender = self.sender();
            let (owners_grant, on_sharers_grant) = match sender {
                Sender::Owner => (new.grant.as_deref(), None),
                Sender::OnSharer => (None, new.grant.as_deref()),
            };
            let sent: Vec<_> = new.slot_values.iter().collect();
            let values = values::check(sender, &slots, slot_id, &sent).map_err(at_share)?;
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
        share_proofs::insert(db, ids.iter().map(String::as_str).zip(new)).await?;
        copies::insert(db, &self.original_id, &recipients_and_shares, clock).await?;
        let copies = copies::ids_of_users(db, &self.original_id, &recipients).await?;
        let sources = copies::choose_sources(db, &copies, clock).await?;
        let mut by_recipient: HashMap<&str, Vec<&Source>> = HashMap::new();
        for source in &sources {
            by_recipient.entry(source.recipient_id.as_str()).or_default().push(source);
        }
        for (index, (recipient_id, share_id)) in recipients_and_shares.into_iter().enumerate() {
            let sources = by_recipient.get(recipient_id).map(Vec::as_slice).unwrap_or_default();
            self.check_is_seen(share_id, sources).map_err(|error| error.at(&format!("{field}[{index}]")))?;
        }
        Ok(ids)
    }

    /// A recipient has one copy of the item, of one slot or all. Refuses what they would not see, where the sender can know it.
    /// What others than the owner share is theirs to know.
    fn check_is_seen(&self, share_id: &str, of_recipient: &[&Source]) -> Result<()> {
        let is_known = |source: &&&Source| self.parent.is_none() || source.sender_id == self.sender_id;
        let known: Vec<&&Source> = of_recipient.iter().filter(is_known).collect();
        let new = known.iter().find(|source| source.share_id == share_id);
        let Some(only) = new.and_then(|source| source.slot_id.as_deref()) else { return Ok(()) };
        // The owner knows all of them, of which the recipient sees the first. Whoever shares on knows of their own alone.
        let may_be_seen = if self.parent.is_none() { 1 } else { known.len() };
        let has_whole = known.iter().take(may_be_seen).any(|source| source.slot_id.is_none());
        let own = || known.iter().filter(|source| source.sender_id == self.sender_id && source.share_id != share_id);
        let is_again = own().any(|source| source.slot_id.as_deref() == Some(only));
        if !has_whole && !is_again && own().next().is_some() {
            let message = "The recipient has another slot of the item by a share of yours, and sees one only: share the whole \
                           item, or end that share first";
            return Err(Error::refused(Code::AnotherSlotShared, message).at("slot_id"));
        }
        Ok(())
    }

    /// Refuses more shares than the owner can list.
    async fn check_count(&self, db: &mut AnyConnection, new: usize) -> Result<()> {
        let count = shares::count_of_item(db, &self.original_id).await?;
        if usize::try_from(count).unwrap_or(usize::MAX).saturating_add(new) > SHARES_OF_ITEM {
            let message = format!("An item has at most {SHARES_OF_ITEM} shares, with those that its recipients made");
            return Err(Error::refused(Code::TooManySharesOfItem, message));
        }
        if new.saturating_mul(self.slots.len()) > COPIED_SLOTS {
            let message = format!("One request makes at most {COPIED_SLOTS} copies of slots: share with fewer at once");
            return Err(Error::refused(Code::TooManyShares, message));
        }
        Ok(())
    }

    /// The owner's id of the only slot to share: the one asked for, or the only one that the sender received.
    fn only_slot<'a>(&'a self, slots: &HashMap<&str, &'a SharedSlot>, asked: Option<&str>) -> Result<Option<&'a str>> {
        let Some(asked) = asked else {
            return Ok(self.parent.as_ref().and_then(|parent| parent.slot_id.as_deref()));
        };
        let slot = slots.get(asked);
        let unknown = || Error::refused(Code::UnknownSlot, "is not of this item").at("slot_id");
        slot.map(|slot| Some(slot.original_id.as_str())).ok_or_else(unknown)
    }
}

// Rules.

/// Refuses so many shares at once that nobody would read the reply, which has them all.
pub(super) fn check_weight(field: &str, shares: &[ShareRow]) -> Result<()> {
    if shares.iter().map(ShareRow::weight).sum::<usize>() > PAGE_BYTES {
        let message = format!("are above {PAGE_BYTES} bytes in all: change fewer at once");
        return Err(Error::refused(Code::TooManyShares, message).at(field));
    }
    Ok(())
}

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

fn on_share(new: &NewShare, sender: Sender) -> Result<Option<&str>> {
    if sender == Sender::Owner && new.on_share.is_some() {
        return Err(Error::refused(Code::OnShareNotAllowed, "is for who shares on to send").at("on_share"));
    }
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
