//! A made-up district holds together, and its records are written as an edit would write them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn world(seed: u64, students: u32) -> World {
    generate(seed, students, "2026-09-14T12:00:00Z".parse().unwrap())
}

fn bytes(world: &World) -> String {
    RecordKind::ALL
        .into_iter()
        .flat_map(|kind| world.list(kind).values())
        .map(|record| record.json().into_owned() + "\n")
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_others() {
    assert_eq!(bytes(&world(3, 120)), bytes(&world(3, 120)));
    assert_ne!(bytes(&world(3, 120)), bytes(&world(4, 120)));
}

#[test]
fn records_are_written_as_an_edit_would_write_them() {
    let world = world(5, 400);
    for kind in RecordKind::ALL {
        for record in world.list(kind).values() {
            let value: Value = serde_json::from_str(&record.json()).unwrap();
            assert_eq!(value.to_string(), record.json());
            assert_eq!(value["id"], *record.id());
            assert!(world.list(kind).contains_key(&record.id()));
            let roles = Role::ALL.into_iter().filter(|role| record.has_role(*role));
            let known = value["roles"].as_object().map(serde_json::Map::len);
            assert_eq!(roles.count(), known.unwrap_or(0), "{}", record.id());
        }
        assert!(world.list(kind).keys().is_sorted());
    }
}

#[test]
fn an_id_is_found_or_its_neighbour_is() {
    let world = world(1, 60);
    let base = world.base().unwrap();
    let (first, last) = (base.id(RecordKind::Users, 3), base.id(RecordKind::Users, 4));
    assert_eq!(base.position(RecordKind::Users, first.as_str()), Ok(3));
    for odd in [
        "",
        "zz",
        "0",
        &first.as_str()[..20],
        &format!("{}x", first.as_str()),
    ] {
        let found = base.position(RecordKind::Users, odd);
        assert_eq!(found, search(base, RecordKind::Users, odd), "{odd}");
    }
    assert_eq!(
        base.position(RecordKind::Users, &format!("{}x", first.as_str())),
        Err(4)
    );
    assert!(first.as_str() < last.as_str());
}

#[test]
fn a_district_has_everything_and_every_reference_resolves() {
    let world = world(1, 600);
    let ids = |kind| -> BTreeSet<String> { world.list(kind).keys().collect() };
    for role in Role::ALL {
        let users = world.with_role(role);
        assert_eq!(users.values().count(), users.len());
        assert!(!users.is_empty(), "{role}");
    }
    assert_eq!(world.with_role(Role::Student).len(), 600);
    let users = ids(RecordKind::Users);
    let (schools, courses, terms) = (
        ids(RecordKind::Schools),
        ids(RecordKind::Courses),
        ids(RecordKind::Terms),
    );
    let known =
        |all: &BTreeSet<String>, value: &Value| value.as_str().is_none_or(|id| all.contains(id));
    for section in world.list(RecordKind::Sections).values() {
        let section = section.value();
        assert!(known(&schools, &section["school"]));
        assert!(known(&courses, &section["course"]));
        assert!(known(&terms, &section["term_id"]));
        assert!(!section["students"].as_array().unwrap().is_empty());
        for person in ["students", "teachers"]
            .iter()
            .flat_map(|key| section[key].as_array().unwrap())
        {
            assert!(users.contains(person.as_str().unwrap()));
        }
    }
}

#[test]
fn who_names_whom_is_known_in_both_directions() {
    let world = world(2, 200);
    for section in world.list(RecordKind::Sections).values() {
        let record = section.value();
        for person in ["students", "teachers"]
            .iter()
            .flat_map(|key| record[key].as_array().unwrap())
        {
            let all = world.sections_of(person.as_str().unwrap());
            assert!(all.iter().any(|id| *id == section.id()));
        }
    }
    for contact in world.with_role(Role::Contact).values() {
        let record = contact.value();
        for one in record["roles"]["contact"]["student_relationships"]
            .as_array()
            .unwrap()
        {
            let all = world.contacts_of(one["student"].as_str().unwrap());
            assert!(all.iter().any(|id| *id == contact.id()));
        }
    }
}

#[test]
fn who_is_at_a_school_is_known_as_the_records_say_it() {
    let world = world(6, 500);
    let mut edited = world.clone();
    for kind in [RecordKind::Users, RecordKind::Sections] {
        for id in world.list(kind).keys() {
            edited.edit(kind, &id, |_| ());
        }
        for school in world.list(RecordKind::Schools).keys() {
            let found = world.at_school(kind, &school);
            assert!(found.len() > 20);
            assert_eq!(found, edited.at_school(kind, &school));
        }
    }
}

#[test]
fn even_one_student_makes_a_district() {
    let world = world(9, 1);
    assert_eq!(world.list(RecordKind::Schools).len(), 3);
    assert!(!world.list(RecordKind::Sections).is_empty());
}
