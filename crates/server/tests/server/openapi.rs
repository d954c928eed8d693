//! The OpenAPI documents (docs/protocol/http-api.md §1.1). That replies are what they say is checked wherever a test sends a
//! request: `common::Server::send`.

use std::collections::BTreeSet;

use crate::common::{document::Document, server};
use axum::http::StatusCode;
use serde_json::{Value, json};
use vaultshare_server::bounds;

const SERVICES: [&str; 2] = ["/keystore", "/vault"];

/// Method, address and operation, of all operations of a document.
fn operations(document: &Document) -> Vec<(String, String, &Value)> {
    let paths = document.json["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(|(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    operations.collect()
}

#[tokio::test]
async fn every_documented_operation_is_there_and_needs_a_session_if_it_says_so() {
    let server = server().await;
    for service in SERVICES {
        let document = server.document(service).await;
        let operations = operations(document);
        assert!(operations.len() > 20);
        for (method, path, operation) in operations {
            let reply = server.call(&method, &format!("{service}{path}"), None, Some(json!({}))).await;
            let needs_session = operation["security"].is_null();
            let was_refused = reply.body["errors"][0]["error"] == "not_authorized";
            assert_eq!(was_refused, needs_session, "{method} {path}: {}", reply.body);
            assert!(!matches!(reply.status.as_u16(), 404 | 405), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_address_takes_the_documented_methods_and_no_other() {
    let server = server().await;
    for service in SERVICES {
        let document = server.document(service).await;
        for path in document.json["paths"].as_object().unwrap().keys() {
            let refused = server.call("TRACE", &format!("{service}{path}"), None, None).await;
            let allowed = refused.headers["allow"].to_str().unwrap().to_owned();
            assert_eq!(refused.refused(405), "method_not_allowed");
            let allowed: BTreeSet<&str> = allowed.split(',').filter(|method| *method != "HEAD").collect();
            let documented = operations(document).into_iter().filter(|(_, of, _)| of == path);
            let documented: Vec<String> = documented.map(|(method, _, _)| method).collect();
            assert_eq!(allowed, documented.iter().map(String::as_str).collect(), "{service}{path}");
        }
    }
}

#[tokio::test]
async fn what_a_document_refers_to_is_in_it() {
    let server = server().await;
    for service in SERVICES {
        let document = server.document(service).await;
        let text = document.json.to_string();
        assert!(document.json["openapi"].as_str().unwrap().starts_with("3.1."));
        for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(document.json.pointer(reference).is_some(), "{service} has no {reference}");
        }
        let ids: Vec<&Value> = operations(document).into_iter().map(|(_, _, of)| &of["operationId"]).collect();
        assert_eq!(ids.iter().map(|id| id.to_string()).collect::<BTreeSet<_>>().len(), ids.len());
    }
}

#[tokio::test]
async fn idempotency_keys_are_documented_where_the_protocol_has_them() {
    let server = server().await;
    let mut with_key = BTreeSet::new();
    for service in SERVICES {
        for (method, path, operation) in operations(server.document(service).await) {
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            if parameters.any(|parameter| parameter["name"] == "Idempotency-Key") {
                with_key.insert(format!("{method} {service}{path}"));
            }
        }
    }
    let documented = [
        "PATCH /vault/shares",
        "POST /keystore/data_encryption_keys",
        "POST /keystore/encryption_spaces",
        "POST /keystore/key_encryption_key",
        "POST /keystore/keypairs",
        "POST /vault/classification_nodes",
        "POST /vault/connections",
        "POST /vault/invitations",
        "POST /vault/item_templates",
        "POST /vault/items",
        "POST /vault/items/{id}/shares",
        "POST /vault/key_store/public_keys",
        "POST /vault/shares",
    ];
    assert_eq!(with_key.iter().map(String::as_str).collect::<Vec<_>>(), documented);
}

#[tokio::test]
async fn documents_have_the_bounds_of_texts_and_lists() {
    let server = server().await;
    let vault = &server.document("/vault").await.json["components"]["schemas"];
    assert_eq!(vault["NewShare"]["properties"]["grant"]["maxLength"], bounds::GRANT);
    assert_eq!(vault["SlotChange"]["properties"]["description"]["maxLength"], bounds::LONG_TEXT);
    assert_eq!(vault["ItemSharesChange"]["properties"]["share_deks"]["maxItems"], bounds::SHARES_OF_ITEM);
    assert_eq!(vault["Share"]["properties"]["grant"]["maxLength"], Value::Null, "a reply is not held to bounds");
    let keystore = &server.document("/keystore").await.json["components"]["schemas"];
    let names = &keystore["NewKeypair"]["properties"]["external_identifiers"];
    assert_eq!(names["maxItems"], bounds::EXTERNAL_IDENTIFIERS);
}

// That a test's harness sees what is wrong.

fn small_document() -> Document {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
    let reply = json!({ "content": { "application/json": { "schema": schema } } });
    Document::new(json!({ "paths": { "/version": { "get": { "responses": { "200": reply } } } }, "components": {} }))
}

#[test]
fn a_reply_as_documented_passes() {
    small_document().check_reply("GET", "/version", StatusCode::OK, Some(br#"{"name":"vault"}"#));
    small_document().check_reply("GET", "/nowhere", StatusCode::NOT_FOUND, Some(b"{}"));
}

#[test]
#[should_panic(expected = "is not what the document says")]
fn a_reply_without_a_field_of_its_document_fails() {
    small_document().check_reply("GET", "/version", StatusCode::OK, Some(b"{}"));
}

#[test]
#[should_panic(expected = "201 Created is in no document")]
fn a_reply_of_another_status_than_documented_fails() {
    small_document().check_reply("GET", "/version", StatusCode::CREATED, Some(br#"{"name":"vault"}"#));
}

#[test]
#[should_panic(expected = "is in no document")]
fn a_route_that_is_not_documented_fails() {
    small_document().check_reply("GET", "/secret", StatusCode::OK, Some(b"{}"));
}
