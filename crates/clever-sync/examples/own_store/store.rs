//! A store of one's own: rosters in this process's memory, behind the trait that the crate's stores implement.
//!
//! It is whole: certificates, holds, approval, events and the feed work over it as over SQLite, and the same
//! behaviour tests run on it. What an app adds is where the rows live.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, RecordKind, Role, Timestamp};
use clever_sync::store::{
    Base, Commit, Known, LastSync, Op, Run, SchoolLimits, SchoolTally, Staged, Staging, State,
    Store, Stored, Tally, Which,
};
use clever_sync::{Change, ChangeFilter, ChangeLog, Progress, RunPath, StoreError, SyncReport};
use serde_json::Value;

/// A record: which bytes it had, and whether it is here.
struct Held {
    state: State,
    record: String,
}

/// What is kept of one district.
#[derive(Default)]
struct District {
    base: Base,
    records: BTreeMap<(RecordKind, String), Held>,
    changes: Vec<Change>,
    consumers: BTreeMap<String, u64>,
    last_sync: LastSync,
}

/// Rosters in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    districts: BTreeMap<String, District>,
}

/// A run of one district, with its staging area.
pub(crate) struct MemoryRun<'a> {
    district: &'a mut District,
    staged: BTreeMap<(RecordKind, String), Staged>,
}

impl Store for MemoryStore {
    type Run<'a> = MemoryRun<'a>;

    async fn begin<'a>(&'a mut self, district: &DistrictId) -> Result<MemoryRun<'a>, StoreError> {
        let id = district.as_str();
        Ok(MemoryRun {
            district: self.districts.entry(id.to_owned()).or_default(),
            staged: BTreeMap::new(),
        })
    }
}

impl MemoryRun<'_> {
    /// The active records of a kind.
    fn here(&self, kind: RecordKind) -> impl Iterator<Item = (&String, Value)> {
        let all = self.district.records.iter();
        all.filter(move |((of, _), held)| *of == kind && !held.state.archived)
            .map(|((_, id), held)| (id, value(&held.record)))
    }

    /// Those of a kind that are staged for this and not held.
    fn staged_for(&self, kind: RecordKind, op: Op) -> BTreeSet<String> {
        let all = self.staged.values();
        all.filter(|row| row.kind == kind && row.op() == op && !row.held)
            .map(|row| row.id.clone())
            .collect()
    }

    fn hold_these(&mut self, kind: RecordKind, ids: &BTreeSet<String>) -> u64 {
        for id in ids {
            if let Some(row) = self.staged.get_mut(&(kind, id.clone())) {
                row.held = true;
            }
        }
        ids.len() as u64
    }
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// The schools of a user's roles, or of a section.
fn schools(record: &Value) -> BTreeSet<String> {
    let roles = record["roles"].as_object().into_iter().flatten();
    let roles = roles.flat_map(|(_, role)| {
        let others = role["schools"].as_array().into_iter().flatten();
        others.chain([&role["school"]])
    });
    std::iter::once(&record["school"])
        .chain(roles)
        .filter_map(|school| school.as_str().map(ToOwned::to_owned))
        .filter(|school| !school.is_empty())
        .collect()
}

/// The people whom a section names in a list.
fn people(section: &Value, list: &str) -> BTreeSet<String> {
    let all = section[list].as_array().into_iter().flatten();
    let primary = section["teacher"].as_str().filter(|_| list == "teachers");
    all.filter_map(Value::as_str)
        .chain(primary)
        .filter(|id| !id.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

impl Known for MemoryRun<'_> {
    fn base(&self) -> &Base {
        &self.district.base
    }

    async fn states(
        &mut self,
        kind: RecordKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<State>, StoreError> {
        let all = self.district.records.range((kind, after.to_owned())..);
        Ok(all
            .filter(|((of, id), _)| *of == kind && id.as_str() > after)
            .take(limit)
            .map(|(_, held)| held.state.clone())
            .collect())
    }

    async fn find(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        let records = &self.district.records;
        let found = ids.iter().filter_map(|id| {
            let held = records.get(&(kind, (*id).to_owned()))?;
            let stored = Stored {
                state: held.state.clone(),
                record: held.record.clone(),
            };
            Some(((*id).to_owned(), stored))
        });
        Ok(found.collect())
    }

    async fn active(&mut self, kind: RecordKind) -> Result<u64, StoreError> {
        Ok(self.here(kind).count() as u64)
    }

    async fn enrolled(&mut self, _: u64) -> Result<u64, StoreError> {
        // Archived sections keep their places.
        let all = self.district.records.iter();
        let sections = all.filter(|((kind, _), _)| *kind == RecordKind::Sections);
        Ok(sections
            .map(|(_, held)| value(&held.record))
            .map(|one| people(&one, "students").len() + people(&one, "teachers").len())
            .sum::<usize>() as u64)
    }

    async fn lost_role(&mut self) -> Result<Option<Role>, StoreError> {
        let gone = self.staged_for(RecordKind::Users, Op::Archive);
        let mut roles: BTreeMap<String, (u64, bool)> = BTreeMap::new();
        for (id, user) in self.here(RecordKind::Users) {
            for (role, _) in user["roles"].as_object().into_iter().flatten() {
                let (count, all_gone) = roles.entry(role.clone()).or_insert((0, true));
                *count += 1;
                *all_gone &= gone.contains(id);
            }
        }
        let lost = roles.into_iter().filter(|(_, (_, all_gone))| *all_gone);
        let most = lost.max_by_key(|(_, (count, _))| *count);
        Ok(most.and_then(|(role, _)| role.parse().ok()))
    }

    async fn last_sync(&mut self) -> Result<LastSync, StoreError> {
        Ok(self.district.last_sync.clone())
    }

    async fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> Result<Vec<SchoolTally>, StoreError> {
        let gone = self.staged_for(kind, Op::Archive);
        let other = self.staged_for(kind, Op::Update);
        let mut all: BTreeMap<String, SchoolTally> = BTreeMap::new();
        for (id, record) in self.here(kind) {
            for school in schools(&record) {
                let tally = all.entry(school.clone()).or_insert(SchoolTally {
                    school,
                    active: 0,
                    archived: 0,
                    updated: 0,
                });
                tally.active += 1;
                tally.archived += u64::from(gone.contains(id));
                tally.updated += u64::from(other.contains(id));
            }
        }
        for tally in all.values_mut() {
            for (count, few) in [
                (&mut tally.archived, limits.archived),
                (&mut tally.updated, limits.updated),
            ] {
                *count = if *count > few { *count } else { 0 };
            }
        }
        all.retain(|_, tally| tally.archived + tally.updated > 0);
        Ok(all.into_values().collect())
    }
}

impl Staging for MemoryRun<'_> {
    async fn stage(&mut self, rows: Vec<Staged>) -> Result<(), StoreError> {
        let rows = rows
            .into_iter()
            .map(|row| ((row.kind, row.id.clone()), row));
        self.staged.extend(rows);
        Ok(())
    }

    async fn unstage(&mut self, kind: RecordKind, ids: &[&str]) -> Result<(), StoreError> {
        for id in ids {
            self.staged.remove(&(kind, (*id).to_owned()));
        }
        Ok(())
    }

    async fn unstage_archived(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        self.staged
            .retain(|_, row| row.kind != kind || row.op() != Op::Archive);
        Ok(())
    }

    async fn staged(
        &mut self,
        after: (Option<RecordKind>, &str),
        limit: usize,
        _records: bool,
    ) -> Result<Vec<Staged>, StoreError> {
        let later = self.staged.iter().filter(|((kind, id), _)| {
            after
                .0
                .is_none_or(|of| (*kind, id.as_str()) > (of, after.1))
        });
        Ok(later.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Op>, StoreError> {
        let found = ids.iter().filter_map(|id| {
            let row = self.staged.get(&(kind, (*id).to_owned()))?;
            Some((row.id.clone(), row.op()))
        });
        Ok(found.collect())
    }

    async fn tally(&mut self) -> Result<Tally, StoreError> {
        let mut tally = Tally::new();
        for row in self.staged.values() {
            let (count, lost) = tally.entry((row.kind, row.op(), row.held)).or_default();
            *count += 1;
            *lost += row.edit.lost();
        }
        Ok(tally)
    }

    async fn hold(
        &mut self,
        kind: RecordKind,
        op: Op,
        which: Which<'_>,
    ) -> Result<u64, StoreError> {
        let mut ids = self.staged_for(kind, op);
        match which {
            Which::All => {}
            Which::Records(these) => ids.retain(|id| these.contains(&id.as_str())),
            Which::Schools(these) => return Ok(self.hold_schools(kind, op, these)),
        }
        Ok(self.hold_these(kind, &ids))
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        for row in self.staged.values_mut() {
            row.held = false;
        }
        Ok(())
    }
}

impl Run for MemoryRun<'_> {
    async fn clear(&mut self) -> Result<(), StoreError> {
        self.staged.clear();
        Ok(())
    }

    async fn commit(
        mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        let staged = std::mem::take(&mut self.staged);
        let district = &mut *self.district;
        if district.base != *commit.base {
            return Err(StoreError::Moved);
        }
        let run = district.base.run + 1;
        let rows: Vec<Staged> = staged.into_values().filter(|row| !row.held).collect();
        let total = rows.len() as u64;
        for row in rows {
            apply(district, row, run, commit.now);
        }
        progress.applying(total, total);
        district.base = Base {
            run,
            cursor: commit.cursor.map(ToOwned::to_owned),
            snapshot_at: if commit.whole_snapshot {
                Some(commit.now)
            } else {
                district.base.snapshot_at
            },
        };
        report.run = Some(run);
        report.finished_at = commit.now;
        if matches!(report.path, RunPath::Snapshot | RunPath::Events) {
            district.last_sync = LastSync {
                holds: report.holds.clone(),
                sizes: report.sizes.clone(),
            };
        }
        self.totals(report);
        Ok(())
    }

    async fn discard(self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl MemoryRun<'_> {
    /// Holds the people of some schools, or their sections.
    fn hold_schools(&mut self, kind: RecordKind, op: Op, these: &[&str]) -> u64 {
        let mut ids = self.staged_for(kind, op);
        let of_these = self.here(kind).filter(|(_, record)| {
            let own = schools(record);
            these.iter().any(|school| own.contains(*school))
        });
        let of_these: BTreeSet<String> = of_these.map(|(id, _)| id.clone()).collect();
        ids.retain(|id| of_these.contains(id));
        let mut held = self.hold_these(kind, &ids);
        if kind == RecordKind::Users && op == Op::Archive {
            let all = self.staged.values();
            let students: BTreeSet<String> = all
                .filter(|row| row.kind == kind && row.op() == op && row.held)
                .map(|row| row.id.clone())
                .collect();
            let contacts = self.here(kind).filter(|(_, user)| {
                let all = &user["roles"]["contact"]["student_relationships"];
                let mut all = all.as_array().into_iter().flatten();
                all.any(|one| {
                    one["student"]
                        .as_str()
                        .is_some_and(|id| students.contains(id))
                })
            });
            let contacts: BTreeSet<String> = contacts.map(|(id, _)| id.clone()).collect();
            let mut ids = self.staged_for(kind, op);
            ids.retain(|id| contacts.contains(id));
            held += self.hold_these(kind, &ids);
        }
        held
    }

    /// Fills in what a report says of the store.
    fn totals(&self, report: &mut SyncReport) {
        for (kind, of_kind) in &mut report.kinds {
            of_kind.total = self.here(*kind).count() as u64;
        }
        report.roles.clear();
        for (_, user) in self.here(RecordKind::Users) {
            for (role, _) in user["roles"].as_object().into_iter().flatten() {
                *report.roles.entry(role.clone()).or_default() += 1;
            }
        }
        let users = self.here(RecordKind::Users).map(|(id, _)| id.clone());
        let users: BTreeSet<String> = users.collect();
        let places = |list: &'static str| {
            let users = &users;
            move |(_, one): (&String, Value)| people(&one, list).intersection(users).count() as u64
        };
        report.enrollments.students = self
            .here(RecordKind::Sections)
            .map(places("students"))
            .sum();
        report.enrollments.teachers = self
            .here(RecordKind::Sections)
            .map(places("teachers"))
            .sum();
    }
}

/// Applies one row, and tells it in the feed unless it says nothing new.
fn apply(district: &mut District, row: Staged, run: u64, now: Timestamp) {
    let key = (row.kind, row.id.clone());
    let before = district.records.get(&key).map(|held| held.record.clone());
    let record = row.record.clone().or_else(|| before.clone());
    let held = Held {
        state: State {
            id: row.id.clone(),
            hash: *row.edit.hash(),
            archived: row.op() == Op::Archive,
            refused: row.refused,
        },
        record: record.unwrap_or_default(),
    };
    district.records.insert(key, held);
    if !row.op().is_told() {
        return;
    }
    let raw = |json: Option<String>| json.and_then(|json| serde_json::from_str(&json).ok());
    let fields = row.edit.fields().unwrap_or("[]");
    district.changes.push(Change {
        seq: district.changes.len() as u64 + 1,
        run,
        kind: row.kind,
        op: row.op(),
        id: row.id,
        fields: serde_json::from_str(fields).unwrap_or_default(),
        before: raw(before),
        after: raw(row.record),
        at: now,
        event: row.event,
    });
}

impl ChangeLog for MemoryStore {
    async fn changes(
        &mut self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, StoreError> {
        let known = self.districts.get(district_id);
        let all = known.into_iter().flat_map(|known| &known.changes);
        Ok(all
            .filter(|one| one.seq > filter.after)
            .filter(|one| filter.kind.is_none_or(|kind| one.kind == kind))
            .filter(|one| filter.id.as_ref().is_none_or(|id| one.id == *id))
            .filter(|one| filter.run.is_none_or(|run| one.run == run))
            .take(filter.limit as usize)
            .cloned()
            .collect())
    }

    async fn position(&mut self, district_id: &str, consumer: &str) -> Result<u64, StoreError> {
        let known = self.districts.get(district_id);
        Ok(known
            .and_then(|known| known.consumers.get(consumer))
            .copied()
            .unwrap_or_default())
    }

    async fn acknowledge(
        &mut self,
        district_id: &str,
        consumer: &str,
        seq: u64,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.districts.entry(district_id.to_owned()).or_default();
        let position = known.consumers.entry(consumer.to_owned()).or_default();
        *position = seq.max(*position);
        Ok(())
    }
}
