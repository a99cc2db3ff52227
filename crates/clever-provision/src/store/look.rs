//! Looking through the accounts: the list, and what ever happened to one.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, UserId};
use clever_sql::Backend;

use super::{AccountStore, AccountsError, Needs, instant, parsed};
use crate::directory::{Account, AccountId};
use crate::ledger::{Draft, Event, Standing, State};

impl AccountStore {
    /// At most `limit` accounts behind one, by their ids; those that were merged into another too.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn accounts(
        &mut self,
        after: Option<&AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, AccountsError> {
        self.page(None, after, limit).await
    }

    /// The same of the accounts that a district governs.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn accounts_of(
        &mut self,
        district: &DistrictId,
        after: Option<&AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, AccountsError> {
        self.page(Some(district), after, limit).await
    }

    async fn page(
        &mut self,
        district: Option<&DistrictId>,
        after: Option<&AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, AccountsError> {
        let of = if district.is_some() {
            "district = ?3 AND"
        } else {
            ""
        };
        let sql = format!(
            "SELECT id, standing, version, last_used FROM main.provision_accounts WHERE {of} id > ?1 ORDER BY id LIMIT ?2"
        );
        let after = after.map_or("", AccountId::as_str);
        let mut values = vec![after.into(), limit.into()];
        values.extend(district.map(|district| district.as_str().into()));
        // All in one question: a page is not to cost a round trip an account.
        let mut state = State::default();
        let (mut page, mut open) = (Vec::new(), Vec::new());
        for mut row in self.db.query(&sql, &values).await? {
            let id = AccountId::new(row.text(0)?);
            let standing: Standing = parsed(&row.text(1)?, "an account")?;
            open.extend(standing.neighbours().cloned());
            for user in standing.links.keys() {
                state.by_id.insert(user.clone(), id.clone());
            }
            state.accounts.insert(id.clone(), standing);
            page.push((id, row.count(2)?, instant(row.maybe_text(3)?)?));
        }
        self.complete(&mut state, open).await?;
        let page = page.into_iter().filter_map(|(id, version, last_used)| {
            let account = state.account(&id, version)?;
            Some(Account {
                last_used,
                ..account
            })
        });
        Ok(page.collect())
    }

    /// The last events about an account, or about the identity where `user` is given, oldest first, each with its place in
    /// the ledger: at most `limit`, before the place `before` if one is named.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn history(
        &mut self,
        account: Option<&AccountId>,
        user: Option<&UserId>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, Draft)>, AccountsError> {
        let mut all = BTreeMap::new();
        let account = account.map(|id| format!("account {id}"));
        let user = user.map(|id| format!("user {id}"));
        let before = before.and_then(|seq| i64::try_from(seq).ok());
        for thing in [account, user].into_iter().flatten() {
            let sql = "SELECT l.seq, l.entry FROM main.provision_about a JOIN main.provision_ledger l ON l.seq = a.seq
                       WHERE a.thing = ?1 AND a.seq < ?2 ORDER BY a.seq DESC LIMIT ?3";
            let values = [
                thing.into(),
                before.unwrap_or(i64::MAX).into(),
                i64::from(limit).into(),
            ];
            for mut row in self.db.query(sql, &values).await? {
                let draft = parsed(&row.text(1)?, "an entry of the ledger")?;
                all.insert(row.count(0)?, draft);
            }
        }
        let more = all.len().saturating_sub(limit as usize);
        Ok(all.into_iter().skip(more).collect())
    }
}

impl Needs {
    /// What an event is about, each once.
    pub(super) fn about(&self, event: &Event) -> BTreeSet<String> {
        let asked = match event {
            Event::ReviewOpened { id, .. }
            | Event::Asked { id, .. }
            | Event::SharingChanged { id, .. } => Some(id),
            _ => None,
        };
        let users = self.ids.iter().chain(asked).map(|id| format!("user {id}"));
        let accounts = self.accounts.iter().map(|id| format!("account {id}"));
        users.chain(accounts).collect()
    }
}

#[cfg(test)]
impl AccountStore {
    /// Every row of every table, as text.
    pub(crate) async fn dump(&mut self) -> String {
        let tables = [
            "ledger",
            "accounts",
            "links",
            "methods",
            "merges",
            "reviews",
            "declined",
            "sharing",
            "keys",
            "fields",
            "known",
            "clues",
            "positions",
            "touched",
            "about",
        ];
        let mut all = String::new();
        for table in tables {
            let sql = format!("SELECT * FROM main.provision_{table}");
            for row in self.db.query(&sql, &[]).await.unwrap() {
                for value in row.0 {
                    if let clever_sql::Value::Text(text) = value {
                        all.push_str(&text);
                        all.push('\n');
                    }
                }
            }
        }
        all
    }
}
