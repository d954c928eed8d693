//! The types of the wire as OpenAPI describes them, for the server's documents. schemars derives what serde does with a type:
//! unlike utoipa's own derive it knows that a type may be written with fields that it is read without.

use std::{collections::BTreeMap, sync::LazyLock};

use schemars::{
    JsonSchema, Schema,
    generate::{Contract, SchemaSettings},
    transform::RecursiveTransform,
};
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, schema::Schema as Described};

use crate::api::JsonObject;

/// Describes types as they are deserialized, bodies of requests (`describe!(READ: NewUser)`), or as they are serialized,
/// bodies of replies (`describe!(SENT: UserResponse)`).
#[macro_export]
macro_rules! describe {
    ($contract:ident: $($type:ty),* $(,)?) => {$(
        const _: () = {
            static SCHEMAS: $crate::api::openapi::Schemas = $crate::api::openapi::Schemas::new(|| {
                $crate::api::openapi::schemas_of::<$type>($crate::api::openapi::$contract)
            });

            impl utoipa::PartialSchema for $type {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                    let name = <$type as utoipa::ToSchema>::name();
                    SCHEMAS.get(&*name).cloned().unwrap_or_else(|| utoipa::openapi::schema::Schema::default().into())
                }
            }

            impl utoipa::ToSchema for $type {
                fn name() -> std::borrow::Cow<'static, str> {
                    <$type as schemars::JsonSchema>::schema_name()
                }

                fn schemas(
                    schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
                ) {
                    schemas.extend(SCHEMAS.iter().map(|(name, schema)| (name.clone(), schema.clone())));
                }
            }
        };
    )*};
}

/// As a type is deserialized.
pub const READ: Contract = Contract::Deserialize;
/// As a type is serialized.
pub const SENT: Contract = Contract::Serialize;

/// The schemas of a type and of all types in it, by their names. They are made once: a server that has many routers, as
/// tests do, would else spend its time with them.
pub type Schemas = LazyLock<BTreeMap<String, RefOr<Described>>>;

/// See [`Schemas`].
pub fn schemas_of<T: JsonSchema>(contract: Contract) -> BTreeMap<String, RefOr<Described>> {
    let described = |(name, schema)| Some((name, serde_json::from_value(schema).ok()?));
    json_schemas_of::<T>(contract).into_iter().filter_map(described).collect()
}

fn json_schemas_of<T: JsonSchema>(contract: Contract) -> JsonObject {
    let is_read = contract.is_deserialize();
    let in_our_words = RecursiveTransform(move |schema: &mut Schema| as_openapi(schema, is_read));
    let mut settings = SchemaSettings::draft2020_12().with_transform(in_our_words);
    settings.definitions_path = "/components/schemas".into();
    settings.contract = contract;
    let mut generator = settings.into_generator();
    generator.subschema_for::<T>();
    generator.take_definitions(true)
}

/// Says what schemars does not know, and in words that utoipa has.
fn as_openapi(schema: &mut Schema, is_read: bool) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), Value::Array(vec![value]));
    }
    // The last two are of types that go both ways: a body is either sent or read.
    for said in ["default", "readOnly", "writeOnly"] {
        schema.remove(said);
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        // Links within the code.
        *text = text.replace("[`", "`").replace("`]", "`");
    }
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties {
        if is_time(name) {
            property["format"] = "date-time".into();
        }
        if is_read && !required.contains(&Value::from(name.as_str())) {
            allow_null(property);
        }
    }
}

/// A request may have null for any optional field (`docs/protocol/http-api.md` §0, rule 10).
fn allow_null(property: &mut Value) {
    if let Some(one) = property.get("type").filter(|one| one.is_string()).cloned() {
        property["type"] = json!([one, "null"]);
    } else if let Some(reference) = property.as_object_mut().and_then(|property| property.remove("$ref")) {
        property["anyOf"] = json!([{ "$ref": reference }, { "type": "null" }]);
    }
}

/// Whether a field of this name is a [`Timestamp`](crate::api::Timestamp), which is a text to Rust.
fn is_time(field: &str) -> bool {
    field.ends_with("_at") || ["valid_from", "valid_till", "queued_for_deletion_after"].contains(&field)
}

mod types {
    use crate::api::{deletion_queue::QueuedDeletion, keystore, vault};

    use keystore::{
        admission::ExternalAdmissionTokenResponse,
        encryption_spaces::{
            ClaimedKeyResponse, EncryptionSpaceResponse, KeyClaim, NewEncryptionSpace, NewSharedKey, SharedKeyResponse,
        },
        keypairs::{KeypairResponse, NewKeypair},
        keys::{DataEncryptionKeyResponse, KeyEncryptionKeyResponse, NewDataEncryptionKey, NewKeyEncryptionKey},
        recovery::{RecoveryKeyChange, RecoveryKeyResponse},
        session::{NewSessionHalf, SessionHalf},
        srp::{
            ChallengeRequest, ChallengeResponse, KeystoreSessionResponse, NewSrpUser, PassphraseChange,
            ReservedUsername, SrpSessionRequest, SrpUserResponse, UsernameRequest,
        },
    };
    use vault::{
        attachments::{
            AttachmentResponse, NewAttachmentRequest, NewUploadRequest, UnfinishedUploadsResponse, UploadUrlResponse,
        },
        classification_nodes::{NewNodeRequest, NodeResponse, NodesResponse},
        client_tasks::{ClientTasksChange, ClientTasksResponse},
        connections::{ConnectionResponse, ConnectionsResponse},
        encryption_spaces::{EncryptionSpaceTwin, NewSpaceSharesRequest, SpaceShareResponse, SpaceSharesResponse},
        invitations::{InvitationLookup, InvitationResponse, InvitationsResponse},
        items::{ItemChangeRequest, ItemResponse, ItemsResponse, NewItemRequest, ReencryptionRequest},
        me::{NewUser, NewUserResponse, UserChangeRequest, UserResponse},
        session::{SessionRequest, SessionResponse},
        shares::{
            ItemSharesChange, ItemSharesResponse, NewSharesRequest, ShareResponse, ShareWithItemResponse,
            SharesResponse,
        },
        slots::{SlotChange, SlotResponse},
        templates::{NewTemplateRequest, TemplateResponse, TemplatesResponse},
    };

    describe!(READ:
        // Keystore
        UsernameRequest,
        NewSrpUser,
        PassphraseChange,
        RecoveryKeyChange,
        ChallengeRequest,
        SrpSessionRequest,
        NewSessionHalf,
        NewKeyEncryptionKey,
        NewDataEncryptionKey,
        NewKeypair,
        NewEncryptionSpace,
        NewSharedKey,
        KeyClaim,
        // Vault
        SessionRequest,
        NewUser,
        UserChangeRequest,
        InvitationLookup,
        NewTemplateRequest,
        NewNodeRequest,
        NewItemRequest,
        ItemChangeRequest,
        SlotChange,
        ReencryptionRequest,
        NewSharesRequest,
        ItemSharesChange,
        ClientTasksChange,
        EncryptionSpaceTwin,
        NewSpaceSharesRequest,
        NewUploadRequest,
        NewAttachmentRequest,
    );

    describe!(SENT:
        // Both
        QueuedDeletion,
        // Keystore
        ReservedUsername,
        SrpUserResponse,
        ChallengeResponse,
        KeystoreSessionResponse,
        RecoveryKeyResponse,
        SessionHalf,
        ExternalAdmissionTokenResponse,
        KeyEncryptionKeyResponse,
        DataEncryptionKeyResponse,
        KeypairResponse,
        EncryptionSpaceResponse,
        SharedKeyResponse,
        ClaimedKeyResponse,
        // Vault
        SessionResponse,
        NewUserResponse,
        UserResponse,
        InvitationResponse,
        InvitationsResponse,
        ConnectionResponse,
        ConnectionsResponse,
        TemplateResponse,
        TemplatesResponse,
        NodeResponse,
        NodesResponse,
        ItemResponse,
        ItemsResponse,
        SlotResponse,
        ShareResponse,
        SharesResponse,
        ShareWithItemResponse,
        ItemSharesResponse,
        ClientTasksResponse,
        SpaceShareResponse,
        SpaceSharesResponse,
        UploadUrlResponse,
        AttachmentResponse,
        UnfinishedUploadsResponse,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::vault::{
        connections::ConnectionsResponse,
        encryption_spaces::{NewSpaceSharesRequest, SpaceShareResponse},
        items::{ItemsResponse, NewItemRequest},
        shares::{ItemSharesChange, ShareWithItemResponse},
        slots::Slot,
    };

    fn assert_nothing_is_lost<T: JsonSchema>(contract: Contract) {
        let described = serde_json::to_value(schemas_of::<T>(contract.clone())).unwrap();
        assert_eq!(described, Value::Object(json_schemas_of::<T>(contract)));
    }

    #[test]
    fn utoipa_says_all_that_schemars_does() {
        assert_nothing_is_lost::<ItemsResponse>(SENT);
        assert_nothing_is_lost::<ShareWithItemResponse>(SENT);
        assert_nothing_is_lost::<ConnectionsResponse>(SENT);
        assert_nothing_is_lost::<SpaceShareResponse>(SENT);
        assert_nothing_is_lost::<NewItemRequest>(READ);
        assert_nothing_is_lost::<ItemSharesChange>(READ);
        assert_nothing_is_lost::<NewSpaceSharesRequest>(READ);
    }

    #[test]
    fn what_is_sent_has_every_field_and_what_is_read_may_lack_some() {
        let required = |contract| {
            let schemas = json_schemas_of::<Slot>(contract);
            schemas["Slot"]["required"].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(required(SENT).contains(&"\"attachment_uid\"".to_owned()));
        assert_eq!(required(READ), ["\"id\"", "\"name\""]);
    }
}
