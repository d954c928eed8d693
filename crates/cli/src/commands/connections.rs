use std::path::Path;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use vaultshare::{
    api::{
        Id,
        vault::connections::{OtherConnectionData, OwnConnectionData},
    },
    workflows::{Connection, ConnectionDetails, ConnectionRef, NewInvitation, Verified},
};

use super::{Terminal, everything, progress, warn_of_incomplete};
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Names {
    #[serde(default)]
    from_name: Option<String>,
    #[serde(default)]
    to_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    from_user_connection_ref: String,
    to_user_connection_ref: String,
    safety_number: String,
    /// Of both sides' keys: both users are at this terminal.
    verified: Option<Verified>,
}

pub(super) async fn create(terminal: &Terminal, path: &Path) -> anyhow::Result<()> {
    let config: ConfigFile<Option<Names>, Parties> = config_file::read_with_keys(path, KIND)?;
    let names = config.metadata.unwrap_or_default();
    let from = terminal.resume(&config.spec.from, path).await?;
    let to = terminal.resume(&config.spec.to, path).await?;
    let connections = from.list_connections(&everything()).await?.entries;
    if connections.iter().any(|connection| connection.record.the_other_user.user_id == *to.user_id()) {
        bail!("Connection exists between the specified users");
    }
    let name = names.to_name.clone().unwrap_or_default();
    let invitation = NewInvitation { name, by_code: true, ..NewInvitation::default() };
    let invitation = from.create_invitation(&invitation, &progress()).await?;
    let details = ConnectionDetails {
        token: invitation.token,
        name: names.from_name.clone().unwrap_or_default(),
        ..ConnectionDetails::default()
    };
    let of_to = to.accept_invitation(&details, &progress()).await?;
    // Each side compares with what the other made of its own private key, which no server has.
    let of_from = from.mark_verified(&of_to.record.the_other_user.id, &of_to.safety_number).await?;
    let of_to = to.mark_verified(&of_to.record.own.id, &of_from.safety_number).await?;
    let spec = Connected {
        invitation_id: invitation.id,
        from_user_connection_ref: of_from.reference(),
        from_user_connection_id: of_from.record.own.id,
        to_user_connection_ref: of_to.reference(),
        to_user_connection_id: of_to.record.own.id,
        safety_number: of_from.safety_number,
        verified: of_from.verified,
    };
    output::print(&Config { kind: KIND.to_owned(), metadata: names, spec })
}

/// The two sides of a connection, without the older form of the same that the Vault adds.
#[derive(Serialize)]
struct Sides<'a> {
    own: &'a OwnConnectionData,
    the_other_user: &'a OtherConnectionData,
}

#[derive(Serialize)]
struct Listed<'a> {
    recipient_name: Option<&'a str>,
    connection: Sides<'a>,
    #[serde(flatten)]
    key: OtherKey<'a>,
}

impl<'a> From<&'a Connection> for Listed<'a> {
    fn from(connection: &'a Connection) -> Self {
        Listed {
            recipient_name: connection.name.as_deref(),
            connection: Sides::from(connection),
            key: OtherKey::from(connection),
        }
    }
}

/// What there is to say of the other side's key.
#[derive(Serialize)]
struct OtherKey<'a> {
    /// What to keep in the place of the id.
    connection_ref: String,
    safety_number: &'a str,
    fingerprint: &'a str,
    /// How the user came to know that it is the other's; null for the first that the server showed.
    verified: Option<Verified>,
    /// Whether it is another than before, and refused by every other command.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_changed: bool,
}

impl<'a> From<&'a Connection> for Sides<'a> {
    fn from(connection: &'a Connection) -> Self {
        Sides { own: &connection.record.own, the_other_user: &connection.record.the_other_user }
    }
}

impl<'a> From<&'a Connection> for OtherKey<'a> {
    fn from(connection: &'a Connection) -> Self {
        OtherKey {
            connection_ref: connection.reference(),
            safety_number: &connection.safety_number,
            fingerprint: &connection.fingerprint,
            verified: connection.verified,
            key_changed: connection.key_changed,
        }
    }
}

pub(super) async fn list(terminal: &Terminal, listing: &Listing) -> anyhow::Result<()> {
    let connections = terminal.session(&listing.auth).await?.list_connections(&listing.page()).await?;
    output::print(&connections.entries.iter().map(Listed::from).collect::<Vec<_>>())?;
    warn_of_incomplete(&connections);
    Ok(())
}

pub(super) async fn inspect(terminal: &Terminal, id: Option<&Id>, auth: &Auth) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    if let Some(id) = id {
        return output::print(&[Listed::from(&session.inspect_connection(id).await?)]);
    }
    let connections = session.inspect_connections(&everything()).await?;
    output::print(&connections.entries.iter().map(Listed::from).collect::<Vec<_>>())?;
    warn_of_incomplete(&connections);
    Ok(())
}

pub(super) async fn verify(terminal: &Terminal, record: &OneRecord, safety_number: &str) -> anyhow::Result<()> {
    let connection = terminal.session(&record.auth).await?.mark_verified(&record.id, safety_number).await?;
    output::print(&[Listed::from(&connection)])
}

pub(super) async fn trust(terminal: &Terminal, record: &OneRecord, fingerprint: &str) -> anyhow::Result<()> {
    let connection = terminal.session(&record.auth).await?.trust_new_key(&record.id, fingerprint).await?;
    output::print(&[Listed::from(&connection)])
}

/// Prints the code, or the link, and nothing else: it is for another person.
pub(super) async fn invite(terminal: &Terminal, name: String, link: Option<String>, auth: &Auth) -> anyhow::Result<()> {
    let invitation = NewInvitation { name, by_code: true, ..NewInvitation::default() };
    let invitation = terminal.session(auth).await?.create_invitation(&invitation, &progress()).await?;
    let code = &invitation.token;
    output::write(&match link {
        Some(page) => format!("{}#vs1={code}\n", page.split('#').next().unwrap_or_default()),
        None => format!("{code}\n"),
    })?;
    eprintln!("Hand this over where nobody else reads it: it is as good as the way that it goes");
    Ok(())
}

#[derive(Serialize)]
struct Accepted<'a> {
    connection: Sides<'a>,
    #[serde(flatten)]
    key: OtherKey<'a>,
}

pub(super) async fn accept(terminal: &Terminal, token: String, name: String, auth: &Auth) -> anyhow::Result<()> {
    let details = ConnectionDetails { token, name, ..ConnectionDetails::default() };
    let connection = terminal.session(auth).await?.accept_invitation(&details, &progress()).await?;
    output::print(&Accepted { connection: Sides::from(&connection), key: OtherKey::from(&connection) })
}

pub(super) async fn delete(
    terminal: &Terminal,
    connection: &ConnectionRef,
    end_shares: bool,
    auth: &Auth,
) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    match end_shares {
        true => session.delete_connection_and_shares(connection).await?,
        false => session.delete_connection(connection).await?,
    }
    output::write("Connection successfully deleted\n")
}
