//! Whatever goes wrong on the way, the store is what it was, or what the district is.

use clever_emulator::Fault;
use clever_model::RecordKind;
use clever_sync::Outcome;

use crate::ground::Ground;

/// Faults of which a walk may not take notice: the roster says the same.
const HARMLESS: [Fault; 5] = [
    Fault::ReorderedKeys,
    Fault::ShuffledMembers,
    Fault::OddLinks,
    Fault::NoCount,
    Fault::ByteOrderMark,
];

#[tokio::test]
async fn no_fault_removes_anyone_and_the_next_run_is_right() {
    for fault in Fault::ALL {
        for (place, times) in [
            ("/users", 1_u64),
            ("/users", u64::MAX),
            ("starting_after", 2),
            ("/sections", u64::MAX),
        ] {
            let ground = Ground::new(21, 60).await;
            drop(ground.sync().await.unwrap());
            let before = ground.stored();
            ground.emulator.faults().add(fault.on(place).times(times));
            let report = ground.sync().await;
            ground.check_feed();
            for kind in RecordKind::ROSTER {
                assert_eq!(
                    ground.counts(kind).1,
                    0,
                    "{fault:?} on {place}: nobody left, and {kind} are archived"
                );
            }
            match report {
                // An error means that nothing was written.
                Err(_) => assert_eq!(ground.stored(), before, "{fault:?} on {place}"),
                Ok(report) if HARMLESS.contains(&fault) => {
                    assert!(
                        report.is_unchanged(),
                        "{fault:?} on {place}: {:?}",
                        report.kinds
                    );
                    assert_eq!(
                        ground.stored(),
                        before,
                        "{fault:?}: no row is written again"
                    );
                }
                Ok(_) => assert_eq!(
                    ground.stored().into_keys().collect::<Vec<_>>(),
                    before.keys().cloned().collect::<Vec<_>>(),
                    "{fault:?} on {place}"
                ),
            }
            ground.emulator.faults().clear();
            let after = ground.sync().await.unwrap();
            assert_eq!(after.outcome, Outcome::Done, "{fault:?} on {place}");
            assert_eq!(ground.stored(), ground.served(), "{fault:?} on {place}");
            ground.check_feed();
        }
    }
}

#[tokio::test]
async fn a_cut_first_sync_leaves_an_empty_store_and_the_next_fills_it() {
    let ground = Ground::new(23, 60).await;
    ground
        .emulator
        .faults()
        .add(Fault::Cut.on("/sections").times(u64::MAX));
    let error = ground.sync().await.unwrap_err();
    assert!(error.to_string().contains("sections"), "{error}");
    assert!(ground.stored().is_empty());
    ground.emulator.faults().clear();
    assert!(!ground.sync().await.unwrap().is_unchanged());
    assert_eq!(ground.stored(), ground.served());
}
