//! Who may ask an emulator that listens beyond loopback, and one that does not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use clever_emulator::{Emulator, EmulatorConfig};
use reqwest::{Client, Response, header, redirect};

async fn everywhere(control_token: Option<&str>) -> Emulator {
    let config = EmulatorConfig {
        listen: "0.0.0.0:0".parse().unwrap(),
        allow_hosts: vec!["emulator.test".to_owned()],
        control_token: control_token.map(Into::into),
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

/// A client that finds every host of these tests on loopback.
fn client(emulator: &Emulator) -> Client {
    let port = emulator.base_url().port().unwrap();
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    Client::builder()
        .redirect(redirect::Policy::none())
        .resolve("emulator.test", here)
        .resolve("evil.test", here)
        .build()
        .unwrap()
}

async fn get(emulator: &Emulator, host: &str, path: &str, bearer: &str) -> Response {
    let port = emulator.base_url().port().unwrap();
    let request = client(emulator).get(format!("http://{host}:{port}{path}"));
    request.bearer_auth(bearer).send().await.unwrap()
}

#[tokio::test]
async fn beyond_loopback_only_allowed_names_are_answered_to() {
    let emulator = everywhere(None).await;
    assert_eq!(emulator.base_url().host_str(), Some("emulator.test"));
    let token = emulator.district_token().to_owned();
    for (host, status) in [
        ("emulator.test", 200),
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("evil.test", 403),
    ] {
        let answer = get(&emulator, host, "/v3.1/districts", &token).await;
        assert_eq!(answer.status(), status, "{host}");
    }
    let refused = get(&emulator, "evil.test", "/_emulator/state", &token).await;
    assert_eq!(refused.status(), 403);
    emulator.stop().await;
}

#[tokio::test]
async fn beyond_loopback_control_needs_its_token() {
    let emulator = everywhere(Some("s3cret")).await;
    for (bearer, status) in [("s3cret", 200), ("other", 401)] {
        let answer = get(&emulator, "emulator.test", "/_emulator/state", bearer).await;
        assert_eq!(answer.status(), status);
    }
    // A browser shows the token once, and has a cookie from then on.
    let page = get(&emulator, "emulator.test", "/?token=s3cret", "").await;
    assert_eq!(page.status(), 302);
    assert_eq!(page.headers()[header::LOCATION], "/");
    let cookie = page.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let port = emulator.base_url().port().unwrap();
    let request = client(&emulator).get(format!("http://emulator.test:{port}/"));
    let page = request.header(header::COOKIE, cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Clever emulator"));
    let wrong = get(&emulator, "emulator.test", "/?token=s3cre", "").await;
    assert_eq!(wrong.status(), 401);
    emulator.stop().await;
}

#[tokio::test]
async fn a_token_is_made_beyond_loopback_and_asked_for_on_loopback_only_on_demand() {
    let emulator = everywhere(None).await;
    let made = emulator.control_token().unwrap().to_owned();
    assert_eq!(made.len(), 32);
    let answer = get(&emulator, "127.0.0.1", "/_emulator/state", &made).await;
    assert_eq!(answer.status(), 200);
    emulator.stop().await;
    let here = clever_emulator::start(EmulatorConfig::default())
        .await
        .unwrap();
    assert_eq!(here.control_token(), None);
    for (host, status) in [("127.0.0.1", 200), ("evil.test", 403)] {
        let answer = get(&here, host, "/_emulator/state", "").await;
        assert_eq!(answer.status(), status, "{host}");
    }
    here.stop().await;
}
