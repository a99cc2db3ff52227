//! The other way to learn the roster: Clever's feed of events, read from where the last run stopped.
//!
//! A record's last event says what it should be, so a record is staged once, however often it
//! changed. The feed proves nothing by itself: a cursor that Clever no longer keeps silently yields later
//! events. So each read is checked against the oldest event kept and the district's own last sync; any
//! doubt gives a [`Why`], and the caller reads a snapshot instead.

use std::collections::BTreeMap;
use std::error::Error;

use clever_model::{Clock, DistrictId, RecordKind, Timestamp, is_word};
use clever_raw::drift::Drift;
use clever_raw::event::Event;
use clever_raw::page::RawPage;
use clever_raw::tree::Json as _;
use futures_core::Stream;
use futures_util::{StreamExt, future, pin_mut};

use crate::error::SyncError;
use crate::learn::columns;
use crate::learn::diff::{decide, gone};
use crate::learn::district::read_district;
use crate::learn::kept_out::{self, Shown};
use crate::learn::reading;
use crate::learn::source::RosterSource;
use crate::progress::Progress;
use crate::report::{EventCounts, Why};
use crate::store::{Run, StoreError};

/// How long after a district's sync its events may be on their way, in seconds; about a minute was seen.
const LAG_SECONDS: u64 = 3600;

/// Most different types counted by name.
const MAX_TYPES: usize = 50;

/// What was learnt from the feed.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) counts: EventCounts,
    pub(crate) drift: Drift,
    unreadable: u64,
    unordered: bool,
    /// Whether the district is paused, as of the feed's end.
    pub(crate) paused: bool,
    last_sync: Option<String>,
}

/// Reads the feed after `cursor` to its end and stages what it tells.
///
/// Returns what the feed said, or why it can't be relied on; then what is staged must be thrown away.
pub(crate) async fn read<R: Run, T: RosterSource>(
    source: &T,
    run: &mut R,
    district: &DistrictId,
    cursor: &str,
    kinds: &[RecordKind],
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<Result<Told, Why>, SyncError> {
    if let Some(why) = gap(source.oldest_event().await.map_err(failed)?, cursor) {
        return Ok(Err(why));
    }
    let mut told = Told::default();
    told.counts.last = Some(cursor.to_owned());
    let pages = source.events(cursor);
    told.follow::<R, T>(pages, run, district, kinds, progress)
        .await?;
    if told.unordered {
        return Ok(Err(Why::Unordered));
    }
    if told.unreadable > 0 {
        return Ok(Err(Why::Unreadable {
            count: told.unreadable,
        }));
    }
    // Events may have been dropped while the feed was read.
    if let Some(why) = gap(source.oldest_event().await.map_err(failed)?, cursor) {
        return Ok(Err(why));
    }
    let page = read_district(source).await?;
    let now = page
        .records()
        .next()
        .and_then(|record| reading::value(record.json));
    told.paused = now.as_ref().is_none_or(columns::is_paused);
    let last_sync = now
        .as_ref()
        .and_then(|record| columns::said(record, "/last_sync"));
    let known = match told.last_sync.take() {
        Some(told) => Some(told),
        None => stored_last_sync(run, district).await?,
    };
    if let Some(last_sync) = last_sync.filter(|last_sync| known.as_ref() != Some(last_sync)) {
        let at: Option<Timestamp> = last_sync.parse().ok();
        let on_its_way =
            at.is_some_and(|at| clock.now().as_second().abs_diff(at.as_second()) < LAG_SECONDS);
        if !on_its_way {
            return Ok(Err(Why::Untold { last_sync }));
        }
    }
    Ok(Ok(told))
}

/// The district's last sync as the store has it.
async fn stored_last_sync<R: Run>(
    run: &mut R,
    district: &DistrictId,
) -> Result<Option<String>, StoreError> {
    let id = district.as_str();
    let found = run.find(RecordKind::Districts, &[id]).await?;
    let record = found
        .get(id)
        .and_then(|known| reading::value(&known.record));
    Ok(record.and_then(|record| columns::said(&record, "/last_sync")))
}

/// Says why events after `cursor` may be missing: ids carry their time and ascend, so a feed that begins
/// after the cursor may have lost what lay between.
fn gap(oldest: Option<String>, cursor: &str) -> Option<Why> {
    match oldest {
        None => Some(Why::NoEvents),
        Some(oldest) if oldest.as_str() > cursor => Some(Why::Gap {
            cursor: cursor.to_owned(),
            oldest,
        }),
        Some(_) => None,
    }
}

/// What the last event of a record says.
struct Last {
    event: String,
    /// `None` where the record is gone.
    json: Option<String>,
}

/// What went wrong with the feed.
fn failed<E: Error + Send + Sync + 'static>(source: E) -> SyncError {
    SyncError::Events {
        source: Box::new(source),
    }
}

impl Told {
    /// Reads the pages of the feed to their end.
    async fn follow<R: Run, T: RosterSource>(
        &mut self,
        pages: impl Stream<Item = Result<RawPage, T::Error>>,
        run: &mut R,
        district: &DistrictId,
        kinds: &[RecordKind],
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        pin_mut!(pages);
        let mut next = pages.next().await;
        while let Some(page) = next {
            let page = page.map_err(failed)?;
            progress.events(page.records().count());
            // The next page comes while this one is read.
            let reading = self.page(run, district, kinds, &page);
            let (ahead, read) = future::join(pages.next(), reading).await;
            read?;
            next = ahead;
        }
        Ok(())
    }

    async fn page<R: Run>(
        &mut self,
        run: &mut R,
        district: &DistrictId,
        wanted: &[RecordKind],
        page: &RawPage,
    ) -> Result<(), StoreError> {
        self.unreadable += page.refused().len() as u64;
        let mut kinds: BTreeMap<RecordKind, BTreeMap<String, Last>> = BTreeMap::new();
        for record in page.records() {
            match self.counts.last.as_deref() {
                // The same event again.
                Some(last) if record.id == last => continue,
                Some(last) if record.id < last => {
                    self.unordered = true;
                    continue;
                }
                _ => {}
            }
            self.counts.last = Some(record.id.to_owned());
            self.counts.read += 1;
            let Ok(event) = serde_json::from_str::<Event>(record.json) else {
                self.unreadable += 1;
                continue;
            };
            // What it is about can't be read: it may be about anybody.
            if event.event_type.is_none() {
                self.unreadable += 1;
                continue;
            }
            let Some((kind, op)) = synced(&event, wanted) else {
                self.skip(&event);
                continue;
            };
            let object = event.data.as_ref().and_then(|data| data.object.as_deref());
            let tree = object.and_then(|object| reading::tree(object.get()));
            let id = tree
                .as_ref()
                .and_then(|tree| tree.key("id")?.text())
                .filter(|id| clever_model::check_id(id).is_ok());
            let (Some(id), Some(object), Some(tree)) = (id, object, &tree) else {
                self.unreadable += 1;
                continue;
            };
            if op != "deleted" && columns::hides_members(kind, tree) {
                self.unreadable += 1;
                continue;
            }
            if kind == RecordKind::Districts && (op == "deleted" || id != district.as_str()) {
                self.skip(&event);
                continue;
            }
            let shown = kept_out::record(kind, id, object.get(), run.kept_out());
            if matches!(shown, Some(Shown::Nothing)) {
                self.skip(&event);
                continue;
            }
            self.counts.used += 1;
            let json = if op == "deleted" {
                None
            } else {
                self.drift.observe(kind.as_str(), tree);
                if kind == RecordKind::Districts {
                    let value = reading::value(object.get());
                    self.last_sync = value.and_then(|value| columns::said(&value, "/last_sync"));
                }
                Some(match shown {
                    Some(Shown::Rest(json)) => json,
                    _ => object.get().to_owned(),
                })
            };
            let event = record.id.to_owned();
            kinds
                .entry(kind)
                .or_default()
                .insert(id.to_owned(), Last { event, json });
        }
        for (kind, records) in kinds {
            stage(run, kind, &records).await?;
        }
        Ok(())
    }

    fn skip(&mut self, event: &Event) {
        let name = match event.event_type.as_ref() {
            Some(name) if is_word(name.as_str()) => name.as_str().to_owned(),
            // What stands there may be of a person.
            Some(_) => "not a word".to_owned(),
            None => "without a type".to_owned(),
        };
        let skipped = &mut self.counts.skipped;
        let name = if skipped.len() < MAX_TYPES || skipped.contains_key(&name) {
            name
        } else {
            "others".to_owned()
        };
        *skipped.entry(name).or_default() += 1;
    }
}

/// The kind and the operation of an event about a kind that is synced.
fn synced<'e>(event: &'e Event, wanted: &[RecordKind]) -> Option<(RecordKind, &'e str)> {
    let (kind, op) = event.subject()?;
    let kind: RecordKind = kind.parse().ok()?;
    let known = matches!(op, "created" | "updated" | "deleted");
    (known && wanted.contains(&kind)).then_some((kind, op))
}

/// Stages what the last events of some records say; what says nothing new is taken back.
async fn stage<R: Run>(
    run: &mut R,
    kind: RecordKind,
    records: &BTreeMap<String, Last>,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = records.keys().map(String::as_str).collect();
    let known = run.find(kind, &ids).await?;
    let mut rows = Vec::new();
    let mut nothing = Vec::new();
    for (id, last) in records {
        let known = known.get(id);
        let event = Some(last.event.as_str());
        let row = match &last.json {
            Some(json) => decide(kind, id, json, known, event),
            None => known
                .filter(|known| !known.state.archived)
                .map(|known| gone(kind, &known.state, event)),
        };
        match row {
            Some(row) => rows.push(row),
            None => nothing.push(id.as_str()),
        }
    }
    run.unstage(kind, &nothing).await?;
    run.stage(rows).await
}
