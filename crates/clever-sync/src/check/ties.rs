//! What is held and what is applied beside it must not contradict each other: a term, course or school that a held
//! record names as the store has it stays, until the hold is approved or the record names another.
//!
//! Clever gives a term a new id when its data changes. Without this, the old term would go at once while its sections
//! wait, and an app that shows the classes of current terms would show none.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;

use crate::check::evidence;
use crate::learn::columns;
use crate::learn::derived;
use crate::learn::reading;
use crate::report::{Cause, Hold, Part, Unit};
use crate::store::{Op, Rows, Run, StoreError, Tally, Which};

/// Kinds that others name.
const TARGETS: [RecordKind; 3] = [RecordKind::Schools, RecordKind::Terms, RecordKind::Courses];

/// What held records still name: the archivings that wait for them, each with the kind that names it.
type Named = BTreeMap<RecordKind, BTreeMap<String, RecordKind>>;

/// Holds the archivings of what held records name, and says what is held so.
pub(crate) async fn hold<R: Run>(run: &mut R) -> Result<Vec<Hold>, StoreError> {
    let tally = run.tally().await?;
    let waits = |kind, op| tally.contains_key(&(kind, op, true));
    // A record that is held back from returning is not there, and names nothing.
    let holders = [RecordKind::Users, RecordKind::Sections]
        .into_iter()
        .filter(|kind| waits(*kind, Op::Update) || waits(*kind, Op::Archive));
    let holders: Vec<RecordKind> = holders.collect();
    let mut gone = if holders.is_empty() {
        BTreeMap::new()
    } else {
        archivings(run, &tally).await?
    };
    let mut named = Named::new();
    for kind in holders {
        find(run, kind, &mut gone, &mut named).await?;
    }
    let mut holds = Vec::new();
    for (kind, records) in named {
        let ids: Vec<&str> = records.keys().map(String::as_str).collect();
        let count = run.hold(kind, Op::Archive, Which::Records(&ids)).await?;
        let of = run.active(kind).await?;
        holds.extend(records.into_values().next().map(|by| Hold {
            kind,
            part: Part::Archive,
            school: None,
            unit: Unit::Records,
            count,
            of,
            limit_percent: 0,
            cause: Cause::StillNamed(by),
        }));
    }
    Ok(holds)
}

/// The schools, terms and courses that are staged to be archived and not held.
async fn archivings<R: Run>(
    run: &mut R,
    tally: &Tally,
) -> Result<BTreeMap<RecordKind, BTreeSet<String>>, StoreError> {
    let mut gone = BTreeMap::new();
    for kind in TARGETS {
        if tally.contains_key(&(kind, Op::Archive, false)) {
            gone.insert(kind, evidence::gone(run, kind).await?);
        }
    }
    Ok(gone)
}

/// Moves what held records of a kind name from `gone` to `named`; reads no further than it must.
async fn find<R: Run>(
    run: &mut R,
    kind: RecordKind,
    gone: &mut BTreeMap<RecordKind, BTreeSet<String>>,
    named: &mut Named,
) -> Result<(), StoreError> {
    let wanted = |gone: &BTreeMap<RecordKind, BTreeSet<String>>| {
        let of_kind =
            |target: &RecordKind| kind == RecordKind::Sections || *target == RecordKind::Schools;
        gone.iter()
            .any(|(target, ids)| of_kind(target) && !ids.is_empty())
    };
    let mut staged = Rows::from(kind, false);
    while wanted(gone) {
        let Some(rows) = staged.next(run).await? else {
            break;
        };
        let more = rows.last().is_some_and(|last| last.kind == kind);
        let held = rows
            .iter()
            .filter(|row| row.kind == kind && row.held)
            .filter(|row| matches!(row.op(), Op::Update | Op::Archive));
        let ids: Vec<&str> = held.map(|row| row.id.as_str()).collect();
        for record in run.find(kind, &ids).await?.into_values() {
            for (target, id) in references(kind, &record.record) {
                if gone.get_mut(&target).is_some_and(|ids| ids.remove(&id)) {
                    named.entry(target).or_default().insert(id, kind);
                }
            }
        }
        if !more {
            break;
        }
    }
    Ok(())
}

/// The schools, terms and courses that a record names.
fn references(kind: RecordKind, json: &str) -> Vec<(RecordKind, String)> {
    let tree = reading::tree(json).unwrap_or_default();
    let schools = derived::schools(kind, &tree).into_iter();
    let mut all: Vec<(RecordKind, String)> = schools
        .map(|school| (RecordKind::Schools, school.into_owned()))
        .collect();
    if kind == RecordKind::Sections {
        for (target, place) in [
            (RecordKind::Terms, "/term_id"),
            (RecordKind::Courses, "/course"),
        ] {
            all.extend(columns::text(&tree, place).map(|id| (target, id)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_its_schools_and_a_section_its_term_and_course() {
        let of = |kind, json: &str| -> Vec<String> {
            let all = references(kind, json).into_iter();
            all.map(|(target, id)| format!("{target} {id}")).collect()
        };
        let section = r#"{"school":"s","term_id":"t","course":"c","schools":["x"]}"#;
        assert_eq!(
            of(RecordKind::Sections, section),
            ["schools s", "terms t", "courses c"]
        );
        let user = r#"{"roles":{"teacher":{"school":"s","schools":["s","r"]}},"term_id":"t"}"#;
        assert_eq!(of(RecordKind::Users, user), ["schools r", "schools s"]);
        assert!(of(RecordKind::Sections, "{").is_empty());
    }
}
