//! What several workflows refuse, with one error for each reason.

use super::clock::milliseconds;
use crate::{
    api::{Ciphertext, Id},
    error::{Error, ErrorCode, Result},
};

pub(super) fn bad_response(message: &'static str) -> Error {
    Error::new(ErrorCode::BadResponse, message)
}

/// Refuses a response about another record than the one requested.
pub(super) fn expect_id(requested: &Id, received: &Id) -> Result<()> {
    if requested == received { Ok(()) } else { Err(bad_response("the server answered about another record")) }
}

/// Refuses a text that is no time.
pub(super) fn expect_time(received: &str) -> Result<()> {
    milliseconds(received).map(drop).ok_or_else(|| bad_response("the server's reply has a time that is none"))
}

pub(super) fn key_changed() -> Error {
    let message = "the server hands out another public key for this connection than before";
    Error::new(ErrorCode::KeyChanged, message)
}

pub(super) fn not_authentic() -> Error {
    Error::new(ErrorCode::ValueNotAuthentic, "a received value is not its owner's")
}

pub(super) fn acceptance_required() -> Error {
    Error::new(ErrorCode::AcceptanceRequired, "the share has to be accepted, with its terms, before it can be read")
}

/// Gives an envelope the type of its plaintext.
pub(super) fn ciphertext<Of>(envelope: String) -> Result<Ciphertext<Of>> {
    Ciphertext::parse(envelope).ok_or_else(|| Error::invalid_argument("the value is too long to be stored"))
}

pub(super) fn not_connected(error: Error) -> Error {
    match (error.code(), error.status()) {
        (ErrorCode::NotFound, Some(status)) => {
            Error::new(ErrorCode::NotConnected, "there is no such connection").with_status(status)
        }
        _ => error,
    }
}

/// How many places are named of those that differ.
const MOST_NAMED: usize = 20;

/// `CONFLICT`: a change of places that somebody else has written since they were read.
pub(super) fn outdated_error(places: &[String]) -> Error {
    let named = places.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if places.len() > MOST_NAMED { " and more" } else { "" };
    let what_to_do = "read the item again, or say that it is to be overwritten";
    Error::new(
        ErrorCode::Conflict,
        format!("written or removed by others since it was read: {named}{more}; {what_to_do}"),
    )
}
