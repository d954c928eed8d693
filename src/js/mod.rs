//! What JavaScript sees: a class for a client, one for a session and one for each of its parts, and those of the keys. They
//! convert and delegate; they decide nothing.
//!
//! The package's `index.d.ts` declares and documents them; `tests/e2e/declarations.test.mjs` holds the two together.
//! Arguments come as [`wasm_bindgen::JsValue`] and are read in [`arguments`], because the generated bindings would answer a
//! wrong one with an error of their own, or coerce it. Results are plain objects in camelCase ([`results`]). Every method
//! that reaches the network can be cancelled, reports progress, and rejects with a `VaultError` ([`call`]).

// wasm-bindgen exports public functions only; who calls them is out of the compiler's sight.
#![allow(unreachable_pub)]

mod account;
mod arguments;
mod call;
mod classifications;
mod client;
mod connections;
mod encryption_spaces;
mod error;
mod files;
mod invitations;
mod items;
mod key_pair;
mod memory;
mod prefetch;
mod qr_code;
mod results;
mod resume;
mod session;
mod session_handle;
mod shares;
mod slots;
mod symmetric_key;
mod tasks;
mod templates;

use wasm_bindgen::prelude::wasm_bindgen;

/// Whatever is freed is overwritten first, so that nothing of a key is left behind in the module's memory: neither by
/// growing buffers nor by temporary values.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Runs when `init()` has instantiated the module: from then on a panic, which is a fault of ours, says where on the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
