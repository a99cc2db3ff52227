//! Merges and undos in the store's transaction, with the app's own tables in the same database.

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::seal::SystemRandomness;
use clever_model::{Timestamp, UserId};
use clever_sql::{Backend, Database};
use serde::Deserialize;

use super::{AccountStore, AccountsError, Needs, Refusal, json, parsed};
use crate::directory::{AccountId, Custody};
use crate::ledger::{Draft, Event, Hash, MergeId, MergeRecord, ProofClass};
use crate::merge::{
    Conflict, MergePlan, OwnedRow, OwnedRows, Resolution, RowKey, Undo, UndoPlan, follow, plan_undo,
};

/// One of the app's tables whose rows belong to accounts, in the same database. All columns are text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedTable {
    /// The table's name.
    pub table: String,
    /// The column of the row's key.
    #[serde(default = "id")]
    pub key: String,
    /// The column of the account that the row shows under.
    #[serde(default = "owner")]
    pub owner: String,
    /// The column of the account that it belongs to whatever is merged.
    #[serde(default = "origin")]
    pub origin: String,
    /// The column of the Clever identity that wrote it; null where nobody knows.
    #[serde(default = "actor")]
    pub actor: String,
    /// The column of the instant at which it was written, RFC 3339.
    #[serde(default = "written_at")]
    pub written: String,
    /// The columns whose values together must be unique for an account; may be none.
    #[serde(default)]
    pub unique: Vec<String>,
}

macro_rules! columns {
    ($($name:ident),+) => {$(
        fn $name() -> String {
            stringify!($name).to_owned()
        }
    )+};
}

columns!(id, owner, origin, actor, written_at);

impl OwnedTable {
    /// A table with the columns `id`, `owner`, `origin`, `actor` and `written_at`.
    #[must_use]
    pub fn new(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            key: id(),
            owner: owner(),
            origin: origin(),
            actor: actor(),
            written: written_at(),
            unique: Vec::new(),
        }
    }

    /// Says which columns together must be unique for an account.
    #[must_use]
    pub fn unique(mut self, columns: &[&str]) -> Self {
        self.unique = columns.iter().map(|column| (*column).to_owned()).collect();
        self
    }

    /// Names stand in statements as they are.
    fn check(&self) -> Result<(), AccountsError> {
        let names = [
            &self.table,
            &self.key,
            &self.owner,
            &self.origin,
            &self.actor,
            &self.written,
        ];
        let plain = |name: &str| {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && name.starts_with(|c: char| c.is_ascii_alphabetic())
        };
        match names
            .into_iter()
            .chain(&self.unique)
            .find(|name| !plain(name))
        {
            Some(name) => Err(Refusal::Name(name.clone()).into()),
            None => Ok(()),
        }
    }
}

/// The app's tables, in the store's transaction.
struct Tables<'a> {
    db: &'a mut Database,
    all: &'a [OwnedTable],
}

impl OwnedRows for Tables<'_> {
    type Error = AccountsError;

    async fn of_origin(
        &mut self,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Vec<OwnedRow>, AccountsError> {
        let mut found = Vec::new();
        for of in self.all {
            of.check()?;
            let OwnedTable {
                table,
                key,
                owner,
                origin,
                actor,
                written,
                ..
            } = of;
            let sql = format!(
                "SELECT {key}, {owner}, {actor}, {written} FROM {table} WHERE {origin} = ?1 ORDER BY {key}"
            );
            for account in accounts {
                for mut row in self.db.query(&sql, &[account.as_str().into()]).await? {
                    let actor = row.maybe_text(2)?.map(UserId::new).transpose();
                    found.push(OwnedRow {
                        row: RowKey {
                            table: table.clone(),
                            key: row.text(0)?,
                        },
                        owner: AccountId::new(row.text(1)?),
                        origin: account.clone(),
                        actor: actor.map_err(|_| AccountsError::content("an identity"))?,
                        written: super::instant(row.maybe_text(3)?)?
                            .ok_or(AccountsError::content("an instant"))?,
                    });
                }
            }
        }
        Ok(found)
    }

    async fn conflicts(
        &mut self,
        one: &AccountId,
        other: &AccountId,
    ) -> Result<Vec<Conflict>, AccountsError> {
        let mut found = Vec::new();
        for of in self.all.iter().filter(|of| !of.unique.is_empty()) {
            of.check()?;
            let OwnedTable {
                table,
                key,
                owner,
                unique,
                ..
            } = of;
            let equal: Vec<String> = unique
                .iter()
                .map(|column| format!("a.{column} = b.{column}"))
                .collect();
            let sql = format!(
                "SELECT a.{key}, b.{key} FROM {table} AS a JOIN {table} AS b ON {}
                 WHERE a.{owner} = ?1 AND b.{owner} = ?2 ORDER BY a.{key}, b.{key}",
                equal.join(" AND ")
            );
            for mut row in self
                .db
                .query(&sql, &[one.as_str().into(), other.as_str().into()])
                .await?
            {
                let (a, b) = (row.text(0)?, row.text(1)?);
                let key = |key: String| RowKey {
                    table: table.clone(),
                    key,
                };
                found.push(Conflict {
                    one: key(a),
                    other: key(b),
                    unique: unique.join(", "),
                });
            }
        }
        Ok(found)
    }

    async fn give(
        &mut self,
        row: &RowKey,
        owner: &AccountId,
        origin: &AccountId,
    ) -> Result<(), AccountsError> {
        let of = self.all.iter().find(|of| of.table == row.table);
        let of = of.ok_or_else(|| Refusal::Name(row.table.clone()))?;
        let OwnedTable {
            table,
            key,
            owner: owner_column,
            origin: origin_column,
            ..
        } = of;
        let sql = format!(
            "UPDATE {table} SET {owner_column} = ?2, {origin_column} = ?3 WHERE {key} = ?1"
        );
        let values = [
            row.key.as_str().into(),
            owner.as_str().into(),
            origin.as_str().into(),
        ];
        self.db.execute(&sql, &values).await?;
        Ok(())
    }
}

impl AccountStore {
    /// Rows of both accounts that can't stand beside each other: for [`crate::merge::plan`].
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn conflicts(
        &mut self,
        tables: &[OwnedTable],
        one: &AccountId,
        other: &AccountId,
    ) -> Result<Vec<Conflict>, AccountsError> {
        Tables {
            db: &mut self.db,
            all: tables,
        }
        .conflicts(one, other)
        .await
    }

    /// The merges in force into an account, newest first: those that [`AccountStore::undo`] may take back.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn merges_into(
        &mut self,
        survivor: &AccountId,
    ) -> Result<Vec<(MergeId, MergeRecord)>, AccountsError> {
        let sql =
            "SELECT id, record FROM main.provision_merges WHERE survivor = ?1 ORDER BY id DESC";
        let mut found = Vec::new();
        for mut row in self.db.query(sql, &[survivor.as_str().into()]).await? {
            let record: MergeRecord = parsed(&row.text(1)?, "a merge")?;
            if record.undone_by.is_none() {
                found.push((MergeId(row.count(0)?), record));
            }
        }
        Ok(found)
    }

    /// Does a merge that was planned, with the rows of the app's tables.
    ///
    /// # Errors
    ///
    /// [`Refusal::Impossible`] where the accounts changed since the plan.
    pub async fn merge(
        &mut self,
        plan: &MergePlan,
        tables: &[OwnedTable],
        explanation: Option<Hash>,
        now: Timestamp,
    ) -> Result<MergeId, AccountsError> {
        let mut store = self.begin().await?;
        let done = store.write_merge(plan, tables, explanation, now).await?;
        store.commit().await?;
        Ok(done)
    }

    pub(super) async fn write_merge(
        &mut self,
        plan: &MergePlan,
        tables: &[OwnedTable],
        explanation: Option<Hash>,
        now: Timestamp,
    ) -> Result<MergeId, AccountsError> {
        let accounts = BTreeSet::from([plan.survivor.clone(), plan.absorbed.clone()]);
        let before = self
            .load(&Needs {
                accounts: accounts.clone(),
                ..Needs::default()
            })
            .await?;
        // The events name the account that an identity opens today, whatever it was merged from.
        let homes = plan
            .retires
            .iter()
            .filter_map(|id| Some((id.clone(), before.opened_by(id)?.clone())))
            .collect();
        let merge = MergeId(self.append(&plan.events(explanation, now, &homes)).await?);
        let after = self
            .load(&Needs {
                accounts,
                ..Needs::default()
            })
            .await?;
        let moving = before.group(&plan.absorbed);
        follow(
            &mut Tables {
                db: &mut self.db,
                all: tables,
            },
            &after,
            &moving,
            &plan.kept_apart(),
        )
        .await?;
        if !plan.fields.is_empty() {
            let custody = before
                .accounts()
                .get(&plan.survivor)
                .map(|account| account.custody.clone());
            let district = match &custody {
                Some(Custody::Managed { by } | Custody::Unclaimed { by }) => Some(by.clone()),
                _ => None,
            };
            let key = self.key(district.as_ref()).await?;
            let sealed = key.seal(
                &format!("merge {merge}"),
                json(&plan.fields)?.as_bytes(),
                &SystemRandomness,
            )?;
            let name = district
                .as_ref()
                .map_or("", clever_model::DistrictId::as_str);
            let sql = "INSERT INTO main.provision_fields (merge_id, district, sealed) VALUES (?1, ?2, ?3)";
            self.db
                .execute(sql, &[merge.0.into(), name.into(), sealed.into()])
                .await?;
        }
        Ok(merge)
    }

    /// Both values of each field of two merged accounts; `None` where there were none, or they were erased.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn merged_fields(
        &mut self,
        merge: MergeId,
    ) -> Result<Option<BTreeMap<String, Resolution>>, AccountsError> {
        let sql = "SELECT district, sealed FROM main.provision_fields WHERE merge_id = ?1";
        let Some(mut row) = self.one(sql, merge.0.into()).await? else {
            return Ok(None);
        };
        let district = Some(row.text(0)?)
            .filter(|name| !name.is_empty())
            .map(clever_model::DistrictId::new);
        let district = district
            .transpose()
            .map_err(|_| AccountsError::content("a district"))?;
        let Some(key) = self.existing_key(district.as_ref()).await? else {
            return Ok(None);
        };
        let opened = key.open(&format!("merge {merge}"), &row.text(1)?)?;
        let text = String::from_utf8_lossy(&opened).into_owned();
        parsed(&text, "fields").map(Some)
    }

    /// Takes a merge back, rows and all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Undo`] with what stands against it.
    pub async fn undo(
        &mut self,
        merge: MergeId,
        undo: &Undo,
        tables: &[OwnedTable],
    ) -> Result<UndoPlan, AccountsError> {
        let mut store = self.begin().await?;
        let done = store.write_undo(merge, undo, tables).await?;
        store.commit().await?;
        Ok(done)
    }

    async fn write_undo(
        &mut self,
        merge: MergeId,
        undo: &Undo,
        tables: &[OwnedTable],
    ) -> Result<UndoPlan, AccountsError> {
        let state = self
            .load(&Needs {
                merges: [merge].into(),
                ..Needs::default()
            })
            .await?;
        let ground = match self
            .one(
                "SELECT proof FROM main.provision_merges WHERE id = ?1",
                merge.0.into(),
            )
            .await?
        {
            Some(mut row) => parsed(&row.text(0)?, "a class of proof")?,
            None => ProofClass::Staff,
        };
        let record = state.merges().get(&merge);
        let stands = record
            .and_then(|record| state.standing(&record.survivor))
            .cloned();
        let group = stands.map(|id| state.group(&id)).unwrap_or_default();
        let rows = Tables {
            db: &mut self.db,
            all: tables,
        }
        .of_origin(&group)
        .await?;
        let plan = plan_undo(&state, merge, ground, undo, &rows)?;
        self.append(&[plan.event()]).await?;
        plan.send_home(&mut Tables {
            db: &mut self.db,
            all: tables,
        })
        .await?;
        Ok(plan)
    }

    /// Does a merge again that was taken back: the undo of an undo.
    ///
    /// # Errors
    ///
    /// [`Refusal::Impossible`] where it is in force, or something stands against it now.
    pub async fn redo(
        &mut self,
        merge: MergeId,
        undo: &Undo,
        tables: &[OwnedTable],
    ) -> Result<MergeId, AccountsError> {
        let mut store = self.begin().await?;
        let done = store.write_redo(merge, undo, tables).await?;
        store.commit().await?;
        Ok(done)
    }

    async fn write_redo(
        &mut self,
        merge: MergeId,
        undo: &Undo,
        tables: &[OwnedTable],
    ) -> Result<MergeId, AccountsError> {
        let needs = || Needs {
            merges: [merge].into(),
            ..Needs::default()
        };
        let before = self.load(&needs()).await?;
        let record = before
            .merges()
            .get(&merge)
            .ok_or(crate::ledger::Impossible::NoMergeInForce(merge))?;
        let event = Event::Merged {
            survivor: record.survivor.clone(),
            absorbed: record.absorbed.clone(),
            again: Some(merge),
        };
        let draft = Draft {
            at: undo.at,
            actor: undo.actor.clone(),
            authority: None,
            proof: undo.proof,
            explanation: None,
            event,
        };
        let again = MergeId(self.append(&[draft]).await?);
        let moving = before.group(&record.absorbed);
        let after = self.load(&needs()).await?;
        follow(
            &mut Tables {
                db: &mut self.db,
                all: tables,
            },
            &after,
            &moving,
            &BTreeSet::new(),
        )
        .await?;
        Ok(again)
    }
}
