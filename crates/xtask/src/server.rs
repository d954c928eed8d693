//! Starts `vaultshare-server` for the demo and the tests, and always stops it again.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{
    files,
    process::{self, Program},
    workspace::{Profile, Workspace},
};

/// How the server announces that it is ready, before its URL.
const READY: &str = "listening on ";

/// How long a server may take to become ready. Generous: a busy machine is not a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server is started with.
pub(crate) struct Settings {
    /// The port on 127.0.0.1; 0 lets the system choose a free one.
    pub(crate) port: u16,
    /// The folder with the server's data.
    pub(crate) data: PathBuf,
    /// Where the records are.
    pub(crate) store: Store,
    /// A folder of files to serve beside the two services.
    pub(crate) www: Option<PathBuf>,
    /// A folder for the e-mails that the server would send. In a demo it is served, so that the page can show them.
    pub(crate) mail: Option<PathBuf>,
    /// Which of the server's builds to start.
    pub(crate) profile: Profile,
    /// The file that takes what the server logs, so that it does not run through the tests' output.
    pub(crate) log: PathBuf,
}

/// What keeps a server's records.
#[derive(Clone, Copy)]
pub(crate) enum Store {
    /// Files in its folder.
    Sqlite,
    /// A PostgreSQL of its own.
    Postgres,
}

/// A running server, stopped when this goes out of scope.
pub(crate) struct Server {
    program: Program,
    url: String,
}

impl Server {
    /// Starts the server and waits until it says that it is ready.
    pub(crate) fn start(workspace: &Workspace, settings: &Settings) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.data).with_context(|| format!("cannot make {}", settings.data.display()))?;
        let log = File::create(&settings.log).with_context(|| format!("cannot write {}", settings.log.display()))?;

        let program = workspace.program("vaultshare-server", settings.profile);
        let mut command = match settings.store {
            Store::Sqlite => workspace.command(program),
            Store::Postgres => {
                let mut command = workspace.command(workspace.program("examples/with_postgres", settings.profile));
                command.arg(program);
                command
            }
        };
        command.arg("--listen").arg(format!("127.0.0.1:{}", settings.port));
        command.arg("--data").arg(&settings.data);
        if let Some(www) = &settings.www {
            command.arg("--www").arg(www);
        }
        if let Some(mail) = &settings.mail {
            command.arg("--mail-folder").arg(mail);
        }
        let mut program = Program::start(command.stdout(Stdio::piped()).stderr(log))?;
        let url = wait_until_ready(&mut program)
            .with_context(|| format!("vaultshare-server did not start; it said:\n{}", end_of(&settings.log)))?;
        Ok(Server { program, url })
    }

    /// Where the server listens: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Waits until the server ends or this command is interrupted.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        while !process::interrupted() {
            if let Some(status) = self.program.try_wait()? {
                bail!("vaultshare-server ended by itself ({status})");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Reads what the server prints until it names its URL.
fn wait_until_ready(program: &mut Program) -> anyhow::Result<String> {
    let lines = program.lines()?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                if let Some((_, url)) = line.split_once(READY) {
                    return Ok(url.trim().trim_end_matches('/').to_owned());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) if process::interrupted() => bail!("interrupted"),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("it ended before it was ready"),
        }
    }
    bail!("it was not ready after {} s", PATIENCE.as_secs())
}

/// The last lines of a log, for an error message.
fn end_of(log: &Path) -> String {
    let text = files::read(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(20);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
