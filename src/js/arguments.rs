//! Reading arguments, field by field, so that a wrong one is named.

use js_sys::{Array, Date, Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use crate::{
    api::Id,
    error::{Error, Result},
    workflows::PageRequest,
};

/// An object that a caller passed, or `undefined` where it was left out.
pub(super) struct Arguments {
    object: JsValue,
}

impl Arguments {
    /// Refuses what is neither an object nor left out.
    pub(super) fn of(object: &JsValue) -> Result<Arguments> {
        if object.is_undefined() || object.is_null() || object.is_object() {
            Ok(Arguments { object: object.clone() })
        } else {
            Err(Error::invalid_argument("the options must be an object"))
        }
    }

    /// A field's value; `None` where it is left out, undefined or null.
    pub(super) fn get(&self, name: &str) -> Option<JsValue> {
        self.get_or_null(name).filter(|value| !value.is_null())
    }

    /// A field's value, null included; `None` where it is left out or undefined.
    pub(super) fn get_or_null(&self, name: &str) -> Option<JsValue> {
        if !self.object.is_object() {
            return None;
        }
        Reflect::get(&self.object, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        self.get(name).map(|value| value.as_string().ok_or_else(|| wrong(name, "a string"))).transpose()
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String> {
        self.text(name)?.ok_or_else(|| Error::invalid_argument(format!("`{name}` is missing")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "true or false"))).transpose()
    }

    /// A whole number from `least` to the largest that fits.
    pub(super) fn number(&self, name: &str, least: u32) -> Result<Option<u32>> {
        let read = |value: JsValue| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0);
            let number = number.filter(|number| (f64::from(least)..=f64::from(u32::MAX)).contains(number));
            // In range and whole, as was just checked.
            number
                .map(|number| number as u32)
                .ok_or_else(|| wrong(name, &format!("a whole number of at least {least}")))
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn function(&self, name: &str) -> Result<Option<Function>> {
        self.get(name).map(|value| value.dyn_into().map_err(|_| wrong(name, "a function"))).transpose()
    }

    pub(super) fn id(&self, name: &str) -> Result<Option<Id>> {
        self.text(name)?.map(|text| id(name, text)).transpose()
    }

    pub(super) fn required_id(&self, name: &str) -> Result<Id> {
        id(name, self.required_text(name)?)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |value| texts_of(name, value))
    }

    pub(super) fn ids(&self, name: &str) -> Result<Vec<Id>> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |value| ids_of(name, value))
    }

    /// An instant, given as a `Date` or as ISO-8601 text; passed on as ISO-8601 in UTC.
    pub(super) fn instant(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let date = value.dyn_into::<Date>().or_else(|value| match value.as_string() {
            Some(text) => Ok(Date::new(&JsValue::from_str(&text))),
            None => Err(wrong(name, "a Date or an ISO-8601 string")),
        })?;
        if date.get_time().is_nan() {
            return Err(wrong(name, "a valid instant"));
        }
        Ok(Some(date.to_iso_string().into()))
    }

    /// `perPage`, `after` and `all` of the page options.
    pub(super) fn page(&self) -> Result<PageRequest> {
        Ok(PageRequest {
            per_page: self.number("perPage", 1)?,
            after: self.text("after")?,
            all: self.flag("all")?.unwrap_or(false),
        })
    }
}

/// A text that was passed by itself. Arguments are taken as they come and read here, because the generated bindings would
/// answer a wrong one with an error of their own, or none.
pub(super) fn text_of(name: &str, value: &JsValue) -> Result<Zeroizing<String>> {
    value.as_string().map(Zeroizing::new).ok_or_else(|| wrong(name, "a string"))
}

/// Bytes that were passed by themselves.
pub(super) fn bytes_of(name: &str, value: JsValue) -> Result<Zeroizing<Vec<u8>>> {
    let bytes: Uint8Array = value.dyn_into().map_err(|_| wrong(name, "a Uint8Array"))?;
    Ok(Zeroizing::new(bytes.to_vec()))
}

/// An id that was passed by itself.
pub(super) fn id_of(name: &str, value: &JsValue) -> Result<Id> {
    id(name, value.as_string().ok_or_else(|| wrong(name, "an id"))?)
}

/// Ids that were passed by themselves.
pub(super) fn ids_of(name: &str, value: JsValue) -> Result<Vec<Id>> {
    texts_of(name, value)?.into_iter().map(|text| id(name, text)).collect()
}

fn texts_of(name: &str, value: JsValue) -> Result<Vec<String>> {
    let wrong = || wrong(name, "an array of strings");
    let array: Array = value.dyn_into().map_err(|_| wrong())?;
    array.iter().map(|entry| entry.as_string().ok_or_else(wrong)).collect()
}

fn id(name: &str, text: String) -> Result<Id> {
    Id::parse(text).ok_or_else(|| wrong(name, "an id"))
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::invalid_argument(format!("`{name}` must be {expected}"))
}
