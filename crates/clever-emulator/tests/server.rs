//! The emulator as a program in any language meets it: over HTTP, with nothing of ours in between.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use clever_emulator::{Emulator, EmulatorConfig, Fault, StartError, WorldSource};
use clever_model::ManualClock;
use clever_model::{Clock, RecordKind};
use reqwest::{Client, Response};
use serde_json::Value;

async fn emulator(rate_limit: u64) -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 1,
            students: 60,
        },
        rate_limit,
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

async fn ask(emulator: &Emulator, path: &str) -> reqwest::Result<Response> {
    within(emulator, path, 2).await
}

async fn within(emulator: &Emulator, path: &str, seconds: u64) -> reqwest::Result<Response> {
    let client = Client::builder()
        .timeout(Duration::from_secs(seconds))
        .build()
        .unwrap();
    client
        .get(emulator.base_url().join(path).unwrap())
        .bearer_auth(emulator.district_token())
        .send()
        .await
}

async fn json(emulator: &Emulator, path: &str) -> Value {
    ask(emulator, path).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn every_answer_says_how_much_of_the_limit_is_left() {
    let emulator = emulator(1200).await;
    let response = ask(&emulator, "/v3.1/districts").await.unwrap();
    assert_eq!(response.headers()["x-ratelimit-limit"], "1200");
    assert_eq!(response.headers()["x-ratelimit-bucket"], "bearer");
    assert_eq!(response.headers()["x-ratelimit-remaining"], "1199");
    assert!(response.headers().contains_key("x-ratelimit-reset"));
    assert!(response.headers().contains_key("x-request-id"));
    let page: Value = response.json().await.unwrap();
    assert_eq!(page["data"][0]["data"]["state"], "running");
    emulator.stop().await;
}

#[tokio::test]
async fn the_limit_is_kept() {
    let clock = Arc::new(ManualClock::at("2026-09-14T12:00:30Z".parse().unwrap()));
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 1,
            students: 1,
        },
        rate_limit: 2,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let status = || async {
        ask(&emulator, "/v3.0/terms")
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!([status().await, status().await], [200, 200]);
    let over = ask(&emulator, "/v3.0/terms").await.unwrap();
    assert_eq!(over.status(), 429);
    assert_eq!(over.headers()["x-ratelimit-remaining"], "0");
    assert_eq!(over.text().await.unwrap(), "Too Many Requests");
    clock.advance_seconds(30);
    assert_eq!(status().await, 200, "a new minute");
}

#[tokio::test]
async fn only_the_districts_token_opens_it() {
    let emulator = emulator(1200).await;
    let client = Client::new();
    let url = emulator.base_url().join("/v3.1/users").unwrap();
    let wrong = client
        .get(url.clone())
        .bearer_auth("wrong")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    assert!(wrong.json::<Value>().await.unwrap()["message"].is_string());
    assert_eq!(client.get(url.clone()).send().await.unwrap().status(), 401);
    assert_eq!(
        client
            .get(url)
            .bearer_auth("TEST_TOKEN")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let page = ask(&emulator, "/v3.0/<script>").await.unwrap();
    assert_eq!(page.status(), 404);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(!page.text().await.unwrap().contains("<script>"));
}

#[tokio::test]
async fn each_fault_does_what_it_is_called() {
    let emulator = emulator(1200).await;
    let whole = json(&emulator, "/v3.1/users?limit=50").await;
    let text = ask(&emulator, "/v3.1/users?limit=50")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    // These befall other requests: tests/trouble.rs, and below.
    let others = [
        Fault::ShuffledMembers,
        Fault::NoCount,
        Fault::OddCount,
        Fault::NeverEnds,
        Fault::Redirect,
        Fault::ByteOrderMark,
        Fault::DistrictPaused,
        Fault::DuplicatedPage,
        Fault::ExpiredCursor,
        Fault::BrokenGzip,
        Fault::CodeReplay,
        Fault::MissingState,
    ];
    for fault in Fault::ALL
        .into_iter()
        .filter(|fault| !others.contains(fault))
    {
        emulator.faults().clear();
        emulator.faults().add(fault.on("/users").times(1));
        let answer = ask(&emulator, "/v3.1/users?limit=50").await;
        let status = answer
            .as_ref()
            .map(|response| response.status().as_u16())
            .unwrap_or(0);
        let body = match answer {
            Ok(response) => response.text().await.ok(),
            Err(_) => None,
        };
        let page: Option<Value> = body
            .as_ref()
            .and_then(|body| serde_json::from_str(body).ok());
        let records = page
            .as_ref()
            .and_then(|page| page["data"].as_array())
            .map(Vec::len);
        let holds = match fault {
            Fault::Cut | Fault::Reset | Fault::Hang | Fault::Trickle => body.is_none(),
            Fault::LinksObject => page.unwrap()["links"].is_object(),
            Fault::NextNowhere => body.unwrap().contains(r#""uri":null"#),
            Fault::EmptyBody => status == 200 && body.as_deref() == Some(""),
            Fault::HtmlPage => status == 200 && page.is_none(),
            Fault::Html403 => status == 403 && page.is_none(),
            Fault::FailedPage => records == Some(0) && page.unwrap()["error"].is_string(),
            Fault::NotUtf8 => body.unwrap().contains('\u{fffd}'),
            Fault::Truncated => status == 200 && page.is_none(),
            Fault::RateLimited | Fault::RateLimitedJson => status == 429,
            Fault::ServerError => status == 500,
            Fault::Html404 => status == 404 && page.is_none(),
            Fault::TokenRotated => status == 401,
            Fault::EmptyList => records == Some(0) && !text.contains("\"data\":[]"),
            Fault::DuplicatedRecords => records == Some(100),
            Fault::ReorderedKeys => page.as_ref() == Some(&whole) && body.as_ref() != Some(&text),
            Fault::EarlyEnd => !page.unwrap()["links"].to_string().contains("next"),
            Fault::UnknownEnum => body.unwrap().contains("Nonbinary"),
            Fault::UnknownField => body.unwrap().contains("added_in_a_minor_version"),
            Fault::WrongType => body.unwrap().contains(r#"{"not":"text"}"#),
            _ => records == Some(50) && page != Some(whole.clone()),
        };
        assert!(holds, "{fault:?}");
        assert_eq!(
            json(&emulator, "/v3.1/users?limit=50").await,
            whole,
            "{fault:?} is over"
        );
    }
}

#[tokio::test]
async fn members_come_in_another_order_at_each_answer() {
    let emulator = emulator(1200).await;
    let path = "/v3.1/sections?limit=10000";
    let members = |page: &Value| -> Vec<Vec<String>> {
        let sections = page["data"].as_array().unwrap().iter();
        let ids = |list: &Value| -> Vec<String> {
            let all = list.as_array().unwrap().iter();
            all.map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        sections.map(|one| ids(&one["data"]["students"])).collect()
    };
    let sets = |all: &[Vec<String>]| -> Vec<std::collections::BTreeSet<String>> {
        all.iter()
            .map(|one| one.iter().cloned().collect())
            .collect()
    };
    let whole = members(&json(&emulator, path).await);
    emulator
        .faults()
        .add(Fault::ShuffledMembers.on("/sections"));
    let first = members(&json(&emulator, path).await);
    let second = members(&json(&emulator, path).await);
    assert!(first != whole && first != second);
    assert_eq!(sets(&first), sets(&whole));
    assert_eq!(sets(&second), sets(&whole));
    assert!(
        first
            .iter()
            .zip(&whole)
            .all(|(one, other)| one.len() > other.len() || other.is_empty())
    );
}

#[tokio::test]
async fn faults_of_counts_ends_and_ways_do_what_they_are_called() {
    let emulator = emulator(1200).await;
    let path = "/v3.1/schools?limit=10000&count=true";
    let whole = json(&emulator, path).await;
    assert!(whole["count"].is_u64());
    emulator.faults().add(Fault::NoCount.everywhere().times(1));
    assert!(json(&emulator, path).await["count"].is_null());
    emulator.faults().add(Fault::OddCount.everywhere().times(1));
    assert!(json(&emulator, path).await["count"].is_string());
    // Page after page, each with an address of its own.
    emulator.faults().add(Fault::NeverEnds.everywhere());
    let (mut next, mut seen) = (path.to_owned(), std::collections::BTreeSet::new());
    for number in 0..5 {
        let page = json(&emulator, &next).await;
        let all = page["data"].as_array().unwrap().len();
        assert_eq!(all == 0, number > 0, "{next}");
        let links = page["links"].as_array().unwrap().iter();
        let mut links = links.filter(|link| link["rel"] == "next");
        next = links.next().unwrap()["uri"].as_str().unwrap().to_owned();
        assert!(seen.insert(next.clone()), "{next}");
    }
    emulator.faults().clear();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let ask = async || {
        let url = emulator.base_url().join(path).unwrap();
        let asked = client.get(url).bearer_auth(emulator.district_token());
        asked.send().await.unwrap()
    };
    emulator.faults().add(Fault::Redirect.everywhere().times(1));
    let answer = ask().await;
    assert_eq!(answer.status().as_u16(), 302);
    assert!(
        answer.headers()["location"]
            .to_str()
            .unwrap()
            .contains("login")
    );
    emulator
        .faults()
        .add(Fault::ByteOrderMark.everywhere().times(1));
    let body = ask().await.bytes().await.unwrap();
    assert!(body.starts_with(b"\xef\xbb\xbf{"));
    assert_eq!(json(&emulator, path).await, whole);
}

#[tokio::test]
async fn a_day_is_seen_by_the_next_reader_and_edits_too() {
    let emulator = emulator(1200).await;
    let before = json(&emulator, "/v3.1/users?limit=10000").await;
    let day = emulator.advance_days(1);
    assert!(day.total() > 0);
    assert_ne!(json(&emulator, "/v3.1/users?limit=10000").await, before);
    let gone = emulator.with_world(|world| world.retain(RecordKind::Sections, |at| at > 0));
    assert_eq!(gone, 1);
    assert!(emulator.requests() >= 2);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let first = emulator(1).await;
    let listen = first.base_url().socket_addrs(|| None).unwrap()[0];
    let taken = clever_emulator::start(EmulatorConfig {
        listen,
        ..EmulatorConfig::default()
    })
    .await;
    assert!(matches!(taken, Err(StartError::Listen { address, .. }) if address == listen));
    let open = "0.0.0.0:0".parse().unwrap();
    let open = clever_emulator::start(EmulatorConfig {
        listen: open,
        ..EmulatorConfig::default()
    })
    .await;
    assert!(matches!(open, Err(StartError::NotLoopback(_))));
    let nowhere = WorldSource::Recorded("/nonexistent".into());
    let nowhere = clever_emulator::start(EmulatorConfig {
        world: nowhere,
        ..EmulatorConfig::default()
    })
    .await;
    assert!(matches!(nowhere, Err(StartError::Recording(_))));
}

#[tokio::test]
async fn a_user_signs_in_and_days_are_told_as_events() {
    let config = EmulatorConfig {
        events: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let user = emulator.with_world(|world| {
        let mut users = world.list(RecordKind::Users).keys();
        users.next().unwrap().to_string()
    });
    let back = "http://127.0.0.1:9/callback";
    let id = emulator.client_id();
    let at = |path: &str| emulator.base_url().join(path).unwrap();
    let target = format!(
        "/oauth/authorize?response_type=code&client_id={id}&redirect_uri={back}&state=s&user={user}"
    );
    let answer = client.get(at(&target)).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let code = location.split("code=").nth(1).unwrap();
    let code = code.split('&').next().unwrap();
    let exchange = |secret: &str| {
        client
            .post(at("/oauth/tokens"))
            .basic_auth(id, Some(secret))
            .json(&serde_json::json!({
                "code": code, "grant_type": "authorization_code", "redirect_uri": back,
            }))
            .send()
    };
    assert_eq!(exchange("wrong").await.unwrap().status(), 401);
    let answer: Value = exchange(emulator.client_secret())
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let me = client.get(at("/v3.1/me")).bearer_auth(token).send();
    let me: Value = me.await.unwrap().json().await.unwrap();
    assert_eq!(me["data"]["id"], *user);
    let again = exchange(emulator.client_secret()).await.unwrap();
    assert_eq!(again.status(), 400);
    let tokens = client
        .get(at("/oauth/tokens?owner_type=district"))
        .basic_auth(id, Some(emulator.client_secret()));
    let tokens: Value = tokens.send().await.unwrap().json().await.unwrap();
    assert_eq!(tokens["data"][0]["access_token"], emulator.district_token());
    assert_eq!(
        json(&emulator, "/v3.1/events").await["data"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let day = emulator.advance_days(1);
    let page = json(&emulator, "/v3.1/events?limit=10000").await;
    let told: usize = day
        .touched
        .values()
        .map(|kind| kind.created.len() + kind.updated.len() + kind.deleted.len())
        .sum();
    assert_eq!(page["data"].as_array().unwrap().len(), told);
    emulator.stop().await;
}

#[tokio::test]
async fn what_hangs_does_not_hold_up_the_end() {
    let emulator = emulator(1200).await;
    emulator.faults().add(Fault::Hang.everywhere());
    assert!(ask(&emulator, "/v3.1/terms").await.is_err());
    let end = tokio::time::timeout(Duration::from_secs(10), emulator.stop());
    assert!(end.await.is_ok());
}

/// The recorded district beside the workspace, if this machine has it.
fn recording() -> Option<std::path::PathBuf> {
    let shared = std::env::var_os("CLEVER_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        Into::into,
    );
    let folder = shared.join("recorded/demo-district");
    folder.is_dir().then_some(folder)
}

#[tokio::test]
async fn a_recording_is_read_back_byte_for_byte() {
    #[derive(serde::Deserialize)]
    struct Page {
        data: Vec<Element>,
    }
    #[derive(serde::Deserialize)]
    struct Element {
        data: Box<serde_json::value::RawValue>,
    }
    let records = |text: &str| {
        let page: Page = serde_json::from_str(text).unwrap();
        let mut records: Vec<String> = page
            .data
            .iter()
            .map(|one| one.data.get().to_owned())
            .collect();
        records.sort();
        records
    };
    let Some(folder) = recording() else {
        println!("skipped: no recorded district at $CLEVER_SHARED/recorded/demo-district");
        return;
    };
    let config = EmulatorConfig {
        world: WorldSource::Recorded(folder.clone()),
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    for (kind, count) in [("users", 2098), ("sections", 378), ("districts", 1)] {
        let file = std::fs::read_to_string(folder.join(format!("{kind}.json"))).unwrap();
        for version in ["v3.0", "v3.1"] {
            let path = format!("/{version}/{kind}?limit=10000");
            let answer = within(&emulator, &path, 60).await.unwrap();
            let served = answer.text().await.unwrap();
            assert_eq!(records(&served).len(), count, "{kind}");
            assert!(records(&served) == records(&file), "{kind} differ");
        }
    }
    let schools = json(&emulator, "/v3.1/schools").await;
    assert_eq!(schools["data"].as_array().unwrap().len(), 0);
}
