//! A year of scripted life at `medium`, replayed from a seed: the same worlds by snapshot and by folding events.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use clever_emulator::World;
use clever_emulator::{DaySummary, Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::{RecordKind, Role};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What happens on which day; the year begins in September.
const SCRIPT: [(u32, Happening); 12] = [
    (20, Happening::Transfer),
    (45, Happening::UserSplit),
    (60, Happening::TokenRotate),
    (80, Happening::Pause),
    (95, Happening::Resume),
    (120, Happening::UserMerge),
    (150, Happening::SisRekey),
    (200, Happening::UnshareSchool),
    (240, Happening::UserSplit),
    (270, Happening::Pause),
    (330, Happening::Reconnect),
    (331, Happening::Rollover),
];
/// After the rollover, in another school year.
const LATE: (u32, Happening) = (350, Happening::RoleOff);
const DAYS: u32 = 365;
/// Days between two readings of the feed: well within the thirty for which it is kept.
const EVERY: u32 = 7;

type Records = BTreeMap<(RecordKind, String), Value>;

/// Takes out what lists add and events don't tell: the student's address, once more, in the role.
fn as_told(mut record: Value) -> Value {
    let student = record.pointer_mut("/roles/student");
    if let Some(student) = student.and_then(Value::as_object_mut) {
        student.remove("email");
    }
    record
}

fn snapshot(world: &World) -> Records {
    let kinds = RecordKind::ALL.into_iter();
    kinds
        .flat_map(|kind| {
            world
                .list(kind)
                .iter()
                .map(move |(id, record)| (kind, id, record))
        })
        .map(|(kind, id, record)| ((kind, id), as_told(record.value())))
        .collect()
}

fn digest(world: &World) -> String {
    let mut hash = Sha256::new();
    for kind in RecordKind::ALL {
        for record in world.list(kind).values() {
            hash.update(record.json().as_bytes());
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A reader of events, and what it believes the district to be.
struct Reader {
    records: Records,
    cursor: String,
    told: BTreeMap<String, usize>,
}

impl Reader {
    fn read(&mut self, world: &World) {
        let start = Some(self.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        for event in world.events().range(start, None) {
            let id = event.id().into_owned();
            let event = event.value();
            let kind = event["type"].as_str().unwrap();
            *self.told.entry(kind.to_owned()).or_default() += 1;
            let (kind, what) = kind.split_once('.').unwrap();
            let kind: RecordKind = kind.parse().unwrap();
            let object = &event["data"]["object"];
            let key = (kind, object["id"].as_str().unwrap().to_owned());
            let before = self.records.get(&key);
            assert_eq!(before.is_some(), what != "created", "{id}");
            let previous = event["data"].get("previous_attributes");
            assert_eq!(previous.is_some(), what == "updated", "{id}");
            if let (Some(before), Some(previous)) = (before, previous) {
                assert!(is_of(previous, before), "{previous} is not of {before}");
            }
            if what == "deleted" {
                self.records.remove(&key);
            } else {
                self.records.insert(key, object.clone());
            }
            self.cursor = id;
        }
    }
}

/// Whether the old values that an event tells are those that the record had; `""` stands for none.
fn is_of(previous: &Value, before: &Value) -> bool {
    match (previous, before) {
        (Value::Object(previous), Value::Object(before)) => previous.iter().all(|(key, old)| {
            before
                .get(key)
                .map_or(old == "", |before| is_of(old, before))
        }),
        _ => previous == before,
    }
}

/// Lives the year; what the reader of events saw, what happened in numbers, and the world at its end.
async fn live(mut look: impl FnMut(u32, &World)) -> (Emulator, DaySummary) {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 11,
            students: 5_000,
        },
        events: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let mut all = DaySummary::default();
    for day in 1..=DAYS {
        let summary = emulator.advance_days(1);
        all.returned += summary.returned;
        all.enrolled += summary.enrolled;
        all.withdrawn += summary.withdrawn;
        all.moved += summary.moved;
        for (at, happening) in SCRIPT.into_iter().chain([LATE]) {
            if at == day {
                if happening == Happening::Reconnect {
                    // The feed begins again; its earlier events have been read.
                    emulator.happen(Happening::Resume);
                    emulator.with_world(|world| look(day, world));
                }
                emulator.happen(happening);
            }
        }
        if day % EVERY == 0 || day == DAYS {
            emulator.with_world(|world| look(day, world));
        }
    }
    (emulator, all)
}

#[tokio::test]
async fn a_year_replayed_from_its_seed_is_the_same_by_snapshot_and_by_its_events() {
    let mut reader: Option<Reader> = None;
    let (mut first_ids, mut restored) = (BTreeSet::new(), 0);
    let (emulator, all) = live(|_, world| {
        let Some(reader) = &mut reader else {
            // The first look: a snapshot, and the feed's newest event before it.
            first_ids = world.with_role(Role::Student).keys().collect();
            let newest = world.events().keys().next_back();
            reader = Some(Reader {
                records: snapshot(world),
                cursor: newest.unwrap_or_default(),
                told: BTreeMap::new(),
            });
            return;
        };
        let before: BTreeSet<String> = reader.records.keys().map(|(_, id)| id.clone()).collect();
        reader.read(world);
        let now = reader.records.keys().map(|(_, id)| id);
        restored += now
            .filter(|id| first_ids.contains(*id) && !before.contains(*id))
            .count();
    })
    .await;
    let reader = reader.unwrap();
    let (now, digest_then) = emulator.with_world(|world| (snapshot(world), digest(world)));
    assert_eq!(reader.records.len(), now.len());
    for (key, record) in &now {
        assert_eq!(reader.records.get(key), Some(record), "{key:?}");
    }
    for kind in ["created", "updated", "deleted"] {
        for of in ["users", "sections"] {
            assert!(reader.told[&format!("{of}.{kind}")] > 100, "{of}.{kind}");
        }
    }
    assert!(reader.told["terms.created"] > 0 && reader.told["schools.deleted"] == 1);
    assert!(restored > 0 && all.returned > 50, "{restored}, {all:?}");
    assert!(
        all.moved > 100 && all.enrolled > 1_000 && all.withdrawn > 1_000,
        "{all:?}"
    );
    drop(emulator);

    let (again, all_again) = live(|_, _| ()).await;
    assert_eq!(all, all_again);
    assert_eq!(again.with_world(|world| digest(world)), digest_then);
}
