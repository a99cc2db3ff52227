//! What makes real rosters hard is in a made-up one, each in its share; and the same seed gives the same bytes for
//! ever.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use clever_emulator::{EmulatorConfig, World, WorldSource};
use clever_model::{RecordKind, Role};
use serde_json::Value;
use sha2::{Digest, Sha256};

async fn world(students: u32) -> World {
    let config = EmulatorConfig {
        world: WorldSource::Generated { seed: 1, students },
        start: "2026-09-14T12:00:00Z".parse().unwrap(),
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    emulator.with_world(|world| world.clone())
}

fn values(world: &World, kind: RecordKind) -> Vec<Value> {
    world
        .list(kind)
        .values()
        .map(|record| record.value())
        .collect()
}

fn text<'a>(value: &'a Value, at: &str) -> Option<&'a str> {
    value.pointer(at).and_then(Value::as_str)
}

fn many(value: &Value, at: &str) -> usize {
    value
        .pointer(at)
        .and_then(Value::as_array)
        .map_or(0, Vec::len)
}

/// Some of a whole, and between how many of a thousand they are to be.
struct Share {
    name: &'static str,
    some: usize,
    of: usize,
    between: (f64, f64),
}

impl Share {
    fn is_right(&self) -> bool {
        let share = self.some as f64 * 1000.0 / self.of as f64;
        self.some > 0 && (self.between.0..=self.between.1).contains(&share)
    }
}

fn share<'a>(
    name: &'static str,
    of: &[&'a Value],
    is: impl Fn(&'a Value) -> bool,
    between: (f64, f64),
) -> Share {
    Share {
        name,
        some: of.iter().filter(|value| is(value)).count(),
        of: of.len(),
        between,
    }
}

#[tokio::test]
async fn what_makes_rosters_hard_is_there_in_its_share() {
    let world = world(5_000).await;
    let users = values(&world, RecordKind::Users);
    let role = |role: &str| -> Vec<&Value> {
        let at = format!("/roles/{role}");
        users
            .iter()
            .filter(|user| user.pointer(&at).is_some())
            .collect()
    };
    let (students, contacts) = (role("student"), role("contact"));
    let (teachers, staff) = (role("teacher"), role("staff"));
    let sections = values(&world, RecordKind::Sections);
    let sections: Vec<&Value> = sections.iter().collect();
    let courses = values(&world, RecordKind::Courses);
    let courses: Vec<&Value> = courses.iter().collect();

    let mut siblings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for contact in &contacts {
        let children: Vec<&str> = contact["roles"]["contact"]["student_relationships"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| text(one, "/student").unwrap())
            .collect();
        for child in &children {
            siblings.entry(child).or_default().extend(&children);
        }
    }
    let by_id: BTreeMap<&str, &Value> = users
        .iter()
        .map(|user| (text(user, "/id").unwrap(), user))
        .collect();
    let born = |user: &Value| text(user, "/roles/student/dob").unwrap().to_owned();
    let has_twin = |user: &Value| {
        let id = text(user, "/id").unwrap();
        let all = siblings.get(id).into_iter().flatten();
        all.filter(|other| **other != id)
            .any(|other| born(by_id[other]) == born(user))
    };
    let counted = |at: &'static str, of: &[&Value]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for value in of {
            if let Some(found) = value.pointer(at) {
                *counts.entry(found.to_string()).or_default() += 1;
            }
        }
        counts
    };
    let everyone: Vec<&Value> = users.iter().collect();
    let mailboxes = counted("/email", &everyone);
    let streets = counted("/roles/student/location", &students);
    let names = counted("/name", &students);
    let teacher_addresses = counted("/email", &teachers);
    let in_sections = |key: &str| -> BTreeSet<&str> {
        let lists = sections
            .iter()
            .flat_map(|section| section[key].as_array().unwrap());
        lists.map(|id| id.as_str().unwrap()).collect()
    };
    let (taught, teaching) = (in_sections("students"), in_sections("teachers"));
    let outside = |all: &BTreeSet<&str>, user: &Value| !all.contains(text(user, "/id").unwrap());
    let grade = |user: &Value| {
        text(user, "/roles/student/grade")
            .unwrap_or_default()
            .to_owned()
    };
    let youngest: Vec<&Value> = students
        .iter()
        .copied()
        .filter(|user| ["Kindergarten", "1", "2"].contains(&&*grade(user)))
        .collect();
    let student = |at: &'static str| {
        move |user: &Value| user.pointer("/roles/student").unwrap().get(at).is_some()
    };
    let empty = |at: &'static str| move |user: &Value| user["roles"]["student"][at] == "";
    let several_roles =
        |user: &Value, count: usize| user["roles"].as_object().unwrap().len() >= count;
    let double = |user: &Value| text(user, "/name/last").unwrap().contains([' ', '-']);
    let length = |user: &Value| text(user, "/roles/student/sis_id").unwrap().len();
    let shares = [
        share(
            "siblings",
            &students,
            |user| {
                siblings
                    .get(text(user, "/id").unwrap())
                    .is_some_and(|all| all.len() > 1)
            },
            (400.0, 800.0),
        ),
        share("twins", &students, has_twin, (20.0, 120.0)),
        share(
            "known by another first name",
            &students,
            student("preferred_name"),
            (50.0, 150.0),
        ),
        share("two surnames", &students, double, (100.0, 180.0)),
        share(
            "the youngest have no address",
            &youngest,
            |user| user.get("email").is_none(),
            (1000.0, 1000.0),
        ),
        share(
            "no address at all",
            &students,
            |user| user.get("email").is_none(),
            (180.0, 300.0),
        ),
        share(
            "a mailbox with others",
            &students,
            |user| {
                user.get("email")
                    .is_some_and(|email| mailboxes[&email.to_string()] > 1)
            },
            (2.0, 40.0),
        ),
        share(
            "a home with others",
            &students,
            |user| streets[&user["roles"]["student"]["location"].to_string()] > 1,
            (400.0, 900.0),
        ),
        share(
            "the same name as another",
            &students,
            |user| names[&user["name"].to_string()] > 1,
            (5.0, 500.0),
        ),
        share(
            "only a zip code",
            &students,
            |user| user["roles"]["student"]["location"]["city"] == "",
            (30.0, 70.0),
        ),
        share(
            "a malformed address",
            &teachers,
            |user| text(user, "/email").is_some_and(|email| !email.contains('@')),
            (5.0, 40.0),
        ),
        share(
            "an employee without address",
            &teachers,
            |user| user.get("email").is_none(),
            (5.0, 40.0),
        ),
        share(
            "a very long sis_id",
            &students,
            |user| length(user) > 20,
            (2.0, 10.0),
        ),
        share(
            "a very short sis_id",
            &students,
            |user| length(user) == 1,
            (1.0, 4.0),
        ),
        share(
            "two schools",
            &students,
            |user| many(user, "/roles/student/schools") == 2,
            (5.0, 15.0),
        ),
        share(
            "a teacher at two schools",
            &teachers,
            |user| many(user, "/roles/teacher/schools") == 2,
            (20.0, 80.0),
        ),
        share(
            "teacher and staff",
            &teachers,
            |user| user["roles"].get("staff").is_some(),
            (20.0, 60.0),
        ),
        share(
            "three roles",
            &teachers,
            |user| several_roles(user, 3),
            (1.0, 20.0),
        ),
        share(
            "co-teachers",
            &sections,
            |section| many(section, "/teachers") > 1,
            (100.0, 200.0),
        ),
        share(
            "ten teachers",
            &sections,
            |section| many(section, "/teachers") == 10,
            (0.1, 5.0),
        ),
        share(
            "no teacher",
            &sections,
            |section| many(section, "/teachers") == 0,
            (0.5, 8.0),
        ),
        share(
            "no course",
            &sections,
            |section| section.get("course").is_none(),
            (1.0, 12.0),
        ),
        share(
            "no term",
            &sections,
            |section| section.get("term_id").is_none(),
            (1.0, 12.0),
        ),
        share(
            "no subject",
            &sections,
            |section| section["subject"] == "",
            (30.0, 70.0),
        ),
        share(
            "no period",
            &sections,
            |section| section.get("period").is_none(),
            (30.0, 70.0),
        ),
        share(
            "a student in no section",
            &students,
            |user| outside(&taught, user),
            (2.0, 10.0),
        ),
        share(
            "a teacher in no section",
            &teachers,
            |user| outside(&teaching, user),
            (5.0, 80.0),
        ),
        share(
            "a contact with the whole name in one",
            &contacts,
            |user| user["name"].get("first").is_none(),
            (850.0, 950.0),
        ),
        share(
            "a contact without sis_id",
            &contacts,
            |user| user["roles"]["contact"].get("sis_id").is_none(),
            (250.0, 350.0),
        ),
        share(
            "a parent who teaches here",
            &contacts,
            |user| {
                user.get("email")
                    .is_some_and(|email| teacher_addresses.contains_key(&email.to_string()))
            },
            (1.0, 15.0),
        ),
        share(
            "no middle name, by an empty text",
            &students,
            |user| user["name"]["middle"] == "",
            (200.0, 300.0),
        ),
        share(
            "no middle name, by no key",
            &students,
            |user| user["name"].get("middle").is_none(),
            (200.0, 300.0),
        ),
        share(
            "a grade of none of the thirteen",
            &students,
            |user| grade(user).parse::<u8>().is_err() && grade(user) != "Kindergarten",
            (8.0, 30.0),
        ),
        share(
            "synced with the LMS or not",
            &students,
            |user| user.get("lms_status").is_some(),
            (150.0, 250.0),
        ),
        share(
            "a section's LMS",
            &sections,
            |section| section.get("lms_status").is_some(),
            (150.0, 250.0),
        ),
        share(
            "disability",
            &students,
            |user| user["roles"]["student"]["disability"]["disability_status"] == "Y",
            (100.0, 160.0),
        ),
        share(
            "frl_status",
            &students,
            student("frl_status"),
            (750.0, 850.0),
        ),
        share(
            "gifted_status empty",
            &students,
            empty("gifted_status"),
            (100.0, 200.0),
        ),
        share(
            "section_504_status",
            &students,
            student("section_504_status"),
            (800.0, 900.0),
        ),
        share(
            "iep_status",
            &students,
            |user| user["roles"]["student"]["iep_status"] == "Y",
            (100.0, 160.0),
        ),
        share(
            "home_language not English",
            &students,
            |user| text(user, "/roles/student/home_language").is_some_and(|one| one != "English"),
            (80.0, 220.0),
        ),
        share("ext", &students, student("ext"), (250.0, 350.0)),
        share(
            "SchoolTechLead",
            &staff,
            |user| user["roles"]["staff"]["roles"][0] == "SchoolTechLead",
            (100.0, 500.0),
        ),
        share(
            "PortalOnly",
            &staff,
            |user| user["roles"]["staff"]["roles"][0] == "PortalOnly",
            (10.0, 250.0),
        ),
        share(
            "older than itself",
            &students,
            |user| text(user, "/last_modified") < text(user, "/created"),
            (10.0, 30.0),
        ),
        share(
            "a course without number",
            &courses,
            |course| course["number"] == "" || course.get("number").is_none(),
            (100.0, 500.0),
        ),
    ];
    let wrong: Vec<String> = shares
        .iter()
        .filter(|share| !share.is_right())
        .map(|share| format!("{}: {} of {}", share.name, share.some, share.of))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn ids_of_before_v3_and_sis_ids_are_each_somebodys_own() {
    let world = world(5_000).await;
    let (mut legacy, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for user in values(&world, RecordKind::Users) {
        for (name, role) in user["roles"].as_object().unwrap() {
            let old = role.get("legacy_id").and_then(Value::as_str);
            assert_eq!(old.is_some(), name != "student", "{name}");
            if let Some(old) = old {
                assert!(legacy.insert(old.to_owned()) && *old < *text(&user, "/id").unwrap());
            }
            if let Some(number) = role.get("sis_id") {
                assert!(numbers.insert((name.clone(), number.to_string())));
            }
        }
    }
}

#[tokio::test]
async fn sizes_are_what_their_names_say() {
    let large = world(60_000).await;
    assert_eq!(large.list(RecordKind::Schools).len(), 239);
    assert_eq!(large.with_role(Role::Student).len(), 60_000);
    assert!(large.with_role(Role::Teacher).len() >= 8_412);
    let sections = large.list(RecordKind::Sections);
    assert!(
        (25_843..27_500).contains(&sections.len()),
        "{}",
        sections.len()
    );
    let places: usize = sections
        .values()
        .map(|section| many(&section.value(), "/students"))
        .sum();
    assert!((460_000..500_000).contains(&places), "{places}");
    let metro = world(1_000_000).await;
    let sections = metro.list(RecordKind::Sections).len();
    assert!((300_000..310_000).contains(&sections), "{sections}");
    for (role, least, most) in [
        (Role::Student, 1_000_000, 1_000_000),
        (Role::Contact, 990_000, 1_000_000),
        (Role::Teacher, 80_000, 81_000),
    ] {
        let count = metro.with_role(role).len();
        assert!((least..=most).contains(&count), "{role}: {count}");
    }
    // Between the named sizes, each has something of both.
    let between = world(20_000).await;
    assert!((12..239).contains(&between.list(RecordKind::Schools).len()));
}

/// The digest of every record of a world, in reading order.
fn digest(world: &World) -> String {
    let mut hash = Sha256::new();
    for kind in RecordKind::ALL {
        for record in world.list(kind).values() {
            hash.update(record.json().as_bytes());
            hash.update("\n");
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// These bytes are a promise to whoever keeps expectations of a seed: they change with a line in CHANGELOG.md only.
#[tokio::test]
async fn the_bytes_of_a_seed_are_the_same_on_any_machine() {
    assert_eq!(
        [digest(&world(300).await), digest(&world(5_000).await)],
        [
            "c017e766c279600717fcd0aacce9db797302fca53a6d7ca741a0689a639e0a83",
            "08d91f88f8060c5f36a29ae666245ac530414b223278940814ebec30e8ca2d74"
        ]
    );
}
