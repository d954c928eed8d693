//! Shares. `docs/protocol/http-api.md` §2.4, §8 and §9.

use serde::{Deserialize, Serialize};

use super::{
    attachments::Attachment,
    client_tasks::ClientTaskChange,
    items::{ClassificationNode, Item, ItemResponse, Order, comma_joined},
    slots::Slot,
    thumbnails::Thumbnail,
};
use crate::{
    api::{
        Ciphertext, DataKeyForRecipient, Id, JsonObject, PageMeta, PageQuery, SlotValue, Timestamp,
        ValueVerificationKey,
        reading::{bounded_list, null_as_default, null_or_value},
    },
    http::{Reply, Service},
};

/// Whether a share needs its recipient to accept it, and whether they did: a state, in spite of the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// The recipient has to accept, and has not: the server sends them no DEK and no values.
    AcceptanceRequired,
    /// The recipient can read it at once.
    AcceptanceNotRequired,
    /// The recipient accepted.
    Accepted,
    /// No request of the protocol sets it: a recipient who refuses deletes the share.
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

/// Who may share the item on. Vault API ≤ 31; superseded by `onsharing_permitted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SharingMode {
    /// Only the owner: `onsharing_permitted` is false.
    Owner,
    /// The recipient too: `onsharing_permitted` is true.
    Anyone,
}

/// One share, as its sender, its recipient or the owner of the item sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Share {
    /// The same for all three.
    pub id: Id,
    /// The Vault's id of the item's owner. Vault API ≥ 37 may send null to the recipient of an on-share.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// Who made the share: the owner, or a recipient who shared on.
    pub sender_id: Id,
    /// Whom it was made for.
    pub recipient_id: Id,
    /// The state of acceptance, not a flag.
    pub acceptance_required: Acceptance,
    /// The **owner's** id of the item, also in an on-share: a recipient cannot read the item by it.
    pub item_id: Id,
    /// The owner's id of the slot, where one slot is shared; null for the whole item.
    #[serde(default)]
    pub slot_id: Option<Id>,
    /// The recipient's public key of the connection, PEM, that `encrypted_dek` is encrypted to.
    #[serde(default)]
    pub public_key: Option<String>,
    /// The Keystore's id of the recipient's key pair.
    #[serde(default)]
    pub keypair_external_id: Option<String>,
    /// The share's DEK, wrapped by `public_key`. Null for a recipient who has not accepted, or who has re-encrypted the
    /// values under their private DEK.
    #[serde(default)]
    pub encrypted_dek: Option<Ciphertext<DataKeyForRecipient>>,
    /// Text that the recipient agrees to by accepting; not encrypted.
    #[serde(default)]
    pub terms: Option<String>,
    /// Vault API ≤ 31; superseded by `onsharing_permitted`.
    #[serde(default)]
    pub sharing_mode: Option<SharingMode>,
    /// Whether the recipient may share on. Vault API ≥ 37; see [`Share::permits_on_sharing`].
    #[serde(default)]
    pub onsharing_permitted: Option<bool>,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
    /// When the share ends: ISO-8601, UTC; null if it does not.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The reader's own [`NewShare::grant`] for this share. An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// See [`NewShare::on_share`]; for the sender and the owner of the item. An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_share: Option<String>,
    /// See [`NewShare::proof`]; for the recipient, in replies about one share and in lists asked for with it. An extension of
    /// this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// See [`NewShare::content_signature`]; with `proof`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_signature: Option<String>,
}

impl Share {
    /// Whether the recipient may share on, from whichever of the two fields is there.
    pub fn permits_on_sharing(&self) -> bool {
        self.onsharing_permitted.unwrap_or(self.sharing_mode == Some(SharingMode::Anyone))
    }
}

/// One slot's value, encrypted for a share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ShareSlotValue {
    /// The share, in bodies about several (`PUT /items/{id}/shares`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_id: Option<Id>,
    /// The slot, by the sender's id of it.
    pub slot_id: Option<Id>,
    /// The value, encrypted under the share's DEK; null empties the slot.
    pub encrypted_value: Option<Ciphertext<SlotValue>>,
    /// The verification key of the value, encrypted under the share's DEK; null for an empty slot.
    pub encrypted_value_verification_key: Option<Ciphertext<ValueVerificationKey>>,
    /// HMAC of the value under that key, lower-case hexadecimal. Only the owner sends it: of an on-share the server
    /// copies the owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_verification_hash: Option<String>,
}

/// One share of `POST /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewShare {
    /// The recipient, who must be connected with the sender.
    pub recipient_id: Id,
    /// The recipient's public key, PEM, byte for byte as in the connection.
    pub public_key: String,
    /// The Keystore's id of the recipient's key pair.
    #[serde(default)]
    pub keypair_external_id: Option<String>,
    /// The share's DEK, wrapped by that public key.
    pub encrypted_dek: Ciphertext<DataKeyForRecipient>,
    /// Vault API ≤ 31; superseded by `onsharing_permitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing_mode: Option<SharingMode>,
    /// Whether the recipient may share on. Vault API ≥ 37; absent means no, unless `sharing_mode` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onsharing_permitted: Option<bool>,
    /// `None`: no acceptance is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance_required: Option<Acceptance>,
    /// Text that the recipient agrees to by accepting; not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// When the share ends, in the future: ISO-8601, UTC. `None`: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The one slot to share, by the sender's id of it; `None`: the whole item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<Id>,
    /// The values, encrypted under the share's DEK; slots without a value may be left out.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slot_values: Vec<ShareSlotValue>,
    /// What the sender's client writes down for itself, opaque to the server: at most 1,024 bytes, shown to nobody else.
    /// An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// What a recipient who shares on says to the owner of the item, opaque to the server: at most 2,048 bytes. An
    /// extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_share: Option<String>,
    /// That the sender shares this item with this recipient, signed; opaque to the server: at most 4,096 bytes. An extension
    /// of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// What the values are, signed; opaque to the server: at most 2,048 bytes. It goes with the DEK that they are encrypted
    /// under. An extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_signature: Option<String>,
}

/// Body of `POST /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct NewSharesRequest {
    /// All are created, or none.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<NewShare>,
}

/// A list of shares. Some responses have no pagination fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SharesResponse {
    /// Oldest first unless the request says otherwise.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<Share>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Reply about one share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShareResponse {
    /// As the reading user sees it.
    pub share: Share,
}

/// A share with the recipient's copy of the item. Reply of `GET /incoming_shares/{id}/item`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShareWithItemResponse {
    /// The share that was asked for.
    pub share: Share,
    /// Set where the recipient has a copy by another share: `item` and `slots` are then those of that share, and its
    /// DEK decrypts them. Vault API ≥ 22.
    #[serde(default)]
    pub item_shared_via_another_share_id: Option<Id>,
    /// The recipient's copy, under the recipient's id.
    pub item: Item,
    /// Its slots; without values while acceptance is outstanding.
    #[serde(default, deserialize_with = "bounded_list")]
    pub slots: Vec<Slot>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations: Vec<JsonObject>,
    /// Empty; generated clients fail without it.
    #[serde(default, skip_deserializing)]
    pub associations_to: Vec<JsonObject>,
    /// The attachments that slots of this reply stand for (`docs/protocol/http-api.md` §12.1).
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub attachments: Vec<Attachment>,
    /// The nodes that the item and its slots are classified by.
    #[serde(default, deserialize_with = "bounded_list")]
    pub classification_nodes: Vec<ClassificationNode>,
    /// The thumbnails of these attachments.
    #[serde(default, deserialize_with = "bounded_list")]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub thumbnails: Vec<Thumbnail>,
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

/// One share of an own item, with what a refresh needs to know of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemShare {
    /// For [`ShareDek::share_id`].
    pub id: Id,
    /// The recipient's public key, PEM, as the server tells it: untrusted.
    pub public_key: String,
    /// The owner's id of the item. Vault API ≥ 37.
    #[serde(default)]
    pub item_id: Option<Id>,
    /// The owner's id of the slot, where one slot is shared; null for the whole item. Vault API ≥ 37.
    #[serde(default)]
    pub slot_id: Option<Id>,
    /// Who made the share: the owner, or a recipient who shared on. This and what follows are extensions of this
    /// repository's server.
    #[serde(default)]
    pub sender_id: Option<Id>,
    /// Whom it was made for.
    #[serde(default)]
    pub recipient_id: Option<Id>,
    /// Whether the recipient may share on.
    #[serde(default)]
    pub onsharing_permitted: Option<bool>,
    /// ISO-8601, UTC.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When the share ends: ISO-8601, UTC; null if it does not.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The owner's own [`NewShare::grant`] for this share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// See [`NewShare::on_share`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_share: Option<String>,
}

/// Reply of `GET /items/{id}/shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ItemSharesResponse {
    /// Every share of the item, on-shares by others included.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<ItemShare>,
}

/// A share's new DEK.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShareDek {
    /// The share that gets it. Values of this share that are not sent with it are deleted.
    pub share_id: Id,
    /// The DEK, wrapped by the recipient's public key.
    pub dek: Ciphertext<DataKeyForRecipient>,
    /// The owner's new [`NewShare::grant`] for this share, whoever sent it; `None` keeps what is there. An extension of
    /// this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The new [`NewShare::content_signature`] for this share; `None` removes what is there, which is of other values. An
    /// extension of this repository's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_signature: Option<String>,
}

/// Body of `PUT /items/{id}/shares`: an item, encrypted again for those it is shared with. As the server reads it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ItemSharesChange {
    /// One for each share that gets a new DEK.
    #[serde(deserialize_with = "null_as_default")]
    pub share_deks: Vec<ShareDek>,
    /// Shares whose DEK an earlier request set, to which this one adds values. Refused with 409 where another client has set
    /// another DEK since: nothing could read values under both. An extension of this repository's server.
    #[serde(deserialize_with = "null_as_default")]
    pub continued_deks: Vec<ShareDek>,
    /// The values of these shares, encrypted under the new DEKs.
    #[serde(deserialize_with = "null_as_default")]
    pub slot_values: Vec<ShareSlotValue>,
    /// Tasks whose state changes in the same transaction.
    #[serde(deserialize_with = "null_as_default")]
    pub client_tasks: Vec<ClientTaskChange>,
}

/// The same body as the client writes it: every share gets the same values, borrowed instead of copied for each.
#[derive(Serialize)]
pub struct ItemSharesRefresh<'a> {
    /// One for each share.
    #[serde(deserialize_with = "bounded_list")]
    pub share_deks: Vec<ShareDek>,
    /// As [`ItemSharesChange::continued_deks`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub continued_deks: Vec<ShareDek>,
    /// The values of each share, encrypted under the new DEK.
    #[serde(deserialize_with = "bounded_list")]
    pub slot_values: Vec<ValueOfShare<'a>>,
    /// Empty: this client sets the state of tasks in a request of its own.
    #[serde(deserialize_with = "bounded_list")]
    pub client_tasks: Vec<ClientTaskChange>,
}

/// A [`ShareSlotValue`], borrowed, for one of the shares that get it.
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

/// Which received shares to list; empty and `None` do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomingFilter {
    /// Shares in this state of acceptance.
    pub acceptance_required: Option<Acceptance>,
    /// Shares through this connection, by the reading user's id of it. Vault API ≥ 37.
    pub own_connection_id: Option<Id>,
    /// Shares with one of these ids.
    pub share_ids: Vec<Id>,
    /// By creation; `None`: oldest first. Vault API ≥ 37.
    pub order: Option<Order>,
    /// Asks for [`Share::proof`] too, some kilobytes for each share. Other servers than this repository's ignore it.
    pub with_proofs: bool,
}

/// Which sent shares to list; empty and `None` do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingFilter {
    /// Shares of these items, by the owner's ids of them. Vault API ≥ 22.
    pub item_ids: Vec<Id>,
    /// Shares through this connection, by the reading user's id of it. Vault API ≥ 37.
    pub own_connection_id: Option<Id>,
    /// By creation; `None`: oldest first. Vault API ≥ 37.
    pub order: Option<Order>,
}

/// Shares an item, own or received. With an idempotency key a retry returns the shares that the first request created.
pub fn create<'a>(
    vault: &'a Service,
    item: &Id,
    request: &NewSharesRequest,
    idempotency_key: Option<&str>,
) -> Reply<'a, SharesResponse> {
    vault.post(&["items", item.as_str(), "shares"]).json(request).idempotency_key(idempotency_key).send()
}

/// A page of the shares that the user received.
pub fn incoming<'a>(vault: &'a Service, filter: &IncomingFilter, page: &PageQuery) -> Reply<'a, SharesResponse> {
    let request = vault
        .get(&["incoming_shares"])
        .query_if_any("acceptance_required", filter.acceptance_required.map(Acceptance::as_str))
        .query_if_any("own_connection_id", filter.own_connection_id.as_ref().map(Id::as_str))
        .query_if_any("share_ids", comma_joined(&filter.share_ids).as_deref())
        .query_if_any("order", filter.order.map(Order::as_str))
        .query_if_any("with_proofs", filter.with_proofs.then_some("true"));
    page.of(request).send()
}

/// A page of the shares that the user sent, on-shares included.
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

/// One share that the user received. 404 for any other.
pub fn get_incoming<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.get(&["incoming_shares", id.as_str()]).send_for("share")
}

/// One share that the user sent. 404 for any other.
pub fn get_outgoing<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.get(&["outgoing_shares", id.as_str()]).send_for("share")
}

/// One share that the user received, with their copy of the item.
pub fn get_incoming_with_item<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ShareWithItemResponse> {
    vault.get(&["incoming_shares", id.as_str(), "item"]).send()
}

/// Accepts a share and its terms. Changes nothing where no acceptance is required.
pub fn accept<'a>(vault: &'a Service, id: &Id) -> Reply<'a, Share> {
    vault.put(&["incoming_shares", id.as_str(), "accept"]).send_for("share")
}

/// Ends a share, of either protocol: the recipient's copy goes, unless another share backs it, and so do the shares
/// made from it.
pub fn delete<'a>(vault: &'a Service, id: &Id) -> Reply<'a, ()> {
    vault.delete(&["shares", id.as_str()]).send_void()
}

/// Everyone whom an own item is shared with, by whomever.
pub fn of_item<'a>(vault: &'a Service, item: &Id) -> Reply<'a, ItemSharesResponse> {
    vault.get(&["items", item.as_str(), "shares"]).send()
}

/// Replaces DEKs and values of an own item's shares.
pub fn update_of_item<'a>(vault: &'a Service, item: &Id, refresh: &ItemSharesRefresh<'_>) -> Reply<'a, ()> {
    vault.put(&["items", item.as_str(), "shares"]).json(refresh).send_void()
}

/// What to change about a share. Vault API ≥ 39.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ShareChange {
    /// A share of an own item.
    pub share_id: Id,
    /// `None` leaves it as it is; `Some(None)`, null on the wire, means that the share does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_or_value")]
    pub expires_at: Option<Option<Timestamp>>,
    /// `None` leaves it as it is; false also ends the shares that the recipient made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onsharing_permitted: Option<bool>,
    /// As [`ShareDek::grant`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}

/// Body of `PUT /shares`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SharesChange {
    /// All are changed, or none.
    #[serde(deserialize_with = "bounded_list")]
    pub shares: Vec<ShareChange>,
}

/// Changes expiry and permission to share on, for shares of own items.
pub fn change(vault: &Service, changes: Vec<ShareChange>) -> Reply<'_, SharesResponse> {
    vault.put(&["shares"]).json(&SharesChange { shares: changes }).send()
}
