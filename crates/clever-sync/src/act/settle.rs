//! Puts what is staged into numbers and a hash, and lets through what was approved.
//!
//! Decision: if something is held, the hash covers the held part alone. The rest is applied at once and moves the store, and
//! the hash printed beside the hold must still be good for the approval that follows. The hash is of meanings if a record
//! replaces another, so that members in another order don't change it; it is of bytes for new records, which nobody
//! approves and a first load need not parse.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use clever_model::RecordKind;

use crate::error::SyncError;
use crate::report::{HeldSample, Outcome, SyncReport};
use crate::store::{Edit, Op, Rows, Run, Staged, StoreError, each};

/// So many of the records that are held are named in the report, of each kind and operation.
const SAMPLES: usize = 20;

/// Who let through what is held, by its hash.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Approval<'a> {
    /// Nobody let it through.
    None,
    /// Whoever started the run: it fails if something else is held.
    Now(&'a str),
    /// Somebody, before the run: if something else is held, it stays held.
    Beforehand(&'a str),
}

/// Puts the plan into numbers and a hash; lets through what was approved.
pub(crate) async fn settle<R: Run>(
    run: &mut R,
    report: &mut SyncReport,
    approval: Approval<'_>,
) -> Result<(), SyncError> {
    let any_held = !report.holds.is_empty();
    let samples;
    (report.plan_hash, samples) = plan_hash(run, &report.district_id, any_held).await?;
    let fits = |hash: &str| any_held && hash == report.plan_hash;
    let is_approved = match approval {
        Approval::Now(hash) if !fits(hash) => {
            let held = if any_held {
                report.plan_hash.clone()
            } else {
                "nothing".to_owned()
            };
            return Err(SyncError::OtherPlan {
                approved: hash.to_owned(),
                held,
            });
        }
        Approval::Now(_) => true,
        Approval::Beforehand(hash) => fits(hash),
        Approval::None => false,
    };
    if is_approved {
        run.release().await?;
        report.approved = Some(report.plan_hash.clone());
        report.holds.clear();
        report.sizes.clear();
    } else if any_held {
        report.held_samples = samples;
    }
    if !report.holds.is_empty() {
        report.outcome = Outcome::Held;
    }
    report.whole = report.holds.is_empty() && report.is_proven();
    count(run, report).await?;
    Ok(())
}

/// Fills in how many records are created, updated, and so on, and which fields change.
pub(crate) async fn count<R: Run>(run: &mut R, report: &mut SyncReport) -> Result<(), StoreError> {
    let tally = run.tally().await?;
    let updates = tally.keys().any(|(_, op, held)| *op == Op::Update && !held);
    for ((kind, op, held), (count, _)) in tally {
        let of_kind = report.kinds.entry(kind).or_default();
        match (held, op) {
            (true, _) => of_kind.held += count,
            (false, Op::Create) => of_kind.created += count,
            (false, Op::Update) => of_kind.updated += count,
            (false, Op::Archive) => of_kind.archived += count,
            (false, Op::Restore) => of_kind.restored += count,
            (false, Op::Touch | Op::Forget) => {}
        }
    }
    for of_kind in report.kinds.values_mut() {
        let said = of_kind.created + of_kind.updated + of_kind.restored;
        of_kind.unchanged = of_kind.seen.saturating_sub(said + of_kind.held);
    }
    // A first load has none.
    if updates {
        count_fields(run, report).await?;
    }
    Ok(())
}

/// Counts which fields the updates change that are not held.
async fn count_fields<R: Run>(run: &mut R, report: &mut SyncReport) -> Result<(), StoreError> {
    each(run, Rows::all(false), |row| {
        if let (Edit::Update { fields, .. }, false) = (&row.edit, row.held) {
            let fields: Vec<String> = serde_json::from_str(fields).unwrap_or_default();
            let of_kind = report.kinds.entry(row.kind).or_default();
            for field in fields {
                *of_kind.fields.entry(field).or_default() += 1;
            }
        }
        ControlFlow::Continue(())
    })
    .await
}

/// What a hash of rows is made of. If the new record takes the place of another, what it means counts and not how
/// it is written: else nobody could approve what comes in another order at each reading.
fn add(hasher: &mut blake3::Hasher, row: &Staged) {
    hasher.update(&[row.kind as u8, row.op() as u8]);
    hasher.update(&(row.id.len() as u64).to_le_bytes());
    hasher.update(row.id.as_bytes());
    hasher.update(&row.edit.old().copied().unwrap_or_default());
    hasher.update(row.edit.meaning().unwrap_or(row.edit.hash()));
}

pub(crate) fn finish(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// The hash of the held part of the plan, or of all of it: which records, what is done to them, from
/// which bytes to what. Sixteen hex digits. With it come some of the records that are held.
async fn plan_hash<R: Run>(
    run: &mut R,
    district_id: &str,
    held: bool,
) -> Result<(String, Vec<HeldSample>), StoreError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(district_id.as_bytes());
    let mut samples = Samples::default();
    each(run, Rows::all(false), |row| {
        if row.held == held && row.op().is_told() {
            add(&mut hasher, &row);
        }
        if row.held {
            samples.add(&row);
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok((finish(&hasher), samples.all()))
}

/// Some of the records that are held: those with the smallest digests, so that they are of the whole range of ids and the
/// same at each run.
#[derive(Default)]
struct Samples(BTreeMap<(RecordKind, Op), BTreeMap<[u8; 32], HeldSample>>);

impl Samples {
    fn add(&mut self, row: &Staged) {
        let of = self.0.entry((row.kind, row.op())).or_default();
        let digest = *blake3::hash(row.id.as_bytes()).as_bytes();
        let is_less = of.last_key_value().is_none_or(|(last, _)| digest < *last);
        if of.len() >= SAMPLES && !is_less {
            return;
        }
        let fields = match &row.edit {
            Edit::Update { fields, .. } => serde_json::from_str(fields).unwrap_or_default(),
            _ => Vec::new(),
        };
        let sample = HeldSample {
            kind: row.kind,
            op: row.op().as_str().to_owned(),
            id: row.id.clone(),
            fields,
        };
        of.insert(digest, sample);
        if of.len() > SAMPLES {
            of.pop_last();
        }
    }

    fn all(self) -> Vec<HeldSample> {
        let all = self.0.into_values();
        all.flat_map(BTreeMap::into_values).collect()
    }
}
