//! Events of the ledger, written together with the tables that they fold to.

use clever_sql::Backend;

use super::{AccountStore, AccountsError, Needs, json};
use crate::directory::AccountId;
use crate::ledger::{Draft, Entry, Standing, State, UnlinkReason};

impl AccountStore {
    /// Appends events of the app's own: a suspension, a released way in, an account that left the roster.
    ///
    /// # Errors
    ///
    /// [`super::Refusal::Impossible`], or where the database fails.
    pub async fn record(&mut self, drafts: &[Draft]) -> Result<u64, AccountsError> {
        let mut store = self.begin().await?;
        let done = store.append(drafts).await?;
        store.commit().await?;
        Ok(done)
    }

    /// Appends events and writes what they change, in a transaction that the caller began; the last one's place.
    pub(crate) async fn append(&mut self, drafts: &[Draft]) -> Result<u64, AccountsError> {
        let (mut seq, mut hash) = self.head().await?;
        for draft in drafts {
            let mut needs = Needs::default();
            draft.event.needs(&mut needs);
            let before = self.load(&needs).await?;
            let mut after = before.clone();
            seq += 1;
            after.apply(seq, draft)?;
            let entry = Entry::new(seq, hash, draft.clone());
            hash = entry.hash;
            let sql = "INSERT INTO main.provision_ledger (seq, entry, hash) VALUES (?1, ?2, ?3)";
            self.db
                .execute(
                    sql,
                    &[seq.into(), entry.text.into(), hash.to_string().into()],
                )
                .await?;
            self.write_difference(seq, draft, &before, &after).await?;
            let changed = after
                .accounts
                .iter()
                .filter(|(id, now)| before.accounts.get(*id) != Some(now));
            let changed = changed.map(|(id, _)| format!("account {id}"));
            for thing in needs.about(&draft.event) {
                let sql = "INSERT INTO main.provision_about (thing, seq) VALUES (?1, ?2)";
                self.db.execute(sql, &[thing.into(), seq.into()]).await?;
            }
            for thing in changed.chain(needs.ids.iter().map(|id| format!("user {id}"))) {
                let sql = "INSERT INTO main.provision_touched (thing, seq) VALUES (?1, ?2)
                           ON CONFLICT (thing) DO UPDATE SET seq = excluded.seq";
                self.db.execute(sql, &[thing.into(), seq.into()]).await?;
            }
        }
        Ok(seq)
    }

    async fn write_difference(
        &mut self,
        seq: u64,
        draft: &Draft,
        before: &State,
        after: &State,
    ) -> Result<(), AccountsError> {
        for (id, standing) in &after.accounts {
            if before.accounts.get(id) == Some(standing) {
                continue;
            }
            let sql = "INSERT INTO main.provision_accounts (id, standing, version, district) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (id) DO UPDATE SET standing = excluded.standing, version = excluded.version,
                       district = excluded.district";
            let values = [
                id.as_str().into(),
                json(standing)?.into(),
                seq.into(),
                standing.governor().into(),
            ];
            self.db.execute(sql, &values).await?;
            let was = before.accounts.get(id);
            if was.map(|was| &was.methods) != Some(&standing.methods) {
                self.write_methods(id, standing).await?;
            }
            let links = standing
                .links
                .iter()
                .map(|(user, link)| (user, false, link.in_roster));
            let same = |alias: &&crate::ledger::Alias| alias.reason == UnlinkReason::SameIdentity;
            let aliases = standing
                .aliases
                .iter()
                .filter(|(_, alias)| same(alias))
                .map(|(user, _)| (user, true, true));
            for (user, alias, in_roster) in aliases.chain(links) {
                // What an id meant once does not push away what it opens today.
                let sql = "INSERT INTO main.provision_links (user_id, account, alias, in_roster) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (user_id) DO UPDATE SET account = excluded.account, alias = excluded.alias,
                           in_roster = excluded.in_roster
                           WHERE excluded.alias = 0 OR provision_links.alias = 1
                           OR provision_links.account = excluded.account";
                let values = [
                    user.as_str().into(),
                    id.as_str().into(),
                    alias.into(),
                    in_roster.into(),
                ];
                self.db.execute(sql, &values).await?;
            }
            let gone = before
                .accounts
                .get(id)
                .into_iter()
                .flat_map(|standing| standing.links.keys());
            for user in gone.filter(|user| !after.by_id.contains_key(*user)) {
                if !standing.aliases.get(user).as_ref().is_some_and(same) {
                    let sql = "DELETE FROM main.provision_links WHERE user_id = ?1";
                    self.db.execute(sql, &[user.as_str().into()]).await?;
                }
            }
        }
        for (id, record) in &after.merges {
            if before.merges.get(id) != Some(record) {
                let sql = "INSERT INTO main.provision_merges (id, record, survivor, proof) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                let values = [
                    id.0.into(),
                    json(record)?.into(),
                    record.survivor.as_str().into(),
                    json(&draft.proof)?.into(),
                ];
                self.db.execute(sql, &values).await?;
            }
        }
        for (id, record) in &after.reviews {
            if before.reviews.get(id).is_some_and(|old| old != record) {
                let sql = "UPDATE main.provision_reviews SET record = ?2, is_open = ?3, sealed = NULL WHERE id = ?1";
                self.db
                    .execute(
                        sql,
                        &[
                            id.0.into(),
                            json(record)?.into(),
                            record.outcome.is_none().into(),
                        ],
                    )
                    .await?;
            }
        }
        for (pair, evidence) in &after.declined {
            let sql = "INSERT INTO main.provision_declined (pair, evidence) VALUES (?1, ?2)
                       ON CONFLICT (pair) DO UPDATE SET evidence = excluded.evidence";
            self.db
                .execute(sql, &[json(pair)?.into(), json(evidence)?.into()])
                .await?;
        }
        for (id, sharing) in &after.sharing {
            let sql = "INSERT INTO main.provision_sharing (user_id, shared_by) VALUES (?1, ?2)
                       ON CONFLICT (user_id) DO UPDATE SET shared_by = excluded.shared_by";
            self.db
                .execute(sql, &[id.as_str().into(), json(sharing)?.into()])
                .await?;
        }
        Ok(())
    }

    async fn write_methods(
        &mut self,
        id: &AccountId,
        standing: &Standing,
    ) -> Result<(), AccountsError> {
        let sql = "DELETE FROM main.provision_methods WHERE account = ?1";
        self.db.execute(sql, &[id.as_str().into()]).await?;
        for (method, proven_at) in &standing.methods {
            let sql =
                "INSERT INTO main.provision_methods (account, id, proven_at) VALUES (?1, ?2, ?3)";
            let proven = proven_at.map(|at| at.to_string());
            let values = [id.as_str().into(), (**method).into(), proven.into()];
            self.db.execute(sql, &values).await?;
        }
        Ok(())
    }
}
