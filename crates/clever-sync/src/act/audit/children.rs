//! The tables beside a record's own: roles, their schools and contacts are what the records of active users say, and the
//! places of active sections what theirs say. Whatever else is in them, somebody wrote by hand.
//!
//! Some records are compared at once, so memory is bounded by what they say.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::Tree;

use crate::act::write::beside::{self, Table};
use crate::act::write::persons::Persons;
use crate::act::write::places::PLACE_COLUMNS;
use crate::learn::derived;
use crate::learn::reading;
use crate::store::StoreError;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql};

/// An active record: its id, its row's key, its JSON.
struct Active {
    id: String,
    key: i64,
    json: String,
}

/// Mends the rows that hang on the records of a kind after the first of these ids, up to the second. Returns how
/// many were wrong, those of `mended` records left out.
pub(super) async fn mend<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    kind: RecordKind,
    (after, to): (&str, &str),
    mended: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    if !matches!(kind, RecordKind::Users | RecordKind::Sections) {
        return Ok(0);
    }
    let sql = format!(
        "SELECT t.id, t.key, t.record FROM main._state s JOIN main.{kind} t ON t.district_id = ?3 AND t.id = s.id
         WHERE s.district = ?1 AND s.kind = ?2 AND s.archived = 0 AND s.id > ?4 AND s.id <= ?5 ORDER BY s.id"
    );
    let params = [
        store.number().into(),
        (kind as i64).into(),
        store.district_id().into(),
        after.into(),
        to.into(),
    ];
    let mut records = Vec::new();
    for mut row in store.db.query(&sql, &params).await? {
        records.push(Active {
            id: row.text(0)?,
            key: row.int(1)?,
            json: row.text(2)?,
        });
    }
    let trees: Vec<(&Active, Tree<'_>)> = records
        .iter()
        .map(|record| (record, reading::tree(&record.json).unwrap_or_default()))
        .collect();
    if kind == RecordKind::Sections {
        return places(store, &trees, mended).await;
    }
    Ok(roles(store, &trees, mended).await? + contacts(store, &trees, mended).await?)
}

async fn roles<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    users: &[(&Active, Tree<'_>)],
    mended: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let district = store.district_id();
    let (mut rows, mut others): (Vec<Sql<'_>>, Vec<Sql<'_>>) = (Vec::new(), Vec::new());
    for (user, tree) in users {
        for (role, held) in derived::roles(tree) {
            let key = [
                district.as_str().into(),
                user.id.as_str().into(),
                role.into(),
            ];
            for school in derived::other_schools(held) {
                others.extend(key.clone());
                others.push(school.into());
            }
            rows.extend(key);
            rows.extend(derived::role(held).map(Sql::from));
        }
    }
    let wrong = compare(store, &Table::roles(), users, &rows, mended).await?;
    Ok(wrong + compare(store, &Table::schools(), users, &others, mended).await?)
}

async fn contacts<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    users: &[(&Active, Tree<'_>)],
    mended: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let district = store.district_id();
    let mut rows: Vec<Sql<'_>> = Vec::new();
    for (user, tree) in users {
        let Some(contact) = derived::roles(tree).remove("contact") else {
            continue;
        };
        for (student, said) in derived::relations(contact) {
            rows.extend([
                district.as_str().into(),
                user.id.as_str().into(),
                student.into(),
            ]);
            rows.extend(said.map(Sql::from));
        }
    }
    compare(store, &Table::contacts(), users, &rows, mended).await
}

/// Compares the rows of some users with what their records say, and rewrites all of a user's rows if one is wrong.
async fn compare<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    table: &Table,
    users: &[(&Active, Tree<'_>)],
    rows: &[Sql<'_>],
    mended: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let ids: Vec<&str> = users.iter().map(|(user, _)| user.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let found = beside::replace(store, table, &ids, rows).await?;
    let counted = found
        .wrong
        .into_iter()
        .filter(|(of, _)| !mended.contains(of));
    Ok(counted.map(|(_, rows)| rows).sum())
}

/// Compares the places of some sections with what their records say, and rewrites all of a section's places
/// if one is wrong.
async fn places<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    sections: &[(&Active, Tree<'_>)],
    mended: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let mut told: Vec<(i64, i64, &str, bool)> = Vec::new();
    for (section, tree) in sections {
        let of_section = derived::places(tree).into_iter();
        told.extend(of_section.map(|(role, id, primary)| (section.key, role, id, primary)));
    }
    let mut now = Persons::default().places(store, &told).await?;
    now.sort_unstable();
    now.dedup_by_key(|(section, role, person, _)| (*section, *role, *person));
    let sql = format!(
        "SELECT section, role, person, is_primary FROM main._enrollments WHERE district = ?1 AND section {}",
        store.db.kind().among(2)
    );
    let number = store.number();
    let keys = sections.iter().map(|(section, _)| section.key);
    let params = [number.into(), Sql::Ints(keys.collect())];
    let mut found = BTreeSet::new();
    let mut wrong: BTreeMap<i64, BTreeSet<(i64, i64)>> = BTreeMap::new();
    for mut row in store.db.query(&sql, &params).await? {
        let section = row.int(0)?;
        match (row.int(1), row.int(2), row.int(3)) {
            (Ok(role), Ok(person), Ok(primary @ 0..=1)) => {
                found.insert((section, role, person, primary != 0));
            }
            (role, person, _) => {
                let place = (role.unwrap_or(-1), person.unwrap_or(-1));
                wrong.entry(section).or_default().insert(place);
            }
        }
    }
    let now_all: BTreeSet<_> = now.iter().copied().collect();
    // A place that says another thing is one, though it is on both sides.
    for (section, role, person, _) in now_all.symmetric_difference(&found) {
        wrong.entry(*section).or_default().insert((*role, *person));
    }
    if wrong.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "DELETE FROM main._enrollments WHERE district = ?1 AND section {}",
        store.db.kind().among(2)
    );
    let params = [number.into(), Sql::Ints(wrong.keys().copied().collect())];
    store.db.execute(&sql, &params).await?;
    let mut rows: Vec<Sql<'_>> = Vec::new();
    for (section, role, person, primary) in now {
        if wrong.contains_key(&section) {
            let place = [section.into(), role.into(), person.into(), primary.into()];
            rows.push(number.into());
            rows.extend(place);
        }
    }
    store
        .db
        .insert("main._enrollments", &PLACE_COLUMNS, &rows, "")
        .await?;
    let mended: BTreeSet<i64> = sections
        .iter()
        .filter(|(section, _)| mended.contains(&section.id))
        .map(|(section, _)| section.key)
        .collect();
    let counted = wrong
        .iter()
        .filter(|(section, _)| !mended.contains(section));
    Ok(counted.map(|(_, places)| places.len() as u64).sum())
}

/// Takes away the places of sections that have no row: nobody sees them, and a section that is written again may get
/// such a key.
pub(super) async fn forget_sections<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM main._enrollments WHERE district = ?1
         AND NOT EXISTS (SELECT 1 FROM main.sections s WHERE s.district_id = ?2 AND s.key = section)";
    let params = [store.number().into(), store.district_id().into()];
    store.db.execute(sql, &params).await?;
    Ok(())
}

/// Takes away roles, schools and relations of whoever is no active user. Says how many there were.
pub(super) async fn forget_people<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    for table in [Table::roles(), Table::schools(), Table::contacts()] {
        let (owner, table) = (table.user(), table.name);
        let sql = format!(
            "DELETE FROM main.{table} WHERE district_id = ?3 AND NOT EXISTS (
                 SELECT 1 FROM main._state s WHERE s.district = ?1 AND s.kind = ?2 AND s.id = {table}.{owner} AND s.archived = 0)"
        );
        let params = [
            store.number().into(),
            (RecordKind::Users as i64).into(),
            store.district_id().into(),
        ];
        gone += store.db.execute(&sql, &params).await?;
    }
    Ok(gone)
}
