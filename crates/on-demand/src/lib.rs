//! What few pages need, and what is too large for all of them to load: RSA where the platform has none, the YAML of
//! ciphertexts from before 2021, and QR codes.
//!
//! The npm package has this in a second WebAssembly module (`crates/on-demand-module`), loaded on its first use. The
//! command line and the tests have it compiled in. It takes and gives bytes, and knows neither envelopes nor errors: `None`
//! says that an operation failed, and the caller knows what that means.

pub mod qr;
pub mod rsa;
pub mod yaml;
