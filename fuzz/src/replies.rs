//! What the two services answer: each body is read as every reply that there is.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use vaultshare::{
    Error, ErrorCode,
    api::{
        deletion_queue::DeletionQueueItem,
        keystore::{
            admission::ExternalAdmissionToken,
            encryption_spaces::{ClaimedKey, EncryptionSpaceKey, SharedKey},
            keypairs::Keypair,
            keys::{DataEncryptionKeyRecord, KeyEncryptionKeyRecord},
            recovery::RecoveryKeyRecord,
            session::SessionHalf,
            srp::{Challenge, KeystoreSession, ReservedUsername, SrpUser},
        },
        vault::{
            attachments::{Attachment, EncryptionArtifacts, UnfinishedUploadsResponse, UploadUrl},
            classification_nodes::NodesResponse,
            client_tasks::ClientTasksResponse,
            connections::{Connection, ConnectionResponse, ConnectionsResponse},
            encryption_spaces::{SpaceShareResponse, SpaceSharesResponse},
            invitations::{Invitation, InvitationsResponse},
            items::{ClassificationNode, ItemResponse, ItemsResponse},
            me::{NewUserResponse, User},
            session::EncryptedSession,
            shares::{ItemSharesResponse, Share, ShareWithItemResponse, SharesResponse},
            slots::Slot,
            templates::{TemplateResponse, TemplatesResponse},
            thumbnails::Thumbnail,
        },
    },
    http::fuzzing::{read_refusal, read_reply},
};

/// Each record that the Keystore answers with, and the errors of both services.
pub fn keystore_replies(data: &[u8]) {
    check::<ReservedUsername>(data);
    check::<SrpUser>(data);
    check::<Challenge>(data);
    check::<KeystoreSession>(data);
    check::<SessionHalf>(data);
    check::<ExternalAdmissionToken>(data);
    check::<KeyEncryptionKeyRecord>(data);
    check::<RecoveryKeyRecord>(data);
    check::<DataEncryptionKeyRecord>(data);
    check::<Keypair>(data);
    check::<EncryptionSpaceKey>(data);
    check::<SharedKey>(data);
    check::<ClaimedKey>(data);
    check_field(data, "keypair");
    let statuses = [302, 400, 403, 409, 503];
    let status = statuses.iter().cycle().nth(data.len() % statuses.len()).copied().unwrap_or(400);
    check_refusal(status, data);
}

/// Each record or list that the Vault answers with.
pub fn vault_replies(data: &[u8]) {
    check::<NewUserResponse>(data);
    check::<User>(data);
    check::<DeletionQueueItem>(data);
    check::<EncryptedSession>(data);
    check::<TemplatesResponse>(data);
    check::<TemplateResponse>(data);
    check::<NodesResponse>(data);
    check::<ClassificationNode>(data);
    check::<ItemsResponse>(data);
    check::<ItemResponse>(data);
    check::<Slot>(data);
    check::<UploadUrl>(data);
    check::<Attachment>(data);
    check::<Thumbnail>(data);
    check::<UnfinishedUploadsResponse>(data);
    check::<EncryptionArtifacts>(data);
    check::<Invitation>(data);
    check::<InvitationsResponse>(data);
    check::<ConnectionResponse>(data);
    check::<ConnectionsResponse>(data);
    check::<Connection>(data);
    check::<Share>(data);
    check::<SharesResponse>(data);
    check::<ShareWithItemResponse>(data);
    check::<ItemSharesResponse>(data);
    check::<ClientTasksResponse>(data);
    check::<SpaceSharesResponse>(data);
    check::<SpaceShareResponse>(data);
}

/// What is read is written, and read again as it was written; the error of what is not says where, and quotes nothing.
fn check<T: DeserializeOwned + Serialize>(body: &[u8]) {
    match read_reply::<T>(body, None) {
        Ok(reply) => {
            let written = serde_json::to_vec(&reply).unwrap_or_default();
            let again = read_reply::<T>(&written, None).map(|again| serde_json::to_vec(&again).unwrap_or_default());
            assert!(
                again.is_ok_and(|again| again == written || without_fractions(&again) == without_fractions(&written))
            );
        }
        Err(error) => check_error(&error),
    }
}

/// Most replies are an object with one field, which alone is read.
fn check_field(body: &[u8], field: &str) {
    match read_reply::<Value>(body, Some(field)) {
        Ok(value) => assert!(without_fractions(body).is_none_or(|body| {
            body.get(field).is_some_and(|whole| {
                serde_json::to_vec(whole).ok().and_then(|whole| without_fractions(&whole))
                    == serde_json::to_vec(&value).ok().and_then(|value| without_fractions(&value))
            })
        })),
        Err(error) if error.message() == format!("the server's reply has no field `{field}`") => {}
        Err(error) => check_error(&error),
    }
}

fn check_error(error: &Error) {
    assert_eq!(error.code(), ErrorCode::BadResponse);
    // What begins as HTML does.
    if error.message() == "what answered is no Vault or Keystore: is the base URL right?" {
        return;
    }
    let place = error.message().strip_prefix("the server's reply is not what the protocol says (line ");
    let is_place =
        |place: &str| place.chars().all(|character| character.is_ascii_digit() || " ,column)".contains(character));
    assert!(place.is_some_and(is_place), "{error}");
}

/// A fraction in a free-form object may change in its last digit.
fn without_fractions(json: &[u8]) -> Option<Value> {
    fn clear(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => *value = Value::Null,
            Value::Array(values) => values.iter_mut().for_each(clear),
            Value::Object(values) => values.values_mut().for_each(clear),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(json).ok()?;
    clear(&mut value);
    Some(value)
}

/// Of an error's body nothing is passed on but a machine code and a sentence: quoted, short, and without what a terminal obeys.
fn check_refusal(status: u16, body: &[u8]) {
    let error = read_refusal(status, body);
    let (ours, said) = match error.message().split_once("; the server says: ") {
        Some((ours, said)) => (ours, Some(said)),
        None => (error.message(), None),
    };
    assert!(!ours.contains('"'));
    if let Some(said) = said {
        assert!(said.len() > 2 && said.starts_with('"') && said.ends_with('"'));
        assert!(said.chars().count() <= LONGEST_QUOTATION && !said.contains(char::is_control));
    }
    assert_eq!(error.status(), Some(status));
    let is_code = |code: &str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(error.server_code().is_none_or(is_code));
}

/// 200 characters, each of which may be escaped as `\u{10ffff}`, in quotation marks.
const LONGEST_QUOTATION: usize = 200 * 10 + 2;
