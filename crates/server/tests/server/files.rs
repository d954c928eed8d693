//! Files over HTTP: blocks, attachments, who may read them, and what goes by itself (docs/protocol/http-api.md §12).

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{Method, Request},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tower::ServiceExt;
use vaultshare_server::{
    Config, Limits,
    testing::{self, Folder},
};

use crate::common::{
    self, DEK, Reply, SEALED, Server, User,
    files::{Upload, block_id, block_list},
    server, slot, text,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const MIB: usize = 1024 * 1024;

async fn limited(limits: Limits) -> Server {
    let folder = Folder::new().unwrap();
    let config = Config { limits, ..Config::new(folder.path()) };
    Server(testing::server(config, folder).await.unwrap())
}

fn named(name: &str) -> Value {
    json!({ "filename": name, "content_type": "" })
}

fn path(attachment: &Value) -> String {
    format!("/vault/direct/attachments/{}", text(&attachment["id"]))
}

async fn read(server: &Server, url: &Value, range: Option<(&str, &str)>) -> Reply {
    server.fetch(Method::GET, url.as_str().unwrap(), range.as_slice(), Body::empty()).await
}

/// How many objects there are.
pub(crate) fn objects(server: &Server) -> usize {
    let (mut folders, mut count) = (vec![server.0.data().join("files")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { count += 1 }
        }
    }
    count
}

#[tokio::test]
async fn a_file_is_uploaded_attached_shared_and_read_until_the_share_ends() {
    let server = server().await;
    let (alice, bob, carlos) =
        (server.sign_up("alice").await, server.sign_up("bob").await, server.sign_up("carlos").await);
    server.connect(&alice, &bob).await;
    let attachment = server.attach(&alice, &[b"first ", b"second ", b"third"]).await;
    for (field, expected) in [
        ("filename", json!("plan.pdf")),
        ("content_type", json!("application/pdf")),
        ("bytesize", json!(18)),
        ("user_id", json!(alice.id)),
        ("is_direct_upload", json!(true)),
        ("url", Value::Null),
    ] {
        assert_eq!(attachment[field], expected, "{field}");
    }
    let whole = read(&server, &attachment["main"]["url"], None).await;
    assert_eq!((whole.status.as_u16(), &whole.bytes[..]), (200, &b"first second third"[..]));
    assert_eq!(read(&server, &attachment["encryption_artifact"]["url"], None).await.bytes, "{}");
    let old = server.get(&alice, &format!("{}/download_url", path(&attachment))).await.ok();
    let old = old["attachment_direct_download_url"].clone();
    assert_eq!((&old["filename"], &old["byte_size"]), (&json!("plan.pdf"), &json!(18)));
    let artifact = format!("{}/download_url?type=encryption_artifact_file", path(&attachment));
    let artifact = server.get(&alice, &artifact).await.ok();
    assert_eq!(read(&server, &artifact["attachment_direct_download_url"]["url"], None).await.bytes, "{}");

    let item = server.item_with(&alice, &attachment).await;
    assert_eq!(slot(&item, "plan")["attachment_id"], attachment["id"]);
    assert_eq!(item["attachments"][0]["id"], attachment["id"]);
    assert_eq!(item["attachments"][0].get("main"), None, "lists say nothing of where it is");
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    assert_eq!(server.get(&alice, &item_path).await.ok(), item);
    let list = server.get(&alice, "/vault/attachments").await.ok();
    assert_eq!(list["attachments"].as_array().unwrap().len(), 1);

    let foreign = |reply: Reply| assert_eq!(reply.refused(404), "attachment_not_found");
    for address in [path(&attachment), format!("{}/download_url", path(&attachment))] {
        foreign(server.get(&bob, &address).await);
    }
    let terms = json!({ "terms": "Keep it", "acceptance_required": "acceptance_required" });
    let share = server.share(&alice, &item, &bob, terms).await.ok()["shares"][0].clone();
    let share_path = format!("/vault/incoming_shares/{}", text(&share["id"]));
    let received = server.get(&bob, &format!("{share_path}/item")).await.ok();
    assert!(received["attachments"].as_array().unwrap().is_empty(), "before he accepts");
    foreign(server.get(&bob, &path(&attachment)).await);
    server.put(&bob, &format!("{share_path}/accept"), json!({})).await.ok();
    let received = server.get(&bob, &format!("{share_path}/item")).await.ok();
    assert_eq!(received["attachments"][0]["id"], attachment["id"]);
    assert_eq!(slot(&received, "plan")["attachment_id"], attachment["id"]);
    let lists = server.get(&bob, "/vault/items").await.ok();
    assert_eq!(lists["attachments"][0]["id"], attachment["id"]);
    let his = server.get(&bob, &path(&attachment)).await.ok()["attachment"].clone();
    assert_eq!(read(&server, &his["main"]["url"], None).await.bytes, "first second third");
    foreign(server.get(&carlos, &path(&attachment)).await);
    foreign(server.delete(&bob, &path(&attachment)).await);

    server.delete(&alice, &format!("/vault/shares/{}", text(&share["id"]))).await.ok();
    foreign(server.get(&bob, &path(&attachment)).await);
    server.get(&alice, &path(&attachment)).await.ok();
}

#[tokio::test]
async fn a_share_that_expires_takes_the_file_with_it() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let item = server.item_with(&alice, &attachment).await;
    let until = vaultshare_server::clock::to_wire(server.0.clock().now() + 60_000);
    server.share(&alice, &item, &bob, json!({ "expires_at": until })).await.ok();
    server.get(&bob, &path(&attachment)).await.ok();
    server.0.clock().advance(Duration::from_secs(61));
    server.get(&bob, &path(&attachment)).await.refused(404);
}

#[tokio::test]
async fn a_refresh_takes_another_file_to_those_who_have_the_item() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let (one, other) = (server.attach(&alice, &[b"one"]).await, server.attach(&alice, &[b"other"]).await);
    let item = server.item_with(&alice, &one).await;
    let share = server.share(&alice, &item, &bob, json!({})).await.ok()["shares"][0]["id"].clone();
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let slots = json!([{ "id": slot(&item, "plan")["id"], "attachment_attributes": { "id": other["id"] } },
        { "label": "Added", "attachments_attributes": [{ "id": one["id"] }] }]);
    let changed = server.put(&alice, &item_path, json!({ "item": { "slots_attributes": slots } })).await.ok();
    assert_eq!(slot(&changed, "plan")["attachment_id"], other["id"]);
    assert_eq!(changed["attachments"].as_array().unwrap().len(), 2);
    let values: Vec<Value> = (changed["slots"].as_array().unwrap().iter())
        .filter(|slot| slot["encrypted"] == true)
        .map(|slot| {
            json!({ "share_id": share, "slot_id": slot["id"], "encrypted_value": SEALED,
                "encrypted_value_verification_key": SEALED, "value_verification_hash": "ab".repeat(32) })
        })
        .collect();
    let body = json!({ "share_deks": [{ "share_id": share, "dek": DEK }], "slot_values": values });
    server.put(&alice, &format!("{item_path}/shares"), body).await.ok();
    let received = server.get(&bob, &format!("/vault/incoming_shares/{}/item", text(&share))).await.ok();
    assert_eq!(slot(&received, "plan")["attachment_id"], other["id"]);
    assert_eq!(slot(&received, "added")["attachment_id"], one["id"]);
    server.get(&bob, &path(&other)).await.ok();
    // A slot that goes takes it away.
    let gone = json!({ "item": { "slots_attributes": [{ "name": "plan", "_destroy": true }] } });
    server.put(&alice, &item_path, gone).await.ok();
    server.get(&bob, &path(&other)).await.refused(404);
    server.get(&bob, &path(&one)).await.ok();
}

#[tokio::test]
async fn a_slot_stands_for_an_own_attachment_alone() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let item = server.make_item(&bob).await;
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    for link in [
        json!({ "attachment_id": attachment["id"] }),
        json!({ "attachment_attributes": { "id": attachment["id"] } }),
        json!({ "attachments_attributes": [{ "id": attachment["id"] }] }),
        json!({ "attachment_id": "b5a1f6f0-6a3c-4f0e-9a4e-1c6f1f3f0001" }),
    ] {
        let mut second = link.clone();
        second["label"] = "Plan".into();
        let slots = json!({ "label": "House", "slots_attributes": [{ "label": "First" }, second] });
        let body = json!({ "template_name": "custom", "item": slots });
        let refused = server.post(&bob, "/vault/items", body).await;
        assert_eq!(refused.body["errors"][0]["extra_info"]["field"], "item.slots_attributes[1].attachment_id");
        assert_eq!(refused.refused(404), "attachment_not_found", "{link}");
        let refused = server.put(&bob, &item_path, json!({ "item": slots })).await;
        assert_eq!(refused.refused(404), "attachment_not_found", "{link}");
        let slot_path = format!("/vault/slots/{}", text(&slot(&item, "vin")["id"]));
        assert_eq!(server.put(&bob, &slot_path, link.clone()).await.refused(404), "attachment_not_found", "{link}");
    }
}

#[tokio::test]
async fn ranges_are_served_within_and_across_blocks() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let attachment = server.attach(&alice, &[b"01234", b"", b"56789", b"abcde"]).await;
    let url = &attachment["main"]["url"];
    for (range, bytes, content_range) in [
        ("bytes=0-4", "01234", "bytes 0-4/15"),
        ("bytes=5-9", "56789", "bytes 5-9/15"),
        ("bytes=3-6", "3456", "bytes 3-6/15"),
        ("bytes=4-10", "456789a", "bytes 4-10/15"),
        ("bytes=1-13", "123456789abcd", "bytes 1-13/15"),
        ("bytes=12-", "cde", "bytes 12-14/15"),
        ("bytes=-2", "de", "bytes 13-14/15"),
        ("bytes=-99", "0123456789abcde", "bytes 0-14/15"),
        ("bytes=14-99", "e", "bytes 14-14/15"),
    ] {
        for header in ["range", "x-ms-range"] {
            let reply = read(&server, url, Some((header, range))).await;
            assert_eq!((reply.status.as_u16(), &reply.bytes[..]), (206, bytes.as_bytes()), "{range}");
            assert_eq!(reply.headers["content-range"], content_range);
            assert_eq!(reply.headers["content-length"], bytes.len().to_string().as_str());
        }
    }
    for range in ["bytes=15-", "bytes=20-30", "bytes=4-2", "bytes=0-1,4-5", "bytes=-0", "bytes=x", "pages=1-2"] {
        let reply = read(&server, url, Some(("range", range))).await;
        assert_eq!(reply.headers["content-range"], "bytes */15", "{range}");
        assert_eq!(reply.refused(416), "range_not_satisfiable", "{range}");
    }
    let head = Request::head(url.as_str().unwrap()).body(Body::empty()).unwrap();
    let head = server.send_unchecked(head).await;
    assert_eq!((head.status.as_u16(), &head.headers["content-length"]), (200, &"15".parse().unwrap()));
    let empty = server.attach(&alice, &[]).await;
    let whole = read(&server, &empty["main"]["url"], None).await;
    assert_eq!((whole.status.as_u16(), whole.bytes.len(), &empty["bytesize"]), (200, 0, &json!(0)));
    read(&server, &empty["main"]["url"], Some(("range", "bytes=0-0"))).await.refused(416);
}

/// What one user stored, a browser of another could take for a page of this origin.
#[tokio::test]
async fn nothing_that_is_served_runs() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let page = json!({ "filename": "x.html", "content_type": "text/html" });
    let main = server.upload(&alice, page.clone(), &[b"<script>alert(1)</script>"]).await;
    let artifact = server.upload(&alice, page, &[b"<script>alert(1)</script>"]).await;
    let attachment = server.create_attachment(&alice, &main, &artifact).await.ok()["attachment"].clone();
    assert_eq!(attachment["content_type"], "text/html");
    let download = format!("/vault/attachments/{}/download", text(&attachment["id"]));
    let range = Some(("range", "bytes=0-3"));
    for reply in [
        read(&server, &attachment["main"]["url"], None).await,
        read(&server, &attachment["encryption_artifact"]["url"], range).await,
        server.get(&alice, &download).await,
    ] {
        assert!(reply.status.is_success());
        assert_eq!(reply.headers["content-type"], "application/octet-stream");
        assert_eq!(reply.headers["content-disposition"], "attachment");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert!(reply.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert!(!reply.headers.contains_key("content-encoding"));
    }
}

#[tokio::test]
async fn a_url_permits_what_it_was_made_for_until_it_ends() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let other = server.attach(&alice, &[b"others"]).await;
    let upload = server.begin_upload(&alice, named("x")).await;
    let refused = |reply: Reply| assert_eq!(reply.refused(403), "url_not_valid");
    let get = async |url: &str| server.fetch(Method::GET, url, &[], Body::empty()).await;
    let url = text(&attachment["main"]["url"]);
    let (address, query) = url.split_once('?').unwrap();
    let other = text(&other["main"]["url"]);
    refused(get(&format!("{}?{query}", other.split_once('?').unwrap().0)).await);
    refused(get(&url.replace("expires=", "expires=9")).await);
    refused(get(&url.replace("signature=", "signature=A")).await);
    for wrong in ["", "?", "?signature=", "?signature=AAAA&expires=9999999999", "?expires=x&signature=%00"] {
        let reply = get(&format!("{address}{wrong}")).await;
        assert!(matches!(reply.status.as_u16(), 400 | 403), "{wrong}: {}", reply.status);
    }
    // Of writing for reading, and the other way round.
    refused(get(&upload.url).await);
    let url_to_read = Upload { url: url.clone(), ..upload.clone() };
    refused(server.put_block(&url_to_read, &block_id(0), "x").await);
    refused(server.commit(&url_to_read, &[]).await);
    assert_eq!(get(&url).await.status, 200);
    server.0.clock().advance(HOUR);
    refused(get(&url).await);
    assert_eq!(server.put_block(&upload, &block_id(0), "x").await.status, 201);
    server.0.clock().advance(23 * HOUR);
    refused(server.put_block(&upload, &block_id(0), "x").await);
}

#[tokio::test]
async fn a_block_is_replaced_and_a_list_says_which_are_the_file() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    let (plus, spaced) = ("+/+/", "%20/%20/");
    for (id, bytes) in [(plus, "one"), (spaced, "longer"), ("QUFB", "left out"), ("QQ==", "last")] {
        assert_eq!(server.put_block(&upload, id, bytes).await.status, 201, "{id}");
    }
    assert_eq!(server.put_block(&upload, "not%20base64!", "x").await.refused(400), "invalid_block_id");
    assert_eq!(server.put_block(&upload, &"QUFB".repeat(22), "x").await.refused(400), "invalid_block_id");
    assert_eq!(server.put_block(&upload, "", "x").await.refused(400), "field_missing");
    let wrong = server.fetch(Method::PUT, &format!("{}&comp=page", upload.url), &[], "x").await;
    assert_eq!(wrong.refused(400), "invalid_query");
    let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(server.commit(&upload, &list(&["QQ==", "QkJC"])).await.refused(400), "unknown_block");
    assert_eq!(server.commit(&upload, &list(&["QQ==", "QQ=="])).await.refused(400), "invalid_block_list");
    let url = format!("{}&comp=blocklist", upload.url);
    assert_eq!(server.fetch(Method::PUT, &url, &[], "{}").await.refused(400), "invalid_block_list");
    let artifact = server.upload(&alice, named("y"), &[b"{}"]).await;
    assert_eq!(server.create_attachment(&alice, &upload, &artifact).await.refused(409), "upload_unfinished");
    let ids = list(&["QQ==", plus]);
    for _ in 0..2 {
        assert_eq!(server.commit(&upload, &ids).await.status, 201);
    }
    let attachment = server.create_attachment(&alice, &upload, &artifact).await.ok()["attachment"].clone();
    assert_eq!(read(&server, &attachment["main"]["url"], None).await.bytes, "lastlonger");
    // Said again, both are done already; something else is not done any more.
    assert_eq!(server.commit(&upload, &ids).await.status, 201);
    assert_eq!(server.create_attachment(&alice, &upload, &artifact).await.ok()["attachment"]["id"], attachment["id"]);
    assert_eq!(server.commit(&upload, &list(&["QQ=="])).await.refused(409), "upload_finished");
    assert_eq!(server.put_block(&upload, "QQ==", "x").await.refused(409), "upload_finished");
    let another = server.upload(&alice, named("z"), &[b"z"]).await;
    assert_eq!(server.create_attachment(&alice, &another, &artifact).await.refused(409), "upload_finished");
    assert_eq!(server.count("vault", "attachments").await, 1);
    // What was replaced went at once; what was left out goes an hour later.
    assert_eq!((objects(&server), server.count("vault", "deleted_objects").await), (5, 1));
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!((objects(&server), server.count("vault", "deleted_objects").await), (4, 0));
    assert_eq!(server.count("vault", "blob_blocks").await, 4);
}

#[tokio::test]
async fn another_user_has_no_part_in_an_upload() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let (main, artifact) =
        (server.upload(&alice, named("x"), &[b"x"]).await, server.upload(&alice, named("y"), &[b"y"]).await);
    let own = server.upload(&bob, named("z"), &[b"z"]).await;
    for (main, artifact) in [(&main, &artifact), (&own, &artifact), (&main, &own)] {
        assert_eq!(server.create_attachment(&bob, main, artifact).await.refused(404), "blob_not_found");
    }
    let wrong_key = Upload { key: own.key.clone(), ..main.clone() };
    assert_eq!(server.create_attachment(&alice, &wrong_key, &artifact).await.refused(404), "blob_not_found");
    assert_eq!(server.create_attachment(&alice, &main, &main).await.refused(400), "invalid_field");
    let abandon = format!("/vault/direct/attachments/uploads/{}", main.id);
    assert_eq!(server.delete(&bob, &abandon).await.refused(404), "blob_not_found");
    server.delete(&alice, "/vault/direct/attachments/uploads/x").await.refused(404);
    server.create_attachment(&alice, &main, &artifact).await.ok();
    assert_eq!(server.delete(&alice, &abandon).await.refused(409), "upload_finished");
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_left() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let blob = json!({ "filename": "x", "encrypted_resume": SEALED });
    let mut uploads = Vec::new();
    for _ in 0..22 {
        uploads.push(server.begin_upload(&alice, blob.clone()).await);
        server.0.clock().advance(Duration::from_millis(10));
    }
    server.begin_upload(&alice, named("nothing to go on with")).await;
    let last = uploads.pop().unwrap();
    for (id, bytes) in [("QkJC", "second"), ("QUFB", "first ")] {
        server.put_block(&last, id, bytes).await;
    }
    let list = async || server.get(&alice, "/vault/direct/attachments/uploads").await.ok()["uploads"].clone();
    let found = list().await;
    assert_eq!(found.as_array().unwrap().len(), 20);
    let newest = &found[0];
    assert_eq!((&newest["blob_id"], &newest["blob_key"]), (&json!(last.id), &json!(last.key)));
    assert_eq!((&newest["encrypted_resume"], &newest["blocks"]), (&json!(SEALED), &json!(["QUFB", "QkJC"])));
    // A day later by a new URL.
    server.0.clock().advance(25 * HOUR);
    let alice = server.sign_in_to_vault(alice.clone()).await;
    let found = server.get(&alice, "/vault/direct/attachments/uploads").await.ok()["uploads"].clone();
    let resumed = Upload { url: text(&found[0]["url"]), ..last };
    assert_eq!(server.commit(&resumed, &["QUFB".to_owned(), "QkJC".to_owned()]).await.status, 201);
    let artifact = server.upload(&alice, named("y"), &[b"{}"]).await;
    let attachment = server.create_attachment(&alice, &resumed, &artifact).await.ok()["attachment"].clone();
    assert_eq!(read(&server, &attachment["main"]["url"], None).await.bytes, "first second");
    let abandoned = format!("/vault/direct/attachments/uploads/{}", uploads[21 - 1].id);
    server.delete(&alice, &abandoned).await.ok();
    server.delete(&alice, &abandoned).await.refused(404);
    let found = server.get(&alice, "/vault/direct/attachments/uploads").await.ok()["uploads"].clone();
    assert!(found.as_array().unwrap().iter().all(|upload| upload["blob_id"] != uploads[20].id));
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_is_stored() {
    let server = limited(Limits { file_bytes: 10, ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    let begin = async |bytes: u64| {
        let blob = json!({ "filename": "x", "byte_size": bytes });
        server.post(&alice, "/vault/direct/attachments/upload_url", json!({ "blob": blob })).await
    };
    begin(10).await.ok();
    for bytes in [11, u64::MAX] {
        assert_eq!(begin(bytes).await.refused(413), "file_too_large");
    }
    // What comes is counted, whatever was said.
    let upload = server.begin_upload(&alice, named("x")).await;
    assert_eq!(server.put_block(&upload, &block_id(0), "0123456").await.status, 201);
    let before = objects(&server);
    assert_eq!(server.put_block(&upload, &block_id(1), "0123").await.refused(413), "file_too_large");
    assert_eq!(objects(&server), before);
    assert_eq!(server.put_block(&upload, &block_id(0), "0123456789").await.status, 201, "in place of the first");
    let large = vec![0; 8 * MIB + 1];
    assert_eq!(server.put_block(&upload, &block_id(0), large).await.refused(413), "body_too_large");
    for _ in 0..198 {
        server.begin_upload(&alice, named("x")).await;
    }
    assert_eq!(begin(1).await.refused(429), "too_many_uploads");
    server.delete(&alice, &format!("/vault/direct/attachments/uploads/{}", upload.id)).await.ok();
    begin(1).await.ok();
}

/// What a quota counts for each block and for each upload beside its bytes.
const OVERHEAD: i64 = 4096;

async fn with_quota(quota_file_bytes: i64) -> Server {
    limited(Limits { quota_file_bytes, ..Limits::default() }).await
}

#[tokio::test]
async fn a_quota_counts_all_bytes_of_a_users_files_until_they_are_gone() {
    let server = with_quota(20 + 7 * OVERHEAD).await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    // With its artefacts 12 bytes, in two blocks of two uploads.
    let attachment = server.attach(&alice, &[b"0123456789"]).await;
    let upload = server.begin_upload(&alice, named("x")).await;
    let put = async |number: usize, bytes: &'static str| server.put_block(&upload, &block_id(number), bytes).await;
    let begin = async |bytes: i64| {
        let blob = json!({ "blob": { "filename": "x", "byte_size": bytes } });
        server.post(&alice, "/vault/direct/attachments/upload_url", blob).await
    };
    assert_eq!(begin(9 + OVERHEAD).await.refused(403), "quota_exceeded");
    assert_eq!(put(0, "12345678").await.status, 201);
    assert_eq!(put(1, "1").await.refused(403), "quota_exceeded");
    assert_eq!(put(1, "").await.status, 201);
    assert_eq!(put(0, "123456789").await.refused(403), "quota_exceeded");
    assert_eq!(put(0, "87654321").await.status, 201, "in place of as much");
    assert_eq!(begin(0).await.refused(403), "quota_exceeded");
    server.attach(&bob, &[b"0123456789"]).await;
    server.delete(&alice, &path(&attachment)).await.ok();
    assert_eq!(put(2, "").await.refused(403), "quota_exceeded");
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(put(2, "123456789012").await.status, 201);
}

#[tokio::test]
async fn empty_blocks_and_empty_uploads_count() {
    let server = with_quota(5 * OVERHEAD).await;
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    for number in 0..3 {
        assert_eq!(server.put_block(&upload, &block_id(number), "").await.status, 201);
    }
    server.begin_upload(&alice, named("y")).await;
    assert_eq!(server.put_block(&upload, &block_id(3), "").await.refused(403), "quota_exceeded");
    let blob = json!({ "blob": { "filename": "z" } });
    let refused = server.post(&alice, "/vault/direct/attachments/upload_url", blob).await;
    assert_eq!(refused.refused(403), "quota_exceeded");
}

/// Each way to give back what is counted, while its objects are still there.
#[tokio::test]
async fn what_is_replaced_left_out_or_given_up_makes_room_when_it_is_gone() {
    let server = with_quota(1000 + 3 * OVERHEAD).await;
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    for letter in [b'a', b'b', b'c'] {
        assert_eq!(server.put_block(&upload, &block_id(0), vec![letter; 900]).await.status, 201);
        assert_eq!((objects(&server), server.count("vault", "deleted_objects").await), (1, 0));
    }
    let put = async |number: usize| server.put_block(&upload, &block_id(number), vec![b'x'; 900]).await;
    assert_eq!(server.commit(&upload, &[]).await.status, 201);
    assert_eq!(put(1).await.refused(403), "quota_exceeded", "what the list left out is still there");
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(put(1).await.status, 201);
    server.delete(&alice, &format!("/vault/direct/attachments/uploads/{}", upload.id)).await.ok();
    let blob = json!({ "blob": { "filename": "y", "byte_size": 900 } });
    let begin = async || server.post(&alice, "/vault/direct/attachments/upload_url", blob.clone()).await;
    assert_eq!(begin().await.refused(403), "quota_exceeded", "the upload that was given up is still there");
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(objects(&server), 0);
    begin().await.ok();
}

/// A block whose object cannot be deleted, here since it is a folder, is replaced no more often than the quota has room for.
#[cfg(unix)]
#[tokio::test]
async fn a_replaced_block_counts_as_long_as_its_object_stays() {
    let server = with_quota(200 + 3 * OVERHEAD).await;
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    let put = async || server.put_block(&upload, &block_id(0), vec![b'x'; 100]).await;
    let folder = server.0.data().join("files/blobs").join(&upload.key);
    let mut stuck = Vec::new();
    for _ in 0..3 {
        assert_eq!(put().await.status, 201, "whatever becomes of the object before");
        let mut objects = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let object = objects.find(|path| path.is_file()).unwrap();
        std::fs::remove_file(&object).unwrap();
        std::fs::create_dir(&object).unwrap();
        stuck.push(object);
    }
    assert_eq!(put().await.refused(403), "quota_exceeded");
    assert_eq!(server.count("vault", "deleted_objects").await, 2);
    for object in stuck {
        std::fs::remove_dir(object).unwrap();
    }
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(put().await.status, 201);
}

/// They are no folders any more, and more than one round of housekeeping tries.
#[cfg(unix)]
#[tokio::test]
async fn objects_that_cannot_be_deleted_are_tried_again_and_the_others_go() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let mut stuck = Vec::new();
    for number in 0..7 {
        let upload = server.upload(&alice, named("x"), &[b"x"]).await;
        server.delete(&alice, &format!("/vault/direct/attachments/uploads/{}", upload.id)).await.ok();
        server.0.clock().advance(Duration::from_secs(1));
        if number < 6 {
            let folder = server.0.data().join("files/blobs").join(&upload.key);
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::write(&folder, "in the way").unwrap();
            stuck.push(folder);
        }
    }
    let left = async || (objects(&server), server.count("vault", "deleted_objects").await);
    server.0.clock().advance(HOUR);
    // What is wrong with some objects keeps nothing of the rest of housekeeping.
    server.0.clear_expired().await.unwrap();
    assert_eq!(left().await, (7, 7));
    server.0.clear_expired().await.unwrap();
    assert_eq!(left().await, (6, 6), "those that failed are behind the others");
    for folder in stuck {
        std::fs::remove_file(folder).unwrap();
    }
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(left().await, (0, 0));
}

#[tokio::test]
async fn a_deleted_attachment_leaves_the_slots_of_everybody_and_its_objects_go() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let attachment = server.attach(&alice, &[b"one", b"two"]).await;
    let item = server.item_with(&alice, &attachment).await;
    let share = server.share(&alice, &item, &bob, json!({})).await.ok()["shares"][0]["id"].clone();
    server.delete(&alice, &format!("/vault/attachments/{}", text(&attachment["id"]))).await.ok();
    assert_eq!(server.delete(&alice, &path(&attachment)).await.refused(404), "attachment_not_found");
    let left = server.get(&alice, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.ok();
    let received = server.get(&bob, &format!("/vault/incoming_shares/{}/item", text(&share))).await.ok();
    for reply in [&left, &received] {
        assert_eq!(slot(reply, "plan")["attachment_id"], Value::Null);
        assert!(reply["attachments"].as_array().unwrap().is_empty());
    }
    assert_ne!(left["item"]["updated_at"], item["item"]["updated_at"]);
    let gone = read(&server, &attachment["main"]["url"], None).await;
    assert_eq!(gone.refused(404), "blob_not_found");
    assert_eq!(objects(&server), 3);
    server.0.clear_expired().await.unwrap();
    assert_eq!(objects(&server), 3, "who was reading goes on");
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!((objects(&server), server.count("vault", "deleted_objects").await), (0, 0));
}

#[tokio::test]
async fn housekeeping_deletes_what_nobody_uses_for_two_days() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let kept = server.attach(&alice, &[b"kept"]).await;
    server.item_with(&alice, &kept).await;
    let item = server.item_with(&alice, &server.attach(&alice, &[b"of an item"]).await).await;
    server.attach(&alice, &[b"never in an item"]).await;
    server.upload(&alice, named("never attached"), &[b"x"]).await;
    let counts = async || (server.count("vault", "attachments").await, server.count("vault", "blobs").await);
    server.0.clock().advance(47 * HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(counts().await, (3, 7));
    let alice = server.sign_in_to_vault(alice.clone()).await;
    server.delete(&alice, &format!("/vault/items/{}", text(&item["item"]["id"]))).await.ok();
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(counts().await, (2, 4), "what was never in an item, and the upload");
    server.0.clock().advance(47 * HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(counts().await, (2, 4));
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(counts().await, (1, 2), "what was in the item that was deleted");
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(objects(&server), 2);
    let alice = server.sign_in_to_vault(alice).await;
    let kept = server.get(&alice, &path(&kept)).await.ok()["attachment"].clone();
    assert_eq!(read(&server, &kept["main"]["url"], None).await.bytes, "kept");
}

#[tokio::test]
async fn who_is_deleted_takes_all_files_along() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let attachment = server.attach(&alice, &[b"one", b"two"]).await;
    let item = server.item_with(&alice, &attachment).await;
    server.share(&alice, &item, &bob, json!({})).await.ok();
    let upload = server.upload(&alice, named("never attached"), &[b"x"]).await;
    server.attach(&bob, &[b"stays"]).await;
    server.delete(&alice, "/vault/me").await.ok();
    assert_eq!((server.count("vault", "attachments").await, server.count("vault", "blobs").await), (1, 2));
    assert_eq!(server.put_block(&upload, &block_id(0), "x").await.refused(404), "blob_not_found");
    server.get(&bob, &path(&attachment)).await.refused(404);
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(objects(&server), 2);
}

/// A form as browsers send it.
fn form(fields: &[(&str, Option<&str>, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, filename, content) in fields {
        let filename = filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    ("multipart/form-data; boundary=limit".to_owned(), body)
}

async fn post_form(server: &Server, user: &User, path: &str, fields: &[(&str, Option<&str>, &[u8])]) -> Reply {
    let (kind, body) = form(fields);
    server.fetch(Method::POST, path, &[("authorization", &user.vault_token), ("content-type", &kind)], body).await
}

#[tokio::test]
async fn old_clients_send_a_file_in_a_form_and_read_it_whole() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    let content: Vec<u8> = (0..2 * MIB + 10).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let names = [
        ("attachment[file]", "attachment[filename]", "attachment[content_type]"),
        ("file", "filename", "content_type"),
    ];
    for (file, filename, content_type) in names {
        let fields: [(&str, Option<&str>, &[u8]); 3] =
            [(file, Some("blob"), &content), (filename, None, b"plan.pdf"), (content_type, None, b"application/pdf")];
        let made = post_form(&server, &alice, "/vault/attachments", &fields).await.ok()["attachment"].clone();
        assert_eq!((&made["filename"], &made["content_type"]), (&json!("plan.pdf"), &json!("application/pdf")));
        assert_eq!((&made["is_direct_upload"], &made["bytesize"]), (&json!(false), &json!(content.len())));
        let download = format!("/vault/attachments/{}/download", text(&made["id"]));
        assert_eq!(made["url"], download.as_str());
        assert!(server.get(&alice, &download).await.bytes == content);
        assert_eq!(server.get(&bob, &download).await.refused(404), "attachment_not_found");
    }
    let blobs = server.count("vault", "blobs").await;
    let refused = post_form(&server, &alice, "/vault/attachments", &[("attachment[filename]", None, b"x")]).await;
    assert_eq!(refused.refused(400), "field_missing");
    let long = post_form(&server, &alice, "/vault/attachments", &[("other", None, &[b'x'; 2000])]).await;
    assert_eq!(long.refused(413), "body_too_large");
    let many = vec![("other", None, &b"x"[..]); 30];
    assert_eq!(post_form(&server, &alice, "/vault/attachments", &many).await.refused(400), "too_many_values");
    let headers = [("authorization", alice.vault_token.as_str()), ("content-type", "text/plain")];
    let no_form = server.fetch(Method::POST, "/vault/attachments", &headers, "[object FormData]").await;
    assert_eq!(no_form.refused(415), "unsupported_media_type");
    let headers = [("authorization", alice.vault_token.as_str()), ("content-type", "multipart/form-data; boundary=x")];
    let cut_off = server.fetch(Method::POST, "/vault/attachments", &headers, "--x\r\nContent").await;
    assert_eq!(cut_off.refused(400), "unreadable_body");
    // A head without an end, and what comes before the first.
    for begin in
        ["--x\r\nContent-Disposition: ", "", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\""]
    {
        let pieces = std::iter::once(Bytes::from(begin)).chain((0..1000).map(|_| Bytes::from(vec![b'-'; 10_000])));
        let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&taken);
        let pieces = pieces.inspect(move |piece| {
            counted.fetch_add(piece.len(), std::sync::atomic::Ordering::SeqCst);
        });
        let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        let endless = server.fetch(Method::POST, "/vault/attachments", &headers, body).await;
        assert_eq!(endless.refused(400), "unreadable_body");
        assert!(taken.load(std::sync::atomic::Ordering::SeqCst) < MIB, "{begin}");
    }
    assert_eq!(server.count("vault", "blobs").await, blobs, "nothing is left of what was refused");
}

#[tokio::test]
async fn a_form_that_is_too_large_leaves_nothing() {
    let server = limited(Limits { file_bytes: 3 * MIB as i64, ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    let content = vec![7; 3 * MIB + 1];
    let refused = post_form(&server, &alice, "/vault/attachments", &[("file", None, &content)]).await;
    assert_eq!(refused.refused(413), "file_too_large");
    assert_eq!(server.count("vault", "blobs").await, 0);
    server.0.clock().advance(HOUR);
    server.0.clear_expired().await.unwrap();
    assert_eq!(objects(&server), 0);
}

#[tokio::test]
async fn thumbnails_are_seen_by_who_sees_the_file() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let id = text(&attachment["id"]);
    let item = server.item_with(&alice, &attachment).await;
    let new = post_form(
        &server,
        &alice,
        "/vault/thumbnails",
        &[
            ("thumbnail[file]", Some("blob"), b"small"),
            ("thumbnail[attachment_id]", None, id.as_bytes()),
            ("thumbnail[size_type]", None, b"128x128/jpg"),
        ],
    )
    .await
    .ok()["thumbnail"]
        .clone();
    let old = post_form(
        &server,
        &alice,
        "/vault/thumbnails",
        &[("binary[file]", None, b"middling"), ("binary_id", None, id.as_bytes()), ("size_type", None, b"png_256x256")],
    )
    .await
    .ok()["thumbnail"]
        .clone();
    assert_eq!((&old["size_type"], &old["attachment_id"]), (&json!("256x256/png"), &json!(id)));
    let read_both = async |user: &User, thumbnail: &Value| {
        let path = format!("/vault/thumbnails/{}", text(&thumbnail["id"]));
        let redirect = server.get(user, &path).await.ok();
        let by_url = read(&server, &redirect["redirect_url"], None).await.bytes;
        let headers = [("authorization", user.vault_token.as_str()), ("delegation_id", "undefined")];
        let request = Request::get(&path).header(headers[0].0, headers[0].1).header(headers[1].0, headers[1].1);
        let bytes = server.send_unchecked(request.body(Body::empty()).unwrap()).await.bytes;
        assert_eq!(by_url, bytes);
        bytes
    };
    assert_eq!(read_both(&alice, &new).await, "small");
    assert_eq!(read_both(&alice, &old).await, "middling");
    let path_of_new = format!("/vault/thumbnails/{}", text(&new["id"]));
    assert_eq!(server.get(&bob, &path_of_new).await.refused(404), "thumbnail_not_found");
    server.share(&alice, &item, &bob, json!({})).await.ok();
    assert_eq!(read_both(&bob, &new).await, "small");
    let his = server.get(&bob, "/vault/items").await.ok();
    assert_eq!(his["thumbnails"].as_array().unwrap().len(), 2);
    assert_eq!(his["attachments"].as_array().unwrap().len(), 1);
    assert_eq!(server.delete(&bob, &path_of_new).await.refused(404), "thumbnail_not_found");

    let again = post_form(
        &server,
        &alice,
        "/vault/thumbnails",
        &[
            ("file", None, b"another"),
            ("thumbnail[attachment_id]", None, id.as_bytes()),
            ("size_type", None, b"128x128/jpg"),
        ],
    )
    .await
    .ok()["thumbnail"]
        .clone();
    assert_eq!(read_both(&bob, &again).await, "another");
    server.get(&alice, &path_of_new).await.refused(404);
    let size = |kind: &'static [u8]| {
        [("file", None, &b"x"[..]), ("binary_id", None, id.as_bytes()), ("size_type", None, kind)]
    };
    let refused = post_form(&server, &alice, "/vault/thumbnails", &size(b"main")).await;
    assert_eq!(refused.refused(400), "invalid_thumbnail_size");
    let foreign = post_form(&server, &bob, "/vault/thumbnails", &size(b"512x512/png")).await;
    assert_eq!(foreign.refused(404), "attachment_not_found");
    let large = vec![0; MIB + 1];
    let large = post_form(&server, &alice, "/vault/thumbnails", &[("file", None, &large)]).await;
    assert_eq!(large.refused(413), "body_too_large");
    server.delete(&alice, &format!("/vault/thumbnails/{}", text(&again["id"]))).await.ok();
    server.delete(&alice, &path(&attachment)).await.ok();
    assert_eq!(server.count("vault", "blobs").await, 0);
}

/// In the first protocol a recipient sees the owner's item itself.
#[tokio::test]
async fn a_share_of_the_first_protocol_has_its_slots_files() {
    let server = server().await;
    let (alice, bob) = (server.sign_up("alice").await, server.sign_up("bob").await);
    server.connect(&alice, &bob).await;
    server.sql("vault", "UPDATE connections SET encryption_space_id = 'space'").await;
    let (seen, hidden) = (server.attach(&alice, &[b"seen"]).await, server.attach(&alice, &[b"hidden"]).await);
    let item = server.item_with(&alice, &seen).await;
    let item_path = format!("/vault/items/{}", text(&item["item"]["id"]));
    let more = json!([{ "label": "More", "attachment_id": hidden["id"], "encrypted_value": SEALED }]);
    server.put(&alice, &item_path, json!({ "item": { "slots_attributes": more } })).await.ok();
    let slot_id = text(&slot(&item, "plan")["id"]);
    let values = json!({ slot_id.clone(): SEALED }).to_string();
    let share = json!({ "shareable_type": "Slot", "shareable_id": slot_id, "user_id": bob.id,
        "encrypted_values": values });
    let share = server.post(&alice, "/vault/shares", json!({ "shares": [share] })).await.ok()["shares"][0].clone();
    let received = server.get(&bob, &format!("/vault/shares/{}", text(&share["id"]))).await.ok();
    assert_eq!(received["attachments"].as_array().unwrap().len(), 1);
    assert_eq!(received["attachments"][0]["id"], seen["id"]);
    server.get(&bob, &path(&seen)).await.ok();
    server.get(&bob, &path(&hidden)).await.refused(404);
    server.delete(&alice, &format!("/vault/shares/{}", text(&share["id"]))).await.ok();
    server.get(&bob, &path(&seen)).await.refused(404);
}

/// Each piece of a reply is taken before the next is read, and no piece is more than a block.
#[tokio::test]
async fn no_more_of_a_large_file_is_in_memory_than_a_block() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let block = |number: usize| vec![u8::try_from(number).unwrap(); MIB];
    let upload = server.begin_upload(&alice, named("large")).await;
    let ids: Vec<String> = (0..64).map(block_id).collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(server.put_block(&upload, id, block(number)).await.status, 201);
    }
    server.commit(&upload, &ids).await;
    let artifact = server.upload(&alice, named("y"), &[b"{}"]).await;
    let attachment = server.create_attachment(&alice, &upload, &artifact).await.ok()["attachment"].clone();
    assert_eq!(objects(&server), 65, "no file is put together");
    let url = text(&attachment["main"]["url"]).replace("http://localhost", "");
    let reply = server.0.router().oneshot(Request::get(&url).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(reply.headers()["content-length"], (64 * MIB).to_string().as_str());
    let (mut pieces, mut position) = (reply.into_body().into_data_stream(), 0);
    while let Some(piece) = pieces.next().await {
        let piece: Bytes = piece.unwrap();
        assert!(piece.len() <= MIB);
        assert!(piece.iter().all(|byte| usize::from(*byte) == position / MIB), "{position}");
        position += piece.len();
    }
    assert_eq!(position, 64 * MIB);

    // A form of as much, of which the next piece is asked for once the one before is stored.
    let head = "--limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (data, seen) = (server.0.data().join("files"), std::sync::Arc::clone(&most));
    let pieces = (0..64 * 16).map(move |number: usize| {
        let stored = size_of(&data).saturating_sub(64 * MIB);
        let ahead = (number * MIB / 16).saturating_sub(stored);
        seen.fetch_max(ahead, std::sync::atomic::Ordering::SeqCst);
        Bytes::from(vec![1; MIB / 16])
    });
    let pieces = std::iter::once(Bytes::from(head)).chain(pieces).chain([Bytes::from("\r\n--limit--\r\n")]);
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let headers =
        [("authorization", alice.vault_token.as_str()), ("content-type", "multipart/form-data; boundary=limit")];
    let made = server.fetch(Method::POST, "/vault/attachments", &headers, body).await.ok()["attachment"].clone();
    assert_eq!(made["bytesize"], 64 * MIB);
    let most = most.load(std::sync::atomic::Ordering::SeqCst);
    assert!(most <= 2 * MIB, "{most} bytes were read that were not stored yet");
}

#[tokio::test]
async fn a_form_may_take_longer_than_other_requests() {
    let server = limited(Limits { request: Duration::from_millis(300).into(), ..Limits::default() }).await;
    let alice = server.sign_up("alice").await;
    let (kind, form) = form(&[("attachment[file]", None, b"a slow one")]);
    let pieces = stream::iter(form).then(|byte| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok::<_, std::io::Error>(Bytes::from(vec![byte]))
    });
    let headers = [("authorization", alice.vault_token.as_str()), ("content-type", kind.as_str())];
    let made = server.fetch(Method::POST, "/vault/attachments", &headers, Body::from_stream(pieces)).await.ok();
    assert_eq!(made["attachment"]["bytesize"], 10);
}

/// The bytes of all files in a folder.
fn size_of(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => usize::try_from(metadata.len()).unwrap(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[tokio::test]
async fn pages_of_any_origin_may_send_blocks_and_read_ranges() {
    let server = server().await;
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    let asked = "x-ms-version,x-ms-date,x-ms-blob-type,x-ms-blob-content-type,x-ms-range,range,content-type";
    for method in ["PUT", "GET"] {
        let headers = [
            ("origin", "https://app.example"),
            ("access-control-request-method", method),
            ("access-control-request-headers", asked),
        ];
        let reply = server.fetch(Method::OPTIONS, &upload.url, &headers, Body::empty()).await;
        let allowed = reply.headers["access-control-allow-headers"].to_str().unwrap();
        assert!(asked.split(',').all(|header| allowed.contains(header)), "{allowed}");
    }
    let attachment = server.attach(&alice, &[b"sealed"]).await;
    let reply = read(&server, &attachment["main"]["url"], Some(("origin", "https://app.example"))).await;
    let exposed = reply.headers["access-control-expose-headers"].to_str().unwrap();
    for header in ["content-range", "content-length", "accept-ranges"] {
        assert!(exposed.contains(header), "{exposed}");
    }
}

#[tokio::test]
async fn urls_begin_with_what_the_operator_says() {
    let folder = Folder::new().unwrap();
    let config = Config { service_url: Some("https://example.org/api/".into()), ..Config::new(folder.path()) };
    let server = Server(testing::server(config, folder).await.unwrap());
    let alice = server.sign_up("alice").await;
    let upload = server.begin_upload(&alice, named("x")).await;
    assert!(upload.url.starts_with(&format!("https://example.org/api/vault/blobs/{}?signature=", upload.key)));
    assert!(!upload.url.contains(&common::text(&json!(alice.vault_token))));
    assert_eq!(block_list(&[]).matches("Latest").count(), 0);
}
