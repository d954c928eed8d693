use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use anyhow::{Context, bail};
use jiff::{Timestamp, fmt::temporal::Pieces, tz::TimeZone};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use vaultshare::{
    api::{
        Id, JsonObject,
        vault::{
            attachments::Attachment,
            encryption_spaces as vault_spaces,
            items::{ClassificationNode, Item},
            names::Named,
            shares::{Acceptance, IncomingFilter, OutgoingFilter, Share},
            thumbnails::Thumbnail,
        },
    },
    workflows::{ConnectionRef, IncludedShare, LeftOut, LeftOutReason, NewShare, OutgoingShare, Refreshed, SharedItem},
};

use super::{Terminal, encryption_spaces, everything, items, progress, shown, warn_of_incomplete};
use crate::{
    arguments::{self, Direction, Included, Listing, OneRecord},
    auth_file::{self, Authentication},
    config_file::{self, ConfigFile, NoMetadata},
    output::{self, Document, SlotSpec, printable},
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
    #[serde(default)]
    label: String,
}

/// What connections:create printed; older tools print the ids under `metadata`.
#[derive(Default, Deserialize)]
struct Connected {
    from_user_connection_id: Option<Id>,
    /// Absent in files of other tools.
    from_user_connection_ref: Option<String>,
}

#[derive(Serialize)]
struct Config {
    kind: &'static str,
    metadata: JsonObject,
    spec: Sharing,
}

/// A misspelt `slot_id` would share the whole item.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sharing {
    item_id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot_id: Option<Id>,
    /// Absent in the first guide's form, which has `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection_id: Option<Id>,
    /// The same with the fingerprint of the recipient's key, which stands above the id; absent in files of other tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection_ref: Option<String>,
    from: Authentication,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Authentication>,
}

pub(super) async fn config(
    terminal: &Terminal,
    from_file: &Path,
    connection: &Path,
    item: &Path,
    slot_name: Option<&str>,
) -> anyhow::Result<()> {
    let from = auth_file::read(from_file)?;
    let connected: ConfigFile<Option<Connected>, Option<Connected>> = config_file::read(connection, "Connection")?;
    let mut connected = [connected.spec, connected.metadata].into_iter().flatten();
    let reference =
        connected.find_map(|Connected { from_user_connection_id: id, from_user_connection_ref: reference }| {
            connection_named(id, reference.as_deref())
        });
    let reference = reference.with_context(|| format!("{} names no connection", shown(connection)))??;
    let shared: ConfigFile<Option<IgnoredAny>, SharedRecord> = config_file::read(item, "Item")?;
    let slot_id = slot_name.map(|name| slot_named(&shared.spec, name)).transpose()?;
    let known = terminal.resume(&from, from_file).await?.get_connection(&reference).await;
    let known =
        known.with_context(|| format!("{} has no connection of this user's as its `from`", shown(connection)))?;
    let spec = Sharing {
        item_id: shared.spec.id,
        slot_id,
        connection_id: Some(reference.id),
        connection_ref: Some(known.reference()),
        from,
        to: None,
    };
    output::print(&Config { kind: KIND, metadata: JsonObject::new(), spec })
}

/// The connection that a file names, by id, reference or both.
fn connection_named(id: Option<Id>, reference: Option<&str>) -> Option<anyhow::Result<ConnectionRef>> {
    let Some(reference) = reference else { return Some(Ok(id?.into())) };
    let parsed = ConnectionRef::parse(reference).filter(|parsed| id.is_none_or(|id| id == parsed.id));
    Some(parsed.context("the file's connection id and reference are of two connections"))
}

/// The slot that the user means by a name, a label or an id. Of two with one label, either could be the one that is not to be
/// shared.
fn slot_named(item: &SharedRecord, name: &str) -> anyhow::Result<Id> {
    let named = Named::new(item.slots.iter().map(|slot| (slot.name.as_str(), slot.label.as_str())));
    if named.is_ambiguous(name) {
        bail!("the item has several slots with the label '{name}': give the name or the id of one");
    }
    let of_name = named.find(name).and_then(|index| item.slots.get(index));
    let slot = of_name.or_else(|| item.slots.iter().find(|slot| slot.id.as_str() == name));
    Ok(slot.with_context(|| format!("the item has no slot named '{name}'"))?.id.clone())
}

#[derive(Serialize)]
struct Shares<T> {
    shares: Vec<T>,
}

/// A share as the guides print it, without what this user's clients keep in it for themselves.
fn without_grant(share: Share) -> Share {
    Share { grant: None, ..share }
}

/// A share in a list, and whether a refresh encrypts for it.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    share: Share,
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<bool>,
}

impl From<OutgoingShare> for Listed {
    fn from(OutgoingShare { share, granted }: OutgoingShare) -> Self {
        Listed { share: without_grant(share), granted }
    }
}

pub(super) async fn create(terminal: &Terminal, arguments: arguments::NewShare) -> anyhow::Result<()> {
    let file = &arguments.config.config;
    let config: ConfigFile<Option<NoMetadata>, Sharing> = config_file::read_with_keys(file, KIND)?;
    let expires_at = arguments.expiry_date.as_deref().map(expiry).transpose()?;
    let Sharing { item_id, slot_id, connection_id, connection_ref, from, to } = config.spec;
    let session = terminal.resume(&from, file).await?;
    let connection = match (connection_named(connection_id, connection_ref.as_deref()).transpose()?, to) {
        (Some(_), _) if arguments.accept_unproven.is_some() => {
            bail!("--accept-unproven: this share is not made in an encryption space");
        }
        (Some(connection), _) => connection,
        (None, Some(to)) => {
            if arguments.onshare {
                bail!("--onshare: what is shared in an encryption space cannot be shared on");
            }
            let to = terminal.resume(&to, file).await?;
            let (terms, accept_unproven) = (arguments.terms, arguments.accept_unproven);
            let share = encryption_spaces::NewSpaceShareTo { item_id, terms, expires_at, accept_unproven };
            return encryption_spaces::create(&session, &to, share).await;
        }
        (None, None) => bail!("{} names neither a connection nor a recipient", shown(file)),
    };
    let share = NewShare {
        slot_id,
        terms: arguments.terms,
        on_sharing: arguments.onshare,
        expires_at,
        ..NewShare::new(item_id, connection)
    };
    let share = session.create_share(&share, &progress()).await?;
    output::print(&Shares { shares: vec![without_grant(share)] })
}

/// The end of a share: an instant, or the day that it begins with here.
fn expiry(text: &str) -> anyhow::Result<String> {
    const FORM: &str = "a date is yyyy-MM-dd or an ISO 8601 instant";
    // jiff would read an instant with an offset as its day too.
    let parts = Pieces::parse(text).context(FORM)?;
    let instant = match parts.time() {
        None => parts.date().to_zoned(TimeZone::system()).map(|midnight| midnight.timestamp()),
        Some(_) => text.parse::<Timestamp>(),
    };
    match instant {
        Ok(instant) if instant <= Timestamp::now() => bail!("Share Expiry Date must be future date"),
        Ok(instant) => Ok(format!("{instant:.3}")),
        // The end of the year 9999, which jiff's timestamps do not reach.
        Err(_) if parts.time().is_none() => Ok(format!("{}T00:00:00.000Z", parts.date())),
        Err(_) if parts.to_numeric_offset().is_some() => Ok(text.to_owned()),
        Err(_) => bail!(FORM),
    }
}

/// A share of either protocol, each in the form that its guide prints.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyShare<'a> {
    OfCopy(&'a Listed),
    InSpace(&'a encryption_spaces::Listed),
}

pub(super) async fn list(terminal: &Terminal, listing: &Listing, direction: Direction) -> anyhow::Result<()> {
    let session = terminal.session(&listing.auth).await?;
    let (shares, in_spaces) = match direction {
        Direction::Incoming => {
            let shares = session.incoming_shares(&IncomingFilter::default(), &listing.page()).await?;
            (shares.map(|share| Listed { share, granted: None }), vault_spaces::Direction::Incoming)
        }
        Direction::Outgoing => {
            let shares = session.outgoing_shares(&OutgoingFilter::default(), &listing.page()).await?;
            (shares.map(Listed::from), vault_spaces::Direction::Outgoing)
        }
    };
    let in_spaces = encryption_spaces::list(&session, in_spaces).await?;
    let of_copies = shares.entries.iter().map(AnyShare::OfCopy);
    let spec: Vec<AnyShare<'_>> = of_copies.chain(in_spaces.entries.iter().map(AnyShare::InSpace)).collect();
    output::print(&Document { kind: "Shares", spec })?;
    warn_of_incomplete(&shares);
    warn_of_incomplete(&in_spaces);
    Ok(())
}

/// A received share as the guides print it.
#[derive(Serialize)]
struct Received<'a> {
    share: &'a Share,
    item_shared_via_another_share_id: Option<&'a Id>,
    associations_to: [JsonObject; 0],
    associations: [JsonObject; 0],
    attachments: &'a [Attachment],
    classification_nodes: &'a [ClassificationNode],
    item: &'a Item,
    slots: Vec<SlotSpec<'a>>,
    thumbnails: &'a [Thumbnail],
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
    match share.acceptance_required {
        Acceptance::AcceptanceRequired => {
            eprintln!("The values can be read after the share has been accepted: shares:accept");
        }
        _ => items::warn_of_unvouched(item),
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
        eprintln!("Share Terms: {}", share.terms.as_deref().map_or_else(|| "none".to_owned(), printable));
        if !yes && !agreed()? {
            bail!("the share was not accepted");
        }
    }
    output::print(&OneShare { share: *session.accept_share(&record.id).await? })
}

fn agreed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked to accept the terms: read them, then accept with --yes");
    }
    eprint!("Accept? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) async fn delete(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    terminal.session(&record.auth).await?.delete_share(&record.id).await?;
    output::write("Share successfully deleted\n")
}

pub(super) async fn update(terminal: &Terminal, record: &OneRecord, included: Included) -> anyhow::Result<()> {
    let session = terminal.session(&record.auth).await?;
    let Included { shares, slot, onshare, expiry_date } = included;
    let expires_at = expiry_date.as_deref().map(expiry).transpose()?;
    let include = shares.into_iter().map(|(share_id, fingerprint)| IncludedShare {
        share_id,
        fingerprint,
        scope: slot.clone(),
        on_sharing: onshare,
        expires_at: expires_at.clone(),
    });
    let refreshed = session.refresh_shares(&record.id, &include.collect::<Vec<_>>(), &progress()).await?;
    let filter = OutgoingFilter { item_ids: vec![record.id.clone()], ..OutgoingFilter::default() };
    let shares = session.outgoing_shares(&filter, &everything()).await?.entries;
    output::print(&Shares { shares: shares.into_iter().map(Listed::from).collect() })?;
    report(&record.id, &refreshed);
    Ok(())
}

/// Says on standard error whom a refresh reached, whom it left out and why, and what lets them in.
pub(super) fn report(item_id: &Id, refreshed: &Refreshed) {
    let Refreshed { shares, on_shares, left_out } = refreshed;
    eprintln!("Item {item_id}: {shares} shares updated, {on_shares} of them made by recipients who share on");
    if left_out.is_empty() {
        return;
    }
    eprintln!("Warning: {} shares of this item, as the server lists them, were left out:", left_out.len());
    for LeftOut { share_id, recipient_id, slot_id, fingerprint, expires_at, why } in left_out {
        let recipient = recipient_id.as_ref().map_or("unknown", Id::as_str);
        let key = fingerprint.as_deref().unwrap_or("unusable");
        eprintln!("  share {share_id} for user {recipient} with key {key}: {}", why.as_str());
        if let (Some(fingerprint), false) = (fingerprint, *why == LeftOutReason::Expired) {
            let slot = slot_id.as_ref().map(|id| format!(" --slot {id}")).unwrap_or_default();
            let end = expires_at.as_ref().map(|end| format!(" --expiry_date {end}")).unwrap_or_default();
            eprintln!(
                "    to let it in: vaultshare shares:update {item_id} --include {share_id}={fingerprint}{slot}{end}"
            );
        }
    }
    eprintln!("Let in only whose key is the fingerprint that connections:list shows, or that its owner tells you.");
}
