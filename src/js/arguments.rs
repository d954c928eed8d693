//! Reading arguments, which come as JSON, so that a wrong one is named.

use std::num::NonZeroU32;

use crate::{
    api::Id,
    error::{Error, Result},
    http::{Fields, Flaw, Flaws, FromJson, Json},
    workflows::PageRequest,
};

/// The arguments of one call, by their names in `index.d.ts`.
pub(super) struct Arguments<'text>(Fields<'text>);

impl<'text> Arguments<'text> {
    /// Reads what `client.js` wrote.
    pub(super) fn parse(text: &'text str) -> Result<Self> {
        let unreadable =
            || Error::invalid_argument("an argument holds text that is not Unicode, or is nested too deeply");
        Json::parse_unicode(text.as_bytes()).map(|json| Arguments(Fields::of(json))).ok_or_else(unreadable)
    }

    /// Takes an argument. One that may be left out is read as an `Option`.
    pub(super) fn take<T: FromJson>(&mut self, name: &'static str) -> Result<T> {
        let mut flaws = Flaws::default();
        let value = T::from_json(self.0.take(name), &mut flaws);
        match flaws.first() {
            None => Ok(value),
            Some(flaw) => Err(wrong(name, flaw)),
        }
    }

    /// Takes the id that most calls begin with.
    pub(super) fn id(&mut self) -> Result<Id> {
        self.take("id")
    }

    /// Takes what says which part of a list is wanted.
    pub(super) fn page(&mut self) -> Result<PageRequest> {
        self.take("page")
    }
}

fn wrong(argument: &str, Flaw { place, expected }: Flaw) -> Error {
    let place = if place.is_empty() { argument } else { place };
    Error::invalid_argument(["`", place, "` is missing or is not what it has to be: ", expected].concat())
}

impl FromJson for PageRequest {
    fn from_json(page: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut page = object(page, flaws);
        PageRequest {
            per_page: page.or_default::<Option<NonZeroU32>>("perPage", flaws).map(NonZeroU32::get),
            after: page.or_default("after", flaws),
            all: page.or_default("all", flaws),
        }
    }
}

/// The fields of an object that is or may be given; notes anything else.
pub(super) fn object<'text>(json: Json<'text>, flaws: &mut Flaws) -> Fields<'text> {
    if !matches!(json, Json::Object(_) | Json::Null) {
        flaws.note("an object");
    }
    Fields::of(json)
}
