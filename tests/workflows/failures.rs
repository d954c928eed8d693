//! Each request of each workflow fails in turn: a typed error each time, and the same call made again succeeds and leaves
//! nothing twice.

use std::future::Future;

use vaultshare::{
    ErrorCode, Result,
    api::vault::{
        items::ItemFilter,
        shares::{IncomingFilter, OutgoingFilter},
        templates::TemplateFilter,
    },
    crypto::UserSecret,
    workflows::{ConnectionDetails, ItemChange, NewShare, PageRequest, Session},
};

use crate::world::{Fault, Network, PASSPHRASE, World, invitation, quiet, slot, vehicle};

/// More requests than any workflow sends.
const ENOUGH: usize = 40;

/// Runs a workflow with its first request failing, then its second, and so on, until it gets through; in every manner of
/// failing. After each failure it is run again and must succeed; `check` is then told so.
pub(crate) async fn fail_in_turn<T>(
    network: &Network,
    mut workflow: impl AsyncFnMut() -> Result<T>,
    mut check: impl AsyncFnMut(T, Fault, usize),
) {
    for fault in Fault::ALL {
        let mut number = 1;
        loop {
            network.fail(number, fault);
            let outcome = workflow().await;
            let got_through = network.takes_back_fault();
            let done = match outcome {
                Err(error) => {
                    assert!(!got_through, "{fault:?} at {number}: an error without a fault: {error:?}");
                    let expected = match fault {
                        Fault::NotSent | Fault::ReplyLost => ErrorCode::Network,
                        Fault::ServerError => ErrorCode::ServerError,
                        Fault::TruncatedReply => ErrorCode::BadResponse,
                    };
                    assert_eq!(error.code(), expected, "{fault:?} at {number}");
                    workflow().await.unwrap_or_else(|error| panic!("{fault:?} at {number}, again: {error:?}"))
                }
                // A reply without content cannot be truncated.
                Ok(done) => {
                    assert!(got_through || fault == Fault::TruncatedReply, "{fault:?} at {number} went unnoticed");
                    done
                }
            };
            check(done, fault, number).await;
            if got_through {
                break;
            }
            number += 1;
            assert!(number < ENOUGH, "the workflow never gets through");
        }
        assert!(number > 1, "the workflow sent nothing");
    }
}

/// As [`fail_in_turn`], for workflows that make no record.
async fn fail_in_turn_without_trace<T>(network: &Network, workflow: impl AsyncFnMut() -> Result<T>) {
    fail_in_turn(network, workflow, async |_, _, _| {}).await;
}

/// As [`fail_in_turn`], for workflows that make one record each time they succeed.
async fn fail_in_turn_making_one<T, C: Future<Output = usize>>(
    network: &Network,
    workflow: impl AsyncFnMut() -> Result<T>,
    count: impl Fn() -> C,
) {
    let mut expected = count().await;
    fail_in_turn(network, workflow, async |_, fault, number| {
        expected += 1;
        assert_eq!(count().await, expected, "records after {fault:?} at {number}");
    })
    .await;
}

async fn items(session: &Session) -> usize {
    session.list_items(&ItemFilter::default(), &all()).await.unwrap().entries.len()
}

fn all() -> PageRequest {
    PageRequest { all: true, ..PageRequest::default() }
}

fn parse(secret: &str) -> UserSecret {
    UserSecret::parse(secret).unwrap()
}

#[tokio::test]
async fn signing_up() {
    let world = World::new().await;
    let mut secrets = Vec::new();
    for _ in 0..150 {
        secrets.push(world.new_secret().await.as_str().to_owned());
    }
    // A registration belongs to its secret: each round takes the next, and both of its attempts the same.
    let client = world.client();
    let round = std::cell::Cell::new(0);
    fail_in_turn(
        &world.network,
        async || client.create_user(PASSPHRASE, Some(parse(&secrets[round.get()])), &quiet()).await,
        async |session: Session, fault, number| {
            let made = session.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
            let again = client.sign_in(parse(&secrets[round.get()]), PASSPHRASE, &quiet()).await;
            let again = again.unwrap_or_else(|error| panic!("{fault:?} at {number}: {error:?}"));
            assert_eq!(again.user_id(), session.user_id(), "{fault:?} at {number}");
            again.get_item(&made.record.id).await.unwrap();
            round.set(round.get() + 1);
        },
    )
    .await;
}

#[tokio::test]
async fn reserving_a_username_and_signing_in_and_out() {
    let world = World::new().await;
    let client = world.client();
    fail_in_turn_without_trace(&world.network, async || client.new_secret().await).await;
    let secret = client.new_secret().await.unwrap();
    client.create_user(PASSPHRASE, Some(parse(secret.as_str())), &quiet()).await.unwrap();
    fail_in_turn_without_trace(&world.network, async || {
        client.sign_in(parse(secret.as_str()), PASSPHRASE, &quiet()).await
    })
    .await;

    for fault in Fault::ALL {
        for number in 1..=2 {
            let session = client.sign_in(parse(secret.as_str()), PASSPHRASE, &quiet()).await.unwrap();
            world.network.fail(number, fault);
            if session.sign_out().await.is_err() {
                assert!(!session.is_closed(), "{fault:?} at {number}");
                session.sign_out().await.unwrap();
            }
            assert!(session.is_closed(), "{fault:?} at {number}");
        }
    }
}

#[tokio::test]
async fn keeping_items() {
    let world = World::new().await;
    let alice = world.user().await;
    let network = &world.network;

    fail_in_turn_without_trace(network, async || alice.list_templates(&TemplateFilter::default(), &all()).await).await;
    fail_in_turn_without_trace(network, async || alice.get_template("vehicle").await).await;
    let new = vehicle(&[("vin", "123")]);
    fail_in_turn_making_one(network, async || alice.create_item(&new, &quiet()).await, || items(&alice)).await;

    let listed = alice.list_items(&ItemFilter::default(), &all()).await.unwrap().entries;
    let ids: Vec<_> = listed.into_iter().map(|item| item.id).collect();
    let id = &ids[0];
    fail_in_turn_without_trace(network, async || alice.list_items(&ItemFilter::default(), &all()).await).await;
    fail_in_turn_without_trace(network, async || alice.get_item(id).await).await;
    fail_in_turn_without_trace(network, async || alice.get_items(&ids, &quiet()).await).await;
    let change = ItemChange { slots: vec![slot("vin", "456"), slot("extra", "one")], ..ItemChange::default() };
    fail_in_turn(
        network,
        async || alice.update_item(id, &change, &quiet()).await,
        async |updated, fault, number| {
            let extra = updated.item.slots.iter().filter(|slot| slot.record.name == "extra").count();
            assert_eq!(extra, 1, "slots after {fault:?} at {number}");
        },
    )
    .await;

    let mut left = ids.clone();
    let doomed = std::cell::RefCell::new(left.pop().unwrap());
    fail_in_turn(
        network,
        async || {
            let id = doomed.borrow().clone();
            alice.delete_item(&id).await
        },
        async |(), fault, number| {
            assert_eq!(items(&alice).await, left.len(), "{fault:?} at {number}");
            let next = match left.pop() {
                Some(id) => id,
                None => alice.create_item(&new, &quiet()).await.unwrap().record.id,
            };
            doomed.replace(next);
        },
    )
    .await;
}

#[tokio::test]
async fn removing_slots() {
    let world = World::new().await;
    let alice = world.user().await;
    let names: Vec<_> = (0..12).map(|number| format!("extra_{number}")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), "one")).collect();
    let item = alice.create_item(&vehicle(&values), &quiet()).await.unwrap();
    let mut doomed: Vec<_> = item
        .slots
        .iter()
        .filter(|slot| slot.record.name.starts_with("extra"))
        .map(|slot| slot.record.id.clone())
        .collect();
    let current = std::cell::RefCell::new(doomed.pop().unwrap());
    fail_in_turn(
        &world.network,
        async || {
            let id = current.borrow().clone();
            alice.remove_slot(&id).await
        },
        async |(), _, _| {
            current.replace(doomed.pop().unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn inviting_and_connecting() {
    let world = World::new().await;
    let alice = world.user().await;
    let network = &world.network;
    let count = || async { alice.list_invitations(&all()).await.unwrap().entries.len() };
    fail_in_turn_making_one(network, async || alice.create_invitation(&invitation("Bob"), &quiet()).await, count).await;
    fail_in_turn_without_trace(network, async || alice.list_invitations(&all()).await).await;

    // Each round is another invitee, connected by the round's own invitation.
    let mut round = Round::new(&world, &alice).await;
    let current = std::cell::RefCell::new(round.clone());
    let mut connected = 0;
    fail_in_turn(
        network,
        async || {
            let Round { invitee, details } = current.borrow().clone();
            invitee.accept_invitation(&details, &quiet()).await
        },
        async |connection, fault, number| {
            connected += 1;
            let connections = alice.list_connections(&all()).await.unwrap().entries;
            assert_eq!(connections.len(), connected, "{fault:?} at {number}");
            assert!(connections.iter().any(|other| other.safety_number == connection.safety_number));
            round = Round::new(&world, &alice).await;
            current.replace(round.clone());
        },
    )
    .await;

    fail_in_turn_without_trace(network, async || alice.list_connections(&all()).await).await;
    let ids: Vec<_> =
        alice.list_connections(&all()).await.unwrap().entries.into_iter().map(|entry| entry.record.own.id).collect();
    fail_in_turn_without_trace(network, async || alice.get_connection(&ids[0]).await).await;
    let mut doomed = ids.clone();
    let current = std::cell::RefCell::new(doomed.pop().unwrap());
    fail_in_turn(
        network,
        async || {
            let id = current.borrow().clone();
            alice.delete_connection(&id).await
        },
        async |(), _, _| {
            current.replace(doomed.pop().unwrap());
        },
    )
    .await;
}

/// An invitee with an invitation of their own.
#[derive(Clone)]
struct Round {
    invitee: Session,
    details: ConnectionDetails,
}

impl Round {
    async fn new(world: &World, inviter: &Session) -> Round {
        let token = inviter.create_invitation(&invitation("Bob"), &quiet()).await.unwrap().token;
        let details = ConnectionDetails { token, name: "Alice".to_owned(), ..ConnectionDetails::default() };
        Round { invitee: world.user().await, details }
    }
}

#[tokio::test]
async fn cancelling_invitations() {
    let world = World::new().await;
    let alice = world.user().await;
    let current = std::cell::RefCell::new(None);
    let next = async || alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap().id;
    current.replace(next().await);
    fail_in_turn(
        &world.network,
        async || {
            let id = current.borrow().clone().unwrap();
            alice.cancel_invitation(&id).await
        },
        async |(), _, _| {
            current.replace(next().await);
        },
    )
    .await;
}

#[tokio::test]
async fn sharing() {
    let world = World::new().await;
    let (alice, bob, connection_id) = world.alice_and_bob().await;
    let network = &world.network;
    let item_id = std::cell::RefCell::new(None);
    let next = async || alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    item_id.replace(Some(next().await));
    let mut made = 0;
    fail_in_turn(
        network,
        async || {
            let share = NewShare {
                terms: Some("Be nice".to_owned()),
                ..NewShare::new(item_id.borrow().clone().unwrap(), connection_id.clone())
            };
            alice.create_share(&share, &quiet()).await
        },
        async |share, fault, number| {
            made += 1;
            let incoming = bob.incoming_shares(&IncomingFilter::default(), &all()).await.unwrap().entries;
            assert_eq!(incoming.len(), made, "shares after {fault:?} at {number}");
            bob.accept_share(&share.id).await.unwrap();
            bob.get_share(&share.id).await.unwrap();
            item_id.replace(Some(next().await));
        },
    )
    .await;

    let incoming = bob.incoming_shares(&IncomingFilter::default(), &all()).await.unwrap().entries;
    let id = &incoming[0].id;
    fail_in_turn_without_trace(network, async || bob.incoming_shares(&IncomingFilter::default(), &all()).await).await;
    fail_in_turn_without_trace(network, async || alice.outgoing_shares(&OutgoingFilter::default(), &all()).await).await;
    fail_in_turn_without_trace(network, async || bob.share_info(id).await).await;
    fail_in_turn_without_trace(network, async || alice.share_info(id).await).await;
    fail_in_turn_without_trace(network, async || bob.accept_share(id).await).await;
    fail_in_turn_without_trace(network, async || bob.get_share(id).await).await;
    fail_in_turn_without_trace(network, async || alice.get_share(id).await).await;
    let mut doomed: Vec<_> = incoming.iter().map(|share| share.id.clone()).collect();
    let current = std::cell::RefCell::new(doomed.pop().unwrap());
    fail_in_turn(
        network,
        async || {
            let id = current.borrow().clone();
            alice.delete_share(&id).await
        },
        async |(), _, _| {
            current.replace(doomed.pop().unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn reading_a_share_for_the_first_time() {
    let world = World::new().await;
    let (alice, bob, connection_id) = world.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id, connection_id);
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    let secret = bob.secret().unwrap();
    let client = world.client();
    // A new session has the key pair still to fetch.
    let current = std::cell::RefCell::new(bob.clone());
    fail_in_turn(
        &world.network,
        async || {
            let session = current.borrow().clone();
            session.get_share(&share.id).await
        },
        async |_, _, _| {
            current.replace(client.sign_in(parse(&secret), PASSPHRASE, &quiet()).await.unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn updating_shares() {
    let world = World::new().await;
    let (alice, bob, connection_id) = world.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "0")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id.clone(), connection_id);
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    fail_in_turn(
        &world.network,
        async || alice.refresh_shares(&item.record.id, &quiet()).await,
        async |refreshed, _, _| {
            assert_eq!(refreshed.shares, 1);
            bob.get_share(&share.id).await.unwrap();
        },
    )
    .await;
    fail_in_turn_without_trace(&world.network, async || alice.count_tasks().await).await;
}
