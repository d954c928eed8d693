//! What a label may be.

use crate::error::{Code, Error, Result};

/// Refuses blank labels and those above 1000 characters.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.chars().count() > 1000 {
        return Err(Error::refused(Code::InvalidLabel, "must have 1 to 1000 characters, and not white space alone"));
    }
    Ok(())
}
