//! What the users wrote, and so what may be shown as theirs.

use std::collections::{BTreeMap, BTreeSet};

use vaultshare::workflows::{Connection, Item, OwnerProof, Slot};

/// Begins every value and every name of a connection in these tests, so that a plaintext is found wherever it is.
pub(crate) const MARK: &str = "MARK.";

/// Begins what the attacker wrote.
pub(crate) const FORGED: &str = "FORGED.";

/// A slot as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) slot_type: String,
    pub(crate) value: Option<String>,
}

/// An item after a write, by the owner's ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) label: String,
    pub(crate) rows: BTreeMap<String, Row>,
}

/// The other side of a connection, by the fingerprint of the own key.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) fingerprint: String,
    pub(crate) name: Option<String>,
    pub(crate) safety_number: String,
    /// Whether nothing was known of the other side's key when the own pair was made.
    pub(crate) is_open: bool,
}

#[derive(Default)]
pub(crate) struct Truth {
    /// Of each item, in the order of the writes.
    pub(crate) states: BTreeMap<String, Vec<State>>,
    /// Of each slot, all that it ever held.
    pub(crate) values: BTreeMap<String, BTreeSet<String>>,
    /// The owner's slot of each slot of a copy.
    pub(crate) originals: BTreeMap<String, String>,
    /// What was attached, by the owner's slots: the file, and its small picture.
    pub(crate) files: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    /// The keys of these, as slots hold them.
    pub(crate) file_keys: BTreeSet<String>,
    pub(crate) peers: BTreeMap<String, Peer>,
    /// Items, and fingerprints of the keys that their owners granted them to.
    pub(crate) grants: BTreeSet<(String, String)>,
    /// What may be proven: items by the owner's ids, fingerprints of the senders' keys, and whose the values are at best.
    pub(crate) senders: BTreeMap<(String, String), OwnerProof>,
}

/// By the owner's ids, whoever shows it.
pub(crate) fn owners_id(item: &Item) -> String {
    let original = item.record.original_id.as_ref().filter(|_| item.record.share_id.is_some());
    original.unwrap_or(&item.record.id).to_string()
}

pub(crate) fn owners_slot_id(item: &Item, slot: &Slot) -> String {
    let original = slot.record.original_id.as_ref().filter(|_| item.record.share_id.is_some());
    original.unwrap_or(&slot.record.id).to_string()
}

/// As it is shown, without the values that are not bound. `None` where two slots have one id.
pub(crate) fn shown(item: &Item) -> Option<State> {
    let mut rows = BTreeMap::new();
    for slot in &item.slots {
        let record = &slot.record;
        let row = Row {
            name: record.name.clone(),
            label: record.label.clone(),
            slot_type: record.slot_type_name.clone(),
            value: slot.value.as_ref().filter(|value| !value.is_empty()).map(|value| value.to_string()),
        };
        if rows.insert(owners_slot_id(item, slot), row).is_some() {
            return None;
        }
    }
    Some(State { label: item.record.label.clone(), rows })
}

impl Truth {
    /// Notes what a write gave, or what an honest server showed of one.
    pub(crate) fn wrote(&mut self, item: &Item) {
        let state = shown(item).unwrap();
        for (id, row) in &state.rows {
            self.values.entry(id.clone()).or_default().extend(row.value.clone());
        }
        self.states.entry(owners_id(item)).or_default().push(state);
    }

    pub(crate) fn connected(&mut self, own: &str, connection: &Connection, is_open: bool) {
        let peer = Peer {
            fingerprint: connection.fingerprint.clone(),
            name: connection.name.as_ref().map(|name| name.to_string()),
            safety_number: connection.safety_number.clone(),
            is_open,
        };
        self.peers.insert(own.to_owned(), peer);
    }
}
