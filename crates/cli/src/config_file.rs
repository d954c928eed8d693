//! The files that commands print and others read: `kind`, `metadata`, `spec`.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use serde::{Deserialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::private_file;

#[derive(Deserialize)]
pub(crate) struct ConfigFile<Metadata, Spec> {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Reads a file of this kind.
///
/// Errors say where the file is invalid and quote nothing, because these files hold keys and values.
pub(crate) fn read<Metadata, Spec>(path: &Path, kind: &str) -> anyhow::Result<ConfigFile<Metadata, Spec>>
where
    ConfigFile<Metadata, Spec>: DeserializeOwned,
{
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = Zeroizing::new(text);
    let Ok(found) = serde_norway::from_str::<Kind>(&text) else {
        bail!("{} is not a config file", path.display());
    };
    if let Some(found) = found.kind.filter(|found| found != kind) {
        bail!("Config file of incorrect kind: {found} (expected '{kind}')");
    }
    match serde_norway::from_str(&text) {
        Ok(file) => Ok(file),
        Err(error) => {
            let line = error.location().map(|at| format!(", at line {}", at.line())).unwrap_or_default();
            bail!("{} is not a valid file of kind {kind}{line}", path.display())
        }
    }
}

/// As [`read`], a file that holds a user's keys.
pub(crate) fn read_with_keys<Metadata, Spec>(path: &Path, kind: &str) -> anyhow::Result<ConfigFile<Metadata, Spec>>
where
    ConfigFile<Metadata, Spec>: DeserializeOwned,
{
    let file = read(path, kind)?;
    private_file::warn_if_others_can_read(path);
    Ok(file)
}
