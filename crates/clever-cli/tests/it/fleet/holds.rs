//! What is held waits for a decision: over a restart of everything, and without keeping the next run.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ground::Fleet;
use crate::ground::errors;

const MINUTE: Duration = Duration::from_secs(60);

/// A fleet of two districts that is loaded, with one of which so much is missing that it is held; its hash.
async fn with_a_hold(fleet: &mut Fleet) -> (String, String, super::ground::Worker) {
    fleet.apply(&[]);
    let worker = fleet.worker(&[]);
    fleet
        .until(MINUTE, "the first load", |line| line["outcome"] == "done")
        .await;
    let district = fleet.many.ids().remove(0);
    fleet.shrink(&district, 5);
    let held = fleet.asked(&["run", &district, "--wait"], 3);
    let hash = held["held"].as_str().unwrap().to_owned();
    waits(fleet, &district, Some((&hash, "waiting"))).await;
    (district, hash, worker)
}

/// Waits until the decision about a district stands so.
async fn waits(fleet: &Fleet, district: &str, wanted: Option<(&str, &str)>) {
    let begun = Instant::now();
    let wanted = match wanted {
        Some((hash, decision)) => (hash.into(), decision.into()),
        None => (Value::Null, Value::Null),
    };
    loop {
        let status = fleet.status();
        let line = status
            .iter()
            .find(|line| line["district"] == district)
            .unwrap();
        if (&line["held"], &line["decision"]) == (&wanted.0, &wanted.1) {
            return;
        }
        assert!(
            begun.elapsed() < MINUTE,
            "{line}: not {wanted:?}\n{}",
            fleet.logs()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn active_users(fleet: &Fleet, district: &str) -> String {
    let sql = format!(
        "SELECT CAST(count(*) AS TEXT) FROM users WHERE archived_at IS NULL AND district_id = '{district}'"
    );
    fleet.store.rows(&[sql]).await[0][0].clone()
}

/// How the decision about a district ended, by the engine.
fn settled(fleet: &Fleet, district: &str) -> String {
    let hold = format!("hold/{district}");
    let shown = fleet.engine.json(&["workflow", "result", "-w", &hold]);
    shown["result"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_that_are_held_are_approved_from_elsewhere_after_everything_was_killed() {
    const HELD: u64 = 20;
    let Some(mut fleet) = Fleet::start(HELD).await else {
        return;
    };
    fleet.apply(&[]);
    let worker = fleet.worker(&[]);
    let is_done = |line: &Value| line["outcome"] == "done" && line["running_since"].is_null();
    fleet.until(2 * MINUTE, "the first load", is_done).await;
    let districts = fleet.many.ids();
    for district in &districts {
        fleet.shrink(district, 5);
        fleet.asked(&["run", district], 0);
    }
    let waits_for_one = |line: &Value| line["decision"] == "waiting";
    fleet.until(2 * MINUTE, "a hold", waits_for_one).await;
    let status = fleet.status();
    let hash_of = |district: &String| {
        let line = status.iter().find(|line| line["district"] == **district);
        line.unwrap()["held"].as_str().unwrap().to_owned()
    };
    let hashes: Vec<String> = districts.iter().map(hash_of).collect();
    worker.kill();
    fleet.engine.kill();
    // Nobody works now, and the decisions are taken all the same: by the engine's own tool.
    for (district, hash) in districts.iter().zip(&hashes) {
        assert_ne!(active_users(&fleet, district).await, "5");
        let (input, hold) = (format!("\"{hash}\""), format!("hold/{district}"));
        let (done, said) = fleet.engine.command(&[
            "workflow", "signal", "--name", "approve", "--input", &input, "-w", &hold,
        ]);
        assert!(done, "{said}");
    }
    fleet.engine.kill();
    let _worker = fleet.worker(&[]);
    for district in &districts {
        waits(&fleet, district, None).await;
        assert_eq!(active_users(&fleet, district).await, "5");
        assert_eq!(settled(&fleet, district), "approved");
    }
    let audit = "SELECT actor || ' ' || deed || ' ' || subject FROM audit WHERE actor = 'fleet'";
    let mut audit = fleet.store.rows(&[audit.to_owned()]).await.remove(0);
    audit.sort();
    let mut wanted: Vec<String> = hashes
        .iter()
        .map(|hash| format!("fleet approve {hash}"))
        .collect();
    wanted.sort();
    assert_eq!(audit, wanted, "the store's audit has each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_no_run_and_only_its_own_hash_lets_it_through() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let (district, first, _worker) = with_a_hold(&mut fleet).await;
    fleet.asked(&["reject", &district, &first], 0);
    waits(&fleet, &district, Some((&first, "rejected"))).await;
    // The next run holds the same, and nobody is asked again.
    fleet.asked(&["run", &district, "--wait"], 3);
    waits(&fleet, &district, Some((&first, "rejected"))).await;
    // What it holds otherwise is another question.
    fleet.shrink(&district, 4);
    let held = fleet.asked(&["run", &district, "--wait"], 3);
    let second = held["held"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    waits(&fleet, &district, Some((&second, "waiting"))).await;
    let refused = fleet.fleet(&["approve", &district, &first]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    assert!(errors(&refused).contains(&second), "{}", errors(&refused));
    assert_ne!(active_users(&fleet, &district).await, "4");
    fleet.asked(&["approve", &district, &second], 0);
    waits(&fleet, &district, None).await;
    assert_eq!(active_users(&fleet, &district).await, "4");
    assert_eq!(settled(&fleet, &district), "approved");
    let nothing = fleet.fleet(&["approve", &district, &second]);
    assert_eq!(nothing.status.code(), Some(1), "{}", errors(&nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_no_more_needs_no_decision() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let (district, _, worker) = with_a_hold(&mut fleet).await;
    assert_eq!(worker.stop(), Some(0));
    // Somebody lets so much through by a rule.
    let policy = fleet.many.folder.path().join("policy.toml");
    fs::write(
        &policy,
        "max_archived_percent = 100\nmax_updated_percent = 100\nmax_unenrolled_percent = 100\nmax_school_archived_percent = 100\n",
    )
    .unwrap();
    let policy = policy.display().to_string();
    let _worker = fleet.worker(&["--policy", &policy]);
    fleet.asked(&["run", &district, "--wait"], 0);
    waits(&fleet, &district, None).await;
    assert_eq!(settled(&fleet, &district), "superseded");
}
