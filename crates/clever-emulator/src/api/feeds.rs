//! The events feed of each version, as its answers show it.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::versions::{all, get, is_api, link, world};
use crate::life::happenings::Happening;
use crate::life::{days, resources};
use crate::versions::{Collection, Version};
use crate::world::World;

/// What a version's lists have, by the word of their events and by id, less what events don't tell.
fn content(world: &World, version: Version) -> BTreeMap<(String, String), Value> {
    let mut content = BTreeMap::new();
    for collection in Collection::ALL {
        let Some(noun) = collection
            .event_noun(version)
            .filter(|_| collection.is_in(version))
        else {
            continue;
        };
        if collection == Collection::Resources && world.list(RecordKind::Resources).is_empty() {
            continue;
        }
        let path = format!("/{}/{}", version.as_str(), collection.noun());
        for (id, mut record) in all(world, &path) {
            comparable(&mut record);
            content.insert((noun.to_owned(), id), record);
        }
    }
    content
}

fn comparable(record: &mut Value) {
    let record = record.as_object_mut().unwrap();
    record.remove("last_modified");
    if let Some(student) = record
        .get_mut("roles")
        .and_then(|roles| roles.get_mut("student"))
    {
        student.as_object_mut().unwrap().remove("email");
    }
}

#[test]
fn folding_each_versions_events_gives_each_versions_snapshot() {
    let mut world = world();
    resources::attach(&mut world);
    drop(world.publish());
    world.set_events(true);
    let mut folded: BTreeMap<Version, _> = Version::ALL
        .into_iter()
        .map(|version| (version, (content(&world, version), String::new())))
        .collect();
    let mut told = BTreeSet::new();
    for step in 0..14 {
        match step {
            1 => drop(Happening::UserSplit.befall(&mut world)),
            2 => drop(Happening::UserMerge.befall(&mut world)),
            3 => drop(Happening::Transfer.befall(&mut world)),
            4 => drop(Happening::Pause.befall(&mut world)),
            5 => drop(Happening::Resume.befall(&mut world)),
            6 => drop(Happening::UnshareSchool.befall(&mut world)),
            8 => drop(Happening::RoleOff.befall(&mut world)),
            10 => drop(Happening::SisRekey.befall(&mut world)),
            12 => drop(Happening::Rollover.befall(&mut world)),
            _ => {}
        }
        drop(world.publish());
        days::pass(&mut world, 2);
        for (version, (folded, cursor)) in &mut folded {
            let path = format!("/{}/events", version.as_str());
            let mut target = Some(format!("{path}?limit=500&starting_after={cursor}"));
            while let Some(at) = target {
                let (_, page) = get(&world, &at);
                for element in page["data"].as_array().unwrap() {
                    let event = &element["data"];
                    let id = event["id"].as_str().unwrap();
                    assert!(
                        id > cursor.as_str(),
                        "{version:?}: ids ascend and are unique"
                    );
                    id.clone_into(cursor);
                    let kind = event["type"].as_str().unwrap();
                    told.insert(kind.to_owned());
                    let (noun, what) = kind.split_once('.').unwrap();
                    let mut object = event["data"]["object"].clone();
                    comparable(&mut object);
                    let key = (noun.to_owned(), object["id"].as_str().unwrap().to_owned());
                    let old = match what {
                        "deleted" => folded.remove(&key),
                        _ => folded.insert(key, object),
                    };
                    assert_eq!(old.is_some(), what != "created", "{version:?} {kind}");
                    let previous = event["data"].get("previous_attributes");
                    assert_eq!(previous.is_some(), what == "updated");
                }
                target = link(&page, "next");
            }
            let now = content(&world, *version);
            assert_eq!(
                folded.keys().collect::<Vec<_>>(),
                now.keys().collect::<Vec<_>>()
            );
            for (key, record) in &now {
                assert_eq!(folded[key], *record, "{version:?} {key:?} at step {step}");
            }
        }
    }
    for kind in [
        "users.updated",
        "students.created",
        "contacts.updated",
        "studentcontacts.deleted",
        "resources.updated",
    ] {
        assert!(told.contains(kind), "{kind} in {told:?}");
    }
}

#[test]
fn the_feed_of_each_version_is_filtered_in_its_own_words() {
    let mut world = world();
    world.set_events(true);
    days::pass(&mut world, 6);
    let types = |target: &str| -> BTreeSet<String> {
        let (_, page) = get(&world, target);
        let events = page["data"].as_array().unwrap().iter();
        events
            .map(|event| event["data"]["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let noun = |kind: &String| kind.split('.').next().unwrap().to_owned();
    let nouns = |target: &str| types(target).iter().map(noun).collect::<BTreeSet<_>>();
    assert_eq!(
        nouns("/v2.1/events?limit=1000&record_type=students&record_type=contacts"),
        BTreeSet::from(["contacts".to_owned(), "students".to_owned()])
    );
    assert_eq!(
        nouns("/v2.0/events?limit=1000&record_type=students,sections").len(),
        2
    );
    assert!(
        nouns("/v1.2/events?limit=1000&record_type=students").len() > 1,
        "v1 has no such filter"
    );
    assert!(nouns("/v1.2/events?limit=1000").contains("studentcontacts"));
    assert!(!nouns("/v1.2/events?limit=1000").contains("contacts"));
    let school = world.list(RecordKind::Schools).keys().next().unwrap();
    let (_, page) = get(&world, &format!("/v2.1/events?school={school}&limit=1000"));
    let events = page["data"].as_array().unwrap();
    assert!(!events.is_empty());
    for event in events {
        let object = &event["data"]["data"]["object"];
        let schools = object["schools"].as_array().into_iter().flatten();
        assert!(object["school"] == *school || schools.into_iter().any(|one| *one == *school));
    }
    for version in Version::ALL {
        let v = version.as_str();
        let (_, newest) = get(&world, &format!("/{v}/events?ending_before=last&limit=1"));
        assert_eq!(newest["data"].as_array().unwrap().len(), 1);
        assert_eq!(
            link(&newest, "self").unwrap(),
            format!("/{v}/events?ending_before=last&limit=1")
        );
        let event = &newest["data"][0]["data"];
        let id = event["id"].as_str().unwrap();
        assert_eq!(get(&world, &format!("/{v}/events/{id}")).1["data"], *event);
        let (_, after) = get(&world, &format!("/{v}/events?starting_after={id}"));
        assert_eq!(after["data"], json!([]));
        assert!(link(&after, "next").is_none());
        assert_eq!(
            link(&get(&world, &format!("/{v}/events")).1, "self").unwrap(),
            format!("/{v}/events?")
        );
    }
}

#[test]
fn v1_has_a_feed_of_each_record() {
    let mut world = world();
    world.set_events(true);
    days::pass(&mut world, 6);
    let (_, page) = get(&world, "/v1.2/events?limit=1000");
    let mut seen = BTreeSet::new();
    for event in page["data"].as_array().unwrap() {
        let event = &event["data"];
        let noun = event["type"].as_str().unwrap().split('.').next().unwrap();
        let id = event["data"]["object"]["id"].as_str().unwrap();
        if matches!(noun, "students" | "sections" | "teachers") {
            seen.insert(noun);
            let (status, own) = get(&world, &format!("/v1.2/{noun}/{id}/events?limit=100"));
            assert_eq!(status, 200);
            let own = own["data"].as_array().unwrap();
            assert!(own.iter().any(|one| one["data"] == *event));
            assert!(
                own.iter()
                    .all(|one| one["data"]["data"]["object"]["id"] == *id)
            );
        }
    }
    assert!(seen.len() > 1, "{seen:?}");
    assert!(!is_api("/v2.0/students/x/events"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn walks_by_older_ids_forward_and_backward_give_every_record_once(limit in 1_usize..60, which in 0_usize..8) {
        let path = ["/v2.1/teachers", "/v2.0/contacts", "/v1.2/contacts", "/v1.1/school_admins",
            "/v2.1/students", "/v1.2/events", "/v2.1/events", "/v3.0/events"][which];
        let mut world = world();
        world.set_events(true);
        days::pass(&mut world, 4);
        let wanted: Vec<String> = all(&world, path).into_keys().collect();
        for (start, rel) in [("", "next"), ("&ending_before=last", "prev")] {
            let mut walked = Vec::new();
            let mut target = Some(format!("{path}?limit={limit}{start}"));
            while let Some(at) = target {
                let (_, page) = get(&world, &at);
                let found: Vec<String> = page["data"].as_array().unwrap().iter()
                    .map(|one| one["data"]["id"].as_str().unwrap().to_owned()).collect();
                prop_assert!(found.is_sorted());
                walked.extend(found);
                target = link(&page, rel);
            }
            walked.sort();
            prop_assert_eq!(&walked, &wanted);
        }
    }
}
