use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use anyhow::{Context, bail};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use vaultshare::{
    api::{
        Id, JsonObject,
        vault::{
            encryption_spaces as vault_spaces,
            items::{self, ClassificationNode},
            shares::{Acceptance, IncomingFilter, OutgoingFilter, Share},
        },
    },
    workflows::{NewShare, SharedItem},
};

use super::{Terminal, encryption_spaces, everything, progress, shown, warn_of_more};
use crate::{
    arguments::{self, Direction, Listing, OneRecord},
    auth_file::{self, Authentication},
    config_file::{self, ConfigFile},
    output::{self, Document, SlotSpec},
};

const KIND: &str = "Share";

#[derive(Deserialize)]
struct SharedRecord {
    id: Id,
    #[serde(default)]
    slots: Vec<NamedSlot>,
}

#[derive(Deserialize)]
struct NamedSlot {
    id: Id,
    name: String,
}

/// What connections:create printed; older tools print the ids under `metadata`.
#[derive(Default, Deserialize)]
struct Connected {
    from_user_connection_id: Option<Id>,
}

#[derive(Serialize)]
struct Config {
    kind: &'static str,
    metadata: JsonObject,
    spec: Sharing,
}

#[derive(Serialize, Deserialize)]
struct Sharing {
    item_id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot_id: Option<Id>,
    /// Absent in the first guide's form, which has `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection_id: Option<Id>,
    from: Authentication,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Authentication>,
}

pub(super) async fn config(
    terminal: &Terminal,
    from: &Path,
    connection: &Path,
    item: &Path,
    slot_name: Option<&str>,
) -> anyhow::Result<()> {
    let from = auth_file::read(from)?;
    let connected: ConfigFile<Option<Connected>, Option<Connected>> = config_file::read(connection, "Connection")?;
    let ids = [connected.spec, connected.metadata].into_iter().flatten();
    let connection_id = ids.filter_map(|ids| ids.from_user_connection_id).next();
    let connection_id = connection_id.with_context(|| format!("{} names no connection", shown(connection)))?;
    let shared: ConfigFile<Option<IgnoredAny>, SharedRecord> = config_file::read(item, "Item")?;
    let slot_id = slot_name.map(|name| slot_named(&shared.spec, name)).transpose()?;
    let known = from.resume(&terminal.client).await?.get_connection(&connection_id).await;
    known.with_context(|| format!("{} has no connection of this user's as its `from`", shown(connection)))?;
    let spec = Sharing { item_id: shared.spec.id, slot_id, connection_id: Some(connection_id), from, to: None };
    output::print(&Config { kind: KIND, metadata: JsonObject::new(), spec })
}

fn slot_named(item: &SharedRecord, name: &str) -> anyhow::Result<Id> {
    let slot = item.slots.iter().find(|slot| slot.name == name);
    Ok(slot.with_context(|| format!("the item has no slot named '{name}'"))?.id.clone())
}

#[derive(Serialize)]
struct Shares {
    shares: Vec<Share>,
}

pub(super) async fn create(terminal: &Terminal, arguments: arguments::NewShare) -> anyhow::Result<()> {
    let config: ConfigFile<Option<IgnoredAny>, Sharing> = config_file::read(&arguments.config.config, KIND)?;
    let expires_at = arguments.expiry_date.as_deref().map(expiry).transpose()?;
    let Sharing { item_id, slot_id, connection_id, from, to } = config.spec;
    let session = from.resume(&terminal.client).await?;
    let connection_id = match (connection_id, to) {
        (Some(connection_id), _) => connection_id,
        (None, Some(to)) => {
            if arguments.onshare {
                bail!("--onshare: what is shared in an encryption space cannot be shared on");
            }
            let to = to.resume(&terminal.client).await?;
            let share = encryption_spaces::NewSpaceShareTo { item_id, terms: arguments.terms, expires_at };
            return encryption_spaces::create(&session, &to, share).await;
        }
        (None, None) => bail!("{} names neither a connection nor a recipient", shown(&arguments.config.config)),
    };
    let share = NewShare {
        slot_id,
        terms: arguments.terms,
        on_sharing: arguments.onshare,
        expires_at,
        ..NewShare::new(item_id, connection_id)
    };
    let share = session.create_share(&share, &progress()).await?;
    output::print(&Shares { shares: vec![share] })
}

/// The end of a share: an instant, or the day that it begins with here.
fn expiry(text: &str) -> anyhow::Result<String> {
    let day = |day: Date| Ok(day.to_zoned(TimeZone::system())?.timestamp());
    let instant = text.parse::<Date>().map(day).unwrap_or_else(|_| text.parse::<Timestamp>());
    let instant = match instant {
        Ok(instant) => instant,
        Err(_) => text.parse::<Timestamp>().context("a date is yyyy-MM-dd or an ISO 8601 instant")?,
    };
    if instant <= Timestamp::now() {
        bail!("Share Expiry Date must be future date");
    }
    Ok(format!("{instant:.3}"))
}

/// A share of either protocol, each in the form that its guide prints.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyShare<'a> {
    OfCopy(&'a Share),
    InSpace(&'a encryption_spaces::Listed),
}

pub(super) async fn list(terminal: &Terminal, listing: &Listing, direction: Direction) -> anyhow::Result<()> {
    let session = terminal.session(&listing.auth).await?;
    let (shares, in_spaces) = match direction {
        Direction::Incoming => (
            session.incoming_shares(&IncomingFilter::default(), &listing.page()).await?,
            encryption_spaces::list(&session, vault_spaces::Direction::Incoming).await?,
        ),
        Direction::Outgoing => (
            session.outgoing_shares(&OutgoingFilter::default(), &listing.page()).await?,
            encryption_spaces::list(&session, vault_spaces::Direction::Outgoing).await?,
        ),
    };
    let of_copies = shares.entries.iter().map(AnyShare::OfCopy);
    let spec: Vec<AnyShare> = of_copies.chain(in_spaces.iter().map(AnyShare::InSpace)).collect();
    output::print(&Document { kind: "Shares", spec })?;
    warn_of_more(&shares);
    Ok(())
}

/// A received share as the guides print it.
#[derive(Serialize)]
struct Received<'a> {
    share: &'a Share,
    item_shared_via_another_share_id: Option<&'a Id>,
    associations_to: [JsonObject; 0],
    associations: [JsonObject; 0],
    attachments: &'a [JsonObject],
    classification_nodes: &'a [ClassificationNode],
    item: &'a items::Item,
    slots: Vec<SlotSpec<'a>>,
    thumbnails: &'a [JsonObject],
}

pub(super) async fn get_incoming(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    let received = terminal.session(&record.auth).await?.preview_share(&record.id).await?;
    let SharedItem { share, item, via_another_share } = &received;
    output::print(&Received {
        share,
        item_shared_via_another_share_id: via_another_share.as_ref(),
        associations_to: [],
        associations: [],
        attachments: &item.attachments,
        classification_nodes: &item.classification_nodes,
        item: &item.record,
        slots: item.slots.iter().map(SlotSpec::new).collect(),
        thumbnails: &item.thumbnails,
    })?;
    if share.acceptance_required == Acceptance::AcceptanceRequired {
        eprintln!("The values can be read after the share has been accepted: shares:accept");
    }
    Ok(())
}

#[derive(Serialize)]
struct OneShare {
    share: Share,
}

pub(super) async fn accept(terminal: &Terminal, record: &OneRecord, yes: bool) -> anyhow::Result<()> {
    let session = terminal.session(&record.auth).await?;
    let share = session.share_info(&record.id).await?;
    if share.acceptance_required == Acceptance::AcceptanceRequired {
        eprintln!("Share Terms: {}", share.terms.as_deref().unwrap_or("none"));
        if !yes && io::stdin().is_terminal() && !agreed()? {
            bail!("the share was not accepted");
        }
    }
    output::print(&OneShare { share: *session.accept_share(&record.id).await? })
}

fn agreed() -> anyhow::Result<bool> {
    eprint!("Accept? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) async fn delete(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    terminal.session(&record.auth).await?.delete_share(&record.id).await?;
    println!("Share successfully deleted");
    Ok(())
}

pub(super) async fn update(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    let session = terminal.session(&record.auth).await?;
    let refreshed = session.refresh_shares(&record.id, &progress()).await?;
    if refreshed.left_out > 0 {
        eprintln!("Warning: {} shares were left as they were: nothing vouches for their keys", refreshed.left_out);
    }
    let filter = OutgoingFilter { item_ids: vec![record.id.clone()], ..OutgoingFilter::default() };
    output::print(&Shares { shares: session.outgoing_shares(&filter, &everything()).await?.entries })
}
