//! Writes what a plan lets through, in one transaction that the caller holds: many records a statement.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use serde_json::Value;

use crate::columns::{self, ROLE_COLUMNS, columns};
use crate::progress::Progress;
use crate::reading;
use crate::report::{Enrollments, SyncReport};
use crate::store::findings::{self, Changed};
use crate::store::sql::{Backend, Sql, SqlStore, Type, pairs, texts};
use crate::store::stage::base;
use crate::store::{Commit, Op, Staged, Store, StoreError};

/// Records written together.
const CHUNK: usize = 500;

/// So many changes make what a database knows of its tables stale.
const MANY: u64 = 1000;

/// Applies what is staged and not held, and keeps the run.
pub(crate) async fn run<B: Backend>(
    store: &mut SqlStore<B>,
    commit: &Commit<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let id = commit.district.as_str();
    store
        .db
        .execute(
            "INSERT INTO _districts (district_id) VALUES (?1) ON CONFLICT (district_id) DO NOTHING",
            &[id.into()],
        )
        .await?;
    // The update locks the district's row, so of two runs the second waits here and then sees the first.
    store
        .db
        .execute(
            "UPDATE _districts SET district_id = district_id WHERE district_id = ?1",
            &[id.into()],
        )
        .await?;
    let (now, number) = base(store, commit.district).await?;
    if now != *commit.base {
        return Err(StoreError::Moved);
    }
    store.district = Some((commit.district.clone(), number));
    let mut writer = Writer {
        run: now.run + 1,
        at: commit.now.to_string(),
        seq: 0,
        district_id: id.to_owned(),
        commit,
        store,
    };
    let changed = writer.apply(progress).await?;
    let run = writer.run;
    if changed.records > MANY {
        store.db.batch(store.db.dialect().analyze).await?;
    }
    if changed.records > 0 {
        findings::renew(store, id, &changed).await?;
    }
    let cursor: Sql = commit.cursor.into();
    let snapshot: Sql = match (commit.whole_snapshot, now.snapshot_at) {
        (true, _) => commit.now.to_string().into(),
        (false, then) => then.map(|then| then.to_string()).into(),
    };
    store
        .db
        .execute(
            "UPDATE _districts SET event_cursor = ?2, snapshot_at = ?3 WHERE district_id = ?1",
            &[id.into(), cursor, snapshot],
        )
        .await?;
    report.run = Some(run);
    report.findings = findings::read(store, id).await?;
    let known = changed.records == 0 && last_totals(store, now.run, report).await?;
    if !known {
        totals(store, report).await?;
    }
    report.finished_at = commit.now;
    let params = [
        id.into(),
        run.into(),
        report.started_at.to_string().into(),
        commit.now.to_string().into(),
        report.outcome.as_str().into(),
        report.path.as_str().into(),
        serde_json::to_string(&report).unwrap_or_default().into(),
    ];
    store
        .db
        .execute(
            "INSERT INTO runs (district_id, run, started_at, finished_at, outcome, path, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &params,
        )
        .await?;
    Ok(())
}

/// Takes the totals of the last run, where nothing changed since; whether that run told them.
async fn last_totals<B: Backend>(
    store: &mut SqlStore<B>,
    run: u64,
    report: &mut SyncReport,
) -> Result<bool, StoreError> {
    let params = [report.district_id.as_str().into(), run.into()];
    let sql = "SELECT report FROM runs WHERE district_id = ?1 AND run = ?2";
    let Some(mut row) = store.maybe(sql, &params).await? else {
        return Ok(false);
    };
    let last: Value = serde_json::from_str(&row.text(0)?).unwrap_or_default();
    let total = |kind: &RecordKind| last["kinds"][kind.as_str()]["total"].as_u64();
    let places = |role: &str| last["enrollments"][role].as_u64();
    let totals: Option<Vec<u64>> = report.kinds.keys().map(total).collect();
    let roles: Option<BTreeMap<String, u64>> = last["roles"].as_object().and_then(|roles| {
        roles
            .iter()
            .map(|(role, count)| Some((role.clone(), count.as_u64()?)))
            .collect()
    });
    let (Some(totals), Some(students), Some(teachers), Some(roles)) =
        (totals, places("students"), places("teachers"), roles)
    else {
        return Ok(false);
    };
    for (of_kind, total) in report.kinds.values_mut().zip(totals) {
        of_kind.total = total;
    }
    report.enrollments = Enrollments { students, teachers };
    report.roles = roles;
    Ok(true)
}

/// Counts what is active in the store.
async fn totals<B: Backend>(
    store: &mut SqlStore<B>,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    for (kind, of_kind) in &mut report.kinds {
        of_kind.total = store.active(*kind).await?;
    }
    let number = store.number();
    let all = store
        .db
        .query(
            "SELECT CASE role WHEN 0 THEN 's' ELSE 't' END, count(*) FROM _enrollments WHERE district = ?1 GROUP BY role",
            &[number.into()],
        )
        .await?;
    // Archived sections are few beside the active ones, and keep their places.
    let archived = store
        .db
        .query(
            "SELECT CASE e.role WHEN 0 THEN 's' ELSE 't' END, count(*) FROM sections s CROSS JOIN _enrollments e
             WHERE s.district_id = ?2 AND s.archived_at IS NOT NULL AND e.district = ?1 AND e.section = s.key
             GROUP BY e.role",
            &[number.into(), report.district_id.as_str().into()],
        )
        .await?;
    let (all, archived) = (pairs(all)?, pairs(archived)?);
    let of = |role: &str| {
        let count = |of: &BTreeMap<String, i64>| of.get(role).copied().unwrap_or_default();
        u64::try_from(count(&all) - count(&archived)).unwrap_or_default()
    };
    report.enrollments = Enrollments {
        students: of("s"),
        teachers: of("t"),
    };
    let roles = store
        .db
        .query(
            "SELECT role, count(*) FROM user_roles WHERE district_id = ?1 GROUP BY role",
            &[report.district_id.as_str().into()],
        )
        .await?;
    report.roles = pairs(roles)?
        .into_iter()
        .map(|(role, count)| (role, u64::try_from(count).unwrap_or_default()))
        .collect();
    Ok(())
}

/// Where and when the writes belong.
struct Writer<'a, B> {
    store: &'a mut SqlStore<B>,
    commit: &'a Commit<'a>,
    district_id: String,
    run: u64,
    at: String,
    seq: u64,
}

/// A staged record with its JSON, read.
struct Read<'a> {
    staged: &'a Staged,
    json: &'a str,
    value: Value,
}

impl<B: Backend> Writer<'_, B> {
    /// Applies all staged rows that are not held, parents first.
    async fn apply(&mut self, progress: &dyn Progress) -> Result<Changed, StoreError> {
        let total: u64 = self
            .store
            .tally()
            .await?
            .iter()
            .filter(|((.., held), _)| !held)
            .map(|(_, (count, _))| count)
            .sum();
        let last = self
            .store
            .one(
                "SELECT coalesce(max(seq), 0) FROM changes WHERE district_id = ?1",
                &[self.district_id.as_str().into()],
            )
            .await?
            .count(0)?;
        self.seq = last;
        let mut after = (None, String::new());
        let mut done = 0;
        let mut changed = Changed::default();
        loop {
            let rows = self.store.staged((after.0, &after.1), CHUNK, true).await?;
            let Some(end) = rows.last() else { break };
            after = (Some(end.kind), end.id.clone());
            let rows: Vec<Staged> = rows.into_iter().filter(|row| !row.held).collect();
            for row in rows.iter().filter(|row| row.op != Op::Touch) {
                changed.referring.insert(row.kind);
                if row.op != Op::Update {
                    changed.moved.insert(row.kind);
                }
            }
            for of_kind in rows.chunk_by(|a, b| a.kind == b.kind) {
                if let Some(first) = of_kind.first() {
                    self.write(first.kind, of_kind).await?;
                }
            }
            done += rows.len() as u64;
            progress.applying(done, total);
        }
        changed.records = self.seq - last;
        Ok(changed)
    }

    /// Writes some rows of one kind.
    async fn write(&mut self, kind: RecordKind, rows: &[Staged]) -> Result<(), StoreError> {
        let known: Vec<&str> = rows
            .iter()
            .filter(|row| row.op != Op::Create)
            .map(|row| row.id.as_str())
            .collect();
        let before = self.store.find(kind, &known).await?;
        let read: Vec<Read<'_>> = rows
            .iter()
            .filter(|row| row.op != Op::Archive)
            .filter_map(|staged| {
                let json = staged.record.as_deref()?;
                let value = reading::value(json).unwrap_or_default();
                Some(Read {
                    staged,
                    json,
                    value,
                })
            })
            .collect();
        let gone: Vec<&str> = rows
            .iter()
            .filter(|row| row.op == Op::Archive)
            .map(|row| row.id.as_str())
            .collect();
        let (touched, said): (Vec<_>, Vec<_>) =
            read.iter().partition(|read| read.staged.op == Op::Touch);
        self.put(kind, &said, false).await?;
        self.put(kind, &touched, true).await?;
        self.archive(kind, &gone).await?;
        match kind {
            RecordKind::Users => self.people(&read, &gone).await?,
            RecordKind::Sections => self.places(&read).await?,
            _ => {}
        }
        let number = self.store.number();
        let state = rows
            .iter()
            .map(|row| {
                vec![
                    number.into(),
                    (kind as i64).into(),
                    row.id.as_str().into(),
                    row.hash.into(),
                    (row.op == Op::Archive).into(),
                    row.refused.into(),
                ]
            })
            .collect();
        let columns = [
            ("district", Type::Int),
            ("kind", Type::Int),
            ("id", Type::Text),
            ("hash", Type::Blob),
            ("archived", Type::Int),
            ("refused", Type::Blob),
        ];
        self.store
            .db
            .insert(
                "_state",
                &columns,
                state,
                "ON CONFLICT (district, kind, id) DO UPDATE
                 SET hash = excluded.hash, archived = excluded.archived, refused = excluded.refused",
            )
            .await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(op) = row.op.as_str() else { continue };
            self.seq += 1;
            let before = before.get(&row.id).map(|before| before.record.as_str());
            changes.push(vec![
                self.district_id.as_str().into(),
                self.seq.into(),
                self.run.into(),
                kind.as_str().into(),
                row.id.as_str().into(),
                op.into(),
                row.fields.clone().into(),
                before.into(),
                row.record.clone().into(),
                self.at.as_str().into(),
                row.event.clone().into(),
            ]);
        }
        let columns = [
            ("district_id", Type::Text),
            ("seq", Type::Int),
            ("run", Type::Int),
            ("kind", Type::Text),
            ("id", Type::Text),
            ("op", Type::Text),
            ("fields", Type::Text),
            ("before", Type::Text),
            ("after", Type::Text),
            ("at", Type::Text),
            ("event", Type::Text),
        ];
        self.store.db.insert("changes", &columns, changes, "").await
    }

    /// Writes records' rows. A touch keeps `changed_at` and `source`; the app's own columns are left alone.
    async fn put(
        &mut self,
        kind: RecordKind,
        read: &[&Read<'_>],
        touch: bool,
    ) -> Result<(), StoreError> {
        let ours: Vec<_> = columns(kind)
            .iter()
            .filter(|(name, _)| !self.commit.policy.is_sticky(kind, name))
            .collect();
        let mut names: Vec<(&str, Type)> = vec![
            ("district_id", Type::Text),
            ("id", Type::Text),
            ("record", Type::Text),
            ("first_seen_at", Type::Text),
            ("changed_at", Type::Text),
            ("source", Type::Int),
        ];
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
        let rows = read
            .iter()
            .map(|read| {
                let mut row: Vec<Sql> = vec![
                    self.district_id.as_str().into(),
                    read.staged.id.as_str().into(),
                    read.json.into(),
                    self.at.as_str().into(),
                    self.at.as_str().into(),
                    self.run.into(),
                ];
                row.extend(
                    ours.iter()
                        .map(|(_, place)| columns::text(&read.value, place).into()),
                );
                row
            })
            .collect();
        let conflict = format!(
            "ON CONFLICT (district_id, id) DO UPDATE SET {}",
            sets.join(", ")
        );
        self.store
            .db
            .insert(kind.as_str(), &names, rows, &conflict)
            .await
    }

    async fn archive(&mut self, kind: RecordKind, gone: &[&str]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE {kind} SET archived_at = ?2, changed_at = ?2, source = ?3 WHERE district_id = ?1 AND id {}",
            self.store.among(4)
        );
        let params = [
            self.district_id.as_str().into(),
            self.at.as_str().into(),
            self.run.into(),
            texts(gone.iter().copied()),
        ];
        self.store.db.execute(&sql, &params).await?;
        Ok(())
    }

    /// Writes users' roles and relations; absent users lose theirs, the records keep them.
    async fn people(&mut self, read: &[Read<'_>], gone: &[&str]) -> Result<(), StoreError> {
        let district = self.district_id.clone();
        let all = read
            .iter()
            .map(|read| read.staged.id.as_str())
            .chain(gone.iter().copied());
        let params = [district.as_str().into(), texts(all)];
        let new = read.iter().all(|read| read.staged.op == Op::Create) && gone.is_empty();
        let old = [("user_roles", "user_id"), ("contacts", "contact_id")];
        // Who is new has nothing to lose.
        for (table, column) in old.into_iter().filter(|_| !new) {
            let sql = format!(
                "DELETE FROM {table} WHERE district_id = ?1 AND {column} {}",
                self.store.among(2)
            );
            self.store.db.execute(&sql, &params).await?;
        }
        let mut roles: Vec<Vec<Sql>> = Vec::new();
        let mut relations: BTreeMap<(&str, String), Vec<Sql>> = BTreeMap::new();
        for Read { staged, value, .. } in read {
            let Some(held) = value["roles"].as_object() else {
                continue;
            };
            let known =
                |(role, held): &(&String, &Value)| held.is_object() && columns::is_key(role);
            for (role, held) in held.iter().filter(known) {
                let mut row: Vec<Sql> = vec![
                    district.as_str().into(),
                    staged.id.as_str().into(),
                    role.as_str().into(),
                ];
                row.extend(ROLE_COLUMNS.iter().map(|(_, places)| {
                    let found = places.iter().find_map(|place| columns::text(held, place));
                    Sql::from(found)
                }));
                roles.push(row);
            }
            let contact = &value["roles"]["contact"];
            for relation in contact["student_relationships"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let student = columns::text(relation, "/student");
                let Some(student) = student.filter(|id| columns::is_key(id)) else {
                    continue;
                };
                let row = vec![
                    district.as_str().into(),
                    staged.id.as_str().into(),
                    student.as_str().into(),
                    columns::text(relation, "/relationship").into(),
                    columns::text(relation, "/type").into(),
                    columns::text(contact, "/phone").into(),
                    columns::text(contact, "/phone_type").into(),
                ];
                relations.insert((staged.id.as_str(), student), row);
            }
        }
        let mut names: Vec<(&str, Type)> = vec![
            ("district_id", Type::Text),
            ("user_id", Type::Text),
            ("role", Type::Text),
        ];
        names.extend(ROLE_COLUMNS.iter().map(|(name, _)| (*name, Type::Text)));
        self.store
            .db
            .insert("user_roles", &names, roles, "")
            .await?;
        let names = [
            ("district_id", Type::Text),
            ("contact_id", Type::Text),
            ("student_id", Type::Text),
            ("relationship", Type::Text),
            ("type", Type::Text),
            ("phone", Type::Text),
            ("phone_type", Type::Text),
        ];
        let relations = relations.into_values().collect();
        self.store
            .db
            .insert("contacts", &names, relations, "")
            .await
    }

    /// Writes the places of sections.
    async fn places(&mut self, read: &[Read<'_>]) -> Result<(), StoreError> {
        let number = self.store.number();
        let sql = format!(
            "SELECT id, key FROM sections WHERE district_id = ?1 AND id {}",
            self.store.among(2)
        );
        let ids = read.iter().map(|read| read.staged.id.as_str());
        let params = [self.district_id.as_str().into(), texts(ids)];
        let keys = pairs(self.store.db.query(&sql, &params).await?)?;
        let sql = format!(
            "DELETE FROM _enrollments WHERE district = ?1 AND section {}",
            self.store.among(2)
        );
        let params = [number.into(), Sql::Ints(keys.values().copied().collect())];
        self.store.db.execute(&sql, &params).await?;
        let mut places: Vec<(i64, i64, &str, bool)> = Vec::new();
        for Read { staged, value, .. } in read {
            let Some(section) = keys.get(&staged.id) else {
                continue;
            };
            let primary = value["teacher"].as_str().filter(|id| columns::is_key(id));
            let mut teachers = columns::ids(value, "/teachers");
            // The primary teacher belongs to the list, and is named alone in some records.
            teachers.extend(primary.filter(|primary| !teachers.contains(primary)));
            let students: BTreeSet<_> = columns::ids(value, "/students").into_iter().collect();
            let teachers: BTreeSet<_> = teachers.into_iter().collect();
            places.extend(students.into_iter().map(|id| (*section, 0, id, false)));
            places.extend(
                teachers
                    .into_iter()
                    .map(|id| (*section, 1, id, primary == Some(id))),
            );
        }
        let people: BTreeSet<&str> = places.iter().map(|(.., id, _)| *id).collect();
        let mut known = self.persons(&people).await?;
        let new: BTreeSet<&str> = people
            .into_iter()
            .filter(|id| !known.contains_key(*id))
            .collect();
        if !new.is_empty() {
            let rows = new
                .iter()
                .map(|id| vec![number.into(), (*id).into()])
                .collect();
            let columns = [("district", Type::Int), ("id", Type::Text)];
            self.store.db.insert("_people", &columns, rows, "").await?;
            known.extend(self.persons(&new).await?);
        }
        let rows = places
            .into_iter()
            .filter_map(|(section, role, id, is_primary)| {
                let person = *known.get(id)?;
                Some(vec![
                    number.into(),
                    section.into(),
                    role.into(),
                    person.into(),
                    is_primary.into(),
                ])
            })
            .collect();
        let columns = [
            ("district", Type::Int),
            ("section", Type::Int),
            ("role", Type::Int),
            ("person", Type::Int),
            ("is_primary", Type::Int),
        ];
        self.store
            .db
            .insert("_enrollments", &columns, rows, "")
            .await
    }

    /// The small numbers of people.
    async fn persons(&mut self, ids: &BTreeSet<&str>) -> Result<BTreeMap<String, i64>, StoreError> {
        let sql = format!(
            "SELECT id, key FROM _people WHERE district = ?1 AND id {}",
            self.store.among(2)
        );
        let params = [self.store.number().into(), texts(ids.iter().copied())];
        pairs(self.store.db.query(&sql, &params).await?)
    }
}
