//! What an app does all day: the values of an item.

use criterion::Criterion;
use futures_executor::block_on;
use vaultshare::crypto::{DataKey, places::Place};
use zeroize::Zeroizing;

const VALUES: [&str; 8] = [
    "DeLorean",
    "NotACatDefsACar",
    "1981-01-21",
    "SCEDT26T8BD005261",
    "Brushed stainless steel",
    "12 Riverside Drive, Hill Valley",
    "+61 491 570 156",
    "No",
];

const PLACE: Place<'static> = Place::InSpace { item: "94c27129-e179-4c69-a7f1-94438b920541", slot: "1" };

pub(crate) fn measure(criterion: &mut Criterion) {
    let key = DataKey::generate().unwrap();
    let envelopes = block_on(seal(&key));
    let mut group = criterion.benchmark_group("item");
    group.bench_function("seal 8 slots", |bencher| bencher.iter(|| block_on(seal(&key))));
    group.bench_function("open 8 slots", |bencher| bencher.iter(|| block_on(open(&key, &envelopes))));
    group.finish();
}

async fn seal(key: &DataKey) -> Vec<Option<String>> {
    let mut envelopes = Vec::with_capacity(VALUES.len());
    for value in VALUES {
        envelopes.push(key.encrypt_text(value, &PLACE).await.unwrap());
    }
    envelopes
}

async fn open(key: &DataKey, envelopes: &[Option<String>]) -> Vec<Option<Zeroizing<String>>> {
    let mut values = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        values.push(match envelope {
            Some(envelope) => Some(key.decrypt_text(envelope).await.unwrap().content),
            None => None,
        });
    }
    values
}
