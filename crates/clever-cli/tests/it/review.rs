//! `cleverctl review`, over a store of accounts as an app keeps it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use clever_auth::seal::{KeyId, SealingKeys};
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::store::{AccountStore, CandidateMaterial, Material};
use clever_provision::{
    Account, AccountId, AccountState, Candidate, Class, Custody, Evidence, LoginMethod, Person,
    Policy, Subject, decide,
};
use clever_sql::Address;
use clever_sync::{AnyStore, Open};

use crate::ground::{cleverctl, errors, held};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// Two accounts of a district, and a rostered student who may have either.
async fn accounts(folder: &Path) {
    let now: Timestamp = "2026-09-14T12:00:00Z".parse().unwrap();
    let address = format!("sqlite:{}", folder.join("accounts.db").display());
    let mut store = AccountStore::open(&address, SealingKeys::new(KeyId(1), &[7; 32]))
        .await
        .unwrap();
    let district = DistrictId::new("d1").unwrap();
    let account = |id: &str| Account {
        id: AccountId::new(id),
        version: 1,
        custody: Custody::Managed {
            by: district.clone(),
        },
        class: Class::Student,
        state: AccountState::Active,
        links: Vec::new(),
        methods: vec![LoginMethod {
            id: "password".into(),
            proven_at: None,
        }],
        last_used: Some(now),
    };
    store
        .import(&[account("a1"), account("a2")], now)
        .await
        .unwrap();
    for id in ["u1", "u2"] {
        let subject = Subject::roster(&Person::new(
            UserId::new(id).unwrap(),
            Some(district.clone()),
            [Role::Student],
        ))
        .unwrap();
        let candidates = ["a1", "a2"].map(|id| Candidate {
            account: AccountId::new(id),
            evidence: [Evidence::NamesAgree].into(),
        });
        let material = Material {
            person: BTreeMap::from([("first".to_owned(), "Ximena".to_owned())]),
            candidates: candidates
                .iter()
                .map(|one| {
                    let material = CandidateMaterial {
                        account: BTreeMap::from([("first".to_owned(), "Mena".to_owned())]),
                        fields: BTreeMap::from([(
                            "first".to_owned(),
                            ("nickname".to_owned(), 5_250),
                        )]),
                        millibits: Some(12_000),
                        sibling_known: true,
                        ..CandidateMaterial::default()
                    };
                    (one.account.clone(), material.with_evidence(&one.evidence))
                })
                .collect(),
        };
        let directory = store
            .directory(&subject, &[], candidates.into())
            .await
            .unwrap();
        let decided = decide(&subject, &[], &directory, &Policy::default(), now);
        store
            .apply(&subject, &decided, &[], None, Some(&material), now)
            .await
            .unwrap();
    }
}

fn review(folder: &Path, args: &[&str]) -> Output {
    let mut command = cleverctl();
    command
        .current_dir(folder)
        .env("CLEVER_KEY", KEY)
        .arg("review")
        .args(args);
    command
        .args(["--accounts", "sqlite:accounts.db"])
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_queue_is_shown_answered_and_kept_in_the_ledger() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    accounts(folder).await;
    // The audit lies in the store of rosters, which a command finds under its usual name.
    let roster = format!("sqlite:{}", folder.join("clever.db").display());
    let roster = Address::parse(&roster).unwrap();
    let mut roster = AnyStore::open(&roster, Open::Create).await.unwrap();
    let list = review(folder, &[]);
    assert_eq!(list.status.code(), Some(0), "{}", errors(&list));
    assert!(
        text(&list).contains("a1, a2") && !text(&list).contains("Ximena"),
        "{}",
        text(&list)
    );
    let all = review(folder, &["--json"]);
    let all = held("reviews", &all.stdout);
    let id = |at: usize| all["reviews"][at]["id"].to_string();
    assert_eq!(all["reviews"][0]["material"]["person"]["first"], "Ximena");
    let shown = review(folder, &["show", &id(0), "--json"]);
    held("review", &shown.stdout);
    let shown = text(&review(folder, &["show", &id(0)]));
    for wanted in [
        "Ximena",
        "Mena",
        "nickname",
        "5250",
        "12000 millibits",
        "another person of that family",
        "closes 1 way in",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let nobody = review(folder, &["approve", &id(0), "--account", "a1"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(errors(&nobody).contains("--as ID"), "{}", errors(&nobody));
    let other = review(
        folder,
        &["approve", &id(0), "--account", "a9", "--as", "t7"],
    );
    assert!(
        errors(&other).contains("account a9 is no candidate of review"),
        "{}",
        errors(&other)
    );
    let answer = review(
        folder,
        &["approve", &id(0), "--account", "a1", "--as", "t7"],
    );
    assert_eq!(answer.status.code(), Some(0), "{}", errors(&answer));
    assert!(text(&answer).contains("account a1 is the person's"));
    let again = review(
        folder,
        &["approve", &id(0), "--account", "a1", "--as", "t7"],
    );
    assert!(errors(&again).contains("is not open"), "{}", errors(&again));
    let declined = review(folder, &["decline", &id(1), "--as", "t7"]);
    assert_eq!(declined.status.code(), Some(0), "{}", errors(&declined));
    assert!(text(&review(folder, &[])).contains("Nothing to review."));
    let deeds = roster.judged(None, None, 10).await.unwrap();
    let deeds: Vec<[&str; 5]> = deeds
        .iter()
        .map(|one| {
            let [deed, subject] = [&one.deed, &one.subject];
            [&one.district_id, &one.actor, &one.role, deed, subject].map(String::as_str)
        })
        .collect();
    let [first, second] = [0, 1].map(|at| format!("question {}", id(at)));
    assert_eq!(
        deeds,
        [
            ["d1", "t7", "terminal", "decline", &second],
            ["d1", "t7", "terminal", "link", &first]
        ],
        "what was refused is no row"
    );
    let verified = review(folder, &["verify", "--json"]);
    assert!(held("review-verify", &verified.stdout)["entries"].as_u64() > Some(0));
    let expired = review(folder, &["expire", "--json"]);
    assert_eq!(held("review-expire", &expired.stdout)["expired"], 0);
    assert!(text(&review(folder, &["verify"])).contains("the chain holds"));
    assert!(text(&review(folder, &["expire"])).contains("0 reviews expired"));
}

#[tokio::test]
async fn answers_are_documents_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    accounts(folder).await;
    let all = held("reviews", &review(folder, &["--json"]).stdout);
    let [first, second] = [0, 1].map(|at: usize| all["reviews"][at]["id"].to_string());
    let approve = ["approve", &first, "--account", "a1", "--as", "t7", "--json"];
    let approved = review(folder, &approve);
    assert_eq!(
        held("review-approve", &approved.stdout)["linked"],
        "a1",
        "{}",
        errors(&approved)
    );
    // An app without rosters has no audit: the answer stands, and that is said.
    assert!(
        errors(&approved).contains("the audit does not have this"),
        "{}",
        errors(&approved)
    );
    let declined = review(folder, &["decline", &second, "--as", "t7", "--json"]);
    let declined = held("review-decline", &declined.stdout);
    assert_eq!(declined["declined"].to_string(), second);
}

#[tokio::test]
async fn without_the_key_or_the_database_nothing_is_shown() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    accounts(folder).await;
    let mut command = cleverctl();
    command
        .current_dir(folder)
        .env("CLEVER_KEY", KEY.replace('B', "C"))
        .args(["review", "--json", "--accounts"]);
    let output = command.arg("sqlite:accounts.db").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("does not open") && !text(&output).contains("Ximena"),
        "{}",
        errors(&output)
    );
    let output = cleverctl()
        .current_dir(folder)
        .env("CLEVER_KEY", KEY)
        .args(["review"])
        .output()
        .unwrap();
    assert!(
        errors(&output).contains("CLEVER_ACCOUNTS"),
        "{}",
        errors(&output)
    );
}
