//! What each kind of token opens, over HTTP: token × path → status and content type.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clever_emulator::{Emulator, EmulatorConfig, Happening, LmsType, WorldSource};
use clever_model::{RecordKind, Role};
use reqwest::Client;
use serde_json::{Value, json};

async fn start(change: impl FnOnce(&mut EmulatorConfig)) -> Emulator {
    let mut config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 5,
            students: 90,
        },
        events: true,
        ..EmulatorConfig::default()
    };
    change(&mut config);
    clever_emulator::start(config).await.unwrap()
}

fn json_of(emulator: &Emulator, kind: RecordKind, id: &str) -> Value {
    emulator.with_world(|world| world.value(kind, id).unwrap())
}

/// The first user with this role and no other.
fn user(emulator: &Emulator, role: Role) -> String {
    emulator.with_world(|world| {
        let users = world.list(RecordKind::Users).iter();
        let mut users = users.filter(|(_, user)| {
            user.has_role(role) && Role::ALL.iter().filter(|one| user.has_role(**one)).count() == 1
        });
        users.next().unwrap().0
    })
}

/// A section with students, and its teacher.
fn class(emulator: &Emulator) -> (String, String, Vec<String>) {
    emulator.with_world(|world| {
        let id = world.list(RecordKind::Sections).keys().next().unwrap();
        let section = world.value(RecordKind::Sections, &id).unwrap();
        let students = section["students"].as_array().unwrap().iter();
        (
            id.to_string(),
            section["teacher"].as_str().unwrap().to_owned(),
            students.map(|id| id.as_str().unwrap().to_owned()).collect(),
        )
    })
}

/// Status, content type without its parameters, and text.
async fn ask(emulator: &Emulator, token: &str, path: &str) -> (u16, String, String) {
    let url = emulator.base_url().join(path).unwrap();
    let answer = Client::new()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    let kind = kind.split(';').next().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap())
}

async fn get(emulator: &Emulator, token: &str, path: &str) -> Value {
    let (status, _, text) = ask(emulator, token, path).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What is expected of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    /// 200 with JSON.
    Yes,
    /// 404 with a page for people.
    Page,
    /// 404 with a JSON message.
    Message,
    /// 401 with a JSON message.
    Unauthorized,
    /// 400 with a JSON message.
    Bad,
}

async fn check(emulator: &Emulator, token: &str, who: &str, paths: &[(String, Opens)]) {
    for (path, opens) in paths {
        let (status, kind, text) = ask(emulator, token, path).await;
        let wanted = match opens {
            Opens::Yes => (200, "application/json"),
            Opens::Page => (404, "text/html"),
            Opens::Message => (404, "application/json"),
            Opens::Unauthorized => (401, "application/json"),
            Opens::Bad => (400, "application/json"),
        };
        assert_eq!((status, &*kind), wanted, "{who} {path}: {text}");
        let message = serde_json::from_str::<Value>(&text).unwrap_or_default()["message"].take();
        let worded = matches!(opens, Opens::Message | Opens::Unauthorized | Opens::Bad);
        assert_eq!(message.is_string(), worded, "{who} {path}: {text}");
    }
}

#[tokio::test]
async fn a_districts_token_with_secure_sync_opens_the_roster_and_no_user() {
    let emulator = start(|_| {}).await;
    let student = user(&emulator, Role::Student);
    let token = emulator.district_token().to_owned();
    let mut paths: Vec<(String, Opens)> = [
        "districts",
        "schools",
        "terms",
        "courses",
        "users",
        "sections",
        "events",
        "resources",
    ]
    .iter()
    .flat_map(|path| ["v3.0", "v3.1"].map(|version| (format!("/{version}/{path}"), Opens::Yes)))
    .collect();
    paths.extend([
        (format!("/v3.1/users/{student}"), Opens::Yes),
        (
            "/v3.1/users/ffffffffffffffffffffffff".to_owned(),
            Opens::Message,
        ),
        ("/v3.1/me".to_owned(), Opens::Page),
        ("/userinfo".to_owned(), Opens::Page),
        ("/v3.1/classes".to_owned(), Opens::Page),
        ("/v9/users".to_owned(), Opens::Page),
    ]);
    check(&emulator, &token, "district", &paths).await;
}

#[tokio::test]
async fn a_districts_token_without_secure_sync_opens_the_district_alone() {
    let emulator = start(|config| config.secure_sync = false).await;
    let token = emulator.district_token().to_owned();
    let district = emulator.districts()[0].id.clone();
    let mut paths = vec![
        ("/v3.1/districts".to_owned(), Opens::Yes),
        (format!("/v3.1/districts/{district}"), Opens::Yes),
        ("/v3.1/classes".to_owned(), Opens::Page),
        ("/v3.1/me".to_owned(), Opens::Page),
    ];
    for path in [
        "schools",
        "terms",
        "courses",
        "users",
        "sections",
        "events",
        "resources",
    ] {
        paths.push((format!("/v3.1/{path}"), Opens::Message));
    }
    check(&emulator, &token, "district without Secure Sync", &paths).await;
    let info = get(&emulator, &token, "/oauth/tokeninfo").await;
    let scopes = info["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("read:students_basic")));
    assert!(!scopes.contains(&json!("read:students")));
    // A user of such an app is a name and an address.
    let student = user(&emulator, Role::Student);
    let own = emulator.user_token(&student);
    let shown = get(&emulator, &own, &format!("/v3.1/users/{student}")).await;
    assert_eq!(shown["data"]["roles"], json!({ "student": {} }));
    assert!(shown["data"]["name"]["last"].is_string());
}

#[tokio::test]
async fn a_users_token_opens_the_user_and_the_district_and_pages_for_people() {
    let emulator = start(|_| {}).await;
    let (section, _, _) = class(&emulator);
    let district = emulator.districts()[0].id.clone();
    for role in Role::ALL {
        let own = user(&emulator, role);
        let other = user(
            &emulator,
            if role == Role::Student {
                Role::Teacher
            } else {
                Role::Student
            },
        );
        let mut paths = vec![
            ("/v3.1/me".to_owned(), Opens::Yes),
            ("/userinfo".to_owned(), Opens::Yes),
            (format!("/v3.1/users/{own}"), Opens::Yes),
            (format!("/v3.0/users/{own}"), Opens::Yes),
            (format!("/v3.0/districts/{district}"), Opens::Yes),
            (format!("/v3.1/users/{other}"), Opens::Page),
            (format!("/v3.1/users/{own}/sections"), Opens::Page),
            (format!("/v3.1/sections/{section}"), Opens::Page),
            (
                "/v3.0/districts/58da8a43cc70ab00017a1a87".to_owned(),
                Opens::Page,
            ),
            ("/v9.9/me".to_owned(), Opens::Page),
        ];
        for path in [
            "districts",
            "schools",
            "terms",
            "courses",
            "users",
            "sections",
            "events",
            "resources",
        ] {
            paths.push((format!("/v3.0/{path}"), Opens::Page));
        }
        let token = emulator.user_token(&own);
        check(&emulator, &token, &format!("{role}"), &paths).await;
        // A sign-in hides every birthday and street.
        let shown = get(&emulator, &token, &format!("/v3.1/users/{own}")).await;
        let whole = json_of(&emulator, RecordKind::Users, &own);
        assert_eq!(shown["data"]["name"], whole["name"]);
        for hidden in ["dob", "location", "credentials", "sis_id", "phone"] {
            assert!(
                !shown.to_string().contains(&format!("\"{hidden}\"")),
                "{hidden}"
            );
        }
    }
}

#[tokio::test]
async fn a_library_teachers_token_opens_her_classes_whole_and_nothing_beside() {
    let emulator = start(|_| {}).await;
    let (section, teacher, students) = class(&emulator);
    let district = emulator.districts()[0].id.clone();
    let legacy = json_of(&emulator, RecordKind::Users, &teacher)["roles"]["teacher"]["legacy_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = emulator.with_world(|world| {
        let mut sections = world.list(RecordKind::Sections).keys();
        let foreign = sections.find(|id| {
            let section = world.value(RecordKind::Sections, id).unwrap();
            !section["teachers"]
                .as_array()
                .unwrap()
                .contains(&json!(teacher))
        });
        foreign.unwrap().to_string()
    });
    let student = &students[0];
    let mut paths = vec![
        ("/userinfo".to_owned(), Opens::Yes),
        (format!("/v3.1/districts/{district}"), Opens::Page),
    ];
    for version in ["v1.1", "v1.2", "v2.0", "v2.1", "v3.0", "v3.1"] {
        paths.push((format!("/{version}/me"), Opens::Yes));
    }
    for version in ["v3.0", "v3.1"] {
        paths.extend([
            (format!("/{version}/users/{teacher}"), Opens::Yes),
            (format!("/{version}/users/{teacher}/sections"), Opens::Yes),
            (format!("/{version}/users/{student}"), Opens::Yes),
            (format!("/{version}/sections/{section}"), Opens::Yes),
            (
                format!("/{version}/sections/{section}/users?role=student"),
                Opens::Yes,
            ),
            (
                format!("/{version}/sections/{section}/users?limit=1"),
                Opens::Bad,
            ),
            (format!("/{version}/sections/{other}/users"), Opens::Page),
            (format!("/{version}/users/{legacy}"), Opens::Page),
        ]);
        for path in [
            "users",
            "sections",
            "courses",
            "terms",
            "events",
            "schools",
            "resources",
        ] {
            paths.push((format!("/{version}/{path}"), Opens::Page));
        }
    }
    for version in ["v2.0", "v2.1"] {
        paths.extend([
            (format!("/{version}/teachers/{legacy}"), Opens::Yes),
            (format!("/{version}/teachers/{legacy}/sections"), Opens::Yes),
            (format!("/{version}/students/{student}"), Opens::Yes),
            (
                format!("/{version}/sections/{section}/students"),
                Opens::Yes,
            ),
            (format!("/{version}/sections/{other}/students"), Opens::Page),
            (format!("/{version}/students"), Opens::Page),
        ]);
    }
    let token = emulator.library_token(&teacher);
    check(&emulator, &token, "library teacher", &paths).await;
    // Students come whole, with an initial and without what a district alone shares.
    for path in [
        format!("/v3.1/sections/{section}/users?role=student"),
        format!("/v2.1/sections/{section}/students"),
    ] {
        let page = get(&emulator, &token, &path).await;
        let page = page["data"].as_array().unwrap();
        assert_eq!(page.len(), students.len());
        for one in page {
            let name = one["data"]["name"]["last"].as_str().unwrap();
            assert_eq!(name.chars().count(), 1);
            for hidden in ["email", "sis_id", "school", "district"] {
                assert!(one["data"].get(hidden).is_none(), "{hidden}");
            }
        }
    }
    let older = get(&emulator, &token, &format!("/v2.1/sections/{section}")).await;
    assert_eq!(older["data"]["teacher"], json!(legacy));
    // A student who comes through the Library has the own record.
    let own = emulator.library_token(student);
    let paths = [
        ("/v3.1/me".to_owned(), Opens::Yes),
        (format!("/v3.1/users/{student}"), Opens::Yes),
        (format!("/v3.1/users/{student}/sections"), Opens::Page),
        (format!("/v3.1/sections/{section}"), Opens::Page),
    ];
    check(&emulator, &own, "library student", &paths).await;
}

#[tokio::test]
async fn an_id_token_a_rotated_token_and_a_made_up_one_open_nothing() {
    let emulator = start(|_| {}).await;
    let rotated = emulator.district_token().to_owned();
    assert_eq!(emulator.happen(Happening::TokenRotate), 0);
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl";
    for token in [rotated.as_str(), jwt, "made-up"] {
        let paths = [
            "/v3.1/users",
            "/v3.1/me",
            "/userinfo",
            "/v3.1/districts",
            "/oauth/tokeninfo",
        ]
        .map(|path| (path.to_owned(), Opens::Unauthorized));
        check(&emulator, token, "no good", &paths).await;
    }
    let fresh = emulator.districts()[0].token.clone().unwrap();
    assert_eq!(ask(&emulator, &fresh, "/v3.1/users").await.0, 200);
}

#[tokio::test]
async fn each_districts_token_opens_its_own_district_only() {
    let more = |seed| WorldSource::Generated { seed, students: 20 };
    let emulator = start(|config| config.more_districts = vec![more(6), more(7)]).await;
    let districts = emulator.districts();
    assert_eq!(districts.len(), 3);
    for district in &districts {
        let token = district.token.clone().unwrap();
        let page = get(&emulator, &token, "/v3.1/districts").await;
        assert_eq!(page["data"][0]["data"]["id"], json!(district.id));
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        let page = get(&emulator, &token, "/v3.1/users?limit=1").await;
        assert_eq!(page["data"][0]["data"]["district"], json!(district.id));
    }
    // A user of the second district, and her token's district.
    let theirs = emulator
        .with_world_of(&districts[1].id, |world| {
            world.list(RecordKind::Users).keys().next().unwrap()
        })
        .unwrap();
    let me = get(&emulator, &emulator.user_token(&theirs), "/v3.1/me").await;
    assert_eq!(me["data"]["district"], json!(districts[1].id));
}

async fn listed(emulator: &Emulator, query: &str) -> (u16, Value) {
    let url = emulator.base_url().join(&format!("/oauth/tokens{query}"));
    let (id, secret) = (emulator.client_id(), emulator.client_secret());
    let answer = Client::new().get(url.unwrap()).basic_auth(id, Some(secret));
    let answer = answer.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_list_of_tokens_has_one_for_each_connected_district() {
    let more = WorldSource::Generated {
        seed: 6,
        students: 20,
    };
    let emulator = start(|config| config.more_districts = vec![more]).await;
    let districts = emulator.districts();
    let (status, page) = listed(&emulator, "?owner_type=district").await;
    assert_eq!(status, 200);
    let all = page["data"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    for (one, district) in all.iter().zip(&districts) {
        assert_eq!(
            one["owner"],
            json!({ "type": "district", "id": district.id })
        );
        assert_eq!(one["access_token"].as_str(), district.token.as_deref());
        assert!(one["id"].as_str().unwrap().len() == 24 && one["id"] != json!(district.id));
        assert!(
            one["scopes"]
                .as_array()
                .unwrap()
                .contains(&json!("read:students"))
        );
        assert!(one["created"].as_str().unwrap().ends_with("Z"));
    }
    assert_eq!(page["links"][0]["uri"], "/oauth/tokens?owner_type=district");
    let one = format!("?district={}", districts[1].id);
    for query in [one.clone(), format!("{one}&owner_type=district")] {
        let (_, page) = listed(&emulator, &query).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(page["data"][0]["owner"]["id"], json!(districts[1].id));
    }
    assert_eq!(
        listed(&emulator, "?district=other").await.1["data"],
        json!([])
    );
    assert_eq!(listed(&emulator, "?owner_type=user").await.0, 400);
    let url = emulator.base_url().join("/oauth/tokens").unwrap();
    let stranger = Client::new().get(url).basic_auth("x", Some("y"));
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn every_token_says_whose_it_is_and_what_it_may() {
    let emulator = start(|_| {}).await;
    let (_, teacher, _) = class(&emulator);
    let tokens = [
        (emulator.district_token().to_owned(), "read:sections"),
        (emulator.user_token(&teacher), "read:teachers_basic"),
        (emulator.library_token(&teacher), "read:sections_limited"),
        ("TEST_TOKEN".to_owned(), "read:sections"),
        ("ilc_DEMO_TEACHER_TOKEN".to_owned(), "read:teachers_basic"),
    ];
    for (token, scope) in tokens {
        let info = get(&emulator, &token, "/oauth/tokeninfo").await;
        assert_eq!(info["client_id"], emulator.client_id());
        assert!(
            info["scopes"].as_array().unwrap().contains(&json!(scope)),
            "{info}"
        );
        assert_eq!(info.as_object().unwrap().len(), 2, "no end is given");
    }
}

#[tokio::test]
async fn the_published_tokens_of_users_get_the_short_answer_with_the_older_id() {
    let emulator = start(|_| {}).await;
    for (token, kind) in [
        ("ilc_DEMO_STUDENT_TOKEN", "student"),
        ("ilc_DEMO_TEACHER_TOKEN", "teacher"),
        ("ilc_DEMO_SCHOOL_ADMIN_TOKEN", "school_admin"),
        ("ilc_DEMO_DISTRICT_ADMIN_TOKEN", "district_admin"),
    ] {
        let me = get(&emulator, token, "/v3.0/me").await;
        assert_eq!(me.as_object().unwrap().len(), 1);
        assert_eq!(me["data"].as_object().unwrap().len(), 3);
        if kind != "school_admin" {
            assert_eq!(me["data"]["type"], kind);
        }
        let (status, content_type, _) = ask(&emulator, token, "/v3.0/resources").await;
        assert_eq!((status, &*content_type), (404, "text/html"));
    }
}

#[tokio::test]
async fn me_is_what_each_version_made_of_it() {
    let emulator = start(|_| {}).await;
    let district = emulator.districts()[0].id.clone();
    for (role, kind, collection) in [
        (Role::Student, "student", "students"),
        (Role::Teacher, "teacher", "teachers"),
        (Role::Staff, "school_admin", "school_admins"),
        (Role::DistrictAdmin, "district_admin", "district_admins"),
    ] {
        let own = user(&emulator, role);
        let record = json_of(&emulator, RecordKind::Users, &own);
        let legacy = record["roles"][role.to_string()]["legacy_id"].as_str();
        let legacy = legacy.unwrap_or(&own);
        assert_eq!(
            legacy == own,
            role == Role::Student,
            "students keep their ids"
        );
        let token = emulator.user_token(&own);
        for version in ["v1.1", "v1.2"] {
            let me = get(&emulator, &token, &format!("/{version}/me")).await;
            assert_eq!(
                (&me["type"], &me["data"]["id"]),
                (&json!(kind), &json!(legacy))
            );
            assert_eq!(
                me["data"]["name"]["last"], record["name"]["last"],
                "a wide profile"
            );
            assert_eq!(me["links"][0], json!({ "rel": "self", "uri": "/me" }));
            let uri = format!("/{version}/{collection}/{legacy}");
            assert_eq!(me["links"][1], json!({ "rel": "canonical", "uri": uri }));
        }
        for version in ["v2.0", "v2.1"] {
            let me = get(&emulator, &token, &format!("/{version}/me")).await;
            let mut wanted = json!({ "id": legacy, "district": district, "type": kind });
            if version == "v2.1" {
                wanted["authorized_by"] = json!("district");
            }
            assert_eq!(me["data"], wanted);
            let uri = format!("/{version}/{collection}/{legacy}");
            assert_eq!(me["links"][1]["uri"], json!(uri));
            // The older id leads to the record, and the newer one nowhere.
            let record = get(&emulator, &token, &uri).await;
            assert_eq!(record["data"]["id"], json!(legacy));
            let path = format!("/{version}/users/{own}");
            assert_eq!(ask(&emulator, &token, &path).await.0, 404);
            let path = format!("/{version}/districts/{district}");
            assert_eq!(
                get(&emulator, &token, &path).await["data"]["id"],
                json!(district)
            );
        }
        for version in ["v3.0", "v3.1"] {
            let me = get(&emulator, &token, &format!("/{version}/me")).await;
            let links = json!([
                { "rel": "self", "uri": "/me" },
                { "rel": "canonical", "uri": format!("/{version}/users/{own}") },
                { "rel": "district", "uri": format!("/{version}/districts/{district}") },
            ]);
            let data = json!({
                "id": own, "district": district, "type": "user", "authorized_by": "district",
            });
            assert_eq!(me, json!({ "type": "user", "data": data, "links": links }));
        }
    }
}

#[tokio::test]
async fn me_of_a_library_teacher_names_no_district_in_any_version() {
    let emulator = start(|_| {}).await;
    let (_, teacher, _) = class(&emulator);
    let token = emulator.library_token(&teacher);
    let record = json_of(&emulator, RecordKind::Users, &teacher);
    let legacy = record["roles"]["teacher"]["legacy_id"].clone();
    for version in ["v1.1", "v1.2", "v2.0", "v2.1", "v3.0", "v3.1"] {
        let me = get(&emulator, &token, &format!("/{version}/me")).await;
        assert!(!me.to_string().contains("district"), "{version}: {me}");
        let by = me["data"].get("authorized_by");
        let told = matches!(version, "v2.1" | "v3.0" | "v3.1");
        assert_eq!(by, told.then_some(&json!("teacher")), "{version}");
        let newer = version.starts_with("v3");
        assert_eq!(
            me["data"]["id"],
            if newer {
                json!(teacher)
            } else {
                legacy.clone()
            }
        );
    }
    let info = get(&emulator, &token, "/userinfo").await;
    assert!(!info.to_string().contains("\"district"));
    assert_eq!(info["authorized_by"], "teacher");
}

#[tokio::test]
async fn userinfo_is_asked_by_get_or_post_and_names_both_ids() {
    let emulator = start(|_| {}).await;
    let teacher = user(&emulator, Role::Teacher);
    let token = emulator.user_token(&teacher);
    let info = get(&emulator, &token, "/userinfo").await;
    let url = emulator.base_url().join("/userinfo").unwrap();
    let posted = Client::new().post(url).bearer_auth(&token).send().await;
    assert_eq!(posted.unwrap().json::<Value>().await.unwrap(), info);
    let record = json_of(&emulator, RecordKind::Users, &teacher);
    let district = emulator.districts()[0].id.clone();
    let mut wanted = json!({
        "sub": teacher, "user_id": record["roles"]["teacher"]["legacy_id"],
        "multi_role_user_id": teacher, "user_type": "teacher",
        "district_id": district, "district": district, "schools": [],
        "name": {
            "first": record["name"]["first"], "last": record["name"]["last"],
            "middle": record["name"]["middle"].as_str().unwrap_or_default(),
        },
        "given_name": record["name"]["first"], "family_name": record["name"]["last"],
        "email_verified": false, "authorized_by": "district",
    });
    if record["email"].is_string() {
        wanted["email"] = record["email"].clone();
    }
    assert_eq!(info, wanted);
}

#[tokio::test]
async fn lms_connect_and_attendance_are_the_districts_in_v3_1_alone() {
    let emulator = start(|config| {
        config.lms = Some(LmsType::Canvas);
        config.attendance = true;
    })
    .await;
    let (section, teacher, _) = class(&emulator);
    let token = emulator.district_token().to_owned();
    let attendance = format!("/v3.1/attendance/sections/{section}");
    let submissions = format!("/v3.1/sections/{section}/assignments/1/submissions");
    let paths = [
        (attendance.clone(), Opens::Yes),
        (submissions.clone(), Opens::Message),
        (format!("/v3.0/attendance/sections/{section}"), Opens::Page),
        (
            format!("/v3.0/sections/{section}/assignments/1"),
            Opens::Page,
        ),
        (format!("/v3.1/sections/{section}/assignments"), Opens::Page),
    ];
    check(&emulator, &token, "district", &paths).await;
    for token in [
        emulator.user_token(&teacher),
        emulator.library_token(&teacher),
    ] {
        let paths = [
            (attendance.clone(), Opens::Page),
            (submissions.clone(), Opens::Page),
        ];
        check(&emulator, &token, "user", &paths).await;
        let url = emulator
            .base_url()
            .join(&format!("/v3.1/sections/{section}/assignments"));
        let made = Client::new()
            .post(url.unwrap())
            .bearer_auth(token)
            .body("{}");
        assert_eq!(made.send().await.unwrap().status(), 404);
    }
    // Without access, there is none of it.
    let without = start(|_| {}).await;
    let token = without.district_token().to_owned();
    let paths = [(attendance, Opens::Message), (submissions, Opens::Message)];
    check(&without, &token, "district without access", &paths).await;
    let district = get(&emulator, emulator.district_token(), "/v3.1/districts").await;
    let district = &district["data"][0]["data"];
    assert_eq!(
        (&district["lms_type"], &district["lms_state"]),
        (&json!("canvas"), &json!("success"))
    );
    assert!(district["last_attendance_sync"].is_string());
}
