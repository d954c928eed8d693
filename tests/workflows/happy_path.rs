//! The happy path of `docs/protocol/guides.md`: Alice creates an item, connects with Bob and shares it; Bob reads it.

use vaultshare::{
    ErrorCode,
    api::vault::{
        classification_nodes::{NewNode, NodeFilter},
        client_tasks::ClientTaskFilter,
        items::ItemFilter,
        shares::{Acceptance, IncomingFilter, OutgoingFilter},
        templates::TemplateFilter,
    },
    crypto::UserSecret,
    http::RequestPolicy,
    workflows::{Classification, ItemChange, NewItem, NewShare, NewSlot, NewTemplate, PageRequest, TaskSelection},
};

use crate::harness::{Fault, Harness, PASSPHRASE, accept, connect, invitation, quiet, slot, value, vehicle};

#[tokio::test]
async fn bob_reads_what_alice_shared() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let values = [("licence_plate", "NotACatDefsACar"), ("model_make", "DeLorean DMC-12, größer als „1.21 GW“ ⚡")];
    let item = alice.create_item(&vehicle(&values), &quiet()).await.unwrap();
    assert_eq!(value(&item, "licence_plate"), Some("NotACatDefsACar"));
    assert_eq!(value(&item, "vin"), None);

    let share = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    assert_eq!(share.acceptance_required, Acceptance::AcceptanceNotRequired);

    let incoming = bob.incoming_shares(&IncomingFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(incoming.entries.iter().map(|share| &share.id).collect::<Vec<_>>(), [&share.id]);
    let received = bob.get_share(&share.id).await.unwrap();
    for (name, expected) in values {
        assert_eq!(value(&received.item, name), Some(expected));
    }
    assert!(!received.item.record.own);
    assert_ne!(received.item.record.id, item.record.id);
    assert_eq!(received.item.record.original_id.as_ref(), Some(&item.record.id));
    assert_eq!(received.share.sender_id, *alice.user_id());
    assert_eq!(received.share.recipient_id, *bob.user_id());

    let by_item = bob.get_item(&received.item.record.id).await.unwrap();
    assert_eq!(value(&by_item, "licence_plate"), Some("NotACatDefsACar"));
    let sent = alice.get_share(&share.id).await.unwrap();
    assert_eq!(value(&sent.item, "licence_plate"), Some("NotACatDefsACar"));
    let outgoing = alice.outgoing_shares(&OutgoingFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(outgoing.entries.len(), 1);
}

#[tokio::test]
async fn who_is_invited_signs_up_and_who_is_not_reads_why() {
    let harness = Harness::by_invitation().await;
    let refused = harness.client().create_user(PASSPHRASE, None, &quiet()).await.err().unwrap();
    assert_eq!((refused.code(), refused.server_code()), (ErrorCode::Forbidden, Some("invitation_required")));
    assert!(refused.to_string().contains("takes new users by invitation"), "{refused}");
    let (invitation, _) = harness.server.invite_user().await.unwrap();
    let alice = harness.invited_client(invitation.clone()).create_user(PASSPHRASE, None, &quiet()).await.unwrap();
    // To sign in she needs none, and hers is used up.
    harness.new_session(&alice).await;
    assert!(harness.invited_client(invitation).create_user(PASSPHRASE, None, &quiet()).await.is_err());
}

#[tokio::test]
async fn terms_are_accepted_before_anything_is_read() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share =
        NewShare { terms: Some("Be nice".to_owned()), ..NewShare::new(item.record.id.clone(), connection.clone()) };
    let share = alice.create_share(&share, &quiet()).await.unwrap();

    let refused = bob.get_share(&share.id).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AcceptanceRequired);
    let seen = bob.share_info(&share.id).await.unwrap();
    assert_eq!((seen.terms.as_deref(), seen.encrypted_dek), (Some("Be nice"), None));

    let accepted = bob.accept_share(&share.id).await.unwrap();
    assert_eq!(accepted.acceptance_required, Acceptance::Accepted);
    let read = bob.get_share(&share.id).await.unwrap();
    assert_eq!(value(&read.item, "vin"), Some("123"));
}

#[tokio::test]
async fn a_share_of_one_slot_brings_that_slot() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123"), ("power", "1.21 GW")]), &quiet()).await.unwrap();
    let vin = item.slots.iter().find(|slot| slot.record.name == "vin").unwrap().record.id.clone();
    let share = NewShare { slot_id: Some(vin), ..NewShare::new(item.record.id.clone(), connection.clone()) };
    let share = alice.create_share(&share, &quiet()).await.unwrap();

    let read = bob.get_share(&share.id).await.unwrap();
    let names: Vec<_> = read.item.slots.iter().map(|slot| slot.record.name.as_str()).collect();
    assert_eq!((names.as_slice(), value(&read.item, "vin")), (["vin"].as_slice(), Some("123")));
}

#[tokio::test]
async fn either_side_deletes_a_share() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    for deleter in [&alice, &bob] {
        let share =
            alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
        deleter.delete_share(&share.id).await.unwrap();
        assert_eq!(bob.get_share(&share.id).await.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(deleter.delete_share(&share.id).await.unwrap_err().code(), ErrorCode::NotFound);
    }
    assert!(bob.list_items(&ItemFilter::default(), &PageRequest::default()).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn an_item_is_changed_and_its_slots_emptied_added_and_removed() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = alice.create_item(&vehicle(&[("vin", "123"), ("power", "1.21 GW")]), &quiet()).await.unwrap();
    let mut emptied = slot("power", "");
    emptied.value = Some(None);
    let mut added = slot("", "88 mph");
    (added.name, added.label) = (None, Some("Top Speed".to_owned()));
    let change = ItemChange {
        label: Some("Time machine".to_owned()),
        slots: vec![slot("vin", "456"), emptied, added],
        ..ItemChange::default()
    };
    let updated = alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    assert_eq!((updated.outstanding_tasks.todo, updated.outstanding_tasks.in_progress), (0, 0));

    let read = alice.get_item(&item.record.id).await.unwrap();
    assert_eq!(read.record.label, "Time machine");
    assert_eq!(
        (value(&read, "vin"), value(&read, "power"), value(&read, "top_speed")),
        (Some("456"), None, Some("88 mph"))
    );

    let speed = read.slots.iter().find(|slot| slot.record.name == "top_speed").unwrap();
    alice.remove_slot(&speed.record.id).await.unwrap();
    let read = alice.get_item(&item.record.id).await.unwrap();
    assert!(read.slots.iter().all(|slot| slot.record.name != "top_speed"));

    alice.delete_item(&item.record.id).await.unwrap();
    assert_eq!(alice.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_change_reaches_the_recipient_when_the_owners_client_runs_its_task() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let share = alice.create_share(&NewShare::new(item.record.id.clone(), connection.clone()), &quiet()).await.unwrap();
    let change = ItemChange { slots: vec![slot("vin", "456"), slot("power", "1.21 GW")], ..ItemChange::default() };
    let updated = alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    assert_eq!(updated.outstanding_tasks.todo, 1);
    assert_eq!(value(&bob.get_share(&share.id).await.unwrap().item, "vin"), Some("123"));

    let run = alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    assert_eq!((run.completed.len(), run.failed.len()), (1, 0));
    assert_eq!(alice.count_tasks().await.unwrap().todo, 0);
    let tasks = alice.list_tasks(&ClientTaskFilter::default(), &PageRequest::default()).await.unwrap();
    assert!(tasks.entries.is_empty());
    let read = bob.get_share(&share.id).await.unwrap();
    assert_eq!((value(&read.item, "vin"), value(&read.item, "power")), (Some("456"), Some("1.21 GW")));
}

#[tokio::test]
async fn many_items_are_read_at_once_and_one_that_is_missing_hides_no_other() {
    let harness = Harness::new().await;
    let (alice, bob, connection) = harness.alice_and_bob().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let vin = format!("vin {number}");
        ids.push(alice.create_item(&vehicle(&[("vin", &vin)]), &quiet()).await.unwrap().record.id);
    }
    let own = bob.create_item(&vehicle(&[("vin", "Bob's")]), &quiet()).await.unwrap().record.id;
    alice.create_share(&NewShare::new(ids[1].clone(), connection.clone()), &quiet()).await.unwrap();
    let received_only = ItemFilter { own: Some(false), ..ItemFilter::default() };
    let received = bob.list_items(&received_only, &PageRequest::default()).await.unwrap().entries[0].id.clone();

    harness.network.log();
    let read = bob.get_items(&[own, ids[0].clone(), received], &quiet()).await.unwrap();
    let values: Vec<_> = read
        .iter()
        .map(|(_, item)| item.as_ref().map(|item| value(item, "vin").map(str::to_owned)).map_err(|error| error.code()))
        .collect();
    assert_eq!(values, [Ok(Some("Bob's".to_owned())), Err(ErrorCode::NotFound), Ok(Some("vin 1".to_owned()))]);
    let requests = harness.network.log();
    assert_eq!(requests.len(), 2, "items and their shares; the key pair is at hand: {requests:?}");
}

#[tokio::test]
async fn both_sides_of_a_connection_see_the_same_safety_number_and_their_own_names() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let made = alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap();
    let invitations = alice.list_invitations(&PageRequest::default()).await.unwrap();
    assert_eq!(invitations.entries[0].id, made.id);
    let bobs = accept(&bob, &made.token, "Alice").await;
    let alices = alice.list_connections(&PageRequest::default()).await.unwrap().entries.remove(0);
    assert_eq!(alices.safety_number, bobs.safety_number);
    assert_eq!((alices.name.as_deref(), bobs.name.as_deref()), (Some("Bob"), Some("Alice")));
    assert_eq!(alices.record.own.user_public_key, bobs.record.the_other_user.user_public_key);

    let again = alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap();
    let details = vaultshare::workflows::ConnectionDetails { token: again.token, ..Default::default() };
    let refused = bob.accept_invitation(&details, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AlreadyConnected);

    bob.delete_connection(&bobs.record.own.id.clone().into()).await.unwrap();
    let gone = alice.get_connection(&alices.record.own.id.clone().into()).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_cancelled_invitation_connects_nobody() {
    let harness = Harness::new().await;
    let (alice, bob) = (harness.user().await, harness.user().await);
    let made = alice.create_invitation(&invitation("Bob"), &quiet()).await.unwrap();
    alice.cancel_invitation(&made.id.unwrap()).await.unwrap();
    let details = vaultshare::workflows::ConnectionDetails { token: made.token, ..Default::default() };
    let refused = bob.accept_invitation(&details, &quiet()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn templates_are_listed_and_found_by_name_and_by_id() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let all = alice.list_templates(&TemplateFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(all.entries.len(), 13);
    let vehicle = alice.get_template("vehicle").await.unwrap();
    let slots: Vec<_> = vehicle.slots.iter().map(|slot| slot.name.as_str()).collect();
    for name in
        ["model_make", "licence_plate", "vin", "type", "purchase_date", "power", "image", "tags", "story_category"]
    {
        assert!(slots.contains(&name), "{name} in {slots:?}");
    }
    assert_eq!(alice.get_template(vehicle.record.id.as_str()).await.unwrap().record.name, "vehicle");
    assert_eq!(alice.get_template("spaceship").await.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn whoever_signs_in_again_reads_the_same() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    let first = harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    let item = first.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    first.sign_out().await.unwrap();
    assert_eq!(first.get_item(&item.record.id).await.unwrap_err().code(), ErrorCode::SessionClosed);

    let second = harness.client().sign_in(clone(&secret), PASSPHRASE, &quiet()).await.unwrap();
    assert_eq!(second.user_id(), first.user_id());
    assert_eq!(value(&second.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));

    let refused = harness.client().sign_in(clone(&secret), "another passphrase", &quiet()).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::LoginFailed);
    let stranger = harness.new_secret().await;
    let refused = harness.client().sign_in(stranger, PASSPHRASE, &quiet()).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::LoginFailed);
}

#[tokio::test]
async fn a_registration_that_was_finished_is_only_a_sign_in_and_loses_nothing() {
    let harness = Harness::new().await;
    let secret = harness.new_secret().await;
    let first = harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    let item = first.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let again = harness.client().create_user(PASSPHRASE, Some(clone(&secret)), &quiet()).await.unwrap();
    assert_eq!(again.user_id(), first.user_id());
    assert_eq!(value(&again.get_item(&item.record.id).await.unwrap(), "vin"), Some("123"));
}

#[tokio::test]
async fn only_requests_that_are_safe_to_repeat_are_retried() {
    let harness = Harness::new().await;
    let client = harness.retrying_client(RequestPolicy { retries: 2, ..RequestPolicy::default() });
    let alice = client.create_user(PASSPHRASE, None, &quiet()).await.unwrap();
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::TruncatedResponse) {
        harness.network.log();
        harness.network.fail(1, fault);
        alice.get_item(&item.record.id).await.unwrap();
        assert_eq!(harness.network.log().len(), 2, "{fault:?}");

        harness.network.fail(1, fault);
        alice.create_item(&vehicle(&[]), &quiet()).await.unwrap_err();
        assert_eq!(harness.network.log().len(), 1, "{fault:?}");
    }
    harness.network.fail(1, Fault::ResponseLost);
    alice.delete_item(&item.record.id).await.unwrap();
}

#[tokio::test]
async fn a_request_without_a_response_times_out() {
    let harness = Harness::new().await;
    harness.network.hang();
    // Paused, tokio's clock jumps to the next timer, which is the request's deadline.
    tokio::time::pause();
    let refused = harness.client().new_secret().await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Timeout);
}

#[tokio::test]
async fn three_connected_users_keep_their_connections_apart() {
    let harness = Harness::new().await;
    let (alice, bob, first) = harness.alice_and_bob().await;
    let carlos = harness.user().await;
    let second = connect(&alice, &carlos).await;
    let item = alice.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap();
    let for_bob = alice.create_share(&NewShare::new(item.record.id.clone(), first.clone()), &quiet()).await.unwrap();
    let for_carlos =
        alice.create_share(&NewShare::new(item.record.id.clone(), second.clone()), &quiet()).await.unwrap();
    assert_eq!(for_bob.recipient_id, *bob.user_id());
    assert_eq!(bob.get_share(&for_carlos.id).await.unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(value(&carlos.get_share(&for_carlos.id).await.unwrap().item, "vin"), Some("123"));
    let through = OutgoingFilter { own_connection_id: Some(second), ..OutgoingFilter::default() };
    let through = alice.outgoing_shares(&through, &PageRequest::default()).await.unwrap();
    assert_eq!(through.entries.iter().map(|listed| &listed.share.id).collect::<Vec<_>>(), [&for_carlos.id]);
}

fn clone(secret: &vaultshare::crypto::UserSecret) -> vaultshare::crypto::UserSecret {
    vaultshare::crypto::UserSecret::parse(secret.as_str()).unwrap()
}

#[tokio::test]
async fn items_are_sorted_under_nodes_and_made_from_templates_of_the_users_own() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let label = |label: &str| NewSlot { label: Some(label.to_owned()), ..NewSlot::default() };
    let template = NewTemplate {
        label: "Bicycle".to_owned(),
        slots: vec![label("Frame number"), label("Colour")],
        ..NewTemplate::default()
    };
    let made = alice.create_template(&template).await.unwrap();
    let names: Vec<_> = made.slots.iter().map(|slot| slot.name.as_str()).collect();
    assert_eq!((made.record.name.as_str(), names), ("bicycle", vec!["frame_number", "colour"]));
    assert!(harness.user().await.get_template("bicycle").await.is_err(), "nobody else sees it");

    let node = NewNode {
        classification_scheme_name: "tag".to_owned(),
        label: Some("On wheels".to_owned()),
        ..NewNode::default()
    };
    let node = alice.create_classification(&node).await.unwrap();
    let under =
        Classification { scheme: Some("tag".to_owned()), name: Some(node.name.clone()), ..Classification::default() };
    let no_more = Classification { id: Some(node.id.clone()), remove: true, ..Classification::default() };
    let item =
        NewItem { template: "bicycle".to_owned(), classifications: vec![under], ..vehicle(&[("colour", "red")]) };
    let item = alice.create_item(&item, &quiet()).await.unwrap();
    assert_eq!(item.classification_nodes[0].id, node.id);
    let tags = NodeFilter { scheme: Some("tag".to_owned()), ..NodeFilter::default() };
    let listed = alice.list_classifications(&tags, &PageRequest::default()).await.unwrap().entries;
    assert_eq!((listed.len(), listed[0].own), (1, true));
    assert_eq!(alice.get_classification(&node.id).await.unwrap().label, "On wheels");
    let change = ItemChange { classifications: vec![no_more], ..ItemChange::default() };
    let updated = alice.update_item(&item.record.id, &change, &quiet()).await.unwrap();
    assert!(updated.item.classification_nodes.is_empty());
}

#[tokio::test]
async fn a_lost_device_is_signed_out_from_another() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let secret = UserSecret::parse(&alice.secret().unwrap()).unwrap();
    let lost = harness.client().sign_in(secret, PASSPHRASE, &quiet()).await.unwrap();
    lost.count_tasks().await.unwrap();
    alice.end_other_sessions().await.unwrap();
    assert_eq!(lost.count_tasks().await.unwrap_err().code(), ErrorCode::Unauthorized);
    alice.count_tasks().await.unwrap();
}

/// No space is trimmed, no line end or mark changed, nothing composed, nothing taken for a number.
#[tokio::test]
async fn what_was_typed_comes_back_as_it_was_typed() {
    let harness = Harness::new().await;
    let (alice, bob, to_bob) = harness.alice_and_bob().await;
    let typed = [
        "  spaces around\t",
        "\u{feff}a mark before and behind\u{feff}",
        "a\0b",
        "lines\r\nof\rall\nkinds\r\n",
        "e\u{301} or \u{e9}",
        "\u{202e}turned",
        "\u{1b}[2J",
        "👩\u{200d}🚀 𝄞 \u{10ffff}\u{ffff}",
        "0012",
        "1e5",
        "true",
        "null",
        "2020-01-01",
        "'\"\\<&>%_",
    ];
    for text in typed {
        // What the server reads has no NUL; what is encrypted may.
        let open = text.replace('\0', "");
        let item = NewItem {
            label: open.clone(),
            slots: vec![NewSlot { label: Some(open.clone()), ..slot("vin", text) }],
            ..vehicle(&[])
        };
        let made = alice.create_item(&item, &quiet()).await.unwrap();
        let terms = NewShare { terms: Some(open.clone()), ..NewShare::new(made.record.id.clone(), to_bob.clone()) };
        let share = alice.create_share(&terms, &quiet()).await.unwrap();
        bob.accept_share(&share.id).await.unwrap();
        let received = bob.get_share(&share.id).await.unwrap();
        assert_eq!(received.share.terms.as_deref(), Some(open.as_str()));
        let got = alice.get_item(&made.record.id).await.unwrap();
        for item in [&made, &got, &received.item] {
            let vin = item.slots.iter().find(|slot| slot.record.name == "vin").unwrap();
            // But for the spaces around it, which other servers take away.
            let label = open.trim();
            assert_eq!((item.record.label.as_str(), vin.record.label.as_str()), (label, label));
            assert_eq!(vin.value.as_deref(), Some(text));
            assert!(!item.binding.changed && vin.is_bound, "{text:?}");
        }
    }
    let name = typed.concat();
    let token = alice.create_invitation(&invitation(&name), &quiet()).await.unwrap().token;
    accept(&harness.user().await, &token, &name).await;
    let connections = alice.list_connections(&PageRequest::default()).await.unwrap().entries;
    assert!(connections.iter().any(|connection| connection.name.as_deref() == Some(name.as_str())));
}
