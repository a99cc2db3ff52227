//! The data API of v3 over a world: pages, links, filters and sub-paths.

use clever_model::{RecordKind, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::roster::answer;
use super::target::Target;
use crate::life::days;
use crate::world::World;
use crate::world::generate::generate;

fn world() -> World {
    generate(1, 90, "2026-09-14T12:00:00Z".parse::<Timestamp>().unwrap())
}

fn get(world: &World, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let reply = answer(world, path, query);
    (
        reply.status,
        serde_json::from_str(&reply.body).unwrap_or_default(),
    )
}

fn ids(page: &Value) -> Vec<String> {
    let ids = page["data"].as_array().unwrap().iter();
    ids.map(|element| element["data"]["id"].as_str().unwrap().to_owned())
        .collect()
}

fn link(page: &Value, rel: &str) -> Option<String> {
    let link = page["links"]
        .as_array()?
        .iter()
        .find(|link| link["rel"] == rel)?;
    link["uri"].as_str().map(ToOwned::to_owned)
}

#[test]
fn a_list_without_a_limit_has_a_hundred_records_and_a_next() {
    let world = world();
    let (status, page) = get(&world, "/v3.1/users");
    assert_eq!((status, ids(&page).len()), (200, 100));
    assert!(link(&page, "next").is_some() && link(&page, "prev").is_none());
}

#[test]
fn the_end_is_found_from_behind() {
    let world = world();
    let (_, page) = get(&world, "/v3.0/users?ending_before=last&limit=1");
    assert_eq!(
        ids(&page)[0],
        world.list(RecordKind::Users).keys().last().unwrap()
    );
    assert!(link(&page, "next").is_none() && link(&page, "prev").is_some());
}

#[test]
fn refusals() {
    let world = world();
    assert_eq!(get(&world, "/v3.0/users?limit=10001").0, 413);
    assert_eq!(get(&world, "/v3.0/users?limit=none").0, 400);
    assert_eq!(get(&world, "/v3.0/users/ffffffffffffffffffffffff").0, 404);
    assert_eq!(
        answer(&world, "/v3.0/classes", "").content_type,
        "text/html; charset=utf-8"
    );
    let is_api = |path| Target::of(path, "").is_some();
    assert!(!is_api("/v3.0/classes") && !is_api("/v9/users") && is_api("/v3.1/users"));
}

#[test]
fn count_is_of_the_whole_list_and_sub_paths_follow_names() {
    let world = world();
    let (_, page) = get(&world, "/v3.1/users?role=student&count=true&limit=3");
    assert_eq!(page["count"], 90);
    let (_, sections) = get(&world, "/v3.1/sections?limit=1");
    let section = &sections["data"][0]["data"];
    let id = section["id"].as_str().unwrap();
    let (_, people) = get(
        &world,
        &format!("/v3.1/sections/{id}/users?role=student&limit=1000"),
    );
    assert_eq!(
        ids(&people).len(),
        section["students"].as_array().unwrap().len()
    );
    let (_, school) = get(&world, &format!("/v3.1/sections/{id}/school"));
    assert_eq!(school["data"]["id"], section["school"]);
    assert_eq!(get(&world, "/v3.1/resources").1, json!({ "resources": [] }));
}

#[test]
fn people_and_places_are_reached_through_sections() {
    let world = world();
    let (_, sections) = get(&world, "/v3.1/sections?limit=1000");
    let section = &sections["data"][0]["data"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let teacher = text(&section["teacher"]);
    let student = text(&section["students"][0]);
    let reaches = |path: String, id: &str| {
        let (status, page) = get(&world, &path);
        assert_eq!(status, 200, "{path}");
        assert!(ids(&page).iter().any(|one| one == id), "{path}");
        page
    };
    reaches(
        format!("/v3.1/users/{teacher}/mystudents?limit=1000"),
        &student,
    );
    reaches(format!("/v3.1/users/{student}/myteachers"), &teacher);
    let (school, course, term) = (
        text(&section["school"]),
        text(&section["course"]),
        text(&section["term_id"]),
    );
    reaches(format!("/v3.1/schools/{school}/courses"), &course);
    let terms = reaches(format!("/v3.1/schools/{school}/terms"), &term);
    let date = text(&terms["data"][0]["data"]["start_date"]);
    assert!(date.ends_with("T00:00:00.000Z"));
    reaches(format!("/v3.1/courses/{course}/schools"), &school);
    reaches(format!("/v3.1/terms/{term}/schools"), &school);
    for (path, field) in [("users", "/roles/student/school")] {
        let at = format!("/v3.1/schools/{school}/{path}?primary=true&role=student&limit=1000");
        for element in reaches(at, &student)["data"].as_array().unwrap() {
            assert_eq!(element["data"].pointer(field).unwrap(), &json!(school));
        }
    }
    let resources = get(
        &world,
        &format!("/v3.1/sections/{}/resources", text(&section["id"])),
    );
    assert_eq!(resources, (200, json!({ "resources": [] })));
}

#[test]
fn a_role_filters_users_only_and_events_by_what_they_are_of() {
    let mut world = world();
    let (_, all) = get(&world, "/v3.1/sections?role=student&limit=1000");
    assert_eq!(ids(&all).len(), world.list(RecordKind::Sections).len());
    world.set_events(true);
    assert_eq!(get(&world, "/v3.1/events").1["data"], json!([]));
    days::pass(&mut world, 2);
    let (_, page) = get(&world, "/v3.1/events");
    assert_eq!(link(&page, "self").unwrap(), "/v3.1/events?");
    assert_eq!(page["data"][0]["data"]["type"], "districts.updated");
    let (_, page) = get(
        &world,
        "/v3.1/events?record_type=users&record_type=districts",
    );
    for event in page["data"].as_array().unwrap() {
        let kind = event["data"]["type"].as_str().unwrap();
        assert!(kind.starts_with("users.") || kind.starts_with("districts."));
    }
    let (_, newest) = get(&world, "/v3.1/events?ending_before=last&limit=1");
    let id = &ids(&newest)[0];
    assert_eq!(get(&world, &format!("/v3.1/events/{id}")).0, 200);
    let (_, after) = get(&world, &format!("/v3.1/events?starting_after={id}"));
    assert!(ids(&after).is_empty() && link(&after, "next").is_none());
    let school = world.list(RecordKind::Schools).keys().next().unwrap();
    let (_, page) = get(&world, &format!("/v3.1/events?school={school}&limit=1000"));
    assert!(
        page["data"]
            .to_string()
            .matches("districts.updated")
            .count()
            == 0
    );
    assert!(!ids(&page).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn walks_forward_and_backward_give_every_record_once(limit in 1_usize..70) {
        let world = world();
        let all: Vec<String> = world.list(RecordKind::Users).keys().collect();
        for (start, rel) in [("", "next"), ("&ending_before=last", "prev")] {
            let mut walked = Vec::new();
            let mut target = Some(format!("/v3.1/users?limit={limit}{start}"));
            while let Some(at) = target {
                let (_, page) = get(&world, &at);
                let found = ids(&page);
                prop_assert!(found.is_sorted());
                walked.extend(found);
                target = link(&page, rel);
            }
            walked.sort();
            prop_assert_eq!(&walked, &all);
        }
    }
}
