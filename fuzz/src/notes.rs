//! What clients seal for themselves, and what they sign for each other: JSON within a ciphertext or a field.

use serde_json::Value;
use vaultshare::workflows::fuzzing::{
    instant_has_passed, rewrite_content_signature, rewrite_grant, rewrite_note, rewrite_proof, rewrite_signature,
};

/// A note on a key says the same when it is written again.
pub fn note(data: &[u8]) {
    check_rewriting(data, rewrite_note);
}

/// A grant says the same when it is written again, and its end is read or has come.
pub fn grant(data: &[u8]) {
    check_rewriting(data, rewrite_grant);
    let until =
        serde_json::from_slice::<Value>(data).ok().and_then(|grant| Some(grant.get("until")?.as_str()?.to_owned()));
    if let Some(until) = until {
        instant_has_passed(&until);
    }
}

/// A signature says the same when it is written again.
pub fn signature(data: &[u8]) {
    for rewrite in [rewrite_signature, rewrite_proof, rewrite_content_signature] {
        check_rewriting(data, |data| rewrite(str::from_utf8(data).ok()?).map(String::into_bytes));
    }
}

fn check_rewriting(data: &[u8], rewrite: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Some(written) = rewrite(data) else { return };
    assert_eq!(rewrite(&written).as_ref(), Some(&written));
    let (Ok(Value::Object(read)), Ok(Value::Object(written))) =
        (serde_json::from_slice(data), serde_json::from_slice(&written))
    else {
        return;
    };
    for (name, value) in written {
        // What is absent and may be is written as null.
        assert_eq!(read.get(&name).unwrap_or(&Value::Null), &value, "{name}");
    }
}
