//! Case 02 of the field: the order of members, and a member that is named twice, are no change: not in the diff, not
//! in what is held, not in the hash that a person approves, not in what an undo put aside.

use clever_emulator::Fault;
use clever_model::{RecordKind, SystemClock};
use clever_sync::report::Part;
use clever_sync::{
    AnyStore, Open, Outcome, Plan, SqliteStore, SyncOptions, SyncPolicy, SyncReport, UndoRequest,
    Way, sync, undo,
};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::simulation::kept::Kept;
use crate::stores::stores;

/// A district whose people are at several schools, teach together and have several children.
async fn joined(seed: u64) -> Ground {
    let ground = Ground::with_events(seed, 80).await;
    ground.emulator.with_world(|world| {
        let ids = |kind, world: &clever_emulator::World| -> Vec<String> {
            world.list(kind).keys().map(|id| id.to_string()).collect()
        };
        let schools = ids(RecordKind::Schools, world);
        let users = ids(RecordKind::Users, world);
        for id in &users {
            world.edit(RecordKind::Users, id, |user| {
                for (role, held) in user["roles"].as_object_mut().unwrap() {
                    match role.as_str() {
                        "contact" => {
                            let mut first = held["student_relationships"][0].clone();
                            first["student"] = users[0].clone().into();
                            held["student_relationships"].as_array_mut().unwrap().push(first);
                        }
                        "student" => {
                            held["schools"] = json!(schools);
                            held["enrollments"] = json!([
                                { "school": schools[0], "start_date": "2026-08-01" }, { "school": schools[1] }
                            ]);
                        }
                        "staff" => held["roles"] = json!(["Nurse", "Coach"]),
                        _ => held["schools"] = json!(schools),
                    }
                }
            });
        }
    });
    ground
}

/// Serves members in another order at each answer, one of them twice.
fn shuffle(ground: &Ground) {
    ground.emulator.faults().clear();
    ground
        .emulator
        .faults()
        .add(Fault::ShuffledMembers.everywhere());
}

async fn run(ground: &Ground, url: &str, options: &SyncOptions) -> SyncReport {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    let (policy, clock) = (SyncPolicy::default(), SystemClock);
    sync(&ground.district, &mut store, &policy, options, &clock, &())
        .await
        .unwrap()
}

fn snapshot() -> SyncOptions {
    SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    }
}

async fn kept(url: &str) -> Kept {
    match url.strip_prefix("sqlite:") {
        Some(path) => Kept::sqlite(path.into()),
        None => Kept::postgres(url).await,
    }
}

#[tokio::test]
async fn field_02_another_order_at_each_reading_changes_no_row() {
    let ground = joined(811).await;
    for url in stores(&ground, "order").await {
        ground.emulator.faults().clear();
        let first = run(&ground, &url, &snapshot()).await;
        let kept = kept(&url).await;
        let before = kept.all(&first.district_id).await;
        shuffle(&ground);
        for _ in 0..3 {
            let report = run(&ground, &url, &snapshot()).await;
            assert!(report.is_unchanged(), "{:?}", report.kinds);
            assert_eq!((report.outcome, report.whole), (Outcome::Done, true));
            assert_eq!(
                kept.all(&first.district_id).await,
                before,
                "no row is written"
            );
        }
        // The audit finds nothing to mend either.
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap();
        let district = first.district_id.parse().unwrap();
        let edited = clever_sync::mark_edited(&mut store, &district, &SyncPolicy::default()).await;
        assert_eq!(edited.unwrap(), 0);
    }
}

#[tokio::test]
async fn field_02_events_tell_no_change_of_order() {
    let ground = joined(812).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    let before = ground.stored();
    // A day on which every section has an event, and none has other members.
    ground.emulator.with_world(|world| {
        let ids: Vec<String> = world
            .list(RecordKind::Sections)
            .keys()
            .map(|id| id.to_string())
            .collect();
        for id in &ids {
            world.edit(RecordKind::Sections, id, |section| {
                section["students"].as_array_mut().unwrap().reverse();
            });
        }
    });
    let report = ground.sync().await.unwrap();
    assert!(
        report.events.as_ref().unwrap().used > 10,
        "{:?}",
        report.events
    );
    assert!(report.is_unchanged(), "{:?}", report.kinds);
    assert_eq!(ground.stored(), before);
}

/// Takes half of the students out of each section.
fn halve(ground: &Ground) {
    ground.emulator.with_world(|world| {
        let ids: Vec<String> = world
            .list(RecordKind::Sections)
            .keys()
            .map(|id| id.to_string())
            .collect();
        for id in &ids {
            world.edit(RecordKind::Sections, id, |section| {
                let students = section["students"].as_array_mut().unwrap();
                students.truncate(students.len() / 2);
            });
        }
    });
}

#[tokio::test]
async fn field_02_what_is_held_can_be_approved_while_the_order_keeps_changing() {
    let ground = joined(813).await;
    for url in stores(&ground, "approve").await {
        ground.emulator.faults().clear();
        drop(run(&ground, &url, &snapshot()).await);
        halve(&ground);
        shuffle(&ground);
        let first = run(&ground, &url, &snapshot()).await;
        assert_eq!(first.outcome, Outcome::Held);
        for _ in 0..2 {
            let again = run(&ground, &url, &snapshot()).await;
            assert_eq!(
                (again.outcome, &again.plan_hash),
                (Outcome::Held, &first.plan_hash)
            );
        }
        // Clever's bookkeeping is no other plan either.
        ground.emulator.with_world(|world| {
            let ids: Vec<String> = world
                .list(RecordKind::Sections)
                .keys()
                .map(|id| id.to_string())
                .collect();
            for id in &ids {
                world.edit(RecordKind::Sections, id, |section| {
                    section["last_modified"] = "2026-11-01T00:00:00.000Z".into();
                });
            }
        });
        let approved = SyncOptions {
            approve: Some(first.plan_hash),
            ..snapshot()
        };
        assert_eq!(run(&ground, &url, &approved).await.outcome, Outcome::Done);
        assert!(run(&ground, &url, &snapshot()).await.is_unchanged());
    }
}

#[tokio::test]
async fn field_02_what_an_undo_put_aside_stays_so_in_any_order() {
    let ground = joined(814).await;
    drop(ground.sync().await.unwrap());
    let id = ground.emulator.with_world(|world| {
        let sections = world.list(RecordKind::Sections);
        let id = sections
            .iter()
            .find(|(_, record)| {
                let section: Value = serde_json::from_str(&record.json()).unwrap();
                section["students"].as_array().unwrap().len() > 4
            })
            .map(|(id, _)| id.to_string())
            .unwrap();
        world.edit(RecordKind::Sections, &id, |section| {
            section["students"].as_array_mut().unwrap().remove(1);
        });
        id
    });
    let report = ground.sync_with(&snapshot(), &SyncPolicy::default()).await;
    let report = report.unwrap();
    assert_eq!(report.kinds[&RecordKind::Sections].updated, 1);
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let request = UndoRequest {
        district_id: report.district_id.clone(),
        run: report.run.unwrap(),
        only: None,
        dry_run: false,
    };
    let policy = SyncPolicy::default();
    drop(
        undo(&mut store, &request, &policy, &SystemClock, &())
            .await
            .unwrap(),
    );
    let before = ground.stored();
    shuffle(&ground);
    for _ in 0..3 {
        let held = ground.sync_with(&snapshot(), &policy).await.unwrap();
        assert_eq!(held.outcome, Outcome::Held);
        assert_eq!(held.holds.len(), 1);
        assert_eq!(
            (held.holds[0].part, held.holds[0].count),
            (Part::Reapply, 1)
        );
        let key = (RecordKind::Sections, id.clone());
        assert_eq!(ground.stored()[&key], before[&key]);
    }
}

#[tokio::test]
async fn field_02_a_plan_shows_of_a_set_who_comes_and_who_goes() {
    let ground = joined(815).await;
    drop(ground.sync().await.unwrap());
    let (id, gone, come) = ground.emulator.with_world(|world| {
        let (id, section) = world
            .list(RecordKind::Sections)
            .iter()
            .map(|(id, record)| {
                (
                    id.to_string(),
                    serde_json::from_str::<Value>(&record.json()).unwrap(),
                )
            })
            .find(|(_, section)| section["students"].as_array().unwrap().len() > 4)
            .unwrap();
        let gone = section["students"][2].clone();
        let users = world.list(RecordKind::Users);
        let come = users
            .keys()
            .map(|id| Value::from(id.to_string()))
            .find(|id| !section["students"].as_array().unwrap().contains(id))
            .unwrap();
        world.edit(RecordKind::Sections, &id, |section| {
            let students = section["students"].as_array_mut().unwrap();
            students[2] = come.clone();
            students.reverse();
        });
        (id, gone, come)
    });
    shuffle(&ground);
    let path = ground.folder().join("shown.plan");
    let options = SyncOptions {
        dry_run: true,
        plan: Some(path.clone()),
        ..snapshot()
    };
    drop(
        ground
            .sync_with(&options, &SyncPolicy::default())
            .await
            .unwrap(),
    );
    let samples = Plan::samples(&path, 10).unwrap();
    let [sample] = samples.as_slice() else {
        panic!("{samples:?}")
    };
    assert_eq!(sample.id, id);
    let [students] = sample.fields.as_slice() else {
        panic!("{sample:?}")
    };
    assert_eq!(students.field, "students");
    assert_eq!(
        (&students.before, &students.after),
        (&Some(json!([gone])), &Some(json!([come])))
    );
}
