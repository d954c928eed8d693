//! Chromium and its driver. Ones that are there are used; otherwise they come from the system's packages.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, bail};

use super::system::{existing, in_path, install};
use crate::{progress, workspace::Workspace};

/// The names that Chromium and its siblings go by.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Where macOS keeps a browser, outside of PATH.
const MACOS_BROWSER: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

const NEEDED: &str = "this needs Chromium and its driver: install them (on Debian: `apt-get install chromium chromium-driver`), \
                      or name them in the variables CHROMIUM and CHROMEDRIVER";

/// A Chromium and the driver that goes with it.
pub(crate) struct Browser {
    pub(super) chromium: PathBuf,
    pub(super) driver: PathBuf,
}

impl Browser {
    /// Finds the browser and its driver: what the variables `CHROMIUM` and `CHROMEDRIVER` name, or else what is in
    /// PATH, or else what Debian's packages bring.
    pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<Self> {
        if let Some(browser) = Browser::find()? {
            return Ok(browser);
        }
        progress::step("installing Chromium and its driver (apt-get install chromium chromium-driver)", || {
            install(workspace, &["chromium", "chromium-driver"], NEEDED)
        })?;
        Browser::find()?.context("Chromium was installed, but neither `chromium` nor `chromedriver` is in PATH")
    }

    /// Tells our tests which browser to use, and that it is this one.
    pub(crate) fn name_to(&self, command: &mut Command) {
        command.env("CHROMIUM", &self.chromium).env("CHROMEDRIVER", &self.driver).env_remove("VAULTSHARE_ENGINE");
    }

    fn find() -> anyhow::Result<Option<Self>> {
        let chromium = match named_by("CHROMIUM")? {
            Some(path) => Some(path),
            None => BROWSERS.iter().find_map(|name| in_path(name)).or_else(|| existing(MACOS_BROWSER.into())),
        };
        let driver = match named_by("CHROMEDRIVER")? {
            Some(path) => Some(path),
            None => in_path("chromedriver"),
        };
        Ok(chromium.zip(driver).map(|(chromium, driver)| Browser { chromium, driver }))
    }
}

/// The file that a variable names. One that is not there is a mistake to tell, not to work around.
pub(super) fn named_by(variable: &str) -> anyhow::Result<Option<PathBuf>> {
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(value);
    if !path.is_file() {
        bail!("the variable {variable} names {}, which is not there", path.display());
    }
    Ok(Some(path))
}
