//! The guides, run: their own command lines in their own order, against a fresh server, and what they say is printed.
//!
//! Command lines are copied as they stand, but for the ids that every reader has to replace.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod connections_and_sharing;
mod encryption_spaces;
mod on_sharing_and_client_tasks;
mod terminal;
