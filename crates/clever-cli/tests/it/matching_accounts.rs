//! `cleverctl match --accounts`: decisions about a roster land in a store of accounts, once.

use std::fs;
use std::path::Path;
use std::process::Output;

use clever_auth::seal::{KeyId, SealingKeys};
use clever_model::{DistrictId, Timestamp};
use clever_provision::store::AccountStore;
use clever_provision::{Account, AccountId, AccountState, Class, Custody};
use serde_json::Value;
use tempfile::TempDir;

use crate::ground::{cleverctl, errors};
use crate::matching::{CONFIG, files, rows};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// A twin with an account, and a new one.
const TWINS: [&str; 2] = [
    "t0,,d1,Jayden,Mbeki,2012-01-04\n",
    "t1,3001,d1,Jaylen,Mbeki,1/4/2012\n",
];

/// Files of four hundred people and twins, and a store that has all accounts but those of `without`.
async fn ground(folder: &Path, without: &[&str]) {
    files(folder);
    for (file, row) in ["accounts.csv", "roster.csv"].iter().zip(TWINS) {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), text + row).unwrap();
    }
    let reach = "reach = { left = \"district\", right = \"district\" }\nclass = \"student\"\n";
    fs::write(folder.join("match.toml"), format!("{reach}{CONFIG}")).unwrap();
    let address = format!("sqlite:{}", folder.join("accounts.db").display());
    let keys = SealingKeys::new(KeyId(1), &[7; 32]);
    let mut store = AccountStore::open(&address, keys).await.unwrap();
    let now: Timestamp = "2026-09-14T12:00:00Z".parse().unwrap();
    let ids = rows(&folder.join("accounts.csv"));
    let accounts: Vec<Account> = ids[1..]
        .iter()
        .filter(|row| !without.contains(&row[0].as_str()))
        .map(|row| Account {
            id: AccountId::new(row[0].as_str()),
            version: 1,
            custody: match row[0].as_str() {
                // Somebody signed up for it, whatever the file says.
                "a5" => Custody::Personal,
                _ => Custody::Managed {
                    by: DistrictId::new("d1").unwrap(),
                },
            },
            class: Class::Student,
            state: AccountState::Active,
            links: Vec::new(),
            methods: Vec::new(),
            last_used: Some(now),
        })
        .collect();
    store.import(&accounts, now).await.unwrap();
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = cleverctl();
    command
        .current_dir(folder)
        .env("CLEVER_KEY", KEY)
        .args(args)
        .args(["--accounts", "sqlite:accounts.db", "--json"]);
    command.output().unwrap()
}

fn matched(folder: &Path) -> Value {
    let mut args = vec!["match", "--left", "accounts.csv", "--right", "roster.csv"];
    args.extend(["--config", "match.toml", "--out", "out.csv"]);
    // One model, as a night's run has it.
    args.extend(["--model", "model.toml"]);
    if !folder.join("model.toml").exists() {
        args.push("--train");
    }
    answer(&run(folder, &args))
}

fn answer(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn links_and_questions_land_once_and_review_answers_them() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    ground(folder, &[]).await;
    let first = matched(folder);
    let linked = first["landed"]["linked"].as_u64().unwrap();
    assert!(linked > 360, "{first}");
    assert_eq!(first["links"]["decisions"]["link"], linked);
    let questions = first["landed"]["reviews"].as_u64().unwrap();
    assert!(questions > 0, "{first}");
    let out = rows(&folder.join("out.csv"));
    let of = |id: &str| out.iter().find(|row| row[0] == id).unwrap();
    assert_eq!(of("t1")[1..5], ["review", "sibling", "1", "t0"]);
    // The store knows better than the file who governs it.
    assert_eq!(of("u5")[1..3], ["create", "out_of_reach"]);

    // A second run changes nothing.
    let second = matched(folder);
    assert_eq!(second["links"]["decisions"]["log_in"], linked);
    assert_eq!(second["landed"]["linked"], 0);
    assert_eq!(second["landed"]["reviews"], questions);
    assert_eq!(second["landed"]["ledger_entries"], 0, "{second}");

    // Both records stand in the review, and an answer is kept.
    let list = answer(&run(folder, &["review"]));
    let list = list["reviews"].as_array().unwrap();
    assert_eq!(list.len() as u64, questions);
    let twin = list.iter().find(|one| one["user"] == "t1").unwrap();
    assert_eq!(twin["material"]["person"]["first"], "Jaylen");
    let candidate = &twin["material"]["candidates"]["t0"];
    assert_eq!(candidate["account"]["first"], "Jayden");
    assert_eq!(candidate["fields"]["first"][0], "spelling");
    let id = twin["id"].to_string();
    let decline = run(folder, &["review", "decline", &id, "--as", "staff-1"]);
    assert_eq!(decline.status.code(), Some(0), "{}", errors(&decline));
    let third = matched(folder);
    assert_eq!(third["landed"]["ledger_entries"], 0, "{third}");
    assert_eq!(third["landed"]["reviews"], questions - 1);
    answer(&run(folder, &["review", "verify"]));
}

#[tokio::test]
async fn who_was_in_too_large_a_block_is_a_question_and_no_new_account() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    ground(folder, &[]).await;
    let config = fs::read_to_string(folder.join("match.toml")).unwrap();
    fs::write(
        folder.join("match.toml"),
        format!("block_limit = 2\n{config}"),
    )
    .unwrap();
    let summary = matched(folder);
    assert!(summary["links"]["cut"].as_u64() > Some(0), "{summary}");
    let cut = rows(&folder.join("out.csv"));
    let cut: Vec<&Vec<String>> = cut.iter().filter(|row| row[2] == "cut").collect();
    assert!(!cut.is_empty());
    assert!(cut.iter().all(|row| row[1] == "review"), "{cut:?}");
    // Also a question that names no account is shown, and can be declined.
    let list = answer(&run(folder, &["review"]));
    let open = list["reviews"].as_array().unwrap();
    assert_eq!(summary["landed"]["reviews"], open.len());
    let again = matched(folder);
    assert_eq!(again["landed"]["ledger_entries"], 0, "{again}");
}

#[tokio::test]
async fn what_keeps_decisions_from_landing_is_said_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    ground(folder, &["a7", "a9"]).await;
    let refused = |said: &[&str]| {
        let mut args = vec!["match", "--left", "accounts.csv", "--right", "roster.csv"];
        args.extend(["--config", "match.toml"]);
        let output = run(folder, &args);
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        for part in said {
            assert!(errors(&output).contains(part), "{}", errors(&output));
        }
        let verified = answer(&run(folder, &["review", "verify"]));
        assert_eq!(verified["entries"], 400);
    };
    refused(&[
        "accounts.csv has 2 of the accounts that people may have",
        "line 9",
        "cleverctl accounts import",
    ]);
    let config = fs::read_to_string(folder.join("match.toml")).unwrap();
    let without = |line: &str| {
        let kept = config.lines().filter(|one| !one.starts_with(line));
        let kept: Vec<&str> = kept.collect();
        fs::write(folder.join("match.toml"), kept.join("\n")).unwrap();
    };
    without("reach");
    refused(&["which column has a person's district"]);
    without("class");
    refused(&["what sort of people they are"]);
    fs::write(folder.join("match.toml"), &config).unwrap();
    let roster = fs::read_to_string(folder.join("roster.csv")).unwrap();
    let other = roster.replacen("u3,", "u 3,", 1);
    fs::write(folder.join("roster.csv"), other).unwrap();
    refused(&["roster.csv, line 5", "the id is none of Clever's"]);
}
