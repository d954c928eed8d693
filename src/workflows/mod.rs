//! What a user does: sign up, sign in, keep items, connect, share, accept.
//!
//! Each file reads like the part of the guide that it implements. The only state is the [`Session`]'s. A workflow that
//! fails half-way can be called again: the retry completes the work without doing any of it twice.

mod account;
mod binding;
mod classifications;
mod client;
mod clock;
mod concurrency;
mod connection_keys;
mod connections;
mod decrypt;
mod device_memory;
mod encrypt;
mod encryption_spaces;
mod file_reader;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod idempotency;
mod invitations;
mod item;
mod item_changes;
mod items;
mod key_pair_pool;
mod login;
mod memory;
mod outdated;
mod pagination;
mod passphrase;
mod pins;
mod progress;
mod provenance;
mod recovery;
mod reencrypt;
mod refresh;
mod refusals;
mod registration;
mod resume;
mod services;
mod session;
mod share_requests;
mod shares;
mod slot_rows;
#[cfg(not(target_arch = "wasm32"))]
mod snapshot;
mod tasks;
mod templates;
mod thumbnails;
mod unattached;

pub use account::AccountDeletion;
pub use client::{Client, ClientOptions};
pub use connection_keys::{ConnectionRef, Verified};
pub use connections::{Connection, ConnectionDetails};
pub use encryption_spaces::{ItemInSpace, ListedSpaceShare, NewSpaceShare};
pub use file_reader::{AttachedFile, FileReader};
pub use files::{FileSource, NewFile};
pub use invitations::{Invitation, NewInvitation};
pub use item::{Binding, Classification, Item, ItemChange, NewItem, NewSlot, Origin, OwnerProof, Sender, Slot, Value};
pub use item_changes::UpdatedItem;
pub use key_pair_pool::{GenerateOnDemand, KeyPairPool, KeyPairSource};
pub use memory::KeptMemory;
pub use pagination::{Page, PageRequest, Unreadable};
pub use progress::{Progress, ProgressListener};
pub use refresh::{IncludedShare, LeftOut, LeftOutReason, Refreshed};
pub use resume::{DeviceKey, RememberedSession};
pub use session::Session;
pub use shares::{NewShare, OutgoingShare, ShareTerms, SharedItem};
#[cfg(not(target_arch = "wasm32"))]
pub use snapshot::SessionSnapshot;
pub use tasks::{CompletedTask, FailedTask, OutstandingTasks, TaskRun, TaskSelection};
pub use templates::{NewTemplate, Template, find_template};
pub use thumbnails::Picture;
