use syn::{Attribute, LitStr, Path, Result, Token, meta::ParseNestedMeta};

use crate::case::Case;

/// What the attributes of a type, a field or a variant say about reading and writing it.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) rename_all: Option<Case>,
    pub(crate) aliases: Vec<String>,
    pub(crate) missing: Missing,
    /// Is not read.
    pub(crate) unread: bool,
    /// Is not written.
    pub(crate) unwritten: bool,
    /// Is not written where this function says so.
    pub(crate) unwritten_if: Option<Path>,
    pub(crate) flattened: bool,
    /// The variant that stands for every word that no other has.
    pub(crate) any_other: bool,
    /// Reads it.
    pub(crate) read_with: Option<Path>,
    /// Writes it.
    pub(crate) write_with: Option<Path>,
    rename: Option<String>,
}

/// What a field is that is not there, or null.
#[derive(Default)]
pub(crate) enum Missing {
    /// A flaw; unless the type itself can be nothing.
    #[default]
    Flaw,
    /// Its type's default.
    Default,
    /// What a function gives.
    Function(Path),
}

impl Attributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Attributes::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| read.serde(&meta))?;
        }
        read.read_with = function(attributes, "from_json")?;
        read.write_with = function(attributes, "to_json")?;
        Ok(read)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let has_value = meta.input.peek(Token![=]);
        let text = || meta.value()?.parse::<LitStr>();
        if meta.path.is_ident("rename") {
            self.rename = Some(text()?.value());
        } else if meta.path.is_ident("rename_all") {
            self.rename_all = Some(Case::parse(&text()?)?);
        } else if meta.path.is_ident("alias") {
            self.aliases.push(text()?.value());
        } else if meta.path.is_ident("skip_deserializing") {
            self.unread = true;
        } else if meta.path.is_ident("skip_serializing") {
            self.unwritten = true;
        } else if meta.path.is_ident("skip_serializing_if") {
            self.unwritten_if = Some(text()?.parse()?);
        } else if meta.path.is_ident("other") {
            self.any_other = true;
        } else if meta.path.is_ident("flatten") {
            self.flattened = true;
        } else if meta.path.is_ident("default") {
            self.missing = if has_value { Missing::Function(text()?.parse()?) } else { Missing::Default };
        } else if meta.path.is_ident("deserialize_with") || meta.path.is_ident("serialize_with") {
            // How the server does it; the client has `from_json` and `to_json` for that.
            text()?;
        } else {
            return Err(meta.error("the wire's types are not read and written by this attribute"));
        }
        Ok(())
    }

    /// What the field or variant is called on the wire.
    pub(crate) fn name(&self, identifier: &str, case: Option<Case>) -> String {
        match (&self.rename, case) {
            (Some(name), _) => name.clone(),
            (None, Some(case)) => case.apply(identifier),
            (None, None) => identifier.to_owned(),
        }
    }
}

/// The function of `#[from_json(with = function)]` or `#[to_json(with = function)]`.
fn function(attributes: &[Attribute], of: &str) -> Result<Option<Path>> {
    let mut function = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(of)) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("with") {
                return Err(meta.error("only `with` is known here"));
            }
            function = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(function)
}
