//! Who a signed-in user is, and what the user's token opens: `/me` in every version, `/userinfo`, the own
//! record, the own district and, in older versions, the own schools. Anything else is a page for people.

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use super::target::{Roster, Target};
use super::{library, older, roster};
use crate::reply::Reply;
use crate::sign_in::app::Person;
use crate::sign_in::role::{legacy_id, login_role};
use crate::versions::{Collection, Version};
use crate::world::World;

/// What a sign-in tells of a role, whatever the role has.
const ROLE_FIELDS: [&str; 4] = ["grade", "legacy_id", "school", "schools"];
/// What an app for signing in alone sees of a role: enough to find the account of an earlier version.
const BASIC_ROLE_FIELDS: [&str; 1] = ["legacy_id"];
/// What a sign-in tells of a user.
const USER_FIELDS: [&str; 6] = [
    "created",
    "district",
    "email",
    "id",
    "last_modified",
    "name",
];

/// A role as `type` names it before v3.0, and the collection of such people.
fn older_words(role: &str) -> (&str, Collection) {
    match role {
        "student" => (role, Collection::Students),
        "teacher" => (role, Collection::Teachers),
        "staff" => ("school_admin", Collection::SchoolAdmins),
        "contact" => (role, Collection::Contacts),
        _ => (role, Collection::DistrictAdmins),
    }
}

/// Answers a user's token. `target` is what the path leads to.
pub(crate) fn answer(
    world: &World,
    secure_sync: bool,
    person: &Person,
    target: Option<&Target>,
    (path, query): (&str, &str),
) -> Reply {
    let user = person.user.as_str();
    let Some(record) = world.value(RecordKind::Users, user) else {
        return Reply::unauthorized();
    };
    let found = match target {
        Some(Target::UserInfo) => Some(user_info(&record, person)),
        Some(Target::Me(version)) => version.map(|version| me(world, &record, person, version)),
        target if person.library => library::answer(world, &record, target, path, query),
        Some(Target::Roster(version, roster @ Roster::Record(collection, id))) => {
            let own = is_own(&record, person, *version, *collection, id);
            own.then(|| match collection {
                Collection::Users => {
                    let shown = trimmed(&record, secure_sync);
                    let links = [json!({ "rel": "self", "uri": path })];
                    Reply::json(json!({ "data": shown, "links": links }).to_string())
                }
                _ => roster::answer_to(world, (*version, roster), path, ""),
            })
        }
        _ => None,
    };
    found.unwrap_or_else(|| Reply::no_such_path(path))
}

/// Whether a record is the user's own, the own district's, or before v3.0 one of the own schools'.
fn is_own(
    record: &Value,
    person: &Person,
    version: Version,
    collection: Collection,
    id: &str,
) -> bool {
    let user = person.user.as_str();
    let (_, own) = older_words(login_role(record).unwrap_or_default());
    match collection {
        Collection::Users => id == user,
        Collection::Districts => id == person.district,
        Collection::Schools => !version.has_users() && is_at(record, id),
        of_role => of_role == own && id == legacy_id(record, user),
    }
}

/// Whether a school is one of the user's.
fn is_at(record: &Value, school: &str) -> bool {
    let roles = record["roles"].as_object();
    roles.into_iter().flatten().any(|(_, role)| {
        role["schools"]
            .as_array()
            .is_some_and(|schools| schools.iter().any(|one| one == school))
    })
}

/// The user's own record, less what a sign-in hides.
fn trimmed(record: &Value, secure_sync: bool) -> Value {
    let kept: &[&str] = if secure_sync {
        &ROLE_FIELDS
    } else {
        &BASIC_ROLE_FIELDS
    };
    let pick = |from: &Value, names: &[&str]| -> Map<String, Value> {
        let found = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), from.get(*name)?.clone())));
        found.collect()
    };
    let mut shown = pick(record, &USER_FIELDS);
    let roles = record["roles"].as_object().into_iter().flatten();
    let roles: Map<String, Value> = roles
        .map(|(name, role)| (name.clone(), pick(role, kept).into()))
        .collect();
    shown.insert("roles".to_owned(), roles.into());
    shown.into()
}

/// `/me` as each version has it.
fn me(world: &World, record: &Value, person: &Person, version: Version) -> Reply {
    let user = person.user.as_str();
    let role = login_role(record).unwrap_or_default();
    let (older_type, collection) = older_words(role);
    let legacy = legacy_id(record, user);
    let by = if person.library {
        "teacher"
    } else {
        "district"
    };
    let (word, noun) = (version.as_str(), collection.noun());
    let own = json!({ "rel": "self", "uri": "/me" });
    let older_own = json!({ "rel": "canonical", "uri": format!("/{word}/{noun}/{legacy}") });
    let mut body = match version {
        Version::V1_1 | Version::V1_2 => {
            let data = if person.library {
                library::older_person(record)
            } else {
                older::record(world, version, collection, legacy).unwrap_or_default()
            };
            json!({ "type": older_type, "data": data, "links": [own, older_own] })
        }
        Version::V2_0 | Version::V2_1 => {
            let mut data = json!({ "id": legacy, "type": older_type });
            if version == Version::V2_1 {
                data["authorized_by"] = by.into();
            }
            json!({ "data": data, "links": [own, older_own] })
        }
        Version::V3_0 | Version::V3_1 => json!({
            "type": "user",
            "data": { "id": user, "type": "user", "authorized_by": by },
            "links": [own, { "rel": "canonical", "uri": format!("/{word}/users/{user}") }],
        }),
    };
    // A teacher who shares by herself shares no district.
    if !person.library {
        let district = &person.district;
        body["data"]["district"] = district.as_str().into();
        if let Some(links) = body["links"].as_array_mut() {
            links
                .push(json!({ "rel": "district", "uri": format!("/{word}/districts/{district}") }));
        }
    }
    Reply::json(body.to_string())
}

/// `/me` as it was recorded for the demo districts' published user tokens: shorter, and with the id of before
/// v3.0.
pub(crate) fn demo(record: &Value, person: &Person) -> Reply {
    let role = login_role(record).unwrap_or_default();
    let id = legacy_id(record, &person.user);
    let data = json!({ "id": id, "district": person.district, "type": older_words(role).0 });
    Reply::json(json!({ "data": data }).to_string())
}

fn user_info(record: &Value, person: &Person) -> Reply {
    let user = person.user.as_str();
    let role = login_role(record);
    let trimmed;
    let shown = if person.library {
        trimmed = library::trimmed_user(record);
        &trimmed
    } else {
        record
    };
    let by = if person.library {
        "teacher"
    } else {
        "district"
    };
    let part = |name: &str| shown["name"][name].as_str().unwrap_or_default();
    let mut info = json!({
        "sub": user, "user_id": legacy_id(record, user), "multi_role_user_id": user, "user_type": role,
        "schools": [], "email_verified": false, "authorized_by": by,
        "name": { "first": part("first"), "middle": part("middle"), "last": part("last") },
        "given_name": part("first"), "family_name": part("last"),
    });
    if !person.library {
        info["district_id"] = person.district.as_str().into();
        info["district"] = person.district.as_str().into();
    }
    if shown["email"]
        .as_str()
        .is_some_and(|email| !email.is_empty())
    {
        info["email"] = shown["email"].clone();
    }
    Reply::json(info.to_string())
}
