//! Reading and writing envelopes, of today and of before 2021.

use std::hint::black_box;

use criterion::Criterion;
use futures_executor::block_on;
use vaultshare::crypto::envelope::Envelope;

/// The same ciphertext in both forms, from `docs/protocol/envelopes.md`.
const CURRENT: &str =
    "Aes256Gcm.RZue.QUAAAAAFaXYADAAAAAACAgICAgICAgICAgIFYXQAEAAAAAAu-sD-poElEtZRAxpCnxAIAmFkAAUAAABub25lAAA=";
const OLD: &str = "Aes256Gcm.RZue.LS0tCml2OiAhYmluYXJ5IHwtCiAgQWdJQ0FnSUNBZ0lDQWdJQwphdDogIWJpbmFyeSB8LQogIEx2ckEvcWFCSlJMV1VRTWFRcDhRQ0E9PQphZDogbm9uZQo=";

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    for (name, text) in [("parse the current form", CURRENT), ("parse the old form", OLD)] {
        group.bench_function(name, |bencher| bencher.iter(|| block_on(Envelope::parse(black_box(text))).unwrap()));
    }
    let usual = block_on(Envelope::parse(CURRENT)).unwrap();
    group.bench_function("print", |bencher| bencher.iter(|| black_box(&usual).print()));
    let placed = at_a_place(usual.clone());
    group.bench_function("print with a place", |bencher| bencher.iter(|| black_box(&placed).print()));
    group.finish();
}

/// With additional data that is not the usual, which is read field by field.
fn at_a_place(envelope: Envelope) -> Envelope {
    let Envelope::Symmetric { mut chunks, derivation } = envelope else { return envelope };
    for chunk in &mut chunks {
        chunk.additional_data = "licence_plate".into();
    }
    Envelope::Symmetric { chunks, derivation }
}
