//! What speaks for an account being somebody's, and what against it. Names and addresses end here: a
//! decision sees only what they came to.

use std::collections::BTreeSet;
use std::fmt;

use clever_linkage::{
    Comparison, Kind, Level, Pair, compare_names, is_no_birthday, is_placeholder, is_surely_one,
    names_agree,
};
use clever_model::UserId;
use serde::Serialize;

use crate::scoped::{Scoped, SisId, StudentNumber};
use crate::subject::{Person, PersonName};

/// Something that two records can contradict each other in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Field {
    /// Given or family name.
    Name,
    /// Date of birth.
    Birth,
    /// The state's id.
    StateId,
    /// The district's id, if both have one.
    SisId,
    /// The number that the district gave a student, if both have one.
    StudentNumber,
    /// The grade: a student can't be in it.
    Grade,
    /// Another id, if both have one.
    OtherId,
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
    /// Both names are whole and agree, at most one of them by a nickname, a part or a slip of the pen; and no sibling has
    /// such a name, or an id says that it is none.
    NamesAgree,
    /// The dates of birth are equal.
    BirthAgrees,
    /// An address is equal; on two people or more it says nothing, and it never links.
    Mailbox {
        /// How many people have the address.
        holders: u32,
    },
    /// A comparison's score.
    Score {
        /// The log-odds that both are one person's, in millibits: 1,000 for each doubling of the odds.
        millibits: i32,
    },
    /// Both names agree, and so do the school (or another place) with the grade or the one before, or the birth date; nobody else of
    /// either file has the names there, and they are so rare that hardly anybody else would have them; no id and no birth date is
    /// another.
    RareNames,
    /// A given or a family name is another one altogether, but two ids (one of them the district's or the state's, the other
    /// perhaps a personal address) and the birth date are equal, no sibling is known, and nobody else of either file has the names
    /// of one of the two.
    AnotherName,
    /// A sibling would fit as well, whether one is known or not: no id is equal and the given names are not
    /// certainly the same, or a sibling is known and they are not equal.
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
/// nothing (`Unknown`, `N/A`, 1900-01-01) is absent. Names are compared as [`candidates`](crate::candidates) compares those of files, which
/// add [`Evidence::Score`] and [`Evidence::SiblingFits`].
#[must_use]
pub fn compare(person: &Person, known: &KnownPerson) -> BTreeSet<Evidence> {
    let mut found = BTreeSet::new();
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
    if let (Some(a), Some(b)) = (&person.student_number, &known.student_number)
        && a.district() == b.district()
    {
        found.insert(if a == b {
            Evidence::ScopedNumber
        } else {
            Evidence::Contradiction(Field::StudentNumber)
        });
    }
    let state_id =
        |id: &'_ Option<String>| id.clone().filter(|id| !is_placeholder(Kind::StateId, id));
    if let (Some(a), Some(b)) = (state_id(&person.state_id), state_id(&known.state_id)) {
        found.insert(if a.trim() == b.trim() {
            Evidence::StateId
        } else {
            Evidence::Contradiction(Field::StateId)
        });
    }
    let id_equal = [
        Evidence::ScopedSis,
        Evidence::ScopedNumber,
        Evidence::StateId,
    ]
    .iter()
    .any(|id| found.contains(id));
    let parts = |name: &'_ PersonName| {
        [name.first.clone(), name.last.clone()].map(Option::unwrap_or_default)
    };
    let (ours, theirs) = (parts(&person.name), parts(&known.name));
    let [given, family] = compare_names([&ours[0], &ours[1]], [&theirs[0], &theirs[1]]);
    if names_agree(given, family) && (id_equal || is_surely_one(given)) {
        found.insert(Evidence::NamesAgree);
    }
    if Kind::GivenName.contradicts(given) || Kind::FamilyName.contradicts(family) {
        found.insert(Evidence::Contradiction(Field::Name));
    }
    let told = |birth: Option<(i16, u8, u8)>| {
        birth.filter(|(year, month, day)| {
            let date = u32::try_from(*year).unwrap_or_default() * 10_000
                + u32::from(*month) * 100
                + u32::from(*day);
            !is_no_birthday(date)
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
        && !is_placeholder(Kind::Email, a)
        && a.trim().eq_ignore_ascii_case(b.trim())
    {
        found.insert(Evidence::Mailbox { holders: *holders });
    }
    found
}

/// What speaks for a pair of records of files and against it.
pub(crate) fn evidence_of(comparison: &Comparison<'_>, pair: &Pair) -> BTreeSet<Evidence> {
    let mut found = BTreeSet::from([Evidence::Score {
        millibits: pair.millibits,
    }]);
    let (mut given, mut family): (Option<Level>, Option<Level>) = (None, None);
    let mut given_is_equal = true;
    for one in comparison.agreements(pair) {
        match one.kind {
            Kind::SisId if one.is_equal() => drop(found.insert(Evidence::ScopedSis)),
            Kind::StudentNumber if one.is_equal() => drop(found.insert(Evidence::ScopedNumber)),
            Kind::StateId if one.is_equal() => drop(found.insert(Evidence::StateId)),
            Kind::Date if one.is_equal() => drop(found.insert(Evidence::BirthAgrees)),
            Kind::Email if matches!(one.word(), "equal" | "shared") => {
                let holders = one.holders;
                found.insert(Evidence::Mailbox { holders });
            }
            Kind::GivenName => {
                given = Some(one.level);
                given_is_equal = one.is_equal();
            }
            Kind::FamilyName => family = Some(one.level),
            _ => {}
        }
        // Two ids and a date say that another name is the same person's: that is a finding of its own.
        let is_proven =
            pair.has_another_name && matches!(one.kind, Kind::GivenName | Kind::FamilyName);
        if one.contradicts()
            && !is_proven
            && let Some(field) = contradiction(one.kind)
        {
            found.insert(Evidence::Contradiction(field));
        }
    }
    if let (Some(given), Some(family)) = (given, family)
        && names_agree(given, family)
        && !pair.may_be_sibling
    {
        found.insert(Evidence::NamesAgree);
    }
    if pair.has_rare_names {
        found.insert(Evidence::RareNames);
    }
    if pair.has_another_name {
        found.insert(Evidence::AnotherName);
    }
    if pair.may_be_sibling || pair.sibling_known && !given_is_equal {
        found.insert(Evidence::SiblingFits);
    }
    found
}

/// What an unequal value of a kind contradicts.
const fn contradiction(kind: Kind) -> Option<Field> {
    match kind {
        Kind::GivenName | Kind::FamilyName => Some(Field::Name),
        Kind::Date => Some(Field::Birth),
        Kind::StateId => Some(Field::StateId),
        Kind::SisId => Some(Field::SisId),
        Kind::StudentNumber => Some(Field::StudentNumber),
        Kind::Grade => Some(Field::Grade),
        Kind::Id => Some(Field::OtherId),
        Kind::Email | Kind::Code | Kind::Text => None,
    }
}
