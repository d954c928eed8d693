//! What each command does.

use anyhow::Context;
use serde::Serialize;
use vaultshare::{
    api::{
        Id,
        vault::{items::ItemFilter, me::UserType, templates::TemplateFilter},
    },
    crypto::UserSecret,
    workflows::{Client, PageRequest, Progress, ProgressListener},
};

use crate::{
    arguments::{Arguments, Command},
    auth_file, environment,
    output::{self, Document, ItemSpec},
};

/// Does what was typed.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let client = environment::client(&arguments.place)?;
    match arguments.command {
        Command::UsersCreate { passphrase, secret } => {
            let secret = secret.map(|secret| UserSecret::parse(&secret)).transpose()?;
            let session = client.create_user(&passphrase.passphrase, secret, &progress()).await?;
            print!("{}", auth_file::print(&session, &passphrase.passphrase).await?);
        }
        Command::UsersLogin { passphrase, secret, auth } => {
            let secret = match secret {
                Some(secret) => secret.into(),
                None => auth_file::secret(&auth.auth)?,
            };
            let session = client.sign_in(UserSecret::parse(&secret)?, &passphrase.passphrase, &progress()).await?;
            print!("{}", auth_file::print(&session, &passphrase.passphrase).await?);
        }
        Command::UsersGet { auth } => show_user(&client, &auth.auth).await?,
        Command::UsersLogout { auth } => auth_file::session(&client, &auth.auth).await?.sign_out().await?,
        Command::TemplatesList { auth, label } => {
            let session = auth_file::session(&client, &auth.auth).await?;
            let filter = TemplateFilter { like: label, ..TemplateFilter::default() };
            let all = PageRequest { all: true, ..PageRequest::default() };
            let templates = session.list_templates(&filter, &all).await?.entries;
            let names: Vec<_> = templates.iter().map(|template| template.record.name.as_str()).collect();
            output::print(&Document { kind: "Templates", spec: names })?;
        }
        Command::ItemsList { auth, all } => {
            let session = auth_file::session(&client, &auth.auth).await?;
            let page = PageRequest { all, ..PageRequest::default() };
            let items = session.list_items(&ItemFilter::default(), &page).await?;
            output::print(&Document { kind: "Items", spec: &items.entries })?;
            if items.next.is_some() {
                eprintln!("Warning: there are more items; --all lists them all");
            }
        }
        Command::ItemsGet { item_id, auth } => {
            let session = auth_file::session(&client, &auth.auth).await?;
            let id = Id::parse(item_id).context("this is not an item's id")?;
            let item = session.get_item(&id).await?;
            output::print(&Document { kind: "Item", spec: ItemSpec::new(&item) })?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct UserData {
    id: Id,
    private_dek_external_id: Option<Id>,
    user_type: UserType,
}

async fn show_user(client: &Client, auth: &std::path::Path) -> anyhow::Result<()> {
    let user = auth_file::session(client, auth).await?.user().await?;
    let spec =
        UserData { id: user.id, private_dek_external_id: user.private_dek_external_id, user_type: user.user_type };
    output::print(&Document { kind: "UserData", spec })
}

fn progress() -> ProgressListener {
    ProgressListener::new(|Progress { phase, done, total }| eprintln!("[{done}/{total}] {phase}"))
}
