//! Several lies at a time, at random.

use std::time::{Duration, Instant, SystemTime};

use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

use crate::{
    corpus::Corpus,
    inventions::inventions,
    oracle::Opened,
    run::{Tally, run},
    scene::{Memory, Scene},
    workflows::workflows,
};

/// Runs where no time is given.
const SEQUENCES: usize = 500;

/// `VAULTSHARE_HOSTILE_SECONDS`: how long to go on, with a seed of its own each time.
pub(crate) fn soak() -> Option<Duration> {
    let seconds = std::env::var("VAULTSHARE_HOSTILE_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap()))
}

/// Choices that `VAULTSHARE_HOSTILE_SEED` repeats.
pub(crate) struct Random(TestRng);

impl Random {
    pub(crate) fn new(what: &str) -> Self {
        let given = std::env::var("VAULTSHARE_HOSTILE_SEED").ok().map(|seed| seed.parse().unwrap());
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let seed: u64 = given.unwrap_or_else(|| if soak().is_some() { now() } else { 1 });
        println!("{what}: VAULTSHARE_HOSTILE_SEED={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Random(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % (end as u64)).unwrap()
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[tokio::test]
async fn no_combination_of_lies_discloses_or_passes_off_anything() {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let corpus = Corpus::new(&scene);
    let (all, inventions) = (workflows(), inventions(&scene).await);
    let mut random = Random::new("combinations");
    let mut honest = Vec::new();
    for workflow in &all {
        let replies = run(&scene, &opened, workflow, Memory::Fresh, Vec::new()).await.replies;
        let lies: Vec<_> =
            replies.iter().enumerate().map(|(index, reply)| corpus.lies(workflow.who, index, reply)).collect();
        honest.push(lies);
    }
    let until = soak().map(|time| Instant::now() + time);
    let goes_on = |runs: usize| until.map_or(runs < SEQUENCES, |until| Instant::now() < until);
    let mut tally = Tally::default();
    while goes_on(tally.runs) {
        let number = random.below(all.len());
        let memory = if random.below(2) == 0 { Memory::Fresh } else { Memory::Warm };
        let mut lies = Vec::new();
        for _ in 0..2 + random.below(3) {
            let of_reply = &honest[number][random.below(honest[number].len())];
            lies.push(match random.below(4) {
                0 => inventions[random.below(inventions.len())].1.clone(),
                _ => of_reply[random.below(of_reply.len())].1.clone(),
            });
        }
        let ran = run(&scene, &opened, &all[number], memory, lies.clone()).await;
        tally.add(&format!("{memory:?} {}: {lies:#?}", all[number].name), &ran);
    }
    tally.print("combinations");
    tally.assert_clean();
}
