//! The client's side of SRP.

use criterion::Criterion;
use futures_executor::block_on;
use vaultshare::crypto::{SrpClient, UserSecret, generate_srp_registration};

pub(crate) fn measure(criterion: &mut Criterion) {
    let secret = UserSecret::generate("M9znjHbD5Xi").unwrap();
    let username = secret.username();
    let password = block_on(secret.derive_srp_password("supersecretpassword")).unwrap();
    let salt = generate_srp_registration(username, &password).unwrap().salt;
    let client = SrpClient::start().unwrap();
    // Any power of the generator could be what a server sends.
    let b = SrpClient::start().unwrap().public_a().to_owned();

    let mut group = criterion.benchmark_group("SRP");
    group.sample_size(20);
    group
        .bench_function("register", |bencher| bencher.iter(|| generate_srp_registration(username, &password).unwrap()));
    group.bench_function("start", |bencher| bencher.iter(|| SrpClient::start().unwrap()));
    group.bench_function("prove", |bencher| {
        bencher.iter(|| client.prove(username, &password, &salt, &b).unwrap());
    });
    group.finish();
}
