//! The generated client alone, against a Clever on loopback.

use std::collections::BTreeMap;

use clever_emulator::{EmulatorConfig, WorldSource};
use clever_raw::client::{Client, Error};
use clever_raw::operation::Hosts;
use clever_raw::v3_1::operations::{
    ExchangeCode, GetDistrictTokens, GetEvents, GetMe, GetSection, GetTokenInfo, GetUser,
    GetUserInfo, GetUsers,
};
use clever_raw::v3_1::{EventObject, types};

/// A generated client whose every request carries `authorization`.
fn client(base: &str, authorization: &str) -> Client {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()
        .unwrap();
    Client::new(Hosts::new(base), http)
}

#[tokio::test]
async fn the_raw_client_reads_the_roster_and_who_a_token_is() {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 5,
            students: 120,
        },
        events: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let base = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let district = client(&base, &format!("Bearer {}", emulator.district_token()));

    let students = GetUsers {
        limit: Some(50),
        role: Some("student"),
        ..GetUsers::default()
    };
    let page = district.send(&students).await.unwrap().body;
    assert_eq!(page.data.len(), 50);
    let next = page.links.iter().find(|link| link.rel == "next");
    assert!(next.is_some_and(|link| link.uri.contains("starting_after=")));
    let student = page.data[0].data.clone();
    let id = student.id.clone().unwrap();
    assert!(student.roles.unwrap().student.is_some());
    let one = district.send(&GetUser { id: &id }).await.unwrap().body;
    assert_eq!(one.data.id.as_deref(), Some(&*id));

    // An id that would change the path is refused before anything is sent.
    let sent = emulator.requests();
    let wrong = district.send(&GetUser { id: "../districts" }).await;
    assert!(matches!(wrong, Err(Error::InvalidRequest(_))), "{wrong:?}");
    assert_eq!(emulator.requests(), sent);
    let missing = district
        .send(&GetSection {
            id: "5a25ffb0c1bc2a0036000000",
        })
        .await;
    assert!(
        matches!(&missing, Err(Error::Status { status, .. }) if status.as_u16() == 404),
        "{missing:?}"
    );

    // The identity endpoints live at three addresses.
    let user = client(&base, &format!("Bearer {}", emulator.user_token(&id)));
    let me = user.send(&GetMe).await.unwrap().body;
    assert_eq!(me.data.id.as_deref(), Some(&*id));
    let info = user.send(&GetUserInfo).await.unwrap().body;
    assert_eq!(info.sub.as_deref(), Some(&*id));
    let token = user.send(&GetTokenInfo).await.unwrap().body;
    assert_eq!(token.client_id.as_deref(), Some(emulator.client_id()));

    let pair = format!("{}:{}", emulator.client_id(), emulator.client_secret());
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(pair)
    };
    let app = client(&base, &format!("Basic {basic}"));
    let districts = GetDistrictTokens::new("district");
    let tokens = app.send(&districts).await.unwrap().body;
    assert_eq!(
        tokens.data[0].access_token.as_deref(),
        Some(emulator.district_token())
    );
    assert_eq!(format!("{:?}", tokens.data[0]), "DistrictToken { .. }");
    let mut exchange = types::CodeExchange::default();
    exchange.code = Some("never given".to_owned());
    exchange.grant_type = Some("authorization_code".to_owned());
    exchange.redirect_uri = Some("http://127.0.0.1/callback".to_owned());
    let refused = app.send(&ExchangeCode { body: &exchange }).await;
    assert!(
        matches!(&refused, Err(Error::Status { status, .. }) if status.as_u16() == 400),
        "{refused:?}"
    );

    emulator.advance_days(2);
    let all = GetEvents {
        limit: Some(1000),
        ..GetEvents::default()
    };
    let events = district.send(&all).await.unwrap().body;
    assert!(!events.data.is_empty());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events.data {
        let object = event.data.object::<EventObject>().unwrap();
        *seen.entry(format!("{object:?}")).or_default() += 1;
    }
    assert!(
        seen.contains_key("User") && !seen.contains_key("Unknown"),
        "{seen:?}"
    );
}

#[path = "../../crates/clever-raw/examples/other_client.rs"]
mod other_client;

#[tokio::test]
async fn an_operation_is_sent_with_another_http_client() {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 5,
            students: 120,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let (api, token) = (
        emulator.base_url().to_string(),
        emulator.district_token().to_owned(),
    );
    let names = tokio::task::spawn_blocking(move || {
        other_client::school_names(&api, &token).map_err(|error| error.to_string())
    });
    assert!(!names.await.unwrap().unwrap().is_empty());
}
