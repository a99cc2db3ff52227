//! Judges a plan: what is so large that a person should look first, and what probably caused it.
//!
//! Pure: the same counts and policy give the same judgement.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{RecordKind, Role};

use crate::check::policy::SyncPolicy;
use crate::report::{Cause, Part, Unit};
use crate::store::{SchoolLimits, SchoolTally};

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
}

/// What the causes are read from, besides the kind's own counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) paused: bool,
    /// Schools that are to be archived.
    pub(crate) schools_gone: BTreeSet<String>,
    /// Terms came, went or have other dates.
    pub(crate) terms_moved: bool,
    /// A large part of the users are students in another grade.
    pub(crate) grades_advanced: bool,
    /// Of each kind: gone records that were looked at, and those that are here again under another id.
    pub(crate) look_alikes: BTreeMap<RecordKind, (u64, u64)>,
    /// A role of which every active user is to be archived.
    pub(crate) lost_role: Option<Role>,
    /// Where places in sections go.
    pub(crate) losses: Losses,
}

/// Places in sections that updates take away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Losses {
    pub(crate) places: u64,
    /// Sections that lose all of their students, and the places that they lose.
    pub(crate) emptied: u64,
    pub(crate) emptied_places: u64,
    /// The sections that lose most, with how many places; most first.
    pub(crate) most: Vec<(u64, String)>,
}

impl Losses {
    /// What explains such a suspicion, if these losses do.
    fn explain(&self, suspicion: &Suspicion) -> Option<Cause> {
        if suspicion.part != Part::Update {
            return None;
        }
        let emptied = match suspicion.unit {
            Unit::Places => self.emptied_places * 2 > self.places,
            Unit::Records => self.emptied * 2 > suspicion.count,
        };
        if emptied {
            return Some(Cause::SectionsEmptied(self.emptied));
        }
        let mut sections = Vec::new();
        let mut lost = 0;
        for (places, section) in &self.most {
            if lost * 2 <= self.places {
                lost += places;
                sections.push(section.clone());
            }
        }
        let few = suspicion.unit == Unit::Places && lost * 2 > self.places;
        few.then_some(Cause::FewSections(sections))
    }
}

/// A part of a kind's changes that is more than the policy lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) part: Part,
    pub(crate) unit: Unit,
    pub(crate) count: u64,
    pub(crate) of: u64,
    pub(crate) limit_percent: u64,
}

/// Judges what a plan does to one kind in the whole district.
pub(crate) fn judge(counts: &KindCounts, paused: bool, policy: &SyncPolicy) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let mut suspect = |part, unit, count, of, limit_percent| {
        found.push(Suspicion {
            part,
            unit,
            count,
            of,
            limit_percent,
        });
    };
    let (archived, active, percent) = (counts.archived, counts.active, policy.max_archived_percent);
    if too_many(archived, active, percent, policy) || (archived > 0 && (counts.seen == 0 || paused))
    {
        suspect(Part::Archive, Unit::Records, archived, active, percent);
    }
    let percent = policy.max_updated_percent;
    let places = policy.max_unenrolled_percent;
    if too_many(counts.updated, active, percent, policy) {
        suspect(Part::Update, Unit::Records, counts.updated, active, percent);
    } else if too_many(counts.unenrolled, counts.enrolled, places, policy) {
        suspect(
            Part::Update,
            Unit::Places,
            counts.unenrolled,
            counts.enrolled,
            places,
        );
    }
    found
}

/// Judges what a plan does to one school's people or sections. A school is small beside its district, so what
/// wrecks it may be far below the district's own limits.
pub(crate) fn judge_school(school: &SchoolTally, policy: &SyncPolicy) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let (archived, updated, of) = (school.archived, school.updated, school.active);
    let percent = policy.max_school_archived_percent;
    if archived > FEW && archived.saturating_mul(100) > of.saturating_mul(percent) {
        found.push(Suspicion {
            part: Part::Archive,
            unit: Unit::Records,
            count: archived,
            of,
            limit_percent: percent,
        });
    }
    let percent = policy.max_updated_percent;
    if updated >= policy.floor && updated.saturating_mul(100) > of.saturating_mul(percent) {
        found.push(Suspicion {
            part: Part::Update,
            unit: Unit::Records,
            count: updated,
            of,
            limit_percent: percent,
        });
    }
    found
}

/// From where on a school is looked at.
pub(crate) fn school_limits(policy: &SyncPolicy) -> SchoolLimits {
    SchoolLimits {
        archived: FEW,
        updated: FEW.max(policy.floor.saturating_sub(1)),
        archived_percent: policy.max_school_archived_percent,
        updated_percent: policy.max_updated_percent,
    }
}

/// Changes to at most this many records are never held.
pub(crate) const FEW: u64 = 2;

/// Says whether `count` of `of` is more than `percent`; among few, only more than half and more than two.
fn too_many(count: u64, of: u64, percent: u64, policy: &SyncPolicy) -> bool {
    if count < policy.floor {
        return count > FEW && count * 2 > of && percent < 50;
    }
    count.saturating_mul(100) > of.saturating_mul(percent)
}

/// Says whether about as many came as went.
fn replaced(counts: &KindCounts) -> bool {
    counts.archived > 0 && counts.created * 10 >= counts.archived * 8
}

/// Guesses what caused a large change of one kind, or of one school's part of it.
pub(crate) fn cause(
    kind: RecordKind,
    counts: &KindCounts,
    school: Option<&str>,
    suspicion: &Suspicion,
    evidence: &Evidence,
) -> Cause {
    let (looked_at, here_again) = evidence.look_alikes.get(&kind).copied().unwrap_or_default();
    let timetable = matches!(
        kind,
        RecordKind::Terms | RecordKind::Courses | RecordKind::Sections
    );
    if counts.seen == 0 {
        Cause::EmptyAnswer
    } else if evidence.paused {
        Cause::DistrictPaused
    } else if school.is_some_and(|school| evidence.schools_gone.contains(school)) {
        Cause::SchoolUnshared
    } else if timetable && (evidence.terms_moved || evidence.grades_advanced) {
        // Before the look-alikes: next year's Algebra 1 has the name of this year's.
        Cause::Rollover
    } else if here_again * 2 > looked_at {
        // Before the role: those who come under new ids have the same roles.
        Cause::SisRekeyed
    } else if let (RecordKind::Users, Some(role)) = (kind, evidence.lost_role) {
        Cause::RoleSwitchedOff(role)
    } else if !evidence.schools_gone.is_empty() && kind != RecordKind::Schools {
        Cause::SchoolUnshared
    } else if evidence.grades_advanced || (kind == RecordKind::Sections && replaced(counts)) {
        Cause::Rollover
    } else {
        let of_sections = Some(&evidence.losses).filter(|_| kind == RecordKind::Sections);
        let losses = of_sections.and_then(|losses| losses.explain(suspicion));
        losses.unwrap_or(Cause::Unexplained)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::enough;

    fn parts(counts: &KindCounts) -> Vec<Part> {
        let found = judge(counts, false, &SyncPolicy::default());
        found.into_iter().map(|found| found.part).collect()
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
        assert_eq!(parts(&counts(2097, 2098, 1)), []);
        assert_eq!(parts(&counts(1900, 2098, 198)), [], "under ten percent");
        assert_eq!(parts(&counts(1469, 2098, 629)), [Part::Archive]);
        assert_eq!(
            parts(&counts(0, 2, 2)),
            [Part::Archive],
            "empty is held at any size"
        );
        assert_eq!(parts(&counts(90, 110, 20)), [], "under the floor");
        assert_eq!(parts(&counts(1, 21, 20)), [Part::Archive], "most of a few");
        let updated = KindCounts {
            seen: 100,
            active: 100,
            updated: 80,
            ..KindCounts::default()
        };
        assert_eq!(parts(&updated), [Part::Update]);
        let paused = judge(&counts(999, 1000, 1), true, &SyncPolicy::default());
        assert_eq!(paused.len(), 1, "a paused district archives nobody");
    }

    #[test]
    fn one_school_is_judged_by_its_own_size() {
        let school = |active, archived, updated| SchoolTally {
            school: "s".to_owned(),
            active,
            archived,
            updated,
        };
        let parts = |school: &SchoolTally| -> Vec<Part> {
            let found = judge_school(school, &SyncPolicy::default());
            found.into_iter().map(|found| found.part).collect()
        };
        assert_eq!(parts(&school(400, 200, 0)), [], "half of a school");
        assert_eq!(parts(&school(400, 201, 0)), [Part::Archive]);
        assert_eq!(parts(&school(4, 3, 0)), [Part::Archive], "a tiny school");
        assert_eq!(parts(&school(2, 2, 0)), [], "two people");
        assert_eq!(parts(&school(40, 0, 31)), [Part::Update]);
        assert_eq!(parts(&school(20, 0, 20)), [], "under the floor");
    }

    fn suspicion(part: Part, unit: Unit, count: u64) -> Suspicion {
        Suspicion {
            part,
            unit,
            count,
            of: 1000,
            limit_percent: 10,
        }
    }

    fn archiving() -> Suspicion {
        suspicion(Part::Archive, Unit::Records, 100)
    }

    /// The cause of a large archiving of users.
    fn told(counts: &KindCounts, evidence: &Evidence) -> Cause {
        cause(RecordKind::Users, counts, None, &archiving(), evidence)
    }

    #[test]
    fn field_22_where_the_places_go_is_told() {
        let told = |losses: Losses, part, unit, count| {
            let evidence = Evidence {
                losses,
                ..Evidence::default()
            };
            let counts = counts(100, 100, 0);
            let suspicion = suspicion(part, unit, count);
            cause(RecordKind::Sections, &counts, None, &suspicion, &evidence)
        };
        let losses = |places, emptied, emptied_places, most: &[u64]| Losses {
            places,
            emptied,
            emptied_places,
            most: most
                .iter()
                .map(|lost| (*lost, format!("s{lost}")))
                .collect(),
        };
        let places = |losses, count| told(losses, Part::Update, Unit::Places, count);
        assert_eq!(
            places(losses(40, 0, 0, &[40]), 40),
            Cause::FewSections(vec!["s40".to_owned()])
        );
        assert_eq!(
            places(losses(40, 1, 30, &[30, 10]), 40),
            Cause::SectionsEmptied(1)
        );
        let few = ["s30", "s25"].map(ToOwned::to_owned).to_vec();
        assert_eq!(
            places(losses(100, 1, 30, &[30, 25, 20]), 100),
            Cause::FewSections(few)
        );
        assert_eq!(
            places(losses(100, 0, 0, &[9, 8, 7]), 100),
            Cause::Unexplained
        );
        let records = |emptied, count| {
            told(
                losses(90, emptied, 1, &[90]),
                Part::Update,
                Unit::Records,
                count,
            )
        };
        assert_eq!(records(51, 100), Cause::SectionsEmptied(51));
        assert_eq!(records(50, 100), Cause::Unexplained);
        let gone = told(losses(40, 1, 40, &[40]), Part::Archive, Unit::Records, 1);
        assert_eq!(gone, Cause::Unexplained, "what is gone lost no places");
    }

    #[test]
    fn causes_are_named() {
        let many = counts(2000, 2098, 629);
        let none = Evidence::default();
        assert_eq!(told(&many, &none), Cause::Unexplained);
        assert_eq!(told(&counts(0, 9, 9), &none), Cause::EmptyAnswer);
        let rekeyed = Evidence {
            look_alikes: [(RecordKind::Users, (600, 590))].into(),
            ..Evidence::default()
        };
        assert_eq!(told(&many, &rekeyed), Cause::SisRekeyed);
        let off = |evidence: &Evidence| Evidence {
            lost_role: Some(Role::Contact),
            ..evidence.clone()
        };
        assert_eq!(
            told(&many, &off(&none)),
            Cause::RoleSwitchedOff(Role::Contact)
        );
        assert_eq!(told(&many, &off(&rekeyed)), Cause::SisRekeyed);
        // A role says nothing of sections.
        assert_eq!(
            cause(RecordKind::Sections, &many, None, &archiving(), &off(&none)),
            Cause::Unexplained
        );
        let unshared = Evidence {
            schools_gone: ["s".to_owned()].into(),
            ..Evidence::default()
        };
        assert_eq!(told(&many, &unshared), Cause::SchoolUnshared);
        let paused = Evidence {
            paused: true,
            ..unshared
        };
        assert_eq!(told(&many, &paused), Cause::DistrictPaused);
    }

    #[test]
    fn a_rollover_is_told_by_terms_grades_or_new_sections_and_not_by_names() {
        let sections = |counts: &KindCounts, evidence: &Evidence| {
            cause(RecordKind::Sections, counts, None, &archiving(), evidence)
        };
        let same_names = Evidence {
            look_alikes: [(RecordKind::Sections, (100, 100))].into(),
            ..Evidence::default()
        };
        let renewed = KindCounts {
            created: 95,
            ..counts(95, 100, 100)
        };
        assert_eq!(sections(&renewed, &Evidence::default()), Cause::Rollover);
        assert_eq!(sections(&renewed, &same_names), Cause::SisRekeyed);
        for moved in [
            Evidence {
                terms_moved: true,
                ..same_names.clone()
            },
            Evidence {
                grades_advanced: true,
                ..same_names
            },
        ] {
            assert_eq!(sections(&renewed, &moved), Cause::Rollover);
            // Sections that keep their ids are only updated.
            assert_eq!(sections(&counts(100, 100, 0), &moved), Cause::Rollover);
        }
    }

    proptest! {
        #[test]
        fn archiving_more_is_never_less_suspicious(active in 0_u64..5000, archived in 0_u64..5000, more in 0_u64..500) {
            let (less, more) = (archived.min(active), (archived + more).min(active));
            let held = |archived| parts(&counts(active - archived + 1, active, archived)).len();
            prop_assert!(held(more) >= held(less) || (less < 25) != (more < 25));
        }

        #[test]
        fn losing_everything_is_always_held(active in 1_u64..100_000) {
            prop_assert!(!parts(&counts(0, active, active)).is_empty());
            let school = SchoolTally { school: "s".to_owned(), active, archived: active, updated: 0 };
            prop_assert_eq!(!judge_school(&school, &SyncPolicy::default()).is_empty(), active > FEW);
        }

        #[test]
        fn what_is_beyond_enough_changes_no_judgement(
            count in 0_u64..300, of in 0_u64..3000, percent in 0_u64..120, floor in 0_u64..50
        ) {
            let policy = SyncPolicy { floor, max_unenrolled_percent: percent, ..SyncPolicy::default() };
            let places = |enrolled| KindCounts { seen: 1, unenrolled: count, enrolled, ..KindCounts::default() };
            let counted = of.min(enough(count, percent));
            prop_assert_eq!(
                judge(&places(counted), false, &policy),
                judge(&places(of), false, &policy)
            );
        }

        #[test]
        fn what_is_beyond_enough_changes_no_judgement_of_a_school(
            archived in 0_u64..300, updated in 0_u64..300, of in 0_u64..3000, percents in (0_u64..120, 0_u64..120),
            floor in 0_u64..50
        ) {
            let policy = SyncPolicy {
                floor,
                max_school_archived_percent: percents.0,
                max_updated_percent: percents.1,
                ..SyncPolicy::default()
            };
            let school = |active| SchoolTally { school: "s".to_owned(), active, archived, updated };
            let counted = of.min(school_limits(&policy).enough(&school(0)));
            let judged = |active| -> Vec<Part> {
                judge_school(&school(active), &policy).iter().map(|found| found.part).collect()
            };
            prop_assert_eq!(judged(counted), judged(of));
        }

        #[test]
        fn a_first_load_is_never_held(created in any::<u32>()) {
            let first = KindCounts { seen: u64::from(created), created: u64::from(created), ..KindCounts::default() };
            prop_assert!(parts(&first).is_empty());
        }
    }
}
