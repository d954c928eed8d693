//! Files of items: attached, read, shared, cut off, and lied about.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use serde_json::{Value as Json, json};
use vaultshare::{
    ErrorCode, Result,
    api::Id,
    crypto::{
        ChunkPlace, ChunkSeal, FILE_CHUNK_BYTES, FileKey, UploadAttempt,
        envelope::{Chunk, Envelope},
    },
    workflows::{AttachedFile, Item, NewFile, Session, TaskSelection},
};

use crate::{
    fault_injection::fail_each_request,
    harness::{Bytes, Chain, Fault, Harness, named, quiet, vehicle},
    lies::alter,
};

pub(crate) const WHOLE: std::ops::Range<u64> = 0..u64::MAX;

/// Bytes of which no two chunks are alike.
pub(crate) fn content(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|at| (at / FILE_CHUNK_BYTES) as u8 ^ (at % 251) as u8 ^ salt).collect()
}

pub(crate) async fn attach(session: &Session, item: &Id, name: &str, bytes: &[u8]) -> Result<AttachedFile> {
    attach_as(session, item, named(name, bytes.len()), bytes, None).await
}

pub(crate) async fn attach_as(
    session: &Session,
    item: &Id,
    file: NewFile,
    bytes: &[u8],
    thumbnail: Option<&'static [u8]>,
) -> Result<AttachedFile> {
    let mut source = Bytes { thumbnail, ..Bytes::of(bytes) };
    session.attach_file(item, &file, &mut source, &quiet()).await
}

async fn attach_stream(session: &Session, item: &Id, name: &str, bytes: &[u8]) -> Result<AttachedFile> {
    let mut source = Bytes { is_stream: true, ..Bytes::of(bytes) };
    let file = NewFile { length: None, ..named(name, 0) };
    session.attach_file(item, &file, &mut source, &quiet()).await
}

pub(crate) async fn read(file: &AttachedFile, range: std::ops::Range<u64>) -> Result<Vec<u8>> {
    let mut reader = file.open(range, true).await?;
    let (mut bytes, expected) = (Vec::new(), reader.left());
    while let Some(chunk) = reader.next_chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes.len() as u64, expected);
    Ok(bytes)
}

pub(crate) async fn only_file(session: &Session, item: &Id) -> AttachedFile {
    let mut files = session.list_files(item).await.unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

pub(crate) async fn car(session: &Session) -> Item {
    session.create_item(&vehicle(&[("vin", "123")]), &quiet()).await.unwrap()
}

#[tokio::test]
async fn files_of_any_length_are_read_as_they_were_attached() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    for length in [0, 1, FILE_CHUNK_BYTES - 1, FILE_CHUNK_BYTES, FILE_CHUNK_BYTES + 1, 5 * FILE_CHUNK_BYTES + 7] {
        let item = car(&alice).await.record.id;
        let bytes = content(length, 0);
        let attached = attach(&alice, &item, "photo.png", &bytes).await.unwrap();
        assert_eq!(attached.record.bytesize, Some(length as u64));
        for file in [attached, only_file(&alice, &item).await] {
            assert_eq!((file.label.as_str(), file.record.filename.as_str()), ("photo.png", "photo.png"));
            assert_eq!(file.record.content_type, "image/png");
            assert!(read(&file, WHOLE).await.unwrap() == bytes, "{length}");
        }
        let value = alice.get_item(&item).await.unwrap();
        let slot = value.slots.iter().find(|slot| slot.record.slot_type_name == "attachment").unwrap();
        assert_eq!(slot.value.as_ref().map(|key| key.len()), Some(44));
    }
}

#[tokio::test]
async fn a_part_of_a_file_is_read_by_the_requests_that_it_takes() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let bytes = content(3 * FILE_CHUNK_BYTES + 10, 0);
    let file = attach(&alice, &item, "film.mp4", &bytes).await.unwrap();
    let chunk = FILE_CHUNK_BYTES as u64;
    let length = bytes.len() as u64;
    for (range, requests) in [
        (0..1, 1),
        (chunk - 1..chunk, 1),
        (chunk - 1..chunk + 1, 2),
        (chunk..2 * chunk, 1),
        (length - 5..length, 1),
        (length - 5..u64::MAX, 1),
        // That the file ends there, its last chunk says.
        (length..u64::MAX, 1),
        (5..5, 1),
    ] {
        harness.network.log();
        let part = read(&file, range.clone()).await.unwrap();
        let (start, end) = (range.start.min(length), range.end.min(length).max(range.start.min(length)));
        assert!(part == bytes[start as usize..end as usize], "{range:?}");
        // Besides the record, and what decrypts the chunks.
        assert_eq!(harness.network.log().len(), 2 + requests, "{range:?}");
    }
}

/// The guide of on-sharing, with a file: it reaches Bob and Carlos, as a key that is encrypted anew, and ends with the shares.
#[tokio::test]
async fn a_file_is_shared_with_its_item_and_ends_with_the_share() {
    let harness = Harness::new().await;
    let chain = harness.chain().await;
    let Chain { alice, bob, carlos, .. } = &chain;
    let item = car(alice).await;
    let bytes = content(FILE_CHUNK_BYTES + 3, 0);
    attach(alice, &item.record.id, "photo.png", &bytes).await.unwrap();
    harness.network.largest_body();
    let (share, copy) = chain.share_with_bob(&item).await;
    let of_carlos = carlos.get_share(&chain.share_on(&copy).await).await.unwrap().item.record.id;
    assert!(harness.network.largest_body() < 64 * 1024, "the file itself is not sent again");
    for (session, item) in [(bob, &copy), (carlos, &of_carlos)] {
        let file = only_file(session, item).await;
        assert_eq!(file.record.filename, "photo.png");
        assert!(read(&file, WHOLE).await.unwrap() == bytes);
        assert_eq!(attach(session, item, "x", b"x").await.unwrap_err().code(), ErrorCode::NotOwner);
    }

    // One more reaches both, by the tasks of whoever shared it.
    let other = content(10, 1);
    attach(alice, &item.record.id, "other.png", &other).await.unwrap();
    alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
    for (session, item) in [(bob, &copy), (carlos, &of_carlos)] {
        let files = session.list_files(item).await.unwrap();
        let newer = files.iter().find(|file| file.record.filename == "other.png").unwrap();
        assert_eq!((files.len(), read(newer, WHOLE).await.unwrap()), (2, other.clone()));
    }

    let kept = only_named(bob, &copy, "photo.png").await;
    alice.delete_share(&share).await.unwrap();
    assert_eq!(read(&kept, WHOLE).await.unwrap_err().code(), ErrorCode::NotFound);
}

async fn only_named(session: &Session, item: &Id, name: &str) -> AttachedFile {
    let files = session.list_files(item).await.unwrap();
    files.into_iter().find(|file| file.record.filename == name).unwrap()
}

#[tokio::test]
async fn a_file_that_is_removed_is_gone() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let file = attach(&alice, &item, "photo.png", b"bytes").await.unwrap();
    alice.remove_file(&file).await.unwrap();
    assert!(alice.list_files(&item).await.unwrap().is_empty());
    assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::NotFound);
    alice.close();
    assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::SessionClosed);
}

/// What is removed is the file that was shown, and not the one that took over its slot.
#[tokio::test]
async fn removing_a_file_leaves_the_one_that_took_over_its_slot() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let into = || NewFile { slot: Some("image".to_owned()), ..named("photo.png", 3) };
    let first = attach_as(&alice, &item, into(), b"abc", None).await.unwrap();
    let second = attach_as(&alice, &item, into(), b"xyz", None).await.unwrap();
    alice.remove_file(&first).await.unwrap();
    assert_eq!(read(&only_file(&alice, &item).await, WHOLE).await.unwrap(), b"xyz");
    alice.remove_file(&second).await.unwrap();
    assert!(alice.list_files(&item).await.unwrap().is_empty());
}

#[tokio::test]
async fn attaching_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    // One chunk, and several, which go on by what the server has.
    for (name, bytes) in [("small.png", content(100, 0)), ("large.png", content(2 * FILE_CHUNK_BYTES + 1, 0))] {
        let mut expected = alice.list_files(&item).await.unwrap().len();
        fail_each_request(
            &harness.network,
            async || attach(&alice, &item, name, &bytes).await,
            async |file, fault, number| {
                expected += 1;
                assert!(read(&file, WHOLE).await.unwrap() == bytes, "{fault:?} at {number}");
                let files = alice.list_files(&item).await.unwrap();
                assert_eq!(files.len(), expected, "{fault:?} at {number}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn removing_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    for fault in Fault::ALL {
        for number in 1..20 {
            let file = attach(&alice, &item, "photo.png", b"bytes").await.unwrap();
            harness.network.fail(number, fault);
            let outcome = alice.remove_file(&file).await;
            let got_through = harness.network.cancel_fault();
            // A deletion whose answer was lost has nothing left to find.
            match (outcome, alice.remove_file(&file).await) {
                (Ok(()), Err(error)) | (Err(_), Err(error)) => assert_eq!(error.code(), ErrorCode::NotFound),
                (outcome, Ok(())) => assert!(outcome.is_err(), "{fault:?} at {number}"),
            }
            assert!(alice.list_files(&item).await.unwrap().is_empty(), "{fault:?} at {number}");
            assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::NotFound, "{fault:?} at {number}");
            if got_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn reading_resumes_after_any_failed_request() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let bytes = content(FILE_CHUNK_BYTES + 1, 0);
    attach(&alice, &item, "photo.png", &bytes).await.unwrap();
    fail_each_request(
        &harness.network,
        async || {
            let files = alice.list_files(&item).await?;
            read(&files[0], WHOLE).await
        },
        async |read, fault, number| assert!(read == bytes, "{fault:?} at {number}"),
    )
    .await;
}

/// How many blocks of a file were sent.
fn blocks_sent(harness: &Harness) -> usize {
    let is_block = |body: &Vec<u8>| body.len() == FILE_CHUNK_BYTES;
    harness.network.sent_bodies().iter().filter(|body| is_block(body)).count()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_reload_with_what_is_missing() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let bytes = content(8 * FILE_CHUNK_BYTES, 0);
    // The item, its source, what can go on, the upload's address, and then blocks.
    harness.network.fail(9, Fault::NotSent);
    assert_eq!(attach(&alice, &item, "film.mp4", &bytes).await.unwrap_err().code(), ErrorCode::Network);
    let sent = blocks_sent(&harness);
    assert!((1..8).contains(&sent), "{sent}");

    let reloaded = harness.new_session(&alice).await;
    blocks_sent(&harness);
    let file = attach(&reloaded, &item, "film.mp4", &bytes).await.unwrap();
    let again = blocks_sent(&harness);
    assert!(sent + again <= 8 + 1, "{sent} and {again}: what arrived is not sent again");
    assert!(read(&file, WHOLE).await.unwrap() == bytes);

    // The next file of this name begins anew.
    attach(&reloaded, &item, "film.mp4", &bytes).await.unwrap();
    assert_eq!(blocks_sent(&harness), 8);
}

/// The server keeps all that it was sent, and shows of an upload no more than the block that both files begin with.
#[tokio::test]
async fn a_server_cannot_mix_what_several_attempts_sent() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let first = content(3 * FILE_CHUNK_BYTES, 0);
    let second: Vec<u8> = first.iter().zip(0..).map(|(byte, at)| byte ^ u8::from(at > FILE_CHUNK_BYTES)).collect();
    harness.network.refuse(|_, path| (path == "/vault/direct/attachments").then_some(500));
    harness.network.sent_bodies();
    attach(&alice, &item, "film.mp4", &first).await.unwrap_err();
    harness.network.stop_tampering();
    let blocks: Vec<_> =
        harness.network.sent_bodies().into_iter().filter(|body| body.len() == FILE_CHUNK_BYTES).collect();
    let uploads = harness.reply(&alice, "/vault/direct/attachments/uploads").await;
    let seals: Vec<ChunkSeal> = uploads["uploads"][0]["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| ChunkSeal::from_block_id(id.as_str().unwrap()).unwrap())
        .collect();
    let seal_of = |index| *seals.iter().find(|seal| seal.place().unwrap().index == index).unwrap();

    let begins = seal_of(0).to_block_id();
    harness.network.lie("GET", "/vault/direct/attachments/uploads", move |json| {
        json["uploads"][0]["blocks"] = json!([begins]);
    });
    let file = attach(&alice, &item, "film.mp4", &second).await.unwrap();
    harness.network.stop_tampering();
    assert!(read(&file, WHOLE).await.unwrap() == second);

    let (seal, block) = (seal_of(1), blocks[1].clone());
    let theirs = second_block(&harness, &alice, &file).await;
    harness.network.tamper(move |_, _, body| match serde_json::from_slice::<Json>(&body) {
        Ok(json) if json.get("iv").is_some() => alter(body, |json| {
            json["iv"][1]["data"] = json!(seal.iv);
            json["at"][1]["data"] = json!(seal.tag);
        }),
        _ if body == theirs => block.clone(),
        _ => body,
    });
    assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::Misplaced);
}

/// The ciphertext of a file's second chunk, as the server has it.
async fn second_block(harness: &Harness, user: &Session, file: &AttachedFile) -> Vec<u8> {
    let seen: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let bodies = Rc::clone(&seen);
    harness.network.tamper(move |_, path, body| {
        if path.contains("/blobs/") && body.len() == FILE_CHUNK_BYTES {
            bodies.borrow_mut().push(body.clone());
        }
        body
    });
    let file = only_named(user, &file.item_id, &file.record.filename).await;
    read(&file, FILE_CHUNK_BYTES as u64..FILE_CHUNK_BYTES as u64 + 1).await.unwrap();
    harness.network.stop_tampering();
    seen.take().remove(0)
}

/// Nothing of the first file is in the second, and no IV was used for both.
#[tokio::test]
async fn an_upload_does_not_go_on_with_another_file() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let (first, second) = (content(4 * FILE_CHUNK_BYTES, 0), content(4 * FILE_CHUNK_BYTES, 9));
    harness.network.fail(8, Fault::NotSent);
    attach(&alice, &item, "film.mp4", &first).await.unwrap_err();
    let file = attach(&alice, &item, "film.mp4", &second).await.unwrap();
    assert!(read(&file, WHOLE).await.unwrap() == second);
    assert_eq!(alice.list_files(&item).await.unwrap().len(), 1);

    // Nor where the first had been uploaded as a whole, and only its slot was missing.
    let other = car(&alice).await.record.id;
    let small = |salt| content(50, salt);
    let mut number = 1;
    loop {
        harness.network.fail(number, Fault::ServerError);
        let first = attach(&alice, &other, "small.png", &small(1)).await;
        let got_through = harness.network.cancel_fault();
        let file = attach(&alice, &other, "small.png", &small(2)).await.unwrap();
        assert_eq!(read(&file, WHOLE).await.unwrap(), small(2), "{number}");
        if got_through {
            first.unwrap();
            break;
        }
        number += 1;
    }
}

/// Under the key of an upload that came to its end, all of which the server has, it could be shown for the next one.
#[tokio::test]
async fn an_upload_does_not_go_on_where_the_server_shows_nothing_of_its_beginning() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let (first, second) = (content(FILE_CHUNK_BYTES + 1, 0), content(FILE_CHUNK_BYTES + 1, 9));
    harness.network.refuse(|_, path| (path == "/vault/direct/attachments").then_some(500));
    harness.network.sent_bodies();
    attach(&alice, &item, "film.mp4", &first).await.unwrap_err();
    harness.network.stop_tampering();
    let kept = harness.network.sent_bodies();

    let elsewhere = ChunkPlace { index: 7, is_last: false };
    let attempt = UploadAttempt::generate().unwrap();
    let (_, invented) = FileKey::generate().unwrap().seal_chunk(b"", elsewhere, attempt).await.unwrap();
    harness.network.lie("GET", "/vault/direct/attachments/uploads", move |json| {
        json["uploads"][0]["blocks"] = json!([invented.to_block_id()]);
    });
    let file = attach(&alice, &item, "film.mp4", &second).await.unwrap();

    let of_length = |length| kept.iter().find(|body| body.len() == length).unwrap().clone();
    let (large, small) = (of_length(FILE_CHUNK_BYTES), of_length(1));
    let is_artifacts = |body: &[u8]| serde_json::from_slice::<Json>(body).is_ok_and(|json| json.get("iv").is_some());
    let artifacts = kept.iter().find(|body| is_artifacts(body)).unwrap().clone();
    harness.network.tamper(move |_, path, body| match body.len() {
        _ if !path.contains("/blobs/") => body,
        FILE_CHUNK_BYTES => large.clone(),
        1 => small.clone(),
        _ => artifacts.clone(),
    });
    assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::Misplaced);
    harness.network.stop_tampering();
    assert!(read(&file, WHOLE).await.unwrap() == second);
}

/// The chunks' seals as a server could order them, and the name of what it does.
type Lie = (&'static str, fn(&mut Json));

fn lists(artifacts: &mut Json) -> [&mut Vec<Json>; 3] {
    let Json::Object(fields) = artifacts else { panic!("no object") };
    let mut lists = Vec::new();
    for (name, value) in fields.iter_mut() {
        if ["iv", "at", "range"].contains(&name.as_str()) {
            lists.push(value.as_array_mut().unwrap());
        }
    }
    lists.try_into().unwrap()
}

const LIES: [Lie; 8] = [
    ("the last chunk is left out", |json| lists(json).into_iter().for_each(|list| drop(list.pop()))),
    ("the first chunk is left out", |json| lists(json).into_iter().for_each(|list| drop(list.remove(0)))),
    ("two chunks are exchanged", |json| lists(json).into_iter().for_each(|list| list.swap(0, 1))),
    ("two seals are exchanged", |json| {
        for name in ["iv", "at"] {
            json[name].as_array_mut().unwrap().swap(0, 1);
        }
    }),
    ("a chunk is repeated", |json| {
        for list in lists(json) {
            let first = list[0].clone();
            list.insert(1, first);
        }
    }),
    ("an IV names no place", |json| json["iv"][0]["data"] = json!([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7])),
    ("no IV names a place", |json| {
        for iv in json["iv"].as_array_mut().unwrap() {
            iv["data"][0] = json!(0);
        }
    }),
    ("the file is empty", |json| {
        json["size"] = json!(0);
        lists(json).into_iter().for_each(|list| list.truncate(1));
        json["range"] = json!([]);
    }),
];

#[tokio::test]
async fn a_server_cannot_rearrange_a_file() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let bytes = content(2 * FILE_CHUNK_BYTES + 5, 0);
    let file = attach(&alice, &item, "photo.png", &bytes).await.unwrap();
    for (what, lie) in LIES {
        harness.network.tamper(move |_, _, body| {
            let is_artifacts = serde_json::from_slice::<Json>(&body).is_ok_and(|json| json.get("iv").is_some());
            if is_artifacts { alter(body, lie) } else { body }
        });
        let mut given = Vec::new();
        let outcome = async {
            // Also who takes the files of other clients.
            let mut reader = file.open(WHOLE, false).await?;
            while let Some(chunk) = reader.next_chunk().await? {
                given.extend_from_slice(&chunk);
            }
            Ok::<_, vaultshare::Error>(())
        };
        let error = outcome.await.expect_err(what);
        let refused = [ErrorCode::Misplaced, ErrorCode::DecryptionFailed, ErrorCode::BadResponse];
        assert!(refused.contains(&error.code()), "{what}: {error}");
        assert!(bytes.starts_with(&given), "{what}");
    }
    harness.network.stop_tampering();
    assert!(read(&file, WHOLE).await.unwrap() == bytes);
}

/// By what the server has of a file of several chunks: a file of another client's is one envelope, of as many chunks as it likes.
#[tokio::test]
async fn a_server_cannot_give_a_file_as_an_envelope() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    for (name, length) in [("one.png", 10), ("two.png", FILE_CHUNK_BYTES + 5)] {
        let bytes = content(length, 0);
        let file = attach(&alice, &item, name, &bytes).await.unwrap();
        let stored = stored_chunks(&harness, &file).await;
        let [first, .., last] = [&stored[0], stored.last().unwrap()].map(Clone::clone);
        for chunks in [vec![first.clone()], vec![last.clone()], vec![last, first.clone()], vec![first.clone(), first]] {
            let envelope = Envelope::Symmetric { chunks, derivation: None }.print();
            harness.network.refuse(|_, path| path.ends_with("/download").then_some(200));
            harness.network.tamper(move |_, path, body| match serde_json::from_slice::<Json>(&body) {
                _ if path.ends_with("/download") => envelope.clone().into_bytes(),
                Ok(json) if json["attachment"]["main"].is_object() => alter(body, |json| {
                    json["attachment"]["main"] = Json::Null;
                    json["attachment"]["encryption_artifact"] = Json::Null;
                }),
                _ => body,
            });
            let opened = file.open(WHOLE, false).await;
            assert_eq!(opened.err().map(|error| error.code()), Some(ErrorCode::Misplaced), "{name}");
        }
        harness.network.stop_tampering();
        assert!(read(&file, WHOLE).await.unwrap() == bytes);
    }
}

/// The chunks of a file as the server has them.
pub(crate) async fn stored_chunks(harness: &Harness, file: &AttachedFile) -> Vec<Chunk> {
    let seen: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let bodies = Rc::clone(&seen);
    harness.network.tamper(move |_, path, body| {
        if path.contains("/blobs/") {
            bodies.borrow_mut().push(body.clone());
        }
        body
    });
    read(file, WHOLE).await.unwrap();
    harness.network.stop_tampering();
    let mut bodies = seen.take();
    let artifacts: Json = serde_json::from_slice(&bodies.remove(0)).unwrap();
    let bytes = |json: &Json| serde_json::from_value::<Vec<u8>>(json["data"].clone()).unwrap();
    let chunk = |(index, ciphertext)| Chunk {
        ciphertext,
        iv: bytes(&artifacts["iv"][index]).try_into().unwrap(),
        tag: bytes(&artifacts["at"][index]).try_into().unwrap(),
        additional_data: "none".into(),
    };
    bodies.into_iter().enumerate().map(chunk).collect()
}

#[tokio::test]
async fn a_server_cannot_end_a_file_before_the_part_that_is_read() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let bytes = content(FILE_CHUNK_BYTES + 100, 0);
    let file = attach(&alice, &item, "photo.png", &bytes).await.unwrap();
    let chunk = FILE_CHUNK_BYTES as u64;
    harness.network.tamper(move |_, _, body| match serde_json::from_slice::<Json>(&body) {
        Ok(json) if json.get("iv").is_some() => {
            alter(body, |json| json["range"][1] = json!(format!("bytes={chunk}-{}", chunk + 9)))
        }
        _ => body,
    });
    for range in [WHOLE, chunk + 5..chunk + 6, chunk + 50..chunk + 60, chunk + 50..u64::MAX] {
        let mut reader = file.open(range.clone(), true).await.unwrap();
        let outcome = async {
            while reader.next_chunk().await?.is_some_and(|part| part.len() as u64 == chunk) {}
            Ok(())
        };
        let refused: Result<()> = outcome.await;
        assert_eq!(refused.map_err(|error| error.code()), Err(ErrorCode::DecryptionFailed), "{range:?}");
    }
}

/// What a slot holds may be a password, and a server could find out which by the files that it opens.
#[tokio::test]
async fn only_a_slot_for_a_file_is_read_as_one() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let key = FileKey::generate().unwrap().to_value();
    let item = alice.create_item(&vehicle(&[("vin", &key)]), &quiet()).await.unwrap().record.id;
    let other = attach(&alice, &item, "photo.png", b"bytes").await.unwrap().record.id;
    harness.network.lie("GET", format!("/vault/items/{item}"), move |json| {
        for slot in json["slots"].as_array_mut().unwrap() {
            slot["attachment_id"] = json!(other.as_str());
        }
    });
    let files = alice.list_files(&item).await.unwrap();
    assert_eq!(files.iter().map(|file| file.label.as_str()).collect::<Vec<_>>(), ["photo.png"]);
}

/// A stream cannot be read a second time to be compared: the next call begins anew.
#[tokio::test]
async fn a_stream_that_failed_is_not_in_the_way_of_the_next_of_its_name() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    harness.network.refuse(|method, path| (method == "PUT" && path.starts_with("/vault/items/")).then_some(500));
    attach_stream(&alice, &item, "log.txt", b"first").await.unwrap_err();
    harness.network.stop_tampering();
    let error = attach_stream(&alice, &item, "log.txt", b"other").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let file = attach_stream(&alice, &item, "log.txt", b"other").await.unwrap();
    assert_eq!(read(&file, WHOLE).await.unwrap(), b"other");
}

#[tokio::test]
async fn a_server_cannot_pass_another_file_off() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    let file = attach(&alice, &item, "one.png", &content(10, 1)).await.unwrap();
    let other = attach(&alice, &item, "two.png", &content(10, 2)).await.unwrap();
    let replies: Rc<RefCell<BTreeSet<Vec<u8>>>> = Rc::default();
    let seen = Rc::clone(&replies);
    harness.network.tamper(move |_, path, body| {
        if path.contains("/blobs/") {
            seen.borrow_mut().insert(body.clone());
        }
        body
    });
    read(&other, WHOLE).await.unwrap();
    assert_eq!(replies.borrow().len(), 2, "the file, and what decrypts it");

    // The record of the other, with its addresses.
    let record = harness.reply(&alice, &format!("/vault/direct/attachments/{}", other.record.id)).await;
    let id = file.record.id.clone();
    harness.network.lie("GET", format!("/vault/direct/attachments/{id}"), move |json| {
        *json = record.clone();
        json["attachment"]["id"] = json!(id.as_str());
    });
    assert_eq!(read(&file, WHOLE).await.unwrap_err().code(), ErrorCode::Misplaced);
    harness.network.stop_tampering();

    // A slot that names the other's file.
    let other_id = other.record.id.clone();
    harness.network.lie("GET", format!("/vault/items/{item}"), move |json| {
        for slot in json["slots"].as_array_mut().unwrap() {
            if slot["attachment_id"].is_string() {
                slot["attachment_id"] = json!(other_id.as_str());
            }
        }
    });
    let named_other = alice.list_files(&item).await.unwrap();
    let outcomes = futures_util::future::join_all(named_other.iter().map(|file| read(file, WHOLE))).await;
    let codes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.code())).collect();
    assert!(codes.contains(&Err(ErrorCode::Misplaced)) && codes.contains(&Ok(content(10, 2))), "{codes:?}");
}

/// Neither the session's token nor a key goes where the server says that a file is, and only to where one can be.
#[tokio::test]
async fn nothing_of_the_users_goes_to_an_address_of_the_servers_choice() {
    let harness = Harness::new().await;
    let alice = harness.user().await;
    let item = car(&alice).await.record.id;
    for url in ["http://store.test/a?b", "https://store.test/a", "file:///etc/passwd?a", "javascript:alert(1)?a", ""] {
        harness.network.lie("POST", "/vault/direct/attachments/upload_url", move |json| {
            json["attachment_direct_upload_url"]["url"] = json!(url);
        });
        harness.network.log();
        let error = attach(&alice, &item, "photo.png", b"bytes").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadResponse, "{url}");
        assert_eq!(harness.network.log().last().unwrap(), "POST /vault/direct/attachments/upload_url");
    }
    harness.network.stop_tampering();
    attach(&alice, &item, "photo.png", b"bytes").await.unwrap();
}
