//! A district's connection to the app over its life: a client that knows the app and the district, and what
//! becomes of its reading.

use std::time::Duration;

use clever_auth::App;
use clever_client::{
    ClientOptions, ConnectError, District, ErrorKind, LoginService, RawPage, RetryPolicy,
};
use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::{DistrictId, RecordKind};
use futures_util::TryStreamExt;

async fn start() -> Emulator {
    let world = |seed| WorldSource::Generated { seed, students: 60 };
    let config = EmulatorConfig {
        world: world(14),
        more_districts: vec![world(15)],
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

/// Connects as an app does that stores the district's id and no token.
async fn connect(emulator: &Emulator, district: &str) -> Result<District, ConnectError> {
    let url = emulator.base_url().clone();
    let redirect = "http://127.0.0.1:9/callback".parse().unwrap();
    let secret = emulator.client_secret().to_owned();
    let app = App::new(emulator.client_id(), secret, redirect).unwrap();
    let app = app.at(url.clone(), url.clone()).unwrap();
    let options = ClientOptions {
        api_url: url,
        page_limit: 10,
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    let service = LoginService::new(options.clone()).unwrap();
    let district = DistrictId::new(district).unwrap();
    District::connect(options, service, app, district).await
}

async fn users(district: &District) -> Result<usize, ErrorKind> {
    let pages: Result<Vec<RawPage>, _> =
        district.list(RecordKind::Users).pages().try_collect().await;
    let pages = pages.map_err(|error| error.kind())?;
    Ok(pages.iter().map(RawPage::len).sum())
}

#[tokio::test]
async fn a_walk_goes_on_through_tokens_that_are_rotated_in_its_middle() {
    let emulator = start().await;
    let id = emulator.districts()[0].id.clone();
    let district = connect(&emulator, &id).await.unwrap();
    for page in [2, 5] {
        let rule = format!("rotate-token@/users#{page}");
        emulator.faults().add(rule.parse().unwrap());
    }
    let all = emulator.with_world(|world| world.list(RecordKind::Users).len());
    let first = emulator.district_token().to_owned();
    assert_eq!(users(&district).await, Ok(all));
    assert!(emulator.faults().rules().is_empty(), "both came");
    assert_ne!(emulator.districts()[0].token, Some(first));
}

#[tokio::test]
async fn a_disconnected_district_is_refused_until_it_connects_again_and_the_other_is_not() {
    let emulator = start().await;
    let districts = emulator.districts();
    let first = connect(&emulator, &districts[0].id).await.unwrap();
    let second = connect(&emulator, &districts[1].id).await.unwrap();
    assert!(users(&first).await.is_ok() && users(&second).await.is_ok());
    emulator.happen(Happening::Disconnect);
    assert_eq!(users(&first).await, Err(ErrorKind::Unauthorized));
    assert!(connect(&emulator, &districts[0].id).await.is_err());
    assert!(users(&second).await.is_ok());
    emulator.happen(Happening::Reconnect);
    assert!(users(&first).await.is_ok(), "the new token is found");
}
