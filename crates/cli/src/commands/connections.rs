use std::path::Path;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use vaultshare::{
    api::{
        Id,
        vault::connections::{Connection, OtherConnectionData, OwnConnectionData},
    },
    workflows::{ConnectionDetails, NewInvitation},
};

use super::{Terminal, everything, progress, warn_of_more};
use crate::{
    arguments::{Auth, Listing, OneRecord},
    auth_file::{self, Authentication},
    config_file::{self, ConfigFile},
    output,
};

const KIND: &str = "Connection";

#[derive(Serialize, Deserialize)]
struct Config<Spec> {
    kind: String,
    metadata: Names,
    spec: Spec,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    #[serde(default)]
    from_name: Option<String>,
    #[serde(default)]
    to_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Parties {
    from: Authentication,
    to: Authentication,
}

pub(super) fn config(from: &Path, to: &Path) -> anyhow::Result<()> {
    let names = Names { from_name: Some(String::new()), to_name: Some(String::new()) };
    let parties = Parties { from: auth_file::read(from)?, to: auth_file::read(to)? };
    output::print(&Config { kind: KIND.to_owned(), metadata: names, spec: parties })
}

#[derive(Serialize)]
struct Connected {
    invitation_id: Option<Id>,
    from_user_connection_id: Id,
    to_user_connection_id: Id,
}

pub(super) async fn create(terminal: &Terminal, path: &Path) -> anyhow::Result<()> {
    let config: ConfigFile<Option<Names>, Parties> = config_file::read(path, KIND)?;
    let names = config.metadata.unwrap_or_default();
    let from = config.spec.from.resume(&terminal.client).await?;
    let to = config.spec.to.resume(&terminal.client).await?;
    let connections = from.list_connections(&everything()).await?.entries;
    if connections.iter().any(|connection| connection.record.the_other_user.user_id == *to.user_id()) {
        bail!("Connection exists between the specified users");
    }
    let invitation = NewInvitation { name: names.to_name.clone().unwrap_or_default(), ..NewInvitation::default() };
    let invitation = from.create_invitation(&invitation, &progress()).await?;
    let details = ConnectionDetails {
        token: invitation.token,
        name: names.from_name.clone().unwrap_or_default(),
        ..ConnectionDetails::default()
    };
    let connection = to.accept_invitation(&details, &progress()).await?.record;
    let spec = Connected {
        invitation_id: invitation.id,
        from_user_connection_id: connection.the_other_user.id,
        to_user_connection_id: connection.own.id,
    };
    output::print(&Config { kind: KIND.to_owned(), metadata: names, spec })
}

/// The two sides of a connection, without the older form of the same that the Vault adds.
#[derive(Serialize)]
struct Sides<'a> {
    own: &'a OwnConnectionData,
    the_other_user: &'a OtherConnectionData,
}

impl<'a> From<&'a Connection> for Sides<'a> {
    fn from(connection: &'a Connection) -> Self {
        Sides { own: &connection.own, the_other_user: &connection.the_other_user }
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    recipient_name: Option<&'a str>,
    connection: Sides<'a>,
}

pub(super) async fn list(terminal: &Terminal, listing: &Listing) -> anyhow::Result<()> {
    let connections = terminal.session(&listing.auth).await?.list_connections(&listing.page()).await?;
    let listed = connections.entries.iter();
    let listed: Vec<_> = listed
        .map(|one| Listed { recipient_name: one.name.as_deref(), connection: Sides::from(&one.record) })
        .collect();
    output::print(&listed)?;
    warn_of_more(&connections);
    Ok(())
}

#[derive(Serialize)]
struct Accepted<'a> {
    connection: Sides<'a>,
}

pub(super) async fn accept(terminal: &Terminal, token: String, name: String, auth: &Auth) -> anyhow::Result<()> {
    let details = ConnectionDetails { token, name, ..ConnectionDetails::default() };
    let connection = terminal.session(auth).await?.accept_invitation(&details, &progress()).await?;
    output::print(&Accepted { connection: Sides::from(&connection.record) })
}

pub(super) async fn delete(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    terminal.session(&record.auth).await?.delete_connection(&record.id).await?;
    println!("Connection successfully deleted");
    Ok(())
}
