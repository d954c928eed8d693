//! How long the crypto core takes natively, by the portable backend: `cargo bench`, or `cargo bench -- RSA` for a part.
//!
//! Times are for comparing one machine with itself. What guards against a path that quietly becomes longer is the count of its
//! instructions, in `cargo xtask test native`.

// Benches may fail as loudly as tests do.
#![allow(clippy::unwrap_used)]

mod envelopes;
mod items;
mod passphrases;
mod rsa_keys;
mod signing_in;
mod symmetric;
mod verification;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    symmetric::measure(&mut criterion);
    envelopes::measure(&mut criterion);
    items::measure(&mut criterion);
    verification::measure(&mut criterion);
    passphrases::measure(&mut criterion);
    signing_in::measure(&mut criterion);
    rsa_keys::measure(&mut criterion);
    criterion.final_summary();
}
