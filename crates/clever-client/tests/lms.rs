//! LMS Connect, attendance and filters against a scripted server: what is asked, and how often.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod nobody;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use clever_auth::DistrictAppToken;
use clever_client::raw::envelope::Envelope;
use clever_client::raw::event::Event;
use clever_client::raw::v3_1::EventObject;
use clever_client::raw::v3_1::operations::{
    CreateAssignmentForSection, DeleteAssignmentForSection, GetAssignmentForSection, GetEvents,
    GetSubmissionsForAssignment, GetUsersForSchool, ListAttendanceForSchool,
    ListAttendanceForSection, UpdateAssignmentForSection, UpdateSubmissionForAssignment,
};
use clever_client::raw::v3_1::types::{Assignment, AssignmentRequest, SubmissionRequest};
use clever_client::{
    ApiVersion, ClientError, ClientOptions, District, Element, ErrorKind, RetryPolicy,
};
use clever_model::RecordKind;
use futures_util::TryStreamExt;

use crate::nobody::nobody;

/// Status, headers, body; status 0 hangs.
type Step = (u16, &'static [(&'static str, &'static str)], &'static str);

#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    /// Method, address and body of each request.
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

async fn answer(State(script): State<Script>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 100_000).await.unwrap();
    script.asked.lock().unwrap().push((
        parts.method.to_string(),
        parts.uri.to_string(),
        String::from_utf8(body.to_vec()).unwrap(),
    ));
    let next = script.steps.lock().unwrap().pop_front();
    let (status, headers, text) = next.unwrap_or((500, &[], "script over"));
    if status == 0 {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(text)).unwrap()
}

async fn serve(steps: &[Step]) -> (District, Script) {
    let script = Script::default();
    script.steps.lock().unwrap().extend(steps);
    let router = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let options = ClientOptions {
        api_url: format!("http://{address}").parse().unwrap(),
        // LMS Connect and attendance are v3.1's, whatever the roster is read in.
        version: ApiVersion::V3_0,
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        write_timeout: Duration::from_millis(200),
        ..ClientOptions::default()
    };
    let token = DistrictAppToken::new("0123456789abcdef").unwrap();
    (District::new(options, token).unwrap(), script)
}

const SECTION: &str = "5a25ffb0c1bc2a0036000001";

async fn create(district: &District) -> Result<Envelope<Assignment>, ClientError> {
    let create = CreateAssignmentForSection {
        section_id: SECTION,
        body: &work(),
    };
    district.call(&create).await
}

fn work() -> AssignmentRequest {
    let mut work = AssignmentRequest::default();
    work.title = Some("Chapter 3".to_owned());
    work.description = Some("Read it".to_owned());
    work
}

const MADE: Step = (
    200,
    &[],
    r#"{"data":{"id":"a/1","title":"Chapter 3","state":"open","new_field":1}}"#,
);
const BASE: &str = "/v3.1/sections/5a25ffb0c1bc2a0036000001/assignments";

#[tokio::test]
async fn an_assignment_from_its_making_to_its_end() {
    let (district, script) = serve(&[
        MADE,
        MADE,
        MADE,
        (
            200,
            &[],
            r#"{"data":{"assignment_id":"a/1","user_id":"u1","grade_points":4.5}}"#,
        ),
        (200, &[], ""),
    ])
    .await;
    let made = create(&district).await.unwrap().data;
    let (section_id, assignment_id) = (SECTION, made.id.as_deref().unwrap());
    let read = GetAssignmentForSection {
        section_id,
        assignment_id,
    };
    assert_eq!(district.call(&read).await.unwrap().data, made);
    let update = UpdateAssignmentForSection {
        section_id,
        assignment_id,
        body: &work(),
    };
    district.call(&update).await.unwrap();
    let mut grade = SubmissionRequest::default();
    grade.grade_points = Some(4.5);
    let grade = UpdateSubmissionForAssignment {
        section_id,
        assignment_id,
        user_id: "u1",
        body: &grade,
    };
    let graded = district.call(&grade).await.unwrap().data;
    assert_eq!(graded.grade_points, Some(4.5));
    let delete = DeleteAssignmentForSection {
        section_id,
        assignment_id,
    };
    district.call(&delete).await.unwrap();
    let asked = script.asked.lock().unwrap();
    let asked: Vec<(&str, &str, &str)> = asked.iter().map(|(m, a, b)| (&**m, &**a, &**b)).collect();
    let body = r#"{"description":"Read it","title":"Chapter 3"}"#;
    let one = format!("{BASE}/a%2F1");
    assert_eq!(
        asked,
        [
            ("POST", BASE, body),
            ("GET", &*one, ""),
            ("PATCH", &*one, body),
            (
                "PATCH",
                &*format!("{one}/submissions/u1"),
                r#"{"grade_points":4.5}"#
            ),
            ("DELETE", &*one, ""),
        ]
    );
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_refused_and_nothing_sent() {
    let (district, script) = serve(&[MADE]).await;
    for assignment_id in ["", "..", &"a".repeat(257)] {
        let read = GetAssignmentForSection {
            section_id: SECTION,
            assignment_id,
        };
        let refused = district.call(&read).await.unwrap_err();
        assert!(matches!(refused, ClientError::Invalid(_)), "{refused:?}");
    }
    assert!(script.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_write_in_doubt_is_an_error_of_its_own_and_not_sent_again() {
    for trouble in [
        (500, &[][..], r#"{"message":"Error updating submission"}"#),
        (502, &[], ""),
        (0, &[], ""),
        (200, &[], r#"{"data":{"id""#),
    ] {
        let (district, script) = serve(&[trouble, MADE]).await;
        let error = create(&district).await.unwrap_err();
        assert!(matches!(&error, ClientError::Unsure { .. }), "{error:?}");
        assert!(
            !error.is_transient(),
            "the same call, unchanged, may do it twice"
        );
        assert_eq!(script.asked.lock().unwrap().len(), 1, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_write_that_had_no_effect_is_sent_again_or_plainly_refused() {
    let (district, script) = serve(&[(429, &[("retry-after", "0")], "slow"), MADE]).await;
    create(&district).await.unwrap();
    assert_eq!(script.asked.lock().unwrap().len(), 2);

    let words = r#"{"message":"due_date must be in the future"}"#;
    let (district, script) = serve(&[(400, &[], words)]).await;
    let error = create(&district).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains("due_date must be in the future"),
        "{error}"
    );
    assert_eq!(script.asked.lock().unwrap().len(), 1);

    let options = ClientOptions {
        api_url: nobody(),
        ..ClientOptions::default()
    };
    let district = District::new(options, DistrictAppToken::new("0a1b").unwrap()).unwrap();
    let error = create(&district).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Network { .. }),
        "nothing was sent: {error:?}"
    );
}

#[tokio::test]
async fn submissions_follow_their_cursor_and_need_no_id() {
    let (district, script) = serve(&[
        (
            200,
            &[],
            r#"{"data":[{"id":"","assignment_id":"a1","user_id":"u1","state":"submitted"},7],
                "links":[{"rel":"next","uri":"/v3.1/sections/5a25ffb0c1bc2a0036000001/assignments/a1/submissions?limit=100&cursor=b%3D%3D"}]}"#,
        ),
        (503, &[], ""),
        (200, &[], r#"{"data":[{"assignment_id":"a1","user_id":"u2","state":"odd"}],"links":[]}"#),
    ])
    .await;
    let all = district.bare_records(&GetSubmissionsForAssignment::new(SECTION, "a1"));
    let all: Vec<_> = all.try_collect().await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(matches!(all[1], Element::Unreadable { .. }));
    let users: Vec<_> = all
        .into_iter()
        .filter_map(|one| one.record()?.user_id)
        .collect();
    assert_eq!(users, ["u1", "u2"]);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[0].1, format!("{BASE}/a1/submissions?limit=100"));
    assert!(asked[2].1.ends_with("cursor=b%3D%3D"), "{}", asked[2].1);
}

#[tokio::test]
async fn attendance_is_asked_for_in_its_own_words() {
    let page = r#"{"data":[{"student_id":"u1","attendance_date":"2026-09-14","attendance_status":"tardy","attendance_type":"daily"}],"links":[]}"#;
    let (district, script) = serve(&[(200, &[], page), (200, &[], page)]).await;
    let marks = district.bare_records(&ListAttendanceForSchool {
        date_range_start: Some(&"2026-09-01".into()),
        date_range_end: Some(&"2026-09-30".into()),
        attendance_status: Some("tardy"),
        ..ListAttendanceForSchool::new("s1")
    });
    let marks: Vec<_> = marks.try_collect().await.unwrap();
    let mark = marks.into_iter().next().unwrap().record().unwrap();
    assert_eq!(mark.student_id.as_deref(), Some("u1"));
    let of_section = district.bare_records(&ListAttendanceForSection::new(SECTION));
    assert_eq!(of_section.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    let asked = script.asked.lock().unwrap();
    assert_eq!(
        asked[0].1,
        "/v3.1/attendance/schools/s1?limit=1000&attendance_status=tardy&date_range_end=2026-09-30&date_range_start=2026-09-01"
    );
    assert_eq!(
        asked[1].1,
        "/v3.1/attendance/sections/5a25ffb0c1bc2a0036000001?limit=1000"
    );
}

#[tokio::test]
async fn events_come_typed_and_filtered_and_odd_ones_cost_themselves() {
    let (district, script) = serve(&[
        (
            200,
            &[],
            r#"{"data":[
                {"data":{"id":"e1","type":"users.created","data":{"object":{"id":"u1"}}}},
                {"data":{"id":"e2","type":"badges.awarded","data":{"object":{"id":"b1"}}}},
                {"data":{"type":"users.deleted"}}],"links":[]}"#,
        ),
        (200, &[], r#"{"data":[],"links":[]}"#),
    ])
    .await;
    let events = district
        .pages(&GetEvents {
            record_type: &["users", "sections"],
            school: Some("s1"),
            ..GetEvents::default()
        })
        .records_as::<Event>();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!(events.len(), 3);
    let mut read = events.into_iter().map(Element::record);
    let first = read.next().unwrap().unwrap();
    assert!(matches!(first.object(), Some(EventObject::User(_))));
    let second = read.next().unwrap().unwrap();
    assert!(matches!(second.object(), Some(EventObject::Unknown(_))));
    assert!(read.next().unwrap().is_none());
    let at_school = GetUsersForSchool {
        primary: Some("true"),
        ..GetUsersForSchool::new("s1")
    };
    let users = district.pages(&at_school).first_page().await.unwrap();
    assert!(users.is_empty());
    let asked = script.asked.lock().unwrap();
    assert_eq!(
        asked[0].1,
        "/v3.1/events?limit=2000&record_type=users&record_type=sections&school=s1"
    );
    assert_eq!(asked[1].1, "/v3.1/schools/s1/users?limit=2000&primary=true");
}

#[tokio::test]
async fn a_page_that_clever_fails_over_is_asked_for_smaller_twice() {
    let failing: Step = (503, &[], "");
    let whole: Step = (200, &[], r#"{"data":[{"data":{"id":"u1"}}],"links":[]}"#);
    let mut steps = vec![failing; 6];
    steps.push(whole);
    let (district, script) = serve(&steps).await;
    let pages: Vec<_> = district
        .list(RecordKind::Users)
        .pages()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages.len(), 1);
    let sizes: Vec<String> = script
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, address, _)| address.clone())
        .collect();
    assert!(
        sizes[5].contains("limit=2000") && sizes[6].contains("limit=1000"),
        "{sizes:?}"
    );

    let (district, script) = serve(&[failing; 40]).await;
    let walked: Result<Vec<_>, _> = district.list(RecordKind::Users).pages().try_collect().await;
    assert_eq!(walked.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(script.asked.lock().unwrap().len(), 18);
}
