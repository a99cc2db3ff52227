//! An app's tables in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use crate::directory::AccountId;
use crate::merge::{Conflict, OwnedRow, OwnedRows, RowKey};

/// A table of [`MemoryRows`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemoryTable {
    /// Each row: who has it, and the value that must be unique for an account, if there is one.
    pub(super) rows: BTreeMap<String, (OwnedRow, Option<String>)>,
}

/// Tables in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemoryRows {
    /// By name.
    pub(super) tables: BTreeMap<String, MemoryTable>,
}

impl OwnedRows for MemoryRows {
    type Error = Infallible;

    async fn of_origin(
        &mut self,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Vec<OwnedRow>, Infallible> {
        let rows = self.tables.values().flat_map(|table| table.rows.values());
        Ok(rows
            .map(|(row, _)| row)
            .filter(|row| accounts.contains(&row.origin))
            .cloned()
            .collect())
    }

    async fn conflicts(
        &mut self,
        one: &AccountId,
        other: &AccountId,
    ) -> Result<Vec<Conflict>, Infallible> {
        let mut found = Vec::new();
        for table in self.tables.values() {
            let of = |owner: &AccountId| {
                table
                    .rows
                    .values()
                    .filter(move |(row, _)| row.owner == *owner)
                    .collect::<Vec<_>>()
            };
            for (a, of_a) in of(one) {
                for (b, _) in of(other)
                    .into_iter()
                    .filter(|(_, of_b)| of_a.is_some() && *of_b == *of_a)
                {
                    found.push(Conflict {
                        one: a.row.clone(),
                        other: b.row.clone(),
                        unique: "value".to_owned(),
                    });
                }
            }
        }
        Ok(found)
    }

    async fn give(
        &mut self,
        row: &RowKey,
        owner: &AccountId,
        origin: &AccountId,
    ) -> Result<(), Infallible> {
        let found = self
            .tables
            .get_mut(&row.table)
            .and_then(|table| table.rows.get_mut(&row.key));
        if let Some((row, _)) = found {
            row.owner = owner.clone();
            row.origin = origin.clone();
        }
        Ok(())
    }
}
