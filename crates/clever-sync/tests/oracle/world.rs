//! The district of the pure histories, with its feed, and how a run reads it while things go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use clever_model::RecordKind;
use clever_raw::page::RawPage;
use clever_sync::{End, RosterSource, Way};
use futures_core::Stream;
use serde_json::{Value, json};

pub(super) const DISTRICT: &str = "d";

/// A record by its kind and id.
pub(super) type Key = (RecordKind, String);

/// The records of a list as they come, page by page.
pub(super) type Pages = Vec<Vec<(Key, Record)>>;

/// Kinds that the histories move.
pub(super) const KINDS: [RecordKind; 4] = [
    RecordKind::Districts,
    RecordKind::Schools,
    RecordKind::Users,
    RecordKind::Sections,
];

/// A record as it is sent: what it says, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) says: u8,
    pub(super) people: BTreeSet<u8>,
    pub(super) written: u8,
    /// Whether its sets come in another order, with a member twice.
    pub(super) shuffled: bool,
}

impl Record {
    pub(super) fn json(&self, (kind, id): &Key) -> String {
        let mut record = json!({ "id": id, "last_modified": self.written.to_string() });
        match kind {
            RecordKind::Districts => {
                record["state"] = if self.says == 0 { "running" } else { "paused" }.into();
                record["last_sync"] = "1".into();
            }
            RecordKind::Users => {
                record["name"] = json!({ "last": format!("N{}", self.says) });
                record["roles"] = json!({ "student": { "grade": "1" } });
            }
            _ => record["name"] = format!("N{}", self.says).into(),
        }
        if *kind == RecordKind::Sections {
            let mut people: Vec<String> = self.people.iter().map(|one| format!("p{one}")).collect();
            // A set: whoever is named first, and however often, it is the same.
            if self.shuffled {
                people.reverse();
                people.extend(people.first().cloned());
            }
            record["students"] = people.into();
        }
        // Absence, in another way.
        if self.written == 1 {
            record["ext"] = json!({});
            record["nothing"] = Value::Null;
        }
        record.to_string()
    }

    /// Whether it is the same but for the order in which it is written.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.same_meaning(other) && self.written == other.written
    }

    pub(super) fn same_meaning(&self, other: &Self) -> bool {
        (self.says, &self.people) == (other.says, &other.people)
    }
}

/// What goes wrong with a list, or with the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Backwards,
    /// An element without an id, at the end.
    Refused,
    /// The number that is counted is another.
    Miscounted,
    Empty,
    /// Each page once more, written differently.
    Twice,
    /// The list ends before its last record, and says so; what is counted is right.
    Short,
    /// Nobody knows the list's last record.
    NoEnd,
}

/// One step of a history: what the district is now, and how it is read.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) records: BTreeMap<(usize, u8), Record>,
    /// Whether the feed forgets all that is older than this step.
    pub(super) forgets: bool,
    pub(super) way: Way,
    pub(super) page: usize,
    pub(super) counted: bool,
    pub(super) trouble: Option<(usize, Trouble)>,
    /// Whether what is held is approved at once.
    pub(super) approves: bool,
}

/// The district, with its feed.
#[derive(Default)]
pub(super) struct World {
    pub(super) records: BTreeMap<Key, Record>,
    pub(super) events: Vec<(String, Key, Option<Record>)>,
    pub(super) told: usize,
    pub(super) oldest: usize,
}

impl World {
    pub(super) fn event(&mut self, key: &Key, record: Option<Record>) {
        self.told += 1;
        let id = format!("e{:05}", self.told);
        self.events.push((id, key.clone(), record));
    }

    /// Becomes what a step says, and tells it; of some records also what they were for a moment.
    pub(super) fn become_(&mut self, step: &Step) {
        let next: BTreeMap<Key, Record> = step
            .records
            .iter()
            .map(|((kind, id), record)| {
                let mut record = record.clone();
                if KINDS[*kind] != RecordKind::Sections {
                    record.people.clear();
                }
                ((KINDS[*kind], format!("{id:03}")), record)
            })
            .chain([(
                (RecordKind::Districts, DISTRICT.to_owned()),
                Record {
                    says: u8::from(step.page == 3),
                    people: BTreeSet::new(),
                    written: 0,
                    shuffled: false,
                },
            )])
            .collect();
        if step.forgets {
            self.oldest = self.events.len();
        }
        let keys: BTreeSet<Key> = next.keys().chain(self.records.keys()).cloned().collect();
        for key in keys {
            let (was, is) = (self.records.get(&key).cloned(), next.get(&key).cloned());
            if was == is {
                continue;
            }
            if let Some(is) = is.clone().filter(|is| is.says == 2) {
                self.event(&key, Some(Record { says: 9, ..is }));
                self.event(&key, None);
            }
            self.event(&key, is);
        }
        self.records = next;
    }
}

/// One run's way to the world.
pub(super) struct Source<'a> {
    pub(super) world: &'a World,
    pub(super) step: &'a Step,
}

pub(super) fn page(elements: &[Value], count: Option<usize>) -> RawPage {
    let mut page = json!({ "data": elements });
    if let Some(count) = count {
        page["count"] = count.into();
    }
    RawPage::split(page.to_string().into()).unwrap()
}

pub(super) fn element(json: &str) -> Value {
    json!({ "data": serde_json::from_str::<Value>(json).unwrap() })
}

impl Source<'_> {
    /// What goes wrong with a list; the feed is the place after the last kind.
    pub(super) fn trouble(&self, place: usize) -> Option<Trouble> {
        let trouble = self.step.trouble.filter(|(at, _)| *at == place);
        trouble.map(|(_, trouble)| trouble)
    }

    /// The elements of a list as they come, page by page, and the number that is counted.
    pub(super) fn list(&self, kind: RecordKind) -> (Pages, Option<usize>, bool) {
        let place = KINDS.iter().position(|of| *of == kind).unwrap_or(9);
        let trouble = self.trouble(place);
        let all = self.world.records.iter().filter(|((of, _), _)| *of == kind);
        let mut all: Vec<(Key, Record)> =
            all.map(|(key, one)| (key.clone(), one.clone())).collect();
        let mut count = all.len();
        let mut refused = false;
        match trouble {
            Some(Trouble::Empty) => {
                all.clear();
                count = 0;
            }
            Some(Trouble::Backwards) => all.reverse(),
            Some(Trouble::Miscounted) => count += 1,
            Some(Trouble::Refused) => refused = true,
            Some(Trouble::Short) => drop(all.pop()),
            Some(Trouble::Twice | Trouble::NoEnd) | None => {}
        }
        let mut pages: Vec<Vec<(Key, Record)>> =
            all.chunks(self.step.page).map(<[_]>::to_vec).collect();
        if trouble == Some(Trouble::Twice) {
            for page in &mut pages {
                let again = page.clone().into_iter();
                page.extend(again.map(|(key, one)| (key, Record { says: 8, ..one })));
            }
        }
        (pages, self.step.counted.then_some(count), refused)
    }
}

impl RosterSource for Source<'_> {
    type Error = Infallible;

    async fn district(&self) -> Result<RawPage, Infallible> {
        let key = (RecordKind::Districts, DISTRICT.to_owned());
        let json = self.world.records[&key].json(&key);
        Ok(page(&[element(&json)], None))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Infallible>> {
        let (pages, count, refused) = self.list(kind);
        let mut pages: Vec<RawPage> = pages
            .iter()
            .map(|all| {
                let all: Vec<Value> = all
                    .iter()
                    .map(|(key, one)| element(&one.json(key)))
                    .collect();
                page(&all, count)
            })
            .collect();
        if refused {
            pages.push(page(&[json!({ "data": { "name": "nobody" } })], count));
        }
        if pages.is_empty() {
            pages.push(page(&[], count));
        }
        futures_util::stream::iter(pages.into_iter().map(Ok))
    }

    fn events(&self, after: &str) -> impl Stream<Item = Result<RawPage, Infallible>> {
        let events = self.world.events[self.world.oldest..].iter();
        let later = events.filter(|(id, ..)| id.as_str() > after);
        let mut all: Vec<Value> = later
            .map(|(id, key, record)| {
                let (kind, what) = (key.0, if record.is_some() { "updated" } else { "deleted" });
                let object = record.as_ref().map_or_else(
                    || json!({ "id": key.1 }),
                    |record| serde_json::from_str(&record.json(key)).unwrap(),
                );
                json!({ "data": { "id": id, "type": format!("{kind}.{what}"), "data": { "object": object } } })
            })
            .collect();
        match self.trouble(KINDS.len()) {
            Some(Trouble::Backwards) => all.reverse(),
            Some(Trouble::Refused) => all.push(json!({ "data": { "type": "users.updated" } })),
            // The same event again is none.
            Some(Trouble::Twice) => {
                all = all.into_iter().flat_map(|one| [one.clone(), one]).collect();
            }
            _ => {}
        }
        let pages: Vec<RawPage> = all
            .chunks(self.step.page)
            .map(|all| page(all, None))
            .collect();
        futures_util::stream::iter(pages.into_iter().map(Ok))
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Infallible> {
        let place = KINDS.iter().position(|of| *of == kind).unwrap_or(9);
        let mut all = self.world.records.keys().filter(|(of, _)| *of == kind);
        Ok(match self.trouble(place) {
            Some(Trouble::NoEnd) => End::Unknown,
            // The server lies twice.
            Some(Trouble::Empty) => End::Empty,
            _ => all
                .next_back()
                .map_or(End::Empty, |(_, id)| End::At(id.clone())),
        })
    }

    async fn newest_event(&self) -> Result<Option<String>, Infallible> {
        let last = self.world.events[self.world.oldest..].last();
        Ok(last.map(|(id, ..)| id.clone()))
    }

    async fn oldest_event(&self) -> Result<Option<String>, Infallible> {
        let first = self.world.events[self.world.oldest..].first();
        Ok(first.map(|(id, ..)| id.clone()))
    }
}
