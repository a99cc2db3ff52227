//! Whose the token of a request is.

use std::sync::Arc;

use clever_model::Role;

use super::shared::Shared;
use crate::districts::District;
use crate::sign_in::Owner;
use crate::sign_in::app::Person;

/// Tokens that Clever publishes for its demo districts; the first emulated district opens to them too.
const DEMO_TOKENS: [&str; 2] = ["TEST_TOKEN", "DEMO_TOKEN"];

/// Tokens that Clever publishes for users of a demo district.
const DEMO_USERS: [(&str, Role); 4] = [
    ("ilc_DEMO_STUDENT_TOKEN", Role::Student),
    ("ilc_DEMO_TEACHER_TOKEN", Role::Teacher),
    ("ilc_DEMO_SCHOOL_ADMIN_TOKEN", Role::Staff),
    ("ilc_DEMO_DISTRICT_ADMIN_TOKEN", Role::DistrictAdmin),
];

/// Whose token a request bears.
pub(super) enum Bearer<'a> {
    District(&'a Arc<District>),
    User(&'a District, Person),
    /// One of the published tokens of users.
    Demo(&'a District, Person),
}

impl Bearer<'_> {
    pub(super) fn is_users(&self) -> bool {
        !matches!(self, Self::District(_))
    }

    pub(super) fn owner(&self) -> Owner {
        match self {
            Self::District(_) => Owner::District,
            Self::User(_, person) if person.library => Owner::LibraryUser,
            Self::User(..) | Self::Demo(..) => Owner::User,
        }
    }
}

/// Finds whose the token in an `Authorization` header is.
pub(super) fn bearer<'a>(
    shared: &'a Shared,
    authorization: Option<&str>,
) -> Option<(String, Bearer<'a>)> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let districts = &shared.districts;
    let first = || Some(&districts.first).filter(|first| first.is_connected());
    let found = if let Some(person) = shared.app.person_of(token) {
        let district = districts.get(&person.district)?;
        // With the district go its users' tokens; a teacher's own sharing stays.
        if !person.library && !district.is_connected() {
            return None;
        }
        Bearer::User(district, person)
    } else if let Some((_, role)) = DEMO_USERS.iter().find(|(known, _)| *known == token) {
        let district = first()?;
        let user = district.world().with_role(*role).keys().next()?;
        let person = Person {
            district: district.id.clone(),
            user,
            library: false,
        };
        Bearer::Demo(district, person)
    } else if DEMO_TOKENS.contains(&token) {
        Bearer::District(first()?)
    } else {
        Bearer::District(districts.opened_by(token)?)
    };
    Some((token.to_owned(), found))
}
