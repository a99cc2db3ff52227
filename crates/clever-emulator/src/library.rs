//! What a token opens that a teacher shared, through Clever Library: herself, her sections, their students
//! with the initial of their last names. No district, no lists, no paging.

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use crate::reply::Reply;
use crate::world::World;

/// Answers a Library token of `user`; `None` where the path is none of its own.
pub(crate) fn answer(world: &World, user: &str, path: &str, query: &str) -> Option<Reply> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let paging = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| matches!(&*name, "limit" | "starting_after" | "ending_before"));
    if paging {
        return Some(Reply::message(
            400,
            "paging is not supported for this token",
        ));
    }
    match parts.as_slice() {
        [version, "me"] => Some(Reply::json(
            json!({
                "type": "user",
                "data": { "id": user, "type": "user", "authorized_by": "teacher" },
                "links": [
                    { "rel": "self", "uri": "/me" },
                    { "rel": "canonical", "uri": format!("/{version}/users/{user}") },
                ],
            })
            .to_string(),
        )),
        [version, "users", id] if *id == user => {
            let record = trimmed_user(&world.value(RecordKind::Users, user)?);
            Some(one(&record, &format!("/{version}/users/{id}")))
        }
        [version, "users", id, "sections"] if *id == user => {
            let sections = sections_of(world, user).map(|section| trimmed_section(&section));
            Some(list(sections, version, "sections", path))
        }
        [version, "sections", id] => {
            let section = section_of(world, user, id)?;
            Some(one(
                &trimmed_section(&section),
                &format!("/{version}/sections/{id}"),
            ))
        }
        [version, "sections", id, "users"] => {
            let section = section_of(world, user, id)?;
            let role = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "role")
                .map(|(_, role)| role.into_owned());
            let of = |key: &str| -> Vec<String> {
                let ids = section[key].as_array().into_iter().flatten();
                ids.filter_map(|id| id.as_str().map(ToOwned::to_owned))
                    .collect()
            };
            let mut ids = match role.as_deref() {
                Some("student") => of("students"),
                Some("teacher") => of("teachers"),
                _ => [of("students"), of("teachers")].concat(),
            };
            ids.sort();
            let users = ids
                .iter()
                .filter_map(|id| world.value(RecordKind::Users, id))
                .map(|user| trimmed_user(&user));
            Some(list(users, version, "users", path))
        }
        _ => None,
    }
}

fn sections_of<'a>(world: &'a World, teacher: &'a str) -> impl Iterator<Item = Value> + 'a {
    let sections = world.sections_of(teacher).into_iter();
    sections.filter_map(move |id| section_of(world, teacher, &id))
}

fn section_of(world: &World, teacher: &str, id: &str) -> Option<Value> {
    world
        .value(RecordKind::Sections, id)
        .filter(|section| teaches(section, teacher))
}

fn teaches(section: &Value, teacher: &str) -> bool {
    section["teachers"]
        .as_array()
        .is_some_and(|teachers| teachers.iter().any(|one| one == teacher))
}

fn keep(record: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|key| Some(((*key).to_owned(), record.get(*key)?.clone())))
        .collect()
}

/// A teacher with name and address; a student with first name, initial and grade.
pub(crate) fn trimmed_user(record: &Value) -> Value {
    let student = record["roles"]["student"].is_object();
    let mut user = keep(record, &["id", "name"]);
    if student {
        let last = record["name"]["last"].as_str().unwrap_or_default();
        let initial: String = last.chars().take(1).collect();
        user.insert(
            "name".to_owned(),
            json!({ "first": record["name"]["first"], "last": initial }),
        );
        let grade = keep(&record["roles"]["student"], &["grade"]);
        user.insert("roles".to_owned(), json!({ "student": grade }));
    } else {
        user.extend(keep(record, &["email"]));
        user.insert("roles".to_owned(), json!({ "teacher": {} }));
    }
    user.into()
}

fn trimmed_section(section: &Value) -> Value {
    keep(
        section,
        &[
            "id", "name", "subject", "grade", "students", "teacher", "teachers",
        ],
    )
    .into()
}

fn one(record: &Value, uri: &str) -> Reply {
    Reply::json(json!({ "data": record, "links": [{ "rel": "self", "uri": uri }] }).to_string())
}

fn list(records: impl Iterator<Item = Value>, version: &str, noun: &str, path: &str) -> Reply {
    let data: Vec<Value> = records
        .map(|record| {
            let uri = format!(
                "/{version}/{noun}/{}",
                record["id"].as_str().unwrap_or_default()
            );
            json!({ "data": record, "uri": uri })
        })
        .collect();
    Reply::json(json!({ "data": data, "links": [{ "rel": "self", "uri": path }] }).to_string())
}
