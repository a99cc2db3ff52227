//! Lists whose end nobody says, as Clever and what stands before it may send them: nothing is lost, nothing is archived,
//! and what passes is tried again. The emulator does it, the real client reads it, a real store keeps it.

use clever_client::{ClientError, District, RawPage, WalkError};
use clever_emulator::{EmulatorConfig, Fault, WorldSource};
use clever_model::{RecordKind, SystemClock};
use clever_sync::report::{Doubt, Finding};
use clever_sync::{
    End, Outcome, RosterSource, SqliteStore, SyncError, SyncOptions, SyncPolicy, SyncReport, sync,
};
use futures_core::Stream;

use crate::ground::Ground;

/// A district whose lists are never counted, as Clever's v3 may be.
struct Uncounted<'a>(&'a District);

impl RosterSource for Uncounted<'_> {
    type Error = ClientError;

    async fn district(&self) -> Result<RawPage, ClientError> {
        RosterSource::district(self.0).await
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, ClientError>> {
        self.0.list(kind).pages()
    }

    async fn end(&self, kind: RecordKind) -> Result<End, ClientError> {
        RosterSource::end(self.0, kind).await
    }
}

async fn uncounted(ground: &Ground) -> Result<SyncReport, SyncError> {
    let mut store = SqliteStore::open(&ground.path())?;
    let (policy, options) = (SyncPolicy::default(), SyncOptions::default());
    let source = Uncounted(&ground.district);
    sync(&source, &mut store, &policy, &options, &SystemClock, &()).await
}

#[tokio::test]
async fn field_01_an_uncounted_list_is_whole_or_an_error() {
    // Each at the first page, in the middle and at the end of the users, and for good.
    for fault in [
        Fault::OddLinks,
        Fault::LinksObject,
        Fault::NextNowhere,
        Fault::EarlyEnd,
        Fault::EmptyList,
        Fault::FailedPage,
        Fault::NeverEnds,
        Fault::SamePage,
    ] {
        for (place, times) in [
            ("/users", 1),
            ("/users?limit=50&starting_after", 1),
            ("/users", u64::MAX),
            ("starting_after", u64::MAX),
        ] {
            let told = format!("{fault:?} on {place}, {times} times");
            let ground = Ground::new(31, 60).await;
            ground.emulator.faults().add(fault.on(place).times(times));
            let first = uncounted(&ground).await;
            match &first {
                Err(_) => assert!(ground.stored().is_empty(), "{told}"),
                // A list that is empty whenever it is asked looks like one; the guard is what knows better.
                Ok(report) if fault == Fault::EmptyList => {
                    assert_eq!(report.kinds[&RecordKind::Users].total, 0, "{told}");
                }
                Ok(report) => {
                    // A page that comes twice brings everybody, in no order that proves anything.
                    assert!(report.whole || fault == Fault::SamePage, "{told}");
                    assert!(ground.stored() == ground.served(), "{told}");
                }
            }
            ground.emulator.faults().clear();
            drop(uncounted(&ground).await.unwrap());
            let before = ground.stored();
            assert!(before == ground.served(), "{told}");
            ground.emulator.faults().add(fault.on(place).times(times));
            drop(uncounted(&ground).await);
            assert!(ground.stored() == before, "{told}: archived");
            assert_eq!(ground.counts(RecordKind::Users).1, 0, "{told}");
        }
    }
}

#[tokio::test]
async fn field_01_an_uncounted_list_costs_one_small_request_for_its_proof() {
    let ground = Ground::new(32, 60).await;
    let report = uncounted(&ground).await.unwrap();
    assert!(report.whole, "{:?}", report.kinds);
    // Who leaves is archived, by that proof.
    ground.emulator.with_world(|world| {
        world.retain(RecordKind::Users, |at| at != 3);
    });
    let report = uncounted(&ground).await.unwrap();
    assert_eq!(report.kinds[&RecordKind::Users].archived, 1);
    assert_eq!(report.outcome, Outcome::Done);
}

#[tokio::test]
async fn field_01_an_odd_count_archives_nobody() {
    let ground = Ground::new(33, 60).await;
    drop(ground.sync().await.unwrap());
    ground.emulator.with_world(|world| {
        world.retain(RecordKind::Users, |at| at != 3);
    });
    ground.emulator.faults().add(Fault::OddCount.on("/users"));
    let report = ground.sync().await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert_eq!(users.certificate.doubts, [Doubt::CountUnreadable]);
    assert_eq!((users.kept, users.archived), (1, 0));
    // Without a count at all the last record proves it.
    ground.emulator.faults().clear();
    ground.emulator.faults().add(Fault::NoCount.on("/users"));
    let report = ground.sync().await.unwrap();
    assert_eq!(report.kinds[&RecordKind::Users].archived, 1);
}

#[tokio::test]
async fn field_10_an_endless_list_ends_the_run() {
    for fault in [Fault::NeverEnds, Fault::SamePage] {
        let ground = Ground::new(34, 60).await;
        ground.emulator.faults().add(fault.on("/users"));
        let ends = |error: SyncError| {
            let source = std::error::Error::source(&error).unwrap();
            let walk = source.downcast_ref::<ClientError>().unwrap();
            assert!(
                matches!(
                    walk,
                    ClientError::Walk {
                        source: WalkError::NoProgress { .. } | WalkError::Loop { .. },
                        ..
                    }
                ),
                "{fault:?}: {walk:?}"
            );
            assert!(ground.stored().is_empty());
        };
        ends(uncounted(&ground).await.unwrap_err());
        // The two ends of a counted list may meet before one of them goes astray.
        match ground.sync().await {
            Err(error) => ends(error),
            Ok(report) => {
                assert!(report.whole);
                assert!(ground.stored() == ground.served(), "{fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn field_03_what_passes_once_is_tried_again_wherever_it_befalls() {
    for fault in [
        Fault::HtmlPage,
        Fault::Html403,
        Fault::Html404,
        Fault::TokenRotated,
        Fault::Redirect,
        Fault::EmptyBody,
        Fault::FailedPage,
    ] {
        for place in ["/districts", "/users", "/sections", "starting_after"] {
            let ground = Ground::new(35, 60).await;
            ground.emulator.faults().add(fault.on(place).times(1));
            let report = ground.sync().await.unwrap();
            assert!(report.whole, "{fault:?} on {place}");
            assert_eq!(ground.stored(), ground.served(), "{fault:?} on {place}");
        }
    }
    // For good, and of one list alone: an error that no schedule ends with.
    for fault in [Fault::HtmlPage, Fault::Html403, Fault::TokenRotated] {
        let ground = Ground::new(35, 60).await;
        ground.emulator.faults().add(fault.on("/users"));
        let error = ground.sync().await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let refused = source.downcast_ref::<ClientError>().unwrap();
        assert!(!refused.is_refusal(), "{fault:?}: {refused:?}");
        // Of every list: the token is refused, if it is Clever who says so.
        ground.emulator.faults().add(fault.everywhere());
        let error = ground.sync().await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let refused = source.downcast_ref::<ClientError>().unwrap();
        assert_eq!(refused.is_refusal(), fault == Fault::TokenRotated);
    }
}

#[tokio::test]
async fn field_01_members_that_can_not_be_read_are_not_nobody() {
    let ground = Ground::new(39, 60).await;
    let places = ground.sync().await.unwrap().enrollments;
    let before = ground.stored();
    let section = ground.emulator.with_world(|world| {
        let ids: Vec<String> = world.list(RecordKind::Sections).keys().collect();
        world.edit(RecordKind::Sections, &ids[0], |record| {
            record["students"] = "none".into();
            record["name"] = "Another name".into();
        });
        ids[0].clone()
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(report.kinds[&RecordKind::Sections].unreadable, 1);
    assert_eq!((report.enrollments, ground.stored()), (places, before));
    ground.emulator.with_world(|world| {
        world.edit(RecordKind::Sections, &section, |record| {
            record["students"] = serde_json::Value::Null;
        });
    });
    let report = ground.sync().await.unwrap();
    assert!(report.enrollments.students < places.students);
}

#[tokio::test]
async fn field_24_a_byte_that_is_no_utf8_costs_one_record() {
    let ground = Ground::new(36, 60).await;
    drop(ground.sync().await.unwrap());
    let before = ground.stored();
    ground.emulator.faults().add(Fault::NotUtf8.on("/users"));
    let report = ground.sync().await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert!(users.certificate.proves_absence());
    assert!(users.unreadable > 0 && !report.whole);
    let refused = users.refused[0].to_string();
    assert!(refused.contains("is not UTF-8 (at byte "), "{refused}");
    assert_eq!(ground.stored(), before);
    ground.emulator.faults().clear();
    ground
        .emulator
        .faults()
        .add(Fault::ByteOrderMark.everywhere());
    assert!(ground.sync().await.unwrap().is_unchanged());
}

#[tokio::test]
async fn field_24_a_district_that_shares_nothing_is_a_finding() {
    let ground = Ground::new(37, 60).await;
    ground.emulator.with_world(|world| {
        for kind in &RecordKind::ROSTER[1..] {
            world.retain(*kind, |_| false);
        }
    });
    let report = ground.sync().await.unwrap();
    let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["the district shares no school, user or section with the app"]
    );
    assert!(report.findings.iter().all(Finding::is_of_sharing));
    // What is shared later is none.
    let shared = Ground::new(37, 60).await;
    let report = shared.sync().await.unwrap();
    assert!(!report.findings.iter().any(Finding::is_of_sharing));
}

#[tokio::test]
async fn field_19_a_token_that_opens_several_districts_is_told_so() {
    let ground = Ground::with(EmulatorConfig {
        world: WorldSource::Generated {
            seed: 38,
            students: 20,
        },
        ..EmulatorConfig::default()
    })
    .await;
    for (fault, found) in [(Fault::EmptyList, 0), (Fault::DuplicatedRecords, 2)] {
        ground.emulator.faults().clear();
        ground.emulator.faults().add(fault.on("/districts"));
        let error = ground.sync().await.unwrap_err();
        assert!(
            matches!(error, SyncError::NotOneDistrict { found: of } if of == found),
            "{error:?}"
        );
    }
}
