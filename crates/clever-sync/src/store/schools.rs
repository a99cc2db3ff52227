//! What a plan does to each school, and how the part of some schools is held back.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;

use crate::store::run::SqlRun;
use crate::store::spell::{CHECKED, listed};
use crate::store::sql::{RosterDb, texts};
use crate::store::{Op, SchoolLimits, SchoolTally, StoreError};

/// The fewest rows read at once to count schools' sizes: more than one record has, as a rule.
const LEAST: u64 = 100;

/// The most rows read at once to count schools' sizes.
const MOST: u64 = 20_000;

/// Tables that say at which schools a kind's active records are: each with its column that names the record, and what
/// makes the record active. A role's own school is in its row, its others beside it.
fn places(kind: RecordKind) -> &'static [(&'static str, &'static str, &'static str)] {
    match kind {
        // Only active users have rows here.
        RecordKind::Users => &[
            ("user_roles", "user_id", ""),
            ("_user_schools", "user_id", ""),
        ],
        RecordKind::Sections => &[("sections", "id", "AND t.archived_at IS NULL")],
        _ => &[],
    }
}

/// One statement over each of these tables, together.
fn over(places: &[(&str, &str, &str)], of: impl Fn(&str, &str, &str) -> String) -> String {
    let all = places
        .iter()
        .map(|(table, id, active)| of(table, id, active));
    all.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Counts what is staged for schools that lose or change more than so many records. Sizes are counted of those
/// alone, and so far as they matter: a night on which every school changes a little looks at no whole table.
pub(crate) async fn touched<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    kind: RecordKind,
    limits: &SchoolLimits,
) -> Result<Vec<SchoolTally>, StoreError> {
    if places(kind).is_empty() {
        return Ok(Vec::new());
    }
    let mut found = updates(run, kind).await?;
    found.retain(|_, of| of.updated > limits.updated);
    for (school, count) in archivings(run, kind, limits.archived).await? {
        let of = found.entry(school);
        of.or_insert_with_key(|school| nothing(school)).archived = count;
    }
    let mut after = Some(String::new());
    while let Some(from) = after {
        let (mut sizes, mut missing) = (BTreeMap::new(), 0_u64);
        for of in found.values_mut() {
            let enough = limits.enough(of);
            if of.active < enough {
                missing = missing.saturating_add(enough - of.active);
                sizes.insert(of.school.as_str(), &mut of.active);
            }
        }
        if sizes.is_empty() {
            break;
        }
        let rows = missing.clamp(LEAST, MOST);
        after = count_from(run, kind, (&from, rows), &mut sizes).await?;
    }
    Ok(found.into_values().collect())
}

fn nothing(school: &str) -> SchoolTally {
    SchoolTally {
        school: school.to_owned(),
        active: 0,
        archived: 0,
        updated: 0,
    }
}

/// The updates of each school: one was staged with the record that it replaces, so it says where that is.
async fn updates<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    kind: RecordKind,
) -> Result<BTreeMap<String, SchoolTally>, StoreError> {
    let mut found: BTreeMap<String, SchoolTally> = BTreeMap::new();
    let sql = "SELECT schools, count(*) FROM staging.staged
         WHERE kind = ?1 AND op = ?2 AND held = 0 AND schools IS NOT NULL GROUP BY schools";
    let params = [(kind as i64).into(), (Op::Update as i64).into()];
    for mut row in run.db.query(sql, &params).await? {
        let (schools, count) = (row.maybe_text(0)?, row.count(1)?);
        let schools = listed(schools.as_deref());
        for school in schools {
            let of = found.entry(school);
            of.or_insert_with_key(|school| nothing(school)).updated += count;
        }
    }
    Ok(found)
}

/// The archivings of each school that has more than so many.
async fn archivings<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    kind: RecordKind,
    more_than: u64,
) -> Result<Vec<(String, u64)>, StoreError> {
    let gone = over(places(kind), |table, id, _| {
        format!(
            "SELECT t.school_id, s.id FROM staging.staged s CROSS JOIN main.{table} t
             WHERE t.district_id = ?1 AND t.{id} = s.id
             AND s.kind = ?2 AND s.held = 0 AND s.op = ?3 AND t.school_id IS NOT NULL"
        )
    });
    let sql = format!(
        "SELECT school_id, count(DISTINCT id) FROM ({gone}) gone
         GROUP BY school_id HAVING count(DISTINCT id) > CAST(?4 AS BIGINT)"
    );
    let params = [
        run.district_id().into(),
        (kind as i64).into(),
        (Op::Archive as i64).into(),
        more_than.into(),
    ];
    let rows = run.db.query(&sql, &params).await?.into_iter();
    rows.map(|mut row| Ok((row.text(0)?, row.count(1)?)))
        .collect()
}

/// Adds some of these schools' records after an id, so many rows, to their sizes. Returns the id up to which it came,
/// if there are more.
async fn count_from<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    kind: RecordKind,
    (after, limit): (&str, u64),
    sizes: &mut BTreeMap<&str, &mut u64>,
) -> Result<Option<String>, StoreError> {
    let among = run.db.kind().among(3);
    let here = over(places(kind), |table, id, active| {
        format!(
            "SELECT t.{id} AS id, t.school_id AS school FROM main.{table} t
             WHERE t.district_id = ?1 AND t.{id} > ?2 AND t.school_id {among} {active}"
        )
    });
    let sql = format!("{here} ORDER BY 1 LIMIT ?4");
    let mut limit = limit;
    let (mut records, more) = loop {
        let params = [
            run.district_id().into(),
            after.into(),
            texts(sizes.keys().copied()),
            limit.into(),
        ];
        let rows = run.db.query(&sql, &params).await?;
        let more = rows.len() as u64 == limit;
        let mut records = BTreeMap::<String, BTreeSet<String>>::new();
        for mut row in rows {
            // What is no text was not written by a sync.
            let (Ok(id), Ok(school)) = (row.text(0), row.maybe_text(1)) else {
                continue;
            };
            records.entry(id).or_default().extend(school);
        }
        if !more || records.len() > 1 {
            break (records, more);
        }
        // Somebody who is at so many schools that the rows were all hers.
        limit = limit.saturating_mul(8);
    };
    if more {
        // It may have more roles and schools than were read; with the next it is read as a whole.
        records.pop_last();
    }
    for school in records.values().flatten() {
        if let Some(size) = sizes.get_mut(school.as_str()) {
            **size += 1;
        }
    }
    Ok(records.pop_last().map(|(id, _)| id).filter(|_| more))
}

/// Holds back what is of these schools.
pub(crate) async fn hold<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    kind: RecordKind,
    op: Op,
    schools: &[&str],
) -> Result<u64, StoreError> {
    let these = run.db.kind().among(4);
    let here = over(places(kind), |table, id, _| {
        format!("SELECT {id} FROM main.{table} WHERE district_id = ?3 AND school_id {these}")
    });
    if here.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "UPDATE staging.staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0 AND id IN ({here})"
    );
    let params = [
        (kind as i64).into(),
        (op as i64).into(),
        run.district_id().into(),
        texts(schools.iter().copied()),
    ];
    let held = run.db.execute(&sql, &params).await?;
    if kind != RecordKind::Users || op != Op::Archive {
        return Ok(held);
    }
    // Contacts stay with their students. They follow those who are held, not those who are at the school now: a
    // student who moves must not take a held contact along.
    let sql = format!(
        "UPDATE staging.staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0 AND id IN (
            SELECT c.contact_id FROM staging.staged s
            JOIN main._contacts c ON c.district_id = ?3 AND c.student_id = s.id
            WHERE s.kind = ?1 AND s.op = ?2 AND s.held <> 0)"
    );
    Ok(held + run.db.execute(&sql, &params[..3]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Edit, Run, Staged, Staging, Store};

    fn update(number: usize, school: &str) -> Staged {
        let mut row = Staged::sample(RecordKind::Users, id(number), Op::Update);
        if let Edit::Update { schools, .. } = &mut row.edit {
            *schools = vec![school.to_owned(), "everybody".to_owned()];
        }
        row
    }

    fn id(number: usize) -> String {
        format!("u{number:06}")
    }

    #[tokio::test]
    async fn schools_are_counted_as_far_as_it_matters_and_people_once() {
        let mut store = SqliteStore::in_memory().unwrap();
        let district = clever_model::DistrictId::new("d").unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        // Whoever is at `small` has three roles there, and the end of a batch falls between those of one.
        let small = |number: usize| number % 10 == 1;
        for number in 0..2500 {
            let (school, roles): (_, &[&str]) = if small(number) {
                ("small", &["district_admin", "staff", "teacher"])
            } else {
                ("large", &["student"])
            };
            for role in roles {
                let sql = "INSERT INTO main.user_roles (district_id, user_id, role, school_id) VALUES ('d', ?1, ?2, ?3)";
                let insert = run.db.connection().prepare_cached(sql);
                insert
                    .unwrap()
                    .execute([&id(number), *role, school])
                    .unwrap();
            }
        }
        let mut rows: Vec<Staged> = (0..30).map(|number| update(number * 10, "large")).collect();
        rows.extend((0..131).map(|number| update(number * 10 + 1, "small")));
        run.stage(rows).await.unwrap();
        let limits = SchoolLimits {
            archived: 2,
            updated: 15,
            archived_percent: 50,
            updated_percent: 50,
        };
        let found = touched(&mut run, RecordKind::Users, &limits).await.unwrap();
        let sizes: Vec<(&str, u64)> = found
            .iter()
            .map(|of| (of.school.as_str(), of.updated))
            .collect();
        assert_eq!(sizes, [("everybody", 161), ("large", 30), ("small", 131)]);
        let active: Vec<u64> = found.iter().map(|of| of.active).collect();
        let &[everybody, large, of_small] = active.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((everybody, of_small), (0, 250), "counted to the end");
        let enough = found.get(1).map(|of| limits.enough(of));
        assert!(
            Some(large) >= enough && large < 2250,
            "{large}: counted as far as it matters"
        );
        let sql = "UPDATE staging.staged SET schools = '[\"large\"]' WHERE schools LIKE '%large%'";
        run.db.connection().execute(sql, []).unwrap();
        let sql = "UPDATE staging.staged SET held = 1 WHERE schools NOT LIKE '%large%'";
        run.db.connection().execute(sql, []).unwrap();
        let found = touched(&mut run, RecordKind::Users, &limits).await.unwrap();
        let [large] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((large.school.as_str(), large.updated), ("large", 30));
        assert!(large.active >= limits.enough(large) && large.active < 2250);
    }
}
