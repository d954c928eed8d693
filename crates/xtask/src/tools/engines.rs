//! The three engines of browsers, each with the W3C WebDriver that drives it. Ones that are there are used; otherwise they come
//! from the system's packages, and geckodriver, which Debian does not have, from crates.io.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    browser::{Browser, named_by},
    cargo_programs,
    system::{ensure_program, existing, in_path, install},
};
use crate::{
    process::{self, Program},
    progress,
    workspace::Workspace,
};

/// The variables by which wasm-bindgen's test runner finds a driver. It takes the first that is set.
const DRIVERS: [&str; 3] = ["GECKODRIVER", "SAFARIDRIVER", "CHROMEDRIVER"];

/// Where Debian has WebKit's browsers, outside of PATH, by architecture and by the version of the interface.
const LIBRARIES: &str = "/usr/lib";
const MINIBROWSERS: [&str; 3] =
    ["webkit2gtk-4.1/MiniBrowser", "webkit2gtk-4.0/MiniBrowser", "webkitgtk-6.0/MiniBrowser"];

const FIREFOX_NEEDED: &str =
    "this needs Firefox: install it (on Debian: `apt-get install firefox-esr`), or name it in the variable FIREFOX";
const WEBKIT_NEEDED: &str = "this needs WebKitGTK's MiniBrowser with its driver: install them (on Debian: `apt-get install \
                             webkit2gtk-driver`), or name them in the variables MINIBROWSER and WEBKITDRIVER";

/// How long a display may take to be there.
const DISPLAY_LIMIT: Duration = Duration::from_secs(30);

/// What a browser is built around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EngineName {
    Chromium,
    Firefox,
    WebKit,
}

impl EngineName {
    pub(crate) const ALL: [EngineName; 3] = [EngineName::Chromium, EngineName::Firefox, EngineName::WebKit];

    /// For people.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            EngineName::Chromium => "Chromium",
            EngineName::Firefox => "Firefox",
            EngineName::WebKit => "WebKitGTK",
        }
    }

    /// Its name in `VAULTSHARE_ENGINE`, by which the tests of pages start it.
    fn for_tests(self) -> &'static str {
        match self {
            EngineName::Chromium => "chromium",
            EngineName::Firefox => "firefox",
            EngineName::WebKit => "webkit",
        }
    }
}

/// A browser of an engine, its driver, and the display that it needs if it has no other mode.
pub(crate) struct Engine {
    pub(crate) name: EngineName,
    browser: PathBuf,
    driver: PathBuf,
    display: Option<Display>,
}

impl Engine {
    /// Finds browser and driver: what their variables name, or else what is where the system has such programs, or else
    /// what can be installed.
    pub(crate) fn ensure(workspace: &Workspace, name: EngineName) -> anyhow::Result<Self> {
        match name {
            EngineName::Chromium => Browser::ensure(workspace).map(Self::from),
            EngineName::Firefox => ensure_firefox(workspace),
            EngineName::WebKit => ensure_webkit(workspace),
        }
    }

    /// Tells the tests of pages which engine to start.
    pub(crate) fn name_to_tests(&self, command: &mut Command) {
        let (browser, driver) = match self.name {
            EngineName::Chromium => ("CHROMIUM", "CHROMEDRIVER"),
            EngineName::Firefox => ("FIREFOX", "GECKODRIVER"),
            EngineName::WebKit => ("MINIBROWSER", "WEBKITDRIVER"),
        };
        command.env("VAULTSHARE_ENGINE", self.name.for_tests()).env(browser, &self.browser).env(driver, &self.driver);
        self.show_on_display(command);
    }

    /// Tells wasm-bindgen's test runner which driver to start. What it asks of Safari's any driver of W3C WebDriver does.
    pub(crate) fn name_to_runner(&self, command: &mut Command) {
        for variable in DRIVERS {
            command.env_remove(variable).env_remove(format!("{variable}_REMOTE"));
        }
        match self.name {
            EngineName::Chromium => command.env("CHROMEDRIVER", &self.driver),
            EngineName::Firefox => {
                let binary = format!("--binary '{}'", self.browser.display());
                command.env("GECKODRIVER", &self.driver).env("GECKODRIVER_ARGS", binary)
            }
            EngineName::WebKit => command.env("SAFARIDRIVER", &self.driver),
        };
        self.show_on_display(command);
    }

    /// What browser and driver say that they are.
    pub(crate) fn versions(&self, workspace: &Workspace) -> anyhow::Result<(String, String)> {
        let version = |program: &PathBuf| {
            let mut command = workspace.command(program);
            command.arg("--version");
            self.show_on_display(&mut command);
            let answer =
                process::answer(&mut command).with_context(|| format!("`{} --version` failed", program.display()))?;
            let first = answer.lines().next().unwrap_or_default();
            // Behind it they say who built them, and of which revision.
            let version =
                [" (", " built on "].iter().fold(first, |version, more| version.split(more).next().unwrap_or(version));
            Ok::<_, anyhow::Error>(version.trim().to_owned())
        };
        let driver = match self.name {
            // It has no such option; it is built together with the browser.
            EngineName::WebKit => "WebKitWebDriver of the same".to_owned(),
            EngineName::Chromium | EngineName::Firefox => version(&self.driver)?,
        };
        Ok((version(&self.browser)?, driver))
    }

    fn show_on_display(&self, command: &mut Command) {
        if let Some(display) = &self.display {
            command.env("DISPLAY", &display.name).env_remove("WAYLAND_DISPLAY");
        }
    }
}

impl From<Browser> for Engine {
    fn from(Browser { chromium, driver }: Browser) -> Self {
        Engine { name: EngineName::Chromium, browser: chromium, driver, display: None }
    }
}

fn ensure_firefox(workspace: &Workspace) -> anyhow::Result<Engine> {
    let find = || anyhow::Ok(named_by("FIREFOX")?.or_else(|| in_path("firefox-esr")).or_else(|| in_path("firefox")));
    let browser = match find()? {
        Some(browser) => browser,
        None => {
            progress::step("installing Firefox (apt-get install firefox-esr)", || {
                install(workspace, &["firefox-esr"], FIREFOX_NEEDED)
            })?;
            find()?.context("firefox-esr was installed, but is not in PATH")?
        }
    };
    let driver = match named_by("GECKODRIVER")?.or_else(|| in_path("geckodriver")) {
        Some(driver) => driver,
        None => cargo_programs::ensure(workspace, &cargo_programs::geckodriver())?,
    };
    Ok(Engine { name: EngineName::Firefox, browser, driver, display: None })
}

fn ensure_webkit(workspace: &Workspace) -> anyhow::Result<Engine> {
    let find = || {
        let browser = named_by("MINIBROWSER")?.or_else(minibrowser);
        let driver = named_by("WEBKITDRIVER")?.or_else(|| in_path("WebKitWebDriver"));
        anyhow::Ok(browser.zip(driver))
    };
    let (browser, driver) = match find()? {
        Some(found) => found,
        None => {
            progress::step("installing WebKitGTK's driver (apt-get install webkit2gtk-driver)", || {
                install(workspace, &["webkit2gtk-driver"], WEBKIT_NEEDED)
            })?;
            find()?.context("webkit2gtk-driver was installed, but MiniBrowser or WebKitWebDriver is not there")?
        }
    };
    let display = Some(Display::start(workspace)?);
    Ok(Engine { name: EngineName::WebKit, browser, driver, display })
}

fn minibrowser() -> Option<PathBuf> {
    let folders = || std::fs::read_dir(LIBRARIES).ok();
    let of_system = || {
        folders()?.flatten().find_map(|folder| MINIBROWSERS.iter().find_map(|name| existing(folder.path().join(name))))
    };
    in_path("MiniBrowser").or_else(of_system)
}

/// A display that nobody sees, for WebKitGTK, which has no headless mode. It ends when this goes out of scope.
struct Display {
    name: String,
    _server: Program,
}

impl Display {
    fn start(workspace: &Workspace) -> anyhow::Result<Self> {
        ensure_program(workspace, "Xvfb", "xvfb")?;
        let mut command = workspace.command("Xvfb");
        // It looks for a number that is free, and writes it there.
        command.args(["-displayfd", "1", "-screen", "0", "1920x1400x24", "-nolisten", "tcp"]);
        let mut server = Program::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let lines = server.lines()?;
        let started = Instant::now();
        while started.elapsed() < DISPLAY_LIMIT && !process::interrupted() {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(number) => return Ok(Display { name: format!(":{}", number.trim()), _server: server }),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        bail!("Xvfb gave no display")
    }
}
