//! Who is who by the emulator's world, and what must hold of the accounts: found by a name that our code never reads.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{RecordKind, Role, UserId};
use serde_json::Value;

use super::ground::Ground;
use crate::directory::{AccountId, AccountState};

/// A human being.
type Human = String;

/// Who is who.
#[derive(Default)]
pub(super) struct Truth {
    /// Every Clever id that ever was.
    humans: BTreeMap<UserId, Human>,
    /// What an employee's roles were called in the district, to tell who became two.
    marks: BTreeMap<String, Human>,
    /// Whose account it was first.
    firsts: BTreeMap<Human, AccountId>,
    /// Who is in the world today, under which ids.
    present: BTreeMap<Human, BTreeSet<UserId>>,
}

fn marks(user: &Value) -> Vec<String> {
    let mark = |role: &str, key: &str| {
        let id = user["roles"][role][key]
            .as_str()
            .filter(|id| !id.is_empty())?;
        Some(format!("{role} {id}"))
    };
    let marks = [mark("teacher", "sis_id"), mark("staff", "staff_id")];
    marks.into_iter().flatten().collect()
}

impl Truth {
    /// Looks at the world.
    pub(super) fn look(&mut self, ground: &Ground) {
        let users: Vec<Value> = ground.emulator.with_world(|world| {
            let users = world.list(RecordKind::Users).values();
            users
                .filter(|user| !user.has_role(Role::Contact))
                .map(|user| user.value())
                .collect()
        });
        self.present.clear();
        for user in users {
            let id: UserId = user["id"].as_str().unwrap().parse().unwrap();
            let marks = marks(&user);
            // A student keeps the login name whatever becomes of ids, names and numbers.
            let student = &user["roles"]["student"]["credentials"]["district_username"];
            let human = match (self.humans.get(&id), student.as_str()) {
                (Some(human), _) => human.clone(),
                (None, Some(name)) => format!("student {name}"),
                (None, None) => {
                    let known = marks.iter().find_map(|mark| self.marks.get(mark));
                    known.cloned().unwrap_or_else(|| format!("employee {id}"))
                }
            };
            for mark in marks {
                self.marks.insert(mark, human.clone());
            }
            self.humans.insert(id.clone(), human.clone());
            self.present.entry(human).or_default().insert(id);
        }
    }

    /// Who an identity is.
    pub(super) fn who(&self, id: &UserId) -> &Human {
        &self.humans[id]
    }

    /// Whether somebody is two people to Clever today.
    pub(super) fn is_two(&self, human: &Human) -> bool {
        self.present.get(human).is_some_and(|ids| ids.len() > 1)
    }

    /// Ids of people who are in the world today.
    pub(super) fn ids(&self) -> Vec<UserId> {
        self.present.values().flatten().cloned().collect()
    }

    /// Who holds an account: everybody whose id opened it ever.
    pub(super) async fn holders(
        &self,
        ground: &mut Ground,
        account: &AccountId,
    ) -> BTreeSet<Human> {
        let history = ground
            .accounts
            .history(Some(account), None, None, u32::MAX)
            .await
            .unwrap();
        let linked = history
            .into_iter()
            .filter_map(|(_, draft)| match draft.event {
                crate::ledger::Event::Linked {
                    account: of, id, ..
                } if of == *account => Some(id),
                _ => None,
            });
        linked.map(|id| self.who(&id).clone()).collect()
    }

    /// Holds the accounts against the world. `settled` where every question was answered, so that nobody waits.
    pub(super) async fn check(&mut self, ground: &mut Ground, settled: bool) {
        let all = ground.accounts.accounts(None, 100_000).await.unwrap();
        let waiting: BTreeSet<Human> = ground
            .accounts
            .reviews()
            .await
            .unwrap()
            .iter()
            .map(|review| self.who(&review.user).clone())
            .collect();
        assert!(!settled || waiting.is_empty());
        let mut standing: BTreeMap<Human, Vec<&AccountId>> = BTreeMap::new();
        for account in &all {
            if matches!(account.state, AccountState::Merged { .. }) {
                continue;
            }
            let holders: BTreeSet<&Human> = account
                .links
                .iter()
                .map(|link| self.who(&link.id))
                .collect();
            assert!(holders.len() < 2, "{} is shared by {holders:?}", account.id);
            let Some(holder) = holders.into_iter().next() else {
                continue;
            };
            standing
                .entry(holder.clone())
                .or_default()
                .push(&account.id);
            let here = self.present.contains_key(holder);
            let state = if here {
                AccountState::Active
            } else {
                AccountState::Archived
            };
            // A second account of somebody who waits may be that of an id that is gone.
            if !waiting.contains(holder) && !self.is_two(holder) {
                assert_eq!(account.state, state, "{} of {holder}", account.id);
            }
        }
        for (human, accounts) in &standing {
            let one = accounts.len() == 1 || self.is_two(human) || waiting.contains(human);
            assert!(one, "{human} has {accounts:?}");
        }
        for (human, ids) in &self.present {
            let mut has = None;
            for id in ids {
                has = has.or(ground.account_of(id).await);
            }
            let Some(has) = has else {
                assert!(
                    waiting.contains(human),
                    "{human} has no account and nobody is asked"
                );
                continue;
            };
            let first = self
                .firsts
                .entry(human.clone())
                .or_insert_with(|| has.clone())
                .clone();
            let known = standing.get(human).is_some_and(|all| {
                // The first account stands, or was merged into one that does.
                all.contains(&&first) || !all.is_empty()
            });
            assert!(known, "{human} lost {first}");
            if settled && !self.is_two(human) {
                let stands = stands_for(&all, &first);
                assert_eq!(stands, has, "{human} has another account than the first");
            }
        }
    }
}

/// The account that stands for one today.
fn stands_for(all: &[crate::Account], id: &AccountId) -> AccountId {
    let mut at = id.clone();
    while let Some(AccountState::Merged { into }) =
        all.iter().find(|one| one.id == at).map(|one| &one.state)
    {
        at = into.clone();
    }
    at
}
