//! A worker that is cut off from each of its peers for longer than anybody waits: from the engine, from PostgreSQL, from Clever.
//!
//! Each time every district ends as in a store that nobody disturbed, and the worker itself works on when the way is open again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ground::{Fleet, HEARTBEAT, Worker};
use super::way::Way;
use crate::killed::Store;

const MINUTE: Duration = Duration::from_secs(60);

/// Longer than the engine waits for a sign of life, and than the worker goes on without the engine after that.
const LONG: Duration = Duration::from_secs(12);

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

/// A fleet with a worker that reaches each of its peers by a way which can be cut.
struct Scene {
    fleet: Fleet,
    control: Store,
    ways: Ways,
    worker: Worker,
}

/// The ways of a worker to its peers.
pub(crate) struct Ways {
    engine: Way,
    /// Those to PostgreSQL, by the port of the server.
    stores: BTreeMap<u16, Way>,
    clever: Way,
}

impl Ways {
    /// Ways to all peers of a fleet.
    pub(crate) async fn of(fleet: &Fleet) -> Self {
        let engine: SocketAddr = fleet.engine.address().parse().unwrap();
        let mut stores = BTreeMap::new();
        for address in fleet.addresses() {
            let port = address.port().unwrap();
            stores.insert(port, Way::to(port).await);
        }
        let clever = fleet.many.emulator.base_url().port().unwrap();
        Self {
            engine: Way::to(engine.port()).await,
            stores,
            clever: Way::to(clever).await,
        }
    }

    /// What a worker is to know so that it takes these ways.
    pub(crate) fn env(&self, fleet: &Fleet) -> Vec<(&'static str, String)> {
        let here = |way: &Way| format!("127.0.0.1:{}", way.port);
        let stores = fleet.elsewhere(|address| {
            let way = &self.stores[&address.port().unwrap()];
            address.set_port(Some(way.port)).unwrap();
            // As without them, only sooner.
            address.set_query(Some(
                "keepalives_idle=1&keepalives_interval=1&keepalives_retries=2&tcp_user_timeout=4&connect_timeout=3",
            ));
        });
        vec![
            stores,
            ("TEMPORAL_ADDRESS", here(&self.engine)),
            ("CLEVER_API_URL", format!("http://{}", here(&self.clever))),
        ]
    }

    /// Cuts each in turn, until it is asked no more: Clever's once for longer than a request may take, all others for longer than
    /// anybody waits there. Gives how often.
    pub(crate) async fn in_turn(&self, mut goes_on: impl FnMut() -> bool) -> u32 {
        let mut cuts = 0;
        let mut clever = Duration::from_secs(125);
        while goes_on() {
            self.engine.cut_for(LONG, false).await;
            for store in self.stores.values() {
                store.cut_for(LONG, true).await;
                cuts += 1;
            }
            self.clever.cut_for(clever, true).await;
            clever = LONG;
            cuts += 2;
        }
        cuts
    }
}

impl Scene {
    /// Four loaded districts; none where there is no engine or no PostgreSQL.
    async fn new(name: &str) -> Option<Self> {
        let store = Store::postgres(name).await?;
        let control = Store::postgres(&format!("{name}_control")).await?;
        let mut fleet = Fleet::slow(4, Duration::from_millis(200)).await?;
        fleet.store = store;
        let ways = Ways::of(&fleet).await;
        let env = ways.env(&fleet);
        fleet.apply(&[]);
        let worker = fleet.worker_by(&env, &[]);
        let scene = Self {
            fleet,
            control,
            ways,
            worker,
        };
        scene.well().await;
        Some(scene)
    }

    /// Has every district something to write, and a run of it.
    fn busy(&self, name: &str) {
        self.fleet.rename(name);
        for district in self.fleet.many.ids() {
            let asked = self.fleet.asked(&["run", &district], 0);
            assert_eq!(asked["said"], "started", "{asked}");
        }
    }

    /// Waits until all are done, and holds them against the control: rows, feed, numbers without a gap.
    async fn well(&self) {
        self.fleet
            .until(2 * MINUTE, "every district", is_done)
            .await;
        self.fleet.equals(&self.control).await;
    }

    fn is_anything_open(&self) -> bool {
        !self.fleet.status().iter().all(is_done)
    }

    /// The worker, of which nothing is left open, does another round without help, and one that writes nothing.
    async fn works_on(self) {
        self.busy("after");
        self.well().await;
        let district = self.fleet.many.ids().remove(0);
        let again = self.fleet.asked(&["run", &district, "--wait"], 0);
        assert_eq!(again["changed"], 0, "{again}");
        assert_eq!(self.worker.stop(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_from_the_engine_writes_nothing_beside_another() {
    let Some(mut scene) = Scene::new("cut_engine").await else {
        return;
    };
    scene.busy("engine");
    // It stands still in the middle, so that the other one is first.
    scene.ways.clever.cut();
    scene.ways.engine.cut();
    assert!(scene.is_anything_open(), "it was too quick");
    let begun = Instant::now();
    let other = scene.fleet.worker(&[]);
    scene.well().await;
    assert!(begun.elapsed() > HEARTBEAT / 2, "nobody had to wait");
    scene.ways.clever.mend(false);
    // It hears nothing of the engine: it stops by itself, or the store refuses its commit.
    let is_over = |logs: &str| {
        logs.contains("another run changed this district meanwhile")
            || logs.contains("error: stopped")
    };
    while !is_over(&scene.fleet.logs()) {
        let logs = scene.fleet.logs();
        assert!(begun.elapsed() < MINUTE, "it went on: {logs}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(LONG.saturating_sub(begun.elapsed())).await;
    scene.well().await;
    scene.ways.engine.mend(false);
    assert_eq!(other.stop(), Some(0));
    scene.works_on().await;
}

/// The last number of each district's feed.
async fn heads(fleet: &Fleet) -> BTreeMap<String, String> {
    let heads =
        "SELECT district_id || ' ' || CAST(max(seq) AS TEXT) FROM changes GROUP BY district_id";
    let heads = fleet.store.rows(&[heads.to_owned()]).await.remove(0);
    let pair = |line: &String| {
        let (district, seq) = line.split_once(' ').unwrap();
        (district.to_owned(), seq.to_owned())
    };
    heads.iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_which_the_engine_never_heard_is_found_done() {
    let Some(mut scene) = Scene::new("lost").await else {
        return;
    };
    let before = heads(&scene.fleet).await;
    scene.busy("lost");
    tokio::time::sleep(Duration::from_millis(400)).await;
    scene.ways.engine.cut();
    // It still reaches Clever and the store, and ends what it began.
    let begun = Instant::now();
    let unheard = loop {
        let now = heads(&scene.fleet).await;
        let status = scene.fleet.status();
        let goes_on = |district: &str| {
            let mut lines = status.iter();
            lines.any(|line| line["district"] == district && !is_done(line))
        };
        let unheard = now
            .into_iter()
            .filter(|(district, seq)| before[district] != *seq && goes_on(district));
        let unheard: BTreeMap<_, _> = unheard.collect();
        if !unheard.is_empty() && begun.elapsed() > HEARTBEAT / 2 {
            break unheard;
        }
        assert!(begun.elapsed() < MINUTE, "nothing was committed unheard");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let other = scene.fleet.worker(&[]);
    // Each is done again elsewhere, and the feed is that of a store in which it was done once.
    scene.well().await;
    let now = heads(&scene.fleet).await;
    for (district, seq) in unheard {
        assert_eq!(now[&district], seq, "it was written again");
    }
    scene.ways.engine.mend(false);
    assert_eq!(other.stop(), Some(0));
    scene.works_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_from_postgresql_goes_on_when_the_network_forgot_its_connections()
{
    let Some(scene) = Scene::new("cut_store").await else {
        return;
    };
    scene.busy("store");
    for store in scene.ways.stores.values() {
        store.cut_for(LONG, true).await;
    }
    assert!(scene.is_anything_open(), "it was too quick");
    scene.well().await;
    scene.works_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_from_clever_goes_on_when_it_answers_again() {
    let Some(scene) = Scene::new("cut_clever").await else {
        return;
    };
    scene.busy("clever");
    scene.ways.clever.cut_for(LONG, false).await;
    assert!(scene.is_anything_open(), "it was too quick");
    scene.well().await;
    scene.works_on().await;
}
