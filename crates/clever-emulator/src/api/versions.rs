//! Each version over one world, as its answers show it.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{RecordKind, Role};
use serde_json::{Value, json};

use super::roster::answer;
use super::target::Target;
use crate::life::days;
use crate::versions::Version;
use crate::world::World;
use crate::world::generate::generate;

pub(crate) fn world() -> World {
    generate(1, 260, "2026-09-14T12:00:00Z".parse().unwrap())
}

pub(super) fn get(world: &World, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    assert!(is_api(path), "{path}");
    let reply = answer(world, path, query);
    (
        reply.status,
        serde_json::from_str(&reply.body).unwrap_or_default(),
    )
}

pub(super) fn is_api(path: &str) -> bool {
    Target::of(path, "").is_some()
}

/// All records at a path, page by page, by id.
pub(super) fn all(world: &World, path: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut target = Some(format!("{path}?limit=70"));
    while let Some(at) = target {
        let (status, page) = get(world, &at);
        assert_eq!(status, 200, "{at}");
        for element in page["data"].as_array().unwrap() {
            let record = element.get("data").unwrap_or(element);
            let id = record["id"].as_str().unwrap().to_owned();
            assert!(
                found.last_key_value().is_none_or(|(last, _)| *last < id),
                "{path} ascends"
            );
            found.insert(id, record.clone());
        }
        target = link(&page, "next");
    }
    found
}

pub(super) fn link(page: &Value, rel: &str) -> Option<String> {
    let mut links = page["links"].as_array()?.iter();
    let link = links.find(|link| link["rel"] == rel)?;
    link["uri"].as_str().map(ToOwned::to_owned)
}

pub(super) fn users_with(world: &World, role: Role) -> Vec<Value> {
    let users = world.with_role(role).values();
    users.map(|user| user.value()).collect()
}

const OLDER: [Version; 4] = [Version::V1_1, Version::V1_2, Version::V2_0, Version::V2_1];

#[test]
fn each_type_of_person_is_a_collection_of_its_own_by_the_ids_of_that_time() {
    let world = world();
    for version in OLDER {
        let version = version.as_str();
        for (noun, role) in [
            ("students", Role::Student),
            ("teachers", Role::Teacher),
            ("school_admins", Role::Staff),
            ("district_admins", Role::DistrictAdmin),
        ] {
            let served = all(&world, &format!("/{version}/{noun}"));
            let wanted: BTreeSet<String> = users_with(&world, role)
                .iter()
                .map(|user| {
                    let legacy = &user["roles"][role.as_str()]["legacy_id"];
                    let id = if role == Role::Student {
                        assert!(legacy.is_null(), "students keep their ids");
                        &user["id"]
                    } else {
                        assert_ne!(*legacy, user["id"]);
                        legacy
                    };
                    id.as_str().unwrap().to_owned()
                })
                .collect();
            assert!(!wanted.is_empty());
            assert_eq!(served.keys().cloned().collect::<BTreeSet<_>>(), wanted);
            for id in wanted.iter().take(3) {
                let (status, one) = get(&world, &format!("/{version}/{noun}/{id}"));
                assert_eq!((status, &one["data"]), (200, &served[id]));
            }
        }
        assert!(!is_api(&format!("/{version}/users")));
        assert!(!is_api(&format!("/{version}/resources")));
    }
    assert!(!is_api("/v3.0/students") && !is_api("/v1.2/courses") && !is_api("/v1.2/terms"));
}

#[test]
fn a_user_of_two_roles_is_two_older_people() {
    let world = world();
    let both = users_with(&world, Role::Teacher)
        .into_iter()
        .find(|user| user["roles"]["staff"].is_object())
        .unwrap();
    for (noun, role, field) in [
        ("teachers", "teacher", "teacher_number"),
        ("school_admins", "staff", "staff_id"),
    ] {
        let id = both["roles"][role]["legacy_id"].as_str().unwrap();
        let (_, one) = get(&world, &format!("/v2.1/{noun}/{id}"));
        assert_eq!(one["data"][field], both["roles"][role][field]);
        assert_eq!(one["data"]["name"]["last"], both["name"]["last"]);
        assert!(one["data"].get("roles").is_none());
    }
}

#[test]
fn references_inside_records_use_the_versions_ids() {
    let world = world();
    for version in OLDER {
        let version = version.as_str();
        let list = |noun: &str| all(&world, &format!("/{version}/{noun}"));
        let (teachers, students) = (list("teachers"), list("students"));
        for section in list("sections").values() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            assert!(teachers.contains_key(&text(&section["teacher"])));
            for teacher in section["teachers"].as_array().unwrap() {
                assert!(teachers.contains_key(&text(teacher)));
            }
            for student in section["students"].as_array().unwrap() {
                assert!(students.contains_key(&text(student)));
            }
        }
    }
}

#[test]
fn each_version_has_the_fields_and_values_of_its_time() {
    let mut world = world();
    let (student, section, school) = {
        let first = |kind| world.list(kind).keys().next().unwrap();
        (
            first(RecordKind::Users),
            first(RecordKind::Sections),
            first(RecordKind::Schools),
        )
    };
    world.edit(RecordKind::Users, &student, |user| {
        user["lms_status"] = json!({ "synced_in_lms": true });
        let role = &mut user["roles"]["student"];
        role["grade"] = json!("TransitionalKindergarten");
        role["gender"] = json!("X");
        role["ext"] = json!({ "a": "b" });
        role["home_language"] = json!("Welsh");
        role["preferred_name"] = json!({ "first": "B" });
    });
    world.edit(RecordKind::Sections, &section, |section| {
        section["subject"] = json!("");
    });
    let one = |version: Version, noun: &str, id: &str| -> Value {
        get(&world, &format!("/{}/{noun}/{id}", version.as_str())).1["data"].clone()
    };
    let newest = one(Version::V3_1, "users", &student);
    let role = &newest["roles"]["student"];
    assert_eq!(
        (&role["home_language"], &role["gender"]),
        (&json!("Welsh"), &json!("X"))
    );
    let v3_0 = one(Version::V3_0, "users", &student);
    assert!(v3_0.get("lms_status").is_none());
    let role = &v3_0["roles"]["student"];
    assert!(role.get("preferred_name").is_none() && role.get("home_language").is_none());
    assert_eq!(role["grade"], "TransitionalKindergarten");
    let v2_1 = one(Version::V2_1, "students", &student);
    assert_eq!(
        (&v2_1["gender"], &v2_1["grade"], &v2_1["ext"]),
        (
            &json!("X"),
            &json!("TransitionalKindergarten"),
            &json!({ "a": "b" })
        )
    );
    assert!(v2_1["enrollments"].is_array() && v2_1.get("preferred_name").is_none());
    for version in [Version::V2_0, Version::V1_2] {
        let old = one(version, "students", &student);
        assert_eq!(
            (&old["gender"], &old["grade"]),
            (&json!(""), &json!("Other"))
        );
        assert!(old.get("ext").is_none() && old.get("enrollments").is_none());
        assert!(one(version, "sections", &section).get("subject").is_none());
        assert!(one(version, "schools", &school).get("ext").is_none());
    }
    assert_eq!(one(Version::V2_1, "sections", &section)["subject"], "");
    let v1_1 = one(Version::V1_1, "students", &student);
    assert!(v1_1.get("schools").is_none() && v1_1.get("graduation_year").is_none());

    let district = world.district_id().to_owned();
    let v2_1 = one(Version::V2_1, "districts", &district);
    assert!(v2_1["portal_url"].is_string() && v2_1["login_methods"].is_array());
    assert_eq!(v2_1["district_contact"]["name"]["last"], "Office");
    let v2_0 = one(Version::V2_0, "districts", &district);
    assert!(v2_0.get("portal_url").is_none() && v2_0["last_sync"].is_string());
    let v1_2 = one(Version::V1_2, "districts", &district);
    assert_eq!(
        v1_2.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["id", "mdr_number", "name"]
    );
    let (_, status) = get(&world, &format!("/v1.2/districts/{district}/status"));
    assert_eq!(status["data"][0]["data"]["state"], "running");
    assert!(status["data"][0]["data"]["launch_date"].is_string());
    let (_, status) = get(&world, &format!("/v1.1/districts/{district}/status"));
    assert!(status["data"][0]["data"].get("launch_date").is_none());
}

#[test]
fn v1_has_courses_and_terms_inside_sections() {
    let world = world();
    let sections = all(&world, "/v1.2/sections");
    for (id, section) in &sections {
        let own = world.value(RecordKind::Sections, id).unwrap();
        // A few sections have no course, or no term.
        let of = |kind, key: &str| {
            let id = own[key].as_str();
            id.and_then(|id| world.value(kind, id)).unwrap_or_default()
        };
        let course = of(RecordKind::Courses, "course");
        let term = of(RecordKind::Terms, "term_id");
        assert_eq!(section["course_name"], course["name"]);
        assert_eq!(section["course_number"], course["number"]);
        for key in ["name", "start_date", "end_date"] {
            assert_eq!(section["term"][key], term[key]);
        }
        assert!(section.get("course").is_none() && section.get("term_id").is_none());
    }
}

#[test]
fn a_v1_contact_has_one_student_and_a_v2_contact_many() {
    let world = world();
    let v2 = all(&world, "/v2.1/contacts");
    let v1 = all(&world, "/v1.2/contacts");
    assert_eq!(v2.len(), world.with_role(Role::Contact).len());
    let pairs: usize = v2
        .values()
        .map(|contact| contact["students"].as_array().unwrap().len())
        .sum();
    assert!(v1.len() == pairs && pairs > v2.len());
    for (id, contact) in v1.iter().take(20) {
        let student = contact["student"].as_str().unwrap();
        let (_, found) = get(&world, &format!("/v1.2/contacts/{id}/student"));
        assert_eq!(found["data"]["id"], *student);
        assert_eq!(
            link(&found, "self").unwrap(),
            format!("/v1.2/students/{student}")
        );
        // A student's contacts stand in the list as they are, and none is a sibling's.
        let (_, page) = get(&world, &format!("/v1.2/students/{student}/contacts"));
        let contacts = page["data"].as_array().unwrap();
        assert!(contacts.contains(contact));
        assert!(contacts.iter().all(|one| one["student"] == *student));
        let (_, page) = get(&world, &format!("/v2.0/students/{student}/contacts"));
        assert_eq!(page["data"].as_array().unwrap().len(), contacts.len());
    }
}

#[test]
fn where_keeps_what_equals_and_only_v1_has_it() {
    let world = world();
    let students = all(&world, "/v1.2/students");
    let wanted = students.values().filter(|one| one["grade"] == "5").count();
    let ask = |path: &str, text: &str| {
        let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        get(
            &world,
            &format!("{path}?limit=1000&count=true&where={text}"),
        )
    };
    let (_, page) = ask("/v1.2/students", r#"{"grade":"5"}"#);
    assert!(wanted > 0 && page["data"].as_array().unwrap().len() == wanted);
    assert_eq!(page["count"], wanted);
    let first = students.values().next().unwrap();
    let last = first["name"]["last"].as_str().unwrap();
    let (_, page) = ask("/v1.2/students", &json!({ "name.last": last }).to_string());
    for one in page["data"].as_array().unwrap() {
        assert_eq!(one["data"]["name"]["last"], last);
    }
    let school = first["school"].as_str().unwrap();
    let (_, page) = ask(
        &format!("/v1.2/schools/{school}/students"),
        r#"{"grade":"5"}"#,
    );
    for one in page["data"].as_array().unwrap() {
        assert_eq!(
            (&one["data"]["school"], &one["data"]["grade"]),
            (&json!(school), &json!("5"))
        );
    }
    for wrong in ["[", "5", r#"{"grade":{"$gt":"5"}}"#] {
        let (status, body) = ask("/v1.2/students", wrong);
        assert_eq!((status, body["error"].is_string()), (400, true), "{wrong}");
    }
    let (_, page) = ask("/v2.1/students", r#"{"grade":"5"}"#);
    assert_eq!(page["data"].as_array().unwrap().len(), students.len());
}

#[test]
fn sub_paths_before_v3_lead_where_records_name() {
    let world = world();
    for version in OLDER {
        let v = version.as_str();
        let sections = all(&world, &format!("/{v}/sections"));
        let (id, section) = sections.iter().next().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |path: String| all(&world, &path).into_keys().collect::<BTreeSet<_>>();
        let set = |value: &Value| {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect::<BTreeSet<_>>()
        };
        let one = |path: String| text(&get(&world, &path).1["data"]["id"]);
        let (teacher, student) = (text(&section["teacher"]), text(&section["students"][0]));
        let school = text(&section["school"]);
        assert_eq!(
            list(format!("/{v}/sections/{id}/students")),
            set(&section["students"])
        );
        assert_eq!(
            list(format!("/{v}/sections/{id}/teachers")),
            set(&section["teachers"])
        );
        assert_eq!(one(format!("/{v}/sections/{id}/teacher")), teacher);
        assert_eq!(one(format!("/{v}/sections/{id}/school")), school);
        let with = |key: &str, who: &str| -> BTreeSet<String> {
            let sections = sections.iter();
            let with = sections.filter(|(_, section)| set(&section[key]).contains(who));
            with.map(|(id, _)| id.clone()).collect()
        };
        assert_eq!(
            list(format!("/{v}/students/{student}/sections")),
            with("students", &student)
        );
        assert_eq!(
            list(format!("/{v}/teachers/{teacher}/sections")),
            with("teachers", &teacher)
        );
        let through = |of: BTreeSet<String>, key: &str| -> BTreeSet<String> {
            of.iter().flat_map(|id| set(&sections[id][key])).collect()
        };
        assert_eq!(
            list(format!("/{v}/students/{student}/teachers")),
            through(with("students", &student), "teachers")
        );
        assert_eq!(
            list(format!("/{v}/teachers/{teacher}/students")),
            through(with("teachers", &teacher), "students")
        );
        for noun in ["students", "teachers"] {
            let of_school = list(format!("/{v}/schools/{school}/{noun}"));
            let role = if noun == "students" {
                Role::Student
            } else {
                Role::Teacher
            };
            let wanted = users_with(&world, role)
                .into_iter()
                .filter(|user| set(&user["roles"][role.as_str()]["schools"]).contains(&school));
            assert_eq!(of_school.len(), wanted.count());
        }
        let of_school = sections.values().filter(|one| one["school"] == *school);
        assert_eq!(
            list(format!("/{v}/schools/{school}/sections")).len(),
            of_school.count()
        );
        let district = world.district_id();
        for path in [
            format!("students/{student}"),
            format!("teachers/{teacher}"),
            format!("sections/{id}"),
        ] {
            let (_, found) = get(&world, &format!("/{v}/{path}/district"));
            assert_eq!(found["data"]["id"], district);
            assert_eq!(
                link(&found, "self").unwrap(),
                format!("/{v}/districts/{district}")
            );
        }
        if version.is_first() {
            let (_, grades) = get(&world, &format!("/{v}/teachers/{teacher}/grade_levels"));
            assert!(
                grades["data"]
                    .as_array()
                    .unwrap()
                    .contains(&section["grade"])
            );
            for noun in ["schools", "sections", "students", "teachers"] {
                assert_eq!(
                    list(format!("/{v}/districts/{district}/{noun}")),
                    list(format!("/{v}/{noun}"))
                );
            }
            let (_, admins) = get(&world, &format!("/{v}/districts/{district}/admins"));
            assert!(
                admins["data"][0]["name"].is_object(),
                "those stand in the list as they are"
            );
        } else {
            assert_eq!(
                one(format!("/{v}/sections/{id}/course")),
                text(&section["course"])
            );
            assert_eq!(
                one(format!("/{v}/sections/{id}/term")),
                text(&section["term_id"])
            );
            assert!(list(format!("/{v}/students/{student}/schools")).contains(&school));
            let course = text(&section["course"]);
            assert!(list(format!("/{v}/courses/{course}/sections")).contains(id));
            let contact = all(&world, &format!("/{v}/contacts"))
                .into_iter()
                .next()
                .unwrap();
            assert_eq!(
                list(format!("/{v}/contacts/{}/students", contact.0)),
                set(&contact.1["students"])
            );
        }
        let admins = all(&world, &format!("/{v}/school_admins"));
        for (id, admin) in &admins {
            assert_eq!(
                list(format!("/{v}/school_admins/{id}/schools")),
                set(&admin["schools"])
            );
        }
    }
}

#[test]
fn an_unknown_id_is_an_error_in_the_versions_words() {
    let world = world();
    let nobody = "ffffffffffffffffffffffff";
    for version in Version::ALL {
        let v = version.as_str();
        for path in ["schools", "sections", "events", "districts"] {
            let (status, body) = get(&world, &format!("/{v}/{path}/{nobody}"));
            let key = if version.is_first() {
                "error"
            } else {
                "message"
            };
            assert_eq!((status, body[key].is_string()), (404, true), "{v}/{path}");
        }
    }
    for path in ["/v2.1/teachers", "/v1.2/students", "/v2.0/contacts"] {
        assert_eq!(get(&world, &format!("{path}/{nobody}")).0, 404);
        assert_eq!(get(&world, &format!("{path}/{nobody}/district")).0, 404);
    }
    // The ids of users open nothing before v3.0.
    let teacher = world.with_role(Role::Teacher).keys().next().unwrap();
    assert_eq!(get(&world, &format!("/v2.1/teachers/{teacher}")).0, 404);
    for path in ["", "/sections", "/district", "/events"] {
        let path = format!("/v1.2/students/{teacher}{path}");
        assert_eq!(get(&world, &path).0, 404, "{path}");
    }
}

#[test]
fn the_lists_of_older_ids_follow_every_change() {
    let mut world = world();
    let teachers = |world: &World| all(world, "/v2.1/teachers");
    let before = teachers(&world);
    let user = world.with_role(Role::Teacher).keys().next().unwrap();
    let legacy = world.value(RecordKind::Users, &user).unwrap();
    let legacy = legacy["roles"]["teacher"]["legacy_id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.edit(RecordKind::Users, &user, |user| {
        user["name"]["last"] = json!("Quill");
    });
    assert_eq!(teachers(&world)[&legacy]["name"]["last"], "Quill");
    world.edit(RecordKind::Users, &user, |user| {
        user["roles"]["teacher"]["legacy_id"] = json!("4fffffffffffffffffffffff");
    });
    let (first, _) = teachers(&world).into_iter().next().unwrap();
    assert_eq!(first, "4fffffffffffffffffffffff");
    world.remove(RecordKind::Users, &user);
    assert_eq!(teachers(&world).len(), before.len() - 1);
    days::pass(&mut world, 3);
    let fresh = world.clone();
    for noun in ["teachers", "contacts", "school_admins"] {
        let path = format!("/v2.1/{noun}");
        assert_eq!(
            all(&world, &path),
            all(&fresh, &path),
            "a copy reads everything again"
        );
    }
}

#[test]
fn count_is_of_v1_v2_1_and_v3_and_nonsense_is_none() {
    let world = world();
    for version in Version::ALL {
        let path = if version.has_users() {
            "users"
        } else {
            "teachers"
        };
        let v = version.as_str();
        let count =
            |query: &str| get(&world, &format!("/{v}/{path}?limit=1&{query}")).1["count"].clone();
        assert_eq!(
            count("count=true").is_u64(),
            version != Version::V2_0,
            "{v}"
        );
        for nonsense in ["count=5", "count=false", "count=", "count=undefined"] {
            assert!(count(nonsense).is_null(), "{v} {nonsense}");
        }
    }
    assert_eq!(
        get(&world, "/v2.1/teachers?count=true&limit=2").1["count"],
        all(&world, "/v2.1/teachers").len()
    );
}
