//! What JavaScript sees. It converts and delegates; it decides nothing.
//!
//! Its shape is the package's `index.d.ts`. The classes of keys are exported from here as they are. A client and its sessions
//! export one function that calls all of their methods, which `client.js` in the package gives names: arguments come as
//! JSON and are read field by field, so that a wrong one is named, and results are plain objects in camelCase. Every method
//! that reaches the network can be aborted, reports progress, and rejects with a `VaultError`.

// wasm-bindgen exports public functions only; who calls them is out of the compiler's sight.
#![allow(unreachable_pub)]

mod ahead;
mod answer;
mod arguments;
mod call;
mod client;
mod closing;
mod error;
mod key_pair;
mod methods;
mod session;
mod slots;
mod symmetric_key;
mod values;

/// Whatever is freed is overwritten first, so that nothing of a key is left behind in the module's memory: neither by
/// growing buffers nor by temporary values.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
