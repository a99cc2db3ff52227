//! What a person who may decide is asked, answers, and forgets in time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_auth::seal::SystemRandomness;
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_sql::Backend;
use serde::{Deserialize, Serialize};

use super::{AccountStore, AccountsError, Facts, Needs, OwnedTable, Refusal, json, parsed};
use crate::decide::{Decision, decide};
use crate::directory::AccountId;
use crate::effects::Effects;
use crate::evidence::Evidence;
use crate::ledger::{
    Actor, Draft, Event, Hash, Impossible, MergeId, ProofClass, ReviewId, ReviewOutcome,
    ReviewRecord,
};
use crate::merge::{Ground, Side, plan};
use crate::policy::Policy;
use crate::proof::{AdminProof, Proof};
use crate::subject::{Class, Person, SharedBy, Subject};

/// How long a review waits for an answer by default, in seconds: thirty days.
const REVIEW_TTL: i64 = 30 * 86_400;

/// What a person who decides sees: both records, side by side. Personal data; `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Material {
    /// The person's record, by field.
    pub person: BTreeMap<String, String>,
    /// Each candidate's.
    pub candidates: BTreeMap<AccountId, CandidateMaterial>,
}

/// One candidate of a [`Material`]. Personal data; `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CandidateMaterial {
    /// The account's record, by field.
    pub account: BTreeMap<String, String>,
    /// The other district whose account it is, where the person moved from one. Its record is not kept with the question:
    /// it is read when somebody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<DistrictId>,
    /// What each field says: its agreement, and millibits.
    pub fields: BTreeMap<String, (String, i32)>,
    /// The whole weight in millibits, if a linkage gave one.
    pub millibits: Option<i32>,
    /// Another person of that family and day of birth is known.
    pub sibling_known: bool,
    /// What spoke for it, so that it is asked again when that changes.
    pub evidence: Vec<String>,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates: Vec<&AccountId> = self.candidates.keys().collect();
        f.debug_struct("Material")
            .field("candidates", &candidates)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CandidateMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandidateMaterial")
            .field("millibits", &self.millibits)
            .finish_non_exhaustive()
    }
}

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review {
    /// The review's id.
    pub id: ReviewId,
    /// About whom.
    pub user: UserId,
    /// Whose data it is.
    pub district: Option<DistrictId>,
    /// When it is too late to answer.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub expires: Timestamp,
    /// The account that the person has meanwhile, if one.
    pub meanwhile: Option<AccountId>,
    /// What approving each candidate does.
    pub candidates: BTreeMap<AccountId, Effects>,
    /// Both records; `None` where they were erased.
    pub material: Option<Material>,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The identity opens the account now.
    Linked(AccountId),
    /// The account that the person had meanwhile and this one are one now.
    Merged(MergeId),
}

/// What is kept of a subject, to decide about it again: no personal data.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    class: Class,
    authority: SharedBy,
    legacy_ids: BTreeSet<UserId>,
    /// Digests of each candidate's evidence.
    evidence: BTreeMap<AccountId, crate::ledger::Pair>,
}

impl Kept {
    fn subject(&self, id: &UserId) -> Result<Subject, AccountsError> {
        let role = match self.class {
            Class::Student => Role::Student,
            Class::Employee => Role::Teacher,
            Class::Contact => Role::Contact,
        };
        let district = match &self.authority {
            SharedBy::District(district) => Some(district.clone()),
            SharedBy::Teacher(_) => None,
        };
        let mut person = Person::new(id.clone(), district, [role]);
        person.legacy_ids = self.legacy_ids.clone();
        if let SharedBy::Teacher(teacher) = &self.authority {
            person.shared_by = Some(teacher.clone());
        }
        Subject::roster(&person)
            .map_err(|_| AccountsError::content("a person whom somebody shares"))
    }
}

impl AccountStore {
    /// Asks a person who may decide, in a transaction; `explanation` is the digest of what a decision saw.
    pub(crate) async fn write_review(
        &mut self,
        subject: &Subject,
        explanation: Option<Hash>,
        candidates: BTreeSet<AccountId>,
        material: Option<&Material>,
        now: Timestamp,
    ) -> Result<ReviewId, AccountsError> {
        // The same question is asked once.
        let sql =
            "SELECT id, record FROM main.provision_reviews WHERE user_id = ?1 AND is_open = 1";
        for mut row in self.db.query(sql, &[subject.id().as_str().into()]).await? {
            let record: ReviewRecord = parsed(&row.text(1)?, "a review")?;
            if record.candidates == candidates {
                return Ok(ReviewId(row.count(0)?));
            }
        }
        let expires = Timestamp::from_second(now.as_second() + REVIEW_TTL)
            .map_err(|_| AccountsError::content("an instant within this age"))?;
        let district = subject.district().cloned();
        let draft = Draft {
            at: now,
            actor: Actor::Program,
            authority: Some(subject.authority().clone()),
            proof: super::events::proof_class(subject, &[]),
            explanation,
            event: Event::ReviewOpened {
                id: subject.id().clone(),
                candidates: candidates.clone(),
                district: district.clone(),
                expires,
            },
        };
        let record = ReviewRecord {
            id: subject.id().clone(),
            candidates: candidates.clone(),
            district: district.clone(),
            expires,
            outcome: None,
        };
        let id = ReviewId(self.append(&[draft]).await?);
        let key = self.key(district.as_ref()).await?;
        let digest = |account: &AccountId| {
            let words = material
                .and_then(|all| all.candidates.get(account))
                .map(|one| one.evidence.clone());
            (account.clone(), key.words(&words.unwrap_or_default()))
        };
        let kept = Kept {
            class: match subject.classes {
                crate::subject::Classes::One(class) => class,
                _ => Class::Contact,
            },
            authority: subject.authority().clone(),
            legacy_ids: subject.legacy_ids.clone(),
            evidence: candidates.iter().map(digest).collect(),
        };
        let sealed = match material {
            Some(material) => Some(key.seal(
                &format!("review {id}"),
                json(material)?.as_bytes(),
                &SystemRandomness,
            )?),
            None => None,
        };
        let sql = "INSERT INTO main.provision_reviews (id, record, is_open, district, user_id, subject, expires, sealed)
                   VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)";
        let name = district.as_ref().map_or("", DistrictId::as_str);
        let seconds = u64::try_from(expires.as_second()).unwrap_or_default();
        let values = [
            id.0.into(),
            json(&record)?.into(),
            name.into(),
            subject.id().as_str().into(),
            json(&kept)?.into(),
            seconds.into(),
            sealed.into(),
        ];
        self.db.execute(sql, &values).await?;
        Ok(id)
    }

    /// Ends the open reviews about an identity that need no answer any more, in a transaction: those that a link to
    /// `account` has answered, or all of them where the person left.
    #[cfg(feature = "roster")]
    pub(crate) async fn write_settled(
        &mut self,
        user: &UserId,
        account: Option<&AccountId>,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let sql =
            "SELECT id, record FROM main.provision_reviews WHERE user_id = ?1 AND is_open = 1";
        let mut drafts = Vec::new();
        for mut row in self.db.query(sql, &[user.as_str().into()]).await? {
            let record: ReviewRecord = parsed(&row.text(1)?, "a review")?;
            let outcome = match account {
                Some(account) if record.candidates.contains(account) => {
                    ReviewOutcome::Approved(account.clone())
                }
                Some(_) => continue,
                None => ReviewOutcome::Expired,
            };
            let event = Event::Resolved {
                review: ReviewId(row.count(0)?),
                outcome,
            };
            drafts.push(super::events::by_program(event, now));
        }
        self.append(&drafts).await?;
        Ok(())
    }

    /// The older ids of an identity that reviews about it have.
    #[cfg(feature = "roster")]
    pub(crate) async fn asked_about(
        &mut self,
        user: &UserId,
    ) -> Result<BTreeSet<UserId>, AccountsError> {
        let sql = "SELECT subject FROM main.provision_reviews WHERE user_id = ?1";
        let mut ids = BTreeSet::new();
        for mut row in self.db.query(sql, &[user.as_str().into()]).await? {
            let kept: Kept = parsed(&row.text(0)?, "the subject of a review")?;
            ids.extend(kept.legacy_ids);
        }
        Ok(ids)
    }

    /// How many open reviews are about an identity.
    #[cfg(feature = "roster")]
    pub(crate) async fn open_reviews_of(&mut self, user: &UserId) -> Result<u64, AccountsError> {
        let sql = "SELECT COUNT(*) FROM main.provision_reviews WHERE user_id = ?1 AND is_open = 1";
        let mut row = self.db.one(sql, &[user.as_str().into()]).await?;
        Ok(row.count(0)?)
    }

    /// Proposes to whoever may decide that the account of somebody in the roster and one that a person left behind
    /// are one, in a transaction. Not again where that was declined on the same evidence; says whether it was asked.
    #[cfg(feature = "roster")]
    pub(crate) async fn propose(
        &mut self,
        subject: &Subject,
        person: &Person,
        left: &AccountId,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<bool, AccountsError> {
        let evidence = facts.evidence(person);
        if let Some(key) = self.existing_key(subject.district()).await?
            && self.declined(key.pair(subject.id(), left)).await? == Some(key.evidence(&evidence))
        {
            return Ok(false);
        }
        let mut candidate = CandidateMaterial::default();
        if facts.district == person.district {
            candidate.account = facts.fields();
        } else {
            candidate.of.clone_from(&facts.district);
        }
        let material = Material {
            person: Facts::from(person).fields(),
            candidates: [(left.clone(), candidate.with_evidence(&evidence))].into(),
        };
        let before = self.open_reviews_of(subject.id()).await?;
        self.write_review(subject, None, [left.clone()].into(), Some(&material), now)
            .await?;
        Ok(self.open_reviews_of(subject.id()).await? > before)
    }

    /// How many reviews are open.
    pub(crate) async fn count_reviews(&mut self) -> Result<u64, AccountsError> {
        let sql = "SELECT COUNT(*) FROM main.provision_reviews WHERE is_open = 1";
        Ok(self.db.one(sql, &[]).await?.count(0)?)
    }

    /// The open reviews, oldest first.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn reviews(&mut self) -> Result<Vec<Review>, AccountsError> {
        let mut all = Vec::new();
        for mut row in self
            .db
            .query(
                "SELECT id FROM main.provision_reviews WHERE is_open = 1 ORDER BY id",
                &[],
            )
            .await?
        {
            all.push(self.review(ReviewId(row.count(0)?)).await?);
        }
        Ok(all)
    }

    /// At most `limit` open reviews behind one, oldest first; of one district, if one is named.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn open_reviews(
        &mut self,
        district: Option<&DistrictId>,
        after: Option<ReviewId>,
        limit: u32,
    ) -> Result<Vec<Review>, AccountsError> {
        let of = if district.is_some() {
            "district = ?3 AND"
        } else {
            ""
        };
        let sql = format!(
            "SELECT id FROM main.provision_reviews WHERE {of} is_open = 1 AND id > ?1 ORDER BY id LIMIT ?2"
        );
        let after = after.and_then(|id| i64::try_from(id.0).ok());
        let mut values = vec![after.unwrap_or(-1).into(), i64::from(limit).into()];
        values.extend(district.map(|id| id.as_str().into()));
        let mut all = Vec::new();
        for mut row in self.db.query(&sql, &values).await? {
            all.push(self.review(ReviewId(row.count(0)?)).await?);
        }
        Ok(all)
    }

    /// How many reviews are open, counted to `most` and no further; of one district, if one is named.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn waiting_reviews(
        &mut self,
        district: Option<&DistrictId>,
        most: u32,
    ) -> Result<u64, AccountsError> {
        let of = if district.is_some() {
            "district = ?2 AND"
        } else {
            ""
        };
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM main.provision_reviews WHERE {of} is_open = 1 LIMIT ?1) few"
        );
        let mut values = vec![i64::from(most).into()];
        values.extend(district.map(|id| id.as_str().into()));
        Ok(self.db.one(&sql, &values).await?.count(0)?)
    }

    /// One open review.
    ///
    /// # Errors
    ///
    /// [`Impossible::NoReview`] where it is not open.
    pub async fn review(&mut self, id: ReviewId) -> Result<Review, AccountsError> {
        let (record, _, sealed) = self.open_review(id).await?;
        let mut material: Option<Material> =
            match (sealed, self.existing_key(record.district.as_ref()).await?) {
                (Some(sealed), Some(key)) => {
                    let opened = key.open(&format!("review {id}"), &sealed)?;
                    Some(parsed(
                        &String::from_utf8_lossy(&opened),
                        "a review's records",
                    )?)
                }
                _ => None,
            };
        let mut candidates = BTreeMap::new();
        for account in &record.candidates {
            if let Some(found) = self.account(account).await? {
                let shown = material
                    .as_mut()
                    .and_then(|all| all.candidates.get_mut(account));
                if let Some(shown) = shown
                    && let Some(of) = &shown.of
                {
                    let known = self.known(&found).await?;
                    let known = known
                        .iter()
                        .filter(|facts| facts.district.as_ref() == Some(of));
                    shown.account = known.flat_map(Facts::fields).collect();
                }
                candidates.insert(account.clone(), Effects::of_link(&found, record.expires));
            }
        }
        Ok(Review {
            id,
            meanwhile: self.opened_by(&record.id).await?,
            user: record.id,
            district: record.district,
            expires: record.expires,
            candidates,
            material,
        })
    }

    async fn open_review(
        &mut self,
        id: ReviewId,
    ) -> Result<(ReviewRecord, Kept, Option<String>), AccountsError> {
        let sql = "SELECT record, subject, sealed FROM main.provision_reviews WHERE id = ?1 AND is_open = 1";
        let mut row = self
            .one(sql, id.0.into())
            .await?
            .ok_or(Impossible::NoReview(id))?;
        Ok((
            parsed(&row.text(0)?, "a review")?,
            parsed(&row.text(1)?, "a review's subject")?,
            row.maybe_text(2)?,
        ))
    }

    /// A person who may decide says that it is this account: the identity opens it from now on, or the account
    /// that the person had meanwhile and this one become one.
    ///
    /// # Errors
    ///
    /// If the two may not be one, or the review is not open.
    pub async fn approve(
        &mut self,
        id: ReviewId,
        account: &AccountId,
        staff: &str,
        tables: &[OwnedTable],
        now: Timestamp,
    ) -> Result<Answer, AccountsError> {
        let mut store = self.begin().await?;
        let done = store
            .write_approved(id, account, staff, tables, now)
            .await?;
        store.commit().await?;
        self.measure().await?;
        Ok(done)
    }

    async fn write_approved(
        &mut self,
        id: ReviewId,
        account: &AccountId,
        staff: &str,
        tables: &[OwnedTable],
        now: Timestamp,
    ) -> Result<Answer, AccountsError> {
        let (record, kept, _) = self.open_review(id).await?;
        let subject = kept.subject(&record.id)?;
        let resolved = Draft {
            at: now,
            actor: Actor::Staff(staff.into()),
            authority: Some(kept.authority.clone()),
            proof: ProofClass::Staff,
            explanation: None,
            event: Event::Resolved {
                review: id,
                outcome: ReviewOutcome::Approved(account.clone()),
            },
        };
        self.append(&[resolved]).await?;
        // The account may have been merged since the question was asked.
        let account = &self.standing(account).await?;
        match self.opened_by(&record.id).await? {
            Some(meanwhile) if meanwhile == *account => {
                return Ok(Answer::Linked(meanwhile));
            }
            Some(meanwhile) => {
                let merged = self.write_approved_merge(&meanwhile, account, tables, now);
                return merged.await.map(Answer::Merged);
            }
            None => {}
        }
        let proofs = [Proof::Admin(AdminProof::of_district_admin(
            account.clone(),
            now,
        ))];
        let directory = self.directory(&subject, &proofs, Vec::new()).await?;
        let decided = decide(&subject, &proofs, &directory, &Policy::default(), now);
        match &decided.decision {
            Decision::Link { account, .. } | Decision::LogIn { account } => {
                let account = account.clone();
                self.write_applied(&subject, &decided, &proofs, None, None, now)
                    .await?;
                Ok(Answer::Linked(account))
            }
            // Since the question was asked, something came between.
            _ => Err(Refusal::Stale {
                thing: format!("account {account}"),
            }
            .into()),
        }
    }

    /// The account that stands for one today.
    async fn standing(&mut self, account: &AccountId) -> Result<AccountId, AccountsError> {
        let needs = Needs {
            accounts: [account.clone()].into(),
            ..Needs::default()
        };
        let state = self.load(&needs).await?;
        let stands = state.standing(account).cloned();
        Ok(stands.ok_or_else(|| Impossible::NoAccount(account.clone()))?)
    }

    async fn write_approved_merge(
        &mut self,
        one: &AccountId,
        other: &AccountId,
        tables: &[OwnedTable],
        now: Timestamp,
    ) -> Result<MergeId, AccountsError> {
        let missing = |id: &AccountId| Impossible::NoAccount(id.clone());
        let a = self.account(one).await?.ok_or_else(|| missing(one))?;
        let b = self.account(other).await?.ok_or_else(|| missing(other))?;
        let conflicts = self.conflicts(tables, one, other).await?;
        let proofs =
            [one, other].map(|id| Proof::Admin(AdminProof::of_district_admin(id.clone(), now)));
        let side = |account| Side {
            account,
            fields: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        let planned = plan(
            &side(&a),
            &side(&b),
            Ground::Proofs(&proofs),
            &BTreeMap::new(),
            conflicts,
            now,
        )?;
        self.write_merge(&planned, tables, None, now).await
    }

    /// A person who may decide says that it is none of the candidates. The same pairs are asked about again only
    /// when something else speaks for them.
    ///
    /// # Errors
    ///
    /// Where the review is not open.
    pub async fn decline(
        &mut self,
        id: ReviewId,
        staff: &str,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        store.write_declined(id, staff, now).await?;
        store.commit().await?;
        self.measure().await?;
        Ok(())
    }

    async fn write_declined(
        &mut self,
        id: ReviewId,
        staff: &str,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let (record, kept, _) = self.open_review(id).await?;
        let key = self.key(record.district.as_ref()).await?;
        let draft = |event| Draft {
            at: now,
            actor: Actor::Staff(staff.into()),
            authority: Some(kept.authority.clone()),
            proof: ProofClass::Staff,
            explanation: None,
            event,
        };
        let mut drafts = vec![draft(Event::Resolved {
            review: id,
            outcome: ReviewOutcome::Declined,
        })];
        for (account, evidence) in &kept.evidence {
            drafts.push(draft(Event::Declined {
                pair: key.pair(&record.id, account),
                evidence: *evidence,
            }));
        }
        self.append(&drafts).await?;
        Ok(())
    }

    /// Ends the reviews that nobody answered in time; how many. What was sealed for them is gone.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn expire(&mut self, now: Timestamp) -> Result<u64, AccountsError> {
        let mut store = self.begin().await?;
        let done = store.write_expired(now).await?;
        store.commit().await?;
        self.measure().await?;
        Ok(done)
    }

    async fn write_expired(&mut self, now: Timestamp) -> Result<u64, AccountsError> {
        let sql =
            "SELECT id FROM main.provision_reviews WHERE is_open = 1 AND expires <= ?1 ORDER BY id";
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let mut drafts = Vec::new();
        for mut row in self.db.query(sql, &[seconds.into()]).await? {
            let review = ReviewId(row.count(0)?);
            drafts.push(Draft {
                at: now,
                actor: Actor::Program,
                authority: None,
                proof: ProofClass::None,
                explanation: None,
                event: Event::Resolved {
                    review,
                    outcome: ReviewOutcome::Expired,
                },
            });
        }
        self.append(&drafts).await?;
        Ok(drafts.len() as u64)
    }
}

impl CandidateMaterial {
    /// Takes what a decision saw of a candidate.
    #[must_use]
    pub fn with_evidence<'a>(mut self, evidence: impl IntoIterator<Item = &'a Evidence>) -> Self {
        self.evidence = crate::ledger::evidence_words(evidence);
        self
    }
}
