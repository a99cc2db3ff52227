//! P1 to P18 and P28 of the identity model.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::UserId;
use proptest::prelude::*;
use proptest::sample::Index;

use super::memory::{ApplyError, MemoryAccounts};
use super::world::{
    World, account, account_id, district, evidence, login, now, policies, user, world_of, worlds,
};
use crate::directory::{Account, AccountId, Candidate, Custody, Directory};
use crate::effects::Notice;
use crate::evidence::{Evidence, Field};
use crate::policy::Policy;
use crate::reach::in_reach;
use crate::rule::{Outcome, Rule};
use crate::subject::{Class, Classes, SharedBy};

use crate::{Accepts, Basis, Decided, Decision, Explanation, decide, decide_all};

fn class_of(world: &World) -> Option<Class> {
    match world.subject.classes {
        Classes::One(class) => Some(class),
        _ => None,
    }
}

/// The account that the subject is joined to without anybody's proof or Clever's own word.
fn unattended(decided: &Decided) -> Option<&AccountId> {
    match &decided.decision {
        Decision::Link {
            account,
            basis: Basis::Reach | Basis::Score,
        } => Some(account),
        _ => None,
    }
}

/// What breaks uniqueness: Clever ids with several standing accounts, and accounts with several live Clever
/// ids of one district.
fn violations(accounts: &BTreeMap<AccountId, Account>) -> usize {
    let mut of_id: BTreeMap<&UserId, usize> = BTreeMap::new();
    let mut crowded = 0;
    for account in accounts.values() {
        let mut of_district: BTreeMap<_, BTreeSet<&UserId>> = BTreeMap::new();
        for link in &account.links {
            *of_id.entry(&link.id).or_default() += 1;
            if link.in_roster && link.district.is_some() {
                of_district
                    .entry(&link.district)
                    .or_default()
                    .insert(&link.id);
            }
        }
        crowded += of_district.values().map(|ids| ids.len() - 1).sum::<usize>();
    }
    crowded + of_id.values().map(|count| count - 1).sum::<usize>()
}

fn rotated<T: Clone>(all: &[T], by: usize) -> Vec<T> {
    let mut all = all.to_vec();
    if !all.is_empty() {
        let by = by % all.len();
        all.rotate_left(by);
    }
    all
}

/// Whether a candidate's score is behind that of the account by the margin, and no id speaks for it.
fn is_behind(world: &World, account: &AccountId, candidate: &Candidate) -> bool {
    let scores = |evidence: &BTreeSet<Evidence>| -> Vec<i32> {
        let scores = evidence.iter().filter_map(|one| match one {
            Evidence::Score { millibits } => Some(*millibits),
            _ => None,
        });
        scores.collect()
    };
    let standing = |one: &Candidate| {
        let account = world.directory.standing(&one.account);
        account.map(|account| account.id.clone())
    };
    let of = |id: Option<AccountId>| {
        let all = world.directory.candidates.iter();
        let all = all.filter(move |one| standing(one) == id);
        all.collect::<Vec<&Candidate>>()
    };
    let best = of(Some(account.clone()))
        .into_iter()
        .flat_map(|one| scores(&one.evidence))
        .min();
    let rivals = of(standing(candidate));
    let own = rivals.iter().flat_map(|one| scores(&one.evidence)).max();
    let has_id = rivals.iter().flat_map(|one| &one.evidence).any(|one| {
        matches!(
            one,
            Evidence::ScopedSis | Evidence::ScopedNumber | Evidence::StateId
        )
    });
    best.zip(own)
        .is_some_and(|(best, own)| best - own >= world.policy.margin_millibits.max(1))
        && !has_id
}

/// A stricter policy than both.
fn stricter(a: &Policy, b: &Policy) -> Policy {
    Policy {
        managed_auto: a.managed_auto && b.managed_auto,
        score_auto: a.score_auto && b.score_auto,
        rare_names_auto: a.rare_names_auto && b.rare_names_auto,
        another_name_auto: a.another_name_auto && b.another_name_auto,
        id_change_auto: a.id_change_auto && b.id_change_auto,
        auto_millibits: a.auto_millibits.max(b.auto_millibits),
        margin_millibits: a.margin_millibits.max(b.margin_millibits),
        idle_limit_days: a.idle_limit_days.min(b.idle_limit_days),
        ask_before_create: a.ask_before_create || b.ask_before_create,
        create_at_sync: a.create_at_sync && b.create_at_sync,
        blocked: a.blocked.union(&b.blocked).copied().collect(),
        block_library: a.block_library || b.block_library,
    }
}

fn renamed(world: &World) -> World {
    let other = |id: &clever_model::DistrictId| district(if *id == district(1) { 9 } else { 8 });
    let mut world = world.clone();
    if let SharedBy::District(by) = &mut world.subject.authority {
        *by = other(by);
    }
    for account in world.directory.accounts.values_mut() {
        if let Custody::Unclaimed { by } | Custody::Managed { by } = &mut account.custody {
            *by = other(by);
        }
        for by in account
            .links
            .iter_mut()
            .filter_map(|link| link.district.as_mut())
        {
            *by = other(by);
        }
    }
    world
}

/// A decision without what names the inputs.
fn bare(mut decided: Decided) -> Decided {
    decided.why = Explanation {
        inputs: [0; 32],
        ..decided.why
    };
    decided
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p1_total_whatever_the_directory_says(
        mut world in worlds(), linked in prop::collection::btree_set(0_usize..8, 0..3),
        legacy in prop::collection::btree_set(0_usize..8, 0..3),
    ) {
        // Not true to the accounts, and naming some that are not there.
        world.directory.linked = linked.into_iter().map(account_id).collect();
        world.directory.by_legacy_id = legacy.into_iter().map(account_id).collect();
        let _ = world.decide();
    }

    #[test]
    fn every_outcome_stands_in_the_table(world in worlds()) {
        let decided = world.decide();
        let class = class_of(&world).unwrap_or(Class::Contact);
        let allowed = decided.why.rule.outcomes(class, world.subject.is_login());
        prop_assert!(allowed.contains(&decided.outcome()), "{:?}", decided);
    }

    #[test]
    fn p2_the_order_of_what_is_given_changes_nothing(world in worlds(), by in 0_usize..7) {
        let mut other = world.clone();
        other.directory.candidates = rotated(&world.directory.candidates, by);
        other.proofs = rotated(&world.proofs, by);
        prop_assert_eq!(world.decide(), other.decide());
    }

    #[test]
    fn p3_nothing_is_joined_out_of_reach_without_proof(world in worlds()) {
        let decided = world.decide();
        let standing = |ids: &BTreeSet<AccountId>| -> BTreeSet<AccountId> {
            ids.iter().filter_map(|id| world.directory.standing(id)).map(|account| account.id.clone()).collect()
        };
        let (linked, legacy) = (standing(&world.directory.linked), standing(&world.directory.by_legacy_id));
        let reached = |id: &AccountId| {
            in_reach(&world.subject, class_of(&world).unwrap(), &world.directory.accounts[id])
        };
        match &decided.decision {
            Decision::LogIn { account } => prop_assert!(linked.contains(account)),
            Decision::Link { account, basis: Basis::SameIdentity } => prop_assert!(legacy.contains(account)),
            Decision::Link { account, basis: Basis::Holder | Basis::Admin } => {
                prop_assert!(world.proven().contains(account));
            }
            Decision::Link { account, basis: Basis::Reach | Basis::Score } => prop_assert!(reached(account)),
            Decision::Merge { accounts } => {
                prop_assert!(accounts.iter().all(|id| linked.contains(id) || world.proven().contains(id)));
            }
            Decision::Ask { offers, accepts } => {
                let known = |id: &AccountId| *accepts == Accepts::ProofOfAll && legacy.contains(id);
                prop_assert!(offers.len() <= 3 && offers.iter().all(|id| known(id) || reached(id)));
            }
            Decision::Create { .. } | Decision::Review { .. } | Decision::Refuse => {}
        }
    }

    #[test]
    fn p4_classes_meet_by_an_admins_word_alone(world in worlds()) {
        let decided = world.decide();
        let class = class_of(&world);
        match &decided.decision {
            Decision::Link { basis: Basis::Admin, .. } => {}
            Decision::LogIn { account } if world.directory.accounts[account].links.iter().any(|link| link.by_admin) => {}
            Decision::LogIn { account } | Decision::Link { account, .. } => {
                prop_assert_eq!(Some(world.directory.accounts[account].class), class);
            }
            Decision::Merge { accounts } => {
                prop_assert!(accounts.iter().all(|id| Some(world.directory.accounts[id].class) == class));
            }
            _ => {}
        }
    }

    #[test]
    fn p5_what_is_ambiguous_is_never_linked(world in worlds()) {
        let decided = world.decide();
        let Some(account) = unattended(&decided) else { return Ok(()) };
        prop_assert!(!world.directory.truncated);
        let class = class_of(&world).unwrap();
        for candidate in &world.directory.candidates {
            let Some(other) = world.directory.standing(&candidate.account) else { continue };
            let fits = in_reach(&world.subject, class, other)
                && candidate.evidence.iter().any(|one| one.speaks_for());
            let behind = is_behind(&world, account, candidate);
            prop_assert!(!fits || behind || other.id == *account, "{} fits as well", other.id);
            if other.id == *account {
                prop_assert!(!candidate.evidence.contains(&Evidence::SiblingFits));
                let contradictions = candidate.evidence.iter().filter(|one| {
                    matches!(one, Evidence::Contradiction(field)
                        if !matches!(field, Field::SisId | Field::StudentNumber) || decided.effects.retire.is_empty())
                });
                prop_assert_eq!(contradictions.count(), 0);
            }
        }
    }

    #[test]
    fn p6_an_address_links_nobody(world in worlds(), holders in 1_u32..4) {
        let without = |mailbox: Option<Evidence>| {
            let mut world = world.clone();
            for candidate in &mut world.directory.candidates {
                candidate.evidence.retain(|one| !matches!(one, Evidence::Mailbox { .. }));
                candidate.evidence.extend(mailbox);
            }
            world.decide()
        };
        let (none, all) = (without(None), without(Some(Evidence::Mailbox { holders })));
        prop_assert_eq!(none.outcome(), all.outcome());
        prop_assert_eq!(unattended(&none), unattended(&all));
    }

    #[test]
    fn p7_districts_are_names_and_other_districts_are_nothing(world in worlds()) {
        prop_assert_eq!(bare(world.decide()), bare(renamed(&world).decide()));
        let mut other = world.clone();
        other.proofs.clear();
        let before = other.decide();
        let class = class_of(&world);
        // What the ids open, to the accounts that stand for it today.
        let mine: BTreeSet<AccountId> = world
            .directory
            .linked
            .union(&world.directory.by_legacy_id)
            .filter_map(|id| world.directory.standing(id))
            .map(|account| account.id.clone())
            .collect();
        for account in other.directory.accounts.values_mut() {
            let theirs = match &account.custody {
                Custody::Unclaimed { by } | Custody::Managed { by } => Some(by) != world.subject.district(),
                _ => false,
            };
            if theirs && !mine.contains(&account.id) && class.is_some() {
                account.version += 1;
                account.last_used = Some(now());
                account.methods.clear();
            }
        }
        prop_assert_eq!(bare(before), bare(other.decide()));
    }

    #[test]
    fn p8_doubt_only_moves_away_from_a_link(
        world in worlds(), which in any::<Index>(), doubt in 0_u8..4, field in 0_usize..5, extra in evidence(),
    ) {
        let before = world.decide();
        let mut doubted = world.clone();
        match doubt {
            0 | 1 if doubted.directory.candidates.is_empty() => return Ok(()),
            0 => {
                let fields = [Field::Name, Field::Birth, Field::StateId, Field::SisId, Field::Grade];
                let at = which.index(doubted.directory.candidates.len());
                doubted.directory.candidates[at].evidence.insert(Evidence::Contradiction(fields[field]));
            }
            1 => {
                let at = which.index(doubted.directory.candidates.len());
                doubted.directory.candidates[at].evidence.insert(Evidence::SiblingFits);
            }
            2 => doubted.directory.truncated = true,
            // One more candidate: a twin, a tie, or anybody.
            _ => {
                // The first one that fits at all is no doubt.
                let fits = world.directory.candidates.iter().any(|candidate| {
                    let account = world.directory.standing(&candidate.account);
                    let class = class_of(&world);
                    account.zip(class).is_some_and(|(account, class)| {
                        in_reach(&world.subject, class, account)
                            && candidate.evidence.iter().any(|one| one.speaks_for())
                    })
                });
                if !fits {
                    return Ok(());
                }
                let mut twin = account(7, class_of(&world).unwrap_or(Class::Student), Custody::Personal);
                if let Some(by) = world.subject.district() {
                    twin.custody = Custody::Managed { by: by.clone() };
                }
                doubted.directory.candidates.push(Candidate { account: twin.id.clone(), evidence: extra });
                doubted.directory.accounts.insert(twin.id.clone(), twin);
            }
        }
        let after = doubted.decide();
        if let Some(account) = unattended(&after) {
            // One that is far ahead of all others may be the person's; it makes no other one so.
            prop_assert!(unattended(&before) == Some(account) || *account == account_id(7));
        }
    }

    #[test]
    fn p9_a_stricter_policy_links_less(world in worlds(), other in policies()) {
        let mut strict = world.clone();
        strict.policy = stricter(&world.policy, &other);
        if let Some(account) = unattended(&strict.decide()) {
            let lax = world.decide();
            prop_assert_eq!(unattended(&lax), Some(account));
        }
    }

    #[test]
    fn p10_p11_p12_applying_is_final_unique_and_once(world in worlds()) {
        let decided = world.decide();
        let mut accounts = MemoryAccounts::new(world.directory.accounts.values().cloned());
        let before = violations(accounts.accounts());
        let new = account_id(99);
        match accounts.apply(&world.subject, &decided, &new, now()) {
            Ok(account) => {
                // P11: nothing that was unique is not.
                prop_assert!(violations(accounts.accounts()) <= before, "{:?}", decided);
                // P10: the next login finds it.
                let directory = accounts.directory(&world.subject, world.directory.candidates.clone());
                let again = decide(&world.subject, &[], &directory, &world.policy, now());
                prop_assert_eq!(&again.decision, &Decision::LogIn { account });
                // P12: the same decision again is stale, and changes nothing.
                let after = accounts.accounts().clone();
                let stale = accounts.apply(&world.subject, &decided, &account_id(98), now());
                let is_stale = matches!(stale, Err(ApplyError::Stale { .. }));
                prop_assert!(is_stale);
                prop_assert_eq!(accounts.accounts(), &after);
            }
            Err(error) => {
                prop_assert_eq!(error, ApplyError::NotForMachines);
                let asks = matches!(
                    decided.outcome(),
                    Outcome::Ask | Outcome::Review | Outcome::Refuse | Outcome::Merge
                );
                prop_assert!(asks);
                prop_assert_eq!(accounts.accounts(), &world.directory.accounts);
            }
        }
    }

    #[test]
    fn p16_the_explanation_replays_and_leaves_no_candidate_out(world in worlds()) {
        let decided = world.decide();
        prop_assert_eq!(&decided, &world.clone().decide());
        let mut other = world.clone();
        other.directory.version += 1;
        prop_assert_ne!(decided.why.inputs, other.decide().why.inputs);
        if decided.why.rule < Rule::R4 || decided.why.rule == Rule::R9 {
            // Ids or proofs settled it; no candidate was weighed.
            return Ok(());
        }
        for candidate in &world.directory.candidates {
            let id = world.directory.standing(&candidate.account).map_or(&candidate.account, |account| &account.id);
            let taken = matches!(&decided.decision, Decision::Link { account, .. } if account == id);
            let listed = decided.why.rejected.contains_key(id) || decided.why.rejected.contains_key(&candidate.account);
            prop_assert!(taken || listed, "{id}: {:?}", decided);
        }
    }

    #[test]
    fn p17_joining_a_used_account_ends_what_was_there(world in worlds()) {
        let decided = world.decide();
        let accounts: Vec<&AccountId> = match &decided.decision {
            Decision::Link { account, .. } => vec![account],
            Decision::Merge { accounts } => accounts.iter().collect(),
            _ => return Ok(()),
        };
        for account in accounts.into_iter().map(|id| &world.directory.accounts[id]) {
            if account.last_used.is_none() && account.methods.is_empty() {
                continue;
            }
            prop_assert_eq!(decided.effects.revoke_sessions_before, Some(now()));
            prop_assert!(decided.effects.cancel_pending);
            prop_assert!(decided.effects.notify.contains(&Notice::Holder));
            for method in account.methods.iter().filter(|method| method.proven_at.is_none()) {
                prop_assert!(decided.effects.quarantine.contains(&method.id));
            }
        }
    }

    #[test]
    fn p18_nobody_who_may_enter_is_left_outside(world in worlds()) {
        let decided = world.decide();
        let barred = matches!(decided.why.rule, Rule::R0 | Rule::R1b | Rule::R1c | Rule::R1d);
        if world.subject.is_login() && !barred {
            prop_assert!(!matches!(decided.outcome(), Outcome::Review | Outcome::Refuse), "{:?}", decided);
        }
    }

    #[test]
    fn p28_many_at_once_are_decided_as_each_alone(worlds in prop::collection::vec(worlds(), 1..6), by in 0_usize..6) {
        let policy = worlds[0].policy.clone();
        let batch = |worlds: &[World]| -> Vec<Decided> {
            decide_all(worlds.iter().map(|world| (&world.subject, &world.directory)), &policy, now())
        };
        let all = batch(&worlds);
        let mut claims: BTreeMap<AccountId, usize> = BTreeMap::new();
        for (world, together) in worlds.iter().zip(&all) {
            let alone = decide(&world.subject, &[], &world.directory, &policy, now());
            if let Decision::Link { account, .. } = &together.decision {
                *claims.entry(account.clone()).or_default() += 1;
            }
            if together.why.rule == Rule::Tie {
                let was_link = matches!(&alone.decision, Decision::Link { .. });
                prop_assert!(was_link);
            } else {
                prop_assert_eq!(together, &alone);
            }
        }
        prop_assert!(claims.values().all(|count| *count == 1));
        let (turned, turned_back) = (rotated(&worlds, by), rotated(&all, by));
        prop_assert_eq!(batch(&turned), turned_back);
    }
}

#[test]
fn p1_ten_thousand_candidates_take_no_time_to_speak_of() {
    let accounts: Vec<Account> = (0..10_000)
        .map(|number| account(number, Class::Student, Custody::Managed { by: district(1) }))
        .collect();
    let world = world_of(login(Class::Student, 1), accounts);
    let decided = world.decide();
    assert_eq!(
        (decided.why.rule, decided.outcome()),
        (Rule::R7, Outcome::CreateAndPark)
    );
    assert_eq!(decided.why.rejected.len(), 10_000);
    assert_eq!(Directory::default().standing(&account_id(0)), None);
    let _ = user(0);
}
