//! The schedules that should be, against those that are: a pure difference, which [`apply`] then makes true.

mod apply;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::payload::{Cadence, Job, Listed};

pub use apply::ApplyError;
pub(crate) use apply::{district_of, kept, schedule_id};

/// The schedule of a district.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// The name of the credential that opens it.
    pub(crate) credential: String,
    /// Whether the store was never wholly in step with it.
    pub(crate) first: bool,
    /// See [`Cadence::every_s`].
    pub(crate) every_s: u64,
    /// See [`Cadence::jitter_s`].
    pub(crate) jitter_s: u64,
    /// See [`Job::heartbeat_s`].
    pub(crate) heartbeat_s: u32,
    /// Whether a credential lists it.
    pub(crate) listed: bool,
}

/// Schedules, by district.
pub(crate) type Plans = BTreeMap<String, Planned>;

/// What must change so that the schedules that are become those that should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Those that are missing.
    pub(crate) create: Plans,
    /// Those that are otherwise; also those of districts that nobody lists any more, which say so from now on.
    pub(crate) update: Plans,
    /// The districts that nobody lists any more. Nothing is taken away for that.
    pub(crate) gone: BTreeSet<String>,
}

impl Planned {
    /// The run that it starts.
    pub(crate) fn job(&self, district: &str) -> Job {
        Job {
            district: district.to_owned(),
            credential: self.credential.clone(),
            first: self.first,
            heartbeat_s: self.heartbeat_s,
            due: None,
            approve: None,
        }
    }
}

/// The schedules that should be.
pub(crate) fn wanted(cadence: &Cadence, listed: &Listed) -> Plans {
    let planned = listed.districts.iter().map(|one| {
        let plan = Planned {
            credential: one.credential.clone(),
            first: one.first,
            every_s: cadence.every_s,
            jitter_s: cadence.jitter_s,
            heartbeat_s: cadence.heartbeat_s,
            listed: true,
        };
        (one.district.clone(), plan)
    });
    planned.collect()
}

/// Says what must change. A credential in `unread` could not be listed, which says nothing of its districts: they stay.
pub(crate) fn difference(wanted: &Plans, actual: &Plans, unread: &BTreeSet<String>) -> Difference {
    let mut found = Difference::default();
    for (district, plan) in wanted {
        match actual.get(district) {
            None => drop(found.create.insert(district.clone(), plan.clone())),
            Some(is) if is != plan => drop(found.update.insert(district.clone(), plan.clone())),
            Some(_) => {}
        }
    }
    for (district, is) in actual {
        if wanted.contains_key(district) || unread.contains(&is.credential) {
            continue;
        }
        found.gone.insert(district.clone());
        if is.listed {
            let unlisted = Planned {
                listed: false,
                ..is.clone()
            };
            found.update.insert(district.clone(), unlisted);
        }
    }
    found
}

/// When within its interval a district is due, in seconds: always the same, and different for its neighbours, so that a night
/// does not begin for all at once.
pub(crate) fn phase_s(district: &str, every_s: u64) -> u64 {
    let spread = district
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    spread % every_s.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan() -> impl Strategy<Value = Planned> {
        ("[ab]", any::<bool>(), 1_u64..4, any::<bool>()).prop_map(
            |(credential, first, every_s, listed)| Planned {
                credential,
                first,
                every_s,
                jitter_s: 0,
                heartbeat_s: 60,
                listed,
            },
        )
    }

    fn plans() -> impl Strategy<Value = Plans> {
        prop::collection::btree_map("[a-f]", plan(), 0..7)
    }

    /// What is there once the difference is applied.
    fn applied(actual: &Plans, difference: &Difference) -> Plans {
        let mut now = actual.clone();
        for (district, plan) in &difference.create {
            assert!(
                now.insert(district.clone(), plan.clone()).is_none(),
                "made twice"
            );
        }
        for (district, plan) in &difference.update {
            assert!(
                now.insert(district.clone(), plan.clone()).is_some(),
                "it is there"
            );
        }
        now
    }

    proptest! {
        #[test]
        fn what_is_applied_is_what_was_wanted_and_applying_again_changes_nothing(
            wanted in plans(), actual in plans(), unread in prop::collection::btree_set("[ab]", 0..2),
        ) {
            let wanted: Plans = wanted
                .into_iter()
                .map(|(district, plan)| (district, Planned { listed: true, ..plan }))
                .collect();
            let found = difference(&wanted, &actual, &unread);
            let now = applied(&actual, &found);
            for (district, plan) in &wanted {
                prop_assert_eq!(now.get(district), Some(plan));
            }
            // No schedule is lost, and none is made that nobody wants.
            for district in actual.keys() {
                prop_assert!(now.contains_key(district));
            }
            prop_assert!(now.keys().all(|id| wanted.contains_key(id) || actual.contains_key(id)));
            // A district is named as gone exactly if nobody wants it and its credential was read.
            for (district, is) in &actual {
                let gone = !wanted.contains_key(district) && !unread.contains(&is.credential);
                prop_assert_eq!(found.gone.contains(district), gone);
                prop_assert_eq!(gone && now[district].listed, false);
            }
            let again = difference(&wanted, &now, &unread);
            prop_assert!(again.create.is_empty() && again.update.is_empty(), "{:?}", again);
            prop_assert_eq!(again.gone, found.gone, "it is named each time");
        }

        #[test]
        fn a_phase_lies_within_the_interval(district in "[0-9a-f]{24}", every in 1_u64..100_000) {
            prop_assert!(phase_s(&district, every) < every);
        }
    }

    #[test]
    fn phases_spread_over_the_interval() {
        // Ids of districts differ in their last digits alone.
        let mut tenths = [0; 10];
        for number in 0..1000 {
            tenths[phase_s(&format!("5a25ffb0c1bc2a0036{number:06x}"), 1000) as usize / 100] += 1;
        }
        assert!(
            tenths.iter().all(|count| (60..=140).contains(count)),
            "{tenths:?}"
        );
    }
}
