//! What a path of the API leads to. A path is read here and nowhere else.

use super::attendance::Place;
use super::lms;
use super::relations::{Relation, has_feed, is_special, relation};
use crate::versions::{Collection, Version};

/// What a path of the API leads to. Other paths get a page, whatever the token.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// `/userinfo`.
    UserInfo,
    /// Who is signed in, in the words of a version; `None` if there is no such version.
    Me(Option<Version>),
    /// The attendance of a place.
    Attendance(Place),
    /// The district's learning management system.
    Lms(lms::Target),
    /// The roster and its events.
    Roster(Version, Roster),
}

/// What a path leads to in a version's roster.
#[derive(Debug, Clone)]
pub(crate) enum Roster {
    /// A list.
    List(Collection),
    /// The record with an id.
    Record(Collection, String),
    /// The records that the one with an id leads to, by the word of the sub-path.
    Related(Collection, String, String, Relation),
    /// What v1 has of a record beside records.
    Special(Collection, String),
    /// All events.
    Feed,
    /// The event with an id.
    Event(String),
    /// The events of one record, which only v1 has.
    FeedOf(Collection, String),
}

impl Target {
    /// Reads a path with its query; `None` if the API has no such path.
    pub(crate) fn of(path: &str, query: &str) -> Option<Self> {
        if path == "/userinfo" {
            return Some(Self::UserInfo);
        }
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let (version, parts) = match parts.as_slice() {
            ["me"] => return Some(Self::Me(None)),
            [version, "me"] => return Some(Self::Me(Version::of(version))),
            [version, parts @ ..] => (Version::of(version)?, parts),
            [] => return None,
        };
        if version == Version::V3_1 {
            let place = Place::of(parts).map(Self::Attendance);
            let lms = || lms::Target::of(parts).map(Self::Lms);
            if let Some(found) = place.or_else(lms) {
                return Some(found);
            }
        }
        Some(Self::Roster(version, Roster::of(version, parts, query)?))
    }

    /// The version in whose words errors are.
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Roster(version, _) | Self::Me(Some(version)) => *version,
            _ => Version::V3_1,
        }
    }

    /// Whether it needs an app that may read rosters. A district's own record does not.
    pub(crate) fn needs_secure_sync(&self) -> bool {
        match self {
            Self::UserInfo | Self::Me(_) => false,
            Self::Attendance(_) | Self::Lms(_) => true,
            Self::Roster(_, roster) => roster.collection() != Some(Collection::Districts),
        }
    }
}

impl Roster {
    fn of(version: Version, parts: &[&str], query: &str) -> Option<Self> {
        let collection = |noun: &str| Collection::of(version, noun);
        Some(match *parts {
            ["events"] => Self::Feed,
            ["events", id] => Self::Event(id.to_owned()),
            [noun] => Self::List(collection(noun)?),
            [noun, id] => Self::Record(collection(noun)?, id.to_owned()),
            [noun, id, sub] => {
                let (collection, id) = (collection(noun)?, id.to_owned());
                if sub == "events" && has_feed(version, collection) {
                    Self::FeedOf(collection, id)
                } else if is_special(version, collection, sub) {
                    Self::Special(collection, id)
                } else {
                    let relation = relation(version, collection, sub, query)?;
                    Self::Related(collection, id, sub.to_owned(), relation)
                }
            }
            _ => return None,
        })
    }

    /// The collection that the path begins with; events are of none.
    fn collection(&self) -> Option<Collection> {
        match self {
            Self::List(collection)
            | Self::Record(collection, _)
            | Self::Related(collection, ..)
            | Self::Special(collection, _)
            | Self::FeedOf(collection, _) => Some(*collection),
            Self::Feed | Self::Event(_) => None,
        }
    }
}
