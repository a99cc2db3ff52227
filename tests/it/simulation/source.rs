//! How a run reads the server: page by page, while the world may move and answers may be wrong; every record
//! and event that was really sent is written down.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_model::RecordKind;
use clever_raw::page::RawPage;
use clever_sync::given::Begin;
use clever_sync::{End, RosterSource};
use futures_core::Stream;
use serde_json::{Value, json};

use super::chance::Chance;
use super::server::{Key, Meaning, SETS, Server, happen, meaning};

/// A way in which an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No answer at all.
    Broken,
    /// The list ends with this page, and its count says otherwise.
    EarlyEnd,
    /// A list without records, which says that it has none.
    EmptyList,
    /// The page twice.
    Twice,
    /// The page backwards.
    Backwards,
    /// An element without an id.
    Refused,
    /// A record that is no value that can be kept: a number beyond all numbers.
    Unreadable,
    /// Other writing of the same.
    Rewritten,
    /// The members of sets in another order at each answer, one of them twice.
    Shuffled,
    /// A field and a value that nobody knows.
    Unknown,
    /// An object where a text belongs.
    WrongType,
    /// The page lacks its first element, and nothing says so; on the feed alone.
    Lost,
    /// An event of a kind that nobody syncs.
    OtherKind,
    /// A byte in a record that is no UTF-8.
    NotUtf8,
    /// The number of records is given in words.
    OddCount,
    /// Nobody says which record is the last.
    NoEnd,
}

impl Trouble {
    pub(crate) const ALL: [Self; 16] = [
        Self::Broken,
        Self::EarlyEnd,
        Self::EmptyList,
        Self::Twice,
        Self::Backwards,
        Self::Refused,
        Self::Unreadable,
        Self::Rewritten,
        Self::Shuffled,
        Self::Unknown,
        Self::WrongType,
        Self::Lost,
        Self::OtherKind,
        Self::NotUtf8,
        Self::OddCount,
        Self::NoEnd,
    ];
}

/// What a list says of its length, and what is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// The list says nothing of its length.
    None,
    /// The pages say it.
    Pages,
    /// And a walk of another length is an error, as `clever-client` has it.
    Walk,
}

/// Nothing came.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on command")
    }
}

impl std::error::Error for Broken {}

/// What a run was really sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Records in lists, with all that was said of them and the server's time when it last was; unreadable ones say
    /// nothing.
    pub(crate) records: BTreeMap<Key, BTreeMap<Meaning, u32>>,
    /// The last event of each record: none where it is gone.
    pub(crate) events: BTreeMap<Key, Option<Meaning>>,
    /// Kinds whose list was empty.
    pub(crate) empty: BTreeSet<RecordKind>,
    /// Events that were left out.
    pub(crate) lost: BTreeSet<String>,
    /// Whether a list or the feed said something that is not so.
    pub(crate) lied: bool,
    /// Whether an answer went wrong.
    pub(crate) troubled: bool,
    /// Whether a walk over the lists was begun, and no other's was continued.
    pub(crate) begun: bool,
    /// The lists that were asked for: after which record first, and before which from the back.
    pub(crate) walked: BTreeMap<RecordKind, (Option<String>, Option<String>)>,
}

impl Sent {
    /// What a later run stands on of what was sent here: nothing if it began again, else what it did not ask for.
    pub(crate) fn without(&self, later: &Self) -> Self {
        let passed = |(kind, id): &Key| {
            later.walked.get(kind).is_none_or(|(after, before)| {
                after.as_ref().is_some_and(|after| id <= after)
                    || before.as_ref().is_some_and(|before| id >= before)
            })
        };
        let records = self.records.iter();
        let records = records.filter(|(key, _)| !later.begun && passed(key));
        let empty = self.empty.iter();
        let empty = empty.filter(|kind| !later.begun && !later.walked.contains_key(kind));
        Self {
            records: records
                .map(|(key, said)| (key.clone(), said.clone()))
                .collect(),
            empty: empty.copied().collect(),
            lied: self.lied,
            troubled: self.troubled,
            ..Self::default()
        }
    }

    /// Adds what an earlier walk was sent, with which this one went on.
    pub(crate) fn add(&mut self, earlier: &Self) {
        for (key, said) in &earlier.records {
            let all = self.records.entry(key.clone()).or_default();
            for (said, when) in said {
                let last = all.entry(said.clone()).or_insert(*when);
                *last = (*last).max(*when);
            }
        }
        self.empty.extend(&earlier.empty);
        self.lied |= earlier.lied;
        self.troubled |= earlier.troubled;
    }
}

/// Called whenever a page is asked for.
pub(crate) type Watch<'a> = Box<dyn Fn() + 'a>;

/// One run's way to the server.
pub(crate) struct Source<'a> {
    pub(crate) server: &'a Server,
    pub(crate) page: usize,
    pub(crate) counting: Counting,
    /// Whether a walk may continue one that was cut off.
    pub(crate) resumes: bool,
    /// What goes wrong at which answer, counted from 0.
    pub(crate) troubles: Vec<(usize, Trouble)>,
    /// What goes wrong with the first page of users.
    pub(crate) at_users: Option<Trouble>,
    /// Whether lists can be walked from their ends.
    pub(crate) two_ends: bool,
    /// At which answer the world moves, and how.
    pub(crate) moves: Option<(usize, RefCell<Chance>)>,
    pub(crate) told: RefCell<Vec<String>>,
    pub(crate) sent: RefCell<Sent>,
    pub(crate) answers: Cell<usize>,
    pub(crate) watch: Watch<'a>,
}

impl<'a> Source<'a> {
    /// A server that answers rightly.
    pub(crate) fn fine(server: &'a Server, page: usize) -> Self {
        Self {
            server,
            page,
            counting: Counting::Walk,
            resumes: true,
            troubles: Vec::new(),
            at_users: None,
            two_ends: true,
            moves: None,
            told: RefCell::default(),
            sent: RefCell::default(),
            answers: Cell::new(0),
            watch: Box::new(|| {}),
        }
    }

    /// Counts an answer; says what goes wrong with it.
    fn answer(&self) -> Option<Trouble> {
        let at = self.answers.get();
        self.answers.set(at + 1);
        (self.watch)();
        if let Some((_, chance)) = self.moves.as_ref().filter(|(when, _)| *when == at) {
            let what = happen(self.server, &mut chance.borrow_mut());
            let what = format!("at answer {at}: {what}");
            self.told.borrow_mut().push(what);
        }
        let trouble = self.troubles.iter().find(|(when, _)| *when == at);
        self.sent.borrow_mut().troubled |= trouble.is_some();
        trouble.map(|(_, trouble)| *trouble)
    }

    fn roster(&self, kind: RecordKind, at: &Begin) -> Result<(Vec<Value>, bool, Value), Broken> {
        let trouble = match self.at_users {
            Some(trouble) if kind == RecordKind::Users && *at == Begin::Front => {
                self.sent.borrow_mut().troubled = true;
                self.answer().or(Some(trouble))
            }
            _ => self.answer(),
        };
        let all = self.server.list(kind);
        let count = all.len();
        let there: Vec<(String, String)> = all
            .into_iter()
            .filter(|(id, _)| match at {
                Begin::After(after) => id > after,
                Begin::Before(before) => id < before,
                Begin::Front | Begin::Back => true,
            })
            .collect();
        let backward = matches!(at, Begin::Back | Begin::Before(_));
        let mut more = there.len() > self.page;
        let first = if backward {
            there.len().saturating_sub(self.page)
        } else {
            0
        };
        let mut elements: Vec<(String, Value)> = there
            .into_iter()
            .skip(first)
            .take(self.page)
            .map(|(id, json)| (id, serde_json::from_str(&json).unwrap()))
            .collect();
        let mut count = count;
        let sent = &mut *self.sent.borrow_mut();
        match trouble {
            Some(Trouble::Broken) => return Err(Broken),
            Some(Trouble::EarlyEnd) => more = false,
            Some(Trouble::EmptyList) if *at == Begin::Front => {
                elements.clear();
                (more, count) = (false, 0);
                sent.lied = true;
            }
            Some(Trouble::EmptyList) if *at == Begin::Back => {
                elements.clear();
                more = false;
            }
            Some(Trouble::Twice) => elements.extend(elements.clone()),
            Some(Trouble::Backwards) => elements.reverse(),
            Some(Trouble::Rewritten) => {
                for (_, record) in &mut elements {
                    record["last_modified"] = "2026-01-01T00:00:00.000Z".into();
                    record["nothing"] = json!({ "at": ["", null, {}] });
                }
            }
            Some(Trouble::Shuffled) => {
                for (_, record) in &mut elements {
                    shuffle(record, self.answers.get());
                }
            }
            Some(Trouble::Unknown) => {
                for (_, record) in &mut elements {
                    record["added_later"] = json!({ "value": 1 });
                }
            }
            Some(Trouble::WrongType) => {
                for (_, record) in &mut elements {
                    record["name"] = json!({ "first": ["not", "text"], "last": { "no": 1 } });
                }
            }
            _ => {}
        }
        if count == 0 {
            sent.empty.insert(kind);
        }
        for (at, (id, record)) in elements.iter_mut().enumerate() {
            let said = sent.records.entry((kind, id.clone())).or_default();
            match trouble {
                Some(Trouble::Unreadable | Trouble::NotUtf8) if at == 0 => {}
                Some(Trouble::Refused) if at == 0 => {}
                _ => {
                    said.insert(meaning(&record.to_string()), self.server.time());
                }
            }
        }
        let mut out: Vec<Value> = elements.into_iter().map(|(_, record)| record).collect();
        match (trouble, out.first_mut()) {
            (Some(Trouble::Refused), Some(first)) => {
                first.as_object_mut().unwrap().remove("id");
            }
            // Not a JSON value of this program: put in as text below.
            (Some(Trouble::Unreadable), Some(first)) => first["beyond"] = "BEYOND".into(),
            (Some(Trouble::NotUtf8), Some(first)) => first["beyond"] = "WRONG".into(),
            _ => {}
        }
        let count = if trouble == Some(Trouble::OddCount) {
            "a few".into()
        } else {
            count.into()
        };
        Ok((out, more, count))
    }

    /// A list from a place on.
    fn walk(
        &self,
        kind: RecordKind,
        begin: Begin,
        counting: Counting,
    ) -> impl Stream<Item = Result<RawPage, Broken>> {
        let mut sent = self.sent.borrow_mut();
        let (after, before) = sent.walked.entry(kind).or_default();
        match &begin {
            Begin::After(id) => *after = Some(id.clone()),
            Begin::Before(id) => *before = Some(id.clone()),
            Begin::Front | Begin::Back => {}
        }
        let start = Some((begin, None, 0));
        futures_util::stream::unfold(start, move |at| async move {
            let (begin, counted, came): (Begin, Option<usize>, usize) = at?;
            // The real client gives the last page, and then says that the list was too short.
            if counted == Some(usize::MAX) {
                return Some((Err(Broken), None));
            }
            let Ok((records, more, count)) = self.roster(kind, &begin) else {
                return Some((Err(Broken), None));
            };
            let ids = records.iter().filter_map(|one| one["id"].as_str());
            let on = match &begin {
                Begin::Front => Begin::After(ids.max().unwrap_or_default().to_owned()),
                Begin::After(after) => Begin::After(ids.max().unwrap_or(after).to_owned()),
                Begin::Back => Begin::Before(ids.min().unwrap_or_default().to_owned()),
                Begin::Before(before) => Begin::Before(ids.min().unwrap_or(before).to_owned()),
            };
            let came = came + records.len();
            let number = count.as_u64().and_then(|count| usize::try_from(count).ok());
            let said = (counting != Counting::None).then_some(count);
            // What can't be read is met by whatever comes.
            let counted = counted.or(number).unwrap_or(usize::MAX - 1);
            let next = if more {
                Some((on, Some(counted), came))
            } else if counting == Counting::Walk && came != counted && counted != usize::MAX - 1 {
                Some((on, Some(usize::MAX), came))
            } else {
                None
            };
            Some((Ok(page(&records, said)), next))
        })
    }

    fn told_after(&self, after: &str) -> Result<(Vec<Value>, bool), Broken> {
        let trouble = self.answer();
        let feed = self.server.feed();
        let mut rest = feed.into_iter().filter(|(id, _)| id.as_str() > after);
        let mut events: Vec<(String, Value)> = rest
            .by_ref()
            .take(self.page)
            .map(|(id, event)| (id, serde_json::from_str(&event).unwrap()))
            .collect();
        let more = rest.next().is_some();
        let sent = &mut *self.sent.borrow_mut();
        match trouble {
            Some(Trouble::Broken) => return Err(Broken),
            Some(Trouble::EarlyEnd | Trouble::EmptyList) => {
                let none = trouble == Some(Trouble::EmptyList);
                if none {
                    events.clear();
                }
                sent.note_events(&events);
                return Ok((values(events), false));
            }
            Some(Trouble::Twice) => events.extend(events.clone()),
            Some(Trouble::Backwards) => events.reverse(),
            Some(Trouble::Shuffled) => {
                for (_, event) in &mut events {
                    shuffle(event, self.answers.get());
                }
            }
            Some(Trouble::Lost) if !events.is_empty() => {
                sent.lost.insert(events.remove(0).0);
                sent.lied = true;
            }
            Some(Trouble::Refused) => {
                if let Some((_, event)) = events.first_mut() {
                    event["data"] = Value::Null;
                }
            }
            Some(Trouble::OtherKind) => {
                let id = format!("{after}!");
                let event = json!({ "id": id, "type": "homework.created", "data": { "object": { "id": "h" } } });
                events.insert(0, (id, event));
            }
            _ => {}
        }
        sent.note_events(&events);
        Ok((values(events), more))
    }
}

/// Turns every set around, so far as the answer's number says.
fn shuffle(value: &mut Value, answer: usize) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Array(all) if SETS.contains(&key.as_str()) && !all.is_empty() => {
                        let turn = answer % all.len();
                        all.rotate_left(turn);
                        all.extend(all.first().cloned());
                    }
                    value => shuffle(value, answer),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| shuffle(one, answer)),
        _ => {}
    }
}

fn values(events: Vec<(String, Value)>) -> Vec<Value> {
    events.into_iter().map(|(_, event)| event).collect()
}

impl Sent {
    fn note_events(&mut self, events: &[(String, Value)]) {
        for (_, event) in events {
            let (kind, what) = event["type"].as_str().unwrap().split_once('.').unwrap();
            let object = &event["data"]["object"];
            let (Ok(kind), Some(id)) = (kind.parse(), object["id"].as_str()) else {
                continue;
            };
            let said = (what != "deleted").then(|| meaning(&object.to_string()));
            self.events.insert((kind, id.to_owned()), said);
        }
    }
}

fn page(records: &[Value], count: Option<Value>) -> RawPage {
    let elements: Vec<Value> = records.iter().map(|one| json!({ "data": one })).collect();
    let mut page = json!({ "data": elements, "links": [] });
    if let Some(count) = count {
        page["count"] = count;
    }
    let text = page.to_string().replace("\"BEYOND\"", "1e999");
    let wrong = |part: &str| part.as_bytes().to_vec();
    let parts: Vec<Vec<u8>> = text.split("WRONG").map(wrong).collect();
    RawPage::split(parts.join(&0xe9).into()).unwrap()
}

impl RosterSource for Source<'_> {
    type Error = Broken;

    async fn district(&self) -> Result<RawPage, Broken> {
        let trouble = self.answer();
        if trouble == Some(Trouble::Broken) {
            return Err(Broken);
        }
        let mut records = Vec::new();
        for (id, json) in self.server.list(RecordKind::Districts) {
            let said = meaning(&json);
            let mut sent = self.sent.borrow_mut();
            let all = sent.records.entry((RecordKind::Districts, id)).or_default();
            all.insert(said, self.server.time());
            records.push(serde_json::from_str(&json).unwrap());
        }
        if trouble == Some(Trouble::EmptyList) {
            records.clear();
        }
        Ok(page(&records, None))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Broken>> {
        self.walk(kind, Begin::Front, self.counting)
    }

    fn resumes(&self) -> Option<String> {
        self.resumes.then(|| "simulation".to_owned())
    }

    fn has_two_ends(&self) -> bool {
        self.two_ends
    }

    fn pages_from(
        &self,
        kind: RecordKind,
        begin: Begin,
    ) -> impl Stream<Item = Result<RawPage, Broken>> {
        // Whoever begins in the middle does not see all that is counted, and judges by the pages' word alone.
        let counting = match (&begin, self.counting) {
            (Begin::After(_) | Begin::Before(_), Counting::Walk) => Counting::Pages,
            (_, other) => other,
        };
        self.walk(kind, begin, counting)
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Broken> {
        Ok(match self.answer() {
            Some(Trouble::Broken) => return Err(Broken),
            Some(Trouble::NoEnd) => End::Unknown,
            Some(Trouble::EmptyList) => End::Empty,
            _ => self
                .server
                .list(kind)
                .pop()
                .map_or(End::Empty, |(id, _)| End::At(id)),
        })
    }

    fn events(&self, after: &str) -> impl Stream<Item = Result<RawPage, Broken>> {
        let start = Some(after.to_owned());
        futures_util::stream::unfold(start, move |at| async move {
            let after = at?;
            match self.told_after(&after) {
                Ok((events, more)) => {
                    let ids = events.iter().filter_map(|one| one["id"].as_str());
                    let last = ids.max().unwrap_or(&after).to_owned();
                    Some((Ok(page(&events, None)), more.then_some(last)))
                }
                Err(broken) => Some((Err(broken), None)),
            }
        })
    }

    async fn newest_event(&self) -> Result<Option<String>, Broken> {
        // Nothing else asks for it than a walk that begins.
        self.sent.borrow_mut().begun = true;
        match self.answer() {
            Some(Trouble::Broken) => Err(Broken),
            Some(Trouble::EmptyList) => Ok(None),
            _ => Ok(self.server.feed().pop().map(|(id, _)| id)),
        }
    }

    async fn oldest_event(&self) -> Result<Option<String>, Broken> {
        match self.answer() {
            Some(Trouble::Broken) => Err(Broken),
            Some(Trouble::EmptyList) => Ok(None),
            _ => Ok(self.server.feed().into_iter().next().map(|(id, _)| id)),
        }
    }
}
