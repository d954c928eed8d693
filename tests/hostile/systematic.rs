//! Each field of each reply in turn, in every manner.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    corpus::{About, Corpus},
    inventions::inventions,
    lies::Lie,
    oracle::Opened,
    run::{Tally, run},
    scene::{Memory, Scene},
    sequences::{Random, soak},
    workflows::workflows,
};

/// Runs without [`soak`]. Each field in each manner is covered before any of them is covered in a second workflow.
const RUNS: usize = 6_000;

/// What is covered at least, so that a scene that shrinks does not shrink the test unnoticed.
const FIELDS: usize = 300;
const MANNERS: usize = 2_000;

#[tokio::test]
async fn no_lie_in_any_field_of_any_reply_discloses_or_passes_off_anything() {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let corpus = Corpus::new(&scene);
    let all = workflows();
    let mut random = Random::new("systematic");

    // The same lie in another workflow is another case, but not before every lie was told once.
    let mut by_manner: BTreeMap<About, Vec<(usize, Memory, Lie)>> = BTreeMap::new();
    for (number, workflow) in all.iter().enumerate() {
        for memory in [Memory::Fresh, Memory::Warm] {
            let honest = run(&scene, &opened, workflow, memory, Vec::new()).await.replies;
            for (index, reply) in honest.iter().enumerate() {
                for (about, lie) in corpus.lies(workflow.who, index, reply) {
                    by_manner.entry(about).or_default().push((number, memory, lie));
                }
            }
        }
    }
    let fields: BTreeSet<(String, String)> = by_manner.keys().map(|(route, field, _)| (route.clone(), field.clone())).collect();
    let (manners, cases) = (by_manner.len(), by_manner.values().map(Vec::len).sum::<usize>());
    println!("{} fields of replies, {manners} with their manners, {cases} cases", fields.len());
    assert!(fields.len() >= FIELDS && manners >= MANNERS, "too little is covered");

    let mut tally = Tally::default();
    let mut invented = Tally::default();
    for (about, lie) in inventions(&scene).await {
        for workflow in &all {
            for memory in [Memory::Fresh, Memory::Warm] {
                let ran = run(&scene, &opened, workflow, memory, vec![lie.clone()]).await;
                invented.add(&format!("{memory:?} {}: {lie:?} {about:?}", workflow.name), &ran);
            }
        }
    }
    invented.print("inventions");

    let limit = if soak().is_some() { usize::MAX } else { RUNS };
    let mut turns: Vec<Vec<(usize, Memory, Lie)>> = by_manner.into_values().collect();
    turns.iter_mut().for_each(|cases| random.shuffle(cases));
    let most = turns.iter().map(Vec::len).max().unwrap_or_default();
    'runs: for turn in 0..most {
        for (number, memory, lie) in turns.iter().filter_map(|cases| cases.get(turn)) {
            if tally.runs >= limit {
                break 'runs;
            }
            let workflow = &all[*number];
            let ran = run(&scene, &opened, workflow, *memory, vec![lie.clone()]).await;
            tally.add(&format!("{memory:?} {}: {lie:?}", workflow.name), &ran);
        }
    }
    tally.print("fields");
    invented.assert_clean();
    tally.assert_clean();
    assert!(tally.altered >= tally.runs / 2, "too few replies were altered");
}
