//! Judges what is staged: archiving without proof is dropped, what is suspicious is held, the rest goes on.
//!
//! Only the suspicious part is held: one school's rows where the trouble is one school's, a kind's archiving
//! or updates where it is wider. Shares are of the sizes when the hold began: what is applied beside it must
//! not let it through.

use clever_model::{DistrictId, RecordKind};

use crate::evidence;
use crate::guard::{self, Cause, KindCounts, Suspicion};
use crate::policy::SyncPolicy;
use crate::report::{Hold, Part, RunPath, Size, SyncReport};
use crate::store::{Op, Store, StoreError, Tally};

/// So many schools are still told one by one.
const MAX_SCHOOLS: usize = 20;

/// What was found suspicious, and is held.
struct Found {
    kind: RecordKind,
    counts: KindCounts,
    school: Option<String>,
    suspicion: Suspicion,
}

/// Judges what is staged, and holds what is suspicious.
pub(crate) async fn check<S: Store>(
    store: &mut S,
    district: &DistrictId,
    report: &mut SyncReport,
    paused: bool,
    policy: &SyncPolicy,
) -> Result<(), StoreError> {
    drop_unproven(store, report).await?;
    let tally = store.tally().await?;
    let sizes = store.sizes(district).await?;
    let standing = store.standing(district).await?;
    let mut found = Vec::new();
    for (kind, of_kind) in &report.kinds {
        // Nothing to judge, so nothing to count.
        if !tally.keys().any(|(of, ..)| of == kind) {
            continue;
        }
        let seen = match report.path {
            RunPath::Snapshot => Some(of_kind.seen),
            // A feed of events is silent on what did not change.
            _ => None,
        };
        let counts = count(store, *kind, seen, &tally, sizes.get(kind)).await?;
        report.holds.extend(undone(*kind, counts.active, &tally));
        let standing: Vec<&Hold> = standing.iter().filter(|hold| hold.kind == *kind).collect();
        let held = hold(store, *kind, &counts, &standing, paused, policy).await?;
        if !held.is_empty() {
            let enrolled = store.enrolled().await?;
            let size = Size {
                active: counts.active,
                enrolled: sizes
                    .get(kind)
                    .map_or(enrolled, |size| size.enrolled.min(enrolled)),
                created: counts.created,
            };
            report.sizes.insert(*kind, size);
        }
        found.extend(held);
    }
    if found.is_empty() {
        return Ok(());
    }
    hold_schools(store, &mut found).await?;
    let kinds = found.iter().map(|found| found.kind).collect();
    let evidence = evidence::gather(store, paused, &kinds).await?;
    for found in found {
        let Suspicion {
            part,
            count,
            of,
            limit_percent,
        } = found.suspicion;
        let mut cause = guard::cause(
            found.kind,
            &found.counts,
            found.school.as_deref(),
            &evidence,
        );
        // What told the cause may have been applied beside the hold: new ids are new once.
        let before = standing
            .iter()
            .find(|hold| (hold.kind, hold.part, &hold.school) == (found.kind, part, &found.school));
        if let (Cause::Unexplained, Some(before)) = (&cause, before) {
            cause = before.cause.clone();
        }
        report.holds.push(Hold {
            kind: found.kind,
            part,
            school: found.school,
            count,
            of,
            limit_percent,
            cause,
        });
    }
    report.holds.sort_by_key(|hold| hold.kind);
    Ok(())
}

/// Takes back the archivings of kinds whose lists prove nothing.
async fn drop_unproven<S: Store>(store: &mut S, report: &mut SyncReport) -> Result<(), StoreError> {
    if report.is_proven() {
        return Ok(());
    }
    let tally = store.tally().await?;
    for (kind, of_kind) in &mut report.kinds {
        if of_kind.certificate.proves_absence() {
            continue;
        }
        of_kind.kept = [false, true]
            .iter()
            .filter_map(|held| tally.get(&(*kind, Op::Archive, *held)))
            .map(|(count, _)| count)
            .sum();
        store.unstage_archived(*kind).await?;
    }
    Ok(())
}

/// What the plan does to a kind. What an undo put aside is held already, and suspicious of nothing.
async fn count<S: Store>(
    store: &mut S,
    kind: RecordKind,
    seen: Option<u64>,
    tally: &Tally,
    size: Option<&Size>,
) -> Result<KindCounts, StoreError> {
    let of = |op| tally.get(&(kind, op, false)).copied().unwrap_or_default();
    let mut active = store.active(kind).await?;
    if let Some(size) = size {
        active = active.min(size.active);
    }
    let mut counts = KindCounts {
        seen: seen.unwrap_or(active.max(1)),
        active,
        created: of(Op::Create).0 + size.map_or(0, |size| size.created),
        updated: of(Op::Update).0,
        archived: of(Op::Archive).0,
        ..KindCounts::default()
    };
    if kind == RecordKind::Users && counts.archived > 0 {
        counts.lost_role = store.lost_role().await?;
    }
    if kind == RecordKind::Sections {
        counts.unenrolled = of(Op::Update).1;
        if counts.unenrolled > 0 {
            counts.enrolled = store.enrolled().await?;
            if let Some(size) = size {
                counts.enrolled = counts.enrolled.min(size.enrolled);
            }
        }
    }
    Ok(counts)
}

/// The hold of what an undo took back and Clever still tells.
fn undone(kind: RecordKind, active: u64, tally: &Tally) -> Option<Hold> {
    let count: u64 = Op::ALL
        .iter()
        .filter_map(|op| tally.get(&(kind, *op, true)))
        .map(|(count, _)| count)
        .sum();
    (count > 0).then_some(Hold {
        kind,
        part: Part::Reapply,
        school: None,
        count,
        of: active,
        limit_percent: 0,
        cause: Cause::Undone,
    })
}

/// Holds what is suspicious of one kind: by schools where these few explain it, else a whole part.
async fn hold<S: Store>(
    store: &mut S,
    kind: RecordKind,
    counts: &KindCounts,
    standing: &[&Hold],
    paused: bool,
    policy: &SyncPolicy,
) -> Result<Vec<Found>, StoreError> {
    let wide = guard::judge(counts, paused, policy);
    let narrow = if counts.seen > 0 && !paused {
        suspicious_schools(store, kind, counts, standing, policy).await?
    } else {
        Vec::new()
    };
    let schools = store.active(RecordKind::Schools).await?;
    let mut found = Vec::new();
    for (part, op) in [(Part::Archive, Op::Archive), (Part::Update, Op::Update)] {
        let wide = wide.iter().find(|wide| wide.part == part).copied();
        let narrow: Vec<_> = narrow
            .iter()
            .filter(|(_, found)| found.part == part)
            .collect();
        // What was held as a whole stays so: new people beside it may hide all of its schools but one.
        let stands = standing
            .iter()
            .any(|hold| hold.part == part && hold.school.is_none());
        let few = !stands && narrow.len() <= MAX_SCHOOLS && narrow.len() as u64 * 2 <= schools;
        let mut rest = counts.clone();
        if wide.is_none() || few {
            for (school, suspicion) in narrow {
                let held = store.hold_school(kind, op, school).await?;
                match op {
                    Op::Archive => rest.archived = rest.archived.saturating_sub(held),
                    _ => rest.updated = rest.updated.saturating_sub(held),
                }
                found.push(Found {
                    kind,
                    counts: counts.clone(),
                    school: Some(school.clone()),
                    suspicion: *suspicion,
                });
            }
        }
        let rest = guard::judge(&rest, paused, policy);
        let still = rest.iter().any(|rest| rest.part == part);
        if let Some(suspicion) = wide.filter(|_| still) {
            // Wider than these schools: one hold says it all.
            store.hold(kind, op).await?;
            found.retain(|found| found.suspicion.part != part);
            found.push(Found {
                kind,
                counts: counts.clone(),
                school: None,
                suspicion,
            });
        }
    }
    Ok(found)
}

/// The schools of which a suspicious part is staged; one of which something is held has the size of then.
async fn suspicious_schools<S: Store>(
    store: &mut S,
    kind: RecordKind,
    counts: &KindCounts,
    standing: &[&Hold],
    policy: &SyncPolicy,
) -> Result<Vec<(String, Suspicion)>, StoreError> {
    let of_schools = matches!(kind, RecordKind::Users | RecordKind::Sections);
    if !of_schools || counts.archived.max(counts.updated) <= guard::FEW {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for mut school in store.touched_schools(kind, guard::FEW).await? {
        let then = standing
            .iter()
            .filter(|hold| hold.school.as_ref() == Some(&school.school))
            .map(|hold| hold.of);
        school.active = then.fold(school.active, u64::min);
        let found = guard::judge_school(&school, policy);
        all.extend(
            found
                .into_iter()
                .map(|found| (school.school.clone(), found)),
        );
    }
    Ok(all)
}

/// Holds the archiving of schools whose people or sections are held: a school goes with what is in it.
async fn hold_schools<S: Store>(store: &mut S, found: &mut Vec<Found>) -> Result<(), StoreError> {
    let inside: Vec<&Found> = found
        .iter()
        .filter(|found| matches!(found.kind, RecordKind::Users | RecordKind::Sections))
        .filter(|found| found.suspicion.part == Part::Archive)
        .collect();
    let all = inside.iter().any(|found| found.school.is_none());
    let gone: Vec<String> = evidence::schools_gone(store)
        .await?
        .into_iter()
        .filter(|school| {
            all || inside
                .iter()
                .any(|found| found.school.as_ref() == Some(school))
        })
        .collect();
    let active = store.active(RecordKind::Schools).await?;
    for school in gone {
        if store
            .hold_school(RecordKind::Schools, Op::Archive, &school)
            .await?
            == 0
        {
            continue;
        }
        found.push(Found {
            kind: RecordKind::Schools,
            counts: KindCounts {
                seen: 1,
                active,
                archived: 1,
                ..KindCounts::default()
            },
            school: Some(school),
            suspicion: Suspicion {
                part: Part::Archive,
                count: 1,
                of: active,
                limit_percent: 0,
            },
        });
    }
    Ok(())
}
