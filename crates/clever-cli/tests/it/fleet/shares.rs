//! Who gets how much: a tenant with few districts beside one with many, a rate for all machines together, work for each machine.
//!
//! The workers are those of the product; what they are asked for is only noted, so that the engine alone decides.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clever_fleet::{
    Cadence, Ended, Job, Listed, ListedDistrict, Pending, Runner, Synced, WorkerSettings, connect,
    work,
};
use tokio::sync::watch;

use super::engine::Engine;

const QUEUE: &str = "clever-fleet";
const PATIENCE: Duration = Duration::from_secs(150);

/// Notes each run that it is asked for.
struct Noting {
    takes: Duration,
    seen: Arc<Mutex<Vec<(Instant, usize, String)>>>,
    number: usize,
}

impl Runner for Noting {
    fn sync(&self, job: Job, _: Arc<AtomicU64>, _: watch::Receiver<bool>) -> Pending<Synced> {
        let seen = (Instant::now(), self.number, job.credential);
        self.seen.lock().unwrap().push(seen);
        let takes = self.takes;
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            Ok(Synced {
                ended: Ended::Done,
                held: None,
                was_held: false,
                changed: 0,
            })
        })
    }

    fn held(&self, _: String) -> Pending<Option<String>> {
        Box::pin(async { Ok(None) })
    }

    fn districts(&self) -> Pending<Listed> {
        Box::pin(async { Ok(Listed::default()) })
    }
}

/// So many districts of a credential that were never loaded.
fn districts(credential: &str, count: usize) -> Vec<ListedDistrict> {
    let one = |number: usize| ListedDistrict {
        district: format!("{:024x}", number + credential.len() * 1_000_000),
        credential: credential.to_owned(),
        first: true,
    };
    (0..count).map(one).collect()
}

/// Has these workers do the first loads of these credentials, which were asked for in this order while nobody worked; gives for each
/// when it began, which worker had it, and whose it was.
async fn done(
    engine: &Engine,
    tenants: &[(&str, usize)],
    workers: usize,
    slots: usize,
    takes: Duration,
) -> Vec<(Instant, usize, String)> {
    let address = engine.address();
    let to = connect(Some(&address), None, QUEUE, "test").await.unwrap();
    let far = Duration::from_secs(30 * 86_400);
    let cadence = Cadence::new(far, Duration::ZERO, Duration::from_secs(60), far);
    let mut listed = Listed::default();
    for (tenant, count) in tenants {
        listed.districts.extend(districts(tenant, *count));
        to.apply(&cadence, &listed, false).await.unwrap();
    }
    let wanted = listed.districts.len();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopped) = watch::channel(false);
    let settings = WorkerSettings {
        slots,
        grace: Duration::from_secs(1),
        build: "test".to_owned(),
    };
    let mut working = Vec::new();
    for number in 0..workers {
        let name = format!("worker-{number}");
        let to = connect(Some(&address), None, QUEUE, &name).await.unwrap();
        let noting = Arc::new(Noting {
            takes,
            seen: Arc::clone(&seen),
            number,
        });
        let mut stopped = stopped.clone();
        let settings = &settings;
        working.push(async move {
            let stop = async {
                drop(stopped.wait_for(|stopped| *stopped).await);
            };
            work(to, noting, settings, stop).await.unwrap();
        });
    }
    let watching = async {
        let begun = Instant::now();
        while seen.lock().unwrap().len() < wanted {
            let count = seen.lock().unwrap().len();
            assert!(begun.elapsed() < PATIENCE, "{count} of {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.send_replace(true);
    };
    tokio::join!(futures_util::future::join_all(working), watching);
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_queues_200_another_10_and_the_ten_end_by_place_60() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let tenants = [("big", 200), ("small", 10)];
    let seen = done(&engine, &tenants, 1, 1, Duration::ZERO).await;
    assert_eq!(seen.len(), 210);
    let places: Vec<usize> = (1..)
        .zip(&seen)
        .filter(|(_, (_, _, whose))| whose == "small")
        .map(|(place, _)| place)
        .collect();
    // One after the other they would be 201 to 210.
    assert!(places[9] <= 60, "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_for_all_machines_together() {
    /// Starts in a second.
    const RATE: f64 = 5.0;
    /// So many may come sooner at the beginning: a queue that stood still has saved up for them.
    const SAVED: usize = 10;
    let Some(engine) = Engine::start() else {
        return;
    };
    // As docs/fleet.md has it.
    let (set, said) = engine.command(&[
        "task-queue",
        "config",
        "set",
        "--task-queue",
        QUEUE,
        "--task-queue-type",
        "activity",
        "--queue-rps-limit",
        "5",
    ]);
    assert!(set, "{said}");
    let seen = done(&engine, &[("app", 60)], 2, 8, Duration::ZERO).await;
    let took = seen[59].0.duration_since(seen[SAVED].0).as_secs_f64();
    let rate = (59 - SAVED) as f64 / took;
    eprintln!("a limit of {RATE} a second, 2 workers: {rate:.2}");
    assert!(rate <= 1.1 * RATE, "{rate} starts in a second");
    for worker in 0..2 {
        assert!(seen.iter().any(|(_, by, _)| *by == worker), "{worker}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_machine_that_is_added_takes_its_part() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let takes = Duration::from_millis(400);
    let seen = done(&engine, &[("app", 40)], 4, 2, takes).await;
    for worker in 0..4 {
        let part = seen.iter().filter(|(_, by, _)| *by == worker).count();
        assert!(part >= 4, "worker {worker} had {part} of 40");
    }
}
