//! A walk over a hundred pages of the emulator, with each of its faults at some page: the whole list, or an
//! error; never a short list.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clever_auth::DistrictAppToken;
use clever_client::{ClientError, ClientOptions, District, ErrorKind, RetryPolicy};
use clever_emulator::{Emulator, EmulatorConfig, Fault, WorldSource};
use clever_model::ManualClock;
use clever_model::{Clock, RecordKind, SystemClock, Timestamp};
use futures_util::TryStreamExt;

async fn start() -> (Emulator, District, BTreeSet<String>) {
    let an_hour_ago = Timestamp::from_second(SystemClock.now().as_second() - 3600).unwrap();
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 4,
            students: 600,
        },
        rate_limit: 1_000_000,
        // Its minutes are over when ours begin: a 429 asks for no wait.
        clock: Arc::new(ManualClock::at(an_hour_ago)),
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let options = ClientOptions {
        api_url: emulator.base_url().clone(),
        page_limit: 9,
        retry: RetryPolicy {
            max_attempts: 3,
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(2),
            max_rate_wait: Duration::from_secs(90),
        },
        request_timeout: Duration::from_millis(500),
        ..ClientOptions::default()
    };
    let token = DistrictAppToken::new(emulator.district_token()).unwrap();
    let served = emulator.with_world(|world| world.list(RecordKind::Users).keys().collect());
    (emulator, District::new(options, token).unwrap(), served)
}

async fn walk(district: &District) -> Result<(usize, BTreeSet<String>), ClientError> {
    let users = district.list(RecordKind::Users).count();
    let pages: Vec<_> = users.pages().try_collect().await?;
    let ids = |page: &clever_client::RawPage| -> Vec<String> {
        let refused = page.refused().iter().filter_map(|one| one.id.clone());
        page.records()
            .map(|one| one.id.to_owned())
            .chain(refused)
            .collect()
    };
    Ok((pages.len(), pages.iter().flat_map(ids).collect()))
}

#[tokio::test]
async fn each_fault_at_each_end_of_a_hundred_pages_gives_the_whole_list_or_an_error() {
    let (emulator, district, served) = start().await;
    let (pages, found) = walk(&district).await.unwrap();
    assert!(pages >= 100, "{pages}");
    assert_eq!(found, served);
    let mut errors = BTreeSet::new();
    for fault in Fault::ALL {
        for (nth, times) in [(1, 1), (57, 1), (pages as u64, 1), (57, 1000)] {
            if matches!(fault, Fault::Hang | Fault::Trickle) && nth == 1 {
                continue; // Half a second each.
            }
            emulator.faults().clear();
            emulator
                .faults()
                .add(fault.on("/users").nth(nth).times(times));
            match walk(&district).await {
                Ok((_, found)) => assert_eq!(found, served, "{fault:?} at {nth}, {times} times"),
                Err(error) => {
                    errors.insert(format!("{fault:?}"));
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    // What no retry cures must have been an error at least once; what only looks odd never.
    for fault in [
        "EarlyEnd",
        "EmptyList",
        "RepeatedPage",
        "TokenRotated",
        "Html404",
        "Truncated",
        "Hang",
        "LinksObject",
        "NextNowhere",
        "NeverEnds",
        "SamePage",
        "Trickle",
        "EmptyBody",
        "HtmlPage",
        "Html403",
        "Redirect",
        "FailedPage",
    ] {
        assert!(errors.contains(fault), "{fault} passed unseen: {errors:?}");
    }
    for fault in [
        "ReorderedKeys",
        "ShuffledMembers",
        "UnknownEnum",
        "UnknownField",
        "Nulls",
        "WrongType",
        "OddLinks",
        "NoCount",
        "OddCount",
        "NotUtf8",
        "ByteOrderMark",
    ] {
        assert!(!errors.contains(fault), "{fault} is no error");
    }
}

#[tokio::test]
async fn a_storm_of_429_ends_in_the_whole_list_or_in_an_error() {
    let (emulator, district, served) = start().await;
    // Three tries a page: storms that pass, at every fourth page.
    for nth in (1..100).step_by(4) {
        emulator
            .faults()
            .add(Fault::RateLimited.on("/users").nth(nth).times(2));
    }
    assert_eq!(walk(&district).await.unwrap().1, served);
    emulator.faults().clear();
    // One that stays.
    emulator
        .faults()
        .add(Fault::RateLimited.on("/users").nth(40).times(1000));
    let error = walk(&district).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}
