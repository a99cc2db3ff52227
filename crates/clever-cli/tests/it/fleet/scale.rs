//! More machines do the same work in less time, if the work waits for Clever. `cargo xtask fleet-chaos` measures it.

use std::time::{Duration, Instant};

use super::ground::Fleet;

/// Rounds of the same districts by one, two and four workers of two slots each.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes minutes"]
async fn of_one_two_and_four_workers() {
    let Some(mut fleet) = Fleet::slow(24, Duration::from_millis(300)).await else {
        return;
    };
    fleet.apply(&[]);
    let mut workers = Vec::new();
    let mut took = Vec::new();
    for count in [1, 2, 4] {
        while workers.len() < count {
            workers.push(fleet.worker(&["--slots", "2"]));
        }
        // The first loads are done by the first worker, and what begins is warm.
        fleet
            .until(Duration::from_secs(300), "the first load", |line| {
                line["outcome"] == "done" && line["running_since"].is_null()
            })
            .await;
        let begun = Instant::now();
        let runs = fleet.round(24).await;
        took.push(begun.elapsed().as_secs_f64());
        assert!(runs.iter().all(|(_, changed)| *changed == 0));
    }
    eprintln!(
        "24 districts that wait for Clever, 1 / 2 / 4 workers: {:.1} / {:.1} / {:.1} s, {:.2} and {:.2} times as fast",
        took[0],
        took[1],
        took[2],
        took[0] / took[1],
        took[0] / took[2]
    );
}
