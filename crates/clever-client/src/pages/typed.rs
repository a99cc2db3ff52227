//! Lists whose records are read into Clever's models.

use std::marker::PhantomData;
use std::sync::Arc;

use async_stream::try_stream;
use clever_model::RecordKind;
use clever_raw::page::RawPage;
use futures_core::Stream;
use futures_util::{StreamExt, pin_mut};
use serde::de::DeserializeOwned;

use super::element::Element;
use super::list::ListRequest;
use crate::error::ClientError;

/// A list of records of the model `T`.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until its records are read"]
pub struct TypedList<T> {
    request: ListRequest,
    kind: RecordKind,
    model: PhantomData<fn() -> T>,
}

impl<T> TypedList<T> {
    /// Reads `request`, whose records are of `kind`.
    pub(crate) fn new(request: ListRequest, kind: RecordKind) -> Self {
        Self {
            request,
            kind,
            model: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> TypedList<T> {
    /// Changes the request beneath: its page size, its start.
    pub fn with(mut self, change: impl FnOnce(ListRequest) -> ListRequest) -> Self {
        self.request = change(self.request);
        self
    }

    /// Reads the list page by page; see [`ListRequest::pages`].
    pub fn pages(self) -> impl Stream<Item = Result<RawPage, ClientError>> + Send + 'static {
        self.request.pages()
    }

    /// Reads the list record by record, to its end or to an error; counts drift ([`crate::District::drift`]).
    pub fn records(self) -> impl Stream<Item = Result<Element<T>, ClientError>> + Send + 'static {
        let caller = Arc::clone(self.request.caller());
        let kind = self.kind;
        let pages = self.request.pages();
        try_stream! {
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                let page = page?;
                for record in page.records() {
                    if let Ok(value) = serde_json::from_str(record.json) {
                        caller.drift.observe(kind, &value);
                    }
                    yield Element::read(record.json, Some(record.id));
                }
                for refused in page.refused() {
                    yield Element::Unreadable { id: refused.id.clone() };
                }
            }
        }
    }
}
