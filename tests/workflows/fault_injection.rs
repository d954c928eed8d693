//! A fault in each request of each workflow in turn: the error has the right code, and a retry of the call succeeds and
//! leaves nothing twice.

use std::future::Future;

use vaultshare::{
    ErrorCode, Result,
    api::vault::{
        items::ItemFilter,
        shares::{IncomingFilter, OutgoingFilter},
        templates::TemplateFilter,
    },
    crypto::UserSecret,
    http::RequestPolicy,
    workflows::{ConnectionDetails, ItemChange, NewShare, PageRequest, Session},
};

use crate::harness::{Fault, Harness, Network, PASSPHRASE, connect, invitation, quiet, slot, value, vehicle};

/// More requests than any workflow sends.
const MAX_REQUESTS: usize = 40;

/// For each kind of fault, runs a workflow with the fault in its first request, then in its second, and so on, until no
/// request is left to fail. After each failure a retry must succeed; `check` gets its result.
pub(crate) async fn fail_each_request<T>(
    network: &Network,
    workflow: impl AsyncFnMut() -> Result<T>,
    check: impl AsyncFnMut(T, Fault, usize),
) {
    fail_each_request_by(&Fault::ALL, network, workflow, check).await;
}

/// As [`fail_each_request`], for workflows that take too long to be failed in every way.
pub(crate) async fn fail_each_request_by<T>(
    faults: &[Fault],
    network: &Network,
    mut workflow: impl AsyncFnMut() -> Result<T>,
    mut check: impl AsyncFnMut(T, Fault, usize),
) {
    for &fault in faults {
        let mut number = 1;
        loop {
            network.fail(number, fault);
            let outcome = workflow().await;
            let got_through = network.cancel_fault();
            let done = match outcome {
                Err(error) => {
                    assert!(!got_through, "{fault:?} at {number}: an error without a fault: {error:?}");
                    let expected = match fault {
                        Fault::NotSent | Fault::ResponseLost => ErrorCode::Network,
                        Fault::ServerError => ErrorCode::ServerError,
                        Fault::TruncatedResponse => ErrorCode::BadResponse,
                    };
                    assert_eq!(error.code(), expected, "{fault:?} at {number}");
                    workflow().await.unwrap_or_else(|error| panic!("{fault:?} at {number}, again: {error:?}"))
                }
                // An empty response cannot be truncated.
                Ok(done) => {
                    assert!(got_through || fault == Fault::TruncatedResponse, "{fault:?} at {number} went unnoticed");
                    done
                }
            };
            check(done, fault, number).await;
            if got_through {
                break;
            }
            number += 1;
            assert!(number < MAX_REQUESTS, "the workflow never gets through");
        }
        assert!(number > 1, "the workflow sent nothing");
    }
}

/// As [`fail_each_request`], for workflows that create no record.
async fn fail_each_request_unchecked<T>(network: &Network, workflow: impl AsyncFnMut() -> Result<T>) {
    fail_each_request(network, workflow, async |_, _, _| {}).await;
}

/// As [`fail_each_request`], for workflows that create one record each time they succeed.
async fn fail_each_request_creating_one<T, C: Future<Output = usize>>(
    network: &Network,
    workflow: impl AsyncFnMut() -> Result<T>,
    count: impl Fn() -> C,
) {
    let mut expected = count().await;
    fail_each_request(network, workflow, async |_, fault, number| {
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
async fn a_registration_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let mut secrets = Vec::new();
    for _ in 0..150 {
        secrets.push(harness.new_secret().await.as_str().to_owned());
    }
    // Each round registers another secret; both attempts of a round use the same.
    // With the request more that a longer session takes.
    let client = harness.client().with_sessions_of(48 * 60 * 60);
    let round = std::cell::Cell::new(0);
    fail_each_request(
        &harness.network,
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
async fn sign_in_and_sign_out_can_be_retried_after_any_failed_request() {
    let harness = Harness::new().await;
    let client = harness.client();
    fail_each_request_unchecked(&harness.network, async || client.new_secret().await).await;
    let secret = client.new_secret().await.unwrap();
    client.create_user(PASSPHRASE, Some(parse(secret.as_str())), &quiet()).await.unwrap();
    fail_each_request_unchecked(&harness.network, async || {
        client.sign_in(parse(secret.as_str()), PASSPHRASE, &quiet()).await
    })
    .await;

    for fault in Fault::ALL {
        for number in 1..=2 {
            let session = client.sign_in(parse(secret.as_str()), PASSPHRASE, &quiet()).await.unwrap();
            harness.network.fail(number, fault);
            if session.sign_out().await.is_err() {
                assert!(!session.is_closed(), "{fault:?} at {number}");
                session.sign_out().await.unwrap();
            }
            assert!(session.is_closed(), "{fault:?} at {number}");
        }
    }
}

#[tokio::test]
async fn retried_item_calls_create_nothing_twice() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let network = &harness.network;

    fail_each_request_unchecked(network, async || alice.list_templates(&TemplateFilter::default(), &all()).await).await;
    fail_each_request_unchecked(network, async || alice.get_template("vehicle").await).await;
    let new = vehicle(&[("vin", "123")]);
    fail_each_request_creating_one(network, async || alice.create_item(&new, &quiet()).await, || items(&alice)).await;

    let listed = alice.list_items(&ItemFilter::default(), &all()).await.unwrap().entries;
    let ids: Vec<_> = listed.into_iter().map(|item| item.id).collect();
    let id = &ids[0];
    fail_each_request_unchecked(network, async || alice.list_items(&ItemFilter::default(), &all()).await).await;
    fail_each_request_unchecked(network, async || alice.get_item(id).await).await;
    fail_each_request_unchecked(network, async || alice.get_items(&ids, &quiet()).await).await;
    let change = ItemChange { slots: vec![slot("vin", "456"), slot("extra", "one")], ..ItemChange::default() };
    fail_each_request(
        network,
        async || alice.update_item(id, &change, &quiet()).await,
        async |updated, fault, number| {
            let extra = updated.item.slots.iter().filter(|slot| slot.record.name == "extra").count();
            assert_eq!(extra, 1, "slots after {fault:?} at {number}");
        },
    )
    .await;

    let mut left = ids.clone();
    let current = std::cell::RefCell::new(left.pop().unwrap());
    fail_each_request(
        network,
        async || {
            let id = current.borrow().clone();
            alice.delete_item(&id).await
        },
        async |(), fault, number| {
            assert_eq!(items(&alice).await, left.len(), "{fault:?} at {number}");
            let next = match left.pop() {
                Some(id) => id,
                None => alice.create_item(&new, &quiet()).await.unwrap().record.id,
            };
            current.replace(next);
        },
    )
    .await;
}

/// As a page does that shows its list again after an error.
#[tokio::test]
async fn an_item_may_be_read_before_the_call_that_made_it_is_retried() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let new = vehicle(&[("vin", "123")]);
    for number in 1..=2 {
        harness.network.fail(number, Fault::ResponseLost);
        alice.create_item(&new, &quiet()).await.unwrap_err();
        let listed = alice.list_items(&ItemFilter::default(), &all()).await.unwrap().entries;
        let ids: Vec<_> = listed.into_iter().map(|item| item.id).collect();
        let shown = alice.get_items(&ids, &quiet()).await.unwrap();
        let made = alice.create_item(&new, &quiet()).await.unwrap();
        assert_eq!(value(&made, "vin"), Some("123"));
        assert!(shown.iter().any(|(id, _)| *id == made.record.id) && items(&alice).await == number, "{number}");
    }
}

#[tokio::test]
async fn a_retried_removal_of_a_slot_succeeds() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let names: Vec<_> = (0..24).map(|number| format!("extra_{number}")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), "one")).collect();
    let item = alice.create_item(&vehicle(&values), &quiet()).await.unwrap();
    let mut remaining: Vec<_> = item
        .slots
        .iter()
        .filter(|slot| slot.record.name.starts_with("extra"))
        .map(|slot| slot.record.id.clone())
        .collect();
    let current = std::cell::RefCell::new(remaining.pop().unwrap());
    fail_each_request(
        &harness.network,
        async || {
            let id = current.borrow().clone();
            alice.remove_slot(&id).await
        },
        async |(), _, _| {
            current.replace(remaining.pop().unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn retried_invitations_and_acceptances_connect_each_pair_once() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let network = &harness.network;
    let count = || async { alice.list_invitations(&all()).await.unwrap().entries.len() };
    fail_each_request_creating_one(
        network,
        async || alice.create_invitation(&invitation("Bob"), &quiet()).await,
        count,
    )
    .await;
    fail_each_request_unchecked(network, async || alice.list_invitations(&all()).await).await;

    // Each round is another invitee, connected by the round's own invitation.
    let mut round = Round::new(&harness, &alice).await;
    let current = std::cell::RefCell::new(round.clone());
    let mut connected = 0;
    fail_each_request(
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
            round = Round::new(&harness, &alice).await;
            current.replace(round.clone());
        },
    )
    .await;

    fail_each_request_unchecked(network, async || alice.list_connections(&all()).await).await;
    let ids: Vec<_> =
        alice.list_connections(&all()).await.unwrap().entries.into_iter().map(|entry| entry.record.own.id).collect();
    fail_each_request_unchecked(network, async || alice.get_connection(&ids[0].clone().into()).await).await;
    let mut remaining = ids.clone();
    let current = std::cell::RefCell::new(remaining.pop().unwrap());
    fail_each_request(
        network,
        async || {
            let id = current.borrow().clone();
            alice.delete_connection(&id.clone().into()).await
        },
        async |(), _, _| {
            current.replace(remaining.pop().unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn a_connection_and_its_shares_end_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    // Each round is another connection, with a share in each direction.
    let next = async || {
        let bob = harness.user().await;
        let to_bob = connect(&alice, &bob).await;
        let to_alice = alice.get_connection(&to_bob.clone().into()).await.unwrap().record.the_other_user.id;
        for (user, connection) in [(&alice, to_bob.clone()), (&bob, to_alice)] {
            let item = user.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
            user.create_share(&NewShare::new(item.record.id, connection), &quiet()).await.unwrap();
        }
        (bob, to_bob)
    };
    let current = std::cell::RefCell::new(next().await);
    fail_each_request(
        &harness.network,
        async || {
            let id = current.borrow().1.clone();
            alice.delete_connection_and_shares(&id.into()).await
        },
        async |(), fault, number| {
            let (bob, _) = current.replace(next().await);
            assert_eq!(items(&bob).await, 1, "{fault:?} at {number}");
            let others = IncomingFilter::default();
            assert_eq!(alice.incoming_shares(&others, &all()).await.unwrap().entries.len(), 1, "{fault:?} at {number}");
        },
    )
    .await;
}

/// The server has stored it, and answers the retry with a conflict: with the change itself.
#[tokio::test]
async fn an_update_that_is_retried_by_itself_is_no_conflict() {
    let harness = Harness::new().await;
    let client = harness.retrying_client(RequestPolicy { retries: 2, ..RequestPolicy::default() });
    let alice = client.create_user(PASSPHRASE, None, &quiet()).await.unwrap();
    let item = alice.create_item(&vehicle(&[("vin", "0")]), &quiet()).await.unwrap().record.id;
    for number in 1..MAX_REQUESTS {
        let vin = number.to_string();
        let change =
            ItemChange { slots: vec![slot("vin", &vin), slot(&format!("new {vin}"), &vin)], ..Default::default() };
        harness.network.fail(number, Fault::ResponseLost);
        let updated = alice.update_item(&item, &change, &quiet()).await.unwrap().item;
        let got_through = harness.network.cancel_fault();
        for item in [updated, alice.get_item(&item).await.unwrap()] {
            assert_eq!(value(&item, "vin"), Some(vin.as_str()), "at {number}");
            assert_eq!(value(&item, &format!("new_{vin}")), Some(vin.as_str()), "at {number}");
        }
        if got_through {
            return;
        }
    }
}

/// As by a double click, or by two fields of a page that save by themselves.
#[tokio::test]
async fn changes_of_one_item_at_the_same_time_are_all_kept() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = alice.create_item(&vehicle(&[("vin", "0")]), &quiet()).await.unwrap().record.id;
    let change = |name: &str, value: &str| ItemChange { slots: vec![slot(name, value)], ..Default::default() };
    let quiet = quiet();
    let mut changes: Vec<ItemChange> = (0..20).map(|number| change(&format!("field_{number}"), "typed")).collect();
    changes.extend([
        change("vin", "123"),
        change("licence_plate", "X"),
        change("colour", "red"),
        change("colour", "red"),
    ]);
    let updates = changes.iter().map(|change| alice.update_item(&item, change, &quiet));
    for updated in futures_util::future::join_all(updates).await {
        updated.unwrap();
    }
    let item = alice.get_item(&item).await.unwrap();
    for (name, typed) in [("vin", "123"), ("licence_plate", "X"), ("colour", "red")] {
        assert_eq!(value(&item, name), Some(typed), "{name}");
    }
    assert_eq!(item.slots.iter().filter(|slot| slot.record.label == "colour").count(), 1);
    assert_eq!(item.slots.iter().filter(|slot| slot.value.as_deref() == Some("typed")).count(), 20);
}

#[tokio::test]
async fn a_list_in_pages_leaves_out_nothing_that_was_there_all_the_time() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(alice.create_item(&vehicle(&[]), &quiet()).await.unwrap().record.id);
    }
    let (mut seen, mut page) = (Vec::new(), PageRequest { per_page: Some(2), ..PageRequest::default() });
    loop {
        let listed = alice.list_items(&ItemFilter::default(), &page).await.unwrap();
        // What the page ends with goes, and another comes.
        let last = listed.entries.last().unwrap().id.clone();
        seen.extend(listed.entries.into_iter().map(|item| item.id));
        alice.delete_item(&last).await.unwrap();
        alice.create_item(&vehicle(&[]), &quiet()).await.unwrap();
        let Some(next) = listed.next else { break };
        page.after = Some(next);
    }
    assert!(made.iter().all(|id| seen.contains(id)));
}

/// An invitee with an invitation of their own.
#[derive(Clone)]
struct Round {
    invitee: Session,
    details: ConnectionDetails,
}

impl Round {
    async fn new(harness: &Harness, inviter: &Session) -> Round {
        let token = inviter.create_invitation(&invitation("Bob"), &quiet()).await.unwrap().token;
        let details = ConnectionDetails { token, name: "Alice".to_owned(), ..ConnectionDetails::default() };
        Round { invitee: harness.user().await, details }
    }
}

#[tokio::test]
async fn a_retried_cancellation_of_an_invitation_succeeds() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let current = std::cell::RefCell::new(None);
    let next = async || alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap().id;
    current.replace(next().await);
    fail_each_request(
        &harness.network,
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
async fn a_retried_share_is_created_once() {
    let harness = Harness::new().await;
    let (alice, bob, connection_id) = harness.alice_and_bob().await;
    let network = &harness.network;
    let item_id = std::cell::RefCell::new(None);
    let next = async || alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap().record.id;
    item_id.replace(Some(next().await));
    let mut made = 0;
    fail_each_request(
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
    fail_each_request_unchecked(network, async || bob.incoming_shares(&IncomingFilter::default(), &all()).await).await;
    fail_each_request_unchecked(network, async || alice.outgoing_shares(&OutgoingFilter::default(), &all()).await)
        .await;
    fail_each_request_unchecked(network, async || bob.share_info(id).await).await;
    fail_each_request_unchecked(network, async || alice.share_info(id).await).await;
    fail_each_request_unchecked(network, async || bob.accept_share(id).await).await;
    fail_each_request_unchecked(network, async || bob.get_share(id).await).await;
    fail_each_request_unchecked(network, async || alice.get_share(id).await).await;
    let mut remaining: Vec<_> = incoming.iter().map(|share| share.id.clone()).collect();
    for _ in 0..12 {
        let share = NewShare::new(next().await, connection_id.clone());
        remaining.push(alice.create_share(&share, &quiet()).await.unwrap().id);
    }
    let current = std::cell::RefCell::new(remaining.pop().unwrap());
    fail_each_request(
        network,
        async || {
            let id = current.borrow().clone();
            alice.delete_share(&id).await
        },
        async |(), _, _| {
            current.replace(remaining.pop().unwrap());
        },
    )
    .await;
}

#[tokio::test]
async fn a_retried_first_read_of_a_share_succeeds() {
    let harness = Harness::new().await;
    let (alice, bob, connection_id) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id, connection_id);
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    let secret = bob.secret().unwrap();
    let client = harness.client();
    // Only a new session fetches the key pair.
    let current = std::cell::RefCell::new(bob.clone());
    fail_each_request(
        &harness.network,
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
async fn a_retried_refresh_updates_every_share() {
    let harness = Harness::new().await;
    let (alice, bob, connection_id) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "0")]), &quiet()).await.unwrap();
    let share = NewShare::new(item.record.id.clone(), connection_id);
    let share = alice.create_share(&share, &quiet()).await.unwrap();
    fail_each_request(
        &harness.network,
        async || alice.refresh_shares(&item.record.id, &[], &quiet()).await,
        async |refreshed, _, _| {
            assert_eq!(refreshed.shares, 1);
            bob.get_share(&share.id).await.unwrap();
        },
    )
    .await;
    fail_each_request_unchecked(&harness.network, async || alice.count_tasks().await).await;
}
