//! What users' tokens open, against the emulator: a Library teacher her own classes, a district's user herself,
//! and neither of them anything else.

use std::collections::BTreeSet;

use clever_auth::{App, LoginToken, RawToken};
use clever_client::{
    ClientOptions, ErrorKind, LibraryTeacher, LibraryVersion, LoginService, RawPage, User,
};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{DistrictId, RecordKind, Role, SectionId, UserId};
use futures_util::{Stream, TryStreamExt};
use serde_json::Value;

async fn start() -> (Emulator, App, ClientOptions) {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 9,
            students: 120,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let url = emulator.base_url().clone();
    let redirect = "http://127.0.0.1:9/callback".parse().unwrap();
    let secret = emulator.client_secret().to_owned();
    let app = App::new(emulator.client_id(), secret, redirect).unwrap();
    let app = app.at(url.clone(), url.clone()).unwrap();
    let options = ClientOptions {
        api_url: url,
        ..ClientOptions::default()
    };
    (emulator, app, options)
}

/// Takes a token from somewhere as ours, and as a user's.
async fn login(app: &App, options: &ClientOptions, token: String) -> LoginToken {
    let service = LoginService::new(options.clone()).unwrap();
    let raw = RawToken::new(token).unwrap();
    let own = service.confirm(app, raw).await.unwrap();
    service.into_user(app, own).await.unwrap()
}

async fn ids<E: std::fmt::Debug>(
    pages: impl Stream<Item = Result<RawPage, E>>,
) -> BTreeSet<String> {
    let pages: Vec<RawPage> = pages.try_collect().await.unwrap();
    pages
        .iter()
        .flat_map(|page| {
            page.records()
                .map(|one| one.id.to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A teacher with sections, and the sections' students.
fn teacher(emulator: &Emulator) -> (UserId, Vec<(SectionId, BTreeSet<String>)>) {
    emulator.with_world(|world| {
        let all: Vec<Value> = world
            .list(RecordKind::Sections)
            .values()
            .map(|section| section.value())
            .collect();
        let id = all[0]["teacher"].as_str().unwrap();
        let has = |section: &&Value| {
            section["teachers"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one == id)
        };
        let sections = all.iter().filter(has).map(|section| {
            let students = section["students"].as_array().unwrap();
            let students = students.iter().map(|one| one.as_str().unwrap().to_owned());
            let id = section["id"].as_str().unwrap().parse().unwrap();
            (id, students.collect())
        });
        (id.parse().unwrap(), sections.collect())
    })
}

#[tokio::test]
async fn a_library_teacher_reads_her_classes_whole_and_no_others() {
    let (emulator, app, options) = start().await;
    let (id, sections) = teacher(&emulator);
    let token = login(&app, &options, emulator.library_token(id.as_str())).await;
    let token = match token {
        LoginToken::Library(token) => Some(token),
        LoginToken::District(_) => None,
    };
    let teacher = LibraryTeacher::new(options, token.unwrap(), LibraryVersion::V3_1).unwrap();
    assert_eq!(teacher.record(&id).await.unwrap().len(), 1);
    let own: BTreeSet<String> = sections.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids(teacher.sections(&id)).await, own);
    for (section, students) in &sections {
        assert_eq!(ids(teacher.students(section)).await, *students);
    }
    let other = emulator.with_world(|world| {
        let mut all = world.list(RecordKind::Sections).keys();
        all.rfind(|id| !own.contains(id)).unwrap()
    });
    let other: SectionId = other.parse().unwrap();
    let refused: Result<Vec<RawPage>, _> = teacher.students(&other).try_collect().await;
    let kind = refused.unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::WrongTokenKind | ErrorKind::NotShared),
        "{kind:?}"
    );
}

#[tokio::test]
async fn a_districts_user_reads_herself_and_her_district() {
    let (emulator, app, options) = start().await;
    let (own, other, district) = emulator.with_world(|world| {
        let users = world.list(RecordKind::Users).iter();
        let mut students = users.filter(|(_, user)| user.has_role(Role::Student));
        let mut next = || students.next().unwrap().0.to_string();
        (next(), next(), world.district_id().to_owned())
    });
    let token = match login(&app, &options, emulator.user_token(&own)).await {
        LoginToken::District(token) => Some(token),
        LoginToken::Library(_) => None,
    };
    let user = User::new(options, token.unwrap()).unwrap();
    let own: UserId = own.parse().unwrap();
    assert_eq!(user.record(&own).await.unwrap().len(), 1);
    let district: DistrictId = district.parse().unwrap();
    assert_eq!(user.district(&district).await.unwrap().len(), 1);
    let error = user.record(&other.parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongTokenKind);
}
