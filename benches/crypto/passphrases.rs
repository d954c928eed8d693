//! From a passphrase to a key, which is slow on purpose.

use criterion::Criterion;
use futures_executor::block_on;
use vaultshare::crypto::derive_key_from_passphrase;

const ITERATIONS: u32 = 100_000;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("passphrase");
    group.sample_size(10);
    group.bench_function("PBKDF2, 100,000 iterations", |bencher| {
        bencher.iter(|| block_on(derive_key_from_passphrase("supersecretpassword", &[7; 32], ITERATIONS)).unwrap());
    });
    group.finish();
}
