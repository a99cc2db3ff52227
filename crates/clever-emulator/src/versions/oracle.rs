//! Records of each version made of trees of values, by the same tables: what [`super::shape`] is held against.

use clever_model::{RecordKind, Role};
use serde_json::{Map, Value, json};

use super::fields::{
    ADDED, ADDED_TO_STUDENTS, At, CONTACT, COURSE, DISTRICT, DISTRICT_ADMIN, Field, OLD_GRADES,
    OLD_LANGUAGES, SCHOOL, SCHOOL_ADMIN, SECTION, STATUS, STUDENT, TEACHER, TERM,
};
use super::shape::pair_id;
use super::{Collection, Version};

use Version::{V1_1, V2_1};

type Look<'a> = dyn Fn(RecordKind, &str) -> Option<Value> + 'a;

struct Shaped {
    id: String,
    record: Value,
}

/// Takes out of a record, or of a part of one, what v3.1 added.
fn take_additions(kind: RecordKind, record: &mut Value) {
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
fn old_id(user: &Value, role: Role) -> &str {
    let of_role = &user["roles"][role.as_str()];
    let legacy = of_role["legacy_id"].as_str().filter(|id| !id.is_empty());
    legacy
        .filter(|_| role != Role::Student)
        .unwrap_or_else(|| text(&user["id"]))
}

/// What `version` has of `record` in `collection`: nothing, one record, or one for each of a contact's students.
fn shaped(
    version: Version,
    collection: Collection,
    record: &Value,
    look: &Look<'_>,
) -> Vec<Shaped> {
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
                At::Top => record,
                At::Role => role?,
                At::Made => return None,
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
fn status(version: Version, district: &Value) -> Value {
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

mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::happenings::Happening;
    use crate::life;
    use crate::versions::shape::{self, Look};
    use crate::versions::tests::world;
    use crate::world::World;

    const OLDER: [Version; 4] = [V1_1, Version::V1_2, Version::V2_0, V2_1];

    /// Each older version's records of a text, by both ways; less their text where `as_written`.
    fn compare(kind: RecordKind, text: &str, look: &dyn Look, as_written: bool) {
        let value: Value = serde_json::from_str(text).unwrap();
        let by_value = |kind: RecordKind, id: &str| match kind {
            // Of a user only the teacher's id is asked for.
            RecordKind::Users => look
                .old_id(id, Role::Teacher)
                .map(|old| json!({ "id": id, "roles": { "teacher": { "legacy_id": old } } })),
            kind => Some(serde_json::from_str(&look.text(kind, id)?).unwrap()),
        };
        for version in OLDER {
            let collections = Collection::ALL.into_iter();
            for collection in collections.filter(|one| one.kind() == kind && one.is_in(version)) {
                let wanted = shaped(version, collection, &value, &by_value);
                let found = shape::shaped(version, collection, text, look);
                assert_eq!(found.len(), wanted.len(), "{version:?} {collection:?}");
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert_eq!(found.id, wanted.id, "{version:?} {collection:?}");
                    assert_eq!(found.value(), wanted.record, "{version:?} {collection:?}");
                    if as_written {
                        assert_eq!(found.json(), wanted.record.to_string());
                    }
                }
            }
        }
        // A district without an id is in no world.
        if kind == RecordKind::Districts && value["id"].is_string() {
            for version in [V1_1, Version::V1_2] {
                assert_eq!(shape::status(version, text), status(version, &value));
            }
        }
        let mut found = Vec::new();
        shape::v3_0(kind, text, &mut found);
        let found = String::from_utf8(found).unwrap();
        let mut wanted = value.clone();
        take_additions(kind, &mut wanted);
        assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), wanted);
        if as_written {
            assert_eq!(found, wanted.to_string());
        }
        if wanted == value {
            assert_eq!(found, text, "what has nothing new stays as it is");
        }
    }

    fn compare_all(world: &World) {
        for kind in RecordKind::ROSTER {
            for record in world.list(kind).values() {
                compare(kind, &record.json(), world, true);
            }
        }
    }

    #[test]
    fn texts_are_made_as_values_are_for_every_record_of_a_world_that_lives() {
        let mut world = world();
        compare_all(&world);
        for happening in [
            Happening::UserMerge,
            Happening::RoleOff,
            Happening::Rollover,
        ] {
            life::pass(&mut world, 10);
            happening.befall(&mut world);
            compare_all(&world);
        }
    }

    #[test]
    fn every_id_of_before_is_known_without_reading_the_record() {
        let world = world();
        for user in world.list(RecordKind::Users).values() {
            let (text, value) = (user.json(), user.value());
            for role in Role::ALL {
                let wanted = old_id(&value, role);
                assert_eq!(user.made_old_id(role).unwrap().as_str(), wanted);
                assert_eq!(shape::old_id(&text, role), wanted);
            }
        }
    }

    /// Knows one teacher, one course and one term.
    struct Few;

    impl Look for Few {
        fn text(&self, kind: RecordKind, id: &str) -> Option<Cow<'_, str>> {
            let text = match (kind, id) {
                (RecordKind::Courses, "a") => r#"{ "number" : 7 , "name":"Al\"gebra" }"#,
                (RecordKind::Terms, "a") => r#"{"start_date":null,"name":"Fall","id":"a"}"#,
                _ => return None,
            };
            Some(text.into())
        }

        fn old_id(&self, user: &str, _: Role) -> Option<String> {
            (user == "a").then(|| "old \" a".to_owned())
        }
    }

    /// Odd values, and those that versions tell apart.
    fn odd() -> impl Strategy<Value = Value> {
        const WORDS: &[&str] = &[
            "",
            "a",
            "X",
            "Other",
            "3",
            "TransitionalKindergarten",
            "success",
            "paused",
            "Spanish",
            "Klingon",
            "é \"quoted\" \\ \n{[,:",
            "null",
        ];
        let leaf = prop_oneof![
            4 => prop::sample::select(WORDS).prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<i32>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let keys = prop::sample::select(
                &[
                    "first",
                    "middle",
                    "last",
                    "id",
                    "email",
                    "name",
                    "student",
                    "type",
                    "relationship",
                    "title",
                    "district",
                    "synced_in_lms",
                ][..],
            );
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                2 => prop::collection::btree_map(keys.prop_map(ToOwned::to_owned), inner, 0..5)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// An object of fields that the tables name, and of others.
    fn object(names: Vec<&'static str>) -> impl Strategy<Value = Map<String, Value>> {
        let names = prop::sample::select(names).prop_map(ToOwned::to_owned);
        prop::collection::btree_map(names, odd(), 0..24).prop_map(|map| map.into_iter().collect())
    }

    fn names(tables: &[&'static [Field]], more: &[&'static str]) -> Vec<&'static str> {
        let fields = tables.iter().flat_map(|table| table.iter());
        fields
            .map(|(name, ..)| *name)
            .chain(more.iter().copied())
            .collect()
    }

    fn record(kind: RecordKind) -> BoxedStrategy<Value> {
        let people = [STUDENT, TEACHER, SCHOOL_ADMIN, DISTRICT_ADMIN, CONTACT];
        let table = match kind {
            RecordKind::Users => {
                let role = [
                    "legacy_id",
                    "student_relationships",
                    "home_language",
                    "disability",
                    "frl_status",
                    "preferred_name",
                    "section_504_status",
                    "email",
                ];
                let role = object(names(&people, &role)).prop_map(Value::from);
                let role = prop_oneof![6 => role, 1 => odd()];
                let of = prop::sample::select(Role::ALL.as_slice()).prop_map(|of| of.to_string());
                let roles = prop::collection::btree_map(of, role, 0..4);
                let roles = roles.prop_map(|map| map.into_iter().collect::<Value>());
                let roles = prop_oneof![8 => roles, 1 => odd()];
                let top = object(names(&people, &["id", "lms_status"]));
                return (top, roles)
                    .prop_map(|(mut top, roles)| {
                        top.insert("roles".to_owned(), roles);
                        Value::Object(top)
                    })
                    .boxed();
            }
            RecordKind::Districts => names(&[DISTRICT, STATUS], &["lms_type", "district_contact"]),
            RecordKind::Schools => names(&[SCHOOL], &["other"]),
            RecordKind::Terms => names(&[TERM], &["other"]),
            RecordKind::Courses => names(&[COURSE], &["other"]),
            _ => names(
                &[SECTION],
                &["lms_status", "term_id", "teacher", "teachers"],
            ),
        };
        object(table).prop_map(Value::Object).boxed()
    }

    fn one() -> impl Strategy<Value = (RecordKind, Value)> {
        prop::sample::select(RecordKind::ROSTER.as_slice())
            .prop_flat_map(|kind| record(kind).prop_map(move |record| (kind, record)))
    }

    /// Writes a value with the keys of its objects backwards and with white between all parts.
    fn untidy(value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let members = map.iter().rev();
                let members =
                    members.map(|(key, value)| format!("{} :\t{}", json!(key), untidy(value)));
                format!("{{ {} }}", members.collect::<Vec<_>>().join(" ,\n"))
            }
            Value::Array(all) => {
                let all: Vec<String> = all.iter().map(untidy).collect();
                format!("[ {} ]", all.join(" , "))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn texts_are_made_as_values_are_whatever_a_record_says((kind, record) in one()) {
            compare(kind, &record.to_string(), &Few, true);
            compare(kind, &untidy(&record), &Few, false);
        }
    }
}
