//! Looking through the accounts: the list, and what ever happened to one.

use clever_model::UserId;
use clever_sql::{Backend, Value};

use super::{AccountStore, AccountsError, Needs, parsed};
use crate::directory::{Account, AccountId};
use crate::ledger::{Draft, Event};

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
        let sql = "SELECT id FROM main.provision_accounts WHERE id > ?1 ORDER BY id LIMIT ?2";
        let after = after.map_or("", AccountId::as_str);
        let mut all = Vec::new();
        for mut row in self.db.query(sql, &[after.into(), limit.into()]).await? {
            all.extend(self.account(&AccountId::new(row.text(0)?)).await?);
        }
        Ok(all)
    }

    /// The events about an account, or about the identity where `user` is given, oldest first, each with its place in
    /// the ledger.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn history(
        &mut self,
        account: Option<&AccountId>,
        user: Option<&UserId>,
    ) -> Result<Vec<(u64, Draft)>, AccountsError> {
        let mut all = Vec::new();
        // Names an id somewhere; which of them are about it is seen when they are read.
        let sql = "SELECT seq, entry FROM main.provision_ledger WHERE entry LIKE ?1 ORDER BY seq";
        let ids = [account.map(AccountId::as_str), user.map(UserId::as_str)];
        for id in ids.into_iter().flatten() {
            let pattern = format!("%\"{id}\"%");
            for mut row in self.db.query(sql, &[Value::from(pattern)]).await? {
                let seq = row.count(0)?;
                let draft: Draft = parsed(&row.text(1)?, "an entry of the ledger")?;
                let mut needs = Needs::default();
                draft.event.needs(&mut needs);
                if let Event::ReviewOpened { id, .. }
                | Event::Asked { id, .. }
                | Event::SharingChanged { id, .. } = &draft.event
                {
                    needs.ids.insert(id.clone());
                }
                let is_about = account.is_some_and(|id| needs.accounts.contains(id))
                    || user.is_some_and(|id| needs.ids.contains(id));
                if is_about && all.iter().all(|(other, _)| *other != seq) {
                    all.push((seq, draft));
                }
            }
        }
        all.sort_by_key(|(seq, _)| *seq);
        Ok(all)
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
        ];
        let mut all = String::new();
        for table in tables {
            let sql = format!("SELECT * FROM main.provision_{table}");
            for row in self.db.query(&sql, &[]).await.unwrap() {
                for value in row.0 {
                    if let Value::Text(text) = value {
                        all.push_str(&text);
                        all.push('\n');
                    }
                }
            }
        }
        all
    }
}
