//! Why a sign-in, or a page about accounts, failed on our side.

use axum::BoxError;
use clever_auth::seal::{NoRandomness, NotOurs};
use clever_client::{ClientError, SetupError};
use clever_provision::person::{KeptError, RecordError};
use clever_provision::store::AccountsError;
use clever_sql::DatabaseError;
use thiserror::Error;

/// Something failed on our side, or at Clever. No text of it names a person.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebError {
    /// The account store was not read or not written.
    #[error("the account store could not be used")]
    Store(#[from] AccountsError),
    /// The tables of sessions were not read or not written.
    #[error("the sessions' tables could not be used")]
    Database(#[from] DatabaseError),
    /// All connections were in use for too long.
    #[error("no connection to the account store was free in time: raise the pool's size")]
    Busy,
    /// The accounts changed at each try.
    #[error("the accounts changed {0} times while a sign-in was decided: try again")]
    Stale(u32),
    /// The session store of the app failed.
    #[error("the session store could not be used")]
    Sessions(#[source] BoxError),
    /// The app's own part of a sign-in failed.
    #[error("the application's part of a sign-in failed")]
    App(#[source] BoxError),
    /// Clever did not give the person's record.
    #[error("Clever did not give the signed-in person's record")]
    Clever(#[from] ClientError),
    /// The options for calls to Clever can't work.
    #[error("the options for calls to Clever can't work")]
    Setup(#[from] SetupError),
    /// Clever's answer has no record, or one without a person.
    #[error("Clever's answer has no record of a person")]
    NoRecord(#[source] Option<RecordError>),
    /// There is no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// What was sealed does not open.
    #[error("what a session holds does not open: was the key changed?")]
    Sealed(#[from] NotOurs),
    /// What was asked can't be answered any more.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// What was sealed is something else than expected.
    #[error("the store holds something else than {0} where it must be")]
    Content(&'static str),
}
