//! The commands.

mod connections;
mod encryption_spaces;
mod items;
mod shares;
mod tasks;
mod templates;
mod users;

use std::{io, path::Path};

use anyhow::bail;
use clap::CommandFactory;
use vaultshare::workflows::{Client, Page, PageRequest, Progress, ProgressListener, Session};

use crate::{
    arguments::{Arguments, Auth, Command, Listing},
    auth_file, environment,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Completions { shell } = arguments.command {
        clap_complete::generate(shell, &mut Arguments::command(), "vaultshare", &mut io::stdout());
        return Ok(());
    }
    let terminal = Terminal { client: environment::client(&arguments.urls)? };
    let terminal = &terminal;
    match arguments.command {
        Command::UsersCreate(session) => users::create(terminal, session).await,
        Command::UsersLogin { session, auth } => users::login(terminal, session, &auth).await,
        Command::UsersGet(auth) => users::get(terminal, &auth).await,
        Command::UsersLogout(auth) => Ok(terminal.session(&auth).await?.sign_out().await?),
        Command::TemplatesList { auth, sorted, label } => templates::list(terminal, &auth, sorted, label).await,
        Command::TemplatesInfo { template, auth, sorted } => templates::info(terminal, &template, &auth, sorted).await,
        Command::ItemsCreateConfig { template, auth, sorted } => {
            templates::item_config(terminal, &template, &auth, sorted).await
        }
        Command::ItemsCreate(input) => items::create(terminal, &input).await,
        Command::ItemsList(list) => items::list(terminal, list).await,
        Command::ItemsGet(record) => items::get(terminal, &record).await,
        Command::ItemsUpdate(input) => items::update(terminal, &input).await,
        Command::ItemsDelete(record) => items::delete(terminal, &record).await,
        Command::ItemsRemoveSlot(record) => items::remove_slot(terminal, &record).await,
        Command::ConnectionsCreateConfig { from, to } => connections::config(&from, &to),
        Command::ConnectionsCreate(config) => connections::create(terminal, &config.config).await,
        Command::ConnectionsList(listing) => connections::list(terminal, &listing).await,
        Command::ConnectionsAccept { token, name, auth } => connections::accept(terminal, token, name, &auth).await,
        Command::ConnectionsDelete(record) => connections::delete(terminal, &record).await,
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
        Command::SharesUpdate(record) => shares::update(terminal, &record).await,
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
}

impl Terminal {
    async fn session(&self, auth: &Auth) -> anyhow::Result<Session> {
        auth_file::session(&self.client, &auth.auth).await
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

fn warn_of_more<T>(page: &Page<T>) {
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
