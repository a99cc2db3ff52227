//! What each version makes of one record of the world: which fields it has, under which id, with which values.
//!
//! Before v3.0 a field has to be named here to be served; v3.0 is v3.1 less what v3.1 added; v3.1 is the
//! record's own text, so that a recorded district comes back byte for byte.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use clever_model::{RecordKind, Role};
use serde_json::{Map, Value, json};

use super::{Collection, Version};

/// Finds another record of the world, for what a version embeds or names by another id.
pub(crate) type Look<'a> = dyn Fn(RecordKind, &str) -> Option<Value> + 'a;

/// A record as a version has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shaped {
    pub(crate) id: String,
    pub(crate) record: Value,
}

/// Where a field of an older record stands in the world's.
#[derive(Clone, Copy)]
enum At {
    /// At the top, under its own name.
    Top,
    /// In the role.
    Role,
}

/// A field, where it stands, and the first version that has it.
type Field = (&'static str, At, Version);

use At::{Role as InRole, Top};
use Version::{V1_1, V1_2, V2_0, V2_1};

const STUDENT: &[Field] = &[
    ("created", Top, V1_1),
    ("credentials", InRole, V1_1),
    ("district", Top, V1_1),
    ("dob", InRole, V1_1),
    ("ell_status", InRole, V1_1),
    ("email", Top, V1_1),
    ("enrollments", InRole, V2_1),
    ("ext", InRole, V2_1),
    ("gender", InRole, V1_1),
    ("grade", InRole, V1_1),
    ("graduation_year", InRole, V1_2),
    ("hispanic_ethnicity", InRole, V1_1),
    ("home_language", InRole, V1_1),
    ("iep_status", InRole, V1_1),
    ("last_modified", Top, V1_1),
    ("location", InRole, V1_1),
    ("name", Top, V1_1),
    ("race", InRole, V1_1),
    ("school", InRole, V1_1),
    ("schools", InRole, V1_2),
    ("sis_id", InRole, V1_1),
    ("state_id", InRole, V1_1),
    ("student_number", InRole, V1_1),
    ("unweighted_gpa", InRole, V1_1),
    ("weighted_gpa", InRole, V1_1),
];

const TEACHER: &[Field] = &[
    ("created", Top, V1_1),
    ("credentials", InRole, V1_1),
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("ext", InRole, V2_1),
    ("last_modified", Top, V1_1),
    ("name", Top, V1_1),
    ("school", InRole, V1_1),
    ("schools", InRole, V1_2),
    ("sis_id", InRole, V1_1),
    ("state_id", InRole, V1_1),
    ("teacher_number", InRole, V1_1),
    ("title", InRole, V1_1),
];

const SCHOOL_ADMIN: &[Field] = &[
    ("credentials", InRole, V1_1),
    ("department", InRole, V2_1),
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("ext", InRole, V2_1),
    ("name", Top, V1_1),
    ("schools", InRole, V1_1),
    ("staff_id", InRole, V1_1),
    ("title", InRole, V1_1),
];

const DISTRICT_ADMIN: &[Field] = &[
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("name", Top, V1_1),
    ("title", InRole, V1_1),
];

const CONTACT: &[Field] = &[
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("phone", InRole, V1_1),
    ("phone_type", InRole, V1_1),
    ("sis_id", InRole, V1_2),
];

const DISTRICT: &[Field] = &[
    ("error", Top, V2_0),
    ("last_sync", Top, V2_0),
    ("launch_date", Top, V2_0),
    ("login_methods", Top, V2_1),
    ("mdr_number", Top, V1_1),
    ("name", Top, V1_1),
    ("nces_id", Top, V2_0),
    ("pause_end", Top, V2_0),
    ("pause_start", Top, V2_0),
    ("portal_url", Top, V2_1),
    ("sis_type", Top, V2_0),
    ("state", Top, V2_0),
];

/// What v1 has of a district under a path of its own.
const STATUS: &[Field] = &[
    ("error", Top, V1_1),
    ("last_sync", Top, V1_1),
    ("launch_date", Top, V1_2),
    ("pause_end", Top, V1_2),
    ("pause_start", Top, V1_2),
    ("sis_type", Top, V1_1),
    ("state", Top, V1_1),
];

const SCHOOL: &[Field] = &[
    ("created", Top, V1_1),
    ("district", Top, V1_1),
    ("ext", Top, V2_1),
    ("high_grade", Top, V1_1),
    ("last_modified", Top, V1_1),
    ("location", Top, V1_1),
    ("low_grade", Top, V1_1),
    ("mdr_number", Top, V1_1),
    ("name", Top, V1_1),
    ("nces_id", Top, V1_1),
    ("phone", Top, V1_1),
    ("principal", Top, V1_1),
    ("school_number", Top, V1_1),
    ("sis_id", Top, V1_1),
    ("state_id", Top, V1_1),
];

const SECTION: &[Field] = &[
    ("course", Top, V2_0),
    ("created", Top, V1_1),
    ("district", Top, V1_1),
    ("ext", Top, V2_1),
    ("grade", Top, V1_1),
    ("last_modified", Top, V1_1),
    ("name", Top, V1_1),
    ("period", Top, V1_1),
    ("school", Top, V1_1),
    ("section_number", Top, V1_1),
    ("sis_id", Top, V1_1),
    ("students", Top, V1_1),
    ("subject", Top, V1_1),
    ("term_id", Top, V2_0),
];

const TERM: &[Field] = &[
    ("district", Top, V2_0),
    ("end_date", Top, V2_0),
    ("name", Top, V2_0),
    ("start_date", Top, V2_0),
];

const COURSE: &[Field] = &[
    ("district", Top, V2_0),
    ("name", Top, V2_0),
    ("number", Top, V2_0),
];

/// Grades before v2.1; a grade that is none of them is `Other` there.
const OLD_GRADES: [&str; 16] = [
    "PreKindergarten",
    "Kindergarten",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "11",
    "12",
    "PostGraduate",
    "Other",
];

/// Languages before v3.1; another one is not told there.
const OLD_LANGUAGES: [&str; 47] = [
    "Albanian",
    "Amharic",
    "Arabic",
    "Bengali",
    "Bosnian",
    "Burmese",
    "Cantonese",
    "Chinese",
    "Dutch",
    "English",
    "Farsi",
    "French",
    "German",
    "Hebrew",
    "Hindi",
    "Hmong",
    "Ilocano",
    "Japanese",
    "Javanese",
    "Karen",
    "Khmer",
    "Korean",
    "Laotian",
    "Latvian",
    "Malay",
    "Mandarin",
    "Nepali",
    "Oromo",
    "Polish",
    "Portuguese",
    "Punjabi",
    "Romanian",
    "Russian",
    "Samoan",
    "Serbian",
    "Somali",
    "Spanish",
    "Swahili",
    "Tagalog",
    "Tamil",
    "Telugu",
    "Thai",
    "Tigrinya",
    "Turkish",
    "Ukrainian",
    "Urdu",
    "Vietnamese",
];

/// What v3.1 added, as places in the kind's record.
const ADDED: [(RecordKind, &[&str]); 3] = [
    (
        RecordKind::Districts,
        &[
            "lms_state",
            "lms_type",
            "last_attendance_sync",
            "last_lms_sync",
            "lms_matched_percentage",
        ],
    ),
    (RecordKind::Sections, &["lms_status"]),
    (RecordKind::Users, &["lms_status"]),
];

/// What v3.1 added to students.
const ADDED_TO_STUDENTS: [&str; 6] = [
    "disability",
    "frl_status",
    "gifted_status",
    "home_language_code",
    "preferred_name",
    "section_504_status",
];

/// A record's text as v3.0 has it: without what v3.1 added, and otherwise byte for byte.
pub(crate) fn v3_0(kind: RecordKind, text: &str) -> Cow<'_, str> {
    let at_top = ADDED.iter().filter(|(of, _)| *of == kind);
    let in_role = ADDED_TO_STUDENTS.iter().chain(&["home_language"]);
    let mut names = at_top
        .flat_map(|(_, names)| names.iter())
        .chain(in_role.filter(|_| kind == RecordKind::Users));
    // Reading every record to find nothing in it would cost more than the page itself.
    if !names.any(|name| has_key(text, name)) {
        return Cow::Borrowed(text);
    }
    match serde_json::from_str(text) {
        Ok(mut record) => {
            take_additions(kind, &mut record);
            Cow::Owned(record.to_string())
        }
        Err(_) => Cow::Borrowed(text),
    }
}

/// Whether `text` has `name` in quotes.
fn has_key(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let bytes = text.as_bytes();
        at > 0 && bytes[at - 1] == b'"' && bytes.get(at + name.len()) == Some(&b'"')
    })
}

/// Takes out of a record, or of a part of one, what v3.1 added.
pub(crate) fn take_additions(kind: RecordKind, record: &mut Value) {
    let Some(record) = record.as_object_mut() else {
        return;
    };
    for (_, names) in ADDED.iter().filter(|(of, _)| *of == kind) {
        record.retain(|key, _| !names.contains(&key.as_str()));
    }
    let student = record
        .get_mut("roles")
        .and_then(|roles| roles.get_mut("student"))
        .and_then(Value::as_object_mut);
    if let Some(student) = student.filter(|_| kind == RecordKind::Users) {
        student.retain(|key, value| {
            !ADDED_TO_STUDENTS.contains(&key.as_str())
                && (key != "home_language" || narrowed(Version::V3_0, key, value).is_some())
        });
    }
}

/// The id under which a version before v3.0 has this user in this role: students keep theirs, and so does who
/// has no other.
pub(crate) fn old_id(user: &Value, role: Role) -> &str {
    let of_role = &user["roles"][role.as_str()];
    let legacy = of_role["legacy_id"].as_str().filter(|id| !id.is_empty());
    legacy
        .filter(|_| role != Role::Student)
        .unwrap_or_else(|| text(&user["id"]))
}

/// The id of the contact that v1 makes of a contact and one of the students: a number of its own for each pair,
/// made at the contact's time.
fn pair_id(contact: &str, student: &str) -> String {
    let pair = digest(&SHA256, format!("{contact} {student}").as_bytes());
    let number: String = pair.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let time = contact.get(..8).unwrap_or("00000000");
    format!("{time}{number}")
}

/// What `version` has of `record` in `collection`: nothing, one record, or one for each of a contact's students.
pub(crate) fn shaped(
    version: Version,
    collection: Collection,
    record: &Value,
    look: &Look<'_>,
) -> Vec<Shaped> {
    if version.has_users() {
        let mut record = record.clone();
        if version < Version::V3_1 {
            take_additions(collection.kind(), &mut record);
        }
        return one(text(&record["id"]).to_owned(), record);
    }
    let own = |fields| picked(version, fields, record, None);
    let id = text(&record["id"]).to_owned();
    if let Some(role) = collection.role() {
        let Some(of_role) = record["roles"]
            .get(role.as_str())
            .filter(|of| of.is_object())
        else {
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
        if matches!(role, Role::Staff | Role::DistrictAdmin)
            && let Some(Value::Object(name)) = person.get_mut("name")
        {
            name.retain(|key, _| key != "middle");
        }
        if role == Role::Contact {
            person.insert("name".to_owned(), json!(whole_name(&record["name"])));
            return contacts(version, id, &person, of_role);
        }
        return one(id, Value::Object(person));
    }
    let mut shaped = match collection {
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
    shaped.insert("id".to_owned(), json!(id));
    one(id, Value::Object(shaped))
}

fn one(id: String, mut record: Value) -> Vec<Shaped> {
    record["id"] = json!(id);
    vec![Shaped { id, record }]
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
                Top => record,
                InRole => role?,
            };
            let value = narrowed(version, name, from.get(*name)?)?;
            Some(((*name).to_owned(), value))
        })
        .collect()
}

/// A field's value as `version` has it; `None` where it can't say it.
fn narrowed(version: Version, name: &str, value: &Value) -> Option<Value> {
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
    person: &Map<String, Value>,
    of_role: &Value,
) -> Vec<Shaped> {
    let relations = of_role["student_relationships"].as_array();
    let relations = relations.map_or(&[][..], Vec::as_slice);
    let related = |relation: Option<&Value>| {
        let mut person = person.clone();
        for key in ["relationship", "type"] {
            if let Some(word) = relation.and_then(|relation| relation[key].as_str()) {
                person.insert(key.to_owned(), json!(word));
            }
        }
        person
    };
    if !version.is_first() {
        let mut contact = related(relations.first());
        let students: Vec<&Value> = relations
            .iter()
            .map(|relation| &relation["student"])
            .collect();
        contact.insert("students".to_owned(), json!(students));
        return one(id, Value::Object(contact));
    }
    let of_each = relations.iter().filter_map(|relation| {
        let student = relation["student"].as_str()?;
        let mut contact = related(Some(relation));
        contact.insert("student".to_owned(), json!(student));
        let id = pair_id(&id, student);
        contact.insert("id".to_owned(), json!(id));
        let record = Value::Object(contact);
        Some(Shaped { id, record })
    });
    of_each.collect()
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
        name.retain(|key, _| key != "middle");
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
    look: &Look<'_>,
) -> Map<String, Value> {
    let teacher = |id: &Value| match look(RecordKind::Users, text(id)) {
        Some(user) => json!(old_id(&user, Role::Teacher)),
        // Whoever is not there any more keeps the name that is left.
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
    if let Some(course) = look(RecordKind::Courses, text(&record["course"])) {
        for (key, of_course) in [("course_name", "name"), ("course_number", "number")] {
            if let Some(value) = course.get(of_course) {
                section.insert(key.to_owned(), value.clone());
            }
        }
    }
    if let Some(term) = look(RecordKind::Terms, text(&record["term_id"])) {
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

/// The ids of what [`shaped`] makes of a user.
pub(crate) fn old_ids(version: Version, collection: Collection, user: &Value) -> Vec<String> {
    let Some(role) = collection.role() else {
        return Vec::new();
    };
    let of_role = &user["roles"][role.as_str()];
    if !of_role.is_object() {
        return Vec::new();
    }
    let id = old_id(user, role);
    if role != Role::Contact || !version.is_first() {
        return vec![id.to_owned()];
    }
    let relations = of_role["student_relationships"].as_array();
    let students = relations.into_iter().flatten();
    let students = students.filter_map(|relation| relation["student"].as_str());
    students.map(|student| pair_id(id, student)).collect()
}
