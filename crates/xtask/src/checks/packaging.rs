//! What operators install the server with.

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};

use crate::{
    files, process, tools,
    workspace::{Profile, Workspace},
};

const USER: &str = "packaging/systemd/vaultshare.conf";
const CONTAINERS: &str = "packaging/docker";
const UNIT: &str = "packaging/systemd/vaultshare-server.service";

/// Where the unit has its program.
const INSTALLED: &str = "/usr/local/bin/vaultshare-server";

/// How exposed the service may be, by systemd's own measure: from 0 to 100, of which 100 is a service that may do anything.
const MOST_EXPOSED: u32 = 15;

/// The unit as systemd reads it, with the program that was built in the place of the installed one.
pub(super) fn check_unit(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_program(workspace, "systemd-analyze", "systemd")?;
    let unit = files::read(&workspace.path(UNIT))?;
    ensure!(unit.contains(INSTALLED), "{UNIT} does not start {INSTALLED}");
    let program = workspace.program("vaultshare-server", Profile::Test);
    let folder = workspace.in_target("packaging");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("vaultshare-server.service");
    files::write(&copy, unit.replace(INSTALLED, &program.display().to_string()))?;
    // What it does not know it mentions, and is content with.
    let verified = workspace.command("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output()?;
    let complaints = String::from_utf8_lossy(&verified.stderr);
    ensure!(verified.status.success() && complaints.trim().is_empty(), "systemd-analyze verify: {complaints}");
    let threshold = format!("--threshold={MOST_EXPOSED}");
    check_user(workspace, &unit, &folder)?;
    let mut security = workspace.command("systemd-analyze");
    security.args(["security", "--no-pager", "--offline=true", &threshold]).arg(&copy);
    process::run(security.stdout(Stdio::null()))
}

/// The user that the unit runs as is the one that systemd-sysusers makes.
fn check_user(workspace: &Workspace, unit: &str, folder: &Path) -> anyhow::Result<()> {
    let root = folder.join("root");
    files::empty_folder(&root)?;
    std::fs::create_dir(root.join("etc"))?;
    let mut sysusers = workspace.command("systemd-sysusers");
    sysusers.arg(format!("--root={}", root.display())).arg(workspace.path(USER));
    process::run(sysusers.stderr(Stdio::null()))?;
    let made = files::read(&root.join("etc/passwd"))?;
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).context("the unit names no user")?;
    ensure!(made.starts_with(&format!("{user}:")), "{USER} does not make the user {user} of the unit");
    Ok(())
}

/// What needs no engine of Docker: that the files are well, and that they fit together.
pub(super) fn check_containers(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_program(workspace, "docker-compose", "docker-compose")?;
    tools::ensure_program(workspace, "caddy", "caddy")?;
    let folder = workspace.path(CONTAINERS);
    let mut compose = workspace.command("docker-compose");
    process::run(compose.arg("--file").arg(folder.join("compose.yaml")).args(["config", "--quiet"]))?;
    let hadolint = tools::ensure_hadolint(workspace)?;
    process::run(workspace.command(hadolint).arg(folder.join("Dockerfile")))?;
    let mut caddy = workspace.command("caddy");
    caddy.args(["validate", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
    process::run(caddy.envs([("DOMAIN", "localhost"), ("SERVERS", "server")]).stderr(Stdio::null()))?;

    check_nginx(workspace)?;

    let (dockerfile, oldest) = (files::read(&folder.join("Dockerfile"))?, env!("CARGO_PKG_RUST_VERSION"));
    ensure!(
        dockerfile.contains(&format!("FROM rust:{oldest}.")),
        "the image is not of Rust {oldest}, as rust-version is"
    );
    Ok(())
}

/// All but the certificate, which only the operator has.
fn check_nginx(workspace: &Workspace) -> anyhow::Result<()> {
    tools::ensure_program(workspace, "nginx", "nginx-light")?;
    let site = files::read(&workspace.path("packaging/nginx/vaultshare.conf"))?;
    let site: Vec<&str> = site.lines().filter(|line| !line.contains("ssl_certificate")).collect();
    let site = site.join("\n").replace("listen 443 ssl;", "listen 127.0.0.1:8443;");
    let folder = workspace.in_target("packaging/nginx");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("nginx.conf");
    files::write(&file, format!("pid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{site}\n}}\n"))?;
    let mut nginx = workspace.command("nginx");
    process::run(nginx.args(["-t", "-q", "-p"]).arg(&folder).arg("-c").arg(&file))
}
