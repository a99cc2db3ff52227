//! A snapshot: every list read to its end, and each page compared with the store.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use tracing::Span;

use crate::error::SyncError;
use crate::learn::district::{DistrictRecord, district_record, read_district};
use crate::learn::resume::{Grounds, Note};
use crate::learn::source::RosterSource;
use crate::progress::Progress;
use crate::report::{Doubt, EventCounts, KindReport, Resumed, RunPath, Why};
use crate::store::{Base, Left, Run, StoreError};

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

/// What a walk over all lists stands on.
pub(crate) struct Walk<'a> {
    pub(crate) district: &'a DistrictRecord,
    /// The page of the district's own record.
    pub(crate) page: &'a RawPage,
    pub(crate) base: &'a Base,
    pub(crate) kinds: &'static [RecordKind],
    pub(crate) now: Timestamp,
    /// The hash of what somebody approved beforehand.
    pub(crate) beforehand: Option<&'a str>,
    /// Whether a later run may continue it.
    pub(crate) keeps: bool,
    pub(crate) span: Span,
}

impl Walk<'_> {
    /// Reads every list and stages what differs; continues with what an earlier run staged.
    pub(crate) async fn snapshot<R: Run>(
        &self,
        source: &impl RosterSource,
        run: &mut R,
        why: Option<Why>,
        left: Option<Note>,
        progress: &dyn Progress,
    ) -> Result<Learnt, SyncError> {
        let grounds = self.grounds(source);
        let keeps = grounds.is_some();
        let resumed = left.as_ref().map(Note::resumed);
        let mut note = match left {
            Some(note) => {
                run.resume(&note.kept()).await?;
                note
            }
            None => {
                run.clear().await?;
                // Before the first page: the feed then repeats what happens while the lists are read, and nothing is lost.
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
        // On the heap: a caller's stack need not have room for all that is on its way.
        Box::pin(self.lists(source, run, &mut note, keeps, progress)).await?;
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
            run.keep("").await?;
        }
        Ok(learnt)
    }

    /// What a walk that a later run may continue stands on; `None` where none may.
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
    pub(crate) async fn left<R: Run>(
        &self,
        source: &impl RosterSource,
        run: &mut R,
    ) -> Result<(Option<Note>, bool), StoreError> {
        let Some(grounds) = self.grounds(source) else {
            return Ok((None, false));
        };
        Ok(match run.left().await? {
            Left::Walk(text) => (Note::read(&text, &grounds, self.now), false),
            Left::Nothing => (None, false),
            Left::Broken => (None, true),
        })
    }
}
