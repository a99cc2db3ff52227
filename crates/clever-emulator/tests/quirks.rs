//! What Clever's wire does that its files do not say, each by its name. Sources: recorded answers and published
//! documentation.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{RecordKind, Role};
use reqwest::Response;
use serde_json::{Value, json};

const USERS: [&str; 2] = ["v3.0", "v3.1"];
const OLDER: [&str; 4] = ["v1.1", "v1.2", "v2.0", "v2.1"];

async fn emulator() -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 4,
            students: 130,
        },
        events: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    emulator.advance_days(3);
    emulator
}

async fn ask(emulator: &Emulator, token: &str, target: &str) -> Response {
    let at = emulator.base_url().join(target).unwrap();
    let request = reqwest::Client::new().get(at).bearer_auth(token);
    request.send().await.unwrap()
}

async fn get(emulator: &Emulator, target: &str) -> Response {
    ask(emulator, emulator.district_token(), target).await
}

async fn json_of(emulator: &Emulator, target: &str) -> Value {
    let answer = get(emulator, target).await;
    assert_eq!(answer.status(), 200, "{target}");
    answer.json().await.unwrap()
}

/// The address that a page or record gives for a relation.
fn link(page: &Value, rel: &str) -> Option<String> {
    let mut links = page["links"].as_array()?.iter();
    links.find(|link| link["rel"] == rel)?["uri"]
        .as_str()
        .map(ToOwned::to_owned)
}

fn first(emulator: &Emulator, kind: RecordKind) -> String {
    emulator.with_world(|world| world.list(kind).keys().next().unwrap())
}

fn someone(emulator: &Emulator, role: Role) -> String {
    emulator.with_world(|world| world.with_role(role).keys().next().unwrap())
}

#[tokio::test]
async fn terms_dates_are_days_from_terms_and_instants_from_a_schools_terms() {
    let emulator = emulator().await;
    let school = first(&emulator, RecordKind::Schools);
    for version in USERS {
        let of_school = json_of(&emulator, &format!("/{version}/schools/{school}/terms")).await;
        for element in of_school["data"].as_array().unwrap() {
            let term = &element["data"];
            let id = term["id"].as_str().unwrap();
            let plain = json_of(&emulator, &format!("/{version}/terms/{id}")).await;
            for key in ["start_date", "end_date"] {
                let day = plain["data"][key].as_str().unwrap();
                assert_eq!(day.len(), 10);
                assert_eq!(term[key], format!("{day}T00:00:00.000Z"));
            }
            let listed = json_of(&emulator, &format!("/{version}/terms?limit=1")).await;
            assert_eq!(
                listed["data"][0]["data"]["start_date"]
                    .as_str()
                    .unwrap()
                    .len(),
                10
            );
        }
        assert!(!of_school["data"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_feeds_self_link_dangles_a_question_mark_and_no_other_does() {
    let emulator = emulator().await;
    for version in USERS.into_iter().chain(OLDER) {
        let feed = json_of(&emulator, &format!("/{version}/events")).await;
        assert_eq!(link(&feed, "self").unwrap(), format!("/{version}/events?"));
        let list = json_of(&emulator, &format!("/{version}/schools")).await;
        assert_eq!(link(&list, "self").unwrap(), format!("/{version}/schools"));
    }
}

#[tokio::test]
async fn a_sub_path_to_one_record_answers_with_that_records_own_link() {
    let emulator = emulator().await;
    let section = first(&emulator, RecordKind::Sections);
    for version in USERS.into_iter().chain(OLDER) {
        let found = json_of(&emulator, &format!("/{version}/sections/{section}/school")).await;
        let id = found["data"]["id"].as_str().unwrap();
        assert_eq!(
            link(&found, "self").unwrap(),
            format!("/{version}/schools/{id}")
        );
        let found = json_of(
            &emulator,
            &format!("/{version}/sections/{section}/district"),
        )
        .await;
        let id = found["data"]["id"].as_str().unwrap();
        assert_eq!(
            link(&found, "self").unwrap(),
            format!("/{version}/districts/{id}")
        );
    }
}

#[tokio::test]
async fn my_contacts_my_teachers_and_my_students_are_linked_where_they_apply_and_answer_in_either_spelling()
 {
    let emulator = emulator().await;
    for (role, has, has_not) in [
        (
            Role::Student,
            &["myContacts", "myTeachers"][..],
            &["myStudents"][..],
        ),
        (
            Role::Teacher,
            &["myStudents"],
            &["myContacts", "myTeachers"],
        ),
        (
            Role::Contact,
            &["myStudents"],
            &["myContacts", "myTeachers"],
        ),
        (
            Role::DistrictAdmin,
            &[],
            &["myStudents", "myContacts", "myTeachers", "sections"],
        ),
    ] {
        let id = someone(&emulator, role);
        let user = json_of(&emulator, &format!("/v3.1/users/{id}")).await;
        for rel in has {
            let uri = link(&user, rel).unwrap();
            assert_eq!(uri, format!("/v3.1/users/{id}/{rel}"));
            let as_linked = json_of(&emulator, &uri).await;
            let lower = json_of(&emulator, &uri.replace(rel, &rel.to_lowercase())).await;
            assert_eq!(as_linked["data"], lower["data"]);
        }
        for rel in has_not {
            assert!(link(&user, rel).is_none(), "{role} {rel}");
        }
    }
}

#[tokio::test]
async fn every_link_of_a_record_leads_somewhere() {
    let emulator = emulator().await;
    for kind in RecordKind::ROSTER {
        let id = first(&emulator, kind);
        let record = json_of(&emulator, &format!("/v3.1/{kind}/{id}")).await;
        for link in record["links"].as_array().unwrap() {
            let found = json_of(&emulator, link["uri"].as_str().unwrap()).await;
            assert!(found["data"].is_object() || found["data"].is_array());
        }
    }
}

#[tokio::test]
async fn a_students_address_is_repeated_in_the_role_by_the_data_api_and_not_by_events() {
    let emulator = emulator().await;
    let users = json_of(&emulator, "/v3.1/users?role=student&limit=10000").await;
    let mut addresses = 0;
    for element in users["data"].as_array().unwrap() {
        let user = &element["data"];
        assert_eq!(user["roles"]["student"].get("email"), user.get("email"));
        addresses += usize::from(user["email"].is_string());
    }
    assert!(addresses > 0);
    let id = someone(&emulator, Role::Student);
    emulator.with_world(|world| {
        world.edit(RecordKind::Users, &id, |user| {
            user["email"] = json!("new@students.example.org");
            user["roles"]["student"]["email"] = json!("new@students.example.org");
        });
    });
    for version in USERS {
        let newest = json_of(
            &emulator,
            &format!("/{version}/events?ending_before=last&limit=1"),
        )
        .await;
        let data = &newest["data"][0]["data"]["data"];
        assert_eq!(data["object"]["email"], "new@students.example.org");
        assert!(data["object"]["roles"]["student"].get("email").is_none());
        assert!(data["previous_attributes"].get("roles").is_none());
    }
}

#[tokio::test]
async fn a_count_is_given_when_it_is_true_and_nonsense_is_ignored() {
    let emulator = emulator().await;
    let counted = json_of(&emulator, "/v3.1/users?count=true&role=student&limit=1").await;
    let students = emulator.with_world(|world| world.with_role(Role::Student).len());
    assert_eq!(counted["count"], students);
    let all = json_of(&emulator, "/v3.1/districts?count=true").await;
    assert_eq!(all["count"], 1);
    for nonsense in ["5", "false", "", "undefined", "TRUE"] {
        let page = json_of(&emulator, &format!("/v3.1/users?count={nonsense}&limit=1")).await;
        assert!(page.get("count").is_none(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_limit_above_ten_thousand_is_413() {
    let emulator = emulator().await;
    for version in USERS.into_iter().chain(OLDER) {
        for noun in ["schools", "sections", "events"] {
            let refused = get(&emulator, &format!("/{version}/{noun}?limit=10001")).await;
            assert_eq!(refused.status(), 413, "{version}/{noun}");
            let largest = get(&emulator, &format!("/{version}/{noun}?limit=10000")).await;
            assert_eq!(largest.status(), 200, "{version}/{noun}");
        }
    }
}

#[tokio::test]
async fn the_list_of_districts_knows_no_limit_and_no_pages() {
    let emulator = emulator().await;
    for version in USERS.into_iter().chain(OLDER) {
        for query in [
            "limit=10001",
            "limit=none",
            "starting_after=ffffffffffffffffffffffff",
            "ending_before=0",
        ] {
            let page = json_of(&emulator, &format!("/{version}/districts?{query}")).await;
            assert_eq!(
                page["data"].as_array().unwrap().len(),
                1,
                "{version} {query}"
            );
            assert!(link(&page, "next").is_none() && link(&page, "prev").is_none());
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_page_for_people_and_an_unknown_id_is_json() {
    let emulator = emulator().await;
    let unknown = "ffffffffffffffffffffffff";
    for version in USERS.into_iter().chain(OLDER) {
        let path = format!("/{version}/classes");
        let page = get(&emulator, &path).await;
        assert_eq!(page.status(), 404);
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(
            page.text()
                .await
                .unwrap()
                .contains(&format!("Cannot GET {path}"))
        );
        let record = get(&emulator, &format!("/{version}/schools/{unknown}")).await;
        assert_eq!(record.status(), 404);
        assert!(
            record.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("application/json")
        );
        let body: Value = record.json().await.unwrap();
        let key = if version < "v2" { "error" } else { "message" };
        assert!(body[key].is_string(), "{version} {body}");
    }
    // What one version has is no path of another.
    for path in [
        "/v3.1/students",
        "/v2.1/users",
        "/v1.2/courses",
        "/v2.0/resources",
        "/v4.0/users",
    ] {
        let page = get(&emulator, path).await;
        let html = page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html");
        assert!(page.status() == 404 && html, "{path}");
    }
}

#[tokio::test]
async fn a_user_token_pages_nothing() {
    let emulator = emulator().await;
    let teacher = someone(&emulator, Role::Teacher);
    let library = emulator.library_token(&teacher);
    let sections = format!("/v3.1/users/{teacher}/sections");
    assert_eq!(ask(&emulator, &library, &sections).await.status(), 200);
    let paged = ask(&emulator, &library, &format!("{sections}?limit=5")).await;
    assert_eq!(paged.status(), 400);
    let own = ask(
        &emulator,
        &emulator.user_token(&teacher),
        "/v3.1/users?limit=5",
    )
    .await;
    assert_eq!(own.status(), 404);
    assert!(
        own.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let emulator = emulator().await;
    let mut seen = std::collections::BTreeSet::new();
    for target in [
        "/v3.1/users",
        "/v2.1/teachers/x",
        "/v1.2/classes",
        "/v3.0/users?limit=10001",
    ] {
        let answer = get(&emulator, target).await;
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(seen.insert(id), "{target}");
    }
}

#[tokio::test]
async fn ids_ascend_links_are_relative_and_elements_are_nested_twice() {
    let emulator = emulator().await;
    for target in [
        "/v3.1/users?limit=20",
        "/v2.1/teachers?limit=3",
        "/v1.2/students?limit=20",
        "/v3.0/events?limit=5",
    ] {
        let page = json_of(&emulator, target).await;
        let elements = page["data"].as_array().unwrap();
        let ids: Vec<&str> = elements
            .iter()
            .map(|one| one["data"]["id"].as_str().unwrap())
            .collect();
        assert!(ids.is_sorted() && !ids.is_empty());
        let path = target.split('?').next().unwrap();
        for (element, id) in elements.iter().zip(&ids) {
            assert_eq!(element["uri"], format!("{path}/{id}"));
        }
        let next = link(&page, "next").unwrap();
        assert!(
            next.starts_with(path)
                && next.contains(&format!("starting_after={}", ids.last().unwrap()))
        );
    }
}

#[tokio::test]
async fn a_token_of_nobody_is_refused_in_the_versions_words() {
    let emulator = emulator().await;
    for version in USERS.into_iter().chain(OLDER) {
        let refused = ask(&emulator, "nobody", &format!("/{version}/schools")).await;
        assert_eq!(refused.status(), 401);
        let body: Value = refused.json().await.unwrap();
        let key = if version < "v2" { "error" } else { "message" };
        assert!(body[key].is_string(), "{version} {body}");
    }
}
