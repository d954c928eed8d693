//! The commands.

mod connections;
mod encryption_spaces;
mod files;
mod items;
mod shares;
mod tasks;
mod templates;
mod users;

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
};

use anyhow::bail;
use clap::CommandFactory;
use vaultshare::{
    api::Id,
    workflows::{Client, Page, PageRequest, Progress, ProgressListener, Session},
};

use crate::{
    arguments::{Arguments, Auth, Command, Listing},
    auth_file::{self, Authentication},
    environment,
    memory_file::MemoryFile,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Completions { shell } = arguments.command {
        clap_complete::generate(shell, &mut Arguments::command(), "vaultshare", &mut io::stdout());
        return Ok(());
    }
    let client = environment::client(&arguments.urls)?;
    let terminal = Terminal { client, memory: arguments.memory, opened: RefCell::default() };
    let done = run_at(&terminal, arguments.command).await;
    // Also what a command has seen that failed.
    let remembered = terminal.remember().await;
    done.and(remembered)
}

async fn run_at(terminal: &Terminal, command: Command) -> anyhow::Result<()> {
    match command {
        Command::UsersCreate(session) => users::create(terminal, session).await,
        Command::UsersLogin { session, auth } => users::login(terminal, session, &auth).await,
        Command::UsersGet(auth) => users::get(terminal, &auth).await,
        Command::UsersLogout(auth) => Ok(terminal.session(&auth).await?.sign_out().await?),
        Command::UsersChangePassphrase { old, new, output, auth } => {
            users::change_passphrase(terminal, old, new, output.as_deref(), &auth).await
        }
        Command::UsersCreateRecoveryKey { passphrase, auth } => {
            users::create_recovery_key(terminal, passphrase, &auth).await
        }
        Command::UsersRecover { recovery_key, new, secret, output } => {
            users::recover(terminal, recovery_key, new, secret, output.as_deref()).await
        }
        Command::UsersRevokeRecoveryKey(auth) => users::revoke_recovery_key(terminal, &auth).await,
        Command::UsersDelete { passphrase, auth } => users::delete(terminal, passphrase, &auth).await,
        Command::UsersKeep(auth) => Ok(terminal.session(&auth).await?.keep_account().await?),
        Command::TemplatesList { auth, sorted, label } => templates::list(terminal, &auth, sorted, label).await,
        Command::TemplatesInfo { template, auth, sorted } => templates::info(terminal, &template, &auth, sorted).await,
        Command::ItemsCreateConfig { template, auth, sorted } => {
            templates::item_config(terminal, &template, &auth, sorted).await
        }
        Command::ItemsCreate(input) => items::create(terminal, &input).await,
        Command::ItemsList(list) => items::list(terminal, list).await,
        Command::ItemsGet(record) => items::get(terminal, &record).await,
        Command::ItemsAdopt { item, version } => items::adopt(terminal, &item, &version).await,
        Command::ItemsUpdate { input, overwrite } => items::update(terminal, &input, overwrite).await,
        Command::ItemsDelete(record) => items::delete(terminal, &record).await,
        Command::ItemsRemoveSlot(record) => items::remove_slot(terminal, &record).await,
        Command::ItemsAttachFile(config) => files::attach(terminal, &config).await,
        Command::ItemsGetAttachment { item, slot, output, auth } => {
            files::get(terminal, &item, &slot, &output, &auth).await
        }
        Command::ItemsCreateThumbnail(config) => files::create_thumbnail(terminal, &config).await,
        Command::ItemsGetThumbnail { item, slot, thumbnail, output, auth } => {
            files::get_thumbnail(terminal, (&item, &slot, &thumbnail), &output, &auth).await
        }
        Command::ConnectionsCreateConfig { from, to } => connections::config(&from, &to),
        Command::ConnectionsCreate(config) => connections::create(terminal, &config.config).await,
        Command::ConnectionsList(listing) => connections::list(terminal, &listing).await,
        Command::ConnectionsInspect { id, auth } => connections::inspect(terminal, id.as_ref(), &auth).await,
        Command::ConnectionsVerify { connection, safety_number } => {
            connections::verify(terminal, &connection, &safety_number).await
        }
        Command::ConnectionsTrust { connection, fingerprint } => {
            connections::trust(terminal, &connection, &fingerprint).await
        }
        Command::ConnectionsInvite { name, link, auth } => connections::invite(terminal, name, link, &auth).await,
        Command::ConnectionsAccept { token, name, auth } => connections::accept(terminal, token, name, &auth).await,
        Command::ConnectionsDelete { connection, end_shares, auth } => {
            connections::delete(terminal, &connection, end_shares, &auth).await
        }
        Command::SharesCreateConfig { from, connection, to, item, slot_name } => match (connection, to) {
            (Some(connection), _) => {
                shares::config(terminal, &from, &connection, item.as_ref(), slot_name.as_deref()).await
            }
            (None, Some(to)) => encryption_spaces::config(terminal, &from, &to, &item).await,
            (None, None) => bail!("shares:create-config needs --connection or --to"),
        },
        Command::SharesCreate(share) => shares::create(terminal, share).await,
        Command::SharesList { listing, direction } => shares::list(terminal, &listing, direction).await,
        Command::SharesGet(record) => encryption_spaces::get(terminal, &record).await,
        Command::SharesGetIncoming(record) => shares::get_incoming(terminal, &record).await,
        Command::SharesAccept { share, yes } => shares::accept(terminal, &share, yes).await,
        Command::SharesDelete(record) => shares::delete(terminal, &record).await,
        Command::SharesUpdate { item, included } => shares::update(terminal, &item, included).await,
        Command::TasksList { listing, states, limit } => tasks::list(terminal, &listing, states, limit).await,
        Command::TasksRun { count, auth, states, limit, all } => {
            let limit = count.or(limit).filter(|_| !all);
            tasks::run_batch(terminal, &auth, states, limit).await
        }
        Command::TasksUpdate { file, set, auth } => tasks::update(terminal, &file, set, &auth).await,
        Command::Completions { .. } => Ok(()),
    }
}

/// The context of every command.
struct Terminal {
    client: Client,
    /// The folder of `--memory`.
    memory: Option<PathBuf>,
    /// The sessions of this command, and where each is to be remembered.
    opened: RefCell<Vec<(Session, MemoryFile)>>,
}

impl Terminal {
    async fn session(&self, auth: &Auth) -> anyhow::Result<Session> {
        self.resume(&auth_file::read(&auth.auth)?, &auth.auth).await
    }

    /// The session that this file holds, with what earlier commands remembered.
    async fn resume(&self, authentication: &Authentication, file: &Path) -> anyhow::Result<Session> {
        let memory = self.memory_of(&authentication.username()?, file)?;
        let session = authentication.resume(&self.client).await?;
        self.recall(&session, memory).await?;
        Ok(session)
    }

    /// What a user's commands remember, beside the file with the keys or in the folder of `--memory`.
    fn memory_of(&self, username: &str, keys: &Path) -> anyhow::Result<MemoryFile> {
        MemoryFile::of(username, self.memory.as_deref(), keys)
    }

    /// Gives a session what earlier commands remembered; what it sees is remembered at the end.
    async fn recall(&self, session: &Session, memory: MemoryFile) -> anyhow::Result<()> {
        memory.recall(session).await?;
        self.opened.borrow_mut().push((session.clone(), memory));
        Ok(())
    }

    async fn remember(&self) -> anyhow::Result<()> {
        // What one session has seen is no less worth keeping where another's cannot be.
        let mut remembered = Ok(());
        for (session, memory) in self.opened.take() {
            // One that was signed out has seen nothing more, and has no key to seal it with.
            if !session.is_closed() {
                remembered = remembered.and(memory.remember(&session).await);
            }
        }
        remembered
    }
}

impl Listing {
    fn page(&self) -> PageRequest {
        PageRequest { all: self.all, ..PageRequest::default() }
    }
}

fn everything() -> PageRequest {
    PageRequest { all: true, ..PageRequest::default() }
}

/// Says on standard error what a printed list lacks.
fn warn_of_incomplete<T>(page: &Page<T>) {
    for record in &page.unreadable {
        let id = record.id.as_ref().map_or("without an id", Id::as_str);
        eprintln!("Warning: a record of the list ({id}) could not be read: {}", record.error);
    }
    if page.next.is_some() {
        eprintln!("Warning: there are more; --all lists them all");
    }
}

fn progress() -> ProgressListener {
    ProgressListener::new(|Progress { phase, done, total }| eprintln!("[{done}/{total}] {phase}"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
