//! What each version before v3.0 makes of one record of the world: which fields it has, under which id, with which
//! values.
//!
//! A field has to be named in [`super::fields`] to be served. A record goes over as a tree of values; what v3.0 has
//! is made in [`super::v3_0`], and v3.1 is the record's own text, so that a recorded district comes back byte for
//! byte.

use aws_lc_rs::digest::{SHA256, digest};
use clever_model::{RecordKind, Role};
use serde_json::{Map, Value, json};

use super::fields::{
    At, CONTACT, COURSE, DISTRICT, DISTRICT_ADMIN, Field, OLD_GRADES, OLD_LANGUAGES, SCHOOL,
    SCHOOL_ADMIN, SECTION, STATUS, STUDENT, TEACHER, TERM,
};
use super::{Collection, Version};
use crate::world::{Record, World};

use Version::{V1_1, V2_1};

/// Finds other records of the world, for what a version embeds or names by another id.
pub(crate) trait Look {
    /// A record.
    fn value(&self, kind: RecordKind, id: &str) -> Option<Value>;

    /// The id that a user had in a role before v3.0.
    fn old_id(&self, user: &str, role: Role) -> Option<String>;
}

impl Look for World {
    fn value(&self, kind: RecordKind, id: &str) -> Option<Value> {
        Some(self.list(kind).get(id)?.value())
    }

    fn old_id(&self, user: &str, role: Role) -> Option<String> {
        let user = self.list(RecordKind::Users).get(user)?;
        Some(match user.made_old_id(role) {
            Some(id) => id.as_str().to_owned(),
            None => old_id(&user.value(), role).to_owned(),
        })
    }
}

/// A record as a version has it.
#[derive(Debug, Clone)]
pub(crate) struct Shaped {
    pub(crate) id: String,
    pub(crate) record: Value,
}

/// The id under which a version before v3.0 has this user in this role: students keep theirs, and so does who has no
/// other.
pub(crate) fn old_id(user: &Value, role: Role) -> &str {
    let of_role = &user["roles"][role.as_str()];
    let legacy = of_role["legacy_id"].as_str().filter(|id| !id.is_empty());
    legacy
        .filter(|_| role != Role::Student)
        .unwrap_or_else(|| text(&user["id"]))
}

/// The ids of what [`shaped`] makes of a user in `role`; with `by_student`, one for each student of a contact.
pub(crate) fn old_ids(role: Role, by_student: bool, user: &Record<'_>) -> Vec<String> {
    if !by_student
        && user.has_role(role)
        && let Some(id) = user.made_old_id(role)
    {
        return vec![id.as_str().to_owned()];
    }
    let user = user.value();
    let of_role = &user["roles"][role.as_str()];
    if !of_role.is_object() {
        return Vec::new();
    }
    let id = old_id(&user, role);
    if !by_student {
        return vec![id.to_owned()];
    }
    let students = relations(of_role).iter();
    let students = students.filter_map(|relation| relation["student"].as_str());
    students.map(|student| pair_id(id, student)).collect()
}

/// The id of the contact that v1 makes of a contact and one of the students: a number of its own for each pair,
/// made at the contact's time.
fn pair_id(contact: &str, student: &str) -> String {
    let pair = digest(&SHA256, format!("{contact} {student}").as_bytes());
    let number = pair.as_ref()[..8].iter();
    let number = number.fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let time = contact.get(..8).unwrap_or("00000000");
    format!("{time}{number:016x}")
}

/// What `version` has of `record` in `collection`: nothing, one record, or one for each of a contact's students.
pub(crate) fn shaped(
    version: Version,
    collection: Collection,
    record: &Value,
    look: &dyn Look,
) -> Vec<Shaped> {
    if let Some(role) = collection.role() {
        return person(version, role, record);
    }
    let own = |fields| picked(version, fields, record, None);
    let shaped = match collection {
        Collection::Districts => {
            let mut district = own(DISTRICT);
            if version >= V2_1 && record["district_contact"].is_object() {
                district.insert("district_contact".to_owned(), district_contact(record));
            }
            district
        }
        Collection::Schools => own(SCHOOL),
        Collection::Terms => own(TERM),
        Collection::Courses => own(COURSE),
        Collection::Sections => section(version, record, own(SECTION), look),
        _ => return Vec::new(),
    };
    one(text(&record["id"]).to_owned(), shaped)
}

/// What a version has of a user in a role.
fn person(version: Version, role: Role, record: &Value) -> Vec<Shaped> {
    let of_role = record["roles"].get(role.as_str());
    let Some(of_role) = of_role.filter(|of| of.is_object()) else {
        return Vec::new();
    };
    let fields = match role {
        Role::Student => STUDENT,
        Role::Teacher => TEACHER,
        Role::Staff => SCHOOL_ADMIN,
        Role::DistrictAdmin => DISTRICT_ADMIN,
        Role::Contact => CONTACT,
    };
    let mut person = picked(version, fields, record, Some(of_role));
    let id = old_id(record, role).to_owned();
    match role {
        Role::Contact => {
            person.insert("name".to_owned(), json!(whole_name(&record["name"])));
            return contacts(version, id, person, relations(of_role));
        }
        Role::Staff | Role::DistrictAdmin => {
            if let Some(Value::Object(name)) = person.get_mut("name") {
                name.remove("middle");
            }
        }
        Role::Student | Role::Teacher => {}
    }
    one(id, person)
}

fn one(id: String, mut record: Map<String, Value>) -> Vec<Shaped> {
    record.insert("id".to_owned(), json!(id));
    let record = Value::Object(record);
    vec![Shaped { id, record }]
}

/// How a contact stands to each of the students.
fn relations(of_role: &Value) -> &[Value] {
    let relations = of_role["student_relationships"].as_array();
    relations.map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The fields that `version` has, with values that it knows.
fn picked(
    version: Version,
    fields: &[Field],
    record: &Value,
    role: Option<&Value>,
) -> Map<String, Value> {
    let known = fields.iter().filter(|(_, _, since)| *since <= version);
    known
        .filter_map(|(name, at, _)| {
            let from = match at {
                At::Top => record,
                At::Role => role?,
                At::Made => return None,
            };
            let value = narrowed(version, name, from.get(*name)?)?;
            Some(((*name).to_owned(), value))
        })
        .collect()
}

/// A field's value as `version` has it; `None` if it has no word for it.
pub(super) fn narrowed(version: Version, name: &str, value: &Value) -> Option<Value> {
    let Some(word) = value.as_str() else {
        let closed = matches!(name, "subject" | "state") && version < V2_1;
        return (!(closed && value.is_null())).then(|| value.clone());
    };
    let word = match name {
        "grade" | "low_grade" | "high_grade" if version < V2_1 => match word {
            "" => return None,
            word if OLD_GRADES.contains(&word) => word,
            _ => "Other",
        },
        "gender" if version < V2_1 && word == "X" => "",
        "subject" if version < V2_1 && word.is_empty() => return None,
        "home_language" if version < Version::V3_1 => {
            let empty = word.is_empty() && version >= V2_1;
            return (empty || OLD_LANGUAGES.contains(&word)).then(|| value.clone());
        }
        "state" if version < V2_1 => match word {
            "" => return None,
            "success" if version.is_first() => "running",
            "paused" if version == V1_1 => "pending",
            word => word,
        },
        _ => word,
    };
    Some(json!(word))
}

/// A contact's whole name: v3 keeps it where others have the last name.
fn whole_name(name: &Value) -> String {
    let parts = ["first", "middle", "last"].map(|key| text(&name[key]));
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// v2: one contact with its students. v1: a contact for each of them.
fn contacts(
    version: Version,
    id: String,
    person: Map<String, Value>,
    relations: &[Value],
) -> Vec<Shaped> {
    let related = |mut person: Map<String, Value>, relation: Option<&Value>| {
        for key in ["relationship", "type"] {
            if let Some(word) = relation.and_then(|relation| relation[key].as_str()) {
                person.insert(key.to_owned(), json!(word));
            }
        }
        person
    };
    if !version.is_first() {
        let mut contact = related(person, relations.first());
        let students = relations.iter().map(|relation| &relation["student"]);
        contact.insert("students".to_owned(), students.cloned().collect());
        return one(id, contact);
    }
    let of_each = relations.iter().filter_map(|relation| {
        let student = relation["student"].as_str()?;
        let mut contact = related(person.clone(), Some(relation));
        contact.insert("student".to_owned(), json!(student));
        Some(one(pair_id(&id, student), contact))
    });
    of_each.flatten().collect()
}

/// v2.1 has the contact of a district as one of its admins.
fn district_contact(district: &Value) -> Value {
    let contact = &district["district_contact"];
    let mut kept = Map::new();
    for key in ["district", "email", "id", "name", "title"] {
        if let Some(value) = contact.get(key) {
            kept.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(name)) = kept.get_mut("name") {
        name.remove("middle");
    }
    Value::Object(kept)
}

/// How a district's connection is doing, as v1 has it under a path of its own.
pub(crate) fn status(version: Version, district: &Value) -> Value {
    let mut status = picked(version, STATUS, district, None);
    status.insert("id".to_owned(), district["id"].clone());
    status.insert("instant_login".to_owned(), json!(true));
    Value::Object(status)
}

/// Names teachers by the ids of their role; v1 has the course and the term inside.
fn section(
    version: Version,
    record: &Value,
    mut section: Map<String, Value>,
    look: &dyn Look,
) -> Map<String, Value> {
    let teacher = |id: &Value| match look.old_id(text(id), Role::Teacher) {
        Some(old) => json!(old),
        // Whoever is not there any more keeps the id that is known.
        None => id.clone(),
    };
    if let Some(primary) = record.get("teacher") {
        let named = primary.as_str().is_some_and(|id| !id.is_empty());
        let primary = if named {
            teacher(primary)
        } else {
            primary.clone()
        };
        section.insert("teacher".to_owned(), primary);
    }
    if let Some(all) = record["teachers"].as_array() {
        let all: Vec<Value> = all.iter().map(teacher).collect();
        section.insert("teachers".to_owned(), json!(all));
    }
    if !version.is_first() {
        return section;
    }
    if let Some(course) = look.value(RecordKind::Courses, text(&record["course"])) {
        for (key, of_course) in [("course_name", "name"), ("course_number", "number")] {
            if let Some(value) = course.get(of_course) {
                section.insert(key.to_owned(), value.clone());
            }
        }
    }
    if let Some(term) = look.value(RecordKind::Terms, text(&record["term_id"])) {
        let mut inside = Map::new();
        for key in ["name", "start_date", "end_date"] {
            if let Some(value) = term.get(key) {
                inside.insert(key.to_owned(), value.clone());
            }
        }
        section.insert("term".to_owned(), Value::Object(inside));
    }
    section
}
