//! The server by itself, under load from `tests/bench/server-load.mjs`.

use crate::{
    build, files, package, process, progress,
    server::{Server, Settings, Store},
    tools,
    workspace::{Profile, Workspace},
};

/// Starts a server on fresh data and puts it under load.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_npm_packages(workspace)?;
    package::build(workspace)?;
    build::build_programs(workspace)?;

    let folder = workspace.in_target("bench");
    let data = folder.join("load-data");
    files::empty_folder(&data)?;
    let log = folder.join("load-server.log");
    let settings = Settings {
        port: 0,
        data: data.clone(),
        store: Store::Sqlite,
        www: None,
        mail: None,
        profile: Profile::Release,
        log,
    };
    progress::step("the server under load", || {
        let server = Server::start(workspace, &settings)?;
        let mut node = workspace.node();
        node.args(["tests/bench/server-load.mjs", "--url", server.url(), "--package"]).arg(workspace.package());
        node.arg("--out").arg(folder.join("server.json"));
        process::run(&mut node)
    })?;
    files::remove(&data)
}
