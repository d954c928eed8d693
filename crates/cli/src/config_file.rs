//! The files that commands print and others read: `kind`, `metadata`, `spec`.

use std::path::Path;

use anyhow::bail;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{private_file, yaml};

/// What stands at another depth than it should would be lost: `slots`, or a `slot_id` without which a whole item is shared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile<Metadata, Spec> {
    #[serde(default, rename = "kind")]
    _kind: IgnoredAny,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

/// Of a file that says everything in `spec`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoMetadata {}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Reads a file of this kind.
pub(crate) fn read<Metadata, Spec>(path: &Path, kind: &str) -> anyhow::Result<ConfigFile<Metadata, Spec>>
where
    ConfigFile<Metadata, Spec>: DeserializeOwned,
{
    let text = yaml::read(path)?;
    let found: Kind = yaml::parse(path, &text, "a config file")?;
    if let Some(found) = found.kind.filter(|found| found != kind) {
        bail!("Config file of incorrect kind: {found} (expected '{kind}')");
    }
    yaml::parse(path, &text, &format!("a valid file of kind {kind}"))
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
