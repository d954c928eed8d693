//! What a label may be, and what is searched for in names.

use vaultshare::api::vault::names::machine_name;

use crate::error::{Code, Error, Result};

/// Refuses blank labels and those above 1000 characters.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.chars().count() > 1000 {
        return Err(Error::refused(Code::InvalidLabel, "must have 1 to 1000 characters, and not white space alone"));
    }
    Ok(())
}

/// What a machine name contains if its label contains `text`, for whoever searches: SQLite compares without regard to case in
/// ASCII alone, and machine names are in lower case in every script.
pub(super) fn in_name(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { machine_name(text) }
}
