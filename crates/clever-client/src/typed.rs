//! Lists whose records are read into Clever's models.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use async_stream::try_stream;
use clever_model::{RecordKind, Role};
use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use clever_raw::v3_1::operations::GetUsers;
use clever_raw::v3_1::types;
use futures_core::Stream;
use futures_util::{StreamExt, pin_mut};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::district::District;
use crate::error::ClientError;
use crate::list::ListRequest;

/// A list of records of the model `T`.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until its records are read"]
pub struct TypedList<T> {
    request: ListRequest,
    kind: RecordKind,
    model: PhantomData<fn() -> T>,
}

/// One element of a typed list. What can't be read costs itself, not its page.
#[derive(Debug, Clone)]
pub enum Element<T> {
    /// A record.
    Record(Box<T>),
    /// An element that is no record of the model.
    Unreadable {
        /// Its id, if it has a usable one.
        id: Option<String>,
    },
}

impl<T: DeserializeOwned> Element<T> {
    /// Reads a record's JSON. The models keep parts as they were sent, so they read text, not values.
    pub(crate) fn read(json: &str, id: Option<&str>) -> Self {
        match serde_json::from_str(json).ok() {
            Some(model) => Self::Record(Box::new(model)),
            None => Self::Unreadable {
                id: id.map(ToOwned::to_owned),
            },
        }
    }
}

impl<T> Element<T> {
    /// The record, if it could be read.
    pub fn record(self) -> Option<T> {
        match self {
            Self::Record(record) => Some(*record),
            Self::Unreadable { .. } => None,
        }
    }
}

/// What all clones of a client have met that Clever's documents don't declare.
#[derive(Debug, Default)]
pub(crate) struct DriftCount(Mutex<Drift>);

impl DriftCount {
    fn observe(&self, kind: RecordKind, record: &Value) {
        let mut drift = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drift.observe(kind.as_str(), record);
    }

    pub(crate) fn so_far(&self) -> Drift {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident: $kind:ident => $model:ident,)+) => {
        impl District {$(
            $(#[$doc])*
            pub fn $name(&self) -> TypedList<types::$model> {
                let kind = RecordKind::$kind;
                TypedList { request: self.list(kind), kind, model: PhantomData }
            }
        )+}
    };
}

typed! {
    /// All users, each once, with all their roles.
    users: Users => User,
    /// All schools.
    schools: Schools => School,
    /// All sections.
    sections: Sections => Section,
    /// All courses.
    courses: Courses => Course,
    /// All terms.
    terms: Terms => Term,
    /// All resources.
    resources: Resources => Resource,
}

impl District {
    /// The users of a role, each with all their roles.
    pub fn users_of(&self, role: Role) -> TypedList<types::User> {
        let operation = GetUsers {
            role: Some(role.as_str()),
            ..GetUsers::default()
        };
        TypedList {
            request: self.pages(&operation).in_version(self.0.version),
            kind: RecordKind::Users,
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

    /// Reads the list record by record, to its end or to an error; counts drift ([`District::drift`]).
    pub fn records(self) -> impl Stream<Item = Result<Element<T>, ClientError>> + Send + 'static {
        let transport = Arc::clone(self.request.transport());
        let kind = self.kind;
        let pages = self.request.pages();
        try_stream! {
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                let page = page?;
                for record in page.records() {
                    if let Ok(value) = serde_json::from_str(record.json) {
                        transport.drift.observe(kind, &value);
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

impl District {
    /// What this client's typed lists have met so far that Clever's documents don't declare.
    #[must_use]
    pub fn drift(&self) -> Drift {
        self.0.drift.so_far()
    }
}
