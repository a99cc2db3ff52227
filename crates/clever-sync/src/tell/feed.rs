//! The feed of changes for programs: in order, each at least once, from where the consumer had come.
//!
//! ```
//! use clever_model::{Clock, SystemClock};
//! use clever_sync::{Record, SqliteStore, changes};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut store = SqliteStore::in_memory()?;
//! let mut feed = changes(&mut store, "5a25ffb0c1bc2a0036000001", "search").await?;
//! // `feed.wait(|| tokio::time::sleep(…))` goes on for ever instead.
//! while let Some(change) = feed.next().await? {
//!     if let Some(Record::User(user)) = change.after_record()? {
//!         println!("{} {}: {:?}", change.op, change.id, user.name.is_some());
//!     }
//!     // What is not acknowledged comes again after a crash.
//!     feed.acknowledge(SystemClock.now()).await?;
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;

use clever_model::{RecordKind, Timestamp};
use clever_raw::v3_1::types::{Course, District, Resource, School, Section, Term, User};
use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::store::StoreError;
use crate::store::changes::{Change, ChangeFilter};
use crate::store::sql::{RosterDb, SqlStore};

/// Changes read at once, unless asked otherwise.
const BATCH: u32 = 200;

/// A log of changes, which knows how far each consumer of them has come. An app's own store may be one.
pub trait ChangeLog {
    /// Reads a district's changes that `filter` lets through, in order.
    fn changes(
        &mut self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> impl Future<Output = Result<Vec<Change>, StoreError>>;

    /// Up to which change a consumer has come; 0 before its first acknowledgement.
    fn position(
        &mut self,
        district_id: &str,
        consumer: &str,
    ) -> impl Future<Output = Result<u64, StoreError>>;

    /// Notes that a consumer has dealt with every change up to `seq`; a position never goes back.
    fn acknowledge(
        &mut self,
        district_id: &str,
        consumer: &str,
        seq: u64,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

impl<B: RosterDb> ChangeLog for SqlStore<B> {
    async fn changes(
        &mut self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, StoreError> {
        Self::changes(self, district_id, filter).await
    }

    async fn position(&mut self, district_id: &str, consumer: &str) -> Result<u64, StoreError> {
        Self::position(self, district_id, consumer).await
    }

    async fn acknowledge(
        &mut self,
        district_id: &str,
        consumer: &str,
        seq: u64,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Self::acknowledge(self, district_id, consumer, seq, at).await
    }
}

/// A consumer's way through a district's feed. Memory is bounded by one batch, however far it is behind.
#[derive(Debug)]
pub struct Feed<'a, S> {
    store: &'a mut S,
    district_id: String,
    consumer: String,
    filter: ChangeFilter,
    /// Read and not yet given out.
    ahead: VecDeque<Change>,
    /// The last change that was given out.
    given: u64,
}

/// Opens a district's feed for a consumer, at the place to which it had come. Consumers don't see each other.
///
/// # Errors
///
/// [`StoreError`] when the store can't be read.
pub async fn changes<'a, S: ChangeLog>(
    store: &'a mut S,
    district_id: &str,
    consumer: &str,
) -> Result<Feed<'a, S>, StoreError> {
    let given = store.position(district_id, consumer).await?;
    Ok(Feed {
        store,
        district_id: district_id.to_owned(),
        consumer: consumer.to_owned(),
        filter: ChangeFilter {
            after: given,
            limit: BATCH,
            ..ChangeFilter::default()
        },
        ahead: VecDeque::new(),
        given,
    })
}

impl<S: ChangeLog> Feed<'_, S> {
    /// Gives only changes of this kind. Those of others are passed with the next one that is acknowledged.
    #[must_use]
    pub fn kind(mut self, kind: RecordKind) -> Self {
        self.filter.kind = Some(kind);
        self
    }

    /// Reads so many at once, at least one.
    #[must_use]
    pub fn batch(mut self, changes: u32) -> Self {
        self.filter.limit = changes.max(1);
        self
    }

    /// The next change; `None` at the feed's end. Asked again later, it continues with what has come since.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read; nothing is passed over.
    pub async fn next(&mut self) -> Result<Option<Change>, StoreError> {
        if self.ahead.is_empty() {
            self.ahead = self
                .store
                .changes(&self.district_id, &self.filter)
                .await?
                .into();
            if let Some(last) = self.ahead.back() {
                self.filter.after = last.seq;
            }
        }
        let change = self.ahead.pop_front();
        if let Some(change) = &change {
            self.given = change.seq;
        }
        Ok(change)
    }

    /// The next change, waited for: while there is none, `pause` is awaited before each new look.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn wait<P: Future<Output = ()>>(
        &mut self,
        mut pause: impl FnMut() -> P,
    ) -> Result<Change, StoreError> {
        loop {
            if let Some(change) = self.next().await? {
                return Ok(change);
            }
            pause().await;
        }
    }

    /// The changes up to the feed's end, as a stream.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Change, StoreError>> {
        futures_util::stream::try_unfold(self, |feed| async move {
            Ok(feed.next().await?.map(|change| (change, feed)))
        })
    }

    /// The number of the last change that was given out, or of the last acknowledged before any was.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Notes that all changes given out so far are dealt with. What was given out and not acknowledged is given
    /// again to whoever opens the feed as this consumer next.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be written.
    pub async fn acknowledge(&mut self, at: Timestamp) -> Result<(), StoreError> {
        self.store
            .acknowledge(&self.district_id, &self.consumer, self.given, at)
            .await
    }
}

/// A record read into Clever's model of its kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Record {
    /// The district itself.
    District(Box<District>),
    /// A school.
    School(Box<School>),
    /// A term.
    Term(Box<Term>),
    /// A course.
    Course(Box<Course>),
    /// A person, of any role.
    User(Box<User>),
    /// A section, with its places.
    Section(Box<Section>),
    /// A piece of the app's content.
    Resource(Box<Resource>),
}

impl Change {
    /// The record before, read; none where there was none.
    ///
    /// # Errors
    ///
    /// The JSON's error, where the record does not read as its kind's model.
    pub fn before_record(&self) -> Result<Option<Record>, serde_json::Error> {
        read(self.kind, self.before.as_deref())
    }

    /// The record after, read; none where it was archived.
    ///
    /// # Errors
    ///
    /// The JSON's error, where the record does not read as its kind's model.
    pub fn after_record(&self) -> Result<Option<Record>, serde_json::Error> {
        read(self.kind, self.after.as_deref())
    }
}

fn read(kind: RecordKind, json: Option<&RawValue>) -> Result<Option<Record>, serde_json::Error> {
    fn model<T: DeserializeOwned>(
        json: &RawValue,
        make: fn(Box<T>) -> Record,
    ) -> Result<Option<Record>, serde_json::Error> {
        serde_json::from_str(json.get()).map(|model| Some(make(Box::new(model))))
    }
    let Some(json) = json else {
        return Ok(None);
    };
    match kind {
        RecordKind::Districts => model(json, Record::District),
        RecordKind::Schools => model(json, Record::School),
        RecordKind::Terms => model(json, Record::Term),
        RecordKind::Courses => model(json, Record::Course),
        RecordKind::Users => model(json, Record::User),
        RecordKind::Sections => model(json, Record::Section),
        RecordKind::Resources => model(json, Record::Resource),
    }
}
