//! What is known of an account's holder, and the clues by which it is found again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_linkage::{Kind, is_placeholder, name_key};
use clever_model::{DistrictId, Role, UserId};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, Field, KnownPerson, compare};
use crate::ledger::DistrictKey;
use crate::scoped::{Scoped, SisId, StudentNumber};
use crate::subject::{Person, PersonName};

/// Most ids in districts' systems that are kept of one person; older ones are forgotten.
const KEPT_IDS: usize = 8;

/// What is known of an account's holder: Clever's record of an identity, or the app's own. Personal data; `Debug`
/// hides it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The district whose roster, or whose accounts, it is from.
    pub district: Option<DistrictId>,
    /// The roles; none for an app's own record.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// Ids from before v3.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub legacy_ids: BTreeSet<UserId>,
    /// Ids in the district's system, today's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sis_ids: Vec<String>,
    /// The number that the district gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_number: Option<String>,
    /// The id that the state gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_id: Option<String>,
    /// The given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// The date of birth as year, month, day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<(i16, u8, u8)>,
    /// The address; it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The teacher who shares the person, if no district does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_by: Option<UserId>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("district", &self.district)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl From<&Person> for Facts {
    fn from(person: &Person) -> Self {
        let ids = person.sis_ids.iter().map(|id| id.text().to_owned());
        Self {
            district: person.district.clone(),
            roles: person.roles.clone(),
            legacy_ids: person.legacy_ids.clone(),
            sis_ids: ids.collect(),
            student_number: person
                .student_number
                .as_ref()
                .map(|id| id.text().to_owned()),
            state_id: person.state_id.clone(),
            first: person.name.first.clone(),
            last: person.name.last.clone(),
            birth: person.birth,
            email: person.email.clone(),
            shared_by: person.shared_by.clone(),
        }
    }
}

/// What a clue is of. Only what is rare finds an account whose holder is in the roster today: namesakes are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    SisId,
    StudentNumber,
    StateId,
    NamesAndBirth,
    FamilyAndBirth,
    Names,
    /// The names of somebody whose birth is not known.
    NamesAlone,
}

/// Digests to look for.
#[derive(Debug, Default)]
pub(super) struct Clues {
    /// Those that find any account.
    pub(super) strong: Vec<i64>,
    /// Those that find accounts whose holder is not in the roster today.
    pub(super) weak: Vec<i64>,
}

impl Facts {
    /// Takes over the ids that the person had before: a split or another number is seen by them.
    pub(super) fn with_older(mut self, older: &Self) -> Self {
        for id in &older.sis_ids {
            if self.sis_ids.len() < KEPT_IDS && !self.sis_ids.contains(id) {
                self.sis_ids.push(id.clone());
            }
        }
        self
    }

    /// Takes over what these facts do not say.
    pub(super) fn completed_by(mut self, older: &Self) -> Self {
        let fill = |own: &mut Option<String>, older: &Option<String>| {
            if own.is_none() {
                own.clone_from(older);
            }
        };
        fill(&mut self.student_number, &older.student_number);
        fill(&mut self.state_id, &older.state_id);
        fill(&mut self.first, &older.first);
        fill(&mut self.last, &older.last);
        fill(&mut self.email, &older.email);
        self.birth = self.birth.or(older.birth);
        self
    }

    /// The person of an identity, as the record was.
    pub(crate) fn person(&self, id: &UserId) -> Person {
        let known = self.known();
        let mut person = Person::new(id.clone(), self.district.clone(), self.roles.clone());
        person.legacy_ids.clone_from(&self.legacy_ids);
        person.sis_ids = known.sis_ids;
        person.student_number = known.student_number;
        person.state_id = known.state_id;
        person.name = known.name;
        person.birth = self.birth;
        person.email.clone_from(&self.email);
        person.shared_by.clone_from(&self.shared_by);
        person
    }

    fn known(&self) -> KnownPerson {
        let district = self.district.as_ref();
        let ids = district.into_iter().flat_map(|district| {
            let ids = self.sis_ids.iter().filter_map(|id| SisId::new(id));
            ids.map(|id| Scoped::new(district.clone(), id))
        });
        let number = self.student_number.as_deref().and_then(StudentNumber::new);
        KnownPerson {
            sis_ids: ids.collect(),
            student_number: district
                .zip(number)
                .map(|(district, number)| Scoped::new(district.clone(), number)),
            state_id: self.state_id.clone(),
            name: PersonName {
                first: self.first.clone(),
                last: self.last.clone(),
            },
            birth: self.birth,
            // How many have an address is not counted here, so it says nothing.
            email: None,
            clever_id: None,
        }
    }

    /// What speaks for these facts being a person's, and against it.
    pub(super) fn evidence(&self, person: &Person) -> BTreeSet<Evidence> {
        let mut evidence = compare(person, &self.known());
        let has_id = evidence.iter().any(|one| is_id(*one));
        let family = person
            .name
            .last
            .as_deref()
            .and_then(name_key)
            .zip(self.last.as_deref().and_then(name_key));
        let is_family = family.is_some_and(|(one, other)| one == other);
        if !has_id
            && is_family
            && evidence.contains(&Evidence::BirthAgrees)
            && !evidence.contains(&Evidence::NamesAgree)
        {
            evidence.insert(Evidence::SiblingFits);
        }
        evidence
    }

    /// The digests under which these facts are kept.
    pub(super) fn kept_under(&self, key: &DistrictKey) -> BTreeSet<i64> {
        self.clues(key).into_iter().map(|(_, clue)| clue).collect()
    }

    /// The digests under which others that may be the same person are looked for.
    pub(super) fn looked_for(&self, key: &DistrictKey) -> Clues {
        let mut clues = Clues::default();
        for (sort, clue) in self.clues(key) {
            match sort {
                Sort::SisId | Sort::StudentNumber | Sort::StateId | Sort::NamesAndBirth => {
                    clues.strong.push(clue);
                }
                Sort::FamilyAndBirth => clues.weak.push(clue),
                Sort::Names if self.birth.is_none() => clues.weak.push(clue),
                Sort::Names | Sort::NamesAlone => {}
            }
        }
        // Of two records with the same names, one may have no birth.
        if self.birth.is_some()
            && let Some(names) = self.names()
        {
            clues.weak.push(digest(key, Sort::NamesAlone, &names));
        }
        clues
    }

    /// The digests under which the same student is looked for in another district: what means one child anywhere.
    pub(super) fn looked_for_elsewhere(&self, key: &DistrictKey) -> Vec<i64> {
        let clues = self.clues(key).into_iter();
        let rare = clues.filter(|(sort, _)| matches!(sort, Sort::StateId | Sort::NamesAndBirth));
        rare.map(|(_, clue)| clue).collect()
    }

    fn names(&self) -> Option<String> {
        let (first, last) = (
            name_key(self.first.as_deref()?)?,
            name_key(self.last.as_deref()?)?,
        );
        Some(format!("{first} {last}"))
    }

    fn clues(&self, key: &DistrictKey) -> Vec<(Sort, i64)> {
        let mut all = Vec::new();
        let mut add = |sort, text: &str| all.push((sort, digest(key, sort, text)));
        let id = |text: &str| {
            Some(text.trim().to_owned()).filter(|text| !is_placeholder(Kind::SisId, text))
        };
        for one in self.sis_ids.iter().filter_map(|text| id(text)) {
            add(Sort::SisId, &one);
        }
        if let Some(one) = self.student_number.as_deref().and_then(id) {
            add(Sort::StudentNumber, &one);
        }
        if let Some(one) = self.state_id.as_deref().and_then(id) {
            add(Sort::StateId, &one);
        }
        let birth = self
            .birth
            .map(|(year, month, day)| format!("{year}-{month}-{day}"));
        if let (Some(birth), Some(family)) = (&birth, self.last.as_deref().and_then(name_key)) {
            add(Sort::FamilyAndBirth, &format!("{family} {birth}"));
        }
        if let Some(names) = self.names() {
            add(Sort::Names, &names);
            match &birth {
                Some(birth) => add(Sort::NamesAndBirth, &format!("{names} {birth}")),
                None => add(Sort::NamesAlone, &names),
            }
        }
        all
    }

    /// The fields as a reviewer sees them.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<String, String> {
        let birth = self
            .birth
            .map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        let fields = [
            ("first name", self.first.clone()),
            ("last name", self.last.clone()),
            ("birth", birth),
            ("sis id", Some(self.sis_ids.join(", "))),
            ("student number", self.student_number.clone()),
            ("state id", self.state_id.clone()),
            ("email", self.email.clone()),
            ("roles", Some(roles.join(", "))),
        ];
        let told = fields.into_iter().filter_map(|(name, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((name.to_owned(), value))
        });
        told.collect()
    }
}

/// Whether a finding is an equal id.
pub(super) const fn is_id(one: Evidence) -> bool {
    matches!(
        one,
        Evidence::ScopedSis | Evidence::ScopedNumber | Evidence::StateId
    )
}

/// Whether facts with this evidence are worth a decision. `lives` where the account's holder is in the roster today
/// under another identity: then only a split or a doubled person is left, and a namesake, a twin or somebody with an
/// equal number and another name is neither.
/// `left` where that identity is gone from the roster, so that a new id in the district's system contradicts nothing.
pub(super) fn counts(evidence: &BTreeSet<Evidence>, lives: bool, left: bool) -> bool {
    let has = |one: &Evidence| evidence.contains(one);
    let (names, id) = (
        has(&Evidence::NamesAgree),
        evidence.iter().any(|one| is_id(*one)),
    );
    let other_name = has(&Evidence::Contradiction(Field::Name));
    // An id of the district's system may be a teacher's and somebody else's of the staff; a number is one student's.
    let number = has(&Evidence::ScopedNumber) || has(&Evidence::StateId);
    if names && has(&Evidence::BirthAgrees) || number || id && !other_name {
        return true;
    }
    let against = evidence.iter().any(|one| match one {
        Evidence::Contradiction(field) => !(left && *field == Field::SisId),
        _ => false,
    });
    !lives && (id || has(&Evidence::SiblingFits) || names && !against)
}

/// Whether a student of another district may be the same child: the names agree, and the birth or the state's id does, and
/// nothing contradicts.
pub(super) fn is_transfer(evidence: &BTreeSet<Evidence>) -> bool {
    let has = |one: &Evidence| evidence.contains(one);
    let against = |one: &Evidence| matches!(one, Evidence::Contradiction(_));
    has(&Evidence::NamesAgree)
        && (has(&Evidence::BirthAgrees) || has(&Evidence::StateId))
        && !evidence.iter().any(against)
}

fn digest(key: &DistrictKey, sort: Sort, text: &str) -> i64 {
    key.clue(&format!("{sort:?}"), text)
}
