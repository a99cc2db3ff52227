//! Other names for identities that are forgotten: in the ledger, and in the tables that it folds to.
//!
//! Decision: the ledger is written again with another name in each place of an id. What it folds to is the same but for the name,
//! so every rule and every check holds as before. Entries that only have seals or digests beside them would keep the ids, and an
//! id is what Clever gives again. The chain ends in an entry that names the head from before, for whoever keeps heads elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, UserId};
use clever_sql::Backend;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AccountStore, AccountsError, json, parsed};
use crate::directory::AccountId;
use crate::ledger::{Draft, Entry, Event, Hash, MergeRecord, ReviewRecord, Standing};
use crate::subject::SharedBy;

/// Other names for what is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// For identities, and for accounts that have the id of one.
    pub(crate) ids: BTreeMap<String, String>,
    /// For the ways into these accounts, by the account: the app may name a way by an address of mail.
    pub(crate) ways: BTreeMap<AccountId, BTreeMap<Box<str>, Box<str>>>,
}

impl Names {
    /// The same value with other names.
    fn renamed<T: Serialize + DeserializeOwned>(
        &self,
        value: &T,
        what: &'static str,
    ) -> Result<T, AccountsError> {
        let content = |_| AccountsError::content(what);
        let mut tree = serde_json::to_value(value).map_err(content)?;
        self.rename(&mut tree);
        serde_json::from_value(tree).map_err(content)
    }

    fn rename(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(name) = self.ids.get(text) {
                    text.clone_from(name);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| self.rename(one)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|one| self.rename(one));
                for (id, name) in &self.ids {
                    if let Some(field) = fields.remove(id) {
                        fields.insert(name.clone(), field);
                    }
                }
            }
            _ => {}
        }
    }

    fn draft(&self, draft: &Draft) -> Result<Draft, AccountsError> {
        let mut draft = draft.clone();
        let name = |ways: Option<&BTreeMap<Box<str>, Box<str>>>, way: &str| {
            let name = ways.and_then(|ways| ways.get(way));
            name.map_or_else(|| way.into(), Clone::clone)
        };
        match &mut draft.event {
            Event::WaysIn { account, methods } => {
                let ways = self.ways.get(account);
                let all = std::mem::take(methods).into_iter();
                *methods = all.map(|(way, at)| (name(ways, &way), at)).collect();
            }
            Event::Quarantined { account, methods } => {
                let ways = self.ways.get(account);
                *methods = methods.iter().map(|way| name(ways, way)).collect();
            }
            Event::Released { account, method } => {
                *method = name(self.ways.get(account), method);
            }
            _ => {}
        }
        self.renamed(&draft, "an event")
    }

    fn standing(&self, id: &AccountId, standing: &Standing) -> Result<Standing, AccountsError> {
        let mut standing = standing.clone();
        if let Some(ways) = self.ways.get(id) {
            let name = |way: Box<str>| ways.get(&way).cloned().unwrap_or(way);
            let methods = std::mem::take(&mut standing.methods).into_iter();
            standing.methods = methods.map(|(way, at)| (name(way), at)).collect();
            let quarantined = std::mem::take(&mut standing.quarantined).into_iter();
            standing.quarantined = quarantined.map(name).collect();
        }
        self.renamed(&standing, "an account")
    }
}

impl AccountStore {
    /// Every way into some accounts that the ledger ever named.
    pub(crate) async fn ways_of(
        &mut self,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<BTreeMap<AccountId, BTreeSet<Box<str>>>, AccountsError> {
        let mut all: BTreeMap<AccountId, BTreeSet<Box<str>>> = BTreeMap::new();
        for (_, text) in self.entries().await? {
            let draft: Draft = parsed(&text, "an event")?;
            let (account, ways): (_, Vec<Box<str>>) = match draft.event {
                Event::WaysIn { account, methods } => (account, methods.into_keys().collect()),
                Event::Quarantined { account, methods } => (account, methods.into_iter().collect()),
                Event::Released { account, method } => (account, vec![method]),
                _ => continue,
            };
            if accounts.contains(&account) {
                all.entry(account).or_default().extend(ways);
            }
        }
        Ok(all)
    }

    /// The Clever ids of a district's people, as far as the accounts know them.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn people_of(
        &mut self,
        district: &DistrictId,
    ) -> Result<BTreeSet<UserId>, AccountsError> {
        let of = Some(district);
        let shared = SharedBy::District(district.clone());
        let mut ids = BTreeSet::new();
        for (_, text) in self.entries().await? {
            let draft: Draft = parsed(&text, "an event")?;
            let by = draft.authority.as_ref() == Some(&shared);
            match draft.event {
                Event::Linked { id, district, .. } | Event::ReviewOpened { id, district, .. }
                    if by || district.as_ref() == of =>
                {
                    ids.insert(id);
                }
                Event::Asked { id, .. }
                | Event::Unlinked { id, .. }
                | Event::InRoster { id, .. }
                    if by =>
                {
                    ids.insert(id);
                }
                Event::SharingChanged { id, now } if by || now == shared => {
                    ids.insert(id);
                }
                _ => {}
            }
        }
        let sql = "SELECT holder FROM main.provision_known WHERE district = ?1 AND is_account = 0";
        for mut row in self.db.query(sql, &[district.as_str().into()]).await? {
            ids.extend(UserId::new(row.text(0)?).ok());
        }
        Ok(ids)
    }

    async fn entries(&mut self) -> Result<Vec<(u64, String)>, AccountsError> {
        let sql = "SELECT seq, entry FROM main.provision_ledger ORDER BY seq";
        let rows = self.db.query(sql, &[]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.count(0)?, row.text(1)?)))
            .collect()
    }

    /// Writes other names into the ledger and the tables, in a transaction; how many entries of the ledger have them.
    pub(crate) async fn rename(&mut self, names: &Names) -> Result<u64, AccountsError> {
        let mut renamed = 0;
        let mut head = Hash::NONE;
        for (seq, text) in self.entries().await? {
            let draft: Draft = parsed(&text, "an event")?;
            let now = names.draft(&draft)?;
            // What stays the same stays as it was first written.
            let (text, hash) = if now == draft {
                let hash = Entry::hash(seq, head, &text);
                (text, hash)
            } else {
                renamed += 1;
                let entry = Entry::new(seq, head, now);
                (entry.text, entry.hash)
            };
            head = hash;
            if renamed > 0 {
                let sql = "UPDATE main.provision_ledger SET entry = ?2, hash = ?3 WHERE seq = ?1";
                let values = [seq.into(), text.into(), hash.to_string().into()];
                self.db.execute(sql, &values).await?;
            }
        }
        self.rename_accounts(names).await?;
        self.rename_records(names).await?;
        for (id, name) in &names.ids {
            for (table, column) in [
                ("links", "user_id"),
                ("links", "account"),
                ("methods", "account"),
                ("merges", "survivor"),
                ("reviews", "user_id"),
                ("sharing", "user_id"),
            ] {
                let sql =
                    format!("UPDATE main.provision_{table} SET {column} = ?2 WHERE {column} = ?1");
                let values = [id.as_str().into(), name.as_str().into()];
                self.db.execute(&sql, &values).await?;
            }
            for sort in ["user", "account"] {
                let things = [
                    format!("{sort} {id}").into(),
                    format!("{sort} {name}").into(),
                ];
                for table in ["touched", "about"] {
                    let sql =
                        format!("UPDATE main.provision_{table} SET thing = ?2 WHERE thing = ?1");
                    self.db.execute(&sql, &things).await?;
                }
            }
        }
        Ok(renamed)
    }

    async fn rename_accounts(&mut self, names: &Names) -> Result<(), AccountsError> {
        let sql = "SELECT id, standing FROM main.provision_accounts";
        for mut row in self.db.query(sql, &[]).await? {
            let id = AccountId::new(row.text(0)?);
            let standing: Standing = parsed(&row.text(1)?, "an account")?;
            let now = names.standing(&id, &standing)?;
            let name = names
                .ids
                .get(id.as_str())
                .map_or(id.as_str(), String::as_str);
            if now == standing && name == id.as_str() {
                continue;
            }
            let sql = "UPDATE main.provision_accounts SET id = ?2, standing = ?3 WHERE id = ?1";
            let values = [id.as_str().into(), name.into(), json(&now)?.into()];
            self.db.execute(sql, &values).await?;
        }
        for (account, ways) in &names.ways {
            for (way, name) in ways {
                let sql =
                    "UPDATE main.provision_methods SET id = ?3 WHERE account = ?1 AND id = ?2";
                let values = [account.as_str().into(), (**way).into(), (**name).into()];
                self.db.execute(sql, &values).await?;
            }
        }
        Ok(())
    }

    async fn rename_records(&mut self, names: &Names) -> Result<(), AccountsError> {
        let sql = "SELECT id, record FROM main.provision_merges";
        for mut row in self.db.query(sql, &[]).await? {
            let record: MergeRecord = parsed(&row.text(1)?, "a merge")?;
            let now = names.renamed(&record, "a merge")?;
            if now != record {
                let sql = "UPDATE main.provision_merges SET record = ?2 WHERE id = ?1";
                let values = [row.int(0)?.into(), json(&now)?.into()];
                self.db.execute(sql, &values).await?;
            }
        }
        let sql = "SELECT id, record, subject FROM main.provision_reviews";
        for mut row in self.db.query(sql, &[]).await? {
            let record: ReviewRecord = parsed(&row.text(1)?, "a review")?;
            let subject: Value = parsed(&row.text(2)?, "the subject of a review")?;
            let now = names.renamed(&record, "a review")?;
            let mut about = subject.clone();
            names.rename(&mut about);
            if now != record || about != subject {
                let sql =
                    "UPDATE main.provision_reviews SET record = ?2, subject = ?3 WHERE id = ?1";
                let values = [
                    row.int(0)?.into(),
                    json(&now)?.into(),
                    about.to_string().into(),
                ];
                self.db.execute(sql, &values).await?;
            }
        }
        let sql = "SELECT user_id, shared_by FROM main.provision_sharing";
        for mut row in self.db.query(sql, &[]).await? {
            let shared: SharedBy = parsed(&row.text(1)?, "who shares a person")?;
            let now = names.renamed(&shared, "who shares a person")?;
            if now != shared {
                let sql = "UPDATE main.provision_sharing SET shared_by = ?2 WHERE user_id = ?1";
                let values = [row.text(0)?.into(), json(&now)?.into()];
                self.db.execute(sql, &values).await?;
            }
        }
        Ok(())
    }

    /// Throws away what is sealed about some accounts and identities: values from before merges, and what open reviews show.
    /// A review that shows less can be answered still.
    pub(crate) async fn unseal(
        &mut self,
        accounts: &BTreeSet<AccountId>,
        ids: &BTreeSet<UserId>,
    ) -> Result<(), AccountsError> {
        for account in accounts {
            let sql = "DELETE FROM main.provision_fields WHERE merge_id IN (
                 SELECT id FROM main.provision_merges WHERE survivor = ?1 OR record LIKE ?2)";
            let named = format!("%\"{}\"%", account.as_str().replace(['%', '\\'], "_"));
            self.db
                .execute(sql, &[account.as_str().into(), named.as_str().into()])
                .await?;
            let sql = "UPDATE main.provision_reviews SET sealed = NULL WHERE record LIKE ?1";
            self.db.execute(sql, &[named.as_str().into()]).await?;
        }
        for id in ids {
            let sql = "UPDATE main.provision_reviews SET sealed = NULL WHERE user_id = ?1";
            self.db.execute(sql, &[id.as_str().into()]).await?;
        }
        Ok(())
    }

    /// Gets the bytes of what was erased out of the database's files; says whether they are gone.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn sweep(&mut self) -> Result<bool, AccountsError> {
        let tables = [
            "provision_ledger",
            "provision_accounts",
            "provision_links",
            "provision_methods",
            "provision_merges",
            "provision_reviews",
            "provision_sharing",
            "provision_fields",
            "provision_known",
            "provision_clues",
            "provision_touched",
            "provision_about",
        ];
        Ok(clever_sql::sweep(&mut self.db, &tables).await?)
    }
}
