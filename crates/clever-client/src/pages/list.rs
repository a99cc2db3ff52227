//! A list of the API as a stream of pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_stream::try_stream;
use clever_raw::operation::{Call, InvalidRequest, List, Operation, parameter};
use clever_raw::page::{LinkFault, RawPage};
use futures_core::Stream;
use futures_util::{StreamExt, pin_mut};
use serde::de::DeserializeOwned;
use url::Url;

use super::element::Element;
use super::page::{BarePage, Paged};
use crate::call::{Caller, Read, Tries};
use crate::error::{ClientError, ErrorKind, WalkError};
use crate::notice::Notice;

/// Smallest page asked for when larger ones are refused, in records.
const MIN_LIMIT: u32 = 50;

/// How often a walk asks for smaller pages because Clever fails.
const MAX_SERVER_STEPS: u32 = 2;

/// How many pages in a row may bring nothing new and still lead on.
const MAX_STANDING: u32 = 1;

/// A list to read: which, from where, in pages of what size.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until its pages are read"]
pub struct ListRequest {
    caller: Arc<Caller>,
    /// What to send, without the page's size; an invalid one is an error of the first page.
    call: Result<Call, InvalidRequest>,
    limit: Option<u32>,
    /// Most records a page that the list allows.
    max_limit: u32,
    /// Whether the token itself opens the list, so that a refusal may be a passing fault.
    own: bool,
}

impl ListRequest {
    /// A list that is read in pages of the size that the operation names, or else the client's options.
    pub(crate) fn paged<O: List>(caller: Arc<Caller>, operation: &O) -> Self {
        let options = caller.options().page_limit;
        let mut request = Self::whole(caller, operation);
        let named = request.parameter(parameter::LIMIT);
        let named = named.and_then(|limit| limit.parse().ok());
        request.max_limit = O::MAX_LIMIT;
        request.limit = Some(named.unwrap_or(options).clamp(1, O::MAX_LIMIT));
        request
    }

    /// A list or a single record whose token, or whose operation, knows no size of pages.
    pub(crate) fn whole<O: Operation>(caller: Arc<Caller>, operation: &O) -> Self {
        Self {
            caller,
            call: operation.call(),
            limit: None,
            max_limit: 0,
            own: false,
        }
    }

    /// A list that the token itself opens, and no record of which may be gone.
    pub(crate) fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// Sends it to another version, whose document has the same operation.
    pub(crate) fn in_version(mut self, version: &'static str) -> Self {
        self.call = self.call.map(|call| call.in_version(version));
        self
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.call = self.call.map(|call| call.with(name, value));
        self
    }

    /// Asks for `records` a page; Clever allows 1 to 10,000, and less for some lists.
    pub fn limit(mut self, records: u32) -> Self {
        self.limit = self.limit.map(|_| records.clamp(1, self.max_limit));
        self
    }

    /// Starts after the record with this id, which need not exist any more.
    pub fn starting_after(self, id: &str) -> Self {
        self.with(parameter::STARTING_AFTER, id)
    }

    /// Starts before the record with this id; `last` means from the end.
    pub fn ending_before(self, id: &str) -> Self {
        self.with(parameter::ENDING_BEFORE, id)
    }

    /// Asks Clever to say how many records the list has. A walk from one end to the other that finds
    /// another number ends in an error.
    pub fn count(self) -> Self {
        self.with(parameter::COUNT, "true")
    }

    /// The value of a parameter that is sent.
    fn parameter(&self, name: &str) -> Option<&str> {
        let parameters = self.call.as_ref().map(Call::parameters).unwrap_or_default();
        let mut found = parameters.iter().filter(|(sent, _)| *sent == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The address of the first page.
    fn address(&self) -> Result<Url, ClientError> {
        let call = self.call.clone()?;
        let call = match self.limit {
            Some(limit) => call.limit(limit),
            None => call,
        };
        self.caller.address(&call)
    }

    /// Reads the first page alone.
    ///
    /// # Errors
    ///
    /// [`ClientError`], after the retries that the error is worth.
    pub async fn first_page(self) -> Result<RawPage, ClientError> {
        let tries = Tries {
            of_list: self.own,
            ..Tries::default()
        };
        self.caller
            .get(&self.address()?, tries, RawPage::split)
            .await
    }

    /// Reads the id of the list's last record, whatever the walk began and ended with; `None` where the list is empty.
    /// Costs a request for one record.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NoLastId`] where the last record has no usable id: taken for an empty list, it would
    /// be taken for an end.
    pub async fn newest(mut self) -> Result<Option<String>, ClientError> {
        use parameter::{COUNT, ENDING_BEFORE, STARTING_AFTER};
        for name in [COUNT, ENDING_BEFORE, STARTING_AFTER] {
            self.call = self.call.map(|call| call.without(name));
        }
        let path = self.address()?.path().to_owned();
        let page = self.limit(1).ending_before("last").first_page().await?;
        let last = page.len() + page.refused().len();
        let refused = page.refused().iter().find(|one| one.index + 1 == last);
        let id = match refused {
            Some(refused) => refused.id.clone(),
            None => page.records().last().map(|record| record.id.to_owned()),
        };
        if id.is_none() && last > 0 {
            let source = WalkError::NoLastId;
            return Err(ClientError::Walk { path, source });
        }
        Ok(id)
    }

    /// Reads the list page by page, following `next` as sent until there is none.
    ///
    /// The stream ends after the last page or after its first error: a walk that could not reach the
    /// end says so. Pages are read on demand; nothing is prefetched.
    pub fn pages(self) -> impl Stream<Item = Result<RawPage, ClientError>> + Send + 'static {
        self.walk("next", RawPage::split)
    }

    /// Reads the list record by record as the model `T`, to its end or to an error. Events are read as
    /// [`clever_raw::event::Event`].
    pub fn records_as<T: DeserializeOwned + Send + 'static>(
        self,
    ) -> impl Stream<Item = Result<Element<T>, ClientError>> + Send + 'static {
        let pages = self.pages();
        try_stream! {
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                let page = page?;
                for record in page.records() {
                    yield Element::read(record.json, Some(record.id));
                }
                for refused in page.refused() {
                    yield Element::Unreadable { id: refused.id.clone() };
                }
            }
        }
    }

    /// Reads a list whose records stand in it bare, without the envelope of the roster's.
    pub(crate) fn bare_records<T: DeserializeOwned + Send + 'static>(
        self,
    ) -> impl Stream<Item = Result<Element<T>, ClientError>> + Send + 'static {
        let pages = self.walk("next", BarePage::read);
        try_stream! {
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                for record in page?.records() {
                    yield match record {
                        Some(record) => Element::read(record, None),
                        None => Element::Unreadable { id: None },
                    };
                }
            }
        }
    }

    /// Reads the list from its end, page by page, following `prev` as sent until there is none.
    ///
    /// Within a page, records ascend as ever. Otherwise like [`ListRequest::pages`].
    pub fn pages_backward(
        self,
    ) -> impl Stream<Item = Result<RawPage, ClientError>> + Send + 'static {
        let request = match self.parameter(parameter::ENDING_BEFORE) {
            None => self.ending_before("last"),
            Some(_) => self,
        };
        request.walk("prev", RawPage::split)
    }

    fn walk<P: Paged>(
        self,
        rel: &'static str,
        read: Read<P>,
    ) -> impl Stream<Item = Result<P, ClientError>> + Send + 'static {
        try_stream! {
            let first = self.address()?;
            let list = first.path().to_owned();
            let walk = |source: WalkError| ClientError::Walk { path: list.clone(), source };
            let whole = self.parameter(parameter::STARTING_AFTER).is_none()
                && self.parameter(parameter::ENDING_BEFORE).is_none_or(|id| id == "last");
            let backward = rel == "prev";
            let mut limit = self.limit;
            let mut seen = BTreeSet::from([place(&first)]);
            let mut url = first;
            let mut number = 0_u64;
            let (mut said, mut found, mut failures) = (None, 0_u64, 0);
            // A walk that begins in the middle has to come beyond its beginning.
            let (mut last, mut standing) = (self.beginning(backward), 0);
            let mut until = self.caller.silent_until();
            loop {
                let tries = Tries {
                    of_list: self.own || number > 0,
                    can_shrink: limit.is_some_and(|limit| limit > MIN_LIMIT),
                    until: Some(until),
                };
                let page = match self.caller.get(&url, tries, read).await {
                    Ok(page) => page,
                    Err(error) => {
                        failures += u32::from(error.kind() == ErrorKind::Server);
                        let Some(smaller) = limit.and_then(|limit| smaller(limit, &error, failures)) else {
                            Err(error)?;
                            return;
                        };
                        self.caller.options().watch.notice(&Notice::Smaller {
                            path: list.clone(),
                            limit: smaller,
                        });
                        limit = Some(smaller);
                        url = with_limit(&url, smaller);
                        continue;
                    }
                };
                number += 1;
                if number == 1 && whole {
                    said = page.count();
                }
                found += page.elements() as u64;
                standing = if page.advances(&mut last, backward) { 0 } else { standing + 1 };
                let next = page.link(rel).map(|link| link.map(|link| self.resolve(link)));
                yield page;
                // What the caller does with a page is no silence.
                until = self.caller.silent_until();
                match next {
                    Err(fault) => {
                        // Only a count that is met, or the list's own last record, makes an end of that.
                        let counted = said.is_some_and(|said| said == found);
                        if !counted && !self.ends_with(last.as_deref(), fault, backward).await? {
                            Err(walk(WalkError::Links { page: number, fault }))?;
                        }
                        break;
                    }
                    Ok(None) => {
                        if let Some(said) = said.filter(|said| *said != found) {
                            Err(walk(WalkError::Count { said, found }))?;
                        }
                        break;
                    }
                    Ok(Some(next)) => {
                        let next = next.map_err(|()| walk(WalkError::BadLink { page: number }))?;
                        if next.origin() != url.origin() {
                            Err(walk(WalkError::Foreign { page: number }))?;
                        }
                        let next = match limit {
                            Some(limit) if self.limit != Some(limit) => with_limit(&next, limit),
                            _ => next,
                        };
                        if !seen.insert(place(&next)) {
                            Err(walk(WalkError::Loop { page: number }))?;
                        }
                        if standing > MAX_STANDING {
                            Err(walk(WalkError::NoProgress { page: number }))?;
                        }
                        url = next;
                    }
                }
            }
        }
    }

    /// The id after which, or before which, the walk begins.
    fn beginning(&self, backward: bool) -> Option<String> {
        let name = if backward {
            parameter::ENDING_BEFORE
        } else {
            parameter::STARTING_AFTER
        };
        let id = self.parameter(name).map(ToOwned::to_owned);
        id.filter(|id| !backward || id != "last")
    }

    /// Says whether a walk that came to `last` came to the list's end, if a link can't be read that may have led on.
    /// Links that are no list, or lead on to nowhere, are never an end.
    async fn ends_with(
        &self,
        last: Option<&str>,
        fault: LinkFault,
        backward: bool,
    ) -> Result<bool, ClientError> {
        if fault != LinkFault::Unreadable || backward || self.limit.is_none() {
            return Ok(false);
        }
        let newest = self.clone().newest().await?;
        Ok(newest.as_deref() <= last)
    }

    /// Reads a link, which is relative to the API's origin, or to the prefix of a proxy before it.
    fn resolve(&self, link: &str) -> Result<Url, ()> {
        let base = &self.caller.options().api_url;
        if link.starts_with('/') && !link.starts_with("//") {
            let base = base.as_str().trim_end_matches('/');
            return Url::parse(&format!("{base}{link}")).map_err(drop);
        }
        base.join(link).map_err(drop)
    }
}

/// The page size to continue with after `error`, if a smaller one may help.
fn smaller(limit: u32, error: &ClientError, failures: u32) -> Option<u32> {
    // A failing Clever may fail over the page's size; one that fails over smaller pages too is just failing.
    let failed = error.kind() == ErrorKind::Server && failures <= MAX_SERVER_STEPS;
    let too_large = error.kind() == ErrorKind::TooLarge;
    // Clever's own clients saw time-outs on large lists; half a page takes half as long. Of a server that sent nothing, a
    // smaller page is no more to be had than a large one.
    let too_slow = matches!(error, ClientError::Network { source, received, .. }
        if source.is_timeout() && *received > 0);
    (limit > MIN_LIMIT && (too_large || too_slow || failed)).then_some((limit / 2).max(MIN_LIMIT))
}

/// Where in the list a page is: its address without the page's size, in whatever order the parameters
/// came. A cursor that returns is a loop, even with another size.
fn place(url: &Url) -> (String, BTreeSet<(String, String)>) {
    let query = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| name != parameter::LIMIT);
    (url.path().to_owned(), query.collect())
}

/// `url` with its `limit` replaced.
fn with_limit(url: &Url, limit: u32) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| name != parameter::LIMIT)
        .collect();
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .append_pair(parameter::LIMIT, &limit.to_string())
        .extend_pairs(others);
    changed
}
