//! What a walk needs to know of a page, and the pages of lists whose records have no envelope.

use std::ops::Range;

use bytes::Bytes;
use clever_raw::page::{LinkFault, Links, PageError, RawPage};
use clever_raw::text::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::send::body::read_json;

/// A page of a list.
pub(crate) trait Paged: Send + 'static {
    /// The URI of the link called `rel`; `None` where there certainly is none.
    fn link(&self, rel: &str) -> Result<Option<&str>, LinkFault>;
    /// How many records the whole list has, if the page says.
    fn count(&self) -> Option<u64>;
    /// How many elements the page has, readable or not.
    fn elements(&self) -> usize;
    /// Says whether the page brings something that the page before it did not, whose word on itself is `last`.
    fn advances(&self, last: &mut Option<String>, backward: bool) -> bool;
}

impl Paged for RawPage {
    fn link(&self, rel: &str) -> Result<Option<&str>, LinkFault> {
        self.link(rel)
    }

    fn count(&self) -> Option<u64> {
        self.count().said()
    }

    fn elements(&self) -> usize {
        self.len() + self.refused().len()
    }

    fn advances(&self, last: &mut Option<String>, backward: bool) -> bool {
        let beyond = |found: &&str| {
            let last = last.as_deref();
            last.is_none_or(|last| {
                if backward {
                    *found < last
                } else {
                    *found > last
                }
            })
        };
        let mut read = self.records().map(|record| record.id);
        // In order, as mostly, the outermost record says it.
        let outermost = if backward {
            read.next()
        } else {
            read.next_back()
        };
        let found = match outermost.filter(beyond) {
            Some(found) if self.refused().is_empty() => Some(found),
            _ => {
                let refused = self.refused().iter().filter_map(|one| one.id.as_deref());
                let all = self.records().map(|record| record.id).chain(refused);
                let found = if backward { all.min() } else { all.max() };
                found.filter(beyond)
            }
        };
        let found = found.map(ToOwned::to_owned);
        let advances = found.is_some();
        *last = found.or_else(|| last.take());
        advances
    }
}

/// A page whose records stand in it bare, and may have no id: attendance, submissions.
pub(crate) struct BarePage {
    text: Text,
    records: Vec<Range<usize>>,
    links: Links,
}

impl BarePage {
    /// Reads a body.
    pub(crate) fn read(body: Bytes) -> Result<Self, PageError> {
        #[derive(Deserialize)]
        struct Keys<'a> {
            #[serde(borrow, default)]
            data: Option<Vec<&'a RawValue>>,
            #[serde(default)]
            links: Links,
        }
        let text = Text::of(body)?;
        let keys: Keys<'_> = read_json(text.text.as_bytes())?;
        let start = text.text.as_ptr() as usize;
        let spans = keys.data.into_iter().flatten().map(|record| {
            let at = record.get().as_ptr() as usize - start;
            at..at + record.get().len()
        });
        Ok(Self {
            records: spans.collect(),
            links: keys.links,
            text,
        })
    }

    /// The records, as sent; `None` where one is not UTF-8.
    pub(crate) fn records(&self) -> impl Iterator<Item = Option<&str>> {
        self.records.iter().map(|span| {
            let whole = self.text.wrong_in(span).is_none();
            self.text.text.get(span.clone()).filter(|_| whole)
        })
    }
}

impl Paged for BarePage {
    fn link(&self, rel: &str) -> Result<Option<&str>, LinkFault> {
        self.links.find(rel)
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn elements(&self) -> usize {
        self.records.len()
    }

    /// Records without ids have no order; the same page again is no step on.
    fn advances(&self, last: &mut Option<String>, _: bool) -> bool {
        let Some(found) = self.records.last() else {
            return false;
        };
        let found = self.text.text.get(found.clone()).map(ToOwned::to_owned);
        let other = found != *last;
        *last = found;
        other
    }
}
