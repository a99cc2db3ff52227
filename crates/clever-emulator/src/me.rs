//! Who a signed-in user is, and what the user's token opens: `/me` in every version, `/userinfo`, the own
//! record, the own district and, in older versions, the own schools. Anything else is a page for people.

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use crate::identity::Person;
use crate::reply::{Reply, unauthorized};
use crate::world::World;
use crate::{library, routes};

/// What a sign-in tells of a role, whatever the role has.
const ROLE_FIELDS: [&str; 4] = ["grade", "legacy_id", "school", "schools"];
/// What an app for signing in alone is told of a role: enough to find the account of an earlier version.
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

/// The role in which somebody signs in: with several, the one in class comes first.
pub(crate) fn login_role(record: &Value) -> Option<&str> {
    let roles = record["roles"].as_object()?;
    roles.keys().next_back().map(String::as_str)
}

/// The id that somebody had before v3.0, in the role of the sign-in. Students never had another.
pub(crate) fn legacy_id<'a>(record: &'a Value, user: &'a str) -> &'a str {
    login_role(record)
        .and_then(|role| record["roles"][role]["legacy_id"].as_str())
        .unwrap_or(user)
}

/// A role as `type` names it before v3.0, and the collection of such people.
fn older_words(role: &str) -> (&str, &'static str) {
    match role {
        "student" => (role, "students"),
        "teacher" => (role, "teachers"),
        "staff" => ("school_admin", "school_admins"),
        "contact" => (role, "contacts"),
        _ => (role, "district_admins"),
    }
}

/// Answers a user's token.
pub(crate) fn answer(
    world: &World,
    secure_sync: bool,
    person: &Person,
    path: &str,
    query: &str,
) -> Reply {
    let user = person.user.as_str();
    let Some(record) = world.value(RecordKind::Users, user) else {
        return unauthorized();
    };
    if path == "/userinfo" {
        return user_info(&record, person);
    }
    let Some((version, rest)) = path.trim_start_matches('/').split_once('/') else {
        return Reply::no_such_path(path);
    };
    if rest == "me" {
        return me(world, &record, person, version).unwrap_or_else(|| Reply::no_such_path(path));
    }
    if person.library {
        return library::answer(world, &record, path, query)
            .unwrap_or_else(|| Reply::no_such_path(path));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let older = !matches!(version, "v3.0" | "v3.1");
    let (_, collection) = older_words(login_role(&record).unwrap_or_default());
    match parts.as_slice() {
        ["users", id] if !older && *id == user => {
            let shown = trimmed(&record, secure_sync);
            let links = [json!({ "rel": "self", "uri": path })];
            Reply::json(json!({ "data": shown, "links": links }).to_string())
        }
        ["districts", id] if *id == person.district => routes::answer(world, path, ""),
        [kind, id] if older && *kind == collection && *id == legacy_id(&record, user) => {
            routes::answer(world, path, "")
        }
        ["schools", id] if older && is_at(&record, id) => routes::answer(world, path, ""),
        _ => Reply::no_such_path(path),
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

/// `/me` as each version has it; `None` for a version that there is not.
fn me(world: &World, record: &Value, person: &Person, version: &str) -> Option<Reply> {
    let user = person.user.as_str();
    let role = login_role(record).unwrap_or_default();
    let (older_type, collection) = older_words(role);
    let legacy = legacy_id(record, user);
    let by = if person.library {
        "teacher"
    } else {
        "district"
    };
    let own = json!({ "rel": "self", "uri": "/me" });
    let older_own =
        json!({ "rel": "canonical", "uri": format!("/{version}/{collection}/{legacy}") });
    let mut body = match version {
        "v1.1" | "v1.2" => {
            let wide = if person.library {
                library::older_person(record)
            } else {
                let path = format!("/{version}/{collection}/{legacy}");
                let body = routes::answer(world, &path, "").body;
                let mut whole = serde_json::from_str::<Value>(&body).unwrap_or_default();
                whole["data"].take()
            };
            json!({ "type": older_type, "data": wide, "links": [own, older_own] })
        }
        "v2.0" | "v2.1" => {
            let mut data = json!({ "id": legacy, "type": older_type });
            if version == "v2.1" {
                data["authorized_by"] = by.into();
            }
            json!({ "data": data, "links": [own, older_own] })
        }
        "v3.0" | "v3.1" => json!({
            "type": "user",
            "data": { "id": user, "type": "user", "authorized_by": by },
            "links": [own, { "rel": "canonical", "uri": format!("/{version}/users/{user}") }],
        }),
        _ => return None,
    };
    // A teacher who shares by herself shares no district.
    if !person.library {
        let district = &person.district;
        body["data"]["district"] = district.as_str().into();
        if let Some(links) = body["links"].as_array_mut() {
            links.push(
                json!({ "rel": "district", "uri": format!("/{version}/districts/{district}") }),
            );
        }
    }
    Some(Reply::json(body.to_string()))
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
