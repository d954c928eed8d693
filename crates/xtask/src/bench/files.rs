//! One large file, up and down, in a headless Chromium (`tests/bench/large-file.mjs`).

use std::time::Duration;

use clap::Args;

use super::clients::{FOLDER, site};
use crate::{
    build, files, package, process, progress,
    server::{Server, Settings, Store},
    tools::{self, Browser},
    workspace::{Profile, Workspace},
};

const DOCUMENT: &str = "docs/large-file.md";
const PICTURE: &str = "docs/large-file.svg";

/// Far above what a gibibyte needs, ours and the floor three times each.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// How much to measure.
#[derive(Args)]
pub(crate) struct FileOptions {
    /// How long the file is, in MiB
    #[arg(long, value_name = "N", default_value_t = 1024)]
    mebibytes: u32,
    /// How often each is measured
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
}

/// Builds everything for use and measures it; writes docs/large-file.md and its picture.
pub(super) fn run(workspace: &Workspace, options: &FileOptions) -> anyhow::Result<()> {
    tools::ensure_node(workspace)?;
    let browser = Browser::ensure(workspace)?;
    package::build(workspace)?;
    build::build_programs(workspace)?;
    tools::ensure_npm_packages_of(workspace, FOLDER)?;

    let folder = workspace.in_target("bench");
    let data = folder.join("file-data");
    let www = site(workspace)?;
    files::empty_folder(&data)?;
    let settings = Settings {
        port: 0,
        data: data.clone(),
        store: Store::Sqlite,
        www: Some(www),
        mail: None,
        profile: Profile::Release,
        log: folder.join("file-server.log"),
    };
    progress::step("one large file, up and down in Chromium", || {
        let server = Server::start(workspace, &settings)?;
        let mut node = workspace.node();
        node.args(["tests/bench/large-file.mjs", "--url", server.url()]);
        node.arg("--server-pid").arg(server.id().to_string());
        node.arg("--document").arg(workspace.path(DOCUMENT)).arg("--picture").arg(workspace.path(PICTURE));
        node.arg("--mebibytes").arg(options.mebibytes.to_string()).arg("--rounds").arg(options.rounds.to_string());
        browser.name_to(&mut node);
        process::run_within(LIMIT, &mut node)
    })?;
    files::remove(&data)
}
