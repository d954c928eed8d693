//! What `fuzz/` feeds of this room, beside what is public: bodies of responses.

use serde::de::DeserializeOwned;

use super::{Response, reply, response::error_of};
use crate::error::{Error, Result};

/// A reply as the calls of `api` read it: whole, or one of its fields.
pub fn read_reply<T: DeserializeOwned>(body: &[u8], field: Option<&str>) -> Result<Box<T>> {
    reply::deserialize(&response(200, body), field)
}

/// The error of a reply with this status, which is none of success.
pub fn read_refusal(status: u16, body: &[u8]) -> Error {
    error_of(&response(status, body))
}

fn response(status: u16, body: &[u8]) -> Response {
    Response { status, body: body.to_vec(), ..Response::default() }
}
