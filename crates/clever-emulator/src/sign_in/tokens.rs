//! What tokens say of themselves: the app's list of district tokens, and a token's scopes.
//!
//! Scopes belong to the app, not to a request: an app without Secure Sync has the basic ones, whatever a client
//! asks for. They are those of recorded answers and published samples.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::app::App;
use crate::districts::Districts;
use crate::reply::Reply;
use crate::world::stamp::stamp;

/// Scopes of an app with Secure Sync.
const ROSTER: [&str; 10] = [
    "read:district_admins",
    "read:districts",
    "read:resources",
    "read:school_admins",
    "read:schools",
    "read:sections",
    "read:student_contacts",
    "read:students",
    "read:teachers",
    "read:user_id",
];
/// Scopes of an app for signing in alone, and of the tokens of districts' users.
const SIGN_IN: [&str; 5] = [
    "read:district_admins_basic",
    "read:school_admins_basic",
    "read:students_basic",
    "read:teachers_basic",
    "read:user_id",
];
/// Scopes of a token that a teacher opened through the Library.
const LIBRARY: [&str; 4] = [
    "read:sections_limited",
    "read:students_limited",
    "read:teachers_limited",
    "read:user_id",
];

/// Whom a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    District,
    User,
    LibraryUser,
}

impl App {
    fn scopes(&self, owner: Owner) -> &'static [&'static str] {
        match owner {
            Owner::District if self.secure_sync => &ROSTER,
            Owner::District | Owner::User => &SIGN_IN,
            Owner::LibraryUser => &LIBRARY,
        }
    }

    /// `/oauth/tokeninfo`: it says nothing of when a token ends.
    pub(crate) fn token_info(&self, owner: Owner) -> Reply {
        let info = json!({ "client_id": self.client_id, "scopes": self.scopes(owner) });
        Reply::json(info.to_string())
    }

    /// `GET /oauth/tokens`: an element for each connected district, or for the one that is asked for.
    pub(crate) fn tokens(
        &self,
        districts: &Districts,
        query: &str,
        asked: &BTreeMap<String, String>,
    ) -> Reply {
        if asked
            .get("owner_type")
            .is_some_and(|owner| owner != "district")
        {
            return Reply::refused(400, "invalid_request", "owner_type must be district");
        }
        let wanted = asked.get("district");
        let data: Vec<Value> = districts
            .iter()
            .filter(|district| wanted.is_none_or(|wanted| *wanted == district.id))
            .filter_map(|district| {
                let connection = district.connection();
                Some(json!({
                    "id": connection.token_id, "created": stamp(connection.created),
                    "access_token": connection.token?,
                    "owner": { "type": "district", "id": district.id },
                    "scopes": self.scopes(Owner::District),
                }))
            })
            .collect();
        let own = format!("/oauth/tokens?{query}");
        Reply::json(json!({ "data": data, "links": [{ "rel": "self", "uri": own }] }).to_string())
    }
}
