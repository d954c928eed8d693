//! vaultshare keeps the data of a web app's users end-to-end encrypted and shares it between them.
//!
//! The rooms, in the order of the imports (each may use those below it, none reaches back up):
//!
//! - `js` (wasm only): the classes that JavaScript sees; they convert and delegate
//! - [`workflows`]: what a user does: sign up, sign in, keep items, connect, share, accept
//! - [`api`]: what crosses the wire, one file per resource · [`crypto`]: keys and ciphertexts, bytes in, bytes out
//! - [`http`]: sends one request
//! - [`error`]: one error, one stable code per kind

pub mod api;
pub mod crypto;
pub mod error;
pub mod http;
#[cfg(target_arch = "wasm32")]
mod js;
pub mod workflows;

pub use error::{Error, ErrorCode, Result};
