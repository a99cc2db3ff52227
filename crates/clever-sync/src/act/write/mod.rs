//! Writes what a plan lets through: many records a statement, kinds parents first, ids ascending.
//!
//! What is new to the store is inserted without a look at what is there, and its earlier changes are read once.
//!
//! Decision: a district's first load is another path of this writer, for 1,000 records and more, so that tests take it too.
//! It looks for nothing that can't be there, numbers people as they come, and makes the indices of empty tables afterwards.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::Tree;

use crate::act::totals::Changed;
use crate::learn::columns;
use crate::learn::derived;
use crate::learn::reading;
use crate::progress::Progress;
use crate::store::late;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql, Type, pairs, texts};
use crate::store::{Commit, Edit, Op, Rows, Staged, Staging, StoreError};

pub(crate) mod beside;
mod feed;
pub(crate) mod persons;
pub(crate) mod places;

use self::beside::Table;
use self::persons::Persons;

/// After so many chunks the database lets go of what was written.
const RELIEF: u64 = 4;

/// Where and when the writes belong.
pub(crate) struct Writer<'a, 's, B: RosterDb> {
    pub(crate) store: &'a mut SqlRun<'s, B>,
    commit: &'a Commit<'a>,
    district_id: &'a str,
    run: u64,
    at: String,
    seq: u64,
    /// Tables in which the district has no row yet.
    fresh: BTreeSet<&'static str>,
    persons: Persons,
    changed: Changed,
}

/// A staged record with its JSON, read.
struct Read<'a> {
    staged: &'a Staged,
    json: &'a str,
    tree: Tree<'a>,
}

/// Says whether an update leaves a user's roles and relations as they were: then nothing beside the user's row need be
/// looked at.
fn leaves_roles(staged: &Staged) -> bool {
    let Edit::Update { fields, .. } = &staged.edit else {
        return false;
    };
    let paths = serde_json::from_str::<Vec<String>>(fields);
    paths.is_ok_and(|paths| {
        paths
            .iter()
            .all(|path| path != "roles" && !path.starts_with("roles."))
    })
}

impl<'a, 's, B: RosterDb> Writer<'a, 's, B> {
    /// Begins to write a run of this number for a district of this id.
    pub(crate) fn new(
        store: &'a mut SqlRun<'s, B>,
        district_id: &'a str,
        commit: &'a Commit<'a>,
        run: u64,
    ) -> Self {
        Self {
            store,
            commit,
            district_id,
            run,
            at: commit.now.to_string(),
            seq: 0,
            fresh: BTreeSet::new(),
            persons: Persons::default(),
            changed: Changed::default(),
        }
    }

    /// Applies all staged rows that are not held, parents first.
    pub(crate) async fn apply(mut self, progress: &dyn Progress) -> Result<Changed, StoreError> {
        let tally = self.store.tally().await?;
        let free = tally.iter().filter(|((.., held), _)| !held);
        let total: u64 = free.map(|(_, (count, _))| count).sum();
        let last = self
            .store
            .db
            .one(
                "SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1",
                &[self.district_id.into()],
            )
            .await?
            .count(0)?;
        self.seq = last;
        if total >= late::BULK {
            self.look().await?;
        }
        let late = late::begin(self.store.db, total).await?;
        let (mut done, mut chunks) = (0, 0_u64);
        let mut staged = Rows::all(true);
        while let Some(rows) = staged.next(self.store).await? {
            let rows: Vec<Staged> = rows.into_iter().filter(|row| !row.held).collect();
            for of_kind in rows.chunk_by(|a, b| a.kind == b.kind) {
                if let Some(first) = of_kind.first() {
                    self.write(first.kind, of_kind).await?;
                }
            }
            done += rows.len() as u64;
            chunks += 1;
            if chunks % RELIEF == 0 {
                self.store.db.relieve().await?;
            }
            progress.applying(done, total);
        }
        late::end(self.store.db, &late).await?;
        if self.fresh.contains("users") {
            persons::name_children(self.store).await?;
        }
        self.changed.records = self.seq - last;
        Ok(self.changed)
    }

    /// Finds the tables in which the district has no row.
    async fn look(&mut self) -> Result<(), StoreError> {
        let number = self.store.number();
        let own = ["_state", "_people", "_enrollments"].map(|table| (table, "district"));
        let beside =
            ["user_roles", "_user_schools", "_contacts"].map(|table| (table, "district_id"));
        let tables = RecordKind::ALL
            .map(|kind| (kind.as_str(), "district_id"))
            .into_iter()
            .chain(beside)
            .chain(own);
        for (table, column) in tables {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM main.{table} WHERE {column} = ?1 LIMIT 1) x"
            );
            let district: Sql<'_> = match column {
                "district" => number.into(),
                _ => self.district_id.into(),
            };
            if self.store.db.one(&sql, &[district]).await?.int(0)? == 0 {
                self.fresh.insert(table);
            }
        }
        Ok(())
    }

    /// The end of an insert into a table: nothing where no row of the district can be met.
    fn conflict<'c>(&self, table: &str, conflict: &'c str) -> &'c str {
        if self.fresh.contains(table) {
            ""
        } else {
            conflict
        }
    }

    /// Writes some rows of one kind.
    async fn write(&mut self, kind: RecordKind, rows: &[Staged]) -> Result<(), StoreError> {
        let known: Vec<&str> = rows
            .iter()
            .filter(|row| row.op() != Op::Create)
            .map(|row| row.id.as_str())
            .collect();
        let before = self.store.stored(kind, &known).await?;
        let read: Vec<Read<'_>> = rows
            .iter()
            .filter(|row| row.op() != Op::Archive)
            .filter_map(|staged| {
                let json = staged.record.as_deref()?;
                Some(Read {
                    staged,
                    json,
                    tree: reading::tree(json).unwrap_or_default(),
                })
            })
            .collect();
        self.note(kind, rows);
        if self.fresh.contains(kind.as_str()) {
            self.changed.filled += read.len() as u64;
        }
        let gone: Vec<&str> = rows
            .iter()
            .filter(|row| row.op() == Op::Archive)
            .map(|row| row.id.as_str())
            .collect();
        let (touched, said): (Vec<_>, Vec<_>) =
            read.iter().partition(|read| read.staged.op() == Op::Touch);
        let keys = self.keys(kind, &read).await?;
        self.put(kind, &said, false, &keys).await?;
        self.put(kind, &touched, true, &keys).await?;
        self.archive(kind, &gone).await?;
        match kind {
            RecordKind::Users => {
                let mut others = read;
                others.retain(|read| !leaves_roles(read.staged));
                self.people(&others, &gone).await?;
            }
            RecordKind::Sections => self.places(&read, &gone, keys, &before).await?,
            _ => {}
        }
        let links = self.link(kind, rows, &before).await?;
        self.keep_state(kind, rows, &links).await?;
        self.tell(kind, rows, &links, &before).await
    }

    /// Notes what rows change that others refer to or count.
    fn note(&mut self, kind: RecordKind, rows: &[Staged]) {
        let changed = &mut self.changed;
        for row in rows {
            let count = match row.op() {
                Op::Touch | Op::Forget => continue,
                Op::Update => 0,
                Op::Create | Op::Restore => 1,
                Op::Archive => -1,
            };
            changed.referring.insert(kind);
            if count != 0 {
                changed.moved.insert(kind);
                *changed.totals.kinds.entry(kind).or_default() += count;
            }
        }
    }

    /// Reserves the keys of new sections where the district has none, by their ids: places name them, and need not ask.
    async fn keys(
        &mut self,
        kind: RecordKind,
        read: &[Read<'_>],
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        if kind != RecordKind::Sections || !self.fresh.contains("sections") {
            return Ok(BTreeMap::new());
        }
        let keys = self.store.keys("sections", read.len()).await?;
        let ids = read.iter().map(|read| read.staged.id.clone());
        Ok(ids.zip(keys).collect())
    }

    /// Writes records' rows, under the keys that are reserved. A touch keeps `changed_at` and `source`; the app's own columns are left alone.
    async fn put(
        &mut self,
        kind: RecordKind,
        read: &[&Read<'_>],
        touch: bool,
        keys: &BTreeMap<String, i64>,
    ) -> Result<(), StoreError> {
        let ours = columns::ours(kind, self.commit.sticky);
        let mut names: Vec<(&str, Type)> = vec![
            ("district_id", Type::Text),
            ("id", Type::Text),
            ("record", Type::Text),
            ("first_seen_at", Type::Text),
            ("changed_at", Type::Text),
            ("source", Type::Int),
        ];
        if !keys.is_empty() {
            names.insert(0, ("key", Type::Int));
        }
        names.extend(ours.iter().map(|(name, _)| (*name, Type::Text)));
        let mut sets = vec![
            "record = excluded.record".to_owned(),
            "archived_at = NULL".to_owned(),
        ];
        if !touch {
            sets.push("changed_at = excluded.changed_at, source = excluded.source".to_owned());
        }
        sets.extend(
            ours.iter()
                .map(|(name, _)| format!("{name} = excluded.{name}")),
        );
        let mut rows: Vec<Sql<'_>> = Vec::with_capacity(read.len() * names.len());
        for read in read {
            rows.extend(keys.get(&read.staged.id).map(|key| Sql::from(*key)));
            rows.extend([
                self.district_id.into(),
                Sql::from(&read.staged.id),
                read.json.into(),
                self.at.as_str().into(),
                self.at.as_str().into(),
                self.run.into(),
            ]);
            rows.extend(
                ours.iter()
                    .map(|(_, place)| Sql::from(columns::cell(&read.tree, place))),
            );
        }
        let conflict = format!(
            "ON CONFLICT (district_id, id) DO UPDATE SET {}",
            sets.join(", ")
        );
        let conflict = self.conflict(kind.as_str(), &conflict);
        let written = self
            .store
            .db
            .insert(&format!("main.{kind}"), &names, &rows, conflict)
            .await;
        Ok(written?)
    }

    async fn archive(&mut self, kind: RecordKind, gone: &[&str]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE main.{kind} SET archived_at = ?2, changed_at = ?2, source = ?3 WHERE district_id = ?1 AND id {}",
            self.store.db.kind().among(4)
        );
        let params = [
            self.district_id.into(),
            self.at.as_str().into(),
            self.run.into(),
            texts(gone.iter().copied()),
        ];
        self.store.db.execute(&sql, &params).await?;
        Ok(())
    }

    /// Writes users' roles, schools and relations; absent users lose theirs, the records keep them.
    async fn people(&mut self, read: &[Read<'_>], gone: &[&str]) -> Result<(), StoreError> {
        let district = self.district_id;
        // New users have no rows to lose in a table that is empty; else a user who was deleted by hand may have left roles.
        let bare = ["user_roles", "_user_schools", "_contacts"]
            .iter()
            .all(|table| self.fresh.contains(table));
        let old = read
            .iter()
            .filter(|read| !bare || read.staged.op() != Op::Create);
        let old: Vec<&str> = old
            .map(|read| read.staged.id.as_str())
            .chain(gone.iter().copied())
            .collect();
        let mut roles: Vec<Sql<'_>> = Vec::new();
        let mut others: Vec<Sql<'_>> = Vec::new();
        let mut relations: Vec<Sql<'_>> = Vec::new();
        // Those whom sections may name.
        let mut named: Vec<&str> = Vec::new();
        let mut children: BTreeSet<String> = BTreeSet::new();
        let mut schools: Vec<Option<Cow<'_, str>>> = Vec::new();
        for Read { staged, tree, .. } in read {
            let held = derived::roles(tree);
            if held.keys().any(|role| *role != "contact") {
                named.push(&staged.id);
            }
            for (role, held) in &held {
                *self
                    .changed
                    .totals
                    .roles
                    .entry((*role).to_owned())
                    .or_default() += 1;
                roles.extend([district.into(), Sql::from(&staged.id), (*role).into()]);
                schools.push(derived::school(*held));
                roles.extend(derived::role(held).map(Sql::from));
                for school in derived::other_schools(*held) {
                    schools.push(Some(school.into()));
                    others.extend([
                        district.into(),
                        Sql::from(&staged.id),
                        (*role).into(),
                        school.into(),
                    ]);
                }
            }
            let Some(contact) = held.get("contact") else {
                continue;
            };
            for (student, said) in derived::relations(contact) {
                if !self.fresh.contains("users") {
                    children.insert(student.clone().into_owned());
                }
                relations.extend([district.into(), Sql::from(&staged.id), student.into()]);
                relations.extend(said.map(Sql::from));
            }
        }
        if self.fresh.contains("_people") && self.fresh.contains("users") {
            self.persons.number(self.store, &named).await?;
        } else {
            let of = |op: Op| {
                let rows = read.iter().filter(move |read| read.staged.op() == op);
                rows.map(|read| read.staged.id.as_str())
            };
            persons::learn(self.store, &of(Op::Create).collect()).await?;
            self.name_children(&children).await?;
        }
        self.refer(RecordKind::Users, RecordKind::Schools, schools);
        let before = beside::replace(self.store, &Table::roles(), &old, &roles).await?;
        for (role, count) in before.stood {
            *self.changed.totals.roles.entry(role).or_default() -= count;
        }
        beside::replace(self.store, &Table::schools(), &old, &others).await?;
        beside::replace(self.store, &Table::contacts(), &old, &relations).await?;
        Ok(())
    }

    /// Numbers those whom contacts name and of whom there is no record, so that findings find them.
    async fn name_children(&mut self, children: &BTreeSet<String>) -> Result<(), StoreError> {
        if children.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT id, key FROM main.users WHERE district_id = ?1 AND id {}",
            self.store.db.kind().among(2)
        );
        let params = [
            self.district_id.into(),
            texts(children.iter().map(String::as_str)),
        ];
        let known = pairs(self.store.db.query(&sql, &params).await?)?;
        let unknown = children.iter().filter(|id| !known.contains_key(*id));
        let unknown: BTreeSet<&str> = unknown.map(String::as_str).collect();
        persons::name(self.store, &unknown).await?;
        Ok(())
    }

    /// Notes which schools, courses or terms the new records of a kind name.
    fn refer<'r>(
        &mut self,
        kind: RecordKind,
        target: RecordKind,
        refs: impl IntoIterator<Item = Option<Cow<'r, str>>>,
    ) {
        // On a first load all is looked at anyway.
        if self.fresh.contains(kind.as_str()) {
            return;
        }
        let named = self.changed.named.entry((kind, target)).or_default();
        for id in refs.into_iter().flatten() {
            if !named.contains(&*id) {
                named.insert(id.into_owned());
            }
        }
    }
}
