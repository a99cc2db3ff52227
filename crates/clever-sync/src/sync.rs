//! One sync from beginning to end: fetch, diff, plan, check, apply.

use std::collections::BTreeMap;
use std::error::Error;

use clever_model::{Clock, DistrictId, IdError, RecordKind, Role};
use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use futures_util::{StreamExt, pin_mut};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde_json::Value;
use tracing::{info, info_span};

use crate::apply::{self, Target};
use crate::certificate::Doubt;
use crate::columns;
use crate::diff::{self, KindDiff, Op};
use crate::findings;
use crate::guard::{self, Context, KindCounts, SyncPolicy};
use crate::progress::Progress;
use crate::report::{Enrollments, Hold, KindReport, Outcome, Part, SyncReport};
use crate::source::RosterSource;
use crate::store::{SqliteStore, StoreError};

/// How to run once.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Say what would be done; do nothing.
    pub dry_run: bool,
    /// Let through what is held, if its hash is this one.
    pub approve: Option<String>,
}

/// Why a sync did nothing. Whatever the error, the store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// A list could not be read to its end.
    #[error("could not read {kind}; the roster is unchanged")]
    Fetch {
        /// The kind of record.
        kind: RecordKind,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The district's record has no usable id.
    #[error("the district's own record can't be used")]
    District(#[source] IdError),
    /// The token opens no district, or several.
    #[error("the token opens {found} districts where it must open exactly one")]
    NotOneDistrict {
        /// How many.
        found: usize,
    },
    /// The plan that was approved is not the plan that was made.
    #[error("the approved plan {approved} is not what is held now ({held})")]
    OtherPlan {
        /// The hash that was approved.
        approved: String,
        /// The hash of what is held, or `nothing`.
        held: String,
    },
    /// The store failed.
    #[error("the store could not be used; the roster is unchanged")]
    Store(#[from] StoreError),
}

/// What the district's own record says.
struct DistrictRecord {
    id: DistrictId,
    name: String,
    last_sync: Option<String>,
    state: Option<String>,
}

/// Brings the store in step with the district that `source` opens.
///
/// Reads everything first and writes once, at the end, in one transaction; a run that fails or is
/// stopped before has changed nothing.
///
/// # Errors
///
/// [`SyncError`]; the store is as it was.
pub async fn sync(
    source: &impl RosterSource,
    store: &mut SqliteStore,
    policy: &SyncPolicy,
    options: &SyncOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let started_at = clock.now();
    progress.reading(RecordKind::Districts);
    let district_page = read_district(source).await?;
    let district = district_record(&district_page)?;
    let span = info_span!("sync", district = district.id.as_str());
    info!(parent: &span, "reading");
    let base = base(&store.connection, &district.id)?;
    diff::stage(&store.connection)?;
    // What the store says of the district before: its small number, or one that nothing has.
    let number = base.district.unwrap_or(-1);
    let mut walk = Walk {
        kinds: BTreeMap::new(),
        unenrolled: 0,
        drift: Drift::default(),
    };
    for kind in RecordKind::ROSTER {
        let mut difference = KindDiff::new(&store.connection, number, kind);
        if kind == RecordKind::Districts {
            progress.page(kind, district_page.len(), district_page.bytes(), Some(1));
            difference.page(&district_page)?;
        } else {
            progress.reading(kind);
            let pages = source.pages(kind);
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| SyncError::Fetch {
                    kind,
                    source: Box::new(error),
                })?;
                progress.page(kind, page.len(), page.bytes(), page.count());
                difference.page(&page)?;
            }
        }
        let (report, drift, unenrolled) = difference.finish()?;
        walk.kinds.insert(kind, report);
        walk.drift.merge(drift);
        walk.unenrolled += unenrolled;
    }
    let afterwards = district_record(&read_district(source).await?)?;
    if afterwards.id != district.id || afterwards.last_sync != district.last_sync {
        for report in walk.kinds.values_mut() {
            report.certificate.doubts.push(Doubt::Moved);
        }
    }
    let holds = check(&store.connection, number, &mut walk, &afterwards, policy)?;
    let plan_hash = plan_hash(&store.connection, district.id.as_str(), !holds.is_empty())?;
    let holds = settle(&store.connection, &mut walk, holds, &plan_hash, options)?;
    let mut report = SyncReport {
        run: None,
        district_id: district.id.to_string(),
        district_name: district.name,
        started_at,
        finished_at: started_at,
        outcome: match (options.dry_run, holds.is_empty()) {
            (true, _) => Outcome::Planned,
            (false, true) => Outcome::Done,
            (false, false) => Outcome::Held,
        },
        kinds: walk.kinds,
        enrollments: Enrollments::default(),
        roles: BTreeMap::new(),
        holds,
        plan_hash,
        findings: Vec::new(),
        drift: walk.drift,
    };
    if options.dry_run {
        foresee(&store.connection, number, &mut report)?;
        report.finished_at = clock.now();
    } else {
        commit(store, &base, &mut report, clock, progress)?;
    }
    info!(parent: &span, outcome = ?report.outcome, "finished");
    Ok(report)
}

/// What all walks together found.
struct Walk {
    kinds: BTreeMap<RecordKind, KindReport>,
    unenrolled: u64,
    drift: Drift,
}

async fn read_district(source: &impl RosterSource) -> Result<RawPage, SyncError> {
    let page = source.district().await.map_err(|error| SyncError::Fetch {
        kind: RecordKind::Districts,
        source: Box::new(error),
    })?;
    if page.len() == 1 {
        Ok(page)
    } else {
        Err(SyncError::NotOneDistrict { found: page.len() })
    }
}

fn district_record(page: &RawPage) -> Result<DistrictRecord, SyncError> {
    let Some(record) = page.records().next() else {
        return Err(SyncError::NotOneDistrict { found: 0 });
    };
    let value: Value = serde_json::from_str(record.json).unwrap_or_default();
    Ok(DistrictRecord {
        id: DistrictId::new(record.id).map_err(SyncError::District)?,
        name: columns::text(&value, "/name").unwrap_or_default(),
        last_sync: columns::text(&value, "/last_sync"),
        state: columns::text(&value, "/state"),
    })
}

/// The store's version of a district when the run began: what must not have moved when it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Base {
    district: Option<i64>,
    run: u64,
}

fn base(connection: &Connection, id: &DistrictId) -> Result<Base, StoreError> {
    let district = connection
        .query_row(
            "SELECT district FROM _districts WHERE district_id = ?1",
            [id.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    let run = connection.query_row(
        "SELECT coalesce(max(run), 0) FROM runs WHERE district_id = ?1",
        [id.as_str()],
        |row| row.get(0),
    )?;
    Ok(Base { district, run })
}

/// Judges the staged plan. Archiving without proof is dropped here; what is suspicious is returned.
fn check(
    connection: &Connection,
    district: i64,
    walk: &mut Walk,
    record: &DistrictRecord,
    policy: &SyncPolicy,
) -> Result<Vec<Hold>, StoreError> {
    for (kind, report) in &mut walk.kinds {
        if report.certificate.proves_absence() {
            continue;
        }
        report.kept = std::mem::take(&mut report.archived);
        connection.execute(
            "DELETE FROM temp.staged WHERE kind = ?1 AND op = ?2",
            params![*kind as u8, Op::Archive as u8],
        )?;
    }
    let of = |kind: RecordKind| walk.kinds.get(&kind).cloned().unwrap_or_default();
    let terms = of(RecordKind::Terms);
    let context = Context {
        paused: record.state.as_deref() == Some("paused"),
        schools_archived: of(RecordKind::Schools).archived > 0,
        terms_changed: terms.created + terms.archived + terms.restored > 0,
    };
    let mut holds = Vec::new();
    for (kind, report) in &walk.kinds {
        let active = connection.query_row(
            "SELECT count(*) FROM _state WHERE district = ?1 AND kind = ?2 AND archived = 0",
            params![district, *kind as u8],
            |row| row.get(0),
        )?;
        let mut counts = KindCounts {
            seen: report.seen,
            active,
            created: report.created,
            updated: report.updated,
            archived: report.archived,
            ..KindCounts::default()
        };
        match kind {
            RecordKind::Users if report.archived > 0 => {
                counts.lost_role = lost_role(connection, district)?;
            }
            RecordKind::Sections if walk.unenrolled > 0 => {
                counts.unenrolled = walk.unenrolled;
                counts.enrolled = connection.query_row(
                    "SELECT count(*) FROM _enrollments WHERE district = ?1",
                    [district],
                    |row| row.get(0),
                )?;
            }
            _ => {}
        }
        holds.extend(guard::judge(*kind, &counts, context, policy));
    }
    for hold in &holds {
        let ops: &[Op] = match hold.part {
            Part::Archive => &[Op::Archive],
            Part::Update => &[Op::Update],
        };
        for op in ops {
            connection.execute(
                "UPDATE temp.staged SET held = 1 WHERE kind = ?1 AND op = ?2",
                params![hold.kind as u8, *op as u8],
            )?;
        }
    }
    Ok(holds)
}

/// A role that some active users have, all of whom are to be archived.
fn lost_role(connection: &Connection, district: i64) -> Result<Option<Role>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT r.role FROM user_roles r JOIN _districts d ON d.district_id = r.district_id
         LEFT JOIN temp.staged s ON s.kind = ?2 AND s.id = r.user_id AND s.op = ?3
         WHERE d.district = ?1 GROUP BY r.role HAVING count(*) = count(s.id) ORDER BY count(*) DESC LIMIT 1",
    )?;
    let role: Option<String> = statement
        .query_row(
            params![district, RecordKind::Users as u8, Op::Archive as u8],
            |row| row.get(0),
        )
        .optional()?;
    Ok(role.and_then(|role| role.parse().ok()))
}

/// The hash of the held part of the plan, or of all of it: which records, what is done to them, from
/// which bytes to which. Sixteen hex digits.
fn plan_hash(connection: &Connection, district_id: &str, held: bool) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(district_id.as_bytes());
    let mut statement = connection.prepare(
        "SELECT kind, id, op, old_hash, hash FROM temp.staged WHERE held = ?1 AND op <> ?2 ORDER BY kind, id",
    )?;
    let mut rows = statement.query(params![held, Op::Touch as u8])?;
    while let Some(row) = rows.next()? {
        let (kind, id, op): (u8, String, u8) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (old, new): (Option<[u8; 16]>, [u8; 16]) = (row.get(3)?, row.get(4)?);
        hasher.update(&[kind, op]);
        hasher.update(&(id.len() as u64).to_le_bytes());
        hasher.update(id.as_bytes());
        hasher.update(&old.unwrap_or_default());
        hasher.update(&new);
    }
    Ok(hasher.finalize().to_hex().chars().take(16).collect())
}

/// Lets through what was approved; moves the rest of the held records from their counts to `held`.
fn settle(
    connection: &Connection,
    walk: &mut Walk,
    holds: Vec<Hold>,
    hash: &str,
    options: &SyncOptions,
) -> Result<Vec<Hold>, SyncError> {
    if let Some(approved) = &options.approve {
        if holds.is_empty() || approved != hash {
            let held = if holds.is_empty() {
                "nothing".to_owned()
            } else {
                hash.to_owned()
            };
            return Err(SyncError::OtherPlan {
                approved: approved.clone(),
                held,
            });
        }
        connection
            .execute("UPDATE temp.staged SET held = 0", [])
            .map_err(StoreError::from)?;
        return Ok(Vec::new());
    }
    for hold in &holds {
        let Some(report) = walk.kinds.get_mut(&hold.kind) else {
            continue;
        };
        match hold.part {
            Part::Archive => report.held += std::mem::take(&mut report.archived),
            Part::Update => {
                report.held += std::mem::take(&mut report.updated);
                report.fields.clear();
            }
        }
    }
    Ok(holds)
}

/// Writes the plan, the run and what follows from them, in one transaction.
fn commit(
    store: &mut SqliteStore,
    base_then: &Base,
    report: &mut SyncReport,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let transaction = store
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    // The id was checked when it was read.
    let id = DistrictId::new(report.district_id.as_str()).map_err(|_| StoreError::Moved)?;
    if base(&transaction, &id)? != *base_then {
        return Err(StoreError::Moved);
    }
    transaction.execute(
        "INSERT OR IGNORE INTO _districts (district_id) VALUES (?1)",
        [id.as_str()],
    )?;
    let district: i64 = transaction.query_row(
        "SELECT district FROM _districts WHERE district_id = ?1",
        [id.as_str()],
        |row| row.get(0),
    )?;
    let run = base_then.run + 1;
    let now = clock.now();
    let target = Target {
        connection: &transaction,
        district,
        district_id: id.as_str(),
        run,
        now,
    };
    let changed = apply::apply(&target, progress)?;
    if changed > 0 {
        findings::renew(&transaction, id.as_str())?;
    }
    report.run = Some(run);
    report.findings = findings::read(&transaction, id.as_str())?;
    totals(&transaction, district, report)?;
    report.finished_at = now;
    transaction.execute(
        "INSERT INTO runs (district_id, run, started_at, finished_at, outcome, report) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            id.as_str(),
            run,
            report.started_at.to_string(),
            now.to_string(),
            serde_json::to_value(report.outcome).ok().and_then(|outcome| outcome.as_str().map(ToOwned::to_owned)),
            serde_json::to_string(&report).unwrap_or_default(),
        ],
    )?;
    transaction.commit()?;
    Ok(())
}

/// Counts what is active in the store.
fn totals(
    connection: &Connection,
    district: i64,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    for (kind, of_kind) in &mut report.kinds {
        of_kind.total = active(connection, district, *kind)?;
    }
    let places = |role: u8| {
        connection.query_row(
            "SELECT count(*) FROM _enrollments e JOIN sections s ON s.key = e.section
             WHERE e.district = ?1 AND e.role = ?2 AND s.archived_at IS NULL",
            params![district, role],
            |row| row.get(0),
        )
    };
    report.enrollments = Enrollments {
        students: places(0)?,
        teachers: places(1)?,
    };
    let mut statement = connection
        .prepare("SELECT role, count(*) FROM user_roles WHERE district_id = ?1 GROUP BY role")?;
    let rows = statement.query_map([&report.district_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    report.roles = rows.collect::<Result<_, _>>()?;
    Ok(())
}

fn active(connection: &Connection, district: i64, kind: RecordKind) -> Result<u64, StoreError> {
    Ok(connection.query_row(
        "SELECT count(*) FROM _state WHERE district = ?1 AND kind = ?2 AND archived = 0",
        params![district, kind as u8],
        |row| row.get(0),
    )?)
}

/// What the totals would be after a plan that is not applied.
fn foresee(
    connection: &Connection,
    district: i64,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    for (kind, of_kind) in &mut report.kinds {
        let before = active(connection, district, *kind)?;
        of_kind.total = before + of_kind.created + of_kind.restored - of_kind.archived;
    }
    Ok(())
}
