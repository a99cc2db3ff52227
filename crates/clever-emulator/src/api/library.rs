//! What a token opens that a teacher shared, through Clever Library: herself, her sections, their students
//! with the initial of their last names. No district, no other lists, no paging. A student's own token opens
//! the student's own record.

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use super::target::{Roster, Target};
use crate::reply::Reply;
use crate::sign_in::role::legacy_id;
use crate::versions::{Collection, Version};
use crate::world::World;

use Collection::{Sections, Students, Teachers, Users};

/// Answers a Library token of the user with `record`; `None` if the path is none of its own.
pub(super) fn answer(
    world: &World,
    record: &Value,
    target: Option<&Target>,
    path: &str,
    query: &str,
) -> Option<Reply> {
    let paging = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| matches!(&*name, "limit" | "starting_after" | "ending_before"));
    if paging {
        return Some(Reply::message(
            400,
            "paging is not supported for this token",
        ));
    }
    let Some(Target::Roster(version, roster)) = target else {
        return None;
    };
    let speech = Speech {
        version: *version,
        path,
    };
    let user = record["id"].as_str().unwrap_or_default();
    let teaches = record["roles"]["teacher"].is_object();
    let (of_own, students, own) = match (version.has_users(), teaches) {
        (true, _) => (Users, Users, user),
        (false, true) => (Teachers, Students, legacy_id(record, user)),
        (false, false) => (Students, Students, user),
    };
    match roster {
        Roster::Record(kind, id) if *kind == of_own && id == own => {
            Some(speech.one(&speech.person(record)))
        }
        // What a student's token opens beside the student is not known.
        _ if !teaches => None,
        Roster::Related(kind, id, sub, _) if *kind == of_own && id == own && sub == "sections" => {
            let sections = sections_of(world, user).map(|one| speech.section(world, &one));
            Some(speech.list(sections, Sections))
        }
        Roster::Record(kind, id) if *kind == students => {
            let mut sections = sections_of(world, user);
            sections.find(|section| names(section, "students", id))?;
            let student = world.value(RecordKind::Users, id)?;
            Some(speech.one(&speech.person(&student)))
        }
        Roster::Record(Sections, id) => {
            let section = section_of(world, user, id)?;
            Some(speech.one(&speech.section(world, &section)))
        }
        Roster::Related(Sections, id, sub, _) if sub == "users" => {
            let section = section_of(world, user, id)?;
            let role = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "role")
                .map(|(_, role)| role.into_owned());
            let mut ids = match role.as_deref() {
                Some("student") => people(&section, "students"),
                Some("teacher") => people(&section, "teachers"),
                _ => [people(&section, "students"), people(&section, "teachers")].concat(),
            };
            ids.sort();
            Some(speech.list(speech.read(world, &ids), Users))
        }
        Roster::Related(Sections, id, sub, _) if sub == "students" => {
            let mut ids = people(&section_of(world, user, id)?, "students");
            ids.sort();
            Some(speech.list(speech.read(world, &ids), Students))
        }
        _ => None,
    }
}

/// A version as a Library app speaks it, and the path that was asked for.
#[derive(Clone, Copy)]
struct Speech<'a> {
    version: Version,
    path: &'a str,
}

impl Speech<'_> {
    fn read(self, world: &World, ids: &[String]) -> Vec<Value> {
        ids.iter()
            .filter_map(|id| world.value(RecordKind::Users, id))
            .map(|user| self.person(&user))
            .collect()
    }

    /// A person as the version has them.
    fn person(self, record: &Value) -> Value {
        if self.version.has_users() {
            trimmed_user(record)
        } else {
            older_person(record)
        }
    }

    /// A section as the version has it: older ones name teachers by their older ids.
    fn section(self, world: &World, section: &Value) -> Value {
        let mut shown = keep(
            section,
            &[
                "id", "name", "subject", "grade", "students", "teacher", "teachers",
            ],
        );
        if !self.version.has_users() {
            let older = |id: &Value| -> Value {
                let id = id.as_str().unwrap_or_default();
                let record = world.value(RecordKind::Users, id).unwrap_or_default();
                let teacher = &record["roles"]["teacher"]["legacy_id"];
                teacher.as_str().unwrap_or(id).into()
            };
            if let Some(teacher) = shown.get_mut("teacher") {
                *teacher = older(teacher);
            }
            for teacher in shown
                .get_mut("teachers")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                *teacher = older(teacher);
            }
        }
        shown.into()
    }

    fn one(self, record: &Value) -> Reply {
        let links = [json!({ "rel": "self", "uri": self.path })];
        Reply::json(json!({ "data": record, "links": links }).to_string())
    }

    fn list(self, records: impl IntoIterator<Item = Value>, of: Collection) -> Reply {
        let (version, noun) = (self.version.as_str(), of.noun());
        let data: Vec<Value> = records
            .into_iter()
            .map(|record| {
                let id = record["id"].as_str().unwrap_or_default();
                let uri = format!("/{version}/{noun}/{id}");
                json!({ "data": record, "uri": uri })
            })
            .collect();
        let links = [json!({ "rel": "self", "uri": self.path })];
        Reply::json(json!({ "data": data, "links": links }).to_string())
    }
}

fn sections_of<'a>(world: &'a World, teacher: &'a str) -> impl Iterator<Item = Value> + 'a {
    let sections = world.sections_of(teacher).into_iter();
    sections.filter_map(move |id| section_of(world, teacher, &id))
}

fn section_of(world: &World, teacher: &str, id: &str) -> Option<Value> {
    world
        .value(RecordKind::Sections, id)
        .filter(|section| names(section, "teachers", teacher))
}

fn people(section: &Value, list: &str) -> Vec<String> {
    let ids = section[list].as_array().into_iter().flatten();
    ids.filter_map(|id| id.as_str().map(ToOwned::to_owned))
        .collect()
}

fn names(section: &Value, list: &str, id: &str) -> bool {
    section[list]
        .as_array()
        .is_some_and(|people| people.iter().any(|one| one == id))
}

fn keep(record: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|key| Some(((*key).to_owned(), record.get(*key)?.clone())))
        .collect()
}

/// A teacher with name and address; a student with first name, initial and grade.
pub(super) fn trimmed_user(record: &Value) -> Value {
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

/// A person as versions before v3.0 have them: with the id of the role, and the grade at the top.
pub(super) fn older_person(record: &Value) -> Value {
    let mut person = trimmed_user(record);
    if let Some(fields) = person.as_object_mut() {
        let id = fields["id"].as_str().unwrap_or_default();
        let id = legacy_id(record, id).to_owned();
        fields.insert("id".to_owned(), id.into());
        let roles = fields.remove("roles").unwrap_or_default();
        if let Some(grade) = roles["student"].get("grade") {
            fields.insert("grade".to_owned(), grade.clone());
        }
    }
    person
}
