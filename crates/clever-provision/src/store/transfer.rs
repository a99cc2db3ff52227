//! Students who move from one district to another.
//!
//! Decision: a transfer is a new account and a question, never a link. Clever gives the child a record of the new district
//! with an id of its own, and what the new district says reaches no account that another one governs. Nor is there an index
//! over all districts: it would outlive the key of a district that was erased, in every backup. Each other district's own
//! key is tried instead, which costs a few digests a district for a student whom no account is known for. The question
//! holds nothing of the other district's record: that is read when somebody looks, as long as its key is there.

use std::collections::BTreeSet;

use clever_model::{DistrictId, UserId};
use clever_sql::{Backend, Value};

use super::facts::is_transfer;
use super::known::{Holder, MOST};
use super::{AccountStore, AccountsError, Facts};
use crate::directory::{Account, Custody};
use crate::evidence::Evidence;
use crate::ledger::DistrictKey;
use crate::subject::{Class, Person};

/// A student's account in another district.
pub(crate) struct Elsewhere {
    pub(crate) account: Account,
    pub(crate) identity: UserId,
    pub(crate) facts: Facts,
    pub(crate) evidence: BTreeSet<Evidence>,
}

impl AccountStore {
    /// The accounts of other districts that may be a student's: those whose holder left the roster there, or with `stays`
    /// those whose holder is in it. Nobody is asked about an account that somebody signed up for.
    pub(crate) async fn elsewhere(
        &mut self,
        person: &Person,
        stays: bool,
    ) -> Result<Vec<Elsewhere>, AccountsError> {
        let Some(home) = &person.district else {
            return Ok(Vec::new());
        };
        let facts = Facts::from(person);
        let mut clues = Vec::new();
        for key in self.other_keys(home).await? {
            clues.extend(facts.looked_for_elsewhere(&key));
        }
        let mut all = Vec::new();
        for holder in self.holders(&clues, !stays).await?.into_iter().take(MOST) {
            let Holder::Identity(identity) = &holder else {
                continue;
            };
            let (Some(account), Some(known)) =
                (self.account_of(&holder).await?, self.facts(&holder).await?)
            else {
                continue;
            };
            let evidence = known.evidence(person);
            let is_governed = matches!(
                account.custody,
                Custody::Unclaimed { .. } | Custody::Managed { .. }
            );
            let is_there = account.links.iter().any(|link| link.in_roster);
            // A digest is short, and another district's may be equal by chance: the records have the last word.
            if account.class == Class::Student
                && is_governed
                && is_there == stays
                && known.district.as_ref() != Some(home)
                && is_transfer(&evidence)
            {
                all.push(Elsewhere {
                    account,
                    identity: identity.clone(),
                    facts: known,
                    evidence,
                });
            }
        }
        Ok(all)
    }

    /// The keys of all districts but one.
    async fn other_keys(&mut self, home: &DistrictId) -> Result<Vec<DistrictKey>, AccountsError> {
        let sql = "SELECT district, wrapped FROM main.provision_keys WHERE district <> '' AND district <> ?1";
        let rows = self.db.query(sql, &[Value::from(home.as_str())]).await?;
        let mut keys = Vec::new();
        for mut row in rows {
            let district =
                DistrictId::new(row.text(0)?).map_err(|_| AccountsError::content("a district"))?;
            keys.push(DistrictKey::from_wrapped(
                Some(district),
                &row.text(1)?,
                &self.keys,
            )?);
        }
        Ok(keys)
    }
}
