//! What labels, and the names that are made of them, may be.

use vaultshare::api::vault::names::machine_name;

use crate::{
    bounds::{FOUND_BY, check_length},
    error::{Code, Error, Result},
};

/// Refuses blank labels and those above 1000 characters.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.chars().count() > 1000 {
        return Err(Error::refused(Code::InvalidLabel, "must have 1 to 1000 characters, and not white space alone"));
    }
    Ok(())
}

/// The name that an item, a template or a node is found by, of one that was given.
pub(super) fn given_name(name: &str) -> Result<String> {
    let name = machine_name(name);
    check_length("name", Some(&name), FOUND_BY)?;
    Ok(name)
}

/// Refuses a scheme that is longer than a name may be.
pub(super) fn check_scheme(scheme: &str) -> Result<()> {
    check_label(scheme).map_err(|error| error.at("scheme"))?;
    check_length("scheme", Some(scheme), FOUND_BY)
}
