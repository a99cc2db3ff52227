//! Assignments and submissions from their making to their end, in each system.

use super::*;
use crate::life::days::pass;
use crate::world::generate::generate;

const NOW: i64 = 1_800_000_000;

/// Reads a path of v3.1.
fn of(path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.strip_prefix("/v3.1/")?.split('/').collect();
    Target::of(&parts)
}

struct Ground {
    world: World,
    lms: Lms,
    section: String,
}

impl Ground {
    fn new(kind: LmsType) -> Self {
        let mut world = generate(6, 200, "2026-09-14T12:00:00Z".parse().unwrap());
        let lms = Lms::new(kind);
        lms.connect(&mut world);
        let sections = world.list(RecordKind::Sections).values();
        let synced = sections.map(|section| section.value()).find(|section| {
            section["lms_status"]["synced_in_lms"] == true
                && section["students"]
                    .as_array()
                    .is_some_and(|all| all.len() > 5)
        });
        let section = synced.unwrap()["id"].as_str().unwrap().to_owned();
        Self {
            world,
            lms,
            section,
        }
    }

    fn ask_at(&self, second: i64, method: &str, target: &str, body: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let target = &of(path).unwrap();
        assert!(target.takes(method), "{method} {path}");
        let call = Call {
            method,
            path,
            target,
            query,
            body: body.as_bytes(),
            now: Timestamp::from_second(NOW + second).unwrap(),
            expired: false,
        };
        let reply = self.lms.answer(&self.world, &call);
        let body = serde_json::from_str(&reply.body).unwrap_or_default();
        (reply.status, body)
    }

    fn ask(&self, method: &str, below: &str, body: &str) -> (u16, Value) {
        self.ask_at(0, method, &self.path(below), body)
    }

    fn path(&self, below: &str) -> String {
        format!("/v3.1/sections/{}/assignments{below}", self.section)
    }

    /// Makes an assignment; gives it as it was answered.
    fn make(&self, more: &Value) -> Value {
        let mut work = json!({
            "title": "Chapter 3", "description": "Read it", "due_date": "2026-09-20T22:00:00.000Z",
        });
        for (name, value) in more.as_object().unwrap() {
            work[name] = value.clone();
        }
        let (status, mut made) = self.ask("POST", "", &work.to_string());
        assert_eq!(status, 200, "{made}");
        made["data"].take()
    }

    fn students(&self) -> Vec<String> {
        let section = self
            .world
            .value(RecordKind::Sections, &self.section)
            .unwrap();
        let students = section["students"].as_array().unwrap().iter();
        let mut students: Vec<String> =
            students.map(|id| id.as_str().unwrap().to_owned()).collect();
        students.sort();
        students
    }
}

#[test]
fn the_district_and_its_people_say_what_the_system_has() {
    for kind in LmsType::ALL {
        let ground = Ground::new(kind);
        let world = &ground.world;
        let district = world.value(RecordKind::Districts, world.district_id());
        let district = district.unwrap();
        assert_eq!(district["lms_type"], kind.as_str());
        assert_eq!(district["lms_state"], "success");
        let status =
            |kind, id: &str| world.value(kind, id).unwrap()["lms_status"]["synced_in_lms"].take();
        let mut seen = BTreeSet::new();
        for id in world.list(RecordKind::Sections).keys() {
            seen.insert(status(RecordKind::Sections, &id).as_bool().unwrap());
        }
        assert_eq!(seen.len(), 2, "some sections are not matched");
        for student in ground.students() {
            assert_eq!(status(RecordKind::Users, &student), true);
        }
    }
}

#[test]
fn an_assignment_is_made_read_changed_and_removed() {
    let ground = Ground::new(LmsType::Canvas);
    let made =
        ground.make(&json!({ "points_possible": 10.5, "submission_types": ["file", "link"] }));
    assert_eq!(
        (&made["title"], &made["state"]),
        (&json!("Chapter 3"), &json!("open"))
    );
    assert_eq!(
        (&made["grading_type"], &made["points_possible"]),
        (&json!("points"), &json!(10.5))
    );
    let one = format!("/{}", made["id"].as_str().unwrap());
    assert_eq!(ground.ask("GET", &one, "").1["data"], made);
    let (_, changed) = ground.ask("PATCH", &one, r#"{"title":"Chapter 4"}"#);
    assert_eq!(changed["data"]["title"], "Chapter 4");
    assert_eq!(changed["data"]["description"], "Read it", "the rest stays");
    let again = ground.make(&json!({}));
    assert_ne!(again["id"], made["id"], "sent twice, made twice");
    assert_eq!(ground.ask("DELETE", &one, ""), (200, Value::Null));
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(ground.ask(method, &one, "{}").0, 404, "{method}");
    }
}

#[test]
fn what_is_wrong_with_an_assignment_is_said_in_clevers_words() {
    let ground = Ground::new(LmsType::Canvas);
    let work = |change: fn(&mut Value)| {
        let mut work =
            json!({ "title": "t", "description": "d", "due_date": "2026-10-01T00:00:00Z" });
        change(&mut work);
        work.to_string()
    };
    for (body, said) in [
        (String::new(), "request body is required, but was empty"),
        (
            "{}".to_owned(),
            "missing required field(s): title, description, due_date",
        ),
        (
            work(|work| work["description"] = Value::Null),
            "missing required field(s): description",
        ),
        (
            work(|work| work["due_date"] = "2026-09-14T11:59:59Z".into()),
            "due_date must be in the future",
        ),
        (
            work(|work| work["submission_types"] = json!(["fax"])),
            "submission_types must be one of: link file text discussion",
        ),
        (
            work(|work| work["grading_type"] = "stars".into()),
            "grading_type must be one of: points percent pass_fail letter_grade",
        ),
        (
            work(|work| work["due_date"] = "tomorrow".into()),
            "due_date must be a date and time",
        ),
    ] {
        assert_eq!(
            ground.ask("POST", "", &body),
            (400, json!({ "message": said })),
            "{body}"
        );
    }
    let (status, said) = ground.ask("POST", "", "{\"title\":");
    assert!(
        status == 400 && said["message"].as_str().unwrap().contains("EOF"),
        "{said}"
    );
    let one = ground.make(&json!({}))["id"].as_str().unwrap().to_owned();
    let late = r#"{"due_date":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(ground.ask("PATCH", &format!("/{one}"), late).0, 400);
}

#[test]
fn a_section_that_is_not_synced_takes_no_assignment() {
    let ground = Ground::new(LmsType::Canvas);
    let sections = ground.world.list(RecordKind::Sections).values();
    let other = sections
        .map(|section| section.value())
        .find(|section| section["lms_status"]["synced_in_lms"] == false);
    let other = other.unwrap()["id"].as_str().unwrap().to_owned();
    for section in [other.as_str(), "none"] {
        let path = format!("/v3.1/sections/{section}/assignments");
        assert_eq!(ground.ask_at(0, "POST", &path, "{}").0, 404, "{section}");
    }
}

#[test]
fn an_assignments_state_follows_its_dates() {
    let mut ground = Ground::new(LmsType::GoogleClassroom);
    let dates = json!({
        "display_date": "2026-09-16T00:00:00Z", "end_date": "2026-09-18T00:00:00Z",
        "start_date": "2026-09-16T00:00:00Z", "term_id": "t",
    });
    let one = ground.make(&dates)["id"].as_str().unwrap().to_owned();
    let mut states = Vec::new();
    for _ in 0..3 {
        let (_, shown) = ground.ask("GET", &format!("/{one}"), "");
        states.push(shown["data"]["state"].as_str().unwrap().to_owned());
        pass(&mut ground.world, 2);
    }
    assert_eq!(states, ["scheduled", "open", "locked"]);
    // What Canvas does not know of, it does not keep.
    let canvas = Ground::new(LmsType::Canvas);
    let made = canvas.make(&json!({ "start_date": "2026-09-16T00:00:00Z", "term_id": "t" }));
    assert!(made.get("start_date").is_none() && made.get("term_id").is_none());
}

#[test]
fn submissions_come_by_cursors_that_only_lead_on_and_end_after_two_hours() {
    let ground = Ground::new(LmsType::Canvas);
    let one = ground.make(&json!({}))["id"].as_str().unwrap().to_owned();
    let list = ground.path(&format!("/{one}/submissions"));
    let (mut seen, mut target) = (Vec::new(), format!("{list}?limit=2"));
    let mut second_page = None;
    loop {
        let (status, page) = ground.ask_at(7200, "GET", &target, "");
        assert_eq!(status, 200, "{page}");
        for one in page["data"].as_array().unwrap() {
            seen.push(one["user_id"].as_str().unwrap().to_owned());
        }
        let links = page["links"].as_array().unwrap();
        assert!(links.iter().all(|link| link["rel"] == "next"));
        let Some(next) = links.first() else { break };
        target = next["uri"].as_str().unwrap().to_owned();
        second_page.get_or_insert(target.clone());
    }
    assert_eq!(seen, ground.students());
    let second = second_page.unwrap();
    assert_eq!(ground.ask_at(2 * 7200, "GET", &second, "").0, 200);
    assert_eq!(ground.ask_at(2 * 7200 + 1, "GET", &second, "").0, 400);
    for wrong in ["limit=0", "limit=101", "cursor=x"] {
        assert_eq!(
            ground.ask_at(0, "GET", &format!("{list}?{wrong}"), "").0,
            400,
            "{wrong}"
        );
    }
}

#[test]
fn students_hand_in_day_by_day_and_a_grade_stays() {
    let mut ground = Ground::new(LmsType::GoogleClassroom);
    let one = ground.make(&json!({}))["id"].as_str().unwrap().to_owned();
    let student = ground.students().remove(0);
    let states = |ground: &Ground| -> Vec<String> {
        let (_, page) = ground.ask("GET", &format!("/{one}/submissions"), "");
        let data = page["data"].as_array().unwrap().iter();
        data.map(|one| one["state"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(states(&ground).iter().all(|state| state == "created"));
    let path = format!("/{one}/submissions/{student}");
    let grade =
        r#"{"grade_points":4.5,"grade_comment":"Good","state":"returned","flags":["late"]}"#;
    let (status, graded) = ground.ask("PATCH", &path, grade);
    assert_eq!(
        (status, &graded["data"]["grade_points"]),
        (200, &json!(4.5))
    );
    assert_eq!(graded["data"]["id"], "", "always empty there");
    pass(&mut ground.world, 4);
    let (_, shown) = ground.ask("GET", &path, "");
    assert_eq!(shown["data"]["state"], "returned");
    let submitted = states(&ground);
    let submitted = submitted
        .iter()
        .filter(|state| *state == "submitted")
        .count();
    assert!(submitted > 0);
    assert_eq!(
        ground
            .ask("GET", &format!("/{one}/submissions/nobody"), "")
            .0,
        404
    );
    for wrong in [
        r#"{"grade_points":"A"}"#,
        r#"{"state":"lost"}"#,
        r#"{"flags":["early"]}"#,
        "",
    ] {
        assert_eq!(ground.ask("PATCH", &path, wrong).0, 400, "{wrong}");
    }
}

#[test]
fn an_assignment_for_some_has_their_submissions_only() {
    let ground = Ground::new(LmsType::Canvas);
    let some = &ground.students()[..2];
    let one = ground.make(&json!({ "assignee_mode": "individuals", "assignee_ids": some }));
    let path = format!("/{}/submissions", one["id"].as_str().unwrap());
    let (_, page) = ground.ask("GET", &path, "");
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let other = &ground.students()[2];
    assert_eq!(ground.ask("GET", &format!("{path}/{other}"), "").0, 404);
}

#[test]
fn schoology_takes_no_links_and_nothing_for_who_never_opened_the_app() {
    let ground = Ground::new(LmsType::Schoology);
    let one = ground.make(&json!({}))["id"].as_str().unwrap().to_owned();
    let mut answers = BTreeSet::new();
    // Over all synced sections' students there are some of both.
    for student in ground.students() {
        let path = format!("/{one}/submissions/{student}");
        let link = r#"{"attachments":[{"type":"link","url":"https://example.org"}]}"#;
        let (status, said) = ground.ask("PATCH", &path, link);
        assert_eq!(
            (status, &said["message"]),
            (
                400,
                &json!("Schoology does not support submission type of link")
            )
        );
        let file = r#"{"attachments":[{"type":"file","title":"a"}]}"#;
        let (status, said) = ground.ask("PATCH", &path, file);
        let launched = !lot::falls(ground.world.seed, 10, &["launch", &student]);
        assert_eq!(status, if launched { 200 } else { 500 });
        if !launched {
            assert_eq!(said["message"], "Error updating submission");
        }
        answers.insert(status);
    }
    assert!(answers.contains(&200));
}

#[test]
fn paths_of_other_shapes_are_not_lms_connects() {
    for path in ["/v3.1/sections/s", "/v3.1/sections/s/assignments/a/x"] {
        assert_eq!(of(path), None, "{path}");
    }
    assert!(!of("/v3.1/sections/s/assignments").unwrap().takes("GET"));
    assert!(!of("/v3.1/sections/s/assignments/a").unwrap().takes("PUT"));
}
