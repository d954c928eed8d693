//! What a user does: sign up, sign in, keep items, connect, share, accept.
//!
//! Each file reads like the part of the guide that it implements. The only state is the [`Session`]'s; a workflow that
//! fails half-way leaves things so that calling it again finishes the work without doing any of it twice.

mod alongside;
mod classification;
mod client;
mod connections;
mod deleting;
mod encryption_spaces;
mod handing_out;
mod invitations;
mod items;
#[cfg(not(target_arch = "wasm32"))]
mod kept;
mod key_pairs;
mod login;
mod now;
mod on_sharing;
mod opening;
mod pages;
mod progress;
mod ready_key_pairs;
mod reencrypting;
mod refreshing;
mod registration;
mod sealing;
mod session;
mod shares;
mod tasks;
mod templates;
mod together;
mod unfinished;
mod value;

pub use client::{Client, ClientOptions};
pub use connections::{Connection, ConnectionDetails};
pub use encryption_spaces::{ItemInSpace, ListedSpaceShare, NewSpaceShare};
pub use invitations::{Invitation, NewInvitation};
pub use items::{Classification, Item, ItemChange, NewItem, NewSlot, Slot, UpdatedItem};
#[cfg(not(target_arch = "wasm32"))]
pub use kept::KeptSession;
pub use key_pairs::{FreshKeyPairs, KeyPairSource};
pub use pages::{Page, PageRequest};
pub use progress::{Progress, ProgressListener};
pub use ready_key_pairs::ReadyKeyPairs;
pub use refreshing::Refreshed;
pub use session::Session;
pub use shares::{NewShare, ShareTerms, SharedItem};
pub use tasks::{FailedTask, OutstandingTasks, TaskRun, TaskSelection};
pub use templates::{NewTemplate, Template};
pub use value::Value;
