//! Whom a decision is about: a person whom Clever has just signed in, or one of a roster.

use std::collections::BTreeSet;
use std::fmt;

use clever_auth::{Entry, VerifiedLogin};
use clever_model::{DistrictId, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::scoped::{Scoped, SisId, StudentNumber};

/// The sorts of people that never share an account: a teacher who is a parent is two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Class {
    /// A student.
    Student,
    /// A teacher, staff of a school, a district admin, or several of these at once.
    Employee,
    /// An adult of students.
    Contact,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Employee, Self::Student, Self::Contact];

    /// The class of a role.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Student => Self::Student,
            Role::Teacher | Role::Staff | Role::DistrictAdmin => Self::Employee,
            Role::Contact => Self::Contact,
        }
    }
}

/// What classes a set of roles comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Classes {
    /// No role is shared.
    None,
    /// One class.
    One(Class),
    /// Roles that never meet: something is wrong with the record.
    Several,
}

impl Classes {
    /// The classes of roles.
    #[must_use]
    pub fn of(roles: &BTreeSet<Role>) -> Self {
        let classes: BTreeSet<Class> = roles.iter().copied().map(Class::of).collect();
        match (classes.first(), classes.len()) {
            (None, _) => Self::None,
            (Some(class), 1) => Self::One(*class),
            _ => Self::Several,
        }
    }
}

/// Who shares a person with the app and so vouches for them, by name: `clever_auth::Authority` says only of which sort.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SharedBy {
    /// The person's district, by contract.
    District(DistrictId),
    /// A teacher, through Clever Library.
    Teacher(UserId),
}

/// A name in parts, as Clever has it. `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PersonName {
    /// The given name.
    pub first: Option<String>,
    /// The family name; a contact's whole name; a Library student's initial.
    pub last: Option<String>,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

/// What a person's Clever record says, as far as accounts are concerned. `Debug` shows ids and roles.
#[derive(Clone)]
pub struct Person {
    /// Clever's id of the person: the only key.
    pub id: UserId,
    /// The district, if one shares the person.
    pub district: Option<DistrictId>,
    /// All roles that are shared.
    pub roles: BTreeSet<Role>,
    /// The ids that the roles had before v3.
    pub legacy_ids: BTreeSet<UserId>,
    /// Ids in the district's system, one a role.
    pub sis_ids: Vec<Scoped<SisId>>,
    /// The number that the district gave the student.
    pub student_number: Option<Scoped<StudentNumber>>,
    /// The id that the state gave.
    pub state_id: Option<String>,
    /// The name.
    pub name: PersonName,
    /// The date of birth as year, month, day.
    pub birth: Option<(i16, u8, u8)>,
    /// The address that Clever has. Unverified, whatever `email_verified` says; it decides nothing.
    pub email: Option<String>,
    /// The teacher who shared the person, if no district does.
    pub shared_by: Option<UserId>,
}

impl Person {
    /// A person of whom no more is known than id, district and roles.
    #[must_use]
    pub fn new(
        id: UserId,
        district: Option<DistrictId>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Self {
        Self {
            id,
            district,
            roles: roles.into_iter().collect(),
            legacy_ids: BTreeSet::new(),
            sis_ids: Vec::new(),
            student_number: None,
            state_id: None,
            name: PersonName::default(),
            birth: None,
            email: None,
            shared_by: None,
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .field("district", &self.district)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// What a login was begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Purpose {
    /// To sign in. It can never link on the strength of another account's proof.
    SignIn,
    /// To add this Clever identity to an account whose holder is proving it.
    Link,
}

/// How a subject came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Arrival {
    /// By a login.
    Login {
        purpose: Purpose,
        /// The browser started and finished the flow itself.
        bound: bool,
        /// The person was asked and said that there is no other account.
        said_new: bool,
        verified_at: Timestamp,
    },
    /// By a roster.
    Roster,
}

/// Whom a decision is about. Ids and classes only: names and addresses decide nothing, they are compared
/// beforehand ([`crate::evidence::compare`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    pub(crate) id: UserId,
    pub(crate) legacy_ids: BTreeSet<UserId>,
    pub(crate) authority: SharedBy,
    pub(crate) classes: Classes,
    pub(crate) arrival: Arrival,
    pub(crate) connected: bool,
}

/// Why a login and a record make no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedSubject {
    /// The record is another person's.
    #[error(
        "the record is not the signed-in person's; read /users/{{id}} with the id of this login"
    )]
    OtherPerson,
    /// The record is of another district than the login.
    #[error("the record's district is not the login's; read the record again")]
    OtherDistrict,
    /// Neither a district nor a teacher shares the person.
    #[error(
        "nobody shares the person: a roster's record needs a district, a Library student's its teacher"
    )]
    NobodyShares,
}

impl Subject {
    /// A person whom Clever has just signed in, and the person's record.
    ///
    /// The record gives the roles, which a login does not have. A Library teacher vouches for herself; a
    /// Library student is vouched for by `person.shared_by`.
    ///
    /// # Errors
    ///
    /// [`RefusedSubject`] when the record is not the login's.
    pub fn login(
        login: &VerifiedLogin,
        person: &Person,
        purpose: Purpose,
    ) -> Result<Self, RefusedSubject> {
        if login.user_id() != &person.id {
            return Err(RefusedSubject::OtherPerson);
        }
        if let (Some(a), Some(b)) = (login.district(), &person.district)
            && a != b
        {
            return Err(RefusedSubject::OtherDistrict);
        }
        let authority = match login.authority() {
            clever_auth::Authority::District => {
                let district = login.district().or(person.district.as_ref());
                SharedBy::District(district.ok_or(RefusedSubject::NobodyShares)?.clone())
            }
            clever_auth::Authority::Teacher => teacher_of(person)?,
        };
        let mut legacy_ids = person.legacy_ids.clone();
        legacy_ids.extend(login.legacy_id().cloned());
        legacy_ids.remove(&person.id);
        Ok(Self {
            id: person.id.clone(),
            legacy_ids,
            authority,
            classes: Classes::of(&person.roles),
            arrival: Arrival::Login {
                purpose,
                bound: login.entry() != Entry::Unbound,
                said_new: false,
                verified_at: login.verified_at(),
            },
            connected: true,
        })
    }

    /// A person of a roster.
    ///
    /// # Errors
    ///
    /// [`RefusedSubject::NobodyShares`] when the record names neither a district nor a teacher.
    pub fn roster(person: &Person) -> Result<Self, RefusedSubject> {
        let authority = match &person.district {
            Some(district) => SharedBy::District(district.clone()),
            None => teacher_of(person)?,
        };
        let mut legacy_ids = person.legacy_ids.clone();
        legacy_ids.remove(&person.id);
        Ok(Self {
            id: person.id.clone(),
            legacy_ids,
            authority,
            classes: Classes::of(&person.roles),
            arrival: Arrival::Roster,
            connected: true,
        })
    }

    /// The person was asked and says that there is no other account.
    #[must_use]
    pub fn says_new(mut self) -> Self {
        if let Arrival::Login { said_new, .. } = &mut self.arrival {
            *said_new = true;
        }
        self
    }

    /// The district has disconnected the app.
    #[must_use]
    pub fn of_disconnected_district(mut self) -> Self {
        self.connected = false;
        self
    }

    /// Clever's id of the person.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// What classes the person's roles come to.
    #[must_use]
    pub fn classes(&self) -> Classes {
        self.classes
    }

    /// Who vouches for the person.
    #[must_use]
    pub fn authority(&self) -> &SharedBy {
        &self.authority
    }

    /// The district that vouches, if one does.
    pub(crate) fn district(&self) -> Option<&DistrictId> {
        match &self.authority {
            SharedBy::District(district) => Some(district),
            SharedBy::Teacher(_) => None,
        }
    }

    pub(crate) fn is_login(&self) -> bool {
        matches!(self.arrival, Arrival::Login { .. })
    }

    /// Whether the subject may be joined to an account that exists: not when another may have sent the
    /// browser.
    pub(crate) fn is_bound(&self) -> bool {
        match self.arrival {
            Arrival::Login { bound, .. } => bound,
            Arrival::Roster => true,
        }
    }
}

/// A Library teacher vouches for herself, a Library student's teacher for the student.
fn teacher_of(person: &Person) -> Result<SharedBy, RefusedSubject> {
    if let Some(teacher) = &person.shared_by {
        return Ok(SharedBy::Teacher(teacher.clone()));
    }
    match Classes::of(&person.roles) {
        Classes::One(Class::Employee) => Ok(SharedBy::Teacher(person.id.clone())),
        _ => Err(RefusedSubject::NobodyShares),
    }
}
