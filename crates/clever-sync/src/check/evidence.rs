//! What a plan shows of its cause: schools that go, terms that move, grades that advance, records that are
//! gone and here again under another id. Read only when something is held.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use clever_model::RecordKind;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::check::guard::{Evidence, Losses};
use crate::learn::columns::{self, text};
use crate::learn::reading;
use crate::store::{Op, Rows, Run, Staged, StoreError, each};

/// So many gone records of a kind are looked for among the new ones.
const MAX_GONE: usize = 1000;

/// Reads the staged rows once, and those of suspicious kinds again with their records.
pub(crate) async fn gather<R: Run>(
    run: &mut R,
    paused: bool,
    kinds: &BTreeSet<RecordKind>,
) -> Result<Evidence, StoreError> {
    let mut evidence = Evidence {
        paused,
        ..Evidence::default()
    };
    let mut advanced: u64 = 0;
    each(run, Rows::all(false), |row| {
        match (row.kind, row.op()) {
            (RecordKind::Schools, Op::Archive) => {
                evidence.schools_gone.insert(row.id);
            }
            (RecordKind::Terms, Op::Create | Op::Archive | Op::Restore) => {
                evidence.terms_moved = true;
            }
            (RecordKind::Terms, Op::Update) => {
                evidence.terms_moved |= says(&row, &["start_date", "end_date"]);
            }
            (RecordKind::Users, Op::Update) if says(&row, &["roles.student.grade"]) => {
                advanced += 1;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .await?;
    if advanced > 0 {
        // A roster has up to two contacts for each student, so a tenth of all users is many students.
        let users = run.active(RecordKind::Users).await?;
        evidence.grades_advanced = advanced * 10 > users;
    }
    if kinds.contains(&RecordKind::Users) {
        evidence.lost_role = run.lost_role().await?;
    }
    if kinds.contains(&RecordKind::Sections) {
        evidence.losses = losses(run).await?;
    }
    for kind in kinds {
        let found = look_alikes(run, *kind).await?;
        evidence.look_alikes.insert(*kind, found);
    }
    Ok(evidence)
}

/// The records of a kind that are staged to be archived and not held.
pub(crate) async fn gone<R: Run>(
    run: &mut R,
    kind: RecordKind,
) -> Result<BTreeSet<String>, StoreError> {
    let mut gone = BTreeSet::new();
    of_kind(run, kind, false, |row| {
        if row.op() == Op::Archive && !row.held {
            gone.insert(row.id);
        }
        true
    })
    .await?;
    Ok(gone)
}

/// So many sections are named that lose most of the places.
const MAX_NAMED: usize = 3;

/// Finds who loses places: sections that lose all of their students, and the few that lose most.
async fn losses<R: Run>(run: &mut R) -> Result<Losses, StoreError> {
    let mut losses = Losses::default();
    of_kind(run, RecordKind::Sections, true, |row| {
        let lost = row.edit.lost();
        if lost == 0 {
            return true;
        }
        losses.places += lost;
        let record = row.record.as_deref().and_then(reading::tree);
        let none = record.is_some_and(|section| columns::ids(&section, "/students").is_empty());
        if none && says(&row, &["students"]) {
            losses.emptied += 1;
            losses.emptied_places += lost;
        }
        losses.most.push((lost, row.id));
        losses.most.sort_by(|a, b| b.cmp(a));
        losses.most.truncate(MAX_NAMED);
        true
    })
    .await?;
    Ok(losses)
}

/// Says whether an update changes one of these fields.
fn says(row: &Staged, wanted: &[&str]) -> bool {
    let fields = row.edit.fields().unwrap_or("[]");
    let fields: Vec<String> = serde_json::from_str(fields).unwrap_or_default();
    fields.iter().any(|field| wanted.contains(&field.as_str()))
}

/// Shows each staged row of a kind, as long as `show` wants more.
async fn of_kind<R: Run>(
    run: &mut R,
    kind: RecordKind,
    records: bool,
    mut show: impl FnMut(Staged) -> bool,
) -> Result<(), StoreError> {
    each(run, Rows::from(kind, records), |row| {
        if row.kind == kind && show(row) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
    .await
}

/// Of some gone records of a kind: how many there are, and how many of them are here again under another id.
async fn look_alikes<R: Run>(run: &mut R, kind: RecordKind) -> Result<(u64, u64), StoreError> {
    let mut gone = Vec::new();
    of_kind(run, kind, false, |row| {
        if row.op() == Op::Archive {
            gone.push(row.id);
        }
        gone.len() < MAX_GONE
    })
    .await?;
    let ids: Vec<&str> = gone.iter().map(String::as_str).collect();
    let mut looks: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, known) in run.find(kind, &ids).await?.into_values().enumerate() {
        for look in looks_of(kind, &known.record) {
            looks.entry(look).or_default().push(at);
        }
    }
    let mut again = BTreeSet::new();
    if !looks.is_empty() {
        of_kind(run, kind, true, |row| {
            if let (Op::Create, Some(record)) = (row.op(), &row.record) {
                for look in looks_of(kind, record) {
                    again.extend(looks.get(&look).into_iter().flatten().copied());
                }
            }
            again.len() < gone.len()
        })
        .await?;
    }
    Ok((gone.len() as u64, again.len() as u64))
}

/// What would tell a record again if its id were another: hashes, for they may be of children.
fn looks_of(kind: RecordKind, json: &str) -> Vec<u64> {
    let record: Value = serde_json::from_str(json).unwrap_or_default();
    let mut looks = Vec::new();
    // A look is good only if all its parts say something.
    let mut add = |name: &str, parts: &[Option<String>]| {
        let parts: Option<Vec<&str>> = parts.iter().map(Option::as_deref).collect();
        if let Some(parts) = parts {
            looks.push(xxh3_64(format!("{name}\n{}", parts.join("\n")).as_bytes()));
        }
    };
    let at = |place: &str| text(&record, place);
    match kind {
        RecordKind::Users => {
            let (first, last) = (at("/name/first"), at("/name/last"));
            add("email", &[at("/email")]);
            for (role, held) in record["roles"].as_object().into_iter().flatten() {
                let own = text(held, "/sis_id").or_else(|| text(held, "/staff_id"));
                add(role, &[own]);
                let told = text(held, "/dob").or_else(|| text(held, "/phone"));
                add("person", &[first.clone(), last.clone(), told]);
            }
        }
        RecordKind::Sections => {
            add("own", &[at("/school"), at("/sis_id")]);
            let period = Some(at("/period").unwrap_or_default());
            add(
                "section",
                &[at("/school"), at("/name"), period, at("/teacher")],
            );
        }
        RecordKind::Schools => {
            add("own", &[at("/sis_id")]);
            add("name", &[at("/name")]);
        }
        RecordKind::Courses => add("course", &[at("/name"), at("/number")]),
        RecordKind::Terms => add("term", &[at("/name"), at("/start_date")]),
        RecordKind::Districts | RecordKind::Resources => {}
    }
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(kind: RecordKind, a: &str, b: &str) -> bool {
        let b = looks_of(kind, b);
        looks_of(kind, a).iter().any(|look| b.contains(look))
    }

    #[test]
    fn people_are_told_again_by_what_is_their_own_and_not_by_a_common_name() {
        let users = RecordKind::Users;
        let student = |sis: &str, dob: &str| {
            format!(
                r#"{{"name":{{"first":"A","last":"B"}},"email":"","roles":{{"student":{{"sis_id":"{sis}","dob":"{dob}"}}}}}}"#
            )
        };
        assert!(alike(users, &student("7", "2014-01-02"), &student("7", "")));
        assert!(alike(
            users,
            &student("7", "2014-01-02"),
            &student("8", "2014-01-02")
        ));
        assert!(!alike(users, &student("7", ""), &student("8", "")));
        let section = |name: &str| format!(r#"{{"school":"s","name":"{name}","teacher":"t"}}"#);
        assert!(alike(
            RecordKind::Sections,
            &section("Algebra"),
            &section("Algebra")
        ));
        assert!(!alike(
            RecordKind::Sections,
            &section("Algebra"),
            &section("Band")
        ));
        assert!(looks_of(users, "{}").is_empty());
    }
}
