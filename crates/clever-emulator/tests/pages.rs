//! Large pages: whole and the same compressed or not, in the middle of changes, under faults and for slow readers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clever_emulator::{Emulator, EmulatorConfig, Fault, WorldSource};
use reqwest::{Client, Response};
use serde_json::Value;

async fn emulator(students: u32) -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated { seed: 1, students },
        events: true,
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

async fn ask(emulator: &Emulator, target: &str, gzip: bool) -> Response {
    let client = Client::builder().gzip(gzip).build().unwrap();
    client
        .get(emulator.base_url().join(target).unwrap())
        .bearer_auth(emulator.district_token())
        .send()
        .await
        .unwrap()
}

fn whole(emulator: &Emulator, target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap();
    emulator.answer(path, query).1
}

#[tokio::test]
async fn a_page_over_http_is_the_page_compressed_or_not() {
    let emulator = emulator(2_000).await;
    emulator.happen(clever_emulator::Happening::RoleOff);
    for list in [
        "/v3.1/users",
        "/v3.1/sections",
        "/v3.0/users",
        "/v2.1/students",
        "/v1.2/sections",
        "/v3.1/events",
    ] {
        let target = format!("{list}?limit=10000");
        let wanted = whole(&emulator, &target);
        assert!(wanted.len() > 600_000, "{list}: {} bytes", wanted.len());
        for gzip in [false, true] {
            let answer = ask(&emulator, &target, gzip).await;
            assert_eq!(answer.status(), 200);
            let headers = answer.headers();
            assert_eq!(headers["content-type"], "application/json; charset=utf-8");
            assert!(headers.contains_key("x-ratelimit-remaining"));
            assert!(answer.text().await.unwrap() == wanted, "{list}");
        }
    }
    let seen = ask(&emulator, "/_emulator/requests", false).await;
    let seen: Value = seen.json().await.unwrap();
    assert_eq!(seen[0]["path"], "/v3.1/events");
    assert_eq!(seen[0]["status"], 200);
    emulator.stop().await;
}

#[tokio::test]
async fn a_walk_shows_each_page_as_the_world_is_when_it_is_asked_for() {
    let emulator = emulator(1_000).await;
    let mut target = "/v3.1/users?limit=500".to_owned();
    let mut pages = 0;
    loop {
        emulator.advance_days(1);
        let body = ask(&emulator, &target, false).await.text().await.unwrap();
        assert!(body == whole(&emulator, &target), "page {pages}");
        pages += 1;
        let page: Value = serde_json::from_str(&body).unwrap();
        let links = page["links"].as_array().unwrap();
        let next = links.iter().find(|link| link["rel"] == "next");
        let Some(next) = next else { break };
        target = next["uri"].as_str().unwrap().to_owned();
    }
    assert!(pages > 3);
    emulator.stop().await;
}

#[tokio::test]
async fn trouble_befalls_large_pages_too() {
    let emulator = emulator(2_000).await;
    let target = "/v3.1/users?limit=10000";
    let wanted = whole(&emulator, target);
    emulator
        .faults()
        .add(Fault::Truncated.on("/users").times(1));
    let truncated = ask(&emulator, target, false).await.text().await.unwrap();
    assert!(wanted.starts_with(&truncated) && truncated.len().abs_diff(wanted.len() / 2) < 4);
    for (fault, gzip) in [(Fault::Cut, false), (Fault::BrokenGzip, true)] {
        emulator.faults().add(fault.on("/users").times(1));
        let broken = ask(&emulator, target, gzip).await;
        assert!(broken.bytes().await.is_err(), "{}", fault.name());
    }
    let again = ask(&emulator, target, true).await.text().await.unwrap();
    assert!(again == wanted);
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_holds_up_no_day_and_gets_the_page_of_before() {
    let emulator = emulator(20_000).await;
    let target = "/v3.1/users?limit=10000";
    let before = whole(&emulator, target);
    // More than what sockets keep for a reader.
    assert!(before.len() > 8_000_000);
    let mut slow = TcpStream::connect(emulator.base_url().authority()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let token = emulator.district_token();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    slow.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0];
    slow.read_exact(&mut answer).unwrap();
    assert!(emulator.advance_days(3).total() > 0);
    emulator.happen(clever_emulator::Happening::RoleOff);
    assert!(whole(&emulator, target) != before);
    slow.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (_, read) = answer.split_once("\r\n\r\n").unwrap();
    assert!(read == before);
    emulator.stop().await;
}
