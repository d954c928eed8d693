//! The workflows against the real server, called in-process: the guides' happy path, retries after each possible fault, and
//! a hostile server.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod account;
mod encryption_spaces;
mod fault_injection;
mod files;
mod happy_path;
mod harness;
mod hostile_server;
#[allow(dead_code, reason = "shared with tests/hostile, which uses all of it")]
mod key_pool;
mod lies;
mod lies_about_codes;
mod lies_about_items;
mod lies_about_keys;
mod lies_about_senders;
mod lies_about_shares;
mod lies_about_spaces;
mod passphrase;
mod recovery;
mod sharing;
mod staying_signed_in;
mod thumbnails;
mod typed;
mod what_was_typed;
