//! The generated client alone, against a Clever on loopback.

use std::collections::BTreeMap;

use clever_emulator::{EmulatorConfig, WorldSource};
use clever_raw::support::Error;
use clever_raw::v3_1::{Client, EventObject, types};

/// A generated client whose every request carries `authorization`.
fn client(base: &str, authorization: &str) -> Client {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()
        .unwrap();
    Client::new_with_client(&format!("{base}/v3.1"), http)
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

    let page = district
        .get_users()
        .limit(50)
        .role("student")
        .send()
        .await
        .unwrap()
        .body;
    assert_eq!(page.data.len(), 50);
    let next = page.links.iter().find(|link| link.rel == "next");
    assert!(next.is_some_and(|link| link.uri.contains("starting_after=")));
    let student = page.data[0].data.clone();
    let id = student.id.clone().unwrap();
    assert!(student.roles.unwrap().student.is_some());
    let one = district.get_user().id(&id).send().await.unwrap().body;
    assert_eq!(one.data.id.as_deref(), Some(&*id));

    // An id that would change the path is refused before anything is sent.
    let sent = emulator.requests();
    let wrong = district.get_user().id("../districts").send().await;
    assert!(matches!(wrong, Err(Error::InvalidRequest(_))), "{wrong:?}");
    assert_eq!(emulator.requests(), sent);
    let missing = district
        .get_section()
        .id("5a25ffb0c1bc2a0036000000")
        .send()
        .await;
    assert!(
        matches!(&missing, Err(Error::Status { status, .. }) if status.as_u16() == 404),
        "{missing:?}"
    );

    // The identity endpoints live at three addresses.
    let user = client(&base, &format!("Bearer {}", emulator.user_token(&id)));
    let me = user.get_me().send().await.unwrap().body;
    assert_eq!(me.data.id.as_deref(), Some(&*id));
    let info = user.get_user_info().send().await.unwrap().body;
    assert_eq!(info.sub.as_deref(), Some(&*id));
    let token = user.get_token_info().send().await.unwrap().body;
    assert_eq!(token.client_id.as_deref(), Some(emulator.client_id()));

    let pair = format!("{}:{}", emulator.client_id(), emulator.client_secret());
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(pair)
    };
    let app = client(&base, &format!("Basic {basic}"));
    let tokens = app
        .get_district_tokens()
        .owner_type("district")
        .send()
        .await
        .unwrap()
        .body;
    assert_eq!(
        tokens.data[0].access_token.as_deref(),
        Some(emulator.district_token())
    );
    assert_eq!(format!("{:?}", tokens.data[0]), "DistrictToken { .. }");
    let mut exchange = types::CodeExchange::default();
    exchange.code = Some("never given".to_owned());
    exchange.grant_type = Some("authorization_code".to_owned());
    exchange.redirect_uri = Some("http://127.0.0.1/callback".to_owned());
    let refused = app.exchange_code().body(exchange).send().await;
    assert!(
        matches!(&refused, Err(Error::Status { status, .. }) if status.as_u16() == 400),
        "{refused:?}"
    );

    emulator.advance_days(2);
    let events = district.get_events().limit(1000).send().await.unwrap().body;
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
