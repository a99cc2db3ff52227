//! One pass over what Clever sends and what the store holds, both in order of ids: what is new, what
//! differs, what is gone.
//!
//! Memory is bounded by one page and one batch of the store's narrow state. What differs goes to the
//! store's staging area; equal bytes are not even decoded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clever_model::RecordKind;
use clever_raw::drift::Drift;
use clever_raw::page::{RawPage, RefusedRecord};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::learn::canonical::{canonical, changed_paths, content};
use crate::learn::certificate::Witness;
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
pub(crate) fn meaning_of(canonical: &Value) -> Hash {
    hash_of(&canonical.to_string())
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
    let read = |json| content(kind, reading::value(json).unwrap_or_default());
    let (before, after) = (read(&known.record), read(json));
    // A state of other bytes than the record's was mended by hand, and is put right.
    if before == after && !archived && old == hash_of(&known.record) {
        return None;
    }
    let (before, after) = (canonical(kind, before), canonical(kind, after));
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
fn lost_places(before: &Value, after: &Value) -> u64 {
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

/// The comparison of one kind, fed page by page.
pub(crate) struct KindDiff {
    pub(crate) kind: RecordKind,
    witness: Witness,
    /// State rows not yet passed, ascending.
    ahead: VecDeque<State>,
    /// The last id that was read from the state.
    read_to: String,
    exhausted: bool,
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
            ahead: VecDeque::new(),
            read_to: String::new(),
            exhausted: false,
            gone: Vec::new(),
            seen: 0,
            unreadable: 0,
            refused: Vec::new(),
            drift: Drift::default(),
        }
    }

    /// Goes on with a walk that stopped: what its witness saw is behind.
    pub(crate) fn resume(current: Current) -> Self {
        let witness = current.witness;
        Self {
            read_to: witness.last_in_order().unwrap_or_default().to_owned(),
            witness,
            seen: current.seen,
            unreadable: current.unreadable,
            refused: current.refused,
            ..Self::new(current.kind)
        }
    }

    /// How far the walk came.
    pub(crate) fn current(&self) -> Current {
        Current {
            kind: self.kind,
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

    /// Compares one page. Afterwards all that it showed is staged.
    pub(crate) async fn page<R: Run>(
        &mut self,
        run: &mut R,
        page: &RawPage,
    ) -> Result<(), StoreError> {
        let shown = kept_out::page(self.kind, page, run.kept_out());
        let nameless = page.refused().iter().filter(|one| one.id.is_none());
        self.witness.page(page.count(), nameless.count() as u64);
        let mut differing: BTreeMap<&str, &str> = BTreeMap::new();
        let mut strays: BTreeMap<&str, &str> = BTreeMap::new();
        // Those of which the store may have a record; on a first load nobody is asked for.
        let mut held: BTreeSet<&str> = BTreeSet::new();
        // Collected: an iterator that is held while the store is asked would keep the future from being `Send`.
        let refused = page.refused().iter();
        let mut refused: VecDeque<(&str, &RefusedRecord)> = refused
            .filter_map(|one| Some((one.id.as_deref()?, one)))
            .collect();
        for record in page.records() {
            while let Some((id, one)) = refused.pop_front_if(|(id, _)| *id < record.id) {
                self.refused(run, id, one).await?;
            }
            let json = match shown.get(record.id) {
                Some(Shown::Nothing) => {
                    // Passed by without a row: the walk is as whole as with it.
                    if self.witness.record(record.id) {
                        self.pass_to(run, record.id).await?;
                    }
                    continue;
                }
                Some(Shown::Rest(json)) => json.as_str(),
                None => record.json,
            };
            self.seen += 1;
            if !columns::is_key(record.id) {
                self.unreadable += 1;
                continue;
            }
            if !self.witness.record(record.id) {
                strays.insert(record.id, json);
                continue;
            }
            let known = self.pass_to(run, record.id).await?;
            let Some(known) = known else {
                differing.insert(record.id, json);
                continue;
            };
            if known.archived || known.hash != hash_of(json) {
                differing.insert(record.id, json);
                held.insert(record.id);
            }
        }
        for (id, one) in refused {
            self.refused(run, id, one).await?;
        }
        if !strays.is_empty() {
            self.flush(run).await?;
            self.readable_strays(run, &mut strays, &differing).await?;
            // Passed by as gone, and here after all; or listed before, and different now. What comes last counts, even
            // if it is what the store has: else each run would undo the one before.
            run.unstage(self.kind, &ids_of(&strays)).await?;
            for (id, json) in strays {
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
            // It is there, so nothing of it is archived; what the store has of it stays.
            let Some(tree) = reading::tree(json) else {
                self.unreadable += 1;
                continue;
            };
            self.drift.observe(self.kind.as_str(), &tree);
            let kept = known.is_some_and(|known| !known.state.archived);
            if kept && columns::hides_members(self.kind, &tree) {
                self.unreadable += 1;
                continue;
            }
            rows.extend(decide(self.kind, id, json, known, None));
        }
        rows.append(&mut self.gone);
        if rows.is_empty() {
            return Ok(());
        }
        run.stage(rows).await
    }

    /// Passes by a record that is there, and that can't be read: what the store has of it stays.
    async fn refused<R: Run>(
        &mut self,
        run: &mut R,
        id: &str,
        refused: &RefusedRecord,
    ) -> Result<(), StoreError> {
        self.seen += 1;
        self.unreadable += 1;
        if self.refused.len() < MAX_REFUSED {
            self.refused.push(Refused {
                id: id.to_owned(),
                reason: refused.reason.to_owned(),
                at: refused.at,
            });
        }
        if !columns::is_key(id) {
            return Ok(());
        }
        if self.witness.record(id) {
            self.pass_to(run, id).await?;
        } else {
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
        self.unreadable += unreadable.len() as u64;
        strays.retain(|id, _| !unreadable.contains(id));
        Ok(())
    }

    /// Ends the comparison: what the store has beyond the last record is gone.
    pub(crate) async fn finish<R: Run>(&mut self, run: &mut R) -> Result<Certificate, StoreError> {
        while let Some(state) = self.next(run).await? {
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
    ) -> Result<Option<State>, StoreError> {
        while let Some(state) = self.next(run).await? {
            match state.id.as_str().cmp(id) {
                std::cmp::Ordering::Less => self.missing(run, &state).await?,
                std::cmp::Ordering::Equal => return Ok(Some(state)),
                std::cmp::Ordering::Greater => {
                    self.ahead.push_front(state);
                    break;
                }
            }
        }
        Ok(None)
    }

    async fn next<R: Run>(&mut self, run: &mut R) -> Result<Option<State>, StoreError> {
        if self.ahead.is_empty() && !self.exhausted {
            self.ahead = run.states(self.kind, &self.read_to, BATCH).await?.into();
            self.exhausted = self.ahead.len() < BATCH;
            if let Some(last) = self.ahead.back() {
                self.read_to.clone_from(&last.id);
            }
        }
        Ok(self.ahead.pop_front())
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

fn ids_of<'a>(records: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    records.keys().copied().collect()
}
