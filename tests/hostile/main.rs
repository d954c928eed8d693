//! A server that lies, in every reply and in every way that the tests can think of.
//!
//! Every workflow runs against the real server through a layer that alters replies. After each run, nothing that the client
//! sent can be opened with any key that the layer brought in or that an accomplice has, and what was shown is what the user
//! in question wrote, or the call failed, or a flag says that it may not be. Where only a limit of the design saves a case,
//! [`oracle::Limit`] names the heading of `docs/threat-model.md` that states it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
#[allow(dead_code, reason = "shared with tests/workflows, which uses all of it")]
#[path = "../workflows/harness.rs"]
mod harness;
mod inventions;
#[path = "../workflows/key_pool.rs"]
mod key_pool;
mod legacy;
mod lies;
mod oracle;
mod run;
mod scene;
mod sequences;
mod systematic;
mod truth;
mod wire;
mod workflows;
