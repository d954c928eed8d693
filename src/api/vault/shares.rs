//! Shares. `docs/protocol/http-api.md` §2.4, §8 and §9.

use serde::{Deserialize, Serialize};

use super::{
    client_tasks::ClientTaskChange,
    items::{ClassificationNode, Item, ItemResponse, Order, comma_joined},
    slots::Slot,
};
use crate::{
    api::{
        Ciphertext, DataKeyForRecipient, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp,
        ValueVerificationKey,
        reading::{null_as_default, null_or_value},
    },
    http::{Reply, Service},
};

/// Whether the recipient has to accept a share before reading it, and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// Must, and has not.
    AcceptanceRequired,
    /// Need not.
    AcceptanceNotRequired,
    /// Did.
    Accepted,
    /// Refused; no request of the protocol sets it.
    Rejected,
}

impl Acceptance {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Acceptance::AcceptanceRequired => "acceptance_required",
            Acceptance::AcceptanceNotRequired => "acceptance_not_required",
            Acceptance::Accepted => "accepted",
            Acceptance::Rejected => "rejected",
        }
    }
}

/// Who may share the item on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharingMode {
    /// Only the owner.
    Owner,
    /// The recipient too.
    Anyone,
}

/// One share, as the sender, the owner or the recipient sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    /// The same for everyone.
    pub id: Id,
    /// Who owns the item; null for a recipient of an on-share in some versions.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// Who made the share: the owner, or a recipient who shared on.
    pub sender_id: Id,
    /// For whom it was made.
    pub recipient_id: Id,
    /// Whether it has to be accepted.
    pub acceptance_required: Acceptance,
    /// Always the owner's id of the item.
    pub item_id: Id,
    /// The owner's id of the slot, where only one is shared.
    #[serde(default)]
    pub slot_id: Option<Id>,
    /// The recipient's public key that the DEK is encrypted for, PEM.
    #[serde(default)]
    pub public_key: Option<String>,
    /// The Keystore's id of the recipient's key pair.
    #[serde(default)]
    pub keypair_external_id: Option<String>,
    /// Null for a recipient who has not accepted, or who holds the values under the own DEK by now.
    #[serde(default)]
    pub encrypted_dek: Option<Ciphertext<DataKeyForRecipient>>,
    /// What the recipient agrees to.
    #[serde(default)]
    pub terms: Option<String>,
    /// Until 31.
    #[serde(default)]
    pub sharing_mode: Option<SharingMode>,
    /// Since 37; says the same.
    #[serde(default)]
    pub onsharing_permitted: Option<bool>,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// After which the recipient no longer has it.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl Share {
    /// Whether the recipient may share on, from whichever of the two fields is there.
    pub fn permits_on_sharing(&self) -> bool {
        self.onsharing_permitted.unwrap_or(self.sharing_mode == Some(SharingMode::Anyone))
    }
}

/// One slot's value for a share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShareSlotValue {
    /// Which share, where the body is about several (`PUT /items/{id}/shares`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_id: Option<Id>,
    /// The sender's own id of the slot.
    pub slot_id: Option<Id>,
    /// Under the share's DEK; null empties the slot.
    pub encrypted_value: Option<Ciphertext<SlotValue>>,
    /// The key that proves the value, under the share's DEK.
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
    /// The owner's proof; only the owner sends one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_verification_hash: Option<String>,
}

/// One share of `POST /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewShare {
    /// For whom; must be connected with the sender.
    pub recipient_id: Id,
    /// The recipient's public key, exactly as in the connection.
    pub public_key: String,
    /// The Keystore's id of the recipient's key pair.
    #[serde(default)]
    pub keypair_external_id: Option<String>,
    /// The share's DEK, encrypted with that public key.
    pub encrypted_dek: Ciphertext<DataKeyForRecipient>,
    /// Until 31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing_mode: Option<SharingMode>,
    /// Since 37.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onsharing_permitted: Option<bool>,
    /// Absent means that it need not be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance_required: Option<Acceptance>,
    /// What the recipient agrees to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// Must lie in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Shares this one slot only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<Id>,
    /// The values, sealed for this share.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slot_values: Vec<ShareSlotValue>,
}

/// Body of `POST /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSharesRequest {
    /// The shares.
    pub shares: Vec<NewShare>,
}

/// A list of shares; the paging fields are absent from some replies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharesResponse {
    /// The shares.
    pub shares: Vec<Share>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Reply about one share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShareResponse {
    /// The share.
    pub share: Share,
}

/// A share with the recipient's copy of the item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShareWithItemResponse {
    /// The share.
    pub share: Share,
    /// Set where the item reached the recipient by another share before; then the item here is that one's.
    #[serde(default)]
    pub item_shared_via_another_share_id: Option<Id>,
    /// The recipient's copy.
    pub item: Item,
    /// Its slots; without values while the share is not accepted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub slots: Vec<Slot>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Always empty; old clients need it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// Files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attachments: Vec<JsonObject>,
    /// The nodes the item and its slots stand under.
    #[serde(default, deserialize_with = "null_as_default")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// Small pictures of files.
    #[serde(default, deserialize_with = "null_as_default")]
    pub thumbnails: Vec<JsonObject>,
}

impl From<ShareWithItemResponse> for ItemResponse {
    /// What the share brought, without the share.
    fn from(response: ShareWithItemResponse) -> Self {
        ItemResponse {
            item: response.item,
            slots: response.slots,
            classification_nodes: response.classification_nodes,
            attachments: response.attachments,
            thumbnails: response.thumbnails,
            associations: response.associations,
            associations_to: response.associations_to,
        }
    }
}

/// One share of an own item, as the list for re-encryption holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemShare {
    /// The share.
    pub id: Id,
    /// The recipient's public key, PEM.
    pub public_key: String,
    /// Since 37.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// Where only one slot is shared.
    #[serde(default)]
    pub slot_id: Option<Id>,
}

/// Reply of `GET /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemSharesResponse {
    /// Every share of the item, on-shares by others included.
    pub shares: Vec<ItemShare>,
}

/// A share's new DEK.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShareDek {
    /// The share.
    pub share_id: Id,
    /// The DEK, encrypted with the recipient's public key.
    pub dek: Ciphertext<DataKeyForRecipient>,
}

/// Body of `PUT /items/{id}/shares`: the item re-encrypted for those it is shared with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemSharesChange {
    /// The new DEKs.
    #[serde(deserialize_with = "null_as_default")]
    pub share_deks: Vec<ShareDek>,
    /// The values under them.
    #[serde(deserialize_with = "null_as_default")]
    pub slot_values: Vec<ShareSlotValue>,
    /// Client tasks that are done with it.
    #[serde(deserialize_with = "null_as_default")]
    pub client_tasks: Vec<ClientTaskChange>,
}

/// The same body as the client sends it: every share gets the same values, which are not copied for each.
#[derive(Serialize)]
pub struct ItemSharesRefresh<'a> {
    /// The new DEKs.
    pub share_deks: Vec<ShareDek>,
    /// The values under them.
    pub slot_values: Vec<ValueOfShare<'a>>,
    /// None: this client reports tasks apart.
    pub client_tasks: Vec<ClientTaskChange>,
}

/// A value for one of the shares that get it.
#[derive(Serialize)]
pub struct ValueOfShare<'a> {
    share_id: &'a Id,
    slot_id: Option<&'a Id>,
    encrypted_value: Option<&'a Ciphertext<SlotValue>>,
    encrypted_value_verification_key: Option<&'a Ciphertext<ValueVerificationKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_verification_hash: Option<&'a str>,
}

impl ShareSlotValue {
    /// This value for one of several shares.
    pub fn of_share<'a>(&'a self, share_id: &'a Id) -> ValueOfShare<'a> {
        ValueOfShare {
            share_id,
            slot_id: self.slot_id.as_ref(),
            encrypted_value: self.encrypted_value.as_ref(),
            encrypted_value_verification_key: self.encrypted_value_verification_key.as_ref(),
            value_verification_hash: self.value_verification_hash.as_deref(),
        }
    }
}

/// Which incoming shares a list is to hold; absent means "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomingFilter {
    /// In this state of acceptance.
    pub acceptance_required: Option<Acceptance>,
    /// Through this connection, by the reading user's id of it.
    pub own_connection_id: Option<Id>,
    /// Only these.
    pub share_ids: Vec<Id>,
    /// Oldest or newest first.
    pub order: Option<Order>,
}

/// Which outgoing shares a list is to hold; absent means "any".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingFilter {
    /// Of these items.
    pub item_ids: Vec<Id>,
    /// Through this connection, by the reading user's id of it.
    pub own_connection_id: Option<Id>,
    /// Oldest or newest first.
    pub order: Option<Order>,
}

/// Shares an item. With an idempotency key a repeat answers with the shares that were made first.
pub fn create<'a>(
    vault: &'a Service,
    item: &Id,
    request: &NewSharesRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, Vec<Share>> {
    vault.post(&["items", item.as_str(), "shares"]).json(request).idempotency_key(idempotency_key).send_for("shares")
}

/// A page of the shares made for the user.
pub fn incoming<'a>(vault: &'a Service, filter: &IncomingFilter, page: &PageQuery) -> Reply<'a, SharesResponse> {
    let request = vault
        .get(&["incoming_shares"])
        .query_if_any("acceptance_required", filter.acceptance_required.map(Acceptance::as_str))
        .query_if_any("own_connection_id", filter.own_connection_id.as_ref().map(Id::as_str))
        .query_if_any("share_ids", comma_joined(&filter.share_ids).as_deref())
        .query_if_any("order", filter.order.map(Order::as_str));
    page.of(request).send()
}

/// A page of the shares that the user made.
pub fn outgoing<'a>(vault: &'a Service, filter: &OutgoingFilter, page: &PageQuery) -> Reply<'a, SharesResponse> {
    let mut request = vault.get(&["outgoing_shares"]);
    for id in &filter.item_ids {
        request = request.query("item_ids", id.as_str());
    }
    let request = request
        .query_if_any("own_connection_id", filter.own_connection_id.as_ref().map(Id::as_str))
        .query_if_any("order", filter.order.map(Order::as_str));
    page.of(request).send()
}

/// One share made for the user.
pub fn get_incoming<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.get(&["incoming_shares", id.as_str()]).send_for("share")
}

/// One share that the user made.
pub fn get_outgoing<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.get(&["outgoing_shares", id.as_str()]).send_for("share")
}

/// One share made for the user, with the item.
pub fn get_incoming_with_item<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ShareWithItemResponse> {
    vault.get(&["incoming_shares", id.as_str(), "item"]).send()
}

/// Accepts a share and its terms. Harmless where nothing has to be accepted.
pub fn accept<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.put(&["incoming_shares", id.as_str(), "accept"]).send_for("share")
}

/// Removes a share and the recipient's copy.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["shares", id.as_str()]).send_void()
}

/// Everyone that an own item is shared with.
pub fn of_item<'a>(vault: &'a Service, item: &Id) -> Reply<'a, Vec<ItemShare>> {
    vault.get(&["items", item.as_str(), "shares"]).send_for("shares")
}

/// Replaces the DEKs and values of an own item's shares.
pub fn update_of_item<'a>(vault: &'a Service, item: &Id, refresh: &ItemSharesRefresh<'_>) -> Reply<'a, ()> {
    vault.put(&["items", item.as_str(), "shares"]).json(refresh).send_void()
}

/// What is to change about a share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShareChange {
    /// The share.
    pub share_id: Id,
    /// Absent leaves it as it is; null means for ever.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_or_value")]
    pub expires_at: Option<Option<Timestamp>>,
    /// Absent leaves it as it is; false also ends what was shared on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onsharing_permitted: Option<bool>,
}

/// Body of `PUT /shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharesChange {
    /// The changes; all are made or none.
    pub shares: Vec<ShareChange>,
}

/// Changes how long shares of own items last and whether they may be shared on.
pub fn change(vault: &Service, changes: Vec<ShareChange>) -> Reply<'_, Vec<Share>> {
    vault.put(&["shares"]).json(&SharesChange { shares: changes }).send_for("shares")
}
