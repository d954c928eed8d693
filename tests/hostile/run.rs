//! Running one workflow against one set of lies.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use vaultshare::{
    ErrorCode,
    workflows::{Item, Value},
};

use crate::{
    lies::Lie,
    oracle::{Case, Limit, Opened, Verdict},
    scene::{Memory, Scene},
    wire::{Passed, Reply, Sent},
    workflows::{Shown, Workflow, workflows},
};

/// Far more than any workflow takes, key derivation included.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of it.
pub(crate) struct Ran {
    pub(crate) verdict: Verdict,
    pub(crate) result: Result<(), ErrorCode>,
    /// As the server gave them.
    pub(crate) replies: Vec<Reply>,
    pub(crate) altered: usize,
}

/// What many runs came to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) runs: usize,
    pub(crate) altered: usize,
    pub(crate) limits: BTreeMap<Limit, usize>,
    pub(crate) results: BTreeMap<String, usize>,
    pub(crate) violations: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, what: &str, ran: &Ran) {
        self.runs += 1;
        self.altered += ran.altered;
        for limit in &ran.verdict.limits {
            *self.limits.entry(*limit).or_default() += 1;
        }
        let result = ran.result.err().map_or("ok", |code| code.as_str());
        *self.results.entry(result.to_owned()).or_default() += 1;
        self.violations.extend(ran.verdict.violations.iter().map(|violation| format!("{violation}\n    {what}")));
    }

    pub(crate) fn print(&self, what: &str) {
        let Tally { runs, altered, limits, results, violations } = self;
        println!("{what}: {runs} runs, {altered} replies altered, {} violations", violations.len());
        println!("  results: {results:?}\n  saved by a limit: {limits:?}");
    }

    pub(crate) fn assert_clean(&self) {
        let shown = self.violations.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(self.violations.is_empty(), "{} violations:\n{shown}", self.violations.len());
    }
}

/// One workflow in a new session on the scene's server, all of its replies open to the lies.
pub(crate) async fn run(scene: &Scene, opened: &Opened, workflow: &Workflow, memory: Memory, lies: Vec<Lie>) -> Ran {
    if scene.wire.has_changed_server() {
        scene.restore().await;
    }
    let session = scene.session(workflow.who, memory).await;
    scene.wire.begin(lies);
    let doing = AssertUnwindSafe((workflow.run)(scene, session)).catch_unwind();
    let done = tokio::time::timeout(DEADLINE, doing).await;
    let Passed { sent, replies, altered, too_many } = scene.wire.passed();
    let mut broken = Vec::new();
    if too_many {
        broken.push("the client sends one request after the other".to_owned());
    }
    let (shown, result) = match done {
        Ok(Ok(Ok(shown))) => (shown, Ok(())),
        Ok(Ok(Err(error))) => (Vec::new(), Err(error.code())),
        Ok(Err(_)) => {
            broken.push("the client panics".to_owned());
            (Vec::new(), Err(ErrorCode::Internal))
        }
        Err(_) => {
            broken.push("the client hangs".to_owned());
            (Vec::new(), Err(ErrorCode::Timeout))
        }
    };
    let mut verdict = Case { scene, opened, workflow, memory }.judge(&sent, &shown).await;
    verdict.violations.extend(broken);
    Ran { verdict, result, replies, altered }
}

#[tokio::test]
async fn every_workflow_succeeds_with_an_honest_server_and_discloses_nothing() {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let marks: Vec<&str> = opened.marks.iter().map(String::as_str).filter(|mark| mark.starts_with("alice.")).collect();
    let chosen = ["car.vin.1", "car.vin.2", "gift.licence_plate.1", "gift.vin.1"].map(|mark| format!("alice.{mark}"));
    assert_eq!(marks, chosen, "the accomplice reads what Alice shared with them");
    let mut tally = Tally::default();
    for memory in [Memory::Fresh, Memory::Warm] {
        for workflow in workflows() {
            let ran = run(&scene, &opened, &workflow, memory, Vec::new()).await;
            let what = format!("{memory:?} {}", workflow.name);
            tally.add(&what, &ran);
            if let Err(code) = ran.result {
                tally.violations.push(format!("{code:?}: {what}"));
            }
        }
    }
    tally.print("honest");
    tally.assert_clean();
    assert!(tally.limits.keys().all(|limit| matches!(limit, Limit::WordsInASpace | Limit::FirstContact)));
}

#[tokio::test]
async fn the_oracles_see_what_is_disclosed_and_what_is_passed_off() {
    let scene = Scene::new().await;
    let opened = Opened::of_scene(&scene).await;
    let all = workflows();
    let named = |name: &str| all.iter().find(|workflow| workflow.name == name).unwrap();

    // What the user chose to give the accomplice, had they not chosen it.
    let chosen = named("items.update and shares.refresh");
    let not_chosen = Workflow { to_accomplice: None, ..*chosen };
    let ran = run(&scene, &opened, &not_chosen, Memory::Fresh, Vec::new()).await;
    assert_eq!(ran.verdict.violations, ["P1: the attacker reads alice.gift.vin.run"]);

    let reading = named("items.get own");
    let case = Case { scene: &scene, opened: &opened, workflow: reading, memory: Memory::Warm };
    let session = scene.session(reading.who, Memory::Fresh).await;
    let item = session.get_item(&scene.id("car")).await.unwrap();
    let judge = async |change: &dyn Fn(&mut Item), sent: &str| {
        let mut item = item.clone();
        change(&mut item);
        let sent = Sent { line: String::new(), headers: String::new(), body: sent.to_owned() };
        case.judge(&[sent], &[Shown::Item(item)]).await.violations.len()
    };
    assert_eq!(judge(&|_| {}, "").await, 0);
    assert_eq!(judge(&|_| {}, "{\"note\": \"MARK.alice.car.vin.3\"}").await, 1, "a value in the clear");
    assert_eq!(judge(&|_| {}, &scene.person(reading.who).secrets()[2]).await, 1, "a key in the clear");
    assert_eq!(judge(&|item| item.record.label = "Another".to_owned(), "").await, 1, "a label");
    assert_eq!(judge(&|item| item.slots[0].record.label = "Another".to_owned(), "").await, 1, "a slot's label");
    assert_eq!(judge(&|item| drop(item.slots.pop()), "").await, 1, "a slot less");
    let value = |text: &str| Some(Value::new(text.to_owned()));
    let set = |item: &mut Item, text: &str| {
        let slot = item.slots.iter_mut().find(|slot| slot.record.name == "vin").unwrap();
        slot.value = value(text);
    };
    assert_eq!(
        judge(&|item| set(item, "MARK.alice.car.vin.1"), "").await,
        1,
        "an older value, to a session with memory"
    );
    // Neither ever in this slot nor ever in this item.
    assert_eq!(judge(&|item| set(item, "MARK.alice.diary.vin.1"), "").await, 2, "another item's value");

    let key = scene.truth.file_keys.first().unwrap();
    assert_eq!(judge(&|_| {}, key).await, 1, "a file's key in the clear");
    let disclosed = scene.attacker.keys[0].encrypt(key.as_bytes()).await.unwrap();
    assert_eq!(judge(&|_| {}, &serde_json::json!([disclosed]).to_string()).await, 1, "a file's key");
    let (slot, (file, thumbnail)) = scene.truth.files.first_key_value().unwrap();
    let slot = vaultshare::api::Id::parse(slot).unwrap();
    for (bytes, count) in [(file, 0), (thumbnail, 1)] {
        let shown = [Shown::File { slot: slot.clone(), bytes: bytes.clone() }];
        assert_eq!(case.judge(&[], &shown).await.violations.len(), count, "a file");
        let shown = [Shown::Thumbnail { slot: slot.clone(), bytes: bytes.clone() }];
        assert_eq!(case.judge(&[], &shown).await.violations.len(), 1 - count, "a picture");
    }
}
