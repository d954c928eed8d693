//! RSA-4096: what a share costs on both sides, and what fetching a key pair does.

use criterion::Criterion;
use futures_executor::block_on;
use vaultshare::crypto::{DataKey, KeyEncryptionKey, KeyPair};

const PRIVATE: &str = include_str!("../../tests/fixtures/rsa4096-private-pkcs1.pem");

pub(crate) fn measure(criterion: &mut Criterion) {
    let key_pair = block_on(KeyPair::from_pem(PRIVATE)).unwrap();
    let public_key = key_pair.public_key();
    let key = DataKey::generate().unwrap();
    let encrypted = block_on(public_key.wrap_data_key(&key)).unwrap();
    let kek = KeyEncryptionKey::generate().unwrap();
    let wrapped = block_on(kek.wrap_login_key(&key_pair)).unwrap();

    let mut group = criterion.benchmark_group("RSA-4096");
    group.sample_size(10);
    group.bench_function("encrypt a data key", |bencher| {
        bencher.iter(|| block_on(public_key.wrap_data_key(&key)).unwrap());
    });
    group.bench_function("decrypt a data key", |bencher| {
        bencher.iter(|| block_on(key_pair.unwrap_data_key(&encrypted)).unwrap());
    });
    group.bench_function("import a key pair", |bencher| {
        bencher.iter(|| block_on(KeyPair::from_pem(PRIVATE)).unwrap());
    });
    group.bench_function("unwrap and import a key pair", |bencher| {
        bencher.iter(|| block_on(kek.unwrap_login_key(&wrapped, public_key.pem())).unwrap());
    });
    group.finish();
}
