//! Results as JavaScript sees them: plain objects in camelCase, per `index.d.ts`.

use js_sys::JSON;
use wasm_bindgen::JsValue;

use crate::{
    api::vault,
    error::{Error, Result},
    http::{JsonText, ToFields, ToJson},
    workflows,
};

/// What a call answers with. It crosses as one JSON text: JavaScript makes objects of it faster than field by field.
pub(super) fn answer(value: &dyn ToJson) -> Result<JsValue> {
    JSON::parse(&JsonText::of(value)).map_err(|_| Error::internal("a result could not be handed to JavaScript"))
}

/// The same for what is an object.
pub(super) fn record(record: &dyn Record) -> Result<JsValue> {
    answer(&Plain(record))
}

/// What a call answers that has nothing more to say than that it is done.
pub(super) fn done(outcome: Result<()>) -> Result<JsValue> {
    outcome.map(|()| JsValue::UNDEFINED)
}

/// What JavaScript sees as a plain object. It is not what the wire has of it, though it often has the same fields.
pub(super) trait Record {
    fn write(&self, out: &mut JsonText);
}

/// A record among other values.
pub(super) struct Plain<'a>(pub(super) &'a dyn Record);

impl ToFields for Plain<'_> {
    fn write_fields(&self, out: &mut JsonText) {
        self.0.write(out);
    }
}

impl ToJson for Plain<'_> {
    fn write(&self, out: &mut JsonText) {
        out.object(self);
    }
}

/// Records among other values.
pub(super) struct List<'a, R>(pub(super) &'a [R]);

impl<R: Record> ToJson for List<'_, R> {
    fn write(&self, out: &mut JsonText) {
        out.list(self.0.iter().map(|record| Plain(record)));
    }
}

impl<R: Record> Record for workflows::Page<R> {
    fn write(&self, out: &mut JsonText) {
        out.field("entries", &List(&self.entries));
        out.field_if_any("next", &self.next);
    }
}

impl Record for workflows::Template {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.record.id);
        out.field("name", &self.record.name);
        out.field("label", &self.record.label);
        out.field("slots", &List(&self.slots));
    }
}

/// A template's slot; an item's has a value besides.
impl Record for vault::slots::Slot {
    fn write(&self, out: &mut JsonText) {
        out.field("name", &self.name);
        out.field("label", &self.label);
        out.field("type", &self.slot_type_name);
    }
}

/// An item without its values.
impl Record for vault::items::Item {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.id);
        out.field("name", &self.name);
        out.field("label", &self.label);
        out.field("templateId", &self.item_template_id);
        out.field_if_any("templateLabel", &self.item_template_label);
        out.field("own", &self.own);
        out.field_if_any("ownerId", &self.owner_id);
        out.field_if_any("originalId", &self.original_id);
        out.field_if_any("shareId", &self.share_id);
        out.field("slotIds", &self.slot_ids);
        out.field("createdAt", &self.created_at);
        out.field("updatedAt", &self.updated_at);
    }
}

impl Record for workflows::Item {
    fn write(&self, out: &mut JsonText) {
        self.record.write(out);
        out.field("slots", &List(&self.slots));
        out.field("classifications", &List(&self.classification_nodes));
    }
}

impl Record for workflows::Slot {
    fn write(&self, out: &mut JsonText) {
        let slot = &self.record;
        out.field("id", &slot.id);
        slot.write(out);
        out.field("value", &self.value.as_deref());
        out.field("own", &slot.own);
        out.field_if_any("shareId", &slot.share_id);
        out.field_if_any("originalId", &slot.original_id);
        out.field_if_any("ownerId", &slot.owner_id);
        out.field_if_any("attachmentId", &slot.attachment_id);
        out.field("createdAt", &slot.created_at);
        out.field("updatedAt", &slot.updated_at);
    }
}

impl Record for vault::items::ClassificationNode {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.id);
        out.field("name", &self.name);
        out.field("label", &self.label);
        out.field_if_any("description", &self.description);
        out.field_if_any("scheme", &self.scheme);
        out.field("own", &self.own);
    }
}

impl Record for workflows::Invitation {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.id);
        out.field("token", &self.token);
        out.field_if_any("email", &self.email);
        out.field_if_any("mail", &self.mail_state.map(|state| state.as_str()));
        out.field_if_any("state", &self.state.map(|state| state.as_str()));
        out.field_if_any("createdAt", &self.created_at);
    }
}

impl Record for workflows::Connection {
    fn write(&self, out: &mut JsonText) {
        let (own, other) = (&self.record.own, &self.record.the_other_user);
        out.field("id", &own.id);
        out.field("name", &self.name.as_deref());
        out.field("userId", &other.user_id);
        out.field("publicKey", &own.user_public_key);
        out.field("keypairId", &own.user_keypair_external_id);
        out.field("otherConnectionId", &other.id);
        out.field("otherPublicKey", &other.user_public_key);
        out.field_if_any("otherKeypairId", &other.user_keypair_external_id);
        out.field("safetyNumber", &self.safety_number);
    }
}

impl Record for vault::shares::Share {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.id);
        out.field("itemId", &self.item_id);
        out.field_if_any("slotId", &self.slot_id);
        out.field("ownerId", &self.owner_id);
        out.field("senderId", &self.sender_id);
        out.field("recipientId", &self.recipient_id);
        out.field("acceptance", &self.acceptance_required.as_str());
        out.field("sharingMode", &if self.permits_on_sharing() { "anyone" } else { "owner" });
        out.field_if_any("terms", &self.terms);
        out.field_if_any("expiresAt", &self.expires_at);
        out.field("createdAt", &self.created_at);
        out.field_if_any("publicKey", &self.public_key);
        out.field_if_any("keypairId", &self.keypair_external_id);
        out.field_if_any("encryptedDek", &self.encrypted_dek);
    }
}

impl Record for workflows::SharedItem {
    fn write(&self, out: &mut JsonText) {
        out.field("share", &Plain(&self.share));
        out.field("item", &Plain(&self.item));
    }
}

impl Record for workflows::Refreshed {
    fn write(&self, out: &mut JsonText) {
        out.field("shares", &self.shares);
        out.field("onShares", &self.on_shares);
        out.field("leftOut", &self.left_out);
    }
}

/// A share of the first protocol.
impl Record for vault::encryption_spaces::SpaceShare {
    fn write(&self, out: &mut JsonText) {
        let is_of_slot = self.shareable_type == vault::encryption_spaces::ShareableType::Slot;
        out.field("id", &self.id);
        out.field("connectionId", &self.connection_id);
        out.field("itemId", self.item_id.as_ref().or(self.slotable_id.as_ref()).unwrap_or(&self.shareable_id));
        out.field_if_any("slotId", &is_of_slot.then_some(&self.shareable_id));
        out.field_if_any("encryptionSpaceId", &self.encryption_space_id);
        out.field_if_any("senderId", &self.sender_id.as_ref().or(self.shareable_user_id.as_ref()));
        out.field_if_any("recipientId", &self.recipient_id.as_ref().or(self.user_id.as_ref()));
        out.field_if_any("terms", &self.terms);
        out.field_if_any("expiresAt", &self.expires_at);
        out.field_if_any("createdAt", &self.created_at);
    }
}

impl Record for workflows::ListedSpaceShare {
    fn write(&self, out: &mut JsonText) {
        self.share.write(out);
    }
}

impl Record for workflows::ItemInSpace {
    fn write(&self, out: &mut JsonText) {
        out.field("share", &Plain(&self.share));
        out.field("item", &Plain(&self.item));
    }
}

impl Record for vault::client_tasks::ClientTask {
    fn write(&self, out: &mut JsonText) {
        out.field("id", &self.id);
        out.field("state", &self.state);
        out.field("workType", &self.work_type);
        out.field("targetId", &self.target_id);
        out.field("createdAt", &self.created_at);
        out.field("report", &self.report);
    }
}

impl Record for workflows::OutstandingTasks {
    fn write(&self, out: &mut JsonText) {
        out.field("todo", &self.todo);
        out.field("inProgress", &self.in_progress);
    }
}

impl Record for workflows::UpdatedItem {
    fn write(&self, out: &mut JsonText) {
        out.field("item", &Plain(&self.item));
        out.field("outstandingTasks", &Plain(&self.outstanding_tasks));
    }
}

impl Record for workflows::TaskRun {
    fn write(&self, out: &mut JsonText) {
        out.field("completed", &List(&self.completed));
        out.field("failed", &List(&self.failed));
    }
}

impl Record for workflows::FailedTask {
    fn write(&self, out: &mut JsonText) {
        self.task.write(out);
        out.field("reason", &Plain(&self.reason));
    }
}

/// What `client.js` makes a `VaultError` of.
impl Record for Error {
    fn write(&self, out: &mut JsonText) {
        out.field("code", &self.code().as_str());
        out.field("message", &self.message());
        out.field_if_any("status", &self.status().map(u64::from));
        out.field_if_any("serverCode", &self.server_code());
    }
}
