//! Reads the lists of a snapshot: several at once, and a long one from both ends.
//!
//! Over a real network a walk waits for pages more than it works on them. So a page is asked for while the one before is
//! compared, lists that do not need each other are read in turn, and a list that is known to be long is read from its
//! end, too. No more than [`AT_ONCE`] pages are on their way or lie ready at any time, and one is compared.
//!
//! If the end of a list can't be read, its front alone is as good a walk. If the front can't, the run fails.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use clever_model::RecordKind;
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::future::{self, Either};
use futures_util::stream::{FuturesUnordered, StreamFuture};
use tracing::info;

use crate::error::SyncError;
use crate::learn::certificate::Side;
use crate::learn::diff::KindDiff;
use crate::learn::resume::{Current, Done, Note};
use crate::learn::snapshot::Walk;
use crate::learn::source::{Begin, RosterSource};
use crate::progress::Progress;
use crate::report::Certificate;
use crate::store::Run;

/// Pages that are asked for at once.
const AT_ONCE: usize = 3;

/// One end of a list that is read.
struct End<S> {
    kind: RecordKind,
    side: Side,
    pages: Pin<Box<S>>,
}

impl<S: Stream> Stream for End<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.pages.as_mut().poll_next(context)
    }
}

/// A list whose walk is under way.
struct Open<S> {
    difference: KindDiff,
    /// The ends whose next page is asked for or came, and how many records each brought last.
    asked: Vec<(Side, u64)>,
    /// Ends that are not asked while what the others bring may suffice.
    waiting: Vec<End<S>>,
    /// Whether the walk from the back was tried, or can't be.
    has_back: bool,
    /// How many records are still to come behind the pages that came, where they were counted.
    left: Option<u64>,
}

impl<S> Open<S> {
    /// How many ends are being read.
    fn ends(&self) -> usize {
        self.asked.len() + self.waiting.len()
    }

    /// Whether an end's next page may bring what no page does that another end is asked for.
    fn needs(&self, side: Side) -> bool {
        let others = self.asked.iter().filter(|(other, _)| *other != side);
        let coming: u64 = others.map(|(_, records)| records).sum();
        self.left.is_none_or(|left| left > coming)
    }
}

/// The lists whose walks are under way, and the pages that are on their way.
struct Lists<S: Stream> {
    open: BTreeMap<RecordKind, Open<S>>,
    asked: FuturesUnordered<StreamFuture<End<S>>>,
    came: VecDeque<(Option<S::Item>, End<S>)>,
}

impl<S: Stream> Lists<S> {
    fn ends(&self) -> usize {
        self.open.values().map(Open::ends).sum()
    }

    /// Asks for an end's next page.
    fn ask(&self, list: &mut Open<S>, end: End<S>, records: u64) {
        list.asked.push((end.side, records));
        self.asked.push(end.into_future());
    }

    /// Asks for the next pages of the ends that may bring something; the others wait.
    fn ask_those_needed(&self, list: &mut Open<S>, records: u64) {
        for end in std::mem::take(&mut list.waiting) {
            if list.needs(end.side) {
                self.ask(list, end, records);
            } else {
                list.waiting.push(end);
            }
        }
    }

    /// What comes next; nothing where nothing was asked for.
    async fn next(&mut self) -> Option<(Option<S::Item>, End<S>)> {
        match self.came.pop_front() {
            Some(next) => Some(next),
            None => self.asked.next().await,
        }
    }

    /// Does some work, and takes what comes meanwhile.
    async fn meanwhile<O>(&mut self, work: impl Future<Output = O>) -> O {
        loop {
            let asked = &mut self.asked;
            match future::poll_fn(|context| Poll::Ready(asked.poll_next_unpin(context))).await {
                Poll::Ready(Some(one)) => self.came.push_back(one),
                Poll::Ready(None) => return work.await,
                Poll::Pending => break,
            }
        }
        // Whoever sends what was just asked for has a turn before the work holds the thread.
        let mut sent = false;
        future::poll_fn(|context| {
            if std::mem::replace(&mut sent, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let mut work = pin!(work);
        loop {
            match future::select(self.asked.next(), work.as_mut()).await {
                Either::Left((Some(one), _)) => self.came.push_back(one),
                Either::Left((None, _)) => return work.await,
                Either::Right((done, _)) => return done,
            }
        }
    }
}

impl Walk<'_> {
    /// Reads the lists that the note does not have yet, and stages what differs.
    pub(crate) async fn lists<R: Run, T: RosterSource>(
        &self,
        source: &T,
        run: &mut R,
        note: &mut Note,
        keeps: bool,
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        let kinds = self.kinds.iter().copied();
        let mut to_open: VecDeque<RecordKind> =
            kinds.filter(|kind| !note.done.contains_key(kind)).collect();
        let mut lists = Lists {
            open: BTreeMap::new(),
            asked: FuturesUnordered::new(),
            came: VecDeque::new(),
        };
        loop {
            while let Some(&kind) = to_open.front()
                && lists.ends() + ends_of(note, kind) <= AT_ONCE
            {
                to_open.pop_front();
                if kind == RecordKind::Districts {
                    let difference = self.own(run, progress).await?;
                    close(source, run, note, keeps, progress, difference).await?;
                    continue;
                }
                progress.reading(kind);
                let current = note.current.get(&kind).cloned();
                let (mut list, begins) = begin(kind, current, source.has_two_ends());
                for (side, begin) in begins {
                    let pages = Box::pin(source.pages_from(kind, begin));
                    lists.ask(&mut list, End { kind, side, pages }, 0);
                }
                lists.open.insert(kind, list);
            }
            // What is still on its way belongs to lists that are whole.
            if lists.open.is_empty() {
                return Ok(());
            }
            let Some((page, end)) = lists.next().await else {
                return Ok(());
            };
            let (kind, side) = (end.kind, end.side);
            let Some(mut list) = lists.open.remove(&kind) else {
                continue;
            };
            list.asked.retain(|(asked, _)| *asked != side);
            let page = match page {
                Some(Ok(page)) => page,
                Some(Err(error)) if side == Side::Front => {
                    if !(kind == RecordKind::Resources && T::is_closed(&error)) {
                        return Err(fetch(kind, error));
                    }
                    info!(%kind, "the app may not read them");
                    progress.read(kind);
                    note.current.remove(&kind);
                    let done = done_with(list.difference, Certificate::closed());
                    note.done.insert(kind, done);
                    continue;
                }
                // The end of the list, or of what can be read from there: the other end goes on.
                ended => {
                    if ended.is_some() {
                        info!(%kind, "the list can't be read from its end");
                    }
                    for end in std::mem::take(&mut list.waiting) {
                        lists.ask(&mut list, end, 0);
                    }
                    if list.asked.is_empty() {
                        close(source, run, note, keeps, progress, list.difference).await?;
                    } else {
                        lists.open.insert(kind, list);
                    }
                    continue;
                }
            };
            let records = (page.len() + page.refused().len()) as u64;
            list.left = list.difference.left_after(&page);
            list.waiting.push(end);
            let is_long = list.left.is_some_and(|left| left > records);
            if !list.has_back && is_long && lists.ends() + list.ends() < AT_ONCE {
                list.has_back = true;
                let pages = Box::pin(source.pages_from(kind, Begin::Back));
                let side = Side::Back;
                list.waiting.push(End { kind, side, pages });
            }
            lists.ask_those_needed(&mut list, records);
            let before = list.difference.seen;
            let comparing = Box::pin(list.difference.page(run, &page, side));
            lists.meanwhile(comparing).await?;
            // What both ends read counts once.
            let new = usize::try_from(list.difference.seen - before).unwrap_or(usize::MAX);
            progress.page(kind, new, page.bytes(), page.count().said());
            if list.difference.is_whole() {
                close(source, run, note, keeps, progress, list.difference).await?;
                continue;
            }
            if list.asked.is_empty() && !list.waiting.is_empty() {
                // Less came than was expected, or all did and the ends have not met: one of them looks.
                let end = list.waiting.remove(0);
                lists.ask(&mut list, end, records);
            }
            if keeps {
                note.drift.merge(std::mem::take(&mut list.difference.drift));
                note.current.insert(kind, list.difference.current());
                run.keep(&note.text()).await?;
            }
            lists.open.insert(kind, list);
        }
    }

    /// Compares the district's own record, which was read before all lists.
    async fn own<R: Run>(
        &self,
        run: &mut R,
        progress: &dyn Progress,
    ) -> Result<KindDiff, SyncError> {
        let kind = RecordKind::Districts;
        let mut difference = KindDiff::new(kind);
        progress.page(kind, self.page.len(), self.page.bytes(), Some(1));
        difference.page(run, self.page, Side::Front).await?;
        // The token opens one, and this is it.
        difference.ended();
        Ok(difference)
    }
}

/// How many ends a list begins with.
fn ends_of(note: &Note, kind: RecordKind) -> usize {
    let current = note.current.get(&kind);
    1 + usize::from(current.is_some_and(|current| current.witness.back().is_some()))
}

/// A list that is opened, and where its walks begin: in the middle where an earlier run stopped there.
fn begin<S>(
    kind: RecordKind,
    current: Option<Current>,
    has_two_ends: bool,
) -> (Open<S>, Vec<(Side, Begin)>) {
    let mut list = Open {
        difference: KindDiff::new(kind),
        asked: Vec::new(),
        waiting: Vec::new(),
        has_back: !has_two_ends,
        left: None,
    };
    let Some(current) = current else {
        return (list, vec![(Side::Front, Begin::Front)]);
    };
    let witness = &current.witness;
    let last = witness.last_in_order().map(ToOwned::to_owned);
    let mut begins = vec![(Side::Front, last.map_or(Begin::Front, Begin::After))];
    if let Some(back) = witness.back() {
        list.has_back = true;
        begins.push((Side::Back, Begin::Before(back.to_owned())));
    }
    list.difference = KindDiff::resume(kind, current);
    (list, begins)
}

/// Ends a list: what the store has and the list does not is gone, if the walk has its certificate.
async fn close<R: Run, T: RosterSource>(
    source: &T,
    run: &mut R,
    note: &mut Note,
    keeps: bool,
    progress: &dyn Progress,
    mut difference: KindDiff,
) -> Result<(), SyncError> {
    let kind = difference.kind;
    if difference.wants_end() {
        let end = source.end(kind).await;
        let end = end.map_err(|error| fetch(kind, error))?;
        if !difference.end(&end) {
            return Err(SyncError::EndedEarly { kind });
        }
    }
    let certificate = difference.finish(run).await?;
    progress.read(kind);
    note.drift.merge(std::mem::take(&mut difference.drift));
    note.current.remove(&kind);
    note.done.insert(kind, done_with(difference, certificate));
    if keeps {
        run.keep(&note.text()).await?;
    }
    Ok(())
}

fn fetch<E: Error + Send + Sync + 'static>(kind: RecordKind, error: E) -> SyncError {
    SyncError::Fetch {
        kind,
        source: Box::new(error),
    }
}

fn done_with(difference: KindDiff, certificate: Certificate) -> Done {
    Done {
        certificate,
        seen: difference.seen,
        unreadable: difference.unreadable,
        refused: difference.refused,
    }
}
