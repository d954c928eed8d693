//! Where things are in this repository, said once.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// The Rust target of the code that runs in browsers.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The repository's folder and the folder that cargo builds into.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

/// How a program was compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For use.
    Release,
    /// For tests, which have compiled everything that way already.
    Test,
}

impl Workspace {
    /// The workspace that this program belongs to, from wherever in it the command was typed.
    pub(crate) fn find() -> Self {
        let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&crate_folder).ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Workspace { root, target }
    }

    /// A path in the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path among what builds leave behind; nothing there is committed, all of it can be deleted.
    pub(crate) fn in_target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    /// A program that cargo built with the release profile, or with the one that tests are built with.
    pub(crate) fn program(&self, name: &str, profile: Profile) -> PathBuf {
        let folder = match profile {
            Profile::Release => "release",
            Profile::Test => "debug",
        };
        self.in_target(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// The npm package, ready for `npm pack`.
    pub(crate) fn package(&self) -> PathBuf {
        self.path("pkg")
    }

    /// A program to be run in the repository's root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs us, so that everything is built by one toolchain.
    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
    }

    /// Node.js, running one of our scripts or a package's program.
    pub(crate) fn node(&self) -> Command {
        self.command("node")
    }
}
