//! Each field of each reply in turn, in every manner.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use crate::{
    corpus::{About, Corpus},
    inventions::{ANY_ITEM, inventions},
    lies::Lie,
    oracle::Opened,
    run::{Tally, run},
    scene::{Memory, Scene},
    sequences::{Random, soak},
    wire::Reply,
    workflows::{Workflow, workflows},
};

/// Runs without [`soak`]. Each field in each manner is covered before any of them is covered in a second workflow.
const RUNS: usize = 5_000;

/// Of one field in one manner, where not all of them are run.
const CASES: usize = 3;

/// What is covered at least, so that a scene that shrinks does not shrink the test unnoticed.
const FIELDS: usize = 1_200;
const MANNERS: usize = 4_000;

/// Number of a workflow, the memory it begins with, and the lie.
type Case = (usize, Memory, Lie);

/// The cases of one field and manner, or a fair choice of those that there is time for.
#[derive(Default)]
struct Cases {
    seen: usize,
    kept: Vec<Case>,
}

impl Cases {
    fn add(&mut self, case: Case, most: usize, random: &mut Random) {
        self.seen += 1;
        if self.kept.len() < most {
            self.kept.push(case);
        } else if let Some(place) = self.kept.get_mut(random.below(self.seen)) {
            *place = case;
        }
    }
}

/// Tests that the cases are dealt out to: the processor has other cores.
const PARTS: usize = 2;

#[tokio::test]
async fn no_lie_in_any_field_of_any_reply_discloses_or_passes_off_anything() {
    every_field(0).await;
}

#[tokio::test]
async fn no_lie_in_any_field_of_any_reply_discloses_or_passes_off_anything_either() {
    every_field(1).await;
}

#[tokio::test]
async fn no_reply_that_the_server_invents_discloses_or_passes_off_anything() {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let all = workflows();
    let mut asked: Vec<BTreeSet<(String, String)>> = Vec::new();
    for workflow in &all {
        let honest = replies(&scene, &opened, workflow).await.into_iter().flat_map(|(_, replies)| replies);
        asked.push(honest.map(|reply| (reply.route, reply.path)).collect());
    }
    let mut tally = Tally::default();
    for (about, lie) in inventions(&scene).await {
        let is_told = |(route, path): &(String, String)| match &lie {
            Lie::Redirected { from, .. } => path.contains(from),
            _ => *route == about.0 || (about.0 == ANY_ITEM && route.contains("/items")),
        };
        let concerned = all.iter().zip(&asked).filter(|(_, asked)| asked.iter().any(is_told));
        for (workflow, _) in concerned {
            for memory in [Memory::Fresh, Memory::Warm] {
                let ran = run(&scene, &opened, workflow, memory, vec![lie.clone()]).await;
                tally.add(&format!("{memory:?} {}: {lie:?}", workflow.name), &ran);
            }
        }
    }
    tally.print("inventions");
    tally.assert_clean();
}

/// What an honest server answers.
async fn replies(scene: &Scene, opened: &Opened, workflow: &Workflow) -> [(Memory, Vec<Reply>); 2] {
    let fresh = run(scene, opened, workflow, Memory::Fresh, Vec::new()).await.replies;
    let warm = run(scene, opened, workflow, Memory::Warm, Vec::new()).await.replies;
    [(Memory::Fresh, fresh), (Memory::Warm, warm)]
}

/// The cases of one part.
async fn every_field(part: usize) {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let corpus = Corpus::new(&scene);
    let all = workflows();
    let mut random = Random::new("systematic");

    // The same lie in another workflow is another case, but not before every lie was told once.
    let most = if soak().is_some() { usize::MAX } else { CASES };
    let mut by_manner: BTreeMap<About, Cases> = BTreeMap::new();
    for (number, workflow) in all.iter().enumerate() {
        for (memory, honest) in replies(&scene, &opened, workflow).await {
            for (index, reply) in honest.iter().enumerate() {
                for (about, lie) in corpus.lies(workflow.who, index, reply) {
                    by_manner.entry(about).or_default().add((number, memory, lie), most, &mut random);
                }
            }
        }
    }
    let fields: BTreeSet<(String, String)> =
        by_manner.keys().map(|(route, field, _)| (route.clone(), field.clone())).collect();
    let (manners, cases) = (by_manner.len(), by_manner.values().map(|cases| cases.seen).sum::<usize>());
    println!("{} fields of replies, {manners} with their manners, {cases} cases", fields.len());
    assert!(fields.len() >= FIELDS && manners >= MANNERS, "too little is covered");
    assert!(soak().is_some() || manners <= RUNS, "a manner is left out: raise the number of runs");

    let until = soak().map(|time| Instant::now() + time);
    let mut turns: Vec<Vec<Case>> = by_manner.into_values().map(|cases| cases.kept).collect();
    turns.iter_mut().for_each(|cases| random.shuffle(cases));
    let longest = turns.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..longest).flat_map(|turn| turns.iter().filter_map(move |cases| cases.get(turn)));
    let mut tally = Tally::default();
    for (number, memory, lie) in in_turn.take(until.map_or(RUNS, |_| usize::MAX)).skip(part).step_by(PARTS) {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let workflow = &all[*number];
        let ran = run(&scene, &opened, workflow, *memory, vec![lie.clone()]).await;
        tally.add(&format!("{memory:?} {}: {lie:?}", workflow.name), &ran);
    }
    tally.print("fields");
    tally.assert_clean();
    assert!(tally.altered >= tally.runs / 2, "too few replies were altered");
}
