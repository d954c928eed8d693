//! The classes that JavaScript sees. They convert and delegate; they decide nothing.
//!
//! Their shape is the package's `index.d.ts`. Arguments are read field by field, so that a wrong one is named; results
//! are plain objects in camelCase. Every method that reaches the network can be aborted, reports progress, and rejects
//! with a `VaultError`.

// wasm-bindgen exports public functions only; who calls them is out of the compiler's sight.
#![allow(unreachable_pub)]

mod ahead;
mod arguments;
mod call;
mod classifications;
mod client;
mod closing;
mod connections;
mod encryption_spaces;
mod error;
mod invitations;
mod items;
mod key_pair;
mod records;
mod session;
mod shares;
mod symmetric_key;
mod tasks;
mod templates;

use wasm_bindgen::prelude::wasm_bindgen;

/// Whatever is freed is overwritten first, so that nothing of a key is left behind in the module's memory: neither by
/// growing buffers nor by temporary values.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Runs when the module has been loaded: a panic, should one ever happen, is then told in the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
