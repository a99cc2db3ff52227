//! One pass over what Clever sends and what the store holds, both in order of ids: what is new, what
//! differs, what is gone.
//!
//! Memory is bounded by one page and a batch or two of the store's narrow state. What differs goes to the
//! store's staging area; equal bytes are not even decoded.
//!
//! A list's pages come in order from its front, and in order from its back, in whatever turn. Between two neighbouring pages of
//! one end, and between the two ends where they meet, nothing can be: what the store has there is gone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clever_model::RecordKind;
use clever_raw::drift::Drift;
use clever_raw::page::{RawPage, RefusedRecord};
use clever_raw::tree::Tree;
use xxhash_rust::xxh3::xxh3_128;

use crate::learn::canonical::{self, changed_paths, content, meant};
use crate::learn::certificate::{Seen, Side, Witness};
use crate::learn::columns;
use crate::learn::derived;
use crate::learn::kept_out::{self, Shown};
use crate::learn::reading;
use crate::learn::resume::Current;
use crate::learn::source::End;
use crate::report::{Certificate, Refused};
use crate::store::{ABSENT, Edit, Hash, Op, Run, Staged, State, StoreError, Stored};

/// Rows of the state read at once.
const BATCH: usize = 4096;

/// So many records that are no text are named.
const MAX_REFUSED: usize = 10;

/// Gone records staged at once.
const GONE: usize = 1000;

/// The hash of a record's bytes.
pub(crate) fn hash_of(json: &str) -> Hash {
    xxh3_128(json.as_bytes()).to_be_bytes()
}

/// The hash of what a record means: of its canonical form.
pub(crate) fn meaning_of(record: &Tree<'_>) -> Hash {
    hash_of(&canonical::text(record))
}

/// Decides what a record's JSON does to what the store has; `None` is nothing at all. A record that only is written
/// otherwise is nothing: Clever may order keys and members differently at each reading, and each would be a row to write.
///
/// What an undo put aside is staged as held.
pub(crate) fn decide(
    kind: RecordKind,
    id: &str,
    json: &str,
    known: Option<&Stored>,
    event: Option<&str>,
) -> Option<Staged> {
    let hash = hash_of(json);
    let staged = |edit, refused, held| Staged {
        kind,
        id: id.to_owned(),
        edit,
        record: Some(json.to_owned()),
        event: event.map(ToOwned::to_owned),
        refused,
        held,
    };
    let Some(known) = known else {
        return Some(staged(Edit::Create { hash }, None, false));
    };
    let State {
        hash: old,
        archived,
        refused,
        ..
    } = known.state;
    if old == hash && !archived {
        return None;
    }
    let (before, after) = (reading::tree(&known.record), reading::tree(json));
    let [before, after] = [before, after].map(|tree| content(kind, tree.unwrap_or_default()));
    // A state of other bytes than the record's was mended by hand, and is put right.
    if before == after && !archived && old == hash_of(&known.record) {
        return None;
    }
    let [before, after] = [before, after].map(|content| meant(kind, content));
    let fields = changed_paths(&before, &after);
    if !archived && fields.is_empty() {
        return Some(staged(Edit::Touch { old, hash }, refused, false));
    }
    let fields = serde_json::to_string(&fields).unwrap_or_default();
    let meaning = Some(meaning_of(&after));
    let held = refused.is_some() && refused == meaning;
    let edit = if archived {
        Edit::Restore {
            old,
            hash,
            meaning,
            fields,
        }
    } else {
        let schools = derived::schools(kind, &before).into_iter();
        Edit::Update {
            old,
            hash,
            meaning,
            fields,
            lost: lost_places(&before, &after),
            schools: schools.map(Cow::into_owned).collect(),
        }
    };
    Some(staged(edit, None, held))
}

/// What is staged for a record that is gone.
pub(crate) fn gone(kind: RecordKind, state: &State, event: Option<&str>) -> Staged {
    Staged {
        kind,
        id: state.id.clone(),
        edit: Edit::Archive { hash: state.hash },
        record: None,
        event: event.map(ToOwned::to_owned),
        refused: None,
        held: state.refused == Some(ABSENT),
    }
}

/// How many students and teachers a section loses.
fn lost_places(before: &Tree<'_>, after: &Tree<'_>) -> u64 {
    ["/students", "/teachers"]
        .iter()
        .map(|place| {
            let after: BTreeSet<_> = columns::ids(after, place).into_iter().collect();
            columns::ids(before, place)
                .iter()
                .filter(|id| !after.contains(*id))
                .count() as u64
        })
        .sum()
}

/// A way through what the store has of a kind, in order of ids.
#[derive(Default)]
struct Passage {
    /// State rows not yet passed, ascending.
    ahead: VecDeque<State>,
    /// The last id that was read from the state.
    read_to: String,
    exhausted: bool,
}

impl Passage {
    /// Begins behind the record with this id.
    fn after(id: &str) -> Self {
        Self {
            read_to: id.to_owned(),
            ..Self::default()
        }
    }

    async fn next<R: Run>(
        &mut self,
        run: &mut R,
        kind: RecordKind,
    ) -> Result<Option<State>, StoreError> {
        if self.ahead.is_empty() && !self.exhausted {
            self.ahead = run.states(kind, &self.read_to, BATCH).await?.into();
            self.exhausted = self.ahead.len() < BATCH;
            if let Some(last) = self.ahead.back() {
                self.read_to.clone_from(&last.id);
            }
        }
        Ok(self.ahead.pop_front())
    }
}

/// What the store has of a record that is on a page.
enum Place {
    /// This, or nothing.
    Known(Option<State>),
    /// That is to be asked: the record is the first new one of a page from the back.
    First,
    /// That is to be asked: the record was passed by before, or is out of order.
    Passed(Seen),
}

/// The comparison of one kind, fed page by page.
pub(crate) struct KindDiff {
    pub(crate) kind: RecordKind,
    witness: Witness,
    front: Passage,
    /// From the first new record of the page on that is read, if it comes from the back.
    back: Passage,
    /// That record.
    first: Option<String>,
    gone: Vec<Staged>,
    pub(crate) seen: u64,
    /// Records that are there and can't be read as values.
    pub(crate) unreadable: u64,
    /// The first of those that are no text.
    pub(crate) refused: Vec<Refused>,
    pub(crate) drift: Drift,
}

impl KindDiff {
    pub(crate) fn new(kind: RecordKind) -> Self {
        Self {
            kind,
            witness: Witness::default(),
            front: Passage::default(),
            back: Passage::default(),
            first: None,
            gone: Vec::new(),
            seen: 0,
            unreadable: 0,
            refused: Vec::new(),
            drift: Drift::default(),
        }
    }

    /// Goes on with a walk that stopped: what its witness saw is behind.
    pub(crate) fn resume(kind: RecordKind, current: Current) -> Self {
        let witness = current.witness;
        Self {
            front: Passage::after(witness.last_in_order().unwrap_or_default()),
            witness,
            seen: current.seen,
            unreadable: current.unreadable,
            refused: current.refused,
            ..Self::new(kind)
        }
    }

    /// How far the walk came.
    pub(crate) fn current(&self) -> Current {
        Current {
            witness: self.witness.clone(),
            seen: self.seen,
            unreadable: self.unreadable,
            refused: self.refused.clone(),
        }
    }

    /// Says whether the walk needs the list's last record for a proof of its end.
    pub(crate) fn wants_end(&self) -> bool {
        self.witness.wants_end()
    }

    /// Takes the list's last record as the proof of the walk's end. Says that it is none where the list goes on behind it.
    pub(crate) fn end(&mut self, end: &End) -> bool {
        let last = self.witness.last();
        let found = match end {
            End::Unknown => return true,
            End::Empty => None,
            End::At(id) => Some(id.as_str()),
        };
        let (same, short) = (found == last, found > last);
        self.witness.end(same);
        !short
    }

    /// Takes it as given that the walk came to the end.
    pub(crate) fn ended(&mut self) {
        self.witness.end(true);
    }

    /// How many records are still to come behind a page, where they were counted.
    pub(crate) fn left_after(&self, page: &RawPage) -> Option<u64> {
        let records = (page.len() + page.refused().len()) as u64;
        let left = self.witness.left(page.count());
        left.map(|left| left.saturating_sub(records))
    }

    /// Whether both ends have met, and all came that was counted.
    pub(crate) fn is_whole(&self) -> bool {
        self.witness.is_whole()
    }

    /// Compares one page. Afterwards all that it showed is staged.
    pub(crate) async fn page<R: Run>(
        &mut self,
        run: &mut R,
        page: &RawPage,
        side: Side,
    ) -> Result<(), StoreError> {
        let shown = kept_out::page(self.kind, page, run.kept_out());
        let nameless = page.refused().iter().filter(|one| one.id.is_none());
        self.witness.page(page.count(), nameless.count() as u64);
        self.first = None;
        if side == Side::Back && !self.follows(page) {
            self.witness.disorder();
        }
        let mut differing: BTreeMap<&str, &str> = BTreeMap::new();
        let mut strays: BTreeMap<&str, &str> = BTreeMap::new();
        // Those that the other end has counted.
        let mut again: BTreeSet<&str> = BTreeSet::new();
        // Those of which the store may have a record; on a first load nobody is asked for.
        let mut held: BTreeSet<&str> = BTreeSet::new();
        // Collected: an iterator that is held while the store is asked would keep the future from being `Send`.
        let refused = page.refused().iter();
        let mut refused: VecDeque<(&str, &RefusedRecord)> = refused
            .filter_map(|one| Some((one.id.as_deref()?, one)))
            .collect();
        for record in page.records() {
            while let Some((id, one)) = refused.pop_front_if(|(id, _)| *id < record.id) {
                self.refused(run, id, one, side).await?;
            }
            let json = match shown.get(record.id) {
                Some(Shown::Nothing) => {
                    // Passed by without a row: the walk is as whole as with it.
                    self.see(run, record.id, side).await?;
                    continue;
                }
                Some(Shown::Rest(json)) => json.as_str(),
                None => record.json,
            };
            if !columns::is_key(record.id) {
                self.seen += 1;
                self.unreadable += 1;
                continue;
            }
            match self.see(run, record.id, side).await? {
                Place::Known(None) => {
                    differing.insert(record.id, json);
                }
                Place::Known(Some(known)) => {
                    if known.archived || known.hash != hash_of(json) {
                        differing.insert(record.id, json);
                        held.insert(record.id);
                    }
                }
                Place::First => {
                    differing.insert(record.id, json);
                    held.insert(record.id);
                }
                Place::Passed(Seen::Again) => {
                    again.insert(record.id);
                    strays.insert(record.id, json);
                    continue;
                }
                Place::Passed(_) => {
                    strays.insert(record.id, json);
                }
            }
            self.seen += 1;
        }
        for (id, one) in refused {
            self.refused(run, id, one, side).await?;
        }
        self.close(run).await?;
        let mut late = Vec::new();
        if !strays.is_empty() {
            self.flush(run).await?;
            self.readable_strays(run, &mut strays, &differing, &again)
                .await?;
            // Passed by as gone, and here after all; or listed before, and different now. What comes last counts, even
            // if it is what the store has: else each run would undo the one before.
            for (id, json) in strays {
                late.push(id);
                held.insert(id);
                differing.insert(id, json);
            }
        }
        let held: Vec<&str> = held.into_iter().collect();
        let known = run.find(self.kind, &held).await?;
        let mut rows = Vec::new();
        for (id, json) in differing {
            let known = known.get(id);
            if known.is_some_and(|known| !known.state.archived && known.state.hash == hash_of(json))
            {
                continue;
            }
            let counts = !again.contains(id);
            // It is there, so nothing of it is archived; what the store has of it stays.
            let Some(tree) = reading::tree(json) else {
                self.unreadable += u64::from(counts);
                continue;
            };
            if counts {
                self.drift.observe(self.kind.as_str(), &tree);
            }
            let kept = known.is_some_and(|known| !known.state.archived);
            if kept && columns::hides_members(self.kind, &tree) {
                self.unreadable += u64::from(counts);
                continue;
            }
            rows.extend(decide(self.kind, id, json, known, None));
        }
        // What is staged again takes the place of what was, so that a run that is killed here has lost nothing.
        let staged: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        late.retain(|id| !staged.contains(id));
        if !late.is_empty() {
            run.unstage(self.kind, &late).await?;
        }
        rows.append(&mut self.gone);
        if rows.is_empty() {
            return Ok(());
        }
        run.stage(rows).await
    }

    /// Whether the records of a page from the back ascend, up to the page behind it.
    fn follows(&self, page: &RawPage) -> bool {
        let ids = || page.records().map(|record| record.id);
        let refused = page.refused().iter().filter_map(|one| one.id.as_deref());
        let last = ids().chain(refused).max();
        let behind = self.witness.back();
        ids().zip(ids().skip(1)).all(|(one, next)| one < next)
            && last.is_none_or(|last| behind.is_none_or(|behind| last < behind))
    }

    /// Passes by a record that is there, and says what the store has of it.
    async fn see<R: Run>(
        &mut self,
        run: &mut R,
        id: &str,
        side: Side,
    ) -> Result<Place, StoreError> {
        match self.witness.record(side, id) {
            Seen::Next if side == Side::Back && self.first.is_none() => {
                self.first = Some(id.to_owned());
                self.back = Passage::after(id);
                Ok(Place::First)
            }
            Seen::Next => Ok(Place::Known(self.pass_to(run, id, side).await?)),
            passed => Ok(Place::Passed(passed)),
        }
    }

    /// Ends a page from the back: what the store has between its last record and the page behind it is gone.
    async fn close<R: Run>(&mut self, run: &mut R) -> Result<(), StoreError> {
        let Some(first) = self.first.take() else {
            return Ok(());
        };
        let behind = self.witness.back().map(ToOwned::to_owned);
        while let Some(state) = self.back.next(run, self.kind).await? {
            if behind.as_ref().is_some_and(|behind| state.id >= *behind) {
                break;
            }
            self.missing(run, &state).await?;
        }
        self.back = Passage::default();
        self.witness.back_to(&first);
        Ok(())
    }

    /// Passes by a record that is there, and that can't be read: what the store has of it stays.
    async fn refused<R: Run>(
        &mut self,
        run: &mut R,
        id: &str,
        refused: &RefusedRecord,
        side: Side,
    ) -> Result<(), StoreError> {
        let place = match columns::is_key(id) {
            true => Some(self.see(run, id, side).await?),
            false => None,
        };
        if !matches!(place, Some(Place::Passed(Seen::Again))) {
            self.seen += 1;
            self.unreadable += 1;
            self.refused.push(Refused {
                id: id.to_owned(),
                reason: refused.reason.to_owned(),
                at: refused.at,
            });
            // Those that come first in the list, in whatever turn its pages come.
            self.refused.sort_by(|one, other| one.id.cmp(&other.id));
            self.refused.truncate(MAX_REFUSED);
        }
        if let Some(Place::Passed(_)) = place {
            // Passed by as gone, and here after all.
            self.flush(run).await?;
            let staged = run.staged_ops(self.kind, &[id]).await?;
            if staged.get(id) == Some(&Op::Archive) {
                run.unstage(self.kind, &[id]).await?;
            }
        }
        Ok(())
    }

    /// Leaves out records out of order that can't be read, where the same record came before and can.
    async fn readable_strays<R: Run>(
        &mut self,
        run: &mut R,
        strays: &mut BTreeMap<&str, &str>,
        differing: &BTreeMap<&str, &str>,
        again: &BTreeSet<&str>,
    ) -> Result<(), StoreError> {
        let mut unreadable: BTreeSet<&str> = strays
            .iter()
            .filter(|(_, json)| reading::tree(json).is_none())
            .map(|(id, _)| *id)
            .collect();
        if unreadable.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = unreadable.iter().copied().collect();
        let staged = run.staged_ops(self.kind, &ids).await?;
        unreadable.retain(|id| {
            differing.contains_key(id) || staged.get(*id).is_some_and(|op| *op != Op::Archive)
        });
        self.unreadable += unreadable.difference(again).count() as u64;
        strays.retain(|id, _| !unreadable.contains(id));
        Ok(())
    }

    /// Ends the comparison: what the store has beyond the last record is gone, or between the two ends.
    pub(crate) async fn finish<R: Run>(&mut self, run: &mut R) -> Result<Certificate, StoreError> {
        let back = self.witness.back().map(ToOwned::to_owned);
        while let Some(state) = self.front.next(run, self.kind).await? {
            if back.as_ref().is_some_and(|back| state.id >= *back) {
                break;
            }
            self.missing(run, &state).await?;
        }
        self.flush(run).await?;
        Ok(self.witness.judge())
    }

    /// Passes the state up to `id`; rows that are passed by are gone. Returns the row of `id`, if any.
    async fn pass_to<R: Run>(
        &mut self,
        run: &mut R,
        id: &str,
        side: Side,
    ) -> Result<Option<State>, StoreError> {
        let mut passage = std::mem::take(match side {
            Side::Front => &mut self.front,
            Side::Back => &mut self.back,
        });
        let mut found = None;
        while let Some(state) = passage.next(run, self.kind).await? {
            match state.id.as_str().cmp(id) {
                std::cmp::Ordering::Less => self.missing(run, &state).await?,
                std::cmp::Ordering::Equal => {
                    found = Some(state);
                    break;
                }
                std::cmp::Ordering::Greater => {
                    passage.ahead.push_front(state);
                    break;
                }
            }
        }
        match side {
            Side::Front => self.front = passage,
            Side::Back => self.back = passage,
        }
        Ok(found)
    }

    async fn missing<R: Run>(&mut self, run: &mut R, state: &State) -> Result<(), StoreError> {
        if state.archived {
            return Ok(());
        }
        self.gone.push(gone(self.kind, state, None));
        if self.gone.len() >= GONE {
            self.flush(run).await?;
        }
        Ok(())
    }

    async fn flush<R: Run>(&mut self, run: &mut R) -> Result<(), StoreError> {
        run.stage(std::mem::take(&mut self.gone)).await
    }
}
