//! A Clever whose whole past is known: the emulator's world, every version of every record, every event.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use clever_emulator::World;
use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::{RecordKind, Timestamp};
use serde_json::{Map, Value};

use super::chance::Chance;

/// A record by its kind and id.
pub(crate) type Key = (RecordKind, String);

/// What a record says, written in one way.
pub(crate) type Meaning = Rc<str>;

/// What Clever moves without meaning anything, as this test understands it.
const BOOKKEEPING: [&str; 4] = [
    "created",
    "last_modified",
    "last_sync",
    "last_attendance_sync",
];

/// Lists of which nobody promised an order, wherever they are.
pub(crate) const SETS: [&str; 7] = [
    "students",
    "teachers",
    "schools",
    "student_relationships",
    "enrollments",
    "roles",
    "login_methods",
];

/// A set in one order, each member once.
fn ordered(key: &str, value: Value) -> Value {
    match value {
        Value::Array(all) if SETS.contains(&key) => {
            let all: BTreeMap<String, Value> =
                all.into_iter().map(|one| (one.to_string(), one)).collect();
            all.into_values().collect()
        }
        value => value,
    }
}

fn reduced(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| value.clone()),
        Value::Array(all) => {
            let all: Vec<Value> = all.iter().filter_map(reduced).collect();
            (!all.is_empty()).then_some(Value::Array(all))
        }
        Value::Object(map) => {
            let map: Map<String, Value> = map
                .iter()
                .filter(|(key, _)| !BOOKKEEPING.contains(&key.as_str()))
                .filter_map(|(key, value)| Some((key.clone(), ordered(key, reduced(value)?))))
                .collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        _ => Some(value.clone()),
    }
}

thread_local! {
    static MEANINGS: RefCell<HashMap<String, Meaning>> = RefCell::default();
}

/// What a record's JSON says, without bookkeeping, absence, the order of sets and the second copy of an address.
pub(crate) fn meaning(json: &str) -> Meaning {
    if let Some(known) = MEANINGS.with_borrow(|all| all.get(json).cloned()) {
        return known;
    }
    let mut value: Value = serde_json::from_str(json).unwrap();
    let email = value["email"].clone();
    if let Some(student) = value.pointer_mut("/roles/student")
        && !email.is_null()
        && student["email"] == email
    {
        student.as_object_mut().unwrap().remove("email");
    }
    let meaning: Meaning = reduced(&value).unwrap_or_default().to_string().into();
    MEANINGS.with_borrow_mut(|all| {
        if all.len() > 50_000 {
            all.clear();
        }
        all.insert(json.to_owned(), Rc::clone(&meaning));
    });
    meaning
}

/// All that ever was.
#[derive(Default)]
pub(crate) struct Past {
    /// How often the world was changed.
    pub(crate) time: u32,
    /// Every record as it is served now.
    pub(crate) now: BTreeMap<Key, String>,
    /// What each record said from when on; none where it was not there.
    pub(crate) versions: BTreeMap<Key, Vec<(u32, Option<Meaning>)>>,
    /// Every event that was ever told: when, of which record.
    pub(crate) events: BTreeMap<String, (u32, Key)>,
}

/// The emulator with its past.
pub(crate) struct Server {
    pub(crate) emulator: Emulator,
    pub(crate) past: RefCell<Past>,
}

/// Every record of the roster, as it is served.
fn served(world: &World) -> BTreeMap<Key, String> {
    let mut all = BTreeMap::new();
    for kind in RecordKind::ROSTER {
        for (id, record) in world.list(kind).iter() {
            all.insert((kind, id.to_string()), record.json().into_owned());
        }
    }
    all
}

/// The events that can be read now, oldest first.
fn told(world: &World) -> Vec<(String, String)> {
    let events = world.events().iter();
    events
        .map(|(id, event)| (id.to_string(), event.json().into_owned()))
        .collect()
}

impl Server {
    pub(crate) async fn start(seed: u64, students: u32) -> Self {
        let config = EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            events: true,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let server = Self {
            emulator,
            past: RefCell::default(),
        };
        server.remember();
        server
    }

    /// Changes the world, and remembers what came of it.
    pub(crate) fn act(&self, act: impl FnOnce(&Emulator)) {
        act(&self.emulator);
        self.remember();
    }

    fn remember(&self) {
        let (now, events) = self
            .emulator
            .with_world(|world| (served(world), told(world)));
        let past = &mut *self.past.borrow_mut();
        past.time += 1;
        let keys: BTreeSet<&Key> = now.keys().chain(past.now.keys()).collect();
        for key in keys {
            if now.get(key) != past.now.get(key) {
                let said = now.get(key).map(|json| meaning(json));
                let versions = past.versions.entry(key.clone()).or_default();
                if versions.last().map(|(_, last)| last) != Some(&said) {
                    versions.push((past.time, said));
                }
            }
        }
        past.now = now;
        for (id, event) in events {
            if past.events.contains_key(&id) {
                continue;
            }
            let event: Value = serde_json::from_str(&event).unwrap();
            let kind = event["type"].as_str().unwrap().split_once('.').unwrap().0;
            let record = event["data"]["object"]["id"].as_str().unwrap().to_owned();
            if let Ok(kind) = kind.parse() {
                past.events.insert(id, (past.time, (kind, record)));
            }
        }
    }

    pub(crate) fn time(&self) -> u32 {
        self.past.borrow().time
    }

    pub(crate) fn district_id(&self) -> String {
        self.emulator
            .with_world(|world| world.district_id().to_owned())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.emulator.with_world(|world| world.now())
    }

    /// The records of a kind as they are now.
    pub(crate) fn list(&self, kind: RecordKind) -> Vec<(String, String)> {
        let past = self.past.borrow();
        past.now
            .range((kind, String::new())..)
            .take_while(|((of, _), _)| *of == kind)
            .map(|((_, id), json)| (id.clone(), json.clone()))
            .collect()
    }

    /// The events that can be read now, oldest first.
    pub(crate) fn feed(&self) -> Vec<(String, String)> {
        self.emulator.with_world(|world| told(world))
    }

    /// What a record said at any time from `from` to `to`.
    pub(crate) fn said(&self, key: &Key, from: u32, to: u32) -> BTreeSet<Option<Meaning>> {
        let past = self.past.borrow();
        let versions = past.versions.get(key).map_or(&[][..], Vec::as_slice);
        let before = versions.iter().rev().find(|(time, _)| *time <= from);
        let mut all = BTreeSet::from([before.and_then(|(_, said)| said.clone())]);
        let within = versions
            .iter()
            .filter(|(time, _)| (from + 1..=to).contains(time));
        all.extend(within.map(|(_, said)| said.clone()));
        all
    }
}

/// Something that happens to the district; says what.
pub(crate) fn happen(server: &Server, chance: &mut Chance) -> String {
    let any = |chance: &mut Chance, kind| -> Option<String> {
        let ids: Vec<String> = server.list(kind).into_iter().map(|(id, _)| id).collect();
        chance.one(&ids).cloned()
    };
    match chance.below(12) {
        0..=4 => {
            let days = 1 + u32::try_from(chance.below(3)).unwrap();
            server.act(|emulator| drop(emulator.advance_days(days)));
            format!("{days} days pass")
        }
        5 => {
            server.act(|emulator| drop(emulator.advance_days(31)));
            "31 days pass".to_owned()
        }
        6 | 7 => {
            let happening = Happening::ALL[chance.below(Happening::ALL.len())];
            server.act(|emulator| {
                emulator.happen(happening);
            });
            format!("{happening:?}")
        }
        8 => {
            let kind = RecordKind::ROSTER[1 + chance.below(RecordKind::ROSTER.len() - 1)];
            let Some(id) = any(chance, kind) else {
                return "nothing".to_owned();
            };
            server.act(|emulator| {
                emulator.with_world(|world| {
                    world.remove(kind, &id);
                });
            });
            format!("{kind} {id} goes")
        }
        9 => {
            let kind =
                [RecordKind::Users, RecordKind::Sections, RecordKind::Schools][chance.below(3)];
            let Some(id) = any(chance, kind) else {
                return "nothing".to_owned();
            };
            let name = format!("N{}", chance.below(4));
            server.act(|emulator| {
                emulator.with_world(|world| {
                    world.edit(kind, &id, |record| {
                        if kind == RecordKind::Users {
                            record["name"]["last"] = name.clone().into();
                        } else {
                            record["name"] = name.clone().into();
                        }
                    });
                });
            });
            format!("{kind} {id} is named {name}")
        }
        10 => {
            // Someone who was here before returns, as they were at some time.
            let gone: Vec<Key> = {
                let past = server.past.borrow();
                let all = past.versions.keys();
                all.filter(|key| !past.now.contains_key(*key))
                    .cloned()
                    .collect()
            };
            let Some((kind, id)) = chance.one(&gone).cloned() else {
                return "nothing".to_owned();
            };
            let said = server.past.borrow().versions[&(kind, id.clone())]
                .iter()
                .rev()
                .find_map(|(_, said)| said.clone())
                .unwrap();
            server.act(|emulator| {
                emulator.with_world(|world| world.put(kind, &id, &*said));
            });
            format!("{kind} {id} returns")
        }
        _ => {
            let on = chance.once_in(2);
            server.act(|emulator| emulator.with_world(|world| world.set_events(on)));
            format!("events on: {on}")
        }
    }
}
