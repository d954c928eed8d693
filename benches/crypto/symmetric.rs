//! AES-256-GCM with its envelope, from a short text to a picture.

use criterion::{BenchmarkId, Criterion, Throughput};
use futures_executor::block_on;
use vaultshare::crypto::AesKey;

const LENGTHS: [(&str, usize); 3] = [("32 B", 32), ("1 KiB", 1024), ("1 MiB", 1024 * 1024)];

pub(crate) fn measure(criterion: &mut Criterion) {
    let key = AesKey::generate().unwrap();
    let mut group = criterion.benchmark_group("AES");
    for (name, length) in LENGTHS {
        let text = "a".repeat(length);
        let envelope = block_on(key.encrypt_text(&text)).unwrap();
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_with_input(BenchmarkId::new("seal bytes", name), text.as_bytes(), |bencher, bytes| {
            bencher.iter(|| block_on(key.encrypt(bytes)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("open bytes", name), &envelope, |bencher, envelope| {
            let envelope = envelope.as_deref().unwrap();
            bencher.iter(|| block_on(key.decrypt(envelope)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("seal text", name), &text, |bencher, text| {
            bencher.iter(|| block_on(key.encrypt_text(text)).unwrap());
        });
        group.bench_with_input(BenchmarkId::new("open text", name), &envelope, |bencher, envelope| {
            bencher.iter(|| block_on(key.decrypt_text(envelope.as_deref())).unwrap());
        });
    }
    group.finish();
}
