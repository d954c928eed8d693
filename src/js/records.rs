//! Results as JavaScript sees them: plain objects in camelCase, per `index.d.ts`.

use js_sys::{JSON, Object, Reflect};
use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    api::{Id, JsonObject, vault},
    error::{Error, Result},
    workflows,
};

#[wasm_bindgen(module = "/src/js/item.js")]
extern "C" {
    /// Gives an item its `value(name)`.
    #[wasm_bindgen(js_name = withValue)]
    fn with_value(item: JsValue) -> JsValue;
}

/// A record as a plain object. It crosses as one JSON text: JavaScript makes objects of it faster than field by field.
pub(super) fn to_js(record: &impl Serialize) -> Result<JsValue> {
    let not_writable = || Error::internal("a result could not be handed to JavaScript");
    let text = serde_json::to_string(record).map_err(|_| not_writable())?;
    JSON::parse(&text).map_err(|_| not_writable())
}

/// A plain object of these fields.
pub(super) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

/// A count as JavaScript's number.
pub(super) fn number(count: usize) -> JsValue {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

/// An item, with its method.
pub(super) fn item_to_js(item: &workflows::Item) -> Result<JsValue> {
    to_js(&Item::from(item)).map(with_value)
}

#[derive(Serialize)]
pub(super) struct Page<T> {
    entries: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T> Page<T> {
    pub(super) fn of<'a, R>(page: &'a workflows::Page<R>) -> Page<T>
    where
        T: From<&'a R>,
    {
        Page { entries: page.entries.iter().map(T::from).collect(), next: page.next.clone() }
    }
}

#[derive(Serialize)]
pub(super) struct Template<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    slots: Vec<TemplateSlot<'a>>,
}

#[derive(Serialize)]
struct TemplateSlot<'a> {
    name: &'a str,
    label: &'a str,
    #[serde(rename = "type")]
    slot_type: &'a str,
}

impl<'a> From<&'a workflows::Template> for Template<'a> {
    fn from(template: &'a workflows::Template) -> Self {
        let slots = template.slots.iter();
        Template {
            id: &template.record.id,
            name: &template.record.name,
            label: &template.record.label,
            slots: slots
                .map(|slot| TemplateSlot { name: &slot.name, label: &slot.label, slot_type: &slot.slot_type_name })
                .collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemSummary<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    template_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_label: Option<&'a str>,
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<&'a Id>,
    slot_ids: &'a [Id],
    created_at: &'a str,
    updated_at: &'a str,
}

impl<'a> From<&'a vault::items::Item> for ItemSummary<'a> {
    fn from(item: &'a vault::items::Item) -> Self {
        ItemSummary {
            id: &item.id,
            name: &item.name,
            label: &item.label,
            template_id: item.item_template_id.as_ref(),
            template_label: item.item_template_label.as_deref(),
            own: item.own,
            owner_id: item.owner_id.as_ref(),
            original_id: item.original_id.as_ref(),
            share_id: item.share_id.as_ref(),
            slot_ids: &item.slot_ids,
            created_at: &item.created_at,
            updated_at: &item.updated_at,
        }
    }
}

/// A classification node.
#[derive(Serialize)]
pub(super) struct Classification<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    own: bool,
}

impl<'a> From<&'a vault::items::ClassificationNode> for Classification<'a> {
    fn from(node: &'a vault::items::ClassificationNode) -> Self {
        Classification {
            id: &node.id,
            name: &node.name,
            label: &node.label,
            description: node.description.as_deref(),
            scheme: node.scheme.as_deref(),
            own: node.own,
        }
    }
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    summary: ItemSummary<'a>,
    slots: Vec<Slot<'a>>,
    classifications: Vec<Classification<'a>>,
}

impl<'a> From<&'a workflows::Item> for Item<'a> {
    fn from(item: &'a workflows::Item) -> Self {
        Item {
            summary: ItemSummary::from(&item.record),
            slots: item.slots.iter().map(Slot::from).collect(),
            classifications: item.classification_nodes.iter().map(Classification::from).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Slot<'a> {
    id: &'a Id,
    name: &'a str,
    label: &'a str,
    #[serde(rename = "type")]
    slot_type: &'a str,
    value: Option<&'a str>,
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<&'a Id>,
    created_at: &'a str,
    updated_at: &'a str,
}

impl<'a> From<&'a workflows::Slot> for Slot<'a> {
    fn from(slot: &'a workflows::Slot) -> Self {
        Slot {
            id: &slot.record.id,
            name: &slot.record.name,
            label: &slot.record.label,
            slot_type: &slot.record.slot_type_name,
            value: slot.value.as_deref(),
            own: slot.record.own,
            share_id: slot.record.share_id.as_ref(),
            original_id: slot.record.original_id.as_ref(),
            owner_id: slot.record.owner_id.as_ref(),
            attachment_id: slot.record.attachment_id.as_ref(),
            created_at: &slot.record.created_at,
            updated_at: &slot.record.updated_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invitation<'a> {
    id: Option<&'a Id>,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<&'a str>,
}

impl<'a> From<&'a workflows::Invitation> for Invitation<'a> {
    fn from(invitation: &'a workflows::Invitation) -> Self {
        Invitation {
            id: invitation.id.as_ref(),
            token: &invitation.token,
            email: invitation.email.as_deref(),
            mail: invitation.mail_state.map(|state| state.as_str()),
            state: invitation.state.map(|state| state.as_str()),
            created_at: invitation.created_at.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection<'a> {
    id: &'a Id,
    name: Option<&'a str>,
    user_id: &'a Id,
    public_key: &'a str,
    keypair_id: Option<&'a str>,
    other_connection_id: &'a Id,
    other_public_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_keypair_id: Option<&'a str>,
    safety_number: &'a str,
}

impl<'a> From<&'a workflows::Connection> for Connection<'a> {
    fn from(connection: &'a workflows::Connection) -> Self {
        let (own, other) = (&connection.record.own, &connection.record.the_other_user);
        Connection {
            id: &own.id,
            name: connection.name.as_deref(),
            user_id: &other.user_id,
            public_key: &own.user_public_key,
            keypair_id: own.user_keypair_external_id.as_deref(),
            other_connection_id: &other.id,
            other_public_key: &other.user_public_key,
            other_keypair_id: other.user_keypair_external_id.as_deref(),
            safety_number: &connection.safety_number,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Share<'a> {
    id: &'a Id,
    item_id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_id: Option<&'a Id>,
    owner_id: Option<&'a Id>,
    sender_id: &'a Id,
    recipient_id: &'a Id,
    acceptance: &'static str,
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
}

impl<'a> From<&'a vault::shares::Share> for Share<'a> {
    fn from(share: &'a vault::shares::Share) -> Self {
        Share {
            id: &share.id,
            item_id: &share.item_id,
            slot_id: share.slot_id.as_ref(),
            owner_id: share.owner_id.as_ref(),
            sender_id: &share.sender_id,
            recipient_id: &share.recipient_id,
            acceptance: share.acceptance_required.as_str(),
            sharing_mode: if share.permits_on_sharing() { "anyone" } else { "owner" },
            terms: share.terms.as_deref(),
            expires_at: share.expires_at.as_deref(),
            created_at: &share.created_at,
            public_key: share.public_key.as_deref(),
            keypair_id: share.keypair_external_id.as_deref(),
            encrypted_dek: share.encrypted_dek.as_ref().map(|dek| dek.as_str()),
        }
    }
}

/// A share of the first protocol.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpaceShare<'a> {
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

impl<'a> From<&'a vault::encryption_spaces::SpaceShare> for SpaceShare<'a> {
    fn from(share: &'a vault::encryption_spaces::SpaceShare) -> Self {
        let is_of_slot = share.shareable_type == vault::encryption_spaces::ShareableType::Slot;
        SpaceShare {
            id: &share.id,
            connection_id: &share.connection_id,
            item_id: share.item_id.as_ref().or(share.slotable_id.as_ref()).unwrap_or(&share.shareable_id),
            slot_id: is_of_slot.then_some(&share.shareable_id),
            encryption_space_id: share.encryption_space_id.as_ref(),
            sender_id: share.sender_id.as_ref().or(share.shareable_user_id.as_ref()),
            recipient_id: share.recipient_id.as_ref().or(share.user_id.as_ref()),
            terms: share.terms.as_deref(),
            expires_at: share.expires_at.as_deref(),
            created_at: share.created_at.as_deref(),
        }
    }
}

impl<'a> From<&'a workflows::ListedSpaceShare> for SpaceShare<'a> {
    fn from(listed: &'a workflows::ListedSpaceShare) -> Self {
        SpaceShare::from(&listed.share)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientTask<'a> {
    id: &'a Id,
    state: &'static str,
    work_type: &'a str,
    target_id: Option<&'a Id>,
    created_at: &'a str,
    report: &'a JsonObject,
}

impl<'a> From<&'a vault::client_tasks::ClientTask> for ClientTask<'a> {
    fn from(task: &'a vault::client_tasks::ClientTask) -> Self {
        ClientTask {
            id: &task.id,
            state: task.state.as_str(),
            work_type: &task.work_type,
            target_id: task.target_id.as_ref(),
            created_at: &task.created_at,
            report: &task.report,
        }
    }
}

/// How many tasks wait and how many are being run.
pub(super) fn outstanding_tasks(tasks: workflows::OutstandingTasks) -> JsValue {
    object(&[("todo", number(tasks.todo)), ("inProgress", number(tasks.in_progress))])
}
