//! The bounds of the Vault's bodies.

use vaultshare::api::vault::{
    attachments::{NewAttachmentRequest, NewUploadRequest},
    classification_nodes::NewNodeRequest,
    client_tasks::{ClientTaskChange, ClientTasksChange},
    connections::ConnectionDetails,
    encryption_spaces::{EncryptionSpaceTwin, NewSpaceShare, NewSpaceSharesRequest, ValuesBySlot},
    invitations::{ConnectionPublicKey, InvitationDetails, InvitationLookup},
    items::{ItemChange, ItemChangeRequest, NewItemRequest, ReencryptionRequest},
    me::{NewUser, UserChangeRequest},
    session::SessionRequest,
    shares::{ItemSharesChange, NewShare, NewSharesRequest, ShareChange, SharesChange},
    slots::{ClassificationNodeChange, SlotChange},
    templates::NewTemplateRequest,
};

use super::{
    Bounded, CLASSIFICATIONS, CLASSIFICATIONS_OF_REQUEST, CLIENT_TASKS, FILE_NAME, GRANT, KEY, LONG_TEXT, NAME, PROOF,
    REPORT, SHARES, SHARES_OF_ITEM, SHORT_TEXT, SLOT_VALUES, SPACE_SHARES, STATEMENT, TEMPLATE_SLOTS, WRAPPED,
    check_count, check_each, check_encrypted, check_json, check_length, check_list,
};
use crate::{
    config::Limits,
    error::{Code, Error, Result},
};

impl Bounded for NewUser {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", Some(&self.public_key), KEY)
    }
}

impl Bounded for SessionRequest {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", Some(&self.public_key), KEY)
    }
}

impl Bounded for UserChangeRequest {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let user = &self.user;
        let short = [
            ("user.full_name", &user.full_name),
            ("user.email", &user.email),
            ("user.country", &user.country),
            ("user.did", &user.did),
        ];
        for (field, text) in short {
            check_length(field, text.as_deref(), NAME)?;
        }
        check_length("user.image", user.image.as_deref(), LONG_TEXT)
    }
}

// Items and templates.

impl Bounded for NewItemRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_length("template_name", Some(&self.template_name), NAME)?;
        self.item.check_bounds(limits).map_err(|error| error.at("item"))
    }
}

impl Bounded for ItemChangeRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        self.item.check_bounds(limits).map_err(|error| error.at("item"))
    }
}

impl Bounded for ItemChange {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_length("name", self.name.as_deref(), NAME)?;
        check_length("description", self.description.as_deref(), LONG_TEXT)?;
        check_nodes(self.classification_nodes_attributes.as_deref())?;
        let slots = self.slots_attributes.as_deref().unwrap_or_default();
        check_slot_count(slots.len(), limits).map_err(|error| error.at("slots_attributes"))?;
        check_slots(slots, limits)
    }
}

/// Slots of a request, each of which may be classified.
fn check_slots(slots: &[SlotChange], limits: &Limits) -> Result<()> {
    check_each("slots_attributes", slots, |slot| slot.check_bounds(limits))?;
    let nodes = slots.iter().flat_map(|slot| &slot.classification_nodes_attributes).map(Vec::len).sum::<usize>();
    if nodes > CLASSIFICATIONS_OF_REQUEST {
        let message = format!("are classified at most {CLASSIFICATIONS_OF_REQUEST} times by one request");
        return Err(Error::refused(Code::TooManyClassifications, message).at("slots_attributes"));
    }
    Ok(())
}

/// An item has at most so many slots, also once it is stored.
pub(crate) fn check_slot_count(slots: usize, limits: &Limits) -> Result<()> {
    match i64::try_from(slots) {
        Ok(count) if count <= limits.item_slots => Ok(()),
        _ => {
            let message = format!("An item has at most {} slots", limits.item_slots);
            Err(Error::refused(Code::TooManySlots, message))
        }
    }
}

impl Bounded for SlotChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("name", self.name.as_deref(), NAME)?;
        check_length("description", self.description.as_deref(), LONG_TEXT)?;
        check_length("slot_type_name", self.slot_type_name.as_deref(), SHORT_TEXT)?;
        check_count("attachments_attributes", self.attachments_attributes.as_ref().map_or(0, Vec::len), 1)?;
        check_nodes(self.classification_nodes_attributes.as_deref())
    }
}

fn check_nodes(nodes: Option<&[ClassificationNodeChange]>) -> Result<()> {
    let (field, nodes) = ("classification_nodes_attributes", nodes.unwrap_or_default());
    if nodes.len() > CLASSIFICATIONS {
        let message = format!("An item or a slot is classified at most {CLASSIFICATIONS} times");
        return Err(Error::refused(Code::TooManyClassifications, message).at(field));
    }
    check_each(field, nodes, |node| {
        check_length("name", node.name.as_deref(), NAME)?;
        check_length("label", node.label.as_deref(), NAME)?;
        check_length("description", node.description.as_deref(), LONG_TEXT)
    })
}

impl Bounded for NewTemplateRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_length("name", self.name.as_deref(), NAME)?;
        check_length("description", self.description.as_deref(), LONG_TEXT)?;
        check_length("classification_scheme_name", self.classification_scheme_name.as_deref(), NAME)?;
        check_length("classification_node_name", self.classification_node_name.as_deref(), NAME)?;
        if self.slots_attributes.len() > TEMPLATE_SLOTS {
            let message = format!("A template has at most {TEMPLATE_SLOTS} slots");
            return Err(Error::refused(Code::TooManySlots, message).at("slots_attributes"));
        }
        check_slots(&self.slots_attributes, limits)
    }
}

impl Bounded for NewNodeRequest {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let node = &self.classification_node;
        check_length("classification_node.name", node.name.as_deref(), NAME)?;
        check_length("classification_node.description", node.description.as_deref(), LONG_TEXT)?;
        check_length("classification_node.image", node.image.as_deref(), LONG_TEXT)
    }
}

impl Bounded for ReencryptionRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_slot_count(self.slots.len(), limits).map_err(|error| error.at("slots"))
    }
}

// Files.

impl Bounded for NewUploadRequest {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let blob = &self.blob;
        check_length("blob.filename", Some(&blob.filename), FILE_NAME)?;
        check_length("blob.content_type", Some(&blob.content_type), SHORT_TEXT)?;
        check_length("blob.encrypted_resume", blob.encrypted_resume.as_deref(), WRAPPED)
    }
}

impl Bounded for NewAttachmentRequest {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        let blob = &self.blob;
        check_length("blob.blob_key", Some(&blob.blob_key), SHORT_TEXT)?;
        check_length("blob.encrypted_artifact_blob_key", Some(&blob.encrypted_artifact_blob_key), SHORT_TEXT)
    }
}

// Connections.

impl Bounded for InvitationLookup {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("invitation_token", Some(&self.invitation_token), SHORT_TEXT)
    }
}

impl Bounded for InvitationDetails {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("email", self.email.as_deref(), NAME)?;
        check_encrypted("encrypted_recipient_name", self.encrypted_recipient_name.as_ref(), WRAPPED)
    }
}

impl Bounded for ConnectionDetails {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("invitation_token", Some(&self.invitation_token), SHORT_TEXT)?;
        check_length("proof", self.proof.as_deref(), SHORT_TEXT)?;
        check_encrypted("encrypted_recipient_name", self.encrypted_recipient_name.as_ref(), WRAPPED)
    }
}

impl Bounded for ConnectionPublicKey {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("public_key", Some(&self.public_key), KEY)?;
        check_length("keypair_external_id", self.keypair_external_id.as_deref(), SHORT_TEXT)
    }
}

impl Bounded for EncryptionSpaceTwin {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        Ok(())
    }
}

// Shares and tasks.

impl Bounded for NewSharesRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_list("shares", &self.shares, SHARES, |share| share.check_bounds(limits))
    }
}

impl Bounded for NewShare {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("terms", self.terms.as_deref(), LONG_TEXT)?;
        check_length("keypair_external_id", self.keypair_external_id.as_deref(), SHORT_TEXT)?;
        check_length("public_key", Some(&self.public_key), KEY)?;
        check_encrypted("encrypted_dek", Some(&self.encrypted_dek), KEY)?;
        check_length("grant", self.grant.as_deref(), GRANT)?;
        check_length("on_share", self.on_share.as_deref(), STATEMENT)?;
        check_length("proof", self.proof.as_deref(), PROOF)?;
        check_length("content_signature", self.content_signature.as_deref(), STATEMENT)?;
        check_count("slot_values", self.slot_values.len(), SLOT_VALUES)
    }
}

impl Bounded for ItemSharesChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_list("share_deks", &self.share_deks, SHARES_OF_ITEM, |dek| {
            check_encrypted("dek", Some(&dek.dek), KEY)?;
            check_length("grant", dek.grant.as_deref(), GRANT)?;
            check_length("content_signature", dek.content_signature.as_deref(), STATEMENT)
        })?;
        check_count("slot_values", self.slot_values.len(), SLOT_VALUES)?;
        check_tasks(&self.client_tasks)
    }
}

impl Bounded for ClientTasksChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_tasks(&self.client_tasks)
    }
}

fn check_tasks(tasks: &[ClientTaskChange]) -> Result<()> {
    check_list("client_tasks", tasks, CLIENT_TASKS, |task| check_json("report", task.report.as_ref(), REPORT))
}

impl Bounded for SharesChange {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_list("shares", &self.shares, SHARES, |share| share.check_bounds(limits))
    }
}

impl Bounded for ShareChange {
    fn check_bounds(&self, _: &Limits) -> Result<()> {
        check_length("grant", self.grant.as_deref(), GRANT)
    }
}

// The first protocol.

impl Bounded for NewSpaceSharesRequest {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_list("shares", &self.shares, SPACE_SHARES, |share| share.check_bounds(limits))?;
        check_count("shares", self.shares.iter().map(|share| share.encrypted_values.len()).sum(), SLOT_VALUES)
    }
}

impl Bounded for NewSpaceShare {
    fn check_bounds(&self, limits: &Limits) -> Result<()> {
        check_length("note", self.note.as_deref(), LONG_TEXT)?;
        check_length("terms", self.terms.as_deref(), LONG_TEXT)?;
        check_values(&self.encrypted_values, limits)
    }
}

/// Values by slots' ids, of one share.
pub(crate) fn check_values(values: &ValuesBySlot, limits: &Limits) -> Result<()> {
    check_count("encrypted_values", values.len(), usize::try_from(limits.item_slots).unwrap_or(usize::MAX))
}
