//! The roster changes step by step, and the accounts are read after each.

use std::collections::BTreeSet;

use crate::{CertificationUser, Happening};
use clever_model::RecordKind;
use serde_json::Value;

use super::judge::{self, Expected};
use super::source::{Account, Accounts, AccountsError};
use crate::certify::app::AppUnderTest;
use crate::certify::check::Check;
use crate::certify::clever::RehearsalClever;
use crate::certify::finding::{Finding, Outcome, Verdict};
use crate::certify::visit::visitor::Visitor;

/// The checks of accounts.
const CHECKS: [Check; 7] = [
    Check::UsersUnique,
    Check::UsersComplete,
    Check::UsersSisIds,
    Check::UsersArchived,
    Check::UsersRestored,
    Check::UsersRollover,
    Check::UsersRekeyed,
];

/// Whom the district shares no longer for a while: somebody who has been in the app.
const LEAVER: CertificationUser = CertificationUser::Neighbour;
/// Who has another Clever id after a while.
const REKEYED: CertificationUser = CertificationUser::LongSisId;

/// Checks the app's accounts; `known` have signed in before.
pub(crate) async fn run(
    app: &AppUnderTest,
    clever: &RehearsalClever,
    known: &[CertificationUser],
) -> Vec<Finding> {
    let Some(accounts) = &app.accounts else {
        let why = "the app's accounts can't be read (--users-json, --users-command, --store)";
        let not_run = |check| Outcome::not_run(why).found(check, "nothing");
        return CHECKS.map(not_run).into();
    };
    let mut steps = Steps {
        app,
        clever,
        accounts,
        known,
        findings: Vec::new(),
    };
    if let Err(error) = steps.all().await {
        // What can't be read is said once for each check that needs it.
        let done: BTreeSet<Check> = steps.findings.iter().map(|one| one.check).collect();
        let rest = CHECKS.into_iter().filter(|check| !done.contains(check));
        let failed = rest.map(|check| {
            Outcome::failed(error.to_string()).found(check, "read the app's accounts")
        });
        steps.findings.extend(failed);
    }
    steps.findings
}

struct Steps<'a> {
    app: &'a AppUnderTest,
    clever: &'a RehearsalClever,
    accounts: &'a Accounts,
    known: &'a [CertificationUser],
    findings: Vec<Finding>,
}

impl Steps<'_> {
    fn found(&mut self, check: Check, sent: &str, outcome: Outcome) {
        self.findings.push(outcome.found(check, sent));
    }

    async fn all(&mut self) -> Result<(), AccountsError> {
        let expected = self.expected();
        let is_complete =
            |all: &[Account]| judge::complete(all, &expected).verdict == Verdict::Passed;
        let all = self.accounts.after_sync(is_complete).await?;
        let sent = "read the app's accounts";
        self.found(Check::UsersUnique, sent, judge::unique(&all));
        self.found(Check::UsersComplete, sent, judge::complete(&all, &expected));
        self.found(Check::UsersSisIds, sent, judge::sis_ids(&all));
        self.unshare(&all).await?;
        self.rollover().await?;
        self.rekey().await
    }

    /// Whom the app should know: everybody of its roles, or who has signed in.
    fn expected(&self) -> Expected {
        let known: BTreeSet<&str> = self.known.iter().map(|user| user.id()).collect();
        let is_expected = |id: &str| !self.accounts.made_at_sign_in || known.contains(id);
        self.clever.emulator().with_world(|world| {
            let mut expected = Expected::new();
            for role in &self.app.roles {
                for id in world.with_role(*role).keys().filter(|id| is_expected(id)) {
                    expected.entry(id).or_default().insert(*role);
                }
            }
            expected
        })
    }

    /// Somebody leaves the sharing, and comes back.
    async fn unshare(&mut self, before: &[Account]) -> Result<(), AccountsError> {
        let id = LEAVER.id();
        let Some(own) = before.iter().find(|account| account.clever_id == id) else {
            for check in [Check::UsersArchived, Check::UsersRestored] {
                let why =
                    "the app has no account of the student whom the district shares no longer";
                self.found(check, "shared a student no longer", Outcome::not_run(why));
            }
            return Ok(());
        };
        let left = take_out(self.clever, id);
        let is_closed = |all: &[Account]| judge::archived(all, id).verdict == Verdict::Passed;
        let all = self.accounts.after_sync(is_closed).await?;
        self.found(
            Check::UsersArchived,
            "shared a student no longer",
            judge::archived(&all, id),
        );
        put_back(self.clever, id, &left);
        let is_back =
            |all: &[Account]| judge::restored(all, Some(own), id).verdict == Verdict::Passed;
        let all = self.accounts.after_sync(is_back).await?;
        let outcome = match self.accounts.made_at_sign_in {
            // Such an app may wait for the next sign-in.
            true if !is_back(&all) => {
                self.sign_in(id).await;
                let all = self.accounts.read().await?;
                judge::restored(&all, Some(own), id)
            }
            _ => judge::restored(&all, Some(own), id),
        };
        self.found(Check::UsersRestored, "shared the student again", outcome);
        Ok(())
    }

    async fn rollover(&mut self) -> Result<(), AccountsError> {
        let before = self.accounts.read().await?;
        self.clever.emulator().happen(Happening::Rollover);
        let ids: BTreeSet<String> = before.iter().map(|one| one.clever_id.clone()).collect();
        let made_at_sign_in = self.accounts.made_at_sign_in;
        // The beginners tell that the roster was read.
        let is_read = |all: &[Account]| {
            made_at_sign_in || all.iter().any(|one| !ids.contains(&one.clever_id))
        };
        let all = self.accounts.after_sync(is_read).await?;
        let sent = "let a new school year begin: other grades, terms and sections";
        self.found(Check::UsersRollover, sent, judge::kept(&before, &all));
        Ok(())
    }

    async fn rekey(&mut self) -> Result<(), AccountsError> {
        let sent = "gave a student another Clever id, and signed the student in";
        let new = another_id(self.clever, REKEYED.id());
        let old = REKEYED.id();
        let is_there =
            |all: &[Account], id: &str| all.iter().any(|one| one.clever_id == id && one.is_active);
        let is_read = |all: &[Account]| !is_there(all, old) || is_there(all, &new);
        self.accounts.after_sync(is_read).await?;
        self.sign_in(&new).await;
        let judged = |all: &[Account]| judge::one_account(all, old, &new);
        let is_one = |all: &[Account]| judged(all).verdict < Verdict::Failed;
        let all = self.accounts.after_sync(is_one).await?;
        self.found(Check::UsersRekeyed, sent, judged(&all));
        Ok(())
    }

    /// Signs somebody in by the portal, without a browser; what the app answers is another check's affair.
    async fn sign_in(&self, id: &str) {
        let mut url = self.clever.at("/portal/launch");
        url.query_pairs_mut()
            .append_pair("client_id", self.clever.emulator().client_id())
            .append_pair("user", id);
        if let Ok(mut visitor) = Visitor::new() {
            drop(visitor.walk(&url, |_| false).await);
        }
    }
}

/// Somebody's record, and the sections and lists in which the person stood.
struct Left {
    record: Value,
    sections: Vec<(String, &'static str)>,
}

/// Takes somebody out of the district's sharing.
fn take_out(clever: &RehearsalClever, id: &str) -> Left {
    clever.emulator().with_world(|world| {
        let record = world.value(RecordKind::Users, id).unwrap_or_default();
        let mut sections = Vec::new();
        for (section, record) in world.list(RecordKind::Sections).iter() {
            for list in ["students", "teachers"] {
                let value = record.value();
                let stands = value[list]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == id));
                if stands {
                    sections.push((section.to_string(), list));
                }
            }
        }
        for (section, list) in &sections {
            world.edit(RecordKind::Sections, section, |record| {
                if let Some(all) = record[*list].as_array_mut() {
                    all.retain(|one| one != id);
                }
            });
        }
        world.remove(RecordKind::Users, id);
        Left { record, sections }
    })
}

/// Gives a student another Clever id; which.
///
/// One student: an app that lets a re-key of all wait for a person is right to.
fn another_id(clever: &RehearsalClever, id: &str) -> String {
    let mut left = take_out(clever, id);
    let new: String = id.chars().rev().collect();
    left.record["id"] = new.as_str().into();
    put_back(clever, &new, &left);
    new
}

/// Puts somebody back where the person stood.
fn put_back(clever: &RehearsalClever, id: &str, left: &Left) {
    clever.emulator().with_world(|world| {
        world.put(RecordKind::Users, id, left.record.to_string());
        for (section, list) in &left.sections {
            world.edit(RecordKind::Sections, section, |record| {
                if let Some(all) = record[*list].as_array_mut() {
                    all.push(id.into());
                }
            });
        }
    });
}
