//! The methods of a session. They convert and delegate; they decide nothing.

mod classifications;
mod connections;
mod encryption_spaces;
mod invitations;
mod items;
mod shares;
mod tasks;
mod templates;

use super::{
    answer::done,
    arguments::Arguments,
    call::{Work, work},
};
use crate::{
    error::{Error, Result},
    workflows::{ProgressListener, Session},
};

/// The method that ends a session.
pub(super) const SIGN_OUT: &str = "signOut";

/// Reads the arguments of a method and gives its work.
pub(super) fn begin(method: &str, arguments: &str, session: Session, progress: ProgressListener) -> Result<Work> {
    let arguments = Arguments::parse(arguments)?;
    match method.split_once('.') {
        Some(("templates", method)) => templates::begin(method, arguments, session),
        Some(("items", method)) => items::begin(method, arguments, session, progress),
        Some(("invitations", method)) => invitations::begin(method, arguments, session, progress),
        Some(("connections", method)) => connections::begin(method, arguments, session, progress),
        Some(("shares", method)) => shares::begin(method, arguments, session, progress),
        Some(("classifications", method)) => classifications::begin(method, arguments, session),
        Some(("tasks", method)) => tasks::begin(method, arguments, session, progress),
        Some(("encryptionSpaces", method)) => encryption_spaces::begin(method, arguments, session, progress),
        None if method == SIGN_OUT => work(async move { done(session.sign_out().await) }),
        None if method == "endOtherSessions" => work(async move { done(session.end_other_sessions().await) }),
        _ => unknown(),
    }
}

/// `client.js` knows which methods there are.
fn unknown() -> Result<Work> {
    Err(Error::internal("there is no such method"))
}
