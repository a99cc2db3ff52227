//! The tables held against the ledger: what somebody changed by hand.

use std::collections::BTreeMap;
use std::fmt::Display;

use clever_sql::{Backend, Value};

use super::{AccountStore, AccountsError, Damage, Needs, json};
use crate::directory::AccountId;
use crate::ledger::{Broken, Hash, Ledger, State, UnlinkReason};

/// The rows of a table by their keys, each as one text.
type Rows = BTreeMap<String, String>;

impl AccountStore {
    /// Reads the whole ledger again, and holds the tables against what it folds to; the number of its entries.
    ///
    /// Held against it: accounts, links and aliases, ways in, merges, reviews, what was declined, who shares
    /// whom, and which entries are about what. Not when an account was last entered, and not what is sealed, which the ledger does not know.
    ///
    /// # Errors
    ///
    /// [`Damage::Ledger`] or [`Damage::Edited`] with the first difference.
    pub async fn verify(&mut self) -> Result<u64, AccountsError> {
        let mut written = Vec::new();
        let sql = "SELECT seq, entry, hash FROM main.provision_ledger ORDER BY seq";
        for mut row in self.db.query(sql, &[]).await? {
            let seq = row.count(0)?;
            let hash = Hash::try_from(row.text(2)?).map_err(|_| Broken::Hash { seq })?;
            written.push((seq, row.text(1)?, hash));
        }
        let ledger = Ledger::read(written)?;
        let state = ledger.state();
        for (what, sql, wanted) in wanted(state)? {
            let found = self.rows_by_key(sql).await?;
            same(what, &found, &wanted)?;
        }
        self.check_links(state).await?;
        let sql = "SELECT thing || ' at ' || CAST(seq AS TEXT) FROM main.provision_about";
        let found = self.rows_by_key(sql).await?;
        same("history of", &found, &about(&ledger))?;
        Ok(ledger.entries().len() as u64)
    }

    /// A table's rows by their first column.
    async fn rows_by_key(&mut self, sql: &str) -> Result<Rows, AccountsError> {
        let mut rows = Rows::new();
        for row in self.db.query(sql, &[]).await? {
            let mut values = row.0.into_iter().map(shown);
            let key = values.next().transpose()?.unwrap_or_default();
            let rest: Vec<String> = values.collect::<Result<_, _>>()?;
            rows.insert(key, rest.join("\u{1f}"));
        }
        Ok(rows)
    }

    /// An id that several accounts had once may stand at any of them.
    async fn check_links(&mut self, state: &State) -> Result<(), AccountsError> {
        let mut wanted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (id, standing) in &state.accounts {
            for (user, link) in &standing.links {
                let row = row([id.as_str(), "0", flag(link.in_roster)]);
                wanted.insert(user.as_str(), vec![row]);
            }
        }
        for (id, standing) in &state.accounts {
            for (user, alias) in &standing.aliases {
                if alias.reason == UnlinkReason::SameIdentity && !state.by_id.contains_key(user) {
                    let row = row([id.as_str(), "1", "1"]);
                    wanted.entry(user.as_str()).or_default().push(row);
                }
            }
        }
        let sql = "SELECT user_id, account, alias, in_roster FROM main.provision_links";
        let found = self.rows_by_key(sql).await?;
        for (user, row) in &found {
            if !wanted
                .get(user.as_str())
                .is_some_and(|rows| rows.contains(row))
            {
                return Err(edited("link of", user));
            }
        }
        match wanted.keys().find(|user| !found.contains_key(**user)) {
            Some(user) => Err(edited("link of", user)),
            None => Ok(()),
        }
    }
}

/// Which entries are about what: one row each, as `account a1 at 7`.
fn about(ledger: &Ledger) -> Rows {
    let entries = ledger.entries().iter();
    let all = entries.flat_map(|entry| {
        let event = &entry.draft.event;
        let mut needs = Needs::default();
        event.needs(&mut needs);
        let things = needs.about(event).into_iter();
        things.map(move |thing| (format!("{thing} at {}", entry.seq), String::new()))
    });
    all.collect()
}

/// What each table must hold: what its rows are called, the query with the key first, and the rows.
fn wanted(state: &State) -> Result<Vec<(&'static str, &'static str, Rows)>, AccountsError> {
    let mut accounts = Rows::new();
    let mut methods = Rows::new();
    for (id, standing) in &state.accounts {
        let row = row([&json(standing)?, standing.governor()]);
        accounts.insert(id.as_str().to_owned(), row);
        for (method, proven_at) in &standing.methods {
            let proven = proven_at.map(|at| at.to_string()).unwrap_or_default();
            methods.insert(method_key(id, method), proven);
        }
    }
    let mut merges = Rows::new();
    for (id, record) in &state.merges {
        let row = row([&json(record)?, record.survivor.as_str()]);
        merges.insert(id.0.to_string(), row);
    }
    let mut reviews = Rows::new();
    for (id, record) in &state.reviews {
        let row = row([
            &json(record)?,
            flag(record.outcome.is_none()),
            record.id.as_str(),
        ]);
        reviews.insert(id.0.to_string(), row);
    }
    let mut declined = Rows::new();
    for (pair, evidence) in &state.declined {
        declined.insert(json(pair)?, json(evidence)?);
    }
    let mut sharing = Rows::new();
    for (id, now) in &state.sharing {
        sharing.insert(id.as_str().to_owned(), json(now)?);
    }
    Ok(vec![
        (
            "account",
            "SELECT id, standing, district FROM main.provision_accounts",
            accounts,
        ),
        (
            "way in",
            "SELECT account || ' by ' || id, proven_at FROM main.provision_methods",
            methods,
        ),
        (
            "merge",
            "SELECT id, record, survivor FROM main.provision_merges",
            merges,
        ),
        (
            "review",
            "SELECT id, record, is_open, user_id FROM main.provision_reviews",
            reviews,
        ),
        (
            "answer",
            "SELECT pair, evidence FROM main.provision_declined",
            declined,
        ),
        (
            "sharing of",
            "SELECT user_id, shared_by FROM main.provision_sharing",
            sharing,
        ),
    ])
}

fn method_key(account: &AccountId, method: &str) -> String {
    format!("{account} by {method}")
}

fn same(what: &str, found: &Rows, wanted: &Rows) -> Result<(), AccountsError> {
    let keys = found.keys().chain(wanted.keys());
    let differs = keys.filter(|key| found.get(*key) != wanted.get(*key)).min();
    differs.map_or(Ok(()), |key| Err(edited(what, key)))
}

fn edited(what: &str, key: impl Display) -> AccountsError {
    Damage::Edited {
        what: format!("{what} {key}"),
    }
    .into()
}

fn row<const N: usize>(values: [&str; N]) -> String {
    values.join("\u{1f}")
}

const fn flag(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}

/// A value as text; an absent one is empty.
fn shown(value: Value<'_>) -> Result<String, AccountsError> {
    match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Text(text) => Ok(text.into_owned()),
        Value::Null => Ok(String::new()),
        _ => Err(AccountsError::content("a text")),
    }
}
