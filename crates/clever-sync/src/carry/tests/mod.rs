//! A district that moves is the same in its new store, wherever the move is cut off, and is written of in no other.

mod cut;
mod ground;

use clever_model::{DistrictId, ManualClock};
use clever_sql::Open;

use super::*;
use crate::store::sql::Backend as _;
use crate::store::{AnyStore, Commit, Known as _, Run as _, Store as _};
use cut::When;
use ground::{Ground, district, fill, has, only};

fn clock() -> ManualClock {
    ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap())
}

/// A move from one store to another, by somebody.
fn moving<'a>(district: &'a DistrictId, from: &'a str, to: &'a str) -> Moving<'a> {
    Moving {
        district,
        from,
        to,
        actor: "kim",
        role: "operator",
        reason: "the first one is full",
    }
}

/// Carries a district without being cut off.
async fn go<B: RosterDb, C: RosterDb>(
    old: &mut SqlStore<B>,
    new: &mut SqlStore<C>,
    from: &str,
    to: &str,
) -> Result<Vec<Tally>, CarryError> {
    let district = district();
    carry(
        old,
        new,
        &moving(&district, from, to),
        &clock(),
        &mut |_| {},
    )
    .await
}

/// What a district says after a move, and its neighbours, against what they said before.
async fn the_same_there(ground: &mut Ground) {
    let (old, new) = (&mut ground.old, &mut ground.new);
    let before = has(old, "d").await;
    let neighbours = (has(old, "e").await, has(new, "f").await);
    let carried = go(old, new, "a", "b").await.unwrap();
    assert!(carried.iter().all(|tally| tally.rows > 0), "{carried:#?}");
    // The move is in the audit, and the pause that came with it is over.
    let own = ["audit", "_pauses"];
    let after = has(new, "d").await;
    assert_eq!(only(&before, &own, false), only(&after, &own, false));
    let deeds = new.judged(Some("d"), None, 2).await.unwrap();
    let words: Vec<&str> = deeds.iter().map(|deed| deed.deed.as_str()).collect();
    assert_eq!(words, ["resume", "move"]);
    assert_eq!(new.paused("d").await.unwrap(), None);
    // What was approved is approved still, by whom it was.
    let approval = new.approval("d").await.unwrap().unwrap();
    assert_eq!(approval.by.actor, "audit.actor.1");
    assert_eq!(neighbours, (has(old, "e").await, has(new, "f").await));

    // The old store refuses whoever comes, and says where it is.
    let away = old.away("d").await.unwrap().unwrap();
    assert_eq!(
        (away.store.as_str(), away.whereabouts),
        ("b", Whereabouts::Moved)
    );
    let refused = old.begin(&district()).await.err().unwrap();
    assert!(refused.to_string().contains("store `b`"), "{refused}");
    let at = clock().now();
    let refused = old.acknowledge("d", "consumers.consumer.0", 9, at).await;
    assert!(matches!(refused, Err(StoreError::Elsewhere(_))));
    let refused = old.begin_attempt(Some("d"), None, at).await;
    assert!(matches!(refused, Err(StoreError::Elsewhere(_))));
    assert_eq!(old.districts().await.unwrap(), ["e"]);
    // A reader continues from where it stood.
    assert_eq!(new.away("d").await.unwrap(), None);
    assert_eq!(new.districts().await.unwrap(), ["d", "f"]);
    assert_eq!(new.position("d", "consumers.consumer.2").await.unwrap(), 2);
    new.acknowledge("d", "consumers.consumer.2", 3, at)
        .await
        .unwrap();
    assert_eq!(new.position("d", "consumers.consumer.2").await.unwrap(), 3);
    let run = new.begin(&district()).await.unwrap();
    assert_eq!(run.base().run, 2);
    run.discard().await.unwrap();

    // Once more is nothing more.
    let before = has(new, "d").await;
    assert_eq!(go(old, new, "a", "b").await.unwrap(), []);
    assert_eq!(before, has(new, "d").await);
}

#[tokio::test]
async fn a_district_is_the_same_in_its_new_store_and_is_written_of_in_no_other() {
    the_same_there(&mut Ground::in_memory().await).await;
    if let Some(mut ground) = Ground::on_a_server("same").await {
        the_same_there(&mut ground).await;
        ground.leave().await;
    }
    // From a file to a server: both count alike.
    if let Some(mut ground) = Ground::on_a_server("mixed").await {
        let mut file = Ground::in_memory().await;
        std::mem::swap(&mut ground.old, &mut file.old);
        the_same_there(&mut ground).await;
        ground.leave().await;
    }
}

/// Cuts a move off at one statement after the other, ends it, and compares it with one that was not cut off.
async fn cut_off(ground: &mut Ground, control: &[Tally], steps: impl Iterator<Item = i64>) -> bool {
    for at in steps {
        for when in [When::Before, When::After] {
            ground.empty().await;
            ground.cut.arm(at, when);
            let first = go(&mut ground.old, &mut ground.new, "a", "b").await;
            let was_cut = ground.end_process();
            assert_eq!(first.is_err(), was_cut, "{at} {when:?}: {first:?}");
            // Whatever was cut off: at most one store takes what somebody writes.
            let is_open = async |store: &mut SqlStore<cut::Cut>| {
                let here = store.districts().await.unwrap().contains(&"d".to_owned());
                here && store.away("d").await.unwrap().is_none()
            };
            let both = (
                is_open(&mut ground.old).await,
                is_open(&mut ground.new).await,
            );
            assert_ne!(both, (true, true), "{at} {when:?}");
            go(&mut ground.old, &mut ground.new, "a", "b")
                .await
                .unwrap();
            let told = has(&mut ground.new, "d").await;
            assert_eq!(told, control, "{at} {when:?}");
            assert_eq!(ground.new.away("d").await.unwrap(), None);
            assert_eq!(ground.new.paused("d").await.unwrap(), None);
            let away = ground.old.away("d").await.unwrap().unwrap();
            assert_eq!(away.whereabouts, Whereabouts::Moved);
            if !was_cut {
                return true;
            }
        }
    }
    false
}

#[tokio::test]
async fn a_move_that_was_cut_off_anywhere_ends_as_one_that_was_not() {
    let mut ground = Ground::in_memory().await;
    go(&mut ground.old, &mut ground.new, "a", "b")
        .await
        .unwrap();
    let control = has(&mut ground.new, "d").await;
    assert!(
        cut_off(&mut ground, &control, 1..500).await,
        "it has an end"
    );
    if let Some(mut ground) = Ground::on_a_server("cut").await {
        cut_off(&mut ground, &control, (1..160).step_by(17)).await;
        ground.leave().await;
    }
}

#[tokio::test]
async fn many_rows_arrive_in_their_order_page_by_page() {
    let mut ground = Ground::in_memory().await;
    fill(&mut ground.old, "g", 2_345).await;
    let before = has(&mut ground.old, "g").await;
    let district = DistrictId::new("g").unwrap();
    let moving = moving(&district, "a", "b");
    let mut heard = Vec::new();
    let mut hear = |step| heard.push(step);
    let carried = carry(
        &mut ground.old,
        &mut ground.new,
        &moving,
        &clock(),
        &mut hear,
    )
    .await;
    assert_eq!(
        only(&carried.unwrap(), &["audit", "_pauses"], false),
        only(&before, &["audit", "_pauses"], false)
    );
    assert_eq!(heard.first(), Some(&Step::Fenced));
    assert_eq!(heard[heard.len() - 2..], [Step::Compared, Step::Switched]);
}

/// Begins a run beside a move, over another connection, and has it write when the move has ended.
async fn in_flight(url: &str, other: &str) {
    let open = async |url: &str| {
        AnyStore::open(&url.parse().unwrap(), Open::Create)
            .await
            .unwrap()
    };
    let (mut old, mut beside, mut new) = (open(url).await, open(url).await, open(other).await);
    fill(&mut old, "d", 3).await;
    let district = district();
    let mut run = beside.begin(&district).await.unwrap();
    run.clear().await.unwrap();
    let base = run.base().clone();
    go(&mut old, &mut new, "a", "b").await.unwrap();
    let now = clock().now();
    let commit = Commit {
        base: &base,
        now,
        cursor: None,
        whole_snapshot: false,
        sticky: &Default::default(),
    };
    let kinds = &clever_model::RecordKind::ROSTER;
    let mut report =
        crate::report::SyncReport::new(&district, now, crate::report::RunPath::Snapshot, kinds);
    let before = has(&mut old, "d").await;
    let refused = run.commit(&commit, &mut report, &()).await;
    assert!(
        matches!(refused, Err(StoreError::Elsewhere(_))),
        "{refused:?}"
    );
    assert_eq!(before, has(&mut old, "d").await);
}

#[tokio::test]
async fn a_run_that_was_under_way_when_the_district_left_writes_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = |name: &str| format!("sqlite:{}/{name}.db", folder.path().display());
    in_flight(&url("a"), &url("b")).await;
    if let Some(ground) = Ground::on_a_server("flight").await {
        let [a, b] = ground.urls();
        ground.leave().await;
        in_flight(&a, &b).await;
        ground::drop_schemas(&[a, b]).await;
    }
}

#[tokio::test]
async fn a_store_that_has_the_district_already_is_not_touched() {
    let mut ground = Ground::in_memory().await;
    fill(&mut ground.new, "d", 2).await;
    let before = (
        has(&mut ground.old, "d").await,
        has(&mut ground.new, "d").await,
    );
    let refused = go(&mut ground.old, &mut ground.new, "a", "b").await;
    assert!(
        matches!(refused, Err(CarryError::Taken { .. })),
        "{refused:?}"
    );
    let after = (
        has(&mut ground.old, "d").await,
        has(&mut ground.new, "d").await,
    );
    assert_eq!(before, after);
    assert_eq!(
        ground.old.away("d").await.unwrap(),
        None,
        "no fence was set"
    );
    let nobody = DistrictId::new("nobody").unwrap();
    let (old, new) = (&mut ground.old, &mut ground.new);
    let unknown = carry(old, new, &moving(&nobody, "a", "b"), &clock(), &mut |_| {}).await;
    assert!(matches!(unknown, Err(CarryError::Unknown { .. })));
}

#[tokio::test]
async fn a_district_comes_home_over_its_old_copy() {
    let mut ground = Ground::in_memory().await;
    let before = has(&mut ground.old, "d").await;
    go(&mut ground.old, &mut ground.new, "a", "b")
        .await
        .unwrap();
    go(&mut ground.new, &mut ground.old, "b", "a")
        .await
        .unwrap();
    let own = ["audit", "_pauses"];
    assert_eq!(
        only(&before, &own, false),
        only(&has(&mut ground.old, "d").await, &own, false)
    );
    assert_eq!(ground.old.away("d").await.unwrap(), None);
    let away = ground.new.away("d").await.unwrap().unwrap();
    assert_eq!(
        (away.store.as_str(), away.whereabouts),
        ("a", Whereabouts::Moved)
    );
    // Whoever paused it before the move is not overruled by it.
    let deed = crate::store::judged::Deed {
        district_id: "d",
        at: clock().now(),
        actor: "ada",
        role: "operator",
        deed: "pause",
        subject: "district",
        reason: "holidays",
        key: None,
    };
    ground.old.pause(&deed).await.unwrap();
    go(&mut ground.old, &mut ground.new, "a", "b")
        .await
        .unwrap();
    let paused = ground.new.paused("d").await.unwrap().unwrap();
    assert_eq!(
        (paused.by.as_str(), paused.reason.as_str()),
        ("ada", "holidays")
    );
}

#[tokio::test]
async fn a_move_that_was_called_off_leaves_the_district_where_it_was() {
    let mut ground = Ground::in_memory().await;
    let district = district();
    let moving = moving(&district, "a", "b");
    assert!(!call_off(&mut ground.old, &moving, &clock()).await.unwrap());
    // Cut off before the switch, with all rows in the new store.
    let fence = fence::set(&mut ground.old, &moving, clock().now()).await;
    let fence = fence.unwrap().unwrap();
    let parts = parts::parts().await.unwrap();
    let (old, new) = (&mut ground.old, &mut ground.new);
    copy(old, new, &moving, &fence, &parts, &mut |_| {})
        .await
        .unwrap();
    assert!(matches!(
        old.begin(&district).await,
        Err(StoreError::Elsewhere(_))
    ));
    assert!(matches!(
        new.begin(&district).await,
        Err(StoreError::Elsewhere(_))
    ));
    assert!(call_off(old, &moving, &clock()).await.unwrap());
    assert_eq!(old.paused("d").await.unwrap(), None);
    old.begin(&district).await.unwrap().discard().await.unwrap();
    // Whoever carried it meanwhile can't switch any more, also not under the fence of a later move.
    assert!(!fence::switch(old, &fence).await.unwrap());
    let later = fence::set(old, &moving, clock().now())
        .await
        .unwrap()
        .unwrap();
    assert!(!fence::switch(old, &fence).await.unwrap());
    assert!(fence::switch(old, &later).await.unwrap());
    assert!(
        !call_off(old, &moving, &clock()).await.unwrap(),
        "it is there"
    );
}

#[tokio::test]
async fn the_old_copy_goes_only_when_the_district_is_elsewhere_and_what_leads_there_stays() {
    let mut ground = Ground::in_memory().await;
    let district = district();
    let moving = moving(&district, "a", "b");
    let (old, new) = (&mut ground.old, &mut ground.new);
    let needed = forget_old(old, new, &moving).await;
    assert!(
        matches!(needed, Err(CarryError::Needed { .. })),
        "{needed:?}"
    );
    go(old, new, "a", "b").await.unwrap();
    // As if somebody had brought the new store back from a backup that is older.
    let run = "DELETE FROM main.runs WHERE district_id = 'd' AND run = 2";
    new.db.execute(run, &[]).await.unwrap();
    let needed = forget_old(old, new, &moving).await;
    assert!(
        matches!(needed, Err(CarryError::Needed { .. })),
        "{needed:?}"
    );
    assert!(has(old, "d").await.iter().any(|tally| tally.rows > 0));
    let run = "UPDATE main.runs SET run = 2 WHERE district_id = 'd' AND run = 1";
    new.db.execute(run, &[]).await.unwrap();
    forget_old(old, new, &moving).await.unwrap();
    assert_eq!(
        write::find(&mut old.db, "d").await.unwrap().map(|of| of.id),
        None
    );
    for part in parts::parts().await.unwrap() {
        if let Part::Rows(rows) = part
            && rows.by == parts::By::Id
        {
            let sql = format!(
                "SELECT count(*) FROM main.{} WHERE district_id = 'd'",
                rows.table
            );
            assert_eq!(
                old.db.one(&sql, &[]).await.unwrap().int(0).unwrap(),
                0,
                "{sql}"
            );
        }
    }
    let away = old.away("d").await.unwrap().unwrap();
    assert_eq!(
        (away.store.as_str(), away.whereabouts),
        ("b", Whereabouts::Moved)
    );
    // Twice is once.
    forget_old(old, new, &moving).await.unwrap();
}
