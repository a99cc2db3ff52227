//! The app's own rows: who owns one, whence it came, who wrote it.

use std::collections::BTreeSet;
use std::future::Future;

use clever_model::{Timestamp, UserId};
use serde::Serialize;

use crate::directory::AccountId;
use crate::ledger::State;

/// A row of one of the app's tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RowKey {
    /// The table.
    pub table: String,
    /// The row's key in it.
    pub key: String,
}

/// Who has a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnedRow {
    /// Which row.
    pub row: RowKey,
    /// The account that it shows under today.
    pub owner: AccountId,
    /// The account that it belongs to whatever is merged.
    pub origin: AccountId,
    /// The identity that wrote it, where the app knows.
    pub actor: Option<UserId>,
    /// When it was written.
    pub written: Timestamp,
}

/// Two rows that can't belong to one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Conflict {
    /// The row of one account.
    pub one: RowKey,
    /// The row of the other.
    pub other: RowKey,
    /// What is equal in them and must be unique for an account: a column, or several.
    pub unique: String,
}

/// What an app's tables must do to take part in merges and undos, in the transaction of the ledger's events.
///
/// Every row has an owner and an origin, both the same account at first. A merge changes owners only; so the
/// origin says where a row goes when the merge is taken back. Write new rows with the origin
/// that `AccountStore::opened_by` has for the identity that writes, before merges are followed, or with
/// the actor and let the undo find out.
pub trait OwnedRows {
    /// What can fail.
    type Error: Send;

    /// The rows whose origin is one of these accounts.
    ///
    /// # Errors
    ///
    /// Where the tables can't be read.
    fn of_origin(
        &mut self,
        accounts: &BTreeSet<AccountId>,
    ) -> impl Future<Output = Result<Vec<OwnedRow>, Self::Error>> + Send;

    /// The rows of the one account that can't stand beside rows of the other. They stay with their origin until a
    /// person has decided; [`OwnedRows::give`] is not called for them.
    ///
    /// # Errors
    ///
    /// Where the tables can't be read.
    fn conflicts(
        &mut self,
        one: &AccountId,
        other: &AccountId,
    ) -> impl Future<Output = Result<Vec<Conflict>, Self::Error>> + Send;

    /// Sets a row's owner and origin.
    ///
    /// # Errors
    ///
    /// Where the tables can't be written; then the transaction must not be committed.
    fn give(
        &mut self,
        row: &RowKey,
        owner: &AccountId,
        origin: &AccountId,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Rows with their owner and their origin from now on.
pub(crate) type Moves = Vec<(RowKey, AccountId, AccountId)>;

/// Gives every row to the account that stands for its origin; those in `keep` stay where they are.
///
/// This is what a merge does to rows, and what doing it again after an undo does.
///
/// # Errors
///
/// Where the app's tables can't be read or written.
pub(crate) async fn follow<R: OwnedRows>(
    tables: &mut R,
    state: &State,
    origins: &BTreeSet<AccountId>,
    keep: &BTreeSet<RowKey>,
) -> Result<u64, R::Error> {
    let mut moved = 0;
    for row in tables.of_origin(origins).await? {
        let owner = state.standing(&row.origin).unwrap_or(&row.origin);
        if *owner != row.owner && !keep.contains(&row.row) {
            tables.give(&row.row, owner, &row.origin).await?;
            moved += 1;
        }
    }
    Ok(moved)
}
