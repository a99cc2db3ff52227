//! From links to evidence: what a decision may know of a linkage's candidates.

use std::collections::BTreeSet;

use super::kind::{EQUAL, Kind};
use super::link::{Candidate, Link, Links};
use crate::directory::{self, AccountId};
use crate::evidence::{Evidence, Field};

impl Links<'_> {
    /// The candidates of a right record as [`directory::Directory::candidates`] takes them; the left file's ids
    /// are the accounts'. Set [`directory::Directory::truncated`] from [`Link::cut`].
    #[must_use]
    pub fn candidates(&self, link: &Link) -> Vec<directory::Candidate> {
        let all = link
            .candidates
            .iter()
            .map(|candidate| directory::Candidate {
                account: AccountId::new(self.left_id(candidate)),
                evidence: self.evidence(link, candidate),
            });
        all.collect()
    }

    /// What speaks for a candidate and against it.
    ///
    /// A candidate within reach that is further behind the best than the margin is no rival for its name, its
    /// birth, its score or a sibling's; that an id is equal is told of every candidate.
    #[must_use]
    pub fn evidence(&self, link: &Link, candidate: &Candidate) -> BTreeSet<Evidence> {
        let margin = self.people().config.decide.margin;
        let best = link
            .candidates
            .first()
            .map_or(candidate.millibits, |best| best.millibits);
        let rival = !candidate.in_reach || best.saturating_sub(candidate.millibits) < margin;
        let mut found = BTreeSet::new();
        let mut names = Vec::new();
        for (at, field) in self.people().config.field.iter().enumerate() {
            let level = candidate.pattern.level(at);
            let name = field
                .kind
                .levels()
                .get(level as usize)
                .copied()
                .unwrap_or_default();
            match (field.kind, name) {
                (Kind::SisId, "equal") => drop(found.insert(Evidence::ScopedSis)),
                (Kind::StudentNumber, "equal") => drop(found.insert(Evidence::ScopedNumber)),
                (Kind::StateId, "equal") => drop(found.insert(Evidence::StateId)),
                (Kind::Date, "equal") if rival => drop(found.insert(Evidence::BirthAgrees)),
                (Kind::Email, "equal" | "shared") => {
                    let holders = self.holders(at, candidate);
                    found.insert(Evidence::Mailbox { holders });
                }
                (Kind::GivenName | Kind::FamilyName, _) => names.push(name),
                _ => {}
            }
            if field.kind.contradicts(level)
                && let Some(field) = contradiction(field.kind)
            {
                found.insert(Evidence::Contradiction(field));
            }
        }
        let slips = names.iter().filter(|name| **name != "equal").count();
        let agree = |name: &&str| matches!(*name, "equal" | "nickname" | "part" | "spelling");
        // Both names, and at most one of them with a slip.
        if rival
            && !candidate.may_be_sibling
            && names.len() == 2
            && slips < 2
            && names.iter().all(agree)
        {
            found.insert(Evidence::NamesAgree);
        }
        let given_is_equal = self
            .level(candidate, Kind::GivenName)
            .is_none_or(|level| level == EQUAL);
        if rival && (candidate.may_be_sibling || link.sibling && !given_is_equal) {
            found.insert(Evidence::SiblingFits);
        }
        if rival && candidate.in_reach {
            let is_best = link.candidates.first() == Some(candidate);
            let lead = if is_best { link.lead } else { 0 };
            found.insert(Evidence::Score {
                millibits: candidate.millibits,
                lead,
            });
        }
        found
    }
}

/// What an unequal value of a kind contradicts.
const fn contradiction(kind: Kind) -> Option<Field> {
    match kind {
        Kind::GivenName | Kind::FamilyName => Some(Field::Name),
        Kind::Date => Some(Field::Birth),
        Kind::StateId => Some(Field::StateId),
        Kind::SisId => Some(Field::SisId),
        Kind::Grade => Some(Field::Grade),
        _ => None,
    }
}
