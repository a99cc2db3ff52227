//! The emulator's control API and page, as another language's tests and a person use them: over HTTP.

use clever_emulator::{Emulator, EmulatorConfig, Fault, WorldSource};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::load;
use crate::driver::chromium;

async fn emulator() -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 4,
            students: 60,
        },
        events: true,
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

fn client() -> Client {
    let policy = reqwest::redirect::Policy::none();
    Client::builder().redirect(policy).build().unwrap()
}

struct Control<'a>(&'a Emulator, Client);

impl Control<'_> {
    async fn get(&self, path: &str) -> Value {
        let url = self.0.base_url().join(path).unwrap();
        let answer = self.1.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = self.0.base_url().join(path).unwrap();
        let answer = self.1.post(url).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// The status of an API path, with the token that the state told.
    async fn api(&self, path: &str) -> u16 {
        let state = self.get("/_emulator/state").await;
        let url = self.0.base_url().join(path).unwrap();
        let token = state["district_token"].as_str().unwrap();
        self.1
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }
}

#[tokio::test]
async fn a_day_passes_and_trouble_comes_over_http() {
    let emulator = emulator().await;
    let control = Control(&emulator, client());
    let before = control.get("/_emulator/state").await;
    assert!(before["records"]["users"].as_u64().unwrap() > 60);
    let (status, day) = control.post("/_emulator/days", json!({ "days": 3 })).await;
    assert_eq!((status, &day["days"]), (StatusCode::OK, &json!(3)));
    let after = control.get("/_emulator/state").await;
    assert!(after["now"].as_str() > before["now"].as_str());
    assert!(after["events"].as_u64().unwrap() > 0);
    // The third page of users, and nothing else.
    let rule = json!({ "fault": "rate-limited", "path": "/users", "nth": 3 });
    assert_eq!(
        control.post("/_emulator/faults", rule).await.0,
        StatusCode::OK
    );
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(control.api("/v3.1/users?limit=10").await);
    }
    assert_eq!(seen, [200, 200, 429, 200]);
    let requests = control.get("/_emulator/requests").await;
    assert_eq!(requests[1]["status"], 429);
    assert_eq!(requests[1]["fault"], json!(Fault::RateLimited));
    assert_eq!(requests[1]["path"], "/v3.1/users");
    assert!(!requests.to_string().contains(emulator.district_token()));
    // All rules gone, by hand.
    control
        .post(
            "/_emulator/faults",
            json!({ "fault": "reset", "path": "/terms" }),
        )
        .await;
    let url = emulator.base_url().join("/_emulator/faults").unwrap();
    assert!(
        control
            .1
            .delete(url)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    assert_eq!(control.get("/_emulator/faults").await["rules"], json!([]));
    assert_eq!(control.api("/v3.1/terms").await, 200);
}

#[tokio::test]
async fn every_operation_of_the_document_is_there_and_nothing_else() {
    let emulator = emulator().await;
    let control = Control(&emulator, client());
    let document = control.get("/_emulator/openapi.json").await;
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let url = emulator.base_url().join(path).unwrap();
            let method = method.to_uppercase().parse().unwrap();
            // A body that fits nothing: what takes one says so, and what takes none answers.
            let answer = control
                .1
                .request(method, url)
                .json(&json!({ "no": "such" }))
                .send()
                .await
                .unwrap();
            let wanted = if operation["requestBody"].is_object() {
                400
            } else {
                200
            };
            assert_eq!(answer.status().as_u16(), wanted, "{path}");
        }
    }
    assert!(operations >= 12, "{operations}");
    for (method, path, wanted) in [
        ("GET", "/_emulator", 404),
        ("POST", "/_emulator/x", 404),
        ("TRACE", "/_emulator/x", 404),
        ("GET", "/_emulator/days", 405),
        ("PUT", "/_emulator/faults", 405),
        ("TRACE", "/_emulator/faults", 405),
        ("TRACE", "/_emulator/state", 405),
        ("POST", "/", 405),
    ] {
        let url = emulator.base_url().join(path).unwrap();
        let answer = control
            .1
            .request(method.parse().unwrap(), url)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), wanted, "{method} {path}");
        let allow = answer.headers().get("allow");
        assert_eq!(allow.is_some(), wanted == 405, "{method} {path}");
        let refused =
            |allow: &reqwest::header::HeaderValue| !allow.to_str().unwrap().contains(method);
        assert!(allow.is_none_or(refused), "{method} {path}");
    }
    for (path, body) in [
        ("days", json!({ "days": 0 })),
        ("happenings", json!({ "name": "flood" })),
        ("faults", json!({ "fault": "cut", "percent": 101 })),
        ("faults", json!({ "fault": "cut", "nth": 0 })),
        ("faults", json!({})),
        ("happenings", json!({})),
        ("happenings", json!([])),
    ] {
        let (status, said) = control.post(&format!("/_emulator/{path}"), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(said["message"].as_str().unwrap().len() > 10);
    }
}

#[tokio::test]
async fn another_sites_page_presses_no_button() {
    let emulator = emulator().await;
    let before = emulator.with_world(|world| world.now());
    let url = emulator.base_url().join("/_emulator/days").unwrap();
    for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
        let request = client()
            .post(url.clone())
            .header(name, value)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("days=1");
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{name}"
        );
    }
    assert_eq!(emulator.with_world(|world| world.now()), before);
    // The page's own form.
    let origin = emulator.base_url().origin().ascii_serialization();
    let request = client()
        .post(url)
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("days=1");
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
    assert!(emulator.with_world(|world| world.now()) > before);
}

#[tokio::test]
async fn what_happens_to_the_district_is_served_and_told() {
    let emulator = emulator().await;
    let control = Control(&emulator, client());
    let before = control.get("/_emulator/state").await;
    let (_, gone) = control
        .post("/_emulator/happenings", json!({ "name": "role-off" }))
        .await;
    let after = control.get("/_emulator/state").await;
    let users = |state: &Value| state["records"]["users"].as_u64().unwrap();
    assert_eq!(
        users(&before) - users(&after),
        gone["records"].as_u64().unwrap()
    );
    control
        .post("/_emulator/happenings", json!({ "name": "pause" }))
        .await;
    assert_eq!(
        control.get("/_emulator/state").await["district"]["state"],
        "paused"
    );
    control
        .post("/_emulator/happenings", json!({ "name": "resume" }))
        .await;
    assert_eq!(
        control.get("/_emulator/state").await["district"]["state"],
        "running"
    );
    control
        .post("/_emulator/events", json!({ "on": false }))
        .await;
    assert_eq!(control.get("/_emulator/state").await["events_on"], false);
}

#[tokio::test]
async fn every_fault_and_every_happening_is_listed_and_one_rule_is_removed() {
    let emulator = emulator().await;
    let control = Control(&emulator, client());
    let faults = control.get("/_emulator/faults").await;
    let names: Vec<&str> = faults["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["name"].as_str().unwrap())
        .collect();
    for wanted in [
        "rate-limited",
        "rate-limited-json",
        "server-error",
        "hang",
        "truncated",
        "reset",
        "html404",
        "duplicated-records",
        "duplicated-page",
        "repeated-page",
        "expired-cursor",
        "reordered-keys",
        "shuffled-members",
        "unknown-enum",
        "unknown-field",
        "token-rotated",
        "rotate-token",
        "district-paused",
        "empty-list",
        "code-replay",
        "missing-state",
        "broken-gzip",
    ] {
        assert!(names.contains(&wanted), "{wanted}");
    }
    let happenings = control.get("/_emulator/happenings").await;
    let happenings = happenings.as_array().unwrap();
    for wanted in [
        "rollover",
        "unshare-school",
        "role-off",
        "sis-rekey",
        "transfer",
        "user-split",
        "user-merge",
        "pause",
        "disconnect",
        "reconnect",
        "token-rotate",
        "library-to-district",
    ] {
        assert!(
            happenings.iter().any(|one| one["name"] == wanted),
            "{wanted}"
        );
    }
    let rule = |path: &str| json!({ "fault": "server-error", "path": path, "seconds": 60 });
    let (_, first) = control.post("/_emulator/faults", rule("/users")).await;
    let (_, second) = control.post("/_emulator/faults", rule("/terms")).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["rules"].as_array().unwrap().len(), 2);
    let remove = json!({ "id": first["id"] });
    let (status, left) = control
        .post("/_emulator/faults/remove", remove.clone())
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(left["rules"][0]["path"], "/terms");
    let (status, _) = control.post("/_emulator/faults/remove", remove).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "it is gone already");
    assert_eq!(control.api("/v3.1/users").await, 200);
    assert_eq!(control.api("/v3.1/terms").await, 500);
}

#[tokio::test]
async fn the_clock_is_started_and_stopped_over_http() {
    let emulator = emulator().await;
    let control = Control(&emulator, client());
    let every = || async { control.get("/_emulator/state").await["day_every_seconds"].clone() };
    assert_eq!(every().await, Value::Null);
    let set =
        |seconds: u64| control.post("/_emulator/clock", json!({ "day_every_seconds": seconds }));
    let before = control.get("/_emulator/state").await["day"]
        .as_u64()
        .unwrap();
    assert_eq!(set(1).await.0, StatusCode::OK);
    assert_eq!(every().await, 1);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(set(0).await.0, StatusCode::OK);
    assert_eq!(every().await, Value::Null);
    let passed = control.get("/_emulator/state").await["day"]
        .as_u64()
        .unwrap()
        - before;
    assert!((1..=3).contains(&passed), "{passed}");
    assert_eq!(set(100_000).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_happening_befalls_the_district_that_is_named() {
    let world = |seed| WorldSource::Generated { seed, students: 40 };
    let config = EmulatorConfig {
        world: world(4),
        more_districts: vec![world(5)],
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let control = Control(&emulator, client());
    let state = control.get("/_emulator/state").await;
    let second = state["districts"][1]["id"].clone();
    let body = json!({ "name": "disconnect", "district": second });
    assert_eq!(
        control.post("/_emulator/happenings", body).await.0,
        StatusCode::OK
    );
    let state = control.get("/_emulator/state").await;
    assert_eq!(state["districts"][0]["connected"], true);
    assert_eq!(state["districts"][1]["connected"], false);
    assert_eq!(state["districts"][1]["district_token"], Value::Null);
    assert_eq!(state["districts"][0]["roles"]["student"], 40);
    assert!(state["districts"][1]["sample_users"]["teacher"].is_string());
    let nowhere = json!({ "name": "pause", "district": "none" });
    let (status, _) = control.post("/_emulator/happenings", nowhere).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_shows_the_world_in_a_browser() {
    let Some(program) = chromium().await else {
        return;
    };
    let emulator = emulator().await;
    Control(&emulator, client())
        .api("/v3.1/users?limit=10")
        .await;
    emulator.faults().add(Fault::Cut.on("<b>/users"));
    let profile = TempDir::new().unwrap();
    let still = emulator.base_url().join("/?still").unwrap();
    let page = load(program, profile.path(), still).await;
    for wanted in [
        "<span>users</span>",
        "A day passes",
        "Break something",
        "rollover",
        "/v3.1/users",
        "&lt;b&gt;/users",
        "rate-limited",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
}

#[tokio::test]
async fn what_stands_there_twice_is_refused() {
    let emulator = emulator().await;
    let before = emulator.with_world(|world| world.now());
    let post = |body: &'static str, content_type: &str| {
        let url = emulator.base_url().join("/_emulator/days").unwrap();
        let request = client().post(url).header("content-type", content_type);
        request.body(body).send()
    };
    let form = "application/x-www-form-urlencoded";
    for (body, content_type) in [
        (r#"{"days":1,"days":2}"#, "application/json"),
        ("days=1&days=2", form),
        (r#"{"days":"#, "application/json"),
        ("", "application/json"),
    ] {
        let answer = post(body, content_type).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let said: Value = answer.json().await.unwrap();
        assert!(said["message"].is_string(), "{said}");
    }
    let after = emulator.with_world(|world| world.now());
    assert_eq!(after, before, "no day passed");
    let url = emulator.base_url().join("/oauth/authorize").unwrap();
    let query = format!(
        "client_id={}&redirect_uri=http://127.0.0.1/c&response_type=code",
        emulator.client_id()
    );
    for (more, wanted) in [
        ("", false),
        ("&state=a&state=b", true),
        ("&redirect_uri=http://127.0.0.1/d", true),
    ] {
        let answer = reqwest::get(format!("{url}?{query}{more}")).await.unwrap();
        let is_refused = answer.status() == StatusCode::BAD_REQUEST;
        assert_eq!(is_refused, wanted, "{more}");
    }
}
