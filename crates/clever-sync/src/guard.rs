//! Judges a plan: what is so large that a person should look first, and what probably caused it.
//!
//! Pure: the same counts and policy give the same judgement.

use std::fmt;

use clever_model::{RecordKind, Role};
use serde::Serialize;

use crate::policy::SyncPolicy;
use crate::report::{Hold, Part};

/// What probably caused a large change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The list came empty.
    EmptyAnswer,
    /// Clever paused the district: its data is frozen or being exchanged.
    DistrictPaused,
    /// Every user of a role is gone: the role was switched off for the app.
    RoleSwitchedOff(Role),
    /// Schools are gone with it: a school is no longer shared.
    SchoolUnshared,
    /// Terms changed with it: a semester or school year turned over.
    Rollover,
    /// As many came as went: the district's system gives its people new ids.
    SisRekeyed,
    /// An undo took it back, and Clever still tells it.
    Undone,
    /// Nothing in the data explains it.
    Unexplained,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyAnswer => f.write_str("the list came empty"),
            Self::DistrictPaused => f.write_str("the district is paused at Clever"),
            Self::RoleSwitchedOff(role) => {
                write!(
                    f,
                    "every {role} is gone: the role may have been switched off for this app"
                )
            }
            Self::SchoolUnshared => {
                f.write_str("schools are gone too: a school may no longer be shared")
            }
            Self::Rollover => {
                f.write_str("terms changed too: a term or school year may have turned over")
            }
            Self::SisRekeyed => {
                f.write_str("about as many are new as are gone: the SIS may have given new ids")
            }
            Self::Undone => f.write_str("an undo took it back, and Clever still tells it"),
            Self::Unexplained => f.write_str("nothing in the data explains it"),
        }
    }
}

/// What a plan does to one kind, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KindCounts {
    /// Records that the walk saw.
    pub(crate) seen: u64,
    /// Records that were active in the store before.
    pub(crate) active: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) archived: u64,
    /// Places in sections that exist before.
    pub(crate) enrolled: u64,
    /// Places in sections that updates take away.
    pub(crate) unenrolled: u64,
    /// A role of which every active user is to be archived.
    pub(crate) lost_role: Option<Role>,
}

/// What the causes are read from, besides the kind's own counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    pub(crate) paused: bool,
    pub(crate) schools_archived: bool,
    pub(crate) terms_changed: bool,
}

/// Judges what a plan does to one kind.
pub(crate) fn judge(
    kind: RecordKind,
    counts: &KindCounts,
    context: Context,
    policy: &SyncPolicy,
) -> Vec<Hold> {
    let mut holds = Vec::new();
    let mut hold = |part, count, of, limit_percent| {
        let cause = cause(kind, counts, context);
        holds.push(Hold {
            kind,
            part,
            count,
            of,
            limit_percent,
            cause,
        });
    };
    if too_many(
        counts.archived,
        counts.active,
        policy.max_archived_percent,
        policy,
    ) || (counts.seen == 0 && counts.archived > 0)
        || (context.paused && counts.archived > 0)
    {
        hold(
            Part::Archive,
            counts.archived,
            counts.active,
            policy.max_archived_percent,
        );
    }
    if too_many(
        counts.updated,
        counts.active,
        policy.max_updated_percent,
        policy,
    ) {
        hold(
            Part::Update,
            counts.updated,
            counts.active,
            policy.max_updated_percent,
        );
    } else if too_many(
        counts.unenrolled,
        counts.enrolled,
        policy.max_unenrolled_percent,
        policy,
    ) {
        hold(
            Part::Update,
            counts.unenrolled,
            counts.enrolled,
            policy.max_unenrolled_percent,
        );
    }
    holds
}

/// Says whether `count` of `of` is more than `percent`; among few, only more than half and more than two.
fn too_many(count: u64, of: u64, percent: u64, policy: &SyncPolicy) -> bool {
    if count < policy.floor {
        return count > 2 && count * 2 > of && percent < 50;
    }
    count.saturating_mul(100) > of.saturating_mul(percent)
}

/// Says whether about as many came as went.
fn replaced(counts: &KindCounts) -> bool {
    counts.archived > 0 && counts.created * 10 >= counts.archived * 8
}

fn cause(kind: RecordKind, counts: &KindCounts, context: Context) -> Cause {
    if counts.seen == 0 {
        Cause::EmptyAnswer
    } else if context.paused {
        Cause::DistrictPaused
    } else if kind == RecordKind::Users && replaced(counts) {
        // Before the role: those who come under new ids have the same roles.
        Cause::SisRekeyed
    } else if let Some(role) = counts.lost_role {
        Cause::RoleSwitchedOff(role)
    } else if context.schools_archived && kind != RecordKind::Schools {
        Cause::SchoolUnshared
    } else if kind == RecordKind::Sections && context.terms_changed {
        Cause::Rollover
    } else if replaced(counts) {
        Cause::SisRekeyed
    } else {
        Cause::Unexplained
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(counts: &KindCounts) -> Vec<(Part, Cause)> {
        let holds = judge(
            RecordKind::Users,
            counts,
            Context::default(),
            &SyncPolicy::default(),
        );
        holds
            .into_iter()
            .map(|hold| (hold.part, hold.cause))
            .collect()
    }

    fn counts(seen: u64, active: u64, archived: u64) -> KindCounts {
        KindCounts {
            seen,
            active,
            archived,
            ..KindCounts::default()
        }
    }

    #[test]
    fn shares_floors_and_emptiness() {
        assert_eq!(holds(&counts(2097, 2098, 1)), []);
        assert_eq!(holds(&counts(1900, 2098, 198)), [], "under ten percent");
        assert_eq!(
            holds(&counts(1469, 2098, 629)),
            [(Part::Archive, Cause::Unexplained)]
        );
        assert_eq!(
            holds(&counts(0, 2, 2)),
            [(Part::Archive, Cause::EmptyAnswer)],
            "empty is held at any size"
        );
        assert_eq!(holds(&counts(90, 110, 20)), [], "under the floor");
        assert_eq!(
            holds(&counts(1, 21, 20)),
            [(Part::Archive, Cause::Unexplained)],
            "most of a few"
        );
        let updated = KindCounts {
            seen: 100,
            active: 100,
            updated: 80,
            ..KindCounts::default()
        };
        assert_eq!(holds(&updated), [(Part::Update, Cause::Unexplained)]);
    }

    #[test]
    fn causes_are_named() {
        let many = KindCounts {
            created: 600,
            ..counts(2000, 2098, 629)
        };
        assert_eq!(holds(&many), [(Part::Archive, Cause::SisRekeyed)]);
        let role = KindCounts {
            lost_role: Some(Role::Contact),
            ..counts(1000, 2000, 1000)
        };
        assert_eq!(
            holds(&role),
            [(Part::Archive, Cause::RoleSwitchedOff(Role::Contact))]
        );
        let context = Context {
            schools_archived: true,
            ..Context::default()
        };
        let hold = &judge(
            RecordKind::Users,
            &counts(900, 1000, 200),
            context,
            &SyncPolicy::default(),
        )[0];
        assert_eq!(hold.cause, Cause::SchoolUnshared);
        let paused = Context {
            paused: true,
            ..Context::default()
        };
        let hold = &judge(
            RecordKind::Users,
            &counts(999, 1000, 1),
            paused,
            &SyncPolicy::default(),
        )[0];
        assert_eq!(hold.cause, Cause::DistrictPaused);
    }

    proptest! {
        #[test]
        fn archiving_more_is_never_less_suspicious(active in 0_u64..5000, archived in 0_u64..5000, more in 0_u64..500) {
            let (less, more) = (archived.min(active), (archived + more).min(active));
            let held = |archived| holds(&counts(active - archived + 1, active, archived)).len();
            prop_assert!(held(more) >= held(less) || (less < 25) != (more < 25));
        }

        #[test]
        fn losing_everything_is_always_held(active in 1_u64..100_000) {
            prop_assert!(!holds(&counts(0, active, active)).is_empty());
        }

        #[test]
        fn a_first_load_is_never_held(created in any::<u32>()) {
            let first = KindCounts { seen: u64::from(created), created: u64::from(created), ..KindCounts::default() };
            prop_assert!(holds(&first).is_empty());
        }
    }
}
