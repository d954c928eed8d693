//! The clients, taking turns in one page of one headless Chromium. What they do is in `tests/bench`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    build, files, package, process, progress,
    server::{Server, Settings, Store},
    tools::{self, Browser},
    workspace::{Profile, Workspace},
};

/// The cases, the clients, and what measures them.
pub(super) const FOLDER: &str = "tests/bench";

/// The last full run's table, which the run writes.
const DOCUMENT: &str = "docs/performance.md";

/// How long a full run and a small one may take: far above what they need.
const LIMIT: Duration = Duration::from_secs(3 * 60 * 60);
const SMOKE_LIMIT: Duration = Duration::from_secs(15 * 60);

/// What to measure, and how often.
#[derive(Args)]
pub(crate) struct ClientOptions {
    /// The cases to run; without any, all, and the table in docs/performance.md is written anew
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// How often the clients take turns at the least
    #[arg(long, value_name = "N")]
    pairs: Option<u32>,
    /// Run everything once and small, to see that it works: the times mean nothing
    #[arg(long)]
    smoke: bool,
}

/// Builds everything for use and measures it.
pub(crate) fn run(workspace: &Workspace, options: &ClientOptions) -> anyhow::Result<()> {
    tools::ensure_node(workspace)?;
    let browser = Browser::ensure(workspace)?;
    package::build(workspace)?;
    build::build_programs(workspace)?;
    measure(workspace, &browser, Profile::Release, options)?;
    progress::note(&format!("the picture: {}", workspace.in_target("bench/report.html").display()));
    Ok(())
}

/// Runs everything once and small with what the tests have built, so that it works when it is needed.
pub(crate) fn smoke(workspace: &Workspace, browser: &Browser) -> anyhow::Result<()> {
    measure(workspace, browser, Profile::Test, &ClientOptions { cases: Vec::new(), pairs: None, smoke: true })
}

fn measure(workspace: &Workspace, browser: &Browser, profile: Profile, options: &ClientOptions) -> anyhow::Result<()> {
    tools::ensure_npm_packages_of(workspace, FOLDER)?;
    let folder = workspace.in_target("bench");
    let www = site(workspace)?;
    let data = folder.join("data");
    files::empty_folder(&data)?;
    let log = folder.join("server.log");
    let settings = Settings {
        port: 0,
        data: data.clone(),
        store: Store::Sqlite,
        www: Some(www.clone()),
        mail: None,
        profile,
        log,
    };
    progress::step("the clients at the same work in Chromium", || {
        let server = Server::start(workspace, &settings)?;
        let mut node = workspace.node();
        node.args(["tests/bench/run.mjs", "--url", server.url(), "--www"]).arg(&www);
        node.arg("--package").arg(workspace.package()).arg("--out").arg(&folder);
        node.arg("--document").arg(workspace.path(DOCUMENT));
        if let Some(pairs) = options.pairs {
            node.arg("--pairs").arg(pairs.to_string());
        }
        if options.smoke {
            node.arg("--smoke");
        }
        node.args(&options.cases);
        browser.name_to(&mut node);
        process::run_within(if options.smoke { SMOKE_LIMIT } else { LIMIT }, &mut node)
    })?;
    files::remove(&data)
}

/// The folder that the server hands out: the page, what runs in it, and the package beside it as `pkg/`.
pub(super) fn site(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let www = workspace.in_target("bench/www");
    let page = workspace.path(FOLDER).join("page");
    files::empty_folder(&www)?;
    files::copy(&page.join("index.html"), &www.join("index.html"))?;
    files::copy_folder(&page, &www.join("bench"))?;
    files::copy_folder(&workspace.package(), &www.join("pkg"))?;
    Ok(www)
}
