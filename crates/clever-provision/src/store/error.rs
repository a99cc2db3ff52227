//! Why accounts were not read or not written: refused, damaged, or the database's fault.

use clever_auth::seal::NoRandomness;
use clever_model::DistrictId;
use clever_sql::DatabaseError;
use thiserror::Error;

use crate::ledger::{Broken, Impossible, VaultError};
use crate::merge::{MergeRefused, UndoRefused};

/// The store was not read or not written. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// It may not be done, or not now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store holds something else than was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Why something is not done to accounts.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// What the decision saw has changed since.
    #[error(
        "`{thing}` changed since the decision was made: read the directory again and decide again"
    )]
    Stale {
        /// The account or identity.
        thing: String,
    },
    /// The decision is for a person to take part in.
    #[error("the decision is a merge: plan it with the proofs, and apply the plan")]
    NotForMachines,
    /// A new account needs an id.
    #[error("the decision makes an account, and no id for it was given")]
    NoNewId,
    /// The system gives no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// It can't have happened.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// The merge may not be.
    #[error(transparent)]
    Merge(#[from] MergeRefused),
    /// The merge can't be taken back.
    #[error(transparent)]
    Undo(#[from] UndoRefused),
    /// The district's personal data were destroyed.
    #[error(
        "the data of district {0} were erased: connect it again under a new store, or leave it"
    )]
    Erased(DistrictId),
    /// The app's table has a name or a column that can't be one.
    #[error("`{0}` is no plain name of a table or a column")]
    Name(String),
}

/// What the store holds is not what was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The ledger is not what was written.
    #[error(transparent)]
    Ledger(#[from] Broken),
    /// The tables are not what the ledger folds to.
    #[error("`{what}` is not what the ledger folds to: somebody changed the tables by hand")]
    Edited {
        /// The table and the row.
        what: String,
    },
    /// A table has something else than the store writes.
    #[error("the store holds something else than {what} where it must be")]
    Content {
        /// What must be there.
        what: &'static str,
    },
    /// Sealed data do not open.
    #[error("what was sealed for `{place}` does not open: it was erased, moved or changed")]
    Sealed {
        /// What it was sealed for.
        place: String,
    },
}

impl AccountsError {
    /// There must be `what`, and it is something else.
    pub(crate) const fn content(what: &'static str) -> Self {
        Self::Damaged(Damage::Content { what })
    }
}

macro_rules! by {
    ($($error:ty => $way:ty),+ $(,)?) => {$(
        impl From<$error> for AccountsError {
            fn from(error: $error) -> Self {
                <$way>::from(error).into()
            }
        }
    )+};
}

by! {
    Impossible => Refusal,
    MergeRefused => Refusal,
    UndoRefused => Refusal,
    NoRandomness => Refusal,
    Broken => Damage,
}

impl From<VaultError> for AccountsError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoRandomness => Refusal::NoRandomness(NoRandomness).into(),
            VaultError::NotOurs { place } => Damage::Sealed { place }.into(),
        }
    }
}
