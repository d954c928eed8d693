//! The first "Connections and Sharing", of the time of encryption spaces.

use crate::terminal::{Terminal, fill_in, follow, has_fields, slot, text, yaml};

const ITEM_FIELDS: [&str; 30] = [
    "id",
    "name",
    "label",
    "description",
    "created_at",
    "item_template_id",
    "ordinal",
    "visible",
    "updated_at",
    "item_template_label",
    "shareable",
    "me",
    "background_color",
    "image",
    "image_background_colour",
    "item_image",
    "item_image_background_colour",
    "slot_image",
    "slot_image_background_colour",
    "activity_image",
    "activity_image_background_colour",
    "category_image",
    "category_image_background_colour",
    "classification_node_ids",
    "category_label",
    "association_ids",
    "associations_to_ids",
    "slot_ids",
    "own",
    "share_id",
];

/// The Quickstart, which the guide begins after: a user and an item in their vault. Gives the item's id.
fn quickstart(terminal: &Terminal) -> String {
    terminal.types("meeco users:create -p supersecretpassword > .user.yaml", &[]);
    terminal.types("meeco items:create-config vehicle > .my_vehicle.yaml", &[]);
    terminal.edits(".my_vehicle.yaml", fill_in);
    terminal.types("meeco items:create -i .my_vehicle.yaml > .item.yaml", &[]);
    let listed = yaml(&terminal.types("meeco items:list", &[]));
    text(&listed["spec"][0]["id"]).to_owned()
}

/// Connects `.user.yaml` with `.user_2.yaml` as the guide does.
fn connect(terminal: &Terminal) {
    terminal.types("meeco users:create -p supersecretpassword > .user_2.yaml", &[]);
    terminal
        .types("meeco connections:create-config --from .user.yaml --to .user_2.yaml > .connection_config.yaml", &[]);
    terminal.edits(".connection_config.yaml", |config| {
        config["metadata"]["fromName"] = "Alice".into();
        config["metadata"]["toName"] = "Bob".into();
    });
    terminal.types("meeco connections:create -c .connection_config.yaml", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_and_a_share_in_its_encryption_space() {
    follow(|terminal| {
        let item = quickstart(terminal);
        connect(terminal);
        let create_config = "meeco shares:create-config --from .user.yaml --to .user_2.yaml -i";
        terminal.types(&format!("{create_config} {item} > .share_config.yaml"), &[]);
        let config = terminal.read(".share_config.yaml");
        assert_eq!((text(&config["kind"]), text(&config["spec"]["item_id"])), ("Share", item.as_str()));
        has_fields(&config["spec"], &["item_id", "from", "to"]);
        let unknown = terminal.is_refused(&format!("{create_config} no-such-item"), &[]);
        assert!(unknown.starts_with("Error: the item cannot be shared"), "{unknown}");

        terminal.types("meeco shares:create -c .share_config.yaml", &[]);
        let listed = yaml(&terminal.types("meeco shares:list -a .user_2.yaml", &[]));
        assert_eq!(text(&listed["kind"]), "Shares");
        let share = &listed["spec"][0];
        has_fields(share, &["share_id", "connection_id", "item"]);
        has_fields(&share["item"], &ITEM_FIELDS);
        assert_eq!((text(&share["item"]["id"]), text(&share["item"]["label"])), (item.as_str(), "DeLorean"));
        assert_eq!((&share["item"]["me"], &share["item"]["shareable"]), (&false.into(), &false.into()));
        let slot_ids = &share["item"]["slot_ids"];
        assert_eq!(*slot_ids, terminal.read(".item.yaml")["spec"]["slot_ids"]);
        let connections = yaml(&terminal.types("meeco connections:list -a .user_2.yaml", &[]));
        assert_eq!(share["connection_id"], connections[0]["connection"]["own"]["id"]);

        let get = format!("meeco shares:get -a .user_2.yaml {}", text(&share["share_id"]));
        let read = yaml(&terminal.types(&get, &[]));
        assert_eq!((text(&read["kind"]), text(&read["spec"]["id"])), ("Item", item.as_str()));
        let plate = slot(&read["spec"]["slots"], "licence_plate");
        has_fields(plate, &["id", "name", "created_at", "updated_at", "value", "label", "encrypted_value"]);
        assert_eq!(text(&plate["value"]), "NotACatDefsACar");
        assert!(slot(&read["spec"]["slots"], "vin")["value"].is_null());

        let gone = format!("meeco shares:delete -a .user_2.yaml {}", text(&share["share_id"]));
        assert_eq!(terminal.types(&gone, &[]), "Share successfully deleted\n");
        let listed = yaml(&terminal.types("meeco shares:list -t outgoing", &[]));
        assert_eq!(listed["spec"].as_sequence().unwrap().len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_of_both_protocols_are_listed_and_read_together() {
    follow(|terminal| {
        let item = quickstart(terminal);
        connect(terminal);
        let create_config = "meeco shares:create-config --from .user.yaml --to .user_2.yaml -i";
        terminal.types(&format!("{create_config} {item} > .share_config.yaml"), &[]);
        terminal.types("meeco shares:create -c .share_config.yaml", &[]);
        let connection = yaml(&terminal.types("meeco connections:list", &[]));
        let id = text(&connection[0]["connection"]["own"]["id"]).to_owned();
        let printed = format!("kind: Connection\nspec: {{ from_user_connection_id: {id} }}\nmetadata: {{}}\n");
        terminal.types("cat > .connection.yaml <<END\n$PRINTED\nEND", &[("PRINTED", &printed)]);
        let create_config = "meeco shares:create-config --from .user.yaml -c .connection.yaml -i .item.yaml";
        terminal.types(&format!("{create_config} > .second_config.yaml"), &[]);
        terminal.types("meeco shares:create -c .second_config.yaml", &[]);

        let listed = yaml(&terminal.types("meeco shares:list -a .user_2.yaml", &[]));
        let (copy, in_space) = (&listed["spec"][0], &listed["spec"][1]);
        for share in [&copy["id"], &in_space["share_id"]] {
            let read = yaml(&terminal.types(&format!("meeco shares:get -a .user_2.yaml {}", text(share)), &[]));
            assert_eq!(text(&slot(&read["spec"]["slots"], "licence_plate")["value"]), "NotACatDefsACar");
        }
        let refused = terminal.is_refused("meeco shares:create -c .share_config.yaml --onshare", &[]);
        assert_eq!(refused, "Error: --onshare: what is shared in an encryption space cannot be shared on");
    })
    .await;
}
