//! What an app says and does about somebody who comes from Clever.

use std::future::Future;

use axum::BoxError;
use clever_provision::person::{Prefill, Question, prefill, questions};
use clever_provision::store::OwnedTable;

use clever_provision::{AccountId, Candidate, Effects, Person, SharedBy};
use serde_json::Value;

use crate::library::LibraryClass;

/// How somebody came into an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The account was known for this Clever id.
    Known,
    /// The account was there, and is linked now.
    Linked,
    /// The account is new.
    Created,
    /// Two accounts were merged into this one.
    Merged,
}

/// Somebody has entered an account.
#[derive(Debug)]
#[non_exhaustive]
pub struct Visit<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// How the person came into it.
    pub came: Came,
    /// What Clever's record says.
    pub person: &'a Person,
    /// The record itself. Personal data.
    pub record: &'a Value,
    /// Who shares the person: a district by contract, or a teacher through the Library.
    pub authority: &'a SharedBy,
    /// The classes of a Library teacher, read just now; `None` for everybody else, and where Clever did not give
    /// them: keep what you have then.
    pub classes: Option<&'a [LibraryClass]>,
    /// What the link means for the app: whom to tell, which changes of address or password to cancel.
    pub effects: &'a Effects,
}

impl Visit<'_> {
    /// What a new account is filled with.
    #[must_use]
    pub fn prefill(&self) -> Vec<Prefill> {
        prefill(self.person, self.authority)
    }

    /// What the app may ask at the first visit, never as a condition for it.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        questions(self.person, self.authority)
    }
}

/// An app's own part of a sign-in.
///
/// An `Err` is the app's own trouble; the person gets a page that says so, with status 503. Its text is logged, so
/// it must not name anybody.
pub trait App: Send + Sync + 'static {
    /// Brings the app's own rows of an account up to date, before the session begins.
    ///
    /// It is called at each sign-in, and again if it failed or the process ended in it: [`Came::Known`] may be said of
    /// an account that the app has not seen. Write what is there now, whatever was there.
    fn entered(&self, visit: &Visit<'_>) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Finds accounts of the app's that may be the person's, and what speaks for each.
    fn candidates(
        &self,
        person: &Person,
    ) -> impl Future<Output = Result<Vec<Candidate>, BoxError>> + Send {
        let _ = person;
        std::future::ready(Ok(Vec::new()))
    }

    /// The app's tables in the same database whose rows follow a merge and its undo.
    fn tables(&self) -> &[OwnedTable] {
        &[]
    }
}
