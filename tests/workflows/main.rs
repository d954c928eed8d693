//! The workflows against the real server, called in-process: the guide's story, what is left after every possible
//! failure on the way, and what a lying server gets.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod failures;
mod lies;
mod sharing;
mod spaces;
mod story;
mod world;
