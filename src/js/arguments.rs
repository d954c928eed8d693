//! Reading arguments, so that a wrong one is named by its path (`item.slots[0].value`) and nothing of it is repeated.

use std::{fmt, marker::PhantomData};

use js_sys::{Array, ArrayBuffer, Date, Function, JsString, Object, Reflect, Symbol, Uint8Array};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_path_to_error::Segment;
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use crate::{
    api::{Id, Timestamp},
    crypto::is_fingerprint,
    error::{Error, Result},
    workflows::{ConnectionRef, PageRequest},
};

/// How deep arguments may be nested; theirs are five levels at the most.
const MAXIMUM_DEPTH: usize = 16;

/// How many values an argument may hold: objects that refer to each other could be walked for ever. An own item of 10,000
/// slots that is given back has up to 120,000.
const MAXIMUM_VALUES: usize = 150_000;

/// What an argument or a part of it is read as. A field that it does not declare is refused, for what was typed under a
/// misspelt name would be lost.
pub(super) trait Argument: DeserializeOwned {
    /// Fields of results, which may be given back and mean nothing here.
    const OF_RESULTS: &'static [&'static str] = &[];
}

/// An argument that is an object, by serde.
pub(super) fn object<T: Argument>(path: &str, value: &JsValue) -> Result<T> {
    fields(path, &data(path, value)?)
}

/// An object within an argument, which was copied with it.
pub(super) fn fields<T: Argument>(path: &str, value: &JsValue) -> Result<T> {
    // serde would look for the fields on an array too.
    if !value.is_object() || Array::is_array(value) {
        return Err(wrong(path));
    }
    // It is a copy, and is read once.
    let given: &Object = value.unchecked_ref();
    for field in T::OF_RESULTS {
        Reflect::delete_property(given, &(*field).into()).map_err(|_| wrong(path))?;
    }
    let entries = serde_wasm_bindgen::Deserializer::from(value.clone());
    let read: Result<AllOf<T>, _> = serde_path_to_error::deserialize(entries);
    let AllOf(read) = read.map_err(|error| {
        // Of serde's message only the name of the field is told: the rest may repeat the value.
        let message = error.inner().to_string();
        let message = message.trim_start_matches("Error: ");
        let field_after = |start| Some(message.strip_prefix(start)?.split_once('`')?.0);
        match field_after("unknown field `") {
            Some(field) => Error::invalid_argument(format!("`{}` is no field that this has", member(path, field))),
            None => wrong(&full_path(path, error.path(), field_after("missing field `"))),
        }
    })?;
    Ok(read)
}

/// Every field of an object, also those that the type does not declare.
struct AllOf<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AllOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = AllOf<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(AllOf)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// The same for one that may be left out.
pub(super) fn object_or_default<T: Argument + Default>(path: &str, value: &JsValue) -> Result<T> {
    if is_absent(value) { Ok(T::default()) } else { object(path, value) }
}

/// An argument that is an array, each of whose entries `read` is given with its path.
pub(super) fn list<T>(path: &str, value: &JsValue, read: fn(&str, &JsValue) -> Result<T>) -> Result<Vec<T>> {
    entries(path, &data(path, value)?, read)
}

/// An array within an argument, which was copied with it.
pub(super) fn entries<T>(path: &str, value: &JsValue, read: fn(&str, &JsValue) -> Result<T>) -> Result<Vec<T>> {
    let entries: &Array = value.dyn_ref().ok_or_else(|| wrong(path))?;
    entries.iter().enumerate().map(|(index, entry)| read(&format!("{path}[{index}]"), &entry)).collect()
}

/// A copy of an argument that holds data only. What is read from it later cannot call back into the page, change meanwhile,
/// or throw: serde's bindings do not catch, and an exception would unwind through them and leave the stack as it is.
fn data(path: &str, value: &JsValue) -> Result<JsValue> {
    let mut left = MAXIMUM_VALUES;
    copy(path, value, MAXIMUM_DEPTH, &mut left)
}

/// The path of an argument, and within it.
fn full_path(argument: &str, inner: &serde_path_to_error::Path, missing: Option<&str>) -> String {
    let mut path = argument.to_owned();
    for segment in inner {
        match segment {
            Segment::Seq { index } => path = format!("{path}[{index}]"),
            Segment::Map { key } => path = member(&path, key),
            _ => {}
        }
    }
    missing.map_or(path.clone(), |field| member(&path, field))
}

/// The path of a field. All that the interface declares are made of letters; another name is the caller's own, and is not
/// repeated.
pub(super) fn member(path: &str, name: &str) -> String {
    let is_declared = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_declared { format!("{path}.{name}") } else { path.to_owned() }
}

/// A property that is text, or left out. Options are read one by one, because what they hold besides is no data.
pub(super) fn optional_text(object: &JsValue, name: &str) -> Result<Option<String>> {
    let value = get(object, name)?;
    if is_absent(&value) { Ok(None) } else { Ok(Some(text(name, &value)?.as_str().to_owned())) }
}

/// A property that is a whole number, or left out.
pub(super) fn optional_number(object: &JsValue, name: &str) -> Result<Option<u32>> {
    let value = get(object, name)?;
    if is_absent(&value) { Ok(None) } else { whole_number(name, &value).map(Some) }
}

/// The same for one that must not be zero.
pub(super) fn positive_number(object: &JsValue, name: &str) -> Result<Option<u32>> {
    match optional_number(object, name)? {
        Some(0) => Err(wrong(name)),
        number => Ok(number),
    }
}

/// A property that is true or false, or left out.
pub(super) fn optional_flag(object: &JsValue, name: &str) -> Result<Option<bool>> {
    let value = get(object, name)?;
    if is_absent(&value) { Ok(None) } else { value.as_bool().map(Some).ok_or_else(|| wrong(name)) }
}

/// One property as it is; `undefined` of what is no object.
pub(super) fn get(object: &JsValue, name: &str) -> Result<JsValue> {
    if is_absent(object) {
        return Ok(JsValue::UNDEFINED);
    }
    Reflect::get(object, &name.into()).map_err(|_| wrong(name))
}

/// Text that is passed by itself.
pub(super) fn text(name: &str, value: &JsValue) -> Result<Zeroizing<String>> {
    let text: &JsString = value.dyn_ref().ok_or_else(|| wrong(name))?;
    // An unpaired surrogate would silently become another character.
    if !text.is_valid_utf16() {
        return Err(wrong(name));
    }
    Ok(Zeroizing::new(text.into()))
}

/// The id of a record.
pub(super) fn id(name: &str, value: &JsValue) -> Result<Id> {
    Id::parse(text(name, value)?.as_str()).ok_or_else(|| wrong(name))
}

/// A connection: its id, or its reference.
pub(super) fn connection(name: &str, value: &JsValue) -> Result<ConnectionRef> {
    ConnectionRef::parse(text(name, value)?.as_str()).ok_or_else(|| wrong(name))
}

/// The same within an object.
impl<'de> Deserialize<'de> for ConnectionRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ConnectionRef::parse(&text).ok_or_else(|| D::Error::custom("this names no connection"))
    }
}

/// The fingerprint of a public key. One that was cut short is told from one of another key.
pub(super) fn fingerprint(name: &str, value: &str) -> Result<String> {
    if is_fingerprint(value) { Ok(value.to_owned()) } else { Err(wrong(name)) }
}

/// Bytes, also those of another frame. They are read before the call returns: whoever passed them may wipe them at once.
pub(super) fn bytes(name: &str, value: &JsValue) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(byte_array(name, value)?.to_vec()))
}

/// The same, left with JavaScript. An array whose memory was transferred to somebody else has no bytes.
pub(super) fn byte_array(name: &str, value: &JsValue) -> Result<Uint8Array> {
    if !ArrayBuffer::is_view(value) || !is_tagged(value, "Uint8Array") {
        return Err(wrong(name));
    }
    let array: &Uint8Array = value.unchecked_ref();
    Ok(if array.length() == 0 { Uint8Array::new_with_length(0) } else { array.clone() })
}

/// A whole number.
pub(super) fn whole_number(name: &str, value: &JsValue) -> Result<u32> {
    let number = value.as_f64().ok_or_else(|| wrong(name))?;
    let whole = number as u32;
    if f64::from(whole) == number { Ok(whole) } else { Err(wrong(name)) }
}

/// Which part of a list is wanted: the options of a call that gives one.
pub(super) fn page(options: &JsValue) -> Result<PageRequest> {
    Ok(PageRequest {
        per_page: positive_number(options, "perPage")?,
        after: optional_text(options, "after")?,
        all: optional_flag(options, "all")?.unwrap_or_default(),
    })
}

/// An instant: a text in ISO-8601, or a `Date`, also of another frame. As ISO-8601 in UTC. Of other texts JavaScript makes
/// what it takes them for: of the second of January the first of February, of the 30th of February a day in March.
pub(super) fn instant(path: &str, value: &JsValue) -> Result<Option<Timestamp>> {
    if is_absent(value) {
        return Ok(None);
    }
    let milliseconds = match value.as_string() {
        Some(text) if !begins_with_a_day(&text) => return Err(wrong(path)),
        Some(_) => Date::new(value).get_time(),
        None => time_of(value).ok_or_else(|| wrong(path))?,
    };
    // `toISOString` throws for what is no instant.
    if !milliseconds.is_finite() {
        return Err(wrong(path));
    }
    Ok(Some(Date::new(&milliseconds.into()).to_iso_string().into()))
}

/// Whether a text begins with a day of the calendar, as `2030-02-28`; of far years with their sign and six digits.
fn begins_with_a_day(text: &str) -> bool {
    let length = if text.starts_with(['+', '-']) { "+002030-02-28".len() } else { "2030-02-28".len() };
    let Some(day) = text.get(..length) else { return false };
    let read = Date::new(&JsValue::from_str(day));
    read.get_time().is_finite() && String::from(read.to_iso_string()).starts_with(day)
}

/// The milliseconds that a `Date` of whatever frame holds; `None` of all else.
fn time_of(value: &JsValue) -> Option<f64> {
    let get_time = Reflect::get(&Date::new_0(), &"getTime".into()).ok()?;
    Reflect::apply(get_time.unchecked_ref::<Function>(), value, &Array::new()).ok()?.as_f64()
}

/// Whether an object says that it is of this class, which holds across frames where `instanceof` does not.
fn is_tagged(value: &JsValue, class: &str) -> bool {
    value.is_object() && tag_of(value).is_ok_and(|tag| tag.as_deref() == Some(class))
}

/// Whether a signal has fired; `None` of what is no `AbortSignal`, of whatever frame.
pub(super) fn aborted(value: &JsValue) -> Option<bool> {
    own_property(value, "AbortSignal", "aborted")?.as_bool()
}

/// A property that the platform's class has, `None` of what is none of that class, of whatever frame. Asked by the class's own
/// getter, which looks at what the object is and not at what it says.
pub(super) fn own_property(value: &JsValue, class: &str, name: &str) -> Option<JsValue> {
    let class = Reflect::get(&js_sys::global(), &class.into()).ok()?;
    let prototype = Reflect::get(&class, &"prototype".into()).ok()?;
    let property = Reflect::get_own_property_descriptor(prototype.dyn_ref::<Object>()?, &name.into()).ok()?;
    let getter: Function = Reflect::get(&property, &"get".into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&getter, value, &Array::new()).ok()
}

fn tag_of(value: &JsValue) -> Result<Option<String>, JsValue> {
    Reflect::get(value, &Symbol::to_string_tag()).map(|tag| tag.as_string())
}

pub(super) fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

/// Names the argument that is wrong, and nothing of what was given.
pub(super) fn wrong(path: &str) -> Error {
    Error::invalid_argument(format!("`{path}` is missing or is not what it has to be"))
}

/// Copies the own enumerable properties, as `JSON.stringify` would, of objects and arrays. Refuses what is no data: serde
/// would take a `Map` for an object, and unpaired surrogates would silently become other characters. A `Date` is data in the
/// fields that are instants, whose names end with `At`.
fn copy(path: &str, value: &JsValue, depth: usize, left: &mut usize) -> Result<JsValue> {
    let refuse = || wrong(path);
    *left = left.checked_sub(1).ok_or_else(|| {
        Error::invalid_argument(format!("the argument holds more than {MAXIMUM_VALUES} values, or refers to itself"))
    })?;
    if let Some(text) = value.dyn_ref::<JsString>() {
        return if text.is_valid_utf16() { Ok(value.clone()) } else { Err(refuse()) };
    }
    if is_absent(value) || value.as_bool().is_some() || value.as_f64().is_some_and(f64::is_finite) {
        return Ok(value.clone());
    }
    let depth = depth.checked_sub(1).filter(|_| value.is_object()).ok_or_else(refuse)?;
    // First, because it fails for a revoked proxy, of which nothing else may be asked.
    let keys = Reflect::own_keys(value).map_err(|_| refuse())?;
    if time_of(value).is_some() {
        return if path.ends_with("At") { Ok(value.clone()) } else { Err(refuse()) };
    }
    if tag_of(value).map_err(|_| refuse())?.is_some() {
        return Err(refuse());
    }
    let is_array = Array::is_array(value);
    // Without a prototype, so that no property is found there, and `__proto__` is a name like others.
    let copied: JsValue = match is_array {
        true => Array::new().into(),
        false => Object::create(JsValue::NULL.unchecked_ref::<Object>()).into(),
    };
    for key in keys.iter() {
        let Some(name) = key.dyn_ref::<JsString>() else { continue };
        if !name.is_valid_utf16() {
            return Err(refuse());
        }
        let name = String::from(name);
        if !is_enumerable(value, &key).map_err(|_| refuse())? {
            continue;
        }
        // What was added to an array under a name would be lost.
        if is_array && name.parse::<u32>().is_err() {
            return Err(refuse());
        }
        let inner = if is_array { format!("{path}[{name}]") } else { member(path, &name) };
        let property = Reflect::get(value, &key).map_err(|_| wrong(&inner))?;
        Reflect::set(&copied, &key, &copy(&inner, &property, depth, left)?).map_err(|_| refuse())?;
    }
    Ok(copied)
}

/// Whether a property is one that copying an object would copy.
fn is_enumerable(object: &JsValue, key: &JsValue) -> Result<bool, JsValue> {
    let descriptor = Reflect::get_own_property_descriptor(object.unchecked_ref::<Object>(), key)?;
    if descriptor.is_undefined() {
        return Ok(false);
    }
    Ok(Reflect::get(&descriptor, &"enumerable".into())?.is_truthy())
}
