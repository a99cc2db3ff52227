//! Resources: few apps have the scope for them, so a sync reads them where its policy says so, and does without them
//! where the app may not read them.

use std::collections::BTreeMap;

use clever_emulator::{EmulatorConfig, Fault, WorldSource};
use clever_model::{RecordKind, SystemClock};
use clever_sync::report::{Cause, Why};
use clever_sync::{
    AnyStore, ChangeFilter, Open, Outcome, Record, RunPath, SyncError, SyncOptions, SyncPolicy,
    SyncReport, Way, changes, explain, sync,
};

use crate::audited::by_hand;
use crate::ground::Ground;
use crate::stores::stores;

const KIND: RecordKind = RecordKind::Resources;

async fn ground(seed: u64) -> Ground {
    let ground = Ground::with(EmulatorConfig {
        world: WorldSource::Generated {
            seed,
            students: 120,
        },
        events: true,
        resources: true,
        ..EmulatorConfig::default()
    })
    .await;
    ground.emulator.advance_days(1);
    ground
}

fn wanted() -> SyncPolicy {
    SyncPolicy {
        resources: true,
        ..SyncPolicy::default()
    }
}

async fn run(
    ground: &Ground,
    url: &str,
    way: Way,
    policy: &SyncPolicy,
) -> Result<SyncReport, SyncError> {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    let options = SyncOptions {
        way,
        ..SyncOptions::default()
    };
    let clock = SystemClock;
    sync(&ground.district, &mut store, policy, &options, &clock, &()).await
}

/// The resources of the world.
fn served(ground: &Ground) -> BTreeMap<String, String> {
    ground.emulator.with_world(|world| {
        let list = world.list(KIND).iter();
        list.map(|(id, record)| (id.to_string(), record.json().into_owned()))
            .collect()
    })
}

/// The active resources of the store, as its feed tells them.
async fn stored(url: &str) -> BTreeMap<String, String> {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
        .await
        .unwrap();
    let district = store.districts().await.unwrap().remove(0);
    let filter = ChangeFilter {
        kind: Some(KIND),
        limit: u32::MAX,
        ..ChangeFilter::default()
    };
    let mut all = BTreeMap::new();
    for change in store.changes(&district, &filter).await.unwrap() {
        match change.after {
            Some(after) => all.insert(change.id, after.get().to_owned()),
            None => all.remove(&change.id),
        };
    }
    let (_, active, _) = store.status().await.unwrap()[0].records[KIND as usize];
    assert_eq!(active, all.len() as u64, "the feed replays to the table");
    for (id, json) in &all {
        let sql = format!("SELECT record FROM {KIND} WHERE id = '{id}' AND archived_at IS NULL");
        assert_eq!(by_hand(url, &sql).await, [json.as_str()]);
    }
    all
}

#[tokio::test]
async fn they_are_synced_by_snapshot_and_events_where_the_policy_says_so() {
    let ground = ground(501).await;
    for url in stores(&ground, "resources").await {
        // Without a word of them nothing is read, and their events are passed by.
        let report = run(&ground, &url, Way::Auto, &SyncPolicy::default())
            .await
            .unwrap();
        assert!(!report.kinds.contains_key(&KIND));
        ground.emulator.advance_days(1);
        let report = run(&ground, &url, Way::Auto, &SyncPolicy::default())
            .await
            .unwrap();
        assert_eq!(report.events.unwrap().skipped["resources.updated"], 1);
        assert_eq!(stored(&url).await, BTreeMap::new());
        // Events alone would not tell those that there are.
        let refused = run(&ground, &url, Way::Events, &wanted()).await;
        assert!(
            matches!(&refused, Err(SyncError::EventsAlone { why: Why::Unread { kind } }) if *kind == KIND),
            "{refused:?}"
        );
        let report = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert_eq!(report.why, Some(Why::Unread { kind: KIND }));
        let of_kind = &report.kinds[&KIND];
        assert!(report.whole && of_kind.created > 3);
        assert_eq!(of_kind.total, of_kind.created);
        assert_eq!(stored(&url).await, served(&ground));
        assert!(report.drift.is_empty(), "{:?}", report.drift);
        // From then on by events.
        ground.emulator.advance_days(1);
        let report = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert_eq!(report.path, RunPath::Events);
        let of_kind = &report.kinds[&KIND];
        assert_eq!((of_kind.updated, of_kind.fields["title"]), (1, 1));
        assert_eq!(stored(&url).await, served(&ground));
        // A run that left them out breaks the chain.
        ground.emulator.advance_days(1);
        let without = run(&ground, &url, Way::Auto, &SyncPolicy::default()).await;
        assert_eq!(without.unwrap().path, RunPath::Events);
        let report = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert_eq!(report.why, Some(Why::Unread { kind: KIND }));
        assert_eq!(report.kinds[&KIND].updated, 1);
        assert_eq!(stored(&url).await, served(&ground));
        // The status says so to whoever asks.
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap();
        let district = store.districts().await.unwrap().remove(0);
        let (id, _) = served(&ground).pop_first().unwrap();
        let explained = explain(&mut store, &district, &id).await.unwrap();
        assert_eq!(explained[0].kind, KIND);
        let mut feed = changes(&mut store, &district, "test")
            .await
            .unwrap()
            .kind(KIND);
        let change = feed.next().await.unwrap().unwrap();
        let Ok(Some(Record::Resource(resource))) = change.after_record() else {
            panic!("{change:?}")
        };
        assert!(resource.title.is_some());
    }
}

#[tokio::test]
async fn an_app_that_loses_the_scope_keeps_what_it_has_and_is_told() {
    let ground = ground(502).await;
    // More than one page of them.
    ground.emulator.with_world(|world| {
        for number in 0..120 {
            let id = format!("5a25ffb0c1bc2a003600{number:04}");
            world.put(KIND, &id, format!(r#"{{"id":"{id}","title":"T"}}"#));
        }
    });
    for url in stores(&ground, "scope").await {
        let first = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert!(first.kinds[&KIND].created > 120 && first.findings.iter().all(|f| f.kind != KIND));
        let before = stored(&url).await;
        for from in [1, 2] {
            let fault = Fault::Html404.on("/resources").nth(from);
            ground.emulator.faults().add(fault.times(u64::MAX));
            ground.emulator.advance_days(1);
            let report = run(&ground, &url, Way::Snapshot, &wanted()).await.unwrap();
            ground.emulator.faults().clear();
            assert!(report.whole && report.outcome == Outcome::Done);
            let of_kind = &report.kinds[&KIND];
            assert!(of_kind.certificate.is_closed() && of_kind.archived == 0);
            assert!(report.kinds[&RecordKind::Users].seen > 100);
            let found = report.findings.iter().find(|found| found.kind == KIND);
            let found = found.unwrap();
            assert_eq!(found.count, before.len() as u64);
            assert!(found.to_string().contains("read:resources"), "{found}");
            assert!(stored(&url).await.keys().eq(before.keys()));
        }
        // It syncs as ever: events go on.
        ground.emulator.advance_days(1);
        let report = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert_eq!(report.path, RunPath::Events);
        assert!(report.findings.iter().any(|found| found.kind == KIND));
        // Given back, it is read again.
        let report = run(&ground, &url, Way::Snapshot, &wanted()).await.unwrap();
        assert!(report.findings.iter().all(|found| found.kind != KIND));
        assert_eq!(stored(&url).await, served(&ground));
    }
}

#[tokio::test]
async fn an_app_without_the_scope_syncs_as_before() {
    let ground = ground(503).await;
    for url in stores(&ground, "noscope").await {
        let fault = Fault::Html404.on("/resources").times(u64::MAX);
        ground.emulator.faults().add(fault);
        let first = run(&ground, &url, Way::Auto, &wanted()).await.unwrap();
        assert!(first.whole && first.findings.iter().all(|found| found.kind != KIND));
        assert!(first.kinds[&KIND].certificate.is_closed());
        ground.emulator.advance_days(1);
        let second = run(&ground, &url, Way::Events, &wanted()).await.unwrap();
        assert!(second.whole);
        // Another kind that can't be read fails the run, as ever; so does a token that is no good any more.
        for fault in [
            Fault::Html404.on("/courses"),
            Fault::TokenRotated.on("/resources"),
        ] {
            ground.emulator.faults().clear();
            ground.emulator.faults().add(fault.times(u64::MAX));
            // Another day: the next run continues nothing, and reads all lists.
            ground.emulator.advance_days(1);
            let failed = run(&ground, &url, Way::Snapshot, &wanted()).await;
            assert!(matches!(failed, Err(SyncError::Fetch { .. })), "{failed:?}");
        }
        ground.emulator.faults().clear();
    }
}

#[tokio::test]
async fn all_of_them_gone_at_once_is_held() {
    let ground = ground(504).await;
    for url in stores(&ground, "gone").await {
        drop(run(&ground, &url, Way::Auto, &wanted()).await.unwrap());
        let before = stored(&url).await;
        let fault = Fault::EmptyList.on("/resources").times(u64::MAX);
        ground.emulator.faults().add(fault);
        let report = run(&ground, &url, Way::Snapshot, &wanted()).await;
        ground.emulator.faults().clear();
        // The emulator's fault keeps the count, and the client then knows that the list is cut.
        match report {
            Err(SyncError::Fetch { kind, .. }) => assert_eq!(kind, KIND),
            Ok(report) => assert_eq!(report.holds[0].cause, Cause::EmptyAnswer),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(stored(&url).await, before);
    }
    let url = &stores(&ground, "unmapped").await[0];
    drop(run(&ground, url, Way::Auto, &wanted()).await.unwrap());
    let before = stored(url).await;
    // The envelope of the wire for none: `{"resources":[]}`.
    ground
        .emulator
        .with_world(|world| world.retain(KIND, |_| false));
    let report = run(&ground, url, Way::Snapshot, &wanted()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Held);
    assert_eq!(report.holds[0].cause, Cause::EmptyAnswer);
    assert_eq!(stored(url).await, before);
}

#[tokio::test]
async fn a_run_that_was_cut_off_after_its_last_list_reads_none_again() {
    let ground = ground(505).await;
    for (at, url) in stores(&ground, "last").await.iter().enumerate() {
        let before = ground.emulator.requests();
        let whole = run(&ground, url, Way::Snapshot, &wanted()).await.unwrap();
        let all = ground.emulator.requests() - before;
        let url = &stores(&ground, "lastcut").await[at];
        let fault = Fault::Reset.on("/v3.1").nth(all).times(u64::MAX);
        ground.emulator.faults().add(fault);
        let cut = run(&ground, url, Way::Snapshot, &wanted()).await;
        ground.emulator.faults().clear();
        assert!(matches!(cut, Err(SyncError::Fetch { .. })), "{cut:?}");
        let before = ground.emulator.requests();
        let rest = run(&ground, url, Way::Snapshot, &wanted()).await.unwrap();
        let asked = ground.emulator.requests() - before;
        assert_eq!(asked, 2, "the district's own record, twice");
        assert!(rest.resumed.is_some());
        assert_eq!(rest.kinds, whole.kinds);
        assert_eq!(stored(url).await, served(&ground));
        // A walk with them is another than one without.
        let url = &stores(&ground, "lastother").await[at];
        ground
            .emulator
            .faults()
            .add(Fault::Reset.on("/v3.1").nth(all).times(u64::MAX));
        assert!(run(&ground, url, Way::Snapshot, &wanted()).await.is_err());
        ground.emulator.faults().clear();
        let without = run(&ground, url, Way::Snapshot, &SyncPolicy::default()).await;
        let without = without.unwrap();
        assert!(without.resumed.is_none() && without.whole);
        assert_eq!(stored(url).await, BTreeMap::new());
    }
}
