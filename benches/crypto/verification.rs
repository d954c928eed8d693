//! The proof that a received value is its owner's.

use criterion::Criterion;
use vaultshare::crypto::VerificationKey;

const SLOT: &str = "6d8e45fe-3b0c-4f6a-8e1b-2f7b1a3c4d5e";
const VALUE: &str = "NotACatDefsACar";

pub(crate) fn measure(criterion: &mut Criterion) {
    let key = VerificationKey::commit(SLOT, VALUE).unwrap();
    let hash = key.hash(VALUE);
    let mut group = criterion.benchmark_group("verification");
    group.bench_function("hash", |bencher| bencher.iter(|| key.hash(VALUE)));
    group.bench_function("commit", |bencher| bencher.iter(|| VerificationKey::commit(SLOT, VALUE).unwrap()));
    group.bench_function("verify", |bencher| bencher.iter(|| key.verify(SLOT, VALUE, &hash).unwrap()));
    group.finish();
}
