//! What the engine keeps: no token, no key of a person, no name.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use clever_emulator::Fault;
use clever_model::RecordKind;

use super::ground::Fleet;

const MINUTE: Duration = Duration::from_secs(60);

/// Texts that must be nowhere: tokens, secrets, and what identifies each person.
fn forbidden(fleet: &Fleet) -> BTreeSet<String> {
    let emulator = &fleet.many.emulator;
    let mut texts = BTreeSet::from([emulator.client_secret().to_owned()]);
    texts.insert(emulator.district_token().to_owned());
    for district in emulator.districts() {
        texts.extend(district.token);
        emulator.with_world_of(&district.id, |world| {
            for (id, user) in world.list(RecordKind::Users).iter() {
                texts.insert(id.to_string());
                let user = user.value();
                texts.extend(user["email"].as_str().map(str::to_owned));
                let name = |part: &str| user["name"][part].as_str().unwrap_or_default().to_owned();
                texts.insert(format!("{} {}", name("first"), name("last")));
                texts.insert(format!("\"{}\"", name("last")));
            }
        });
    }
    texts.retain(|text| text.len() > 4);
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_never_hears_a_token_or_a_name() {
    let Some(mut fleet) = Fleet::start(4).await else {
        return;
    };
    let secrets = forbidden(&fleet);
    assert!(secrets.len() > 100, "{}", secrets.len());
    // Every way to end: done, refused, failed, tried again, held, approved.
    let ids = fleet.many.ids();
    let faults = fleet.many.emulator.faults();
    faults.add(Fault::ServerError.on(fleet.many.page_of(&ids[1])).times(12));
    faults.add(Fault::Html404.on(fleet.many.page_of(&ids[2])).times(1));
    fleet.apply(&[]);
    let worker = fleet.worker(&[]);
    fleet
        .until(2 * MINUTE, "the first load", |line| {
            line["outcome"] == "done"
        })
        .await;
    fleet.shrink(&ids[0], 5);
    let held = fleet.asked(&["run", &ids[0], "--wait"], 3);
    let hash = held["held"].as_str().unwrap().to_owned();
    fleet
        .many
        .emulator
        .happen_to(&ids[3], clever_emulator::Happening::Disconnect);
    let failed = fleet.fleet(&["run", &ids[3], "--wait"]);
    assert_eq!(failed.status.code(), Some(1));
    let hold = format!("hold/{}", ids[0]);
    let begun = std::time::Instant::now();
    while fleet
        .engine
        .runs(&format!("WorkflowId = '{hold}'"))
        .is_empty()
    {
        assert!(begun.elapsed() < MINUTE, "nothing waits");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fleet.asked(&["approve", &ids[0], &hash], 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(worker);

    // Histories as every tool shows them, with payloads read.
    let mut shown = String::new();
    for (id, run, _) in fleet.engine.runs("") {
        let history = fleet
            .engine
            .json(&["workflow", "show", "-w", &id, "-r", &run]);
        shown += &history.to_string();
        shown += &fleet
            .engine
            .json(&["workflow", "describe", "-w", &id, "-r", &run])
            .to_string();
    }
    shown += &fleet
        .engine
        .json(&["schedule", "list", "--long"])
        .to_string();
    // And everything in its files, whatever table it is in: payloads lie there as they came.
    let mut kept = Vec::new();
    for file in fleet.engine.files() {
        kept.extend(fs::read(file).unwrap());
    }
    let has = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(
        has(&ids[0]) && has(&hash) && has("CleverOutcome"),
        "the files are those of the engine"
    );
    assert!(
        has("not_connected") && has("WorkflowExecutionFailed") || shown.contains("not_connected")
    );
    // Byte for byte: not everything in them is text.
    let latin = |bytes: &[u8]| -> String { bytes.iter().map(|byte| char::from(*byte)).collect() };
    let kept = latin(&kept);
    let found: Vec<&String> = secrets
        .iter()
        .filter(|text| kept.contains(&latin(text.as_bytes())) || shown.contains(text.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    // Nor do the workers say them.
    let logs = fleet.logs();
    let found: Vec<&String> = secrets
        .iter()
        .filter(|text| logs.contains(text.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
