//! The forms that commands had in the first guide, when a share was made between two auth files.

use std::{path::Path, rc::Rc};

use anyhow::{Context, bail};
use serde::Serialize;
use vaultshare::{
    ErrorCode,
    api::{
        Id, JsonObject,
        vault::encryption_spaces::{Direction, ItemInFirstForm, SpaceShare},
    },
    workflows::{ConnectionRef, ListedSpaceShare, NewSpaceShare, Page, Session},
};

use super::{Terminal, everything, items, progress};
use crate::{
    arguments::OneRecord,
    auth_file::{self, Authentication},
    output::{self, Document, ItemSpec},
};

#[derive(Serialize)]
struct Config {
    kind: &'static str,
    metadata: JsonObject,
    spec: Sharing,
}

#[derive(Serialize)]
struct Sharing {
    item_id: Id,
    from: Authentication,
    to: Authentication,
}

pub(super) async fn config(terminal: &Terminal, from_file: &Path, to: &Path, item_id: &str) -> anyhow::Result<()> {
    let (from, to) = (auth_file::read(from_file)?, auth_file::read(to)?);
    let item_id = Id::parse(item_id).context("with --to, the item is given by its id")?;
    let session = terminal.resume(&from, from_file).await?;
    session.get_item(&item_id).await.context("the item cannot be shared")?;
    output::print(&Config { kind: "Share", metadata: JsonObject::new(), spec: Sharing { item_id, from, to } })
}

#[derive(Serialize)]
struct Shares {
    shares: Vec<SpaceShare>,
}

/// Shares an item in the encryption space of the two users, which is made with their first share.
pub(super) async fn create(from: &Session, to: &Session, share: NewSpaceShareTo) -> anyhow::Result<()> {
    let of_from = from.list_connections(&everything()).await?.entries;
    let of_to = to.list_connections(&everything()).await?.entries;
    // Ids of users are the server's, which could give the recipient's to somebody else; the safety number is made of the
    // private keys that both sides have.
    let connection = of_from.into_iter().find(|one| {
        one.record.the_other_user.user_id == *to.user_id()
            && of_to.iter().any(|other| other.safety_number == one.safety_number)
    });
    let Some(connection) = connection else { bail!("the two users are not connected") };
    let reference = ConnectionRef { peer: Some(connection.fingerprint), id: connection.record.own.id };
    let share = NewSpaceShare {
        terms: share.terms,
        expires_at: share.expires_at,
        accept_unproven: share.accept_unproven,
        ..NewSpaceShare::new(share.item_id, reference)
    };
    output::print(&Shares { shares: vec![from.share_in_space(&share, &progress()).await?] })
}

/// A share whose connection is still to be found.
pub(super) struct NewSpaceShareTo {
    pub(super) item_id: Id,
    pub(super) terms: Option<String>,
    pub(super) expires_at: Option<String>,
    pub(super) accept_unproven: Option<String>,
}

/// A share in a list, as the first guide prints it.
#[derive(Serialize)]
pub(super) struct Listed {
    share_id: Id,
    connection_id: Id,
    item: ItemInFirstForm,
}

pub(super) async fn list(session: &Session, direction: Direction) -> anyhow::Result<Page<Listed>> {
    let listed = session.list_space_shares(direction, &everything()).await?;
    Ok(listed.map(|ListedSpaceShare { share, item }| Listed {
        share_id: share.id,
        connection_id: share.connection_id,
        item: Rc::unwrap_or_clone(item),
    }))
}

/// The item of a share of either protocol.
pub(super) async fn get(terminal: &Terminal, record: &OneRecord) -> anyhow::Result<()> {
    let session = terminal.session(&record.auth).await?;
    let item = match session.get_space_share(&record.id).await {
        Err(error) if error.code() == ErrorCode::NotFound => session.get_share(&record.id).await?.item,
        other => other?.item,
    };
    output::print(&Document { kind: "Item", spec: ItemSpec::new(&item) })?;
    items::warn_of_unvouched(&item);
    Ok(())
}
