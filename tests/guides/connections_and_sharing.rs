//! "Connections and Sharing".

use crate::terminal::{fill_in, follow, has_fields, slot, text, yaml};

const SHARE_FIELDS: [&str; 14] = [
    "id",
    "owner_id",
    "sender_id",
    "recipient_id",
    "acceptance_required",
    "item_id",
    "slot_id",
    "public_key",
    "sharing_mode",
    "keypair_external_id",
    "encrypted_dek",
    "terms",
    "created_at",
    "expires_at",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_and_a_share() {
    follow(|terminal| {
        // The quickstart, which the guide begins after.
        terminal.types("meeco users:create -p supersecretpassword > .alice.yaml", &[]);
        terminal.types("meeco items:create-config vehicle -a .alice.yaml > .item_config.yaml", &[]);
        terminal.edits(".item_config.yaml", fill_in);
        terminal.types("meeco items:create -i .item_config.yaml -a .alice.yaml > .item.yaml", &[]);
        has_fields(&terminal.read(".item.yaml")["spec"], &["id", "own", "label", "slot_ids", "slots", "thumbnails"]);

        terminal.types("meeco users:create -p supersecretpassword > .bob.yaml", &[]);
        terminal
            .types("meeco connections:create-config --from .alice.yaml --to .bob.yaml > .connection_config.yaml", &[]);
        terminal.edits(".connection_config.yaml", |config| {
            config["metadata"]["fromName"] = "Alice".into();
            config["metadata"]["toName"] = "Bob".into();
        });
        terminal.types("meeco connections:create -c .connection_config.yaml > .connection.yaml", &[]);
        let refused = terminal.is_refused("meeco connections:create -c .connection_config.yaml", &[]);
        assert_eq!(refused, "Error: Connection exists between the specified users");
        let connections = yaml(&terminal.types("meeco connections:list -a .bob.yaml", &[]));
        assert_eq!(text(&connections[0]["recipient_name"]), "Alice");

        terminal.types(
            "meeco shares:create-config --from .alice.yaml -c .connection.yaml -i .item.yaml > .share_config.yaml",
            &[],
        );
        terminal.types("meeco shares:create -c .share_config.yaml > .share.yaml", &[]);
        let made = &terminal.read(".share.yaml")["shares"][0];
        has_fields(made, &SHARE_FIELDS);
        assert_eq!(
            (text(&made["acceptance_required"]), text(&made["sharing_mode"])),
            ("acceptance_not_required", "owner")
        );
        assert!(made["slot_id"].is_null() && made["terms"].is_null() && made["expires_at"].is_null());
        assert_eq!(made["owner_id"], made["sender_id"]);
        assert_eq!(made["item_id"], terminal.read(".item.yaml")["spec"]["id"]);
        assert!(text(&made["public_key"]).starts_with("-----BEGIN PUBLIC KEY-----\r\n"));
        assert!(text(&made["encrypted_dek"]).starts_with("Rsa4096."));
        assert!(text(&made["encrypted_dek"]).ends_with(".QQUAAAAA"));
        let share_id = text(&made["id"]);

        let received = terminal.types(&format!("meeco shares:get-incoming -a .bob.yaml {share_id}"), &[]);
        let received = yaml(&received);
        has_fields(
            &received,
            &["share", "associations_to", "associations", "attachments", "classification_nodes", "item"],
        );
        has_fields(&received["share"], &SHARE_FIELDS);
        for field in SHARE_FIELDS {
            assert_eq!(received["share"][field], made[field], "{field}");
        }
        assert_eq!((text(&received["item"]["label"]), &received["item"]["own"]), ("DeLorean", &false.into()));
        assert_ne!(received["item"]["id"], made["item_id"]);
        assert_eq!(text(&slot(&received["slots"], "licence_plate")["value"]), "NotACatDefsACar");

        let incoming = yaml(&terminal.types("meeco shares:list -a .bob.yaml", &[]));
        assert_eq!((text(&incoming["kind"]), text(&incoming["spec"][0]["id"])), ("Shares", share_id));
        let outgoing = yaml(&terminal.types("meeco shares:list -t outgoing -a .alice.yaml", &[]));
        assert_eq!(text(&outgoing["spec"][0]["id"]), share_id);

        let deleted = terminal.types(&format!("meeco shares:delete -a .alice.yaml {share_id}"), &[]);
        assert_eq!(deleted, "Share successfully deleted\n");
        terminal.is_refused(&format!("meeco shares:get-incoming -a .bob.yaml {share_id}"), &[]);
        terminal.types("meeco shares:create -c .share_config.yaml > .share.yaml", &[]);
        let again = terminal.read(".share.yaml");
        let share_id = text(&again["shares"][0]["id"]);
        terminal.types(&format!("meeco shares:delete -a .bob.yaml {share_id}"), &[]);
        let outgoing = yaml(&terminal.types("meeco shares:list -t outgoing -a .alice.yaml", &[]));
        assert_eq!(outgoing["spec"].as_sequence().unwrap().len(), 0);
    })
    .await;
}
