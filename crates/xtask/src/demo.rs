//! `cargo xtask demo`: the demo page, served together with the two services it talks to.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use crate::{
    build, files, package, process, progress,
    server::{Server, Settings, Store},
    tools::{self, Browser},
    workspace::{Profile, Workspace},
};

/// The port that a demo without `--port` is found at, so that its address can be kept open in a browser.
const USUAL_PORT: u16 = 8787;

/// Where the page looks for the e-mails that the server writes to files. Whoever reaches the demo can read them.
const INBOX: &str = "inbox";

/// How long driving the page through the guide may take: far above what it needs.
const CHECK_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How to run the demo.
#[derive(Args)]
pub(crate) struct Options {
    /// The port to serve on (default: 8787; with --check, any free one)
    #[arg(long)]
    port: Option<u16>,
    /// Drive the page through the whole guide in headless Chromium, say what was decrypted, and end with 0 or 1
    #[arg(long)]
    check: bool,
}

/// Builds all that the demo needs and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    tools::ensure_node(workspace)?;
    let browser = if options.check { Some(Browser::ensure(workspace)?) } else { None };
    package::build(workspace)?;
    build::build_programs(workspace)?;

    let www = site(workspace)?;
    match browser {
        None => serve(workspace, www, options.port.unwrap_or(USUAL_PORT)),
        Some(browser) => check(workspace, &browser, www, options.port.unwrap_or(0)),
    }
}

/// The folder that the server hands out: the page, and the package beside it as `pkg/`.
fn site(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let www = workspace.in_target("demo/www");
    files::empty_folder(&www)?;
    files::copy_folder(&workspace.path("www"), &www)?;
    files::copy_folder(&workspace.package(), &www.join("pkg"))?;
    files::precompress(&www)?;
    Ok(www)
}

/// Serves the page until interrupted. What users made stays in `target/demo/data` for the next time.
fn serve(workspace: &Workspace, www: PathBuf, port: u16) -> anyhow::Result<ExitCode> {
    let log = workspace.in_target("demo/server.log");
    let settings = Settings {
        port,
        data: workspace.in_target("demo/data"),
        store: Store::Sqlite,
        mail: Some(www.join(INBOX)),
        www: Some(www),
        profile: Profile::Release,
        log: log.clone(),
    };
    let mut server = Server::start(workspace, &settings)?;
    println!("the demo runs at {}", server.url());
    progress::note(&format!("ctrl-c stops it; the server logs to {}", log.display()));
    server.wait()?;
    progress::note("stopping the server");
    Ok(ExitCode::SUCCESS)
}

/// Drives the page through the guide, on data of its own, and passes on what came of it.
fn check(workspace: &Workspace, browser: &Browser, www: PathBuf, port: u16) -> anyhow::Result<ExitCode> {
    let data = workspace.in_target("demo/check-data");
    files::empty_folder(&data)?;
    let settings = Settings {
        port,
        data: data.clone(),
        store: Store::Sqlite,
        mail: Some(www.join(INBOX)),
        www: Some(www),
        profile: Profile::Release,
        log: workspace.in_target("demo/check-server.log"),
    };
    let status = progress::step("driving the demo page in headless Chromium", || {
        let server = Server::start(workspace, &settings)?;
        let mut node = workspace.node();
        node.args(["tests/e2e/demo.mjs", "--url", server.url(), "--screenshots"]).arg(workspace.in_target("demo"));
        browser.name_to(&mut node);
        process::status_within(CHECK_LIMIT, &mut node)
    })?;
    files::remove(&data)?;
    progress::note(if status.success() { "the demo works" } else { "the demo does NOT work" });
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
