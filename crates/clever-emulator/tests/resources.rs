//! Content mapping over HTTP: both envelopes, every sub-path, and events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{RecordKind, Role};
use serde_json::{Value, json};

async fn emulator(resources: bool) -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 6,
            students: 130,
        },
        events: true,
        resources,
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

async fn get(emulator: &Emulator, target: &str) -> Value {
    let at = emulator.base_url().join(target).unwrap();
    let request = reqwest::Client::new()
        .get(at)
        .bearer_auth(emulator.district_token());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{target}");
    answer.json().await.unwrap()
}

async fn ids(emulator: &Emulator, target: &str) -> BTreeSet<String> {
    let separator = if target.contains('?') { '&' } else { '?' };
    let page = get(emulator, &format!("{target}{separator}limit=10000")).await;
    let elements = page["data"].as_array().unwrap().iter();
    elements
        .map(|one| one["data"]["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn without_resources_every_such_list_has_the_wires_own_envelope() {
    let emulator = emulator(false).await;
    let first = |kind| emulator.with_world(|world| world.list(kind).keys().next().unwrap());
    let (course, section, user) = (
        first(RecordKind::Courses),
        first(RecordKind::Sections),
        first(RecordKind::Users),
    );
    for version in ["v3.0", "v3.1"] {
        for path in [
            "resources".to_owned(),
            format!("courses/{course}/resources"),
            format!("sections/{section}/resources"),
            format!("users/{user}/resources"),
        ] {
            let answer = get(&emulator, &format!("/{version}/{path}")).await;
            assert_eq!(answer, json!({ "resources": [] }), "{version}/{path}");
        }
    }
}

#[tokio::test]
async fn with_resources_lists_have_the_envelope_of_the_files_even_where_they_are_empty() {
    let emulator = emulator(true).await;
    let page = get(&emulator, "/v3.1/resources").await;
    assert!(page["links"].is_array() && !page["data"].as_array().unwrap().is_empty());
    let resource = &page["data"][0]["data"];
    for field in [
        "id",
        "resource_id",
        "title",
        "district",
        "created",
        "updated",
    ] {
        assert!(resource[field].is_string(), "{field}");
    }
    let contact =
        emulator.with_world(|world| world.with_role(Role::Contact).keys().next().unwrap());
    let none = get(&emulator, &format!("/v3.1/users/{contact}/resources")).await;
    assert_eq!(none["data"], json!([]));
    assert!(none["links"].is_array());
}

#[tokio::test]
async fn resources_reach_sections_and_people_through_courses_and_back() {
    let emulator = emulator(true).await;
    for version in ["v3.0", "v3.1"] {
        let mut for_teachers_alone = 0;
        for resource in ids(&emulator, &format!("/{version}/resources")).await {
            let base = format!("/{version}/resources/{resource}");
            let record = get(&emulator, &base).await;
            let roles: Vec<&str> = record["data"]["roles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|role| role.as_str().unwrap())
                .collect();
            let courses = ids(&emulator, &format!("{base}/courses")).await;
            assert!(!courses.is_empty());
            let (mut sections, mut students, mut teachers) =
                (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for course in &courses {
                let of_course =
                    ids(&emulator, &format!("/{version}/courses/{course}/resources")).await;
                assert!(of_course.contains(&resource));
                sections
                    .extend(ids(&emulator, &format!("/{version}/courses/{course}/sections")).await);
            }
            assert_eq!(ids(&emulator, &format!("{base}/sections")).await, sections);
            for section in &sections {
                let of_section = format!("/{version}/sections/{section}");
                assert!(
                    ids(&emulator, &format!("{of_section}/resources"))
                        .await
                        .contains(&resource)
                );
                students.extend(ids(&emulator, &format!("{of_section}/users?role=student")).await);
                teachers.extend(ids(&emulator, &format!("{of_section}/users?role=teacher")).await);
            }
            if !roles.contains(&"student") {
                for_teachers_alone += 1;
                students.clear();
            }
            assert_eq!(
                ids(&emulator, &format!("{base}/users?role=student")).await,
                students
            );
            assert_eq!(
                ids(&emulator, &format!("{base}/users?role=teacher")).await,
                teachers
            );
            for user in students.iter().take(1).chain(teachers.iter().take(1)) {
                let of_user = ids(&emulator, &format!("/{version}/users/{user}/resources")).await;
                assert!(of_user.contains(&resource));
            }
        }
        assert!(for_teachers_alone > 0);
    }
}

#[tokio::test]
async fn changes_of_resources_are_told_as_events_in_v3_alone() {
    let emulator = emulator(true).await;
    assert_eq!(
        get(&emulator, "/v3.1/events").await["data"],
        json!([]),
        "the first are no news"
    );
    emulator.advance_days(2);
    let id = emulator.with_world(|world| {
        let id = world.list(RecordKind::Resources).keys().next().unwrap();
        world.remove(RecordKind::Resources, &id);
        id
    });
    for version in ["v3.0", "v3.1"] {
        let page = get(
            &emulator,
            &format!("/{version}/events?record_type=resources&limit=100"),
        )
        .await;
        let told: Vec<&Value> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["data"])
            .collect();
        let types: Vec<&str> = told
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            types,
            [
                "resources.updated",
                "resources.updated",
                "resources.deleted"
            ]
        );
        assert!(told[0]["data"]["previous_attributes"]["title"].is_string());
        assert_eq!(told[2]["data"]["object"]["id"], *id);
    }
    let page = get(&emulator, "/v2.1/events?limit=1000").await;
    assert!(!page.to_string().contains("resources."));
}
