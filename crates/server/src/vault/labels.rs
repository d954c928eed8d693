//! What a label may be.

use crate::error::{Error, Result};

/// Refuses blank labels and those above 1000 bytes.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.trim().is_empty() || label.len() > 1000 {
        return Err(Error::invalid("A label or name must have 1 to 1000 characters"));
    }
    Ok(())
}
