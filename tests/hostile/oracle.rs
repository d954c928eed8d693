//! Whether a run disclosed anything (P1) or passed anything off (P2).
//!
//! P1: nothing that the client sent can be opened with a key of the attacker's, and nothing secret is in the clear.
//! P2: what was shown as somebody's is what they wrote there, or a flag says that it may not be.

use std::{collections::BTreeSet, rc::Rc};

use serde_json::Value as Json;
use vaultshare::{
    api::Id,
    crypto::{AesKey, PublicKey},
    workflows::{Connection, Item, OwnerProof},
};

use crate::{
    harness::PASSPHRASE,
    scene::{Attacker, Memory, Scene, Who},
    truth::{FORGED, MARK, Row, State, owners_id, owners_slot_id, shown},
    wire::Sent,
    workflows::{ATTACHED, CREATED, CREATED_LABEL, Shown, Workflow},
};

/// What `docs/threat-model.md` says that a server can do, by its heading there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    /// "First contact": an invitation by a plain token, and a connection that nothing was known of when its key pair was
    /// made, in a session without memory.
    FirstContact,
    /// "Keys, between sessions", and "Taking back": a connection or a share that a session without memory names by its id
    /// alone.
    IdAlone,
    /// "Older states": a session without memory is shown a complete state that was true once.
    OlderState,
    /// "Who shared it": the name of a sender who proved nothing is the server's word, which knows the recipient's public key and
    /// can make a share.
    SenderOfAShare,
    /// "Encryption spaces": a value there vouches for its slot and for nothing else.
    WordsInASpace,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<String>,
    pub(crate) limits: BTreeSet<Limit>,
}

/// What the attacker can decrypt of what was sent and stored.
pub(crate) struct Opened {
    keys: Vec<Rc<AesKey>>,
    stored: BTreeSet<String>,
    pub(crate) marks: BTreeSet<String>,
    /// Keys of the victims, by whose they are.
    victims: Vec<(Who, AesKey)>,
    file_keys: BTreeSet<String>,
}

impl Opened {
    /// All that the accomplice may read by the users' own decisions.
    pub(crate) async fn of_scene(scene: &Scene) -> Opened {
        let mut opened = Opened {
            keys: scene.attacker.keys.clone(),
            stored: BTreeSet::new(),
            marks: BTreeSet::new(),
            victims: Vec::new(),
            file_keys: scene.truth.file_keys.clone(),
        };
        for who in [Who::Alice, Who::Bob, Who::Carlos] {
            opened.victims.extend(scene.person(who).keys().map(|key| (who, key)));
        }
        let mut envelopes = BTreeSet::new();
        for (_, reply) in &scene.past {
            collect_envelopes(&reply.json, &mut envelopes);
        }
        for sent in &scene.sent {
            collect_envelopes(&serde_json::from_str(&sent.body).unwrap_or_default(), &mut envelopes);
        }
        let (keys, marks) = opened.open(&scene.attacker, &envelopes).await.unwrap();
        opened.keys.extend(keys);
        opened.marks = marks;
        opened.stored = envelopes;
        opened
    }

    /// The keys and marks that these envelopes bring. A key or private key of a victim's is an error at once.
    async fn open(
        &self,
        attacker: &Attacker,
        envelopes: &BTreeSet<String>,
    ) -> Result<(Vec<Rc<AesKey>>, BTreeSet<String>), String> {
        let mut marks = BTreeSet::new();
        let mut found: Vec<Rc<AesKey>> = Vec::new();
        let mut take = |plaintext: &[u8], found: &mut Vec<Rc<AesKey>>| -> Result<(), String> {
            let text = String::from_utf8_lossy(plaintext);
            if text.contains("PRIVATE KEY") && !attacker.pems.iter().any(|pem| text.contains(line_of(pem))) {
                return Err("the attacker reads a private key".to_owned());
            }
            if let Some(mark) = text.strip_prefix(MARK) {
                marks.insert(mark.to_owned());
            }
            if self.file_keys.contains(&*text) {
                return Err("the attacker has the key of a file".to_owned());
            }
            if let Ok(key) = AesKey::from_bytes(plaintext).map(Rc::new) {
                if let Some((who, _)) = self.victims.iter().find(|(_, victims)| *victims == *key) {
                    return Err(format!("the attacker has a key of {who:?}"));
                }
                if !self.keys.contains(&key) && !found.contains(&key) {
                    found.push(key);
                }
            }
            Ok(())
        };
        for envelope in envelopes.iter().filter(|envelope| envelope.starts_with("Rsa")) {
            for pair in &attacker.pairs {
                if let Ok(plaintext) = pair.decrypt(envelope).await {
                    take(&plaintext, &mut found)?;
                }
            }
        }
        let symmetric = || envelopes.iter().filter(|envelope| envelope.starts_with("Aes"));
        for key in &self.keys {
            for envelope in symmetric() {
                if let Ok(plaintext) = key.decrypt(envelope).await {
                    take(&plaintext, &mut found)?;
                }
            }
        }
        // A key that was found opens whatever was stored before, and may open further keys.
        let mut opening = 0;
        while let Some(key) = found.get(opening).cloned() {
            opening += 1;
            for envelope in symmetric().chain(self.stored.iter().filter(|envelope| envelope.starts_with("Aes"))) {
                if let Ok(plaintext) = key.decrypt(envelope).await {
                    take(&plaintext, &mut found)?;
                }
            }
        }
        Ok((found, marks))
    }
}

/// Enough of a PEM to know it by, whatever its line ends.
fn line_of(pem: &str) -> &str {
    pem.lines().nth(1).unwrap()
}

/// The envelopes anywhere in a record.
pub(crate) fn collect_envelopes(json: &Json, into: &mut BTreeSet<String>) {
    match json {
        Json::String(text) if text.starts_with("Aes256Gcm.") || text.starts_with("Rsa") => {
            into.insert(text.clone());
        }
        Json::Array(list) => list.iter().for_each(|entry| collect_envelopes(entry, into)),
        Json::Object(fields) => fields.values().for_each(|value| collect_envelopes(value, into)),
        _ => {}
    }
}

/// A run that is to be judged.
pub(crate) struct Case<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) opened: &'a Opened,
    pub(crate) workflow: &'a Workflow,
    pub(crate) memory: Memory,
}

impl Case<'_> {
    pub(crate) async fn judge(&self, sent: &[Sent], shown: &[Shown]) -> Verdict {
        let mut verdict = Verdict::default();
        self.judge_clear_text(sent, &mut verdict);
        self.judge_ciphertexts(sent, &mut verdict).await;
        for shown in shown {
            self.judge_shown(shown, &mut verdict);
        }
        verdict
    }

    fn judge_clear_text(&self, sent: &[Sent], verdict: &mut Verdict) {
        let person = self.scene.person(self.workflow.who);
        let of_all = [MARK.to_owned(), PASSPHRASE.to_owned()].into_iter().chain(self.scene.truth.file_keys.clone());
        // Its name is for the Keystore.
        let printed = self.scene.names["recovery key"].rsplit('.').next().map(str::to_owned);
        let secrets: Vec<String> = of_all.chain(printed).chain(person.secrets()).collect();
        for Sent { line, headers, body } in sent {
            for (place, text) in [("URL", line), ("headers", headers), ("body", body)] {
                if secrets.iter().any(|secret| text.contains(secret.as_str())) {
                    verdict.violations.push(format!("P1: something secret is in the clear in the {place} of {line}"));
                }
            }
        }
    }

    async fn judge_ciphertexts(&self, sent: &[Sent], verdict: &mut Verdict) {
        let mut envelopes = BTreeSet::new();
        for sent in sent {
            let json: Json = serde_json::from_str(&sent.body).unwrap_or_default();
            collect_envelopes(&json, &mut envelopes);
        }
        let marks = match self.opened.open(&self.scene.attacker, &envelopes).await {
            Ok((_, marks)) => marks,
            Err(disclosed) => {
                verdict.violations.push(format!("P1: {disclosed}"));
                return;
            }
        };
        for mark in marks.difference(&self.opened.marks) {
            let begins = |with: Option<&str>| with.is_some_and(|begin| mark.starts_with(begin));
            if begins(self.workflow.to_accomplice) {
                continue;
            }
            // docs/threat-model.md, "Keys, between sessions" and "Taking back": without memory, what an id stands for is the
            // server's word. What is disclosed is what this call is about.
            if self.memory == Memory::Fresh && begins(self.workflow.by_id) {
                verdict.limits.insert(Limit::IdAlone);
                continue;
            }
            verdict.violations.push(format!("P1: the attacker reads {mark}"));
        }
    }

    fn judge_shown(&self, shown: &Shown, verdict: &mut Verdict) {
        match shown {
            Shown::Item(item) => self.judge_item(item, &|state| state.clone(), &[], verdict),
            Shown::Written { item, values, label } => {
                let after = |before: &State| written(before, item, values, *label);
                let new: Vec<&str> = values.iter().filter_map(|(_, value)| value.as_deref()).collect();
                self.judge_item(item, &after, &new, verdict);
            }
            Shown::Removed { item, slot } => {
                let without = |before: &State| {
                    let mut after = before.clone();
                    after.rows.retain(|_, row| row.name != *slot);
                    after
                };
                self.judge_item(item, &without, &[], verdict);
            }
            Shown::Created(item) => judge_created(item, verdict),
            Shown::Adopted { before, after } => {
                if !after.binding.changed && crate::truth::shown(before) != crate::truth::shown(after) {
                    verdict.violations.push("P2: adopted is something else than was shown".to_owned());
                }
            }
            Shown::InSpace(item) => {
                // Its ids are the owner's, whatever the record says of a share.
                let mut item = item.clone();
                item.record.share_id = None;
                self.judge_values(&item, &[], verdict);
                verdict.limits.insert(Limit::WordsInASpace);
            }
            Shown::File { slot, bytes } => {
                if self.file_of(slot).is_none_or(|(file, _)| file != bytes) {
                    verdict.violations.push(format!("P2: a file is read that was not attached to {slot}"));
                }
            }
            Shown::Thumbnail { slot, bytes } => {
                if self.file_of(slot).is_none_or(|(_, thumbnail)| thumbnail != bytes) {
                    verdict.violations.push(format!("P2: a picture is shown that is not of the file of {slot}"));
                }
            }
            Shown::Attached(bytes) => {
                if bytes != ATTACHED {
                    verdict.violations.push("P2: another file is read than was attached".to_owned());
                }
            }
            Shown::Connection(connection) => self.judge_connection(connection, verdict),
            Shown::Granted { item, public_key } => {
                let to = PublicKey::from_pem(public_key).map(|key| key.fingerprint()).unwrap_or_default();
                if !self.scene.truth.grants.contains(&(item.to_string(), to)) {
                    verdict.violations.push(format!("P2: {item} is shown as granted to whom it was not"));
                }
            }
        }
    }

    /// What was attached to a slot, by its reader's id of it.
    fn file_of(&self, slot: &Id) -> Option<&(Vec<u8>, Vec<u8>)> {
        let truth = &self.scene.truth;
        truth.files.get(truth.originals.get(slot.as_str()).map_or(slot.as_str(), String::as_str))
    }

    /// Whether each bound value was written in its slot.
    fn judge_values(&self, item: &Item, new: &[&str], verdict: &mut Verdict) -> bool {
        let mut is_forged = false;
        for slot in item.slots.iter().filter(|slot| slot.is_bound) {
            let Some(value) = slot.value.as_ref().filter(|value| !value.is_empty()) else { continue };
            // docs/threat-model.md, "Who shared it".
            let is_unproven = item.origin.as_ref().is_some_and(|origin| origin.sender.is_none());
            if value.starts_with(FORGED) && item.record.share_id.is_some() && is_unproven {
                verdict.limits.insert(Limit::SenderOfAShare);
                is_forged = true;
                continue;
            }
            let truth = &self.scene.truth;
            let holds = |id: &String| truth.values.get(id).is_some_and(|values| values.contains(&**value));
            // A kept value is bound to the slot of the copy; that it is another's original, the item's flag says.
            let of_copy = truth.originals.get(slot.record.id.as_str()).filter(|_| item.binding.changed);
            let is_true = holds(&owners_slot_id(item, slot)) || of_copy.is_some_and(holds);
            if !is_true && !new.contains(&&**value) {
                verdict.violations.push(format!("P2: {} is shown in {}", &**value, slot.record.name));
            }
        }
        is_forged
    }

    /// Whether who is shown as the sender has shared the item, and the values are shown as whose they are.
    fn judge_sender(&self, item: &Item, verdict: &mut Verdict) {
        let Some(origin) = &item.origin else { return };
        let Some(sender) = &origin.sender else {
            if origin.owner != OwnerProof::Unproven {
                verdict.violations.push("P2: values are shown as the owner's, and nobody proved it".to_owned());
            }
            return;
        };
        let at_best = self.scene.truth.senders.get(&(owners_id(item), sender.fingerprint.clone()));
        if at_best.is_none_or(|at_best| origin.owner != *at_best && origin.owner != OwnerProof::Unproven) {
            verdict.violations.push(format!("P2: {:?} of {sender:?} is shown as proven", origin.owner));
        }
    }

    /// Whether the item is shown as its owner wrote it, `after` what this run wrote.
    fn judge_item(&self, item: &Item, after: &dyn Fn(&State) -> State, new: &[&str], verdict: &mut Verdict) {
        let is_forged = self.judge_values(item, new, verdict);
        self.judge_sender(item, verdict);
        // Flagged: words and rows may be anybody's. Without a birth no value names its place, which each of them says.
        if is_forged || item.binding.changed || item.binding.birth.is_none() {
            return;
        }
        let Some(now) = shown(item) else {
            verdict.violations.push("P2: two slots of one id are shown".to_owned());
            return;
        };
        let is_received = item.record.share_id.is_some();
        let states = self.scene.truth.states.get(&owners_id(item)).map(Vec::as_slice).unwrap_or_default();
        // A share of one slot has only that.
        let is_it = |state: &State| {
            let state = after(state);
            let in_scope: Vec<(&String, &Row)> =
                state.rows.iter().filter(|(id, _)| now.rows.contains_key(*id)).collect();
            let is_whole = in_scope.len() == state.rows.len() || (is_received && in_scope.len() == 1);
            is_whole
                && state.label == now.label
                && in_scope.len() == now.rows.len()
                && in_scope.iter().all(|(id, row)| **row == now.rows[*id])
        };
        let Some(index) = states.iter().rposition(is_it) else {
            verdict.violations.push(format!("P2: an item is shown that nobody wrote: {now:?}"));
            return;
        };
        let key = item.record.share_id.as_ref().unwrap_or(&item.record.id).as_str();
        let seen = self.scene.person(self.workflow.who).seen.get(key).copied();
        if seen.is_some_and(|seen| index < seen) {
            match self.memory {
                // docs/threat-model.md, "Older states".
                Memory::Fresh => drop(verdict.limits.insert(Limit::OlderState)),
                Memory::Warm => verdict.violations.push("P2: an older item than was seen before".to_owned()),
            }
        }
    }

    fn judge_connection(&self, connection: &Connection, verdict: &mut Verdict) {
        let own = PublicKey::from_pem(&connection.record.own.user_public_key).unwrap().fingerprint();
        let name = connection.name.as_ref().map(|name| name.to_string());
        let Some(peer) = self.scene.truth.peers.get(&own) else {
            // Made in this run, over a plain token: docs/threat-model.md, "First contact".
            let inviter = self.scene.truth.peers.values().any(|peer| peer.fingerprint == connection.fingerprint);
            let attacker = self.scene.attacker.pairs.iter().any(|pair| pair.fingerprint() == connection.fingerprint);
            if inviter || attacker {
                verdict.limits.insert(Limit::FirstContact);
            }
            return;
        };
        if connection.key_changed {
            return;
        }
        if connection.fingerprint != peer.fingerprint {
            // docs/threat-model.md, "Keys, between sessions".
            match self.memory == Memory::Fresh && peer.is_open {
                true => drop(verdict.limits.insert(Limit::FirstContact)),
                false => verdict.violations.push("P2: another key is shown as the other user's".to_owned()),
            }
        }
        if connection.is_name_bound && name.is_some() && name != peer.name {
            verdict.violations.push(format!("P2: a connection is shown under the name {name:?}, not {:?}", peer.name));
        }
    }
}

/// A state after a write. Of a new slot the user gave name and value only; id, label and type are the server's.
fn written(
    before: &State,
    item: &Item,
    values: &[(&'static str, Option<String>)],
    label: Option<&'static str>,
) -> State {
    let mut after = before.clone();
    if let Some(label) = label {
        after.label = label.to_owned();
    }
    for (name, value) in values {
        if let Some(row) = after.rows.values_mut().find(|row| row.name == *name) {
            row.value = value.clone();
        } else if let Some(slot) = item.slots.iter().find(|slot| slot.record.name == *name) {
            let (label, slot_type) = (slot.record.label.clone(), slot.record.slot_type_name.clone());
            let row = Row { name: (*name).to_owned(), label, slot_type, value: value.clone() };
            after.rows.insert(slot.record.id.to_string(), row);
        }
    }
    after
}

/// A new item has the label, the slots and the values that the user gave, and else the rows of the template, which is the
/// server's.
fn judge_created(item: &Item, verdict: &mut Verdict) {
    if item.binding.changed {
        return;
    }
    if item.record.label != CREATED_LABEL {
        verdict.violations.push("P2: a new item has another label".to_owned());
    }
    let held =
        item.slots.iter().filter(|slot| slot.is_bound).filter_map(|slot| {
            Some((slot.record.name.as_str(), slot.value.as_deref().filter(|value| !value.is_empty())?))
        });
    let mut held: Vec<(&str, &str)> = held.collect();
    held.sort_unstable_by_key(|(name, _)| CREATED.iter().position(|(given, _)| given == name));
    if held != CREATED {
        verdict.violations.push(format!("P2: a new item holds {held:?}"));
    }
}
