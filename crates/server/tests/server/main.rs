//! The server through its HTTP interface, one program for all: each more would link the whole server again. What needs a
//! process of its own, as for its one log or its one recorder of metrics, is beside this folder.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod accounts;
mod bounds;
mod common;
mod compression;
mod connections;
mod copying;
mod deletion;
mod encryption_spaces;
mod files;
mod items;
mod keystore;
mod listening;
mod mail;
mod meanwhile;
mod openapi;
mod process;
mod processes;
mod quotas;
mod rate_limits;
mod sharing;
mod statements;
mod surroundings;
