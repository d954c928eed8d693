//! All that the server ever answered, to lie with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::{
    lies::{Lie, Step, field_of, places, print, rename},
    scene::{Scene, Who},
    wire::Reply,
};

/// A lie, and what it is about: route, field and manner, for counting what was covered.
pub(crate) type About = (String, String, &'static str);

/// Null, left out, empty, or of another type: all that a reader has to refuse or to do without.
const OF_ANOTHER_FORM: &str = "of another form";

pub(crate) struct Corpus {
    attacker: String,
    /// Every text that was ever the value of a field of this name, with its owner.
    texts: BTreeMap<String, BTreeSet<(Who, String)>>,
    /// Every entry that was ever in a list of this name.
    entries: BTreeMap<String, Vec<Json>>,
    replies: BTreeMap<String, Vec<(Who, Reply)>>,
}

impl Corpus {
    pub(crate) fn new(scene: &Scene) -> Self {
        let attacker = scene.attacker.public_key().pem().to_owned();
        let mut corpus =
            Corpus { attacker, texts: BTreeMap::new(), entries: BTreeMap::new(), replies: BTreeMap::new() };
        for (who, reply) in &scene.past {
            corpus.add(*who, reply);
        }
        corpus
    }

    pub(crate) fn add(&mut self, who: Who, reply: &Reply) {
        for (path, json) in places(&reply.json, usize::MAX) {
            let Some(field) = field_of(&path) else { continue };
            if let Some(text) = json.as_str() {
                self.texts.entry(field.to_owned()).or_default().insert((who, text.to_owned()));
            }
            if matches!(path.last(), Some(Step::Entry(_))) {
                let entries = self.entries.entry(field.to_owned()).or_default();
                if !entries.contains(&json) {
                    entries.push(json);
                }
            }
        }
        let replies = self.replies.entry(reply.route.clone()).or_default();
        if replies.iter().all(|(_, known)| known.json != reply.json) {
            replies.push((who, reply.clone()));
        }
    }

    /// Every way to alter one reply of a run, of those that the reply's own form suggests.
    pub(crate) fn lies(&self, who: Who, index: usize, reply: &Reply) -> Vec<(About, Lie)> {
        let mut lies = Vec::new();
        for (path, json) in places(&reply.json, 3) {
            self.about_place(who, index, &path, &json, &mut |manner, lie| {
                lies.push(((reply.route.clone(), print(&path), manner), lie));
            });
        }
        self.whole_replies(who, index, reply, &mut |manner, lie| {
            lies.push(((reply.route.clone(), String::new(), manner), lie));
        });
        lies
    }

    fn about_place(&self, who: Who, index: usize, path: &[Step], json: &Json, add: &mut dyn FnMut(&'static str, Lie)) {
        let value = |to: Json| Lie::Value { reply: index, path: path.to_vec(), to };
        let field = field_of(path).unwrap_or_default();
        add(OF_ANOTHER_FORM, value(Json::Null));
        add(OF_ANOTHER_FORM, Lie::Dropped { reply: index, path: path.to_vec() });
        match json {
            Json::Null => {}
            Json::Bool(bool) => {
                add(OF_ANOTHER_FORM, value(json!("true")));
                add("flipped", value(json!(!bool)));
            }
            Json::Number(_) => {
                add(OF_ANOTHER_FORM, value(json!("7")));
                add("other number", value(json!(-1)));
            }
            Json::Object(_) => add(OF_ANOTHER_FORM, value(json!([]))),
            Json::Array(list) => {
                add(OF_ANOTHER_FORM, value(json!({})));
                add(OF_ANOTHER_FORM, value(json!([])));
                self.lists(field, path, index, list, add);
            }
            Json::String(_) => {
                add(OF_ANOTHER_FORM, value(json!(7)));
                add(OF_ANOTHER_FORM, value(json!("")));
            }
        }
        match json {
            Json::String(text) => self.texts(who, field, text, &value, index, add),
            // What is empty can be filled with what was elsewhere.
            Json::Null => {
                for (_, text) in self.texts.get(field).into_iter().flatten().take(4) {
                    add("filled", value(json!(text)));
                }
            }
            _ => {}
        }
    }

    fn lists(&self, field: &str, path: &[Step], index: usize, list: &[Json], add: &mut dyn FnMut(&'static str, Lie)) {
        let with = |entries: Vec<Json>| Lie::List { reply: index, path: path.to_vec(), entries };
        if let [first, ..] = list {
            add("entry repeated", with([std::slice::from_ref(first), list].concat()));
            add("last entry dropped", with(list[..list.len() - 1].to_vec()));
        }
        if list.len() > 1 {
            add("entries exchanged", with(list.iter().rev().cloned().collect()));
            add("first entry dropped", with(list[1..].to_vec()));
        }
        let others = self.entries.get(field).into_iter().flatten().filter(|entry| !list.contains(entry));
        for other in others.take(6) {
            add("entry of another list", with([list, std::slice::from_ref(other)].concat()));
        }
    }

    fn texts(
        &self,
        who: Who,
        field: &str,
        text: &str,
        value: &dyn Fn(Json) -> Lie,
        index: usize,
        add: &mut dyn FnMut(&'static str, Lie),
    ) {
        let word = |to: &str| Lie::Word { since: index, field: field.to_owned(), from: json!(text), to: json!(to) };
        if text.contains("PUBLIC KEY") {
            add("attacker's key", value(json!(self.attacker)));
            add("attacker's key throughout", word(&self.attacker));
        }
        let same_field = || self.texts.get(field).into_iter().flatten().filter(|(_, other)| other != text);
        if is_envelope(text) {
            for (owner, other) in same_field() {
                add(if *owner == who { "own ciphertext" } else { "ciphertext of another user" }, value(json!(other)));
            }
            for (_, texts) in self.texts.iter().filter(|(name, _)| *name != field) {
                // A ciphertext of each kind, of the same user where there is one.
                let envelopes = || texts.iter().filter(|(_, text)| is_envelope(text));
                let own = envelopes().find(|(owner, _)| *owner == who);
                for (_, other) in own.into_iter().chain(envelopes().next_back()) {
                    add("ciphertext of another field", value(json!(other)));
                }
            }
            add("ciphertext altered", value(json!(text.replacen('.', ".A", 1))));
            return;
        }
        let (mut same, mut throughout) = (0, 0);
        // Those of the same user last, because they are the likelier to be taken.
        let (own, others): (Vec<_>, Vec<_>) = same_field().partition(|(owner, _)| *owner == who);
        for (_, other) in own.iter().rev().take(4).chain(others.iter().take(3)) {
            add("value of another record", value(json!(other)));
            same += 1;
            if throughout < 4 {
                add("value of another record throughout", word(other));
                throughout += 1;
            }
        }
        if same == 0 {
            add("value of no record", value(json!("94c27129-e179-4c69-a7f1-94438b920541")));
        }
        add("invented word throughout", word("invented"));
    }

    /// Replies that were given at another time, to another user, or about another record.
    fn whole_replies(&self, who: Who, index: usize, reply: &Reply, add: &mut dyn FnMut(&'static str, Lie)) {
        let answer = |status, json| Lie::Answer { reply: index, status, json };
        for (status, manner) in [
            (0, "no reply"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not found"),
            (409, "conflict"),
            (500, "fault"),
        ] {
            // In the protocol's form: another 404 is taken for a server that is no Vault or Keystore.
            add(manner, answer(status, json!({ "errors": [{ "error": "invented" }] })));
        }
        add("another server's 404", answer(404, json!({})));
        add("reply without content", answer(200, Json::Null));
        for (owner, other) in self.replies.get(&reply.route).into_iter().flatten() {
            if other.json == reply.json {
                continue;
            }
            let status = if (200..300).contains(&other.status) { 200 } else { other.status };
            let manner = match (other.path == reply.path, *owner == who) {
                (true, true) => "older reply",
                (_, false) => "another user's reply",
                (false, true) => "reply about another record",
            };
            add(manner, answer(status, other.json.clone()));
            if other.path != reply.path {
                add("another record under this id", answer(status, renamed(other, reply)));
            }
        }
    }
}

/// A reply as if it were about the record of another.
fn renamed(from: &Reply, to: &Reply) -> Json {
    let mut json = from.json.clone();
    for (from, to) in from.path.split('/').zip(to.path.split('/')).filter(|(from, to)| from != to) {
        rename(&mut json, from, to);
    }
    json
}

pub(crate) fn is_envelope(text: &str) -> bool {
    text.starts_with("Aes256Gcm.") || text.starts_with("Rsa")
}
