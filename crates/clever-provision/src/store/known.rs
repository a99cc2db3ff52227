//! Remembering what accounts' holders are known by, and finding accounts that may be a person's.

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::seal::SystemRandomness;
use clever_model::{DistrictId, UserId};
use clever_sql::{Backend, Value};

use super::facts::{Facts, counts};
use super::{AccountStore, AccountsError, CandidateMaterial, Material, json, parsed};
use crate::directory::{Account, AccountId, AccountState, Candidate};
use crate::evidence::Evidence;
#[cfg(feature = "roster")]
use crate::ledger::{ReviewOutcome, ReviewRecord};
use crate::subject::{Class, Classes, Person};

/// Most records that are looked at for one person; with more, somebody must look.
pub(super) const MOST: usize = 50;

/// Accounts that may be a person's.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The accounts with what speaks for them and against them, for [`AccountStore::directory`].
    pub candidates: Vec<Candidate>,
    /// There may be more: say so in [`crate::Directory::truncated`].
    pub truncated: bool,
    /// Both records, for a person who must decide.
    pub material: Material,
}

/// Whose facts they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// The app's own record of an account.
    Account(AccountId),
    /// Clever's record of an identity.
    Identity(UserId),
}

impl Holder {
    fn parts(&self) -> (&str, bool) {
        match self {
            Self::Account(id) => (id.as_str(), true),
            Self::Identity(id) => (id.as_str(), false),
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Account(id) => format!("known of account {id}"),
            Self::Identity(id) => format!("known of user {id}"),
        }
    }
}

impl AccountStore {
    /// Remembers Clever's record of a person who signed in, so that the person's account is found again when Clever's id of
    /// the person changes. It is sealed under the district's key. What it does not say and the roster did is kept: a token of
    /// one person may read less.
    ///
    /// # Errors
    ///
    /// [`super::Refusal::Erased`] where the district's data were erased, or where the database fails.
    pub async fn remember(&mut self, person: &Person) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        let holder = Holder::Identity(person.id.clone());
        let mut facts = Facts::from(person);
        if let Some(older) = store.facts(&holder).await?
            && older.district == facts.district
        {
            facts = facts.completed_by(&older);
        }
        store.write_known(&holder, facts).await?;
        store.commit().await?;
        Ok(())
    }

    /// Remembers what the app itself knows of an account's holder; `facts.district` says under whose key.
    ///
    /// # Errors
    ///
    /// [`super::Refusal::Erased`] where the district's data were erased, or where the database fails.
    pub async fn remember_own(
        &mut self,
        account: &AccountId,
        facts: Facts,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        let holder = Holder::Account(account.clone());
        store.write_known(&holder, facts).await?;
        store.commit().await?;
        Ok(())
    }

    /// The person of an identity, as the last record that was remembered has them.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn remembered(&mut self, id: &UserId) -> Result<Option<Person>, AccountsError> {
        let facts = self.facts(&Holder::Identity(id.clone())).await?;
        Ok(facts.map(|facts| facts.person(id)))
    }

    /// What is known of an account's holder: the app's own record, and the records of the identities that open it.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn known(&mut self, account: &Account) -> Result<Vec<Facts>, AccountsError> {
        let mut all = Vec::new();
        let identities = account.links.iter();
        let holders = identities
            .map(|link| Holder::Identity(link.id.clone()))
            .chain([Holder::Account(account.id.clone())]);
        for holder in holders {
            all.extend(self.facts(&holder).await?);
        }
        Ok(all)
    }

    /// The accounts that may be a person's: of the person's district, those that no district governs, and those that a
    /// student left behind in another district.
    ///
    /// A person who is known by the Clever id needs none of this. An account whose holder is in the roster today, under
    /// another Clever id, is found only by an equal id or by name and birth together.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn candidates(&mut self, person: &Person) -> Result<Found, AccountsError> {
        self.found(person, false).await
    }

    /// The accounts that may be of a person who left: as [`AccountStore::candidates`] finds them, and those whose holder has
    /// the person's id in the district's system and a role in common, under whatever name.
    #[cfg(feature = "roster")]
    pub(crate) async fn successors(&mut self, person: &Person) -> Result<Found, AccountsError> {
        self.found(person, true).await
    }

    async fn found(&mut self, person: &Person, has_left: bool) -> Result<Found, AccountsError> {
        let Classes::One(class) = Classes::of(&person.roles) else {
            return Ok(Found::default());
        };
        let facts = Facts::from(person);
        let mut found = Found::default();
        found.material.person = facts.fields();
        let mut evidence: BTreeMap<AccountId, BTreeSet<Evidence>> = BTreeMap::new();
        let districts: BTreeSet<Option<&DistrictId>> = [person.district.as_ref(), None].into();
        for district in districts {
            let Some(key) = self.existing_key(district).await? else {
                continue;
            };
            let clues = facts.looked_for(&key);
            let strong = self.holders(&clues.strong, false).await?;
            let weak = self.holders(&clues.weak, true).await?;
            found.truncated |= strong.len() > MOST || weak.len() > MOST;
            let own = Holder::Identity(person.id.clone());
            for holder in strong
                .into_iter()
                .take(MOST)
                .chain(weak.into_iter().take(MOST))
            {
                if holder == own {
                    continue;
                }
                let Some(account) = self.account_of(&holder).await? else {
                    continue;
                };
                let Some(known) = self.facts(&holder).await? else {
                    continue;
                };
                if let Some(one) = speaking(&account, class, &known, person, has_left) {
                    evidence.entry(account.id.clone()).or_default().extend(&one);
                    let all = &mut found.material.candidates;
                    all.entry(account.id)
                        .or_default()
                        .account
                        .extend(known.fields());
                }
            }
        }
        if class == Class::Student {
            for one in self.elsewhere(person, false).await? {
                let material = found.material.candidates.entry(one.account.id.clone());
                material.or_default().of = one.facts.district;
                let all = evidence.entry(one.account.id).or_default();
                all.extend(&one.evidence);
            }
        }
        for (account, evidence) in evidence {
            let material: Option<&mut CandidateMaterial> =
                found.material.candidates.get_mut(&account);
            if let Some(material) = material {
                *material = std::mem::take(material).with_evidence(&evidence);
                material.sibling_known = evidence.contains(&Evidence::SiblingFits);
            }
            found.candidates.push(Candidate { account, evidence });
        }
        Ok(found)
    }

    /// The holders whose facts have one of these clues; with `idle` only those who are not in the roster today.
    pub(super) async fn holders(
        &mut self,
        clues: &[i64],
        idle: bool,
    ) -> Result<BTreeSet<Holder>, AccountsError> {
        if clues.is_empty() {
            return Ok(BTreeSet::new());
        }
        let among = self.db.kind().among(1);
        let only = if idle { "AND l.in_roster = 0" } else { "" };
        let sql = format!(
            "SELECT DISTINCT c.holder, c.is_account FROM main.provision_clues c
             LEFT JOIN main.provision_links l ON c.is_account = 0 AND l.user_id = c.holder AND l.alias = 0
             WHERE c.clue {among} AND (c.is_account = 1 OR (l.account IS NOT NULL {only}))
             ORDER BY c.holder LIMIT {}",
            MOST + 2
        );
        self.holders_of(&sql, &[Value::Ints(clues.to_vec())]).await
    }

    async fn holders_of(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<BTreeSet<Holder>, AccountsError> {
        let mut all = BTreeSet::new();
        for mut row in self.db.query(sql, params).await? {
            let holder = row.text(0)?;
            all.insert(match row.int(1)? {
                0 => Holder::Identity(identity(holder)?),
                _ => Holder::Account(AccountId::new(holder)),
            });
        }
        Ok(all)
    }

    /// Identities that open no account, are asked about in an open review, and share a clue with these facts.
    ///
    /// That an identity is remembered is no proof that the roster has it today: it may be the former id of somebody who
    /// has another one now. A review is ended when its person leaves, so an open one is.
    #[cfg(feature = "roster")]
    pub(crate) async fn waiting(&mut self, facts: &Facts) -> Result<Vec<Person>, AccountsError> {
        let Some(key) = self.existing_key(facts.district.as_ref()).await? else {
            return Ok(Vec::new());
        };
        let clues = facts.looked_for(&key);
        let clues = [clues.strong, clues.weak].concat();
        let among = self.db.kind().among(1);
        let sql = format!(
            "SELECT DISTINCT c.holder, c.is_account FROM main.provision_clues c
             JOIN main.provision_reviews r ON r.user_id = c.holder AND r.is_open = 1
             LEFT JOIN main.provision_links l ON l.user_id = c.holder AND l.alias = 0
             WHERE c.clue {among} AND c.is_account = 0 AND l.account IS NULL ORDER BY c.holder LIMIT {MOST}"
        );
        let mut people = Vec::new();
        for holder in self.holders_of(&sql, &[Value::Ints(clues)]).await? {
            if let Holder::Identity(id) = &holder
                && let Some(facts) = self.facts(&holder).await?
            {
                people.push(facts.person(id));
            }
        }
        Ok(people)
    }

    /// Identities of a district that were said to be nobody of those asked about, wait for no other answer, and open no
    /// account.
    #[cfg(feature = "roster")]
    pub(crate) async fn turned_down(
        &mut self,
        district: &DistrictId,
    ) -> Result<BTreeSet<UserId>, AccountsError> {
        let sql = "SELECT r.user_id, r.record FROM main.provision_reviews r
                   JOIN main.provision_known k ON k.holder = r.user_id AND k.is_account = 0
                   LEFT JOIN main.provision_links l ON l.user_id = r.user_id
                   WHERE r.district = ?1 AND r.is_open = 0 AND l.account IS NULL AND NOT EXISTS (
                       SELECT 1 FROM main.provision_reviews o WHERE o.user_id = r.user_id AND o.is_open = 1
                   ) ORDER BY r.id";
        let mut all = BTreeSet::new();
        for mut row in self.db.query(sql, &[district.as_str().into()]).await? {
            let id = identity(row.text(0)?)?;
            let record: ReviewRecord = parsed(&row.text(1)?, "a review")?;
            if record.outcome == Some(ReviewOutcome::Declined) {
                all.insert(id);
            }
        }
        Ok(all)
    }

    /// The accounts of a district whose holder is not in its roster today, with what is known of them: the app's
    /// own, and those of people who left.
    #[cfg(feature = "roster")]
    pub(crate) async fn idle(
        &mut self,
        district: &DistrictId,
    ) -> Result<Vec<(AccountId, Facts)>, AccountsError> {
        let sql = "SELECT k.holder, k.is_account FROM main.provision_known k
                   LEFT JOIN main.provision_links l ON k.is_account = 0 AND l.user_id = k.holder AND l.alias = 0
                   WHERE k.district = ?1 AND (k.is_account = 1 OR l.in_roster = 0) ORDER BY k.holder";
        let mut all = Vec::new();
        for holder in self.holders_of(sql, &[district.as_str().into()]).await? {
            let account = self.account_of(&holder).await?;
            let Some(account) = account.filter(|account| !lives(account, district, None)) else {
                continue;
            };
            if let Some(facts) = self.facts(&holder).await? {
                all.push((account.id, facts));
            }
        }
        Ok(all)
    }

    /// The account that stands for a holder's today.
    pub(super) async fn account_of(
        &mut self,
        holder: &Holder,
    ) -> Result<Option<Account>, AccountsError> {
        let mut next = match holder {
            Holder::Account(id) => Some(id.clone()),
            Holder::Identity(id) => self.opened_by(id).await?,
        };
        while let Some(id) = next {
            match self.account(&id).await? {
                Some(Account {
                    state: AccountState::Merged { into },
                    ..
                }) => next = Some(into),
                other => return Ok(other),
            }
        }
        Ok(None)
    }

    pub(crate) async fn facts(&mut self, holder: &Holder) -> Result<Option<Facts>, AccountsError> {
        let (id, is_account) = holder.parts();
        let sql = "SELECT district, sealed FROM main.provision_known WHERE holder = ?1 AND is_account = ?2";
        let row = self.db.maybe(sql, &[id.into(), is_account.into()]).await?;
        let Some(mut row) = row else { return Ok(None) };
        let district = Some(row.text(0)?).filter(|name| !name.is_empty());
        let district = district.map(DistrictId::new).transpose();
        let district = district.map_err(|_| AccountsError::content("a district"))?;
        let Some(key) = self.existing_key(district.as_ref()).await? else {
            return Ok(None);
        };
        let opened = key.open(&holder.place(), &row.text(1)?)?;
        let text = std::str::from_utf8(&opened).unwrap_or_default();
        parsed(text, "what is known of a person").map(Some)
    }

    /// Forgets what is known of a holder, in a transaction.
    #[cfg(feature = "roster")]
    pub(crate) async fn forget(&mut self, holder: &Holder) -> Result<(), AccountsError> {
        let (id, is_account) = holder.parts();
        for table in ["known", "clues"] {
            let sql =
                format!("DELETE FROM main.provision_{table} WHERE holder = ?1 AND is_account = ?2");
            self.db
                .execute(&sql, &[id.into(), is_account.into()])
                .await?;
        }
        Ok(())
    }

    /// Remembers facts, in a transaction. Ids that the person had before stay.
    pub(crate) async fn write_known(
        &mut self,
        holder: &Holder,
        facts: Facts,
    ) -> Result<(), AccountsError> {
        let older = self.facts(holder).await?;
        let facts = match &older {
            Some(older) if older.district == facts.district => facts.with_older(older),
            _ => facts,
        };
        if older.as_ref() == Some(&facts) {
            return Ok(());
        }
        let key = self.key(facts.district.as_ref()).await?;
        let district = facts.district.as_ref().map_or("", DistrictId::as_str);
        let sealed = key.seal(&holder.place(), json(&facts)?.as_bytes(), &SystemRandomness)?;
        let (id, is_account) = holder.parts();
        let sql = "INSERT INTO main.provision_known (holder, is_account, district, sealed) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (holder, is_account) DO UPDATE SET district = excluded.district, sealed = excluded.sealed";
        let values = [id.into(), is_account.into(), district.into(), sealed.into()];
        self.db.execute(sql, &values).await?;
        let sql = "DELETE FROM main.provision_clues WHERE holder = ?1 AND is_account = ?2";
        self.db
            .execute(sql, &[id.into(), is_account.into()])
            .await?;
        for clue in facts.kept_under(&key) {
            let sql = "INSERT INTO main.provision_clues (clue, holder, is_account, district) VALUES (?1, ?2, ?3, ?4)";
            let values = [clue.into(), id.into(), is_account.into(), district.into()];
            self.db.execute(sql, &values).await?;
        }
        Ok(())
    }
}

/// Whether the roster of a district has an identity today that opens the account, other than `but`.
pub(crate) fn lives(account: &Account, district: &DistrictId, but: Option<&UserId>) -> bool {
    account.links.iter().any(|link| {
        link.in_roster && link.district.as_ref() == Some(district) && Some(&link.id) != but
    })
}

/// What speaks for an account and against it, if that is worth a decision.
fn speaking(
    account: &Account,
    class: Class,
    known: &Facts,
    person: &Person,
    has_left: bool,
) -> Option<BTreeSet<Evidence>> {
    if account.class != class {
        return None;
    }
    let of = person.district.as_ref();
    let lives = of.is_some_and(|district| lives(account, district, Some(&person.id)));
    let mut links = account.links.iter();
    let left = links.any(|link| link.district.as_ref() == of && !link.in_roster);
    let evidence = known.evidence(person);
    let took_over = has_left
        && evidence.contains(&Evidence::ScopedSis)
        && !known.roles.is_disjoint(&person.roles);
    (took_over || counts(&evidence, lives, left)).then_some(evidence)
}

fn identity(text: String) -> Result<UserId, AccountsError> {
    UserId::new(text).map_err(|_| AccountsError::content("an identity"))
}
