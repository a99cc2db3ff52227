//! LMS Connect and attendance: what they answer, validated as the rest is. They are not lists of records by id, so
//! they are walked by hand.

use clever_emulator::{Emulator, EmulatorConfig, LmsType};
use reqwest::Method;
use serde_json::{Value, json};

use super::schema::{EXTRAS, Extra, Schemas};
use super::{documents, generated, published, root, shared};

/// What the district's record has that Clever's documentation names and no file.
const LMS_EXTRAS: [Extra; 1] = [Extra {
    schemas: "District",
    field: "last_lms_sync",
    why: "DOC: the time of the last sync with the system",
}];

/// An answer, and the schema that it is to fit.
type Told = (String, &'static str, Value);

/// Asks for each thing that there is to ask for, in one system.
async fn ask_all(lms: LmsType) -> Vec<Told> {
    let config = EmulatorConfig {
        world: generated(),
        lms: Some(lms),
        attendance: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.expect("an emulator");
    let sections = send(&emulator, Method::GET, "/v3.1/sections?limit=1000", None).await;
    let sections = sections["data"].as_array().expect("sections").iter();
    let section = sections.map(|one| &one["data"]).find(|section| {
        let several = section["students"]
            .as_array()
            .is_some_and(|all| all.len() > 2);
        several && section["lms_status"]["synced_in_lms"] == true
    });
    let section = section.expect("a section that is synced").clone();
    let id = section["id"].as_str().expect("an id");
    let base = format!("/v3.1/sections/{id}/assignments");
    let due = "2026-09-20T22:00:00.000Z";
    let work = json!({
        "title": "Chapter 3", "description": "Read it", "due_date": due, "points_possible": 10,
        "submission_types": ["file", "text"], "display_date": due, "max_attempts": 2, "assignee_mode": "all",
        "attachments": [{ "type": "file", "title": "Page", "url": "https://example.org/page" }],
    });
    let mut told = Vec::new();
    let mut ask = async |method: Method, target: String, body: Option<Value>, schema| {
        let answer = send(&emulator, method, &target, body).await;
        told.push((target, schema, answer.clone()));
        answer
    };
    let (post, patch) = (Method::POST, Method::PATCH);
    let made = ask(post.clone(), base.clone(), Some(work), "AssignmentResponse").await;
    let one = format!("{base}/{}", made["data"]["id"].as_str().expect("an id"));
    ask(Method::GET, one.clone(), None, "AssignmentResponse").await;
    let change = json!({ "title": "Chapter 4" });
    ask(
        patch.clone(),
        one.clone(),
        Some(change),
        "AssignmentResponse",
    )
    .await;
    emulator.advance_days(2);
    let page = ask(
        Method::GET,
        format!("{one}/submissions?limit=1"),
        None,
        "SubmissionsResponse",
    )
    .await;
    let next = page["links"][0]["uri"]
        .as_str()
        .expect("a next page")
        .to_owned();
    ask(Method::GET, next, None, "SubmissionsResponse").await;
    ask(
        Method::GET,
        format!("{one}/submissions"),
        None,
        "SubmissionsResponse",
    )
    .await;
    let student = page["data"][0]["user_id"].as_str().expect("a student");
    let submission = format!("{one}/submissions/{student}");
    ask(Method::GET, submission.clone(), None, "SubmissionResponse").await;
    let grade = json!({ "grade_points": 4.5, "grade_comment": "Good", "flags": ["late"], "extra_attempts": 1 });
    ask(patch, submission, Some(grade), "SubmissionResponse").await;
    ask(post, base, Some(json!({})), "BadRequest").await;
    ask(Method::GET, format!("{one}0"), None, "NotFound").await;
    let school = section["school"].as_str().expect("a school");
    for place in [format!("schools/{school}"), format!("sections/{id}")] {
        for query in [
            "",
            "?limit=2",
            "?attendance_status=absent",
            "?attendance_status=tardy&limit=1000",
        ] {
            let target = format!("/v3.1/attendance/{place}{query}");
            ask(Method::GET, target, None, "AttendanceResponse").await;
        }
        let target = format!("/v3.1/attendance/{place}?limit=0");
        ask(Method::GET, target, None, "BadRequest").await;
    }
    ask(
        Method::GET,
        "/v3.1/districts".to_owned(),
        None,
        "DistrictsResponse",
    )
    .await;
    ask(
        Method::GET,
        format!("/v3.1/sections/{id}"),
        None,
        "SectionResponse",
    )
    .await;
    ask(
        Method::GET,
        "/v3.1/users?limit=1000".to_owned(),
        None,
        "UsersResponse",
    )
    .await;
    emulator.stop().await;
    told
}

async fn send(emulator: &Emulator, method: Method, target: &str, body: Option<Value>) -> Value {
    let url = emulator.base_url().join(target).expect("an address");
    let mut request = reqwest::Client::new()
        .request(method, url)
        .bearer_auth(emulator.district_token());
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// What does not fit, with what was asked for.
fn wrong(told: &[Told], schemas: &mut Schemas) -> Vec<String> {
    let mut wrong = Vec::new();
    for (target, schema, body) in told {
        let breaches = schemas.breaches(schema, body);
        wrong.extend(
            breaches
                .into_iter()
                .map(|breach| format!("{target}: {breach}")),
        );
    }
    wrong
}

#[tokio::test]
async fn lms_connect_and_attendance_answer_as_our_documents_and_clevers_own_files_say() {
    let documents = documents::read(root()).expect("documents");
    let mut told = Vec::new();
    for lms in LmsType::ALL {
        told.extend(ask_all(lms).await);
    }
    let extras: Vec<&Extra> = EXTRAS.iter().chain(&LMS_EXTRAS).collect();
    let found = wrong(&told, &mut Schemas::of(&documents["v3.1"], true, &extras));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let Some(folder) = shared("clever-specs") else {
        return;
    };
    // The roster against the same files is the other tests' affair.
    told.retain(|(target, ..)| target.contains("/assignments") || target.contains("/attendance"));
    let files = published(&folder, "v3.1");
    let found = wrong(&told, &mut Schemas::of(&files, true, &extras));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
