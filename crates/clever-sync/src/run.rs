//! One sync from beginning to end: learn, check, settle, apply.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clever_model::{Clock, DistrictId, RecordKind, Timestamp};
use tracing::{Instrument as _, info, info_span};

use crate::act::plan::{self, Plan};
use crate::act::settle::{Approval, settle};
use crate::check::judge::check;
use crate::check::policy::SyncPolicy;
use crate::error::SyncError;
use crate::learn::district::{DistrictRecord, district_record, read_district};
use crate::learn::events;
use crate::learn::snapshot::{Learnt, Walk};
use crate::learn::source::RosterSource;
use crate::progress::{Progress, Timed};
use crate::report::attempt::Stage;
use crate::report::measure;
use crate::report::{KindReport, Outcome, RunPath, SHARED, SyncReport, Why};
use crate::store::{Base, Commit, Known, Run, Store, StoreError};

/// Which way to learn the roster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// Events where they can be relied on, else a snapshot.
    #[default]
    Auto,
    /// A snapshot.
    Snapshot,
    /// Events, or nothing.
    Events,
}

/// Which district a run may bring into the store: a token opens its own, whatever somebody meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Admit {
    /// Whichever the source opens.
    #[default]
    Any,
    /// The one that was asked for.
    Only(DistrictId),
    /// One of these, which the store has.
    Known(BTreeSet<String>),
}

impl Admit {
    /// Says whether a district that the source opens may be brought into the store.
    ///
    /// # Errors
    ///
    /// [`SyncError::OtherDistrict`] or [`SyncError::NewDistrict`] where it may not.
    pub fn check(&self, opened: &DistrictId) -> Result<(), SyncError> {
        match self {
            Self::Only(wanted) if wanted != opened => Err(SyncError::OtherDistrict {
                opened: opened.clone(),
                wanted: wanted.clone(),
            }),
            Self::Known(known) if !known.contains(opened.as_str()) => Err(SyncError::NewDistrict {
                opened: opened.clone(),
                known: known.iter().cloned().collect(),
            }),
            Self::Any | Self::Only(_) | Self::Known(_) => Ok(()),
        }
    }
}

/// How to run once.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Which district may be brought into the store.
    pub admit: Admit,
    /// Say what would be done; do nothing.
    pub dry_run: bool,
    /// Let through what is held, if its hash is this one.
    pub approve: Option<String>,
    /// Which way to learn the roster.
    pub way: Way,
    /// With `dry_run`: write the plan to this file.
    pub plan: Option<PathBuf>,
}

/// Brings the store in step with the district that `source` opens.
///
/// Reads everything first and writes once, at the end, in one transaction; a run that fails or is
/// stopped before has changed nothing. The future is `Send` if those of the source and the store are.
///
/// # Errors
///
/// [`SyncError`]; the store is as it was.
pub async fn sync<S: Store>(
    source: &impl RosterSource,
    store: &mut S,
    policy: &SyncPolicy,
    options: &SyncOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let started_at = clock.now();
    let progress = &Timed::begin(progress, clock, started_at);
    progress.reading(RecordKind::Districts);
    let page = read_district(source).await?;
    let district = district_record(&page)?;
    options.admit.check(&district.id)?;
    progress.opened(&district.id);
    progress.lists(policy.kinds());
    let span = info_span!("sync", district = district.id.as_str());
    info!(parent: &span, "reading");
    let mut run = store.begin(&district.id).await?;
    let base = run.base().clone();
    // A look changes nothing, and may be what somebody wants before they let it go on.
    if !options.dry_run
        && let Err(error) = goes_on(&mut run, &district.id).await
    {
        run.leave().await;
        return Err(error);
    }
    let beforehand = match run.approved().await {
        Ok(approved) => approved,
        Err(error) => {
            run.leave().await;
            return Err(error.into());
        }
    };
    let walk = Walk {
        district: &district,
        page: &page,
        base: &base,
        kinds: policy.kinds(),
        now: started_at,
        beforehand: beforehand.as_deref(),
        // What is let through now may not be what a later run is asked to let through.
        keeps: options.approve.is_none() && beforehand.is_none(),
        span: span.clone(),
    };
    let settled = learn_check_settle(&walk, source, &mut run, policy, options, clock, progress);
    let (mut report, cursor) = match settled.instrument(span.clone()).await {
        Ok(settled) => settled,
        Err(error) => {
            run.leave().await;
            return Err(error);
        }
    };
    report.finished_at = clock.now();
    if options.dry_run {
        report.outcome = Outcome::Planned;
        match foresee(&mut run, &mut report, &base, cursor, options).await {
            Ok(()) => run.discard().await?,
            Err(error) => {
                run.leave().await;
                return Err(error);
            }
        }
    } else {
        progress.stage(Stage::Apply);
        let commit = Commit {
            base: &base,
            now: report.finished_at,
            cursor: cursor.as_deref(),
            whole_snapshot: report.whole && report.path == RunPath::Snapshot,
            sticky: &policy.sticky,
        };
        let applying = run.commit(&commit, &mut report, progress);
        applying
            .instrument(info_span!(parent: &span, "apply"))
            .await?;
        measure::run(&report, commit.cursor);
    }
    info!(parent: &span, outcome = ?report.outcome, "finished");
    Ok(report)
}

/// Refuses a run of a district that somebody paused.
async fn goes_on<R: Run>(run: &mut R, district: &DistrictId) -> Result<(), SyncError> {
    let paused = run.paused().await?;
    measure::paused(district.as_str(), paused.is_some());
    match paused {
        None => Ok(()),
        Some(paused) => Err(SyncError::Paused {
            district: district.clone(),
            paused: Box::new(paused),
        }),
    }
}

/// All that comes before anything is applied. Returns what is to be applied, in numbers, and the cursor to keep with it.
async fn learn_check_settle<R: Run>(
    walk: &Walk<'_>,
    source: &impl RosterSource,
    run: &mut R,
    policy: &SyncPolicy,
    options: &SyncOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<(SyncReport, Option<String>), SyncError> {
    progress.stage(Stage::Learn);
    let learning = learn(walk, source, run, policy, options, clock, progress);
    let (learnt, discarded) = learning.instrument(info_span!("learn")).await?;
    let district = &walk.district;
    let mut report = SyncReport::new(&district.id, walk.now, learnt.path, walk.kinds);
    report.district_name.clone_from(&district.name);
    report.why = learnt.why;
    report.kinds = learnt.kinds;
    report.events = learnt.events;
    report.resumed = learnt.resumed;
    report.discarded = discarded;
    report.drift = learnt.drift;
    progress.stage(Stage::Check);
    check(run, &mut report, learnt.paused, policy)
        .instrument(info_span!("check"))
        .await?;
    progress.stage(Stage::Settle);
    let approval = match (&options.approve, walk.beforehand) {
        (Some(hash), _) => Approval::Now(hash),
        (None, Some(hash)) => Approval::Beforehand(hash),
        (None, None) => Approval::None,
    };
    settle(run, &mut report, approval)
        .instrument(info_span!("settle"))
        .await?;
    // A list without anything may be a mistake that nothing of the store contradicts: no events build on it.
    let hollow = learnt.path == RunPath::Snapshot
        && SHARED.iter().any(|kind| {
            let of_kind = report.kinds.get(kind);
            of_kind.is_some_and(|of_kind| of_kind.seen == 0)
        });
    // What is not wholly applied is read again: events from the same place, a snapshot as a snapshot.
    let cursor = match (learnt.path, report.whole) {
        (_, true) if hollow => None,
        (_, true) => learnt.cursor,
        (RunPath::Events, false) => walk.base.cursor.clone(),
        (_, false) => None,
    };
    Ok((report, cursor))
}

/// Learns what the roster should be, and stages how the store differs from it. Says also whether an earlier run left
/// something that can't be read.
async fn learn<R: Run>(
    walk: &Walk<'_>,
    source: &impl RosterSource,
    run: &mut R,
    policy: &SyncPolicy,
    options: &SyncOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<(Learnt, bool), SyncError> {
    let (district, base) = (walk.district, walk.base);
    let (mut left, mut discarded) = (None, false);
    if options.way != Way::Events {
        (left, discarded) = walk.left(source, run).await?;
    }
    let mut why = choose(options.way, base, policy, walk.now);
    if why.is_none() {
        why = unfollowed(run, policy).await?;
    }
    if why.is_none() {
        // What made an earlier run read the lists holds until they are read: the feed is as it was, or further on.
        let doubt = left.as_ref().and_then(|note| note.why.clone());
        why = doubt.filter(Why::is_of_the_feed);
    }
    if let (None, Some(cursor)) = (&why, &base.cursor) {
        left = None;
        run.clear().await?;
        match events::read(
            source,
            run,
            &district.id,
            cursor,
            walk.kinds,
            clock,
            progress,
        )
        .await?
        {
            Ok(told) => return Ok((from_events(told, district, walk.kinds), discarded)),
            Err(doubt) => {
                info!(parent: &walk.span, %doubt, "reading a snapshot");
                why = Some(doubt);
            }
        }
    }
    match why {
        Some(why) if options.way == Way::Events => Err(SyncError::EventsAlone { why }),
        why => {
            let learnt = walk.snapshot(source, run, why, left, progress).await?;
            Ok((learnt, discarded))
        }
    }
}

/// Says why a snapshot is needed; `None` where events may do.
fn choose(way: Way, base: &Base, policy: &SyncPolicy, now: Timestamp) -> Option<Why> {
    if way == Way::Snapshot {
        return Some(Why::Asked);
    }
    let (Some(_), Some(at)) = (&base.cursor, base.snapshot_at) else {
        return Some(Why::NoStart);
    };
    // A snapshot far in the future was taken by a clock that was wrong, and says nothing.
    let due = now.as_second().abs_diff(at.as_second()) >= policy.snapshot_every.as_secs();
    (due && way != Way::Events).then_some(Why::Due { at })
}

/// Says that events are not enough if the policy asks for what the last run left out.
async fn unfollowed<R: Run>(run: &mut R, policy: &SyncPolicy) -> Result<Option<Why>, StoreError> {
    let kind = RecordKind::Resources;
    let unread = policy.resources && !run.followed(kind).await?;
    Ok(unread.then_some(Why::Unread { kind }))
}

fn from_events(told: events::Told, district: &DistrictRecord, kinds: &[RecordKind]) -> Learnt {
    let kinds = kinds.iter().map(|kind| (*kind, KindReport::default()));
    Learnt {
        path: RunPath::Events,
        why: None,
        kinds: kinds.collect(),
        cursor: told.counts.last.clone(),
        events: Some(told.counts),
        drift: told.drift,
        // Before the feed was read, or after: what it archives belongs to the pause.
        paused: district.paused || told.paused,
        resumed: None,
    }
}

/// Says what the totals would be after a plan that is not applied, and writes the plan where it was asked for.
async fn foresee<R: Run>(
    run: &mut R,
    report: &mut SyncReport,
    base: &Base,
    cursor: Option<String>,
    options: &SyncOptions,
) -> Result<(), SyncError> {
    for (kind, of_kind) in &mut report.kinds {
        let before = run.active(*kind).await?;
        of_kind.total = before + of_kind.created + of_kind.restored - of_kind.archived;
    }
    if let Some(path) = &options.plan {
        plan::write(path, &Plan::of(report, base, cursor), run).await?;
    }
    Ok(())
}
