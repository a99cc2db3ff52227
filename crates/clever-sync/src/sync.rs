//! One sync from beginning to end: fetch, diff, plan, check, apply.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;

use clever_model::{Clock, DistrictId, IdError, RecordKind, Timestamp};
use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use futures_core::Stream;
use futures_util::{StreamExt, pin_mut};
use tracing::{Span, info, info_span};

use crate::certificate::{Certificate, Doubt};
use crate::check;
use crate::columns;
use crate::diff::KindDiff;
use crate::events::{self, EventCounts, Why};
use crate::plan::{self, Plan, PlanError};
use crate::policy::SyncPolicy;
use crate::progress::Progress;
use crate::reading;
use crate::report::{KindReport, Outcome, Resumed, RunPath, SHARED, SyncReport};
use crate::resume::{self, Done, Grounds, Note};
use crate::source::RosterSource;
use crate::store::{Base, Commit, Left, Store, StoreError};

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
    /// The events feed could not be read.
    #[error("could not read the events; the roster is unchanged")]
    Events {
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Events were asked for, and can't be relied on.
    #[error("events alone do not do: {why}")]
    EventsAlone {
        /// What is missing.
        why: Why,
    },
    /// The district's record has no usable id.
    #[error("the district's own record can't be used")]
    District(#[source] IdError),
    /// The district's record can't be read.
    #[error("the district's own record can't be read: {reason}")]
    DistrictRecord {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A list said that it ended, and its last record is one that never came.
    #[error("the list of {kind} ended before its last record; the roster is unchanged")]
    EndedEarly {
        /// The kind of record.
        kind: RecordKind,
    },
    /// The token opens no district, or several.
    #[error("the token opens {found} districts where it must open exactly one")]
    NotOneDistrict {
        /// How many.
        found: usize,
    },
    /// The source opens another district than the one that was asked for.
    #[error("the token opens the district {opened}, not {wanted}; nothing was written")]
    OtherDistrict {
        /// The one that it opens.
        opened: DistrictId,
        /// The one that was asked for.
        wanted: DistrictId,
    },
    /// The source opens a district that the store does not have, and the store has others.
    #[error(
        "the token opens the district {opened}, which is new to the store; the store has {}; nothing was written",
        known.join(", ")
    )]
    NewDistrict {
        /// The one that it opens.
        opened: DistrictId,
        /// Those that the store has.
        known: Vec<String>,
    },
    /// The plan that was approved is not the plan that was made.
    #[error("the approved plan {approved} is not what is held now ({held})")]
    OtherPlan {
        /// The hash that was approved.
        approved: String,
        /// The hash of what is held, or `nothing`.
        held: String,
    },
    /// The plan's file can't be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error("the store could not be used; the roster is unchanged")]
    Store(#[from] StoreError),
}

/// What the district's own record says.
pub(crate) struct DistrictRecord {
    pub(crate) id: DistrictId,
    pub(crate) name: String,
    last_sync: Option<String>,
    pub(crate) paused: bool,
}

/// What was learnt and staged.
pub(crate) struct Learnt {
    pub(crate) path: RunPath,
    pub(crate) why: Option<Why>,
    pub(crate) kinds: BTreeMap<RecordKind, KindReport>,
    pub(crate) events: Option<EventCounts>,
    pub(crate) drift: Drift,
    /// The cursor to keep if everything is applied.
    pub(crate) cursor: Option<String>,
    pub(crate) paused: bool,
    pub(crate) resumed: Option<Resumed>,
}

/// Brings the store in step with the district that `source` opens.
///
/// Reads everything first and writes once, at the end, in one transaction; a run that fails or is
/// stopped before has changed nothing.
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
    progress.reading(RecordKind::Districts);
    let district_page = read_district(source).await?;
    let district = district_record(&district_page)?;
    options.admit.check(&district.id)?;
    let span = info_span!("sync", district = district.id.as_str());
    info!(parent: &span, "reading");
    let base = store.base(&district.id).await?;
    let walk = Walk {
        district: &district,
        page: &district_page,
        base: &base,
        kinds: policy.kinds(),
        now: started_at,
        // What is let through now may not be what a later run is asked to let through.
        keeps: options.approve.is_none(),
        span,
    };
    let done = run(&walk, source, store, policy, options, clock, progress).await;
    if done.is_err() {
        resume::forsake(store, &district.id, &base).await;
    }
    done
}

/// Reads, compares, checks and applies or plans.
async fn run<S: Store>(
    walk: &Walk<'_>,
    source: &impl RosterSource,
    store: &mut S,
    policy: &SyncPolicy,
    options: &SyncOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let (district, base, started_at, span) = (walk.district, walk.base, walk.now, &walk.span);
    let (mut left, mut discarded) = (None, false);
    if options.way != Way::Events {
        (left, discarded) = walk.left(source, store).await?;
    }
    let mut learnt = None;
    let mut why = choose(options.way, base, policy, started_at);
    if why.is_none() {
        why = unfollowed(store, &district.id, policy).await?;
    }
    if why.is_none() {
        // What made an earlier run read the lists holds until they are read: the feed is as it was, or further on.
        let doubt = left.as_ref().and_then(|note| note.why.clone());
        why = doubt.filter(Why::is_of_the_feed);
    }
    if let (None, Some(cursor)) = (&why, &base.cursor) {
        left = None;
        store.begin(&district.id).await?;
        match events::read(source, store, &district.id, cursor, walk.kinds, clock).await? {
            Ok(told) => learnt = Some(from_events(told, district, walk.kinds)),
            Err(doubt) => {
                info!(parent: span, %doubt, "reading a snapshot");
                why = Some(doubt);
            }
        }
    }
    let learnt = match (learnt, why) {
        (Some(learnt), _) => learnt,
        (None, Some(why)) if options.way == Way::Events => {
            return Err(SyncError::EventsAlone { why });
        }
        (None, why) => walk.snapshot(source, store, why, left, progress).await?,
    };
    let mut report = SyncReport::new(&district.id, started_at, learnt.path, walk.kinds);
    report.district_name.clone_from(&district.name);
    report.why = learnt.why;
    report.kinds = learnt.kinds;
    report.events = learnt.events;
    report.resumed = learnt.resumed;
    report.discarded = discarded;
    report.drift = learnt.drift;
    check::check(store, &district.id, &mut report, learnt.paused, policy).await?;
    plan::settle(store, &mut report, options.approve.as_deref()).await?;
    // A list without anything may be a mistake that nothing of the store contradicts: no events build on it.
    let hollow = learnt.path == RunPath::Snapshot
        && SHARED.iter().any(|kind| {
            report
                .kinds
                .get(kind)
                .is_some_and(|of_kind| of_kind.seen == 0)
        });
    // What is not wholly applied is read again: events from the same place, a snapshot as a snapshot.
    let cursor = match (learnt.path, report.whole) {
        (_, true) if hollow => None,
        (_, true) => learnt.cursor,
        (RunPath::Events, false) => base.cursor.clone(),
        (_, false) => None,
    };
    report.finished_at = clock.now();
    if options.dry_run {
        report.outcome = Outcome::Planned;
        foresee(store, &mut report).await?;
        if let Some(path) = &options.plan {
            let plan = Plan::of(&report, base, cursor);
            plan::write(path, &plan, store).await?;
        }
        store.done().await?;
    } else {
        let commit = Commit {
            district: &district.id,
            base,
            now: report.finished_at,
            cursor: cursor.as_deref(),
            whole_snapshot: report.whole && learnt.path == RunPath::Snapshot,
            policy,
        };
        store.commit(&commit, &mut report, progress).await?;
    }
    info!(parent: span, outcome = ?report.outcome, "finished");
    Ok(report)
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

/// Says that events don't do where the policy asks for what the last run left out.
async fn unfollowed<S: Store>(
    store: &mut S,
    district: &DistrictId,
    policy: &SyncPolicy,
) -> Result<Option<Why>, StoreError> {
    let kind = RecordKind::Resources;
    let unread = policy.resources && !store.followed(district, kind).await?;
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

/// What a walk over all lists stands on.
struct Walk<'a> {
    district: &'a DistrictRecord,
    /// The page of the district's own record.
    page: &'a RawPage,
    base: &'a Base,
    kinds: &'static [RecordKind],
    now: Timestamp,
    /// Whether a later run may go on with it.
    keeps: bool,
    span: Span,
}

impl Walk<'_> {
    /// Reads every list and stages what differs; goes on with what is left of an earlier run.
    async fn snapshot<S: Store>(
        &self,
        source: &impl RosterSource,
        store: &mut S,
        why: Option<Why>,
        left: Option<Note>,
        progress: &dyn Progress,
    ) -> Result<Learnt, SyncError> {
        let grounds = self.grounds(source);
        let keeps = grounds.is_some();
        let resumed = left.as_ref().map(Note::resumed);
        let mut note = match left {
            Some(note) => {
                let place = note.place();
                let place = place.as_ref().map(|(kind, id)| (*kind, id.as_str()));
                store.resume(place).await?;
                note
            }
            None => {
                store.begin(&self.district.id).await?;
                // Before the first page: what happens while the lists are read is told again, and lost by nobody.
                let cursor = source
                    .newest_event()
                    .await
                    .map_err(|source| SyncError::Events {
                        source: Box::new(source),
                    })?;
                let grounds = grounds.unwrap_or_else(|| self.grounds_of(""));
                Note::begin(grounds, why.clone(), self.now, cursor)
            }
        };
        for &kind in self.kinds {
            if note.done.contains_key(&kind) {
                continue;
            }
            self.kind(kind, source, store, &mut note, keeps, progress)
                .await?;
        }
        let kinds = note.done.into_iter().map(|(kind, done)| {
            let report = KindReport {
                certificate: done.certificate,
                seen: done.seen,
                unreadable: done.unreadable,
                refused: done.refused,
                ..KindReport::default()
            };
            (kind, report)
        });
        let mut learnt = Learnt {
            path: RunPath::Snapshot,
            why,
            kinds: kinds.collect(),
            events: None,
            drift: note.drift,
            cursor: note.cursor,
            paused: false,
            resumed,
        };
        let afterwards = district_record(&read_district(source).await?)?;
        if afterwards.id != self.district.id || afterwards.last_sync != self.district.last_sync {
            for report in learnt.kinds.values_mut() {
                report.certificate.doubts.push(Doubt::Moved);
            }
        }
        learnt.paused = self.district.paused || afterwards.paused;
        // What has no proof is taken back from the staging area, and would be missing there.
        let proven = learnt
            .kinds
            .values()
            .all(|report| report.certificate.proves_absence());
        if keeps && !proven {
            store.keep("").await?;
        }
        Ok(learnt)
    }

    /// What a walk that others may go on with stands on; `None` where none may.
    fn grounds(&self, source: &impl RosterSource) -> Option<Grounds> {
        let name = source.resumes().filter(|_| self.keeps)?;
        Some(self.grounds_of(&name))
    }

    fn grounds_of(&self, source: &str) -> Grounds {
        let district = self.district;
        let last_sync = district.last_sync.as_deref();
        Grounds::of(
            source,
            district.id.as_str(),
            last_sync,
            self.kinds,
            self.base,
        )
    }

    /// Finds what an earlier run staged of this very walk; says also whether it left something that can't be read.
    async fn left<S: Store>(
        &self,
        source: &impl RosterSource,
        store: &mut S,
    ) -> Result<(Option<Note>, bool), StoreError> {
        let Some(grounds) = self.grounds(source) else {
            return Ok((None, false));
        };
        Ok(match store.left(&self.district.id).await? {
            Left::Walk(text) => (Note::read(&text, &grounds, self.now), false),
            Left::Nothing => (None, false),
            Left::Broken => (None, true),
        })
    }

    /// Reads one list.
    async fn kind<S: Store, R: RosterSource>(
        &self,
        kind: RecordKind,
        source: &R,
        store: &mut S,
        note: &mut Note,
        keeps: bool,
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        let current = note.current.take().filter(|current| current.kind == kind);
        let after = current
            .as_ref()
            .and_then(|current| current.witness.last_in_order().map(ToOwned::to_owned));
        let mut difference = match current {
            Some(current) => KindDiff::resume(current),
            None => KindDiff::new(kind),
        };
        let mut open = true;
        if kind == RecordKind::Districts {
            progress.page(kind, self.page.len(), self.page.bytes(), Some(1));
            difference.page(store, self.page).await?;
            // The token opens one, and this is it.
            difference.ended();
        } else {
            progress.reading(kind);
            open = match after {
                Some(after) => {
                    let pages = source.pages_after(kind, &after);
                    pages_of::<S, R>(pages, store, &mut difference, note, keeps, progress).await?
                }
                None => {
                    let pages = source.pages(kind);
                    pages_of::<S, R>(pages, store, &mut difference, note, keeps, progress).await?
                }
            };
        }
        if open && difference.wants_end() {
            let end = source.end(kind).await.map_err(|error| SyncError::Fetch {
                kind,
                source: Box::new(error),
            })?;
            if !difference.end(&end) {
                return Err(SyncError::EndedEarly { kind });
            }
        }
        let done = Done {
            certificate: if open {
                difference.finish(store).await?
            } else {
                info!(%kind, "the app may not read them");
                Certificate::closed()
            },
            seen: difference.seen,
            unreadable: difference.unreadable,
            refused: difference.refused,
        };
        note.done.insert(kind, done);
        note.drift.merge(difference.drift);
        note.current = None;
        if keeps {
            store.keep(&note.text()).await?;
        }
        Ok(())
    }
}

/// Compares the pages of one list, and keeps a note of each. Says whether the app may read the list, of a kind that
/// few apps may.
async fn pages_of<S: Store, R: RosterSource>(
    pages: impl Stream<Item = Result<RawPage, R::Error>>,
    store: &mut S,
    difference: &mut KindDiff,
    note: &mut Note,
    keeps: bool,
    progress: &dyn Progress,
) -> Result<bool, SyncError> {
    let kind = difference.kind;
    pin_mut!(pages);
    while let Some(page) = pages.next().await {
        let page = match page {
            Err(error) if kind == RecordKind::Resources && R::is_closed(&error) => {
                return Ok(false);
            }
            page => page.map_err(|error| SyncError::Fetch {
                kind,
                source: Box::new(error),
            })?,
        };
        progress.page(
            difference.kind,
            page.len(),
            page.bytes(),
            page.count().said(),
        );
        difference.page(store, &page).await?;
        // The last page's note is the list's own.
        if keeps && !matches!(page.next(), Ok(None)) {
            note.drift.merge(std::mem::take(&mut difference.drift));
            note.current = Some(difference.current());
            store.keep(&note.text()).await?;
        }
    }
    Ok(true)
}

pub(crate) async fn read_district(source: &impl RosterSource) -> Result<RawPage, SyncError> {
    let page = source.district().await.map_err(|error| SyncError::Fetch {
        kind: RecordKind::Districts,
        source: Box::new(error),
    })?;
    // One that leads on is the first of several; one that can't be read is one too.
    let more = !matches!(page.next(), Ok(None));
    let found = page.len() + page.refused().len() + usize::from(more);
    match page.refused().first() {
        _ if found != 1 => Err(SyncError::NotOneDistrict { found }),
        Some(refused) => Err(SyncError::DistrictRecord {
            reason: refused.reason,
        }),
        None => Ok(page),
    }
}

fn district_record(page: &RawPage) -> Result<DistrictRecord, SyncError> {
    let Some(record) = page.records().next() else {
        return Err(SyncError::NotOneDistrict { found: 0 });
    };
    // Without its state and its last sync nothing would protect the lists.
    let value = reading::value(record.json).ok_or(SyncError::DistrictRecord {
        reason: "it is no value that can be kept",
    })?;
    Ok(DistrictRecord {
        id: DistrictId::new(record.id).map_err(SyncError::District)?,
        name: columns::text(&value, "/name").unwrap_or_default(),
        last_sync: columns::said(&value, "/last_sync"),
        paused: columns::is_paused(&value),
    })
}

/// What the totals would be after a plan that is not applied.
async fn foresee<S: Store>(store: &mut S, report: &mut SyncReport) -> Result<(), StoreError> {
    for (kind, of_kind) in &mut report.kinds {
        let before = store.active(*kind).await?;
        of_kind.total = before + of_kind.created + of_kind.restored - of_kind.archived;
    }
    Ok(())
}
