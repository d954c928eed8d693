//! "On-sharing & Client Tasks".

use crate::terminal::{Terminal, fill_in, follow, has_fields, slot, text, yaml};

const TERMS: &str = "You may not use this information for advertising";

const ITEM_FIELDS: [&str; 12] = [
    "id",
    "own",
    "label",
    "description",
    "created_at",
    "item_template_id",
    "item_template_label",
    "slot_ids",
    "me",
    "original_id",
    "owner_id",
    "share_id",
];

const SLOT_FIELDS: [&str; 14] = [
    "id",
    "own",
    "share_id",
    "name",
    "item_id",
    "slot_type_name",
    "encrypted_value",
    "encrypted_value_verification_key",
    "value_verification_hash",
    "label",
    "original_id",
    "owner_id",
    "value",
    "value_verification_key",
];

const TASK_FIELDS: [&str; 8] =
    ["id", "state", "work_type", "target_id", "additional_options", "last_state_transition_at", "report", "created_at"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_shared_on_and_its_update_reaches_everyone() {
    follow(|terminal| {
        three_users_connected_in_a_row(terminal);
        let bob_received = bob_receives_with_terms(terminal);
        let carlos_received = carlos_receives_from_bob(terminal);
        alice_updates(terminal);
        everyone_has_the_update(terminal, &bob_received, &carlos_received);
    })
    .await;
}

fn three_users_connected_in_a_row(terminal: &Terminal) {
    terminal.types(
        "meeco users:create -p supersecretpassword > .alice.yaml
meeco users:create -p supersecretpassword > .bob.yaml
meeco users:create -p supersecretpassword > .carlos.yaml",
        &[],
    );
    terminal.types(
        "meeco connections:create-config --from .alice.yaml --to .bob.yaml > .connection1_config.yaml
meeco connections:create -c .connection1_config.yaml > .connection1.yaml
meeco connections:create-config --from .bob.yaml --to .carlos.yaml > .connection2_config.yaml
meeco connections:create -c .connection2_config.yaml > .connection2.yaml",
        &[],
    );
    terminal.types("meeco items:create-config vehicle -a .alice.yaml > .vehicle_config.yaml", &[]);
    terminal.edits(".vehicle_config.yaml", fill_in);
    terminal.types("meeco items:create -i .vehicle_config.yaml -a .alice.yaml > .vehicle.yaml", &[]);
}

/// A share as its recipient knows it: its id, and the recipient's id of the item.
struct Received {
    share_id: String,
    item_id: String,
}

fn first_item(terminal: &Terminal, list: &str) -> Received {
    let listed = yaml(&terminal.types(list, &[]));
    assert_eq!(text(&listed["kind"]), "Items");
    let item = &listed["spec"][0];
    has_fields(item, &ITEM_FIELDS);
    assert_eq!((&item["own"], text(&item["label"])), (&false.into(), "DeLorean"));
    assert_eq!(text(&item["item_template_label"]), "Vehicle");
    let vehicle = terminal.read(".vehicle.yaml");
    assert_eq!(item["original_id"], vehicle["spec"]["id"], "the owner's id of it");
    assert_eq!(item["owner_id"], vehicle["spec"]["owner_id"]);
    assert_ne!(item["id"], item["original_id"]);
    Received { share_id: text(&item["share_id"]).to_owned(), item_id: text(&item["id"]).to_owned() }
}

fn bob_receives_with_terms(terminal: &Terminal) -> Received {
    terminal.types(
        "meeco shares:create-config -i .vehicle.yaml -f .alice.yaml -c .connection1.yaml > .share1-config.yaml
meeco shares:create \\
    --config .share1-config.yaml \\
    --onshare \\
    --terms=\"You may not use this information for advertising\" \\
    > .share1.yaml",
        &[],
    );
    let share = &terminal.read(".share1.yaml")["shares"][0];
    assert_eq!((text(&share["sharing_mode"]), text(&share["terms"])), ("anyone", TERMS));
    assert_eq!(text(&share["acceptance_required"]), "acceptance_required");

    let received = first_item(terminal, "meeco items:list -a .bob.yaml");
    assert_eq!(received.share_id, text(&share["id"]));
    let variables = [("EXISTING_SHARE_ID", received.share_id.as_str())];
    let look = yaml(&terminal.types("meeco shares:get-incoming -a .bob.yaml $EXISTING_SHARE_ID", &variables));
    assert_eq!(text(&look["share"]["terms"]), TERMS);
    assert!(look["share"]["encrypted_dek"].is_null());
    for slot in look["slots"].as_sequence().unwrap() {
        assert!(slot["value"].is_null() && slot["encrypted_value"].is_null(), "{slot:?}");
    }
    let get = "meeco items:get 8e26d96f-7c15-444d-97a5-30e39b418c9d -a .bob.yaml > .shared-to-bob-item.yaml"
        .replace("8e26d96f-7c15-444d-97a5-30e39b418c9d", &received.item_id);
    let refused = terminal.is_refused(&get, &[]);
    assert!(refused.contains("has to be accepted"), "{refused}");

    let accepted = yaml(&terminal.types("meeco shares:accept -y $EXISTING_SHARE_ID -a .bob.yaml", &variables));
    assert_eq!(text(&accepted["share"]["acceptance_required"]), "accepted");
    // As the guide notes, the share's item_id is the owner's, which Bob cannot use.
    let owners = text(&accepted["share"]["item_id"]);
    terminal.is_refused(&format!("meeco items:get {owners} -a .bob.yaml"), &[]);
    terminal.types(&get, &[]);
    received
}

fn carlos_receives_from_bob(terminal: &Terminal) -> Received {
    terminal.types(
        "meeco shares:create-config -i .shared-to-bob-item.yaml -f .bob.yaml -c .connection2.yaml > .share2-config.yaml
meeco shares:create \\
    --config .share2-config.yaml \\
    --terms=\"You may not use this information for advertising\" \\
    > .share2.yaml",
        &[],
    );
    let received = first_item(terminal, "meeco items:list -a .carlos.yaml");
    let variables = [
        ("EXISTING_SHARE2_ID", received.share_id.as_str()),
        ("CARLOS_SHARED_INCOMING_SHARE_ID", received.share_id.as_str()),
        ("CARLOS_SHARED_INCOMING_ITEM_ID", received.item_id.as_str()),
    ];
    terminal.types_and_agrees("meeco shares:accept $EXISTING_SHARE2_ID -a .carlos.yaml", &variables);
    let share =
        yaml(&terminal.types("meeco shares:get-incoming $CARLOS_SHARED_INCOMING_SHARE_ID -a .carlos.yaml", &variables));
    assert_eq!(text(&slot(&share["slots"], "licence_plate")["value"]), "NotACatDefsACar");

    let item = yaml(&terminal.types("meeco items:get $CARLOS_SHARED_INCOMING_ITEM_ID -a .carlos.yaml", &variables));
    assert_eq!(text(&item["kind"]), "Item");
    has_fields(&item["spec"], &ITEM_FIELDS);
    has_fields(&item["spec"], &["slots", "thumbnails", "attachments"]);
    let plate = slot(&item["spec"]["slots"], "licence_plate");
    has_fields(plate, &SLOT_FIELDS);
    assert_eq!(text(&plate["value"]), "NotACatDefsACar");
    assert_eq!((text(&plate["item_id"]), text(&plate["share_id"])), (&*received.item_id, &*received.share_id));
    assert_eq!(text(&plate["value_verification_key"]).chars().count(), 64);
    let vehicle = terminal.read(".vehicle.yaml");
    assert_eq!(plate["original_id"], slot(&vehicle["spec"]["slots"], "licence_plate")["id"]);
    assert_eq!(plate["owner_id"], vehicle["spec"]["owner_id"]);
    received
}

fn alice_updates(terminal: &Terminal) {
    let vehicle = terminal.read(".vehicle.yaml");
    let vehicle_id = text(&vehicle["spec"]["id"]);
    terminal.types(
        "meeco items:get $VEHICLE_ITEM_ID -a .alice.yaml > .existing_vehicle_item.yaml",
        &[("VEHICLE_ITEM_ID", vehicle_id)],
    );
    terminal.edits(".existing_vehicle_item.yaml", |item| {
        for slot in item["spec"]["slots"].as_sequence_mut().unwrap() {
            if slot["name"].as_str() == Some("licence_plate") {
                slot["value"] = "OUTATIME".into();
            }
        }
    });
    let updated = terminal.types("meeco items:update -i .existing_vehicle_item.yaml -a .alice.yaml", &[]);
    let last = updated.lines().last();
    assert_eq!(last, Some("# Item updated. There are 1 outstanding client tasks. Todo: 1 & InProgress: 0"));
    assert_eq!(text(&slot(&yaml(&updated)["spec"]["slots"], "licence_plate")["value"]), "OUTATIME");

    let queue = yaml(&terminal.types("meeco client-task-queue:list -a .alice.yaml", &[]));
    assert_eq!(text(&queue["kind"]), "ClientTaskQueue");
    assert_eq!(queue["spec"].as_sequence().unwrap().len(), 1);
    let task = &queue["spec"][0];
    has_fields(task, &TASK_FIELDS);
    assert_eq!((text(&task["state"]), text(&task["work_type"])), ("todo", "update_item_shares"));
    assert_eq!(text(&task["target_id"]), vehicle_id);
    assert!(task["last_state_transition_at"].is_null());

    let batch = yaml(&terminal.types("meeco client-task-queue:run-batch -a .alice.yaml", &[]));
    assert_eq!(batch["completedTasks"], queue["spec"]);
    assert_eq!(batch["failedTasks"].as_sequence().unwrap().len(), 0);
    let queue = yaml(&terminal.types("meeco client-task-queue:list -a .alice.yaml", &[]));
    assert_eq!(queue["spec"].as_sequence().unwrap().len(), 0);
}

fn everyone_has_the_update(terminal: &Terminal, bob: &Received, carlos: &Received) {
    let variables = [
        ("BOB_SHARED_INCOMING_SHARE_ID", bob.share_id.as_str()),
        ("BOB_SHARED_INCOMING_ITEM_ID", bob.item_id.as_str()),
        ("CARLOS_SHARED_INCOMING_SHARE_ID", carlos.share_id.as_str()),
        ("CARLOS_SHARED_INCOMING_ITEM_ID", carlos.item_id.as_str()),
    ];
    // The guide's slip: this share is Bob's, and nobody else's.
    terminal.is_refused("meeco shares:get-incoming $BOB_SHARED_INCOMING_SHARE_ID -a .carlos.yaml", &variables);
    for (line, slots) in [
        ("meeco shares:get-incoming $BOB_SHARED_INCOMING_SHARE_ID -a .bob.yaml", ["slots", ""]),
        ("meeco items:get $BOB_SHARED_INCOMING_ITEM_ID -a .bob.yaml", ["spec", "slots"]),
        ("meeco shares:get-incoming $CARLOS_SHARED_INCOMING_SHARE_ID -a .carlos.yaml", ["slots", ""]),
        ("meeco items:get $CARLOS_SHARED_INCOMING_ITEM_ID -a .carlos.yaml", ["spec", "slots"]),
    ] {
        let read = yaml(&terminal.types(line, &variables));
        let slots = slots.iter().filter(|name| !name.is_empty()).fold(&read, |value, name| &value[*name]);
        assert_eq!(text(&slot(slots, "licence_plate")["value"]), "OUTATIME", "{line}");
        assert_eq!(text(&slot(slots, "model_make")["value"]), "DeLorean DMC-12", "{line}");
    }
}
