//! Whether what a server shows of an item is what the item's values vouch for. `docs/protocol/additional-data.md`.
//!
//! Each value is sealed with its place, and with a digest of the whole item after the write that sealed it. The values of the
//! newest write therefore vouch for all words and rows of the item, also for those that are not encrypted.

use super::{Binding, Item, Slot};
use crate::{
    api::Id,
    crypto::places::{
        Birth, NodesDigest, SlotState, StateDigest, ValueKind, Written, ciphertexts_digest, misplaced, shows_the_same,
        state_digest, version,
    },
    error::{Error, ErrorCode, Result},
};

/// Whose ids a state is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// The item's own.
    Own,
    /// The owner's, of a received item.
    Original,
}

impl ValueKind {
    /// Whose ids the state beside a value of this kind is of.
    fn ids_of_state(self) -> Ids {
        if self == ValueKind::Own { Ids::Own } else { Ids::Original }
    }
}

impl Binding {
    /// Judges an item whose slots are decrypted.
    ///
    /// `MISPLACED` where its values are of two lives of the item.
    pub(super) fn of(item: &Item, kind: ValueKind) -> Result<Self> {
        let mut newest: Option<Written> = None;
        for written in item.slots.iter().filter_map(|slot| slot.written) {
            match newest {
                Some(newest) if newest.birth != written.birth => return Err(misplaced()),
                Some(newest) if newest.revision >= written.revision => {}
                _ => newest = Some(written),
            }
        }
        let Some(Written { birth, revision, state }) = newest else { return Ok(Binding::default()) };
        // All values of the newest write, and not only one of them.
        let is_of_newest = |written: &Written| written.revision < revision || written.state == state;
        let agree = item.slots.iter().filter_map(|slot| slot.written).all(|written| is_of_newest(&written));
        let shown = item.state(kind.ids_of_state(), birth, revision, |_| true);
        let changed = !agree || shown != state;
        let tags = || item.slots.iter().filter(|slot| slot.written.is_some()).filter_map(|slot| slot.tag);
        Ok(Binding {
            birth,
            revision,
            changed,
            sealed: Some(state),
            ciphertexts: (kind == ValueKind::Own && !changed).then(|| ciphertexts_digest(tags().collect())),
            contradicted: !agree,
        })
    }
}

impl Item {
    /// Birth, revision and a hash of everything that the item shows, for a call that means what was shown.
    pub fn version(&self) -> String {
        let Binding { birth, revision, .. } = self.binding;
        let ids = if self.is_received() { Ids::Original } else { Ids::Own };
        let words = self.state(ids, birth, revision, |_| true);
        let mut slots: Vec<&Slot> = self.slots.iter().filter(|slot| slot.tag.is_some()).collect();
        slots.sort_unstable_by(|one, other| one.record.id.cmp(&other.record.id));
        let tags: Vec<_> = slots.iter().filter_map(|slot| slot.tag).collect();
        version(birth.map(|birth| (birth, revision)), words, &tags, &self.nodes())
    }

    /// Whether the item shows what it showed at this version, nodes aside.
    pub(super) fn shows(&self, version: &str) -> bool {
        shows_the_same(&self.version(), version)
    }

    /// The classification nodes of the item and its slots.
    pub(super) fn nodes(&self) -> NodesDigest {
        NodesDigest::of(self.classification_nodes.iter().map(|node| node.id.as_str()))
    }

    pub(super) fn is_received(&self) -> bool {
        self.record.share_id.is_some()
    }

    /// The digest of the item as it is shown, with only some of its slots.
    pub(super) fn state(
        &self,
        ids: Ids,
        birth: Option<Birth>,
        revision: u32,
        has: impl Fn(&Slot) -> bool,
    ) -> StateDigest {
        let slots = self.slots.iter().filter(|slot| has(slot)).map(|slot| slot.state(ids, slot.revision()));
        state_digest(ids.of_item(self), birth, revision, &self.record.label, slots.collect())
    }

    /// Whether the item is as its newest values say, were it not for slots without a value that this call has made.
    pub(super) fn is_changed_but_for(&self, made: &[Id]) -> bool {
        let Binding { birth, revision, changed, sealed, contradicted, .. } = self.binding;
        let Some(sealed) = sealed.filter(|_| changed && !contradicted) else { return changed };
        let was_there = |slot: &Slot| slot.revision() != 0 || !made.contains(&slot.record.id);
        self.state(Ids::Own, birth, revision, was_there) != sealed
    }

    /// Refuses to disclose what the user may never have written here: `ITEM_CHANGED`, or `UNBOUND_VALUE` where one of these
    /// slots holds a value that names no place.
    pub(super) fn check_may_be_disclosed<'a>(&self, slots: impl IntoIterator<Item = &'a Slot>) -> Result<()> {
        if self.binding.changed {
            let message = "the item is not as its values say that it was written: show it, then adopt it";
            return Err(Error::new(ErrorCode::ItemChanged, message));
        }
        if self.binding.birth.is_none() || !slots.into_iter().all(|slot| slot.is_bound) {
            let message = "a value does not say where it belongs, and may be of another item: show it, then adopt it";
            return Err(Error::new(ErrorCode::UnboundValue, message));
        }
        Ok(())
    }
}

impl Ids {
    fn of_item(self, item: &Item) -> &str {
        match self {
            Ids::Own => item.record.id.as_str(),
            Ids::Original => item.record.original_id.as_ref().map_or("", Id::as_str),
        }
    }

    fn of_slot(self, slot: &Slot) -> &str {
        match self {
            Ids::Own => slot.record.id.as_str(),
            Ids::Original => slot.record.original_id.as_ref().map_or("", Id::as_str),
        }
    }
}

impl Slot {
    /// In a state digest.
    pub(super) fn revision(&self) -> u32 {
        match (&self.record.encrypted_value, self.written) {
            (None, _) => 0,
            (Some(_), Some(written)) => written.revision,
            (Some(_), None) => Written::NO_REVISION,
        }
    }

    pub(super) fn state(&self, ids: Ids, revision: u32) -> SlotState<'_> {
        let record = &self.record;
        SlotState {
            id: ids.of_slot(self),
            name: &record.name,
            label: &record.label,
            slot_type: &record.slot_type_name,
            revision,
        }
    }
}
