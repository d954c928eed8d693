//! Small pictures of files: made with the file or later, shared with it, and lied about.

use serde_json::{Value as Json, json};
use vaultshare::{ErrorCode, crypto::envelope::Envelope, workflows::NewFile};
use zeroize::Zeroizing;

use crate::{
    fault_injection::fail_each_request,
    files::{WHOLE, attach, attach_as, car, content, only_file, read, stored_chunks},
    harness::{Chain, Harness, named, png},
    lies::alter,
};

#[tokio::test]
async fn a_thumbnail_goes_where_its_file_goes() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let item = car(alice).await;
    let id = &item.record.id;
    let attached = attach_as(alice, id, named("photo.png", 3), b"abc", Some(b"small")).await.unwrap();
    assert_eq!(attached.thumbnails().len(), 1);
    attached.add_thumbnail(&png(b"tiny", "128x128/png")).await.unwrap();
    // Another of the size takes the place of the first.
    attached.add_thumbnail(&png(b"smaller", "256x256/png")).await.unwrap();
    let (_, copy) = chain.share_with_bob(&item).await;
    let of_carlos = carlos.get_share(&chain.share_on(&copy).await).await.unwrap().item.record.id;
    for (session, item) in [(alice, id), (bob, &copy), (carlos, &of_carlos)] {
        let file = only_file(session, item).await;
        let thumbnails = file.thumbnails();
        let sizes: Vec<_> = thumbnails.iter().map(|(size_type, _)| size_type.as_str()).collect();
        assert_eq!(sizes, ["128x128/png", "256x256/png"]);
        for (thumbnail, picture) in thumbnails.iter().zip(["tiny", "smaller"]) {
            assert!(file.read_thumbnail(thumbnail).await.unwrap().ends_with(picture.as_bytes()));
        }
    }
    let received = only_file(bob, &copy).await;
    let refused = received.add_thumbnail(&png(b"mine", "128x128/png")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn attaching_with_a_thumbnail_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    fail_each_request(
        &harness.network,
        async || attach_as(&alice, &item, named("a.png", 3), b"abc", Some(b"small")).await,
        async |file, fault, number| {
            let [thumbnail] = &file.thumbnails()[..] else { panic!("{fault:?} at {number}: no thumbnail") };
            assert!(file.read_thumbnail(thumbnail).await.unwrap().ends_with(b"small"), "{fault:?} at {number}");
            assert_eq!(read(&file, WHOLE).await.unwrap(), b"abc");
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_shows_no_other_picture_of_its_choice() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let file = attach_as(&alice, &item, named("a.png", 10), &content(10, 0), Some(b"small")).await.unwrap();
    file.add_thumbnail(&png(b"tiny", "128x128/png")).await.unwrap();
    let other = attach_as(&alice, &item, named("b.png", 3), b"abc", Some(b"other")).await.unwrap();
    let [tiny, small] = &file.thumbnails()[..] else { panic!("two thumbnails") };
    let of_other = other.thumbnails()[0].1.id.clone();
    let url = |id: &str| format!("/vault/thumbnails/{id}");

    // That of the other size, and that of the other file.
    for (told, code) in [(&tiny.1.id, ErrorCode::Misplaced), (&of_other, ErrorCode::DecryptionFailed)] {
        let reply = harness.reply(&alice, &url(told.as_str())).await;
        harness.network.replay(url(small.1.id.as_str()), &reply);
        assert_eq!(file.read_thumbnail(small).await.unwrap_err().code(), code);
    }
    // A piece of the file.
    harness.network.stop_tampering();
    let chunks = stored_chunks(&harness, &file).await;
    let envelope = Envelope::Symmetric { chunks, derivation: None }.print();
    harness.network.tamper(move |_, path, body| if path.contains("/blobs/") { envelope.clone().into() } else { body });
    assert_eq!(file.read_thumbnail(small).await.unwrap_err().code(), ErrorCode::Misplaced);
    // A thumbnail as the file.
    harness.network.stop_tampering();
    let envelope = {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let bodies = std::rc::Rc::clone(&seen);
        harness.network.tamper(move |_, path, body| {
            if path.contains("/blobs/") {
                bodies.replace(body.clone());
            }
            body
        });
        file.read_thumbnail(small).await.unwrap();
        seen.take()
    };
    harness.network.refuse(|_, path| path.ends_with("/download").then_some(200));
    harness.network.tamper(move |_, path, body| match serde_json::from_slice::<Json>(&body) {
        _ if path.ends_with("/download") => envelope.clone(),
        Ok(json) if json["attachment"]["main"].is_object() => alter(body, |json| {
            json["attachment"]["main"] = Json::Null;
            json["attachment"]["encryption_artifact"] = Json::Null;
        }),
        _ => body,
    });
    assert_eq!(file.open(WHOLE, false).await.err().map(|error| error.code()), Some(ErrorCode::Misplaced));
    harness.network.stop_tampering();
    assert!(file.read_thumbnail(small).await.unwrap().ends_with(b"small"));
}

#[tokio::test]
async fn sizes_and_formats_that_nobody_knows_are_left_out() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    attach_as(&alice, &item, named("a.png", 3), b"abc", Some(b"small")).await.unwrap();
    for told in ["", "1024x1024/png", "256x256/svg", "../../x"] {
        harness.network.lie("GET", format!("/vault/items/{item}"), move |json| {
            json["thumbnails"][0]["size_type"] = json!(told);
        });
        assert!(only_file(&alice, &item).await.thumbnails().is_empty(), "{told}");
    }
    let size_type = only_size("256x256/jpg");
    for no_picture in [&b""[..], b"\x89PNG\r\n\x1a\n", b"<svg>"] {
        let bytes = Zeroizing::new(no_picture.to_vec());
        assert!(vaultshare::workflows::Picture::new(bytes, size_type).is_err());
    }
    let long = Zeroizing::new([b"\xff\xd8\xff".to_vec(), vec![0; 512 * 1024]].concat());
    assert!(vaultshare::workflows::Picture::new(long, size_type).is_err());
}

fn only_size(text: &str) -> vaultshare::api::vault::thumbnails::SizeType {
    vaultshare::api::vault::thumbnails::SizeType::parse(text).unwrap()
}

/// Templates have slots for pictures, which are filled, and those for words, which are not.
#[tokio::test]
async fn a_file_fills_the_slot_that_is_for_it() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await;
    let id = &item.record.id;
    let before = item.slots.len();
    let into = |slot: &str| NewFile { slot: Some(slot.to_owned()), ..named("photo.png", 3) };
    let first = attach_as(&alice, id, into("image"), b"abc", None).await.unwrap();
    let second = attach_as(&alice, id, into("image"), b"xyz", None).await.unwrap();
    assert_eq!(first.slot_id, second.slot_id);
    let item = alice.get_item(id).await.unwrap();
    assert_eq!((item.slots.len(), item.binding.changed), (before, false));
    let slot = item.slots.iter().find(|slot| slot.record.id == second.slot_id).unwrap();
    assert_eq!((slot.record.slot_type_name.as_str(), slot.record.label.as_str()), ("image", "Image"));
    assert_eq!(read(&only_file(&alice, id).await, WHOLE).await.unwrap(), b"xyz");

    harness.network.log();
    let refused = attach_as(&alice, id, into("vin"), b"abc", None).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert_eq!(harness.network.log().len(), 1, "nothing is uploaded first");
    // A name that there is not is a new slot's.
    attach_as(&alice, id, into("manual"), b"abc", None).await.unwrap();
    let item = alice.get_item(id).await.unwrap();
    assert!(item.slots.iter().any(|slot| slot.record.name == "manual" && slot.record.slot_type_name == "attachment"));
    attach(&alice, id, "plain.png", b"abc").await.unwrap();
}
