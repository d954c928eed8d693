//! What the users do while the server lies, and what they are shown.

use std::{future::Future, pin::Pin};

use vaultshare::{
    Result,
    api::Id,
    crypto::{RecoveryKey, UserSecret},
    workflows::{
        AttachedFile, Connection, ConnectionRef, IncludedShare, Item, ItemChange, NewShare, NewSlot, NewSpaceShare,
        Session, ShareTerms, SharedItem, TaskSelection,
    },
};

use crate::{
    harness::{Bytes, DEVICE, PASSPHRASE, invitation, named, quiet, slot, vehicle},
    scene::{Scene, Who, all, mark},
};

/// What the user was shown, for [`crate::oracle`] to judge.
pub(crate) enum Shown {
    /// An item as it was read.
    Item(Item),
    /// An item after this run's write: rows by name, with what they hold now.
    Written {
        item: Item,
        values: Vec<(&'static str, Option<String>)>,
        label: Option<&'static str>,
    },
    /// A new item.
    Created(Item),
    /// An item without one of its slots.
    Removed {
        item: Item,
        slot: &'static str,
    },
    /// An item after the user said that it is as it was shown.
    Adopted {
        before: Item,
        after: Item,
    },
    /// A value in a space, where nothing vouches for words and rows.
    InSpace(Item),
    Connection(Connection),
    /// What was read of a file, by the reader's id of its slot.
    File {
        slot: Id,
        bytes: Vec<u8>,
    },
    /// A small picture of one.
    Thumbnail {
        slot: Id,
        bytes: Vec<u8>,
    },
    /// What was read of a file that this run attached.
    Attached(Vec<u8>),
    /// That a refresh encrypts the item for this key.
    Granted {
        item: Id,
        public_key: String,
    },
}

type Doing<'a> = Pin<Box<dyn Future<Output = Result<Vec<Shown>>> + 'a>>;

/// One call of an app, or a few in a row.
pub(crate) struct Workflow {
    pub(crate) name: &'static str,
    pub(crate) who: Who,
    /// Begin of the marks that the user here chooses to disclose, or no longer to disclose, where connection or share are
    /// named by their id only.
    pub(crate) by_id: Option<&'static str>,
    /// Begin of the marks that the user here chooses to disclose to the accomplice.
    pub(crate) to_accomplice: Option<&'static str>,
    pub(crate) run: for<'a> fn(&'a Scene, Session) -> Doing<'a>,
}

macro_rules! workflow {
    ($name:literal, $who:ident, |$scene:ident, $session:ident| $body:expr) => {
        Workflow {
            name: $name,
            who: Who::$who,
            by_id: None,
            to_accomplice: None,
            run: |$scene, $session| Box::pin(async move { $body }),
        }
    };
}

/// All workflows. Honestly answered, each of them succeeds.
pub(crate) fn workflows() -> Vec<Workflow> {
    [reading(), writing(), with_files(), with_passphrases(), connecting(), sharing(), in_spaces()]
        .into_iter()
        .flatten()
        .collect()
}

fn reading() -> Vec<Workflow> {
    vec![
        workflow!("items.get own", Alice, |scene, session| get(scene, &session, "car").await),
        workflow!("items.get received", Bob, |scene, session| get(scene, &session, "bob's car").await),
        workflow!("items.get kept", Bob, |scene, session| get(scene, &session, "bob's book").await),
        workflow!("items.get legacy", Alice, |scene, session| get(scene, &session, "legacy").await),
        workflow!("items.getMany", Alice, |scene, session| {
            get_many(scene, &session, &["diary", "car", "legacy"]).await
        }),
        workflow!("items.getMany received", Bob, |scene, session| {
            get_many(scene, &session, &["bob's book", "bob's car", "notes"]).await
        }),
        workflow!("items.list", Alice, |_scene, session| {
            session.list_items(&Default::default(), &all()).await?;
            Ok(Vec::new())
        }),
        workflow!("shares.get", Bob, |scene, session| {
            let SharedItem { item, .. } = session.get_share(&scene.id("car to bob")).await?;
            Ok(vec![Shown::Item(item)])
        }),
        workflow!("shares.get on-share", Carlos, |scene, session| {
            let SharedItem { item, .. } = session.get_share(&scene.id("car to carlos")).await?;
            Ok(vec![Shown::Item(item)])
        }),
        workflow!("shares.get outgoing", Alice, |scene, session| {
            let SharedItem { item, .. } = session.get_share(&scene.id("car to bob")).await?;
            Ok(vec![Shown::Item(item)])
        }),
        workflow!("shares.preview and accept", Bob, |scene, session| {
            let id = scene.id("flat to bob");
            session.preview_share(&id).await?;
            session.accept_share(&id).await?;
            Ok(vec![Shown::Item(session.get_share(&id).await?.item)])
        }),
        workflow!("shares.outgoing", Alice, |_scene, session| {
            let listed = session.outgoing_shares(&Default::default(), &all()).await?.entries;
            let granted = listed.into_iter().filter(|listed| listed.granted == Some(true)).map(|listed| {
                Shown::Granted { item: listed.share.item_id, public_key: listed.share.public_key.unwrap_or_default() }
            });
            Ok(granted.collect())
        }),
        workflow!("sign in", Alice, |scene, session| {
            let session = sign_in(scene, &session).await?;
            get(scene, &session, "diary").await
        }),
        workflow!("session.remember, then client.resume", Alice, |scene, session| {
            let (remembered, _) = session.remember(&DEVICE, None).await?;
            match scene.client().resume(&DEVICE, &remembered).await? {
                Some(session) => get(scene, &session, "diary").await,
                None => Ok(Vec::new()),
            }
        }),
        workflow!("sign in to a legacy account", Carlos, |scene, session| {
            let session = sign_in(scene, &session).await?;
            let SharedItem { item, .. } = session.get_share(&scene.id("car to carlos")).await?;
            Ok(vec![Shown::Item(item)])
        }),
    ]
}

fn writing() -> Vec<Workflow> {
    vec![
        workflow!("registration", Alice, |scene, _session| {
            let session = scene.client().create_user(PASSPHRASE, None, &quiet()).await?;
            create(&session).await
        }),
        workflow!("items.create", Alice, |_scene, session| create(&session).await),
        workflow!("sign in to a legacy account, then items.create", Carlos, |scene, session| {
            let session = sign_in(scene, &session).await?;
            create(&session).await
        }),
        workflow!("items.create, then shares.refresh of another", Alice, |scene, session| {
            let shown = create(&session).await?;
            session.refresh_shares(&scene.id("gift"), &[], &quiet()).await?;
            Ok(shown)
        }),
        workflow!("items.update a value", Alice, |scene, session| {
            let value = mark("alice.diary.vin.run");
            let change = ItemChange { slots: vec![slot("vin", &value)], ..ItemChange::default() };
            update(scene, &session, "diary", &change, vec![("vin", Some(value))]).await
        }),
        workflow!("items.update with a new slot", Alice, |scene, session| {
            let value = mark("alice.diary.colour.run");
            let change = ItemChange { slots: vec![slot("colour", &value)], ..ItemChange::default() };
            update(scene, &session, "diary", &change, vec![("colour", Some(value))]).await
        }),
        workflow!("items.update the label", Alice, |scene, session| {
            let change = ItemChange { label: Some("The renamed".to_owned()), ..ItemChange::default() };
            update(scene, &session, "diary", &change, Vec::new()).await
        }),
        workflow!("items.update empties a slot", Alice, |scene, session| {
            let emptied = NewSlot { name: Some("vin".to_owned()), value: Some(None), ..NewSlot::default() };
            let change = ItemChange { slots: vec![emptied], ..ItemChange::default() };
            update(scene, &session, "diary", &change, vec![("vin", None)]).await
        }),
        workflow!("slots.delete", Alice, |scene, session| {
            let id = scene.id("diary");
            let item = session.get_item(&id).await?;
            let removed = item.slots.iter().find(|slot| slot.record.name == "licence_plate");
            let Some(removed) = removed else { return Ok(vec![Shown::Item(item)]) };
            session.remove_slot(&removed.record.id).await?;
            let after = session.get_item(&id).await?;
            Ok(vec![Shown::Item(item), Shown::Removed { item: after, slot: "licence_plate" }])
        }),
        workflow!("items.adopt", Alice, |scene, session| {
            let id = scene.id("legacy");
            let before = session.get_item(&id).await?;
            let after = session.adopt_item(&id, &before.version()).await?;
            Ok(vec![Shown::Item(before.clone()), Shown::Adopted { before, after }])
        }),
        workflow!("items.reencrypt", Bob, |scene, session| {
            Ok(vec![Shown::Item(session.reencrypt_item(&scene.id("bob's car")).await?)])
        }),
    ]
}

fn with_files() -> Vec<Workflow> {
    vec![
        workflow!("attachments, read", Alice, |scene, session| read_files(&session, &scene.id("album")).await),
        workflow!("attachments received, read", Bob, |scene, session| {
            read_files(&session, &scene.id("bob's album")).await
        }),
        workflow!("items.attach, then read", Alice, |scene, session| {
            let mut source = Bytes { thumbnail: Some(b"small"), ..Bytes::of(ATTACHED) };
            let new = named("new.png", ATTACHED.len());
            let file = session.attach_file(&scene.id("diary"), &new, &mut source, &quiet()).await?;
            Ok(vec![Shown::Attached(read(&file).await?)])
        }),
    ]
}

fn with_passphrases() -> Vec<Workflow> {
    const ANOTHER: &str = "another passphrase";
    vec![
        workflow!("session.changePassphrase, then sign in", Alice, |scene, session| {
            session.change_passphrase(None, PASSPHRASE, ANOTHER, &quiet()).await?;
            let secret = UserSecret::parse(&session.secret()?)?;
            let session = scene.client().sign_in(secret, ANOTHER, &quiet()).await?;
            get(scene, &session, "diary").await
        }),
        workflow!("session.createRecoveryKey, then client.recover", Alice, |scene, session| {
            let key = session.create_recovery_key(None, PASSPHRASE, &quiet()).await?;
            let session = scene.client().recover(&key, ANOTHER, None, &quiet()).await?;
            get(scene, &session, "diary").await
        }),
        workflow!("client.recover", Alice, |scene, _session| {
            let key = RecoveryKey::parse(&scene.names["recovery key"])?;
            let session = scene.client().recover(&key, ANOTHER, None, &quiet()).await?;
            get(scene, &session, "diary").await
        }),
        workflow!("session.deleteAccount, then keepAccount", Alice, |_scene, session| {
            session.delete_account(None, PASSPHRASE, &quiet()).await?;
            session.keep_account().await?;
            Ok(Vec::new())
        }),
    ]
}

/// What a run attaches.
pub(crate) const ATTACHED: &[u8] = b"a file of this run";

async fn read_files(session: &Session, item: &Id) -> Result<Vec<Shown>> {
    let mut shown = Vec::new();
    for file in session.list_files(item).await? {
        let slot = file.slot_id.clone();
        for thumbnail in file.thumbnails() {
            let bytes = file.read_thumbnail(&thumbnail).await?.to_vec();
            shown.push(Shown::Thumbnail { slot: slot.clone(), bytes });
        }
        shown.push(Shown::File { slot, bytes: read(&file).await? });
    }
    Ok(shown)
}

async fn read(file: &AttachedFile) -> Result<Vec<u8>> {
    let mut reader = file.open(0..u64::MAX, false).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next_chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn connecting() -> Vec<Workflow> {
    vec![
        workflow!("invitations.create", Alice, |_scene, session| {
            session.create_invitation(&invitation(&mark("alice.names.run")), &quiet()).await?;
            Ok(Vec::new())
        }),
        workflow!("connections.accept", Carlos, |scene, session| {
            let details = vaultshare::workflows::ConnectionDetails {
                token: scene.names["token"].clone(),
                name: mark("carlos.names.alice"),
                ..Default::default()
            };
            Ok(vec![Shown::Connection(session.accept_invitation(&details, &quiet()).await?)])
        }),
        workflow!("connections.list", Alice, |_scene, session| {
            let listed = session.list_connections(&all()).await?.entries;
            Ok(listed.into_iter().map(Shown::Connection).collect())
        }),
        workflow!("connections.get", Bob, |scene, session| {
            let reference = ConnectionRef::from(scene.connection("bob to alice").id);
            Ok(vec![Shown::Connection(session.get_connection(&reference).await?)])
        }),
        workflow!("connections.get by reference", Alice, |scene, session| {
            Ok(vec![Shown::Connection(session.get_connection(&scene.connection("alice to bob")).await?)])
        }),
        workflow!("connections.inspect", Alice, |scene, session| {
            let shown = session.inspect_connection(&scene.connection("alice to bob").id).await?;
            Ok(vec![Shown::Connection(shown)])
        }),
        // What the user was told over another channel, and not what this server shows.
        workflow!("connections.markVerified, then shares.create", Alice, |scene, session| {
            let connection = scene.connection("alice to bob");
            let verified = session.mark_verified(&connection.id, scene.safety_number("alice to bob")).await?;
            share(&session, NewShare::new(scene.id("notable"), connection.id)).await?;
            Ok(vec![Shown::Connection(verified)])
        }),
        workflow!("connections.trustNewKey, then shares.create", Alice, |scene, session| {
            let connection = scene.connection("alice to bob");
            let trusted = session.trust_new_key(&connection.id, connection.peer.as_deref().unwrap_or_default()).await?;
            share(&session, NewShare::new(scene.id("notable"), connection)).await?;
            Ok(vec![Shown::Connection(trusted)])
        }),
    ]
}

fn sharing() -> Vec<Workflow> {
    vec![
        workflow!("shares.create", Alice, |scene, session| {
            share(&session, NewShare::new(scene.id("notable"), scene.connection("alice to bob"))).await
        }),
        Workflow {
            by_id: Some("alice.notable."),
            ..workflow!("shares.create by id", Alice, |scene, session| {
                share(&session, NewShare::new(scene.id("notable"), scene.connection("alice to bob").id)).await
            })
        },
        workflow!("shares.create of one slot", Alice, |scene, session| {
            let item = session.get_item(&scene.id("notable")).await?;
            let slot_id = item.slots.iter().find(|slot| slot.record.name == "vin").map(|slot| slot.record.id.clone());
            let (item_id, connection) = (scene.id("notable"), scene.connection("alice to bob"));
            let version = Some(item.version());
            share(&session, NewShare { slot_id, version, ..NewShare::new(item_id, connection) }).await
        }),
        workflow!("shares.create of a received item", Bob, |scene, session| {
            share(&session, NewShare::new(scene.id("bob's book"), scene.connection("bob to carlos"))).await
        }),
        Workflow {
            to_accomplice: Some("alice.car.vin."),
            ..workflow!("shares.refresh", Alice, |scene, session| {
                session.refresh_shares(&scene.id("car"), &[], &quiet()).await?;
                Ok(Vec::new())
            })
        },
        Workflow {
            to_accomplice: Some("alice.car.vin."),
            ..workflow!("shares.refresh including", Alice, |scene, session| {
                let to_bob = scene.connection("alice to bob").peer.unwrap_or_default();
                let included = IncludedShare {
                    share_id: scene.id("car to bob"),
                    fingerprint: to_bob,
                    scope: None,
                    on_sharing: true,
                    expires_at: None,
                };
                session.refresh_shares(&scene.id("car"), &[included], &quiet()).await?;
                Ok(Vec::new())
            })
        },
        Workflow {
            to_accomplice: Some("alice.car.vin."),
            ..workflow!("tasks.run", Alice, |_scene, session| {
                session.run_tasks(&TaskSelection::default(), &quiet()).await?;
                Ok(Vec::new())
            })
        },
        Workflow {
            to_accomplice: Some("alice.car.vin."),
            ..workflow!("shares.change", Alice, |scene, session| {
                let terms = ShareTerms {
                    share_id: scene.id("car to bob"),
                    item_id: scene.id("car"),
                    connection: scene.connection("alice to bob"),
                    expires_at: Some(Some("2099-01-01T00:00:00.000Z".to_owned())),
                    on_sharing: Some(false),
                };
                session.change_share(&terms).await?;
                session.refresh_shares(&scene.id("car"), &[], &quiet()).await?;
                Ok(Vec::new())
            })
        },
        Workflow {
            to_accomplice: Some("alice.gift."),
            ..workflow!("items.update and shares.refresh", Alice, |scene, session| {
                let value = mark("alice.gift.vin.run");
                let change = ItemChange { slots: vec![slot("vin", &value)], ..ItemChange::default() };
                let shown = update(scene, &session, "gift", &change, vec![("vin", Some(value))]).await?;
                session.refresh_shares(&scene.id("gift"), &[], &quiet()).await?;
                Ok(shown)
            })
        },
        Workflow {
            by_id: Some("alice.gift."),
            ..workflow!("shares.delete, then update and refresh", Alice, |scene, session| {
                session.delete_share(&scene.id("gift to accomplice")).await?;
                update_and_refresh_gift(scene, &session).await
            })
        },
        workflow!("shares.delete of what was listed, then update and refresh", Alice, |scene, session| {
            let listed = session.outgoing_shares(&Default::default(), &all()).await?.entries;
            let gift =
                listed.iter().find(|listed| listed.granted == Some(true) && listed.share.item_id == scene.id("gift"));
            let Some(gift) = gift else { return Ok(Vec::new()) };
            session.delete_share(&gift.share.id).await?;
            update_and_refresh_gift(scene, &session).await
        }),
        Workflow {
            by_id: Some("alice.gift."),
            ..workflow!("connections.delete by id, then update and refresh", Alice, |scene, session| {
                session.delete_connection(&scene.connection("alice to accomplice").id.into()).await?;
                update_and_refresh_gift(scene, &session).await
            })
        },
        workflow!("connections.delete, then update and refresh", Alice, |scene, session| {
            session.delete_connection(&scene.connection("alice to accomplice")).await?;
            update_and_refresh_gift(scene, &session).await
        }),
    ]
}

fn in_spaces() -> Vec<Workflow> {
    vec![
        workflow!("encryptionSpaces.share", Alice, |scene, session| {
            let share = NewSpaceShare::new(scene.id("notable"), scene.connection("alice to bob"));
            session.share_in_space(&share, &quiet()).await?;
            Ok(Vec::new())
        }),
        workflow!("encryptionSpaces.share back", Bob, |scene, session| {
            let share = NewSpaceShare::new(scene.id("notes"), scene.connection("bob to alice"));
            session.share_in_space(&share, &quiet()).await?;
            Ok(Vec::new())
        }),
        workflow!("encryptionSpaces.share in a new space", Bob, |scene, session| {
            let share = NewSpaceShare::new(scene.id("notes"), scene.connection("bob to carlos"));
            session.share_in_space(&share, &quiet()).await?;
            Ok(Vec::new())
        }),
        workflow!("encryptionSpaces.get", Bob, |scene, session| {
            Ok(vec![Shown::InSpace(session.get_space_share(&scene.id("boat to bob")).await?.item)])
        }),
    ]
}

impl Scene {
    pub(crate) fn connection(&self, name: &str) -> ConnectionRef {
        ConnectionRef::parse(&self.names[name]).unwrap()
    }
}

async fn get(scene: &Scene, session: &Session, name: &str) -> Result<Vec<Shown>> {
    Ok(vec![Shown::Item(session.get_item(&scene.id(name)).await?)])
}

async fn get_many(scene: &Scene, session: &Session, names: &[&str]) -> Result<Vec<Shown>> {
    let ids: Vec<Id> = names.iter().map(|name| scene.id(name)).collect();
    let items = session.get_items(&ids, &quiet()).await?;
    Ok(items.into_iter().filter_map(|(_, item)| item.ok()).map(|item| Shown::Item((*item).clone())).collect())
}

/// The values of an item that [`create`] makes.
pub(crate) const CREATED: [(&str, &str); 2] = [("vin", "MARK.run.created.vin"), ("colour", "MARK.run.created.colour")];
pub(crate) const CREATED_LABEL: &str = "The created";

async fn sign_in(scene: &Scene, session: &Session) -> Result<Session> {
    scene.client().sign_in(UserSecret::parse(&session.secret()?)?, PASSPHRASE, &quiet()).await
}

async fn create(session: &Session) -> Result<Vec<Shown>> {
    let mut new = vehicle(&CREATED);
    new.label = CREATED_LABEL.to_owned();
    Ok(vec![Shown::Created(session.create_item(&new, &quiet()).await?)])
}

async fn update(
    scene: &Scene,
    session: &Session,
    name: &str,
    change: &ItemChange,
    values: Vec<(&'static str, Option<String>)>,
) -> Result<Vec<Shown>> {
    let label = change.label.is_some().then_some("The renamed");
    let item = session.update_item(&scene.id(name), change, &quiet()).await?.item;
    let again = session.get_item(&scene.id(name)).await;
    let again = again.ok().map(|item| Shown::Written { item, values: values.clone(), label });
    Ok([Shown::Written { item, values, label }].into_iter().chain(again).collect())
}

async fn update_and_refresh_gift(scene: &Scene, session: &Session) -> Result<Vec<Shown>> {
    let value = mark("alice.gift.vin.run");
    let change = ItemChange { slots: vec![slot("vin", &value)], ..ItemChange::default() };
    let shown = update(scene, session, "gift", &change, vec![("vin", Some(value))]).await?;
    session.refresh_shares(&scene.id("gift"), &[], &quiet()).await?;
    Ok(shown)
}

async fn share(session: &Session, share: NewShare) -> Result<Vec<Shown>> {
    session.create_share(&share, &quiet()).await?;
    Ok(Vec::new())
}
