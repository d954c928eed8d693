//! The proof that a received value is its owner's.

use criterion::Criterion;
use vaultshare::crypto::VerificationKey;

const VALUE: &str = "NotACatDefsACar";

pub(crate) fn measure(criterion: &mut Criterion) {
    let key = VerificationKey::generate().unwrap();
    let hash = key.hash(VALUE);
    let mut group = criterion.benchmark_group("verification");
    group.bench_function("hash", |bencher| bencher.iter(|| key.hash(VALUE)));
    group.bench_function("verify", |bencher| bencher.iter(|| key.verify(VALUE, &hash).unwrap()));
    group.finish();
}
