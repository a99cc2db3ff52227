//! Whole lives of a district from one number: days pass, lists break, the feed is cut, the store fails at any
//! call; after each step the store is a state that the district really had, and the feed replays to it.
//!
//! `CLEVER_SEEDS` says how many lives, `CLEVER_SEED` which is the first; `cargo xtask simulate` sets both.

use std::collections::BTreeMap;

use clever_emulator::Fault;
use clever_model::{DistrictId, RecordKind, Role};
use clever_sync::{
    Base, Commit, Op, Outcome, Progress, SqliteStore, Staged, State, Store, StoreError, Stored,
    SyncError, SyncOptions, SyncPolicy, SyncReport, Tally, Way,
};

use crate::ground::Ground;

/// A store whose power goes at a call: that one and all after it fail.
struct Crashing<S> {
    store: S,
    left: u32,
}

impl<S> Crashing<S> {
    fn call(&mut self) -> Result<&mut S, StoreError> {
        self.left = self.left.checked_sub(1).ok_or(StoreError::Full)?;
        Ok(&mut self.store)
    }
}

impl<S: Store> Store for Crashing<S> {
    async fn base(&mut self, district: &DistrictId) -> Result<Base, StoreError> {
        self.call()?.base(district).await
    }
    async fn begin(&mut self, district: &DistrictId) -> Result<(), StoreError> {
        self.call()?.begin(district).await
    }
    async fn states(
        &mut self,
        kind: RecordKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<State>, StoreError> {
        self.call()?.states(kind, after, limit).await
    }
    async fn find(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        self.call()?.find(kind, ids).await
    }
    async fn active(&mut self, kind: RecordKind) -> Result<u64, StoreError> {
        self.call()?.active(kind).await
    }
    async fn enrolled(&mut self) -> Result<u64, StoreError> {
        self.call()?.enrolled().await
    }
    async fn lost_role(&mut self) -> Result<Option<Role>, StoreError> {
        self.call()?.lost_role().await
    }
    async fn stage(&mut self, rows: Vec<Staged>) -> Result<(), StoreError> {
        self.call()?.stage(rows).await
    }
    async fn unstage(&mut self, kind: RecordKind, ids: &[&str]) -> Result<(), StoreError> {
        self.call()?.unstage(kind, ids).await
    }
    async fn unstage_archived(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        self.call()?.unstage_archived(kind).await
    }
    async fn staged(
        &mut self,
        after: (Option<RecordKind>, &str),
        limit: usize,
        records: bool,
    ) -> Result<Vec<Staged>, StoreError> {
        self.call()?.staged(after, limit, records).await
    }
    async fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Op>, StoreError> {
        self.call()?.staged_ops(kind, ids).await
    }
    async fn tally(&mut self) -> Result<Tally, StoreError> {
        self.call()?.tally().await
    }
    async fn hold(&mut self, kind: RecordKind, op: Op) -> Result<(), StoreError> {
        self.call()?.hold(kind, op).await
    }
    async fn release(&mut self) -> Result<(), StoreError> {
        self.call()?.release().await
    }
    async fn commit(
        &mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        self.call()?.commit(commit, report, progress).await
    }
}

async fn crash_at(
    ground: &Ground,
    call: u32,
    options: &SyncOptions,
) -> Result<SyncReport, SyncError> {
    let mut store = Crashing {
        store: SqliteStore::open(&ground.path()).unwrap(),
        left: call,
    };
    ground
        .sync_into(&mut store, options, &SyncPolicy::default())
        .await
}

#[tokio::test]
async fn a_crash_at_any_call_of_the_store_changes_nothing() {
    let ground = Ground::with_events(81, 50).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    for way in [Way::Events, Way::Snapshot] {
        ground.emulator.advance_days(1);
        let before = ground.stored();
        let options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        let mut call = 0;
        let report = loop {
            match crash_at(&ground, call, &options).await {
                Ok(report) => break report,
                Err(error) => {
                    assert!(
                        matches!(error, SyncError::Store(StoreError::Full)),
                        "{error:?}"
                    );
                    assert_eq!(ground.stored(), before, "{way:?}, call {call}");
                }
            }
            call += 1;
        };
        assert!(call > 15, "{call} calls");
        assert!(!report.is_unchanged());
        ground.check_feed();
    }
    assert_eq!(ground.stored(), ground.served());
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_answer_changes_nothing() {
    let ground = Ground::new(82, 60).await;
    drop(ground.sync().await.unwrap());
    ground.emulator.advance_days(1);
    let before = ground.stored();
    let mut answer = 0;
    loop {
        // From this answer on, however often it is asked again.
        ground
            .emulator
            .faults()
            .add(Fault::Reset.on("/v3.1").nth(answer).times(u64::MAX));
        let done = ground.sync().await;
        ground.emulator.faults().clear();
        if done.is_ok() {
            break;
        }
        assert_eq!(ground.stored(), before, "answer {answer}");
        answer += 1;
    }
    assert!(answer > 5, "{answer} answers");
    assert_eq!(ground.stored(), ground.served());
    ground.check_feed();
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

/// A small source of chance, so that a seed is a whole life.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

async fn live(seed: u64) {
    let mut chance = Chance(seed);
    for _ in 0..4 {
        chance.below(2);
    }
    let ground = Ground::with_events(seed, 20 + u32::try_from(chance.below(30)).unwrap()).await;
    let places = [
        "/users",
        "/sections",
        "/events",
        "starting_after",
        "/districts",
        "/terms",
    ];
    drop(SqliteStore::open(&ground.path()).unwrap());
    for step in 0..6 {
        match chance.below(4) {
            0 => {}
            1 => {
                ground.emulator.advance_days(31);
            }
            _ => {
                ground
                    .emulator
                    .advance_days(1 + u32::try_from(chance.below(3)).unwrap());
            }
        }
        if chance.below(3) == 0 {
            let fault = Fault::ALL[usize::try_from(chance.below(Fault::ALL.len() as u64)).unwrap()];
            let place = places[usize::try_from(chance.below(places.len() as u64)).unwrap()];
            let times = if chance.below(2) == 0 { 1 } else { u64::MAX };
            ground
                .emulator
                .faults()
                .add(fault.on(place).nth(chance.below(3)).times(times));
        }
        let before = ground.stored();
        let call = match chance.below(2) {
            0 => u32::MAX,
            _ => u32::try_from(chance.below(60)).unwrap(),
        };
        let options = SyncOptions {
            way: if chance.below(4) == 0 {
                Way::Snapshot
            } else {
                Way::Auto
            },
            ..SyncOptions::default()
        };
        let report = crash_at(&ground, call, &options).await;
        let told = format!(
            "seed {seed}, step {step}: {:?}",
            report.as_ref().map(|report| (report.path, report.outcome))
        );
        if report.is_err() {
            assert_eq!(ground.stored(), before, "{told}");
        }
        ground.check_feed();
        ground.emulator.faults().clear();
        // Once all is well, a snapshot makes it right, and the events after it agree.
        if step % 2 == 1 {
            let mut options = SyncOptions {
                way: Way::Snapshot,
                ..SyncOptions::default()
            };
            let mut report = crash_at(&ground, u32::MAX, &options).await.unwrap();
            if report.outcome == Outcome::Held {
                options.approve = Some(report.plan_hash);
                report = crash_at(&ground, u32::MAX, &options).await.unwrap();
            }
            assert_eq!(report.outcome, Outcome::Done, "{told}");
            let keys =
                |all: BTreeMap<(RecordKind, String), String>| all.into_keys().collect::<Vec<_>>();
            assert_eq!(keys(ground.stored()), keys(ground.served()), "{told}");
            let again = crash_at(&ground, u32::MAX, &SyncOptions::default())
                .await
                .unwrap();
            assert!(again.is_unchanged(), "{told}: {:?}", again.kinds);
            ground.check_feed();
        }
    }
}

#[tokio::test]
async fn every_life_ends_with_the_districts_own_roster() {
    let first = number("CLEVER_SEED", 1);
    for seed in first..first + number("CLEVER_SEEDS", 25) {
        let life = std::panic::AssertUnwindSafe(live(seed));
        if let Err(panic) = futures_util::FutureExt::catch_unwind(life).await {
            panic!(
                "replay with `cargo xtask simulate --seed {seed} --seeds 1`: {:?}",
                panic.downcast_ref::<String>()
            );
        }
    }
}
