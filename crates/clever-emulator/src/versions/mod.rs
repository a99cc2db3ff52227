//! Every published version of the API over one world: which collections a version has, and by which words.
//!
//! The world keeps records as v3.1 writes them. What an older version makes of one is a pure function ([`shape`],
//! [`v3_0`]); so is what it makes of an event ([`events`]). Before v3.0 employees had an id for each role, and those
//! lists ascend by it ([`ids`]).
//!
//! Decision: older versions are functions of v3.1's records, so there is one world to keep. An event is taken apart into the
//! record before and after: a role gained is a created teacher in v2. An event's id is the world's times 64, which leaves
//! room for what one event becomes.

use clever_model::{RecordKind, Role};

pub(crate) mod events;
mod fields;
pub(crate) mod ids;
pub(crate) mod shape;
pub(crate) mod v3_0;

/// A version of the API, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    V1_1,
    V1_2,
    V2_0,
    V2_1,
    V3_0,
    V3_1,
}

impl Version {
    /// Every version, oldest first.
    pub(crate) const ALL: [Self; 6] = [
        Self::V1_1,
        Self::V1_2,
        Self::V2_0,
        Self::V2_1,
        Self::V3_0,
        Self::V3_1,
    ];

    /// The version as paths begin with it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1_1 => "v1.1",
            Self::V1_2 => "v1.2",
            Self::V2_0 => "v2.0",
            Self::V2_1 => "v2.1",
            Self::V3_0 => "v3.0",
            Self::V3_1 => "v3.1",
        }
    }

    /// The version with this word in paths.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == word)
    }

    /// Whether people are users with roles, each with one id.
    pub(crate) fn has_users(self) -> bool {
        self >= Self::V3_0
    }

    /// Whether courses and terms are fields of sections, and lists take `where`.
    pub(crate) fn is_first(self) -> bool {
        self <= Self::V1_2
    }
}

/// A list of records in some version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Collection {
    Districts,
    Schools,
    Students,
    Teachers,
    SchoolAdmins,
    DistrictAdmins,
    Contacts,
    Terms,
    Courses,
    Users,
    Sections,
    Resources,
}

impl Collection {
    /// Every collection, in the order of the events of one sync.
    pub(crate) const ALL: [Self; 12] = [
        Self::Districts,
        Self::Schools,
        Self::Students,
        Self::Teachers,
        Self::SchoolAdmins,
        Self::DistrictAdmins,
        Self::Contacts,
        Self::Terms,
        Self::Courses,
        Self::Users,
        Self::Sections,
        Self::Resources,
    ];

    /// Its word in paths.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Districts => "districts",
            Self::Schools => "schools",
            Self::Students => "students",
            Self::Teachers => "teachers",
            Self::SchoolAdmins => "school_admins",
            Self::DistrictAdmins => "district_admins",
            Self::Contacts => "contacts",
            Self::Terms => "terms",
            Self::Courses => "courses",
            Self::Users => "users",
            Self::Sections => "sections",
            Self::Resources => "resources",
        }
    }

    /// Its word in the types of events, if a version tells of it at all: v1 has no events of district admins.
    pub(crate) fn event_noun(self, version: Version) -> Option<&'static str> {
        match self {
            Self::SchoolAdmins => Some("schooladmins"),
            Self::DistrictAdmins if version.is_first() => None,
            Self::DistrictAdmins => Some("districtadmins"),
            Self::Contacts if version.is_first() => Some("studentcontacts"),
            other => Some(other.noun()),
        }
    }

    /// The collection that `version` has under this word.
    pub(crate) fn of(version: Version, noun: &str) -> Option<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|collection| collection.noun() == noun)?;
        found.is_in(version).then_some(found)
    }

    /// Whether `version` has it.
    pub(crate) fn is_in(self, version: Version) -> bool {
        match self {
            Self::Districts | Self::Schools | Self::Sections => true,
            Self::Users | Self::Resources => version.has_users(),
            Self::Terms | Self::Courses => !version.is_first(),
            _ => !version.has_users(),
        }
    }

    /// The world's kind of records that it is made of.
    pub(crate) const fn kind(self) -> RecordKind {
        match self {
            Self::Districts => RecordKind::Districts,
            Self::Schools => RecordKind::Schools,
            Self::Terms => RecordKind::Terms,
            Self::Courses => RecordKind::Courses,
            Self::Sections => RecordKind::Sections,
            Self::Resources => RecordKind::Resources,
            _ => RecordKind::Users,
        }
    }

    /// The one role that it is of, if it is of one.
    pub(crate) const fn role(self) -> Option<Role> {
        match self {
            Self::Students => Some(Role::Student),
            Self::Teachers => Some(Role::Teacher),
            Self::SchoolAdmins => Some(Role::Staff),
            Self::DistrictAdmins => Some(Role::DistrictAdmin),
            Self::Contacts => Some(Role::Contact),
            _ => None,
        }
    }

    /// Whether its ids are others than the world's: one for each role, from before people were users.
    pub(crate) const fn has_old_ids(self) -> bool {
        matches!(
            self,
            Self::Teachers | Self::SchoolAdmins | Self::DistrictAdmins | Self::Contacts
        )
    }
}
