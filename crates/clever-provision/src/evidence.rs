//! What speaks for an account being somebody's, and what against it. Names and addresses end here: a
//! decision sees only what they came to.

use std::fmt;

use clever_model::UserId;
use serde::Serialize;

use crate::placeholder::{is_nobody, is_nobodys_address, is_nobodys_birthday, is_nobodys_id};
use crate::scoped::{Scoped, SisId, StudentNumber};
use crate::subject::{Person, PersonName};
use crate::text;

/// Something that two records can contradict each other in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Field {
    /// Given or family name.
    Name,
    /// Date of birth.
    Birth,
    /// The state's id.
    StateId,
    /// The district's id, where both have one.
    SisId,
    /// The grade: a student can't be in it.
    Grade,
}

/// One finding about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Evidence {
    /// An id of the same district's system is equal.
    ScopedSis,
    /// The number that the same district gave is equal.
    ScopedNumber,
    /// The state's id is equal.
    StateId,
    /// Both names are whole and equal.
    NamesAgree,
    /// The dates of birth are equal.
    BirthAgrees,
    /// An address is equal; on two people or more it says nothing, and it never links.
    Mailbox {
        /// How many people have the address.
        holders: u32,
    },
    /// A linkage's score, and its lead over the next candidate, in millibits.
    Score {
        /// The score.
        millibits: i32,
        /// The lead.
        lead: i32,
    },
    /// A sibling would fit as well, whether one is known or not: no id is equal and the given names are not
    /// surely one, or a sibling is known and they are not equal.
    SiblingFits,
    /// The records contradict each other.
    Contradiction(Field),
}

impl Evidence {
    /// Whether it makes an account a rival for the subject. What contradicts it does not unmake it one, so
    /// that a contradiction can only ever move a decision away from a link.
    pub(crate) const fn speaks_for(self) -> bool {
        matches!(
            self,
            Self::ScopedSis
                | Self::ScopedNumber
                | Self::StateId
                | Self::NamesAgree
                | Self::Score { .. }
                | Self::SiblingFits
        )
    }
}

/// What an app knows of an account's holder, in the same words. `Debug` hides it.
#[derive(Clone, Default)]
pub struct KnownPerson {
    /// Ids in districts' systems.
    pub sis_ids: Vec<Scoped<SisId>>,
    /// Numbers that districts gave.
    pub student_number: Option<Scoped<StudentNumber>>,
    /// The id that the state gave.
    pub state_id: Option<String>,
    /// The name.
    pub name: PersonName,
    /// The date of birth as year, month, day.
    pub birth: Option<(i16, u8, u8)>,
    /// The address, and how many of the app's people have it.
    pub email: Option<(String, u32)>,
    /// The Clever id, if there is a link.
    pub clever_id: Option<UserId>,
}

impl fmt::Debug for KnownPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownPerson")
            .field("clever_id", &self.clever_id)
            .finish_non_exhaustive()
    }
}

/// Compares a person's record with what the app knows of an account's holder.
///
/// Symmetric in what it compares, and blind to what is absent: absence is no contradiction, and what stands for
/// nothing (`Unknown`, `N/A`, 1900-01-01) is absent. A bulk linkage adds [`Evidence::Score`] and [`Evidence::SiblingFits`].
#[must_use]
pub fn compare(person: &Person, known: &KnownPerson) -> std::collections::BTreeSet<Evidence> {
    let mut found = std::collections::BTreeSet::new();
    let sis_equal = person.sis_ids.iter().any(|id| known.sis_ids.contains(id));
    if sis_equal {
        found.insert(Evidence::ScopedSis);
    } else {
        let same_district = person.sis_ids.iter().any(|id| {
            known
                .sis_ids
                .iter()
                .any(|other| other.district() == id.district())
        });
        if same_district {
            found.insert(Evidence::Contradiction(Field::SisId));
        }
    }
    if person.student_number.is_some() && person.student_number == known.student_number {
        found.insert(Evidence::ScopedNumber);
    }
    let state_id = |id: &'_ Option<String>| id.clone().filter(|id| !is_nobodys_id(id));
    if let (Some(a), Some(b)) = (state_id(&person.state_id), state_id(&known.state_id)) {
        found.insert(if a.trim() == b.trim() {
            Evidence::StateId
        } else {
            Evidence::Contradiction(Field::StateId)
        });
    }
    match names(&person.name, &known.name) {
        Some(true) => {
            found.insert(Evidence::NamesAgree);
        }
        Some(false) => {
            found.insert(Evidence::Contradiction(Field::Name));
        }
        None => {}
    }
    let told = |birth: Option<(i16, u8, u8)>| {
        birth.filter(|(year, month, day)| {
            let date = u32::try_from(*year).unwrap_or_default() * 10_000
                + u32::from(*month) * 100
                + u32::from(*day);
            !is_nobodys_birthday(date)
        })
    };
    if let (Some(a), Some(b)) = (told(person.birth), told(known.birth)) {
        found.insert(if a == b {
            Evidence::BirthAgrees
        } else {
            Evidence::Contradiction(Field::Birth)
        });
    }
    if let (Some(a), Some((b, holders))) = (&person.email, &known.email)
        && !is_nobodys_address(a)
        && a.trim().eq_ignore_ascii_case(b.trim())
    {
        found.insert(Evidence::Mailbox { holders: *holders });
    }
    found
}

/// Whether two names are one: both whole and equal, whatever case and marks they are written with.
/// `None` where a part is absent, a placeholder or an initial: that says nothing.
fn names(a: &PersonName, b: &PersonName) -> Option<bool> {
    let whole = |part: &Option<String>| {
        let part = part.as_deref().filter(|part| !is_nobody(part))?;
        let mut folded = String::new();
        text::fold(part, &mut folded);
        folded.retain(|c| c != ' ');
        (folded.chars().count() > 1).then_some(folded)
    };
    let (first, last) = (
        (whole(&a.first)?, whole(&b.first)?),
        (whole(&a.last)?, whole(&b.last)?),
    );
    Some(first.0 == first.1 && last.0 == last.1)
}
