//! Marks for each school day, by their links, ranges and statuses.

use super::*;
use crate::world::generate::generate;

fn world() -> World {
    generate(4, 60, "2026-09-14T12:00:00Z".parse().unwrap())
}

fn get(world: &World, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.split('/').skip(2).collect();
    let reply = answer(world, &Place::of(&parts).unwrap(), path, query);
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

fn link(page: &Value, rel: &str) -> Option<String> {
    let links = page["links"].as_array().unwrap();
    let link = links.iter().find(|link| link["rel"] == rel)?;
    link["uri"].as_str().map(str::to_owned)
}

/// Every mark of a list, by its links, forwards.
fn walk(world: &World, target: &str) -> Vec<Value> {
    let (mut all, mut at) = (Vec::new(), Some(target.to_owned()));
    while let Some(target) = at {
        let (status, page) = get(world, &target);
        assert_eq!(status, 200, "{target}: {page}");
        all.extend(page["data"].as_array().unwrap().clone());
        at = link(&page, "next");
    }
    all
}

fn school(world: &World) -> String {
    world.list(RecordKind::Schools).keys().next().unwrap()
}

#[test]
fn a_school_has_a_mark_for_each_student_and_school_day() {
    let world = world();
    let school = school(&world);
    let path = format!("/v3.1/attendance/schools/{school}");
    let marks = walk(&world, &format!("{path}?limit=7"));
    let (students, _) = roll(&world, &Place::School(school.clone())).unwrap();
    assert!(!students.is_empty());
    // From Monday, 17 August, to Monday, 14 September: school began in the range.
    let days = 4 * 5 + 1;
    assert_eq!(marks.len(), students.len() * days);
    let wanted = [
        "attendance_date",
        "attendance_status",
        "attendance_type",
        "created",
        "district_id",
    ];
    for mark in &marks {
        let day: Date = mark["attendance_date"].as_str().unwrap().parse().unwrap();
        assert!(!matches!(
            day.weekday(),
            Weekday::Saturday | Weekday::Sunday
        ));
        assert!(wanted.iter().all(|field| mark[field].is_string()), "{mark}");
        assert_eq!(mark["attendance_type"], "daily");
        assert_eq!(mark["school_id"], json!(school));
        assert!(students.contains(mark["student_id"].as_str().unwrap()));
        assert!(mark.get("id").is_none() && mark.get("section_id").is_none());
        let absent = mark["attendance_status"] == "absent";
        assert_eq!(mark["excuse_code"].is_string(), absent);
    }
    assert_eq!(
        marks,
        walk(&world, &format!("{path}?limit=1000")),
        "the same again"
    );
}

#[test]
fn a_section_has_its_own_marks_and_who_is_absent_all_day_is_absent_there() {
    let world = world();
    let id = world.list(RecordKind::Sections).keys().next().unwrap();
    let section = world.value(RecordKind::Sections, &id).unwrap();
    let marks = walk(&world, &format!("/v3.1/attendance/sections/{id}"));
    assert!(!marks.is_empty());
    for mark in &marks {
        assert_eq!(mark["attendance_type"], "section");
        assert_eq!(
            (&mark["section_id"], &mark["school_id"]),
            (&json!(id), &section["school"])
        );
        let student = mark["student_id"].as_str().unwrap().to_owned();
        let day = mark["attendance_date"].as_str().unwrap().parse().unwrap();
        let daily = status(
            world.seed,
            &Mark { day, student },
            &Place::School("x".to_owned()),
        );
        assert_eq!(mark["attendance_status"] == "absent", daily == "absent");
    }
}

#[test]
fn ranges_statuses_and_limits_are_kept() {
    let world = world();
    let path = format!("/v3.1/attendance/schools/{}", school(&world));
    let all = walk(&world, &path);
    let mut parts = 0;
    for status in ["present", "absent", "tardy"] {
        let some = walk(&world, &format!("{path}?attendance_status={status}"));
        assert!(some.iter().all(|mark| mark["attendance_status"] == status));
        parts += some.len();
    }
    assert_eq!(parts, all.len());
    let one_day = format!("{path}?date_range_start=2026-09-08&date_range_end=2026-09-08");
    let day = walk(&world, &one_day);
    assert!(
        !day.is_empty()
            && day
                .iter()
                .all(|mark| mark["attendance_date"] == "2026-09-08")
    );
    let weekend = format!("{path}?date_range_start=2026-09-12&date_range_end=2026-09-13");
    assert!(walk(&world, &weekend).is_empty());
    let future = format!("{path}?date_range_start=2026-09-15&date_range_end=2026-12-01");
    assert!(walk(&world, &future).is_empty(), "tomorrow has not been");
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "date_range_start=9/8/2026",
        "attendance_status=late",
        "starting_after=x",
        "date_range_start=2020-01-01",
    ] {
        assert_eq!(get(&world, &format!("{path}?{wrong}")).0, 400, "{wrong}");
    }
    assert_eq!(get(&world, "/v3.1/attendance/schools/none").0, 404);
    assert_eq!(Place::of(&["attendance", "users", "x"]), None);
}

#[test]
fn a_page_leads_back_to_the_one_before() {
    let world = world();
    let path = format!("/v3.1/attendance/schools/{}?limit=9", school(&world));
    let (_, first) = get(&world, &path);
    assert_eq!(link(&first, "prev"), None);
    let (_, second) = get(&world, &link(&first, "next").unwrap());
    let (_, back) = get(&world, &link(&second, "prev").unwrap());
    assert_eq!(back["data"], first["data"]);
    assert_eq!(link(&back, "prev"), None);
    let (_, forth) = get(&world, &link(&back, "next").unwrap());
    assert_eq!(forth["data"], second["data"]);
}
