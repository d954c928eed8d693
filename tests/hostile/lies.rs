//! What the server may answer in the place of the truth.

use std::{fmt, rc::Rc};

use serde_json::{Value as Json, json};

use crate::wire::Reply;

/// The way to a value within a reply.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Field(String),
    Entry(usize),
}

/// Alters a reply; the number is the index of the reply in the run.
type Telling = Rc<dyn Fn(usize, &mut Reply)>;

/// One lie, told in one reply or throughout a run.
#[derive(Clone)]
pub(crate) enum Lie {
    /// Another value in one place of one reply.
    Value { reply: usize, path: Vec<Step>, to: Json },
    /// One place of one reply left out.
    Dropped { reply: usize, path: Vec<Step> },
    /// From one reply on, in every place of this name, one value for another: a lie that holds together.
    Word { since: usize, field: String, from: Json, to: Json },
    /// A list with other entries.
    List { reply: usize, path: Vec<Step>, entries: Vec<Json> },
    /// Another answer altogether; the status 0 stands for none.
    Answer { reply: usize, status: u16, json: Json },
    /// About one record, the answer is about another: with its own id, or with the one that was asked for.
    Redirected { from: String, to: String, renamed: bool },
    /// Anything else.
    Told { name: String, telling: Telling },
}

impl Lie {
    pub(crate) fn told(name: impl Into<String>, telling: impl Fn(usize, &mut Reply) + 'static) -> Self {
        Lie::Told { name: name.into(), telling: Rc::new(telling) }
    }

    /// The URL whose answer is given.
    pub(crate) fn redirect(&self, url: &str) -> String {
        match self {
            Lie::Redirected { from, to, .. } => url.replace(from, to),
            _ => url.to_owned(),
        }
    }

    pub(crate) fn tell(&self, index: usize, answer: &mut Reply) {
        match self {
            Lie::Value { reply, path, to } if *reply == index => {
                if let Some(place) = find(&mut answer.json, path) {
                    *place = to.clone();
                }
            }
            Lie::Dropped { reply, path } if *reply == index => drop_at(&mut answer.json, path),
            Lie::Word { since, field, from, to } if *since <= index => exchange(&mut answer.json, field, from, to),
            Lie::List { reply, path, entries } if *reply == index => {
                if let Some(place) = find(&mut answer.json, path) {
                    *place = entries.clone().into();
                }
            }
            Lie::Answer { reply, status, json } if *reply == index => {
                (answer.status, answer.json) = (*status, json.clone());
            }
            Lie::Redirected { from, to, renamed: true } => rename(&mut answer.json, to, from),
            Lie::Told { telling, .. } => telling(index, answer),
            _ => {}
        }
    }
}

impl fmt::Debug for Lie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |json: &Json| json.to_string().chars().take(150).collect::<String>();
        match self {
            Lie::Value { reply, path, to } => write!(formatter, "reply {reply}: {} = {}", print(path), short(to)),
            Lie::Dropped { reply, path } => write!(formatter, "reply {reply}: without {}", print(path)),
            Lie::Word { since, field, from, to } => {
                write!(formatter, "from reply {since} on: {field} {} for {}", short(to), short(from))
            }
            Lie::List { reply, path, entries } => {
                write!(formatter, "reply {reply}: {} has {} entries", print(path), entries.len())
            }
            Lie::Answer { reply, status, json } => write!(formatter, "reply {reply}: {status} {}", short(json)),
            Lie::Redirected { from, to, renamed } => {
                write!(formatter, "{to} answers for {from}{}", if *renamed { ", renamed" } else { "" })
            }
            Lie::Told { name, .. } => formatter.write_str(name),
        }
    }
}

/// With `[]` for every entry of a list.
pub(crate) fn print(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Entry(_) => "[]".to_owned(),
    };
    path.iter().map(step).collect()
}

/// The last name on a path.
pub(crate) fn field_of(path: &[Step]) -> Option<&str> {
    path.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(name.as_str()),
        Step::Entry(_) => None,
    })
}

/// Every place in a reply, of its lists the first entries.
pub(crate) fn places(json: &Json, entries: usize) -> Vec<(Vec<Step>, Json)> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), json)];
    while let Some((path, json)) = open.pop() {
        let below = |step: Step| path.iter().cloned().chain([step]).collect::<Vec<_>>();
        match json {
            Json::Object(fields) => {
                open.extend(fields.iter().map(|(name, json)| (below(Step::Field(name.clone())), json)))
            }
            Json::Array(list) => {
                open.extend(
                    list.iter().enumerate().take(entries).map(|(index, json)| (below(Step::Entry(index)), json)),
                );
            }
            _ => {}
        }
        if !path.is_empty() {
            found.push((path, json.clone()));
        }
    }
    found
}

fn find<'a>(json: &'a mut Json, path: &[Step]) -> Option<&'a mut Json> {
    path.iter().try_fold(json, |json, step| match step {
        Step::Field(name) => json.get_mut(name),
        Step::Entry(index) => json.get_mut(index),
    })
}

fn drop_at(json: &mut Json, path: &[Step]) {
    let Some((last, above)) = path.split_last() else { return };
    match (find(json, above), last) {
        (Some(Json::Object(fields)), Step::Field(name)) => drop(fields.remove(name)),
        (Some(Json::Array(list)), Step::Entry(index)) if *index < list.len() => drop(list.remove(*index)),
        _ => {}
    }
}

fn exchange(json: &mut Json, field: &str, from: &Json, to: &Json) {
    match json {
        Json::Object(fields) => {
            fields.iter_mut().for_each(|(name, value)| exchange_at(name, value, field, from, to));
        }
        Json::Array(list) => list.iter_mut().for_each(|entry| exchange(entry, field, from, to)),
        _ => {}
    }
}

/// Another value under a name, also as the entry of a list of this name.
fn exchange_at(name: &str, json: &mut Json, field: &str, from: &Json, to: &Json) {
    match json {
        Json::Array(list) => list.iter_mut().for_each(|entry| exchange_at(name, entry, field, from, to)),
        _ if name == field && json == from => *json = to.clone(),
        _ => exchange(json, field, from, to),
    }
}

/// One text for another wherever it stands alone.
pub(crate) fn rename(json: &mut Json, from: &str, to: &str) {
    match json {
        Json::String(text) if text == from => *json = json!(to),
        Json::Object(fields) => fields.values_mut().for_each(|value| rename(value, from, to)),
        Json::Array(list) => list.iter_mut().for_each(|entry| rename(entry, from, to)),
        _ => {}
    }
}
