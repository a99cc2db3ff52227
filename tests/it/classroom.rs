//! LMS Connect, attendance and the Library of older versions: the client against the emulator, with nothing
//! scripted in between.

use std::collections::BTreeSet;
use std::time::Duration;

use clever_auth::{App, DistrictAppToken, LoginToken, RawToken};
use clever_client::raw::v3_1::operations::{
    CreateAssignmentForSection, DeleteAssignmentForSection, GetAssignmentForSection,
    GetSubmissionForAssignment, GetSubmissionsForAssignment, ListAttendanceForSchool,
    ListAttendanceForSection, UpdateAssignmentForSection, UpdateSubmissionForAssignment,
};
use clever_client::raw::v3_1::types::{Assignment, AssignmentRequest, SubmissionRequest};
use clever_client::{
    ClientError, ClientOptions, District, Element, ErrorKind, LibraryTeacher, LibraryVersion,
    LoginService, RawPage, RetryPolicy,
};
use clever_emulator::{Emulator, EmulatorConfig, Fault, LmsType, WorldSource};
use clever_model::{RecordKind, SectionId, UserId};
use futures_util::TryStreamExt;
use serde_json::Value;

async fn start() -> (Emulator, ClientOptions, District) {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 6,
            students: 200,
        },
        lms: Some(LmsType::Schoology),
        attendance: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let options = ClientOptions {
        api_url: emulator.base_url().clone(),
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    let token = DistrictAppToken::new(emulator.district_token()).unwrap();
    let district = District::new(options.clone(), token).unwrap();
    (emulator, options, district)
}

/// A section that is synced and has more than five students.
fn synced(emulator: &Emulator) -> Value {
    emulator.with_world(|world| {
        let mut sections = world.list(RecordKind::Sections).values();
        let found = sections.find_map(|section| {
            let section = section.value();
            let synced = section["lms_status"]["synced_in_lms"] == true;
            let full = section["students"].as_array().unwrap().len() > 5;
            (synced && full).then_some(section)
        });
        found.unwrap()
    })
}

fn texts(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().unwrap().iter();
    all.map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn work() -> AssignmentRequest {
    let mut work = AssignmentRequest::default();
    work.title = Some("Chapter 3".to_owned());
    work.description = Some("Read it".to_owned());
    work.due_date = Some("2026-09-25T22:00:00Z".into());
    work
}

#[tokio::test]
async fn an_assignment_lives_from_its_making_to_its_end_in_the_emulator() {
    let (emulator, _, district) = start().await;
    let section = synced(&emulator);
    let section_id = section["id"].as_str().unwrap();
    let made = create(&district, section_id, &work()).await.unwrap();
    let assignment_id = made.id.as_deref().unwrap();
    let get = GetAssignmentForSection {
        section_id,
        assignment_id,
    };
    assert_eq!(district.call(&get).await.unwrap().data, made);
    let mut change = AssignmentRequest::default();
    change.title = Some("Chapter 4".to_owned());
    let update = UpdateAssignmentForSection {
        section_id,
        assignment_id,
        body: &change,
    };
    let changed = district.call(&update).await.unwrap().data;
    assert_eq!(changed.title.as_deref(), Some("Chapter 4"));
    assert_eq!(changed.description.as_deref(), Some("Read it"));
    // Everybody's submission, whole, as days pass.
    emulator.advance_days(1);
    let read = || async {
        let list = GetSubmissionsForAssignment::new(section_id, assignment_id);
        let all: Vec<_> = district.bare_records(&list).try_collect().await.unwrap();
        let users = all.into_iter().map(|one| match one {
            Element::Record(one) => one.user_id.unwrap(),
            Element::Unreadable { .. } => String::new(),
        });
        users.collect::<BTreeSet<String>>()
    };
    let now = emulator.with_world(|world| {
        let section = section["id"].as_str().unwrap();
        world.value(RecordKind::Sections, section).unwrap()
    });
    assert_eq!(read().await, texts(&now["students"]));
    let user_id = now["students"][0].as_str().unwrap();
    let mut grade = SubmissionRequest::default();
    grade.grade_points = Some(4.5);
    let update = UpdateSubmissionForAssignment {
        section_id,
        assignment_id,
        user_id,
        body: &grade,
    };
    let graded = district.call(&update).await.unwrap().data;
    assert_eq!(graded.grade_points, Some(4.5));
    let read = GetSubmissionForAssignment {
        section_id,
        assignment_id,
        user_id,
    };
    assert_eq!(district.call(&read).await.unwrap().data, graded);
    let delete = DeleteAssignmentForSection {
        section_id,
        assignment_id,
    };
    district.call(&delete).await.unwrap();
    let gone = district.call(&get).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotShared);
}

async fn create(
    district: &District,
    section_id: &str,
    body: &AssignmentRequest,
) -> Result<Assignment, ClientError> {
    let create = CreateAssignmentForSection { section_id, body };
    Ok(district.call(&create).await?.data)
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_was_made_once_and_is_in_doubt() {
    let (emulator, _, district) = start().await;
    let section = synced(&emulator);
    let id = section["id"].as_str().unwrap();
    emulator
        .faults()
        .add(Fault::Reset.on("/assignments").times(1));
    let before = emulator.requests();
    let error = create(&district, id, &work()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unsure { .. }), "{error}");
    assert_eq!(emulator.requests() - before, 1, "it is not sent again");
    // It was made: the next one has the next number.
    let next = create(&district, id, &work()).await.unwrap();
    assert_eq!(next.id.as_deref(), Some("100002"));
    let mut late = work();
    late.due_date = Some("2026-09-01T00:00:00Z".into());
    let error = create(&district, id, &late).await.unwrap_err();
    assert!(
        error.to_string().contains("due_date must be in the future"),
        "{error}"
    );
}

#[tokio::test]
async fn attendance_is_read_whole_over_its_pages() {
    let (emulator, _, district) = start().await;
    let section = synced(&emulator);
    let (id, school) = (
        section["id"].as_str().unwrap(),
        section["school"].as_str().unwrap(),
    );
    let (first, last) = ("2026-09-07".into(), "2026-09-11".into());
    let of_section = district.bare_records(&ListAttendanceForSection {
        date_range_start: Some(&first),
        date_range_end: Some(&last),
        limit: Some(3),
        ..ListAttendanceForSection::new(id)
    });
    let marks: Vec<_> = of_section.try_collect().await.unwrap();
    // Five school days.
    assert_eq!(
        marks.len(),
        5 * section["students"].as_array().unwrap().len()
    );
    let read = |marks: &[Element<_>]| marks.iter().all(|mark| matches!(mark, Element::Record(_)));
    assert!(read(&marks));
    let of_school = |attendance_status| {
        district.bare_records(&ListAttendanceForSchool {
            attendance_status,
            date_range_start: Some(&first),
            date_range_end: Some(&last),
            ..ListAttendanceForSchool::new(school)
        })
    };
    let all: Vec<_> = of_school(None).try_collect().await.unwrap();
    let mut parts = 0;
    for status in ["present", "absent", "tardy"] {
        let some: Vec<_> = of_school(Some(status)).try_collect().await.unwrap();
        parts += some.len();
    }
    assert!(all.len() >= marks.len() && parts == all.len());
}

#[tokio::test]
async fn a_library_teacher_of_every_version_reads_her_classes() {
    let (emulator, options, _) = start().await;
    let section = synced(&emulator);
    let teacher = section["teacher"].as_str().unwrap();
    let legacy = emulator.with_world(|world| {
        let record = world.value(RecordKind::Users, teacher).unwrap();
        let legacy = record["roles"]["teacher"]["legacy_id"].as_str();
        legacy.unwrap().to_owned()
    });
    let redirect = "http://127.0.0.1:9/callback".parse().unwrap();
    let secret = emulator.client_secret().to_owned();
    let url = emulator.base_url().clone();
    let app = App::new(emulator.client_id(), secret, redirect).unwrap();
    let app = app.at(url.clone(), url).unwrap();
    let service = LoginService::new(options.clone()).unwrap();
    for (version, own) in [
        (LibraryVersion::V2_0, legacy.as_str()),
        (LibraryVersion::V2_1, legacy.as_str()),
        (LibraryVersion::V3_0, teacher),
        (LibraryVersion::V3_1, teacher),
    ] {
        let raw = RawToken::new(emulator.library_token(teacher)).unwrap();
        let token = service.confirm(&app, raw).await.unwrap();
        let token = match service.into_user(&app, token).await.unwrap() {
            LoginToken::Library(token) => Some(token),
            LoginToken::District(_) => None,
        };
        let library = LibraryTeacher::new(options.clone(), token.unwrap(), version).unwrap();
        let own: UserId = own.parse().unwrap();
        assert_eq!(library.record(&own).await.unwrap().len(), 1, "{version:?}");
        let ids = |pages: Vec<RawPage>| -> BTreeSet<String> {
            let records = pages.iter().flat_map(RawPage::records);
            records.map(|one| one.id.to_owned()).collect()
        };
        let sections: Vec<RawPage> = library.sections(&own).try_collect().await.unwrap();
        let id = section["id"].as_str().unwrap();
        assert!(ids(sections).contains(id), "{version:?}");
        let id: SectionId = id.parse().unwrap();
        let students: Vec<RawPage> = library.students(&id).try_collect().await.unwrap();
        assert_eq!(ids(students), texts(&section["students"]), "{version:?}");
    }
}
