//! `sync --all`: thirty districts, of which one hangs, some fail and one is held; the others do not notice.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clever_emulator::{Emulator, EmulatorConfig, Fault, WorldSource};
use clever_model::RecordKind;
use serde_json::Value;
use tempfile::TempDir;

#[cfg(target_os = "linux")]
use crate::ground::at_a_terminal;
use crate::ground::{Store, cleverctl, errors, held};
use crate::told::{Receiver, SECRET, is_signed};

const DISTRICTS: u64 = 30;

fn world(seed: u64) -> WorldSource {
    WorldSource::Generated { seed, students: 12 }
}

/// An emulator of many districts, and a credential of their app.
pub(crate) struct Many {
    pub(crate) emulator: Emulator,
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Many {
    async fn start(districts: u64) -> Self {
        Self::of(districts, EmulatorConfig::default()).await
    }

    /// The same, from an emulator that is set otherwise.
    pub(crate) async fn of(districts: u64, config: EmulatorConfig) -> Self {
        let config = EmulatorConfig {
            world: world(1),
            more_districts: (2..=districts).map(world).collect(),
            ..config
        };
        let many = Self {
            emulator: clever_emulator::start(config).await.unwrap(),
            folder: TempDir::new().unwrap(),
            store: Store::new(),
        };
        let id = many.emulator.client_id().to_owned();
        let secret = many.emulator.client_secret().to_owned();
        many.keep(
            "app",
            &["--client-id", &id],
            "CLEVER_CLIENT_SECRET",
            &secret,
        );
        many
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = cleverctl();
        command
            .args(args)
            .env("CLEVER_CREDENTIALS", self.folder.path().join("credentials"));
        command
    }

    pub(crate) fn keep(&self, name: &str, args: &[&str], variable: &str, secret: &str) {
        let mut command = self.command(&["credential", "add", name]);
        let output = command.args(args).env(variable, secret).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    }

    pub(crate) fn sync(&self, args: &[&str]) -> Command {
        let (url, api) = (self.store.url(), self.emulator.base_url().to_string());
        let mut command = self.command(&["sync", "--all", "--page-size", "5"]);
        command
            .args(["--store", &url, "--api-url", &api])
            .args(args);
        command
    }

    /// Syncs all once; gives the exit code and the districts' lines.
    pub(crate) fn once(&self, args: &[&str]) -> (Option<i32>, Vec<Value>) {
        let output = self.sync(args).arg("--json").output().unwrap();
        let told = held("sync-all", &output.stdout);
        let lines = told["districts"].as_array().cloned().unwrap_or_default();
        assert!(!lines.is_empty(), "{}", errors(&output));
        (output.status.code(), lines)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let all = self.emulator.districts().into_iter();
        all.map(|district| district.id).collect()
    }

    /// A user of a district who ends a page: a part of the address of the next one, and of no other's.
    pub(crate) fn page_of(&self, district: &str) -> String {
        let found = self.emulator.with_world_of(district, |world| {
            world.list(RecordKind::Users).keys().nth(4).unwrap()
        });
        found.unwrap()
    }

    fn runs(&self) -> i64 {
        if !self.store.path().exists() {
            return 0;
        }
        let connection = rusqlite::Connection::open(self.store.path()).unwrap();
        let sql = "SELECT count(DISTINCT district_id) FROM runs";
        // The tables may be being made just now.
        connection.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
    }
}

pub(crate) fn of<'a>(lines: &'a [Value], district: &str) -> &'a Value {
    lines
        .iter()
        .find(|line| line["district"] == district)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_districts_each_fails_or_is_held_for_itself() {
    let many = Many::start(DISTRICTS).await;
    let (code, lines) = many.once(&[]);
    assert_eq!((code, lines.len()), (Some(0), 30));
    assert_eq!(many.runs(), 30);
    let ids = many.ids();
    for district in &ids {
        many.emulator.with_world_of(district, |world| {
            let first = world.list(RecordKind::Sections).keys().next().unwrap();
            world.edit(RecordKind::Sections, &first, |section| {
                section["name"] = "Other".into();
            });
        });
    }
    // One is held, two fail at Clever's, and the app's token of one more is of another age.
    many.emulator.with_world_of(&ids[3], |world| {
        world.retain(RecordKind::Users, |at| at < 5)
    });
    for failing in &ids[5..7] {
        let part = many.page_of(failing);
        many.emulator
            .faults()
            .add(Fault::Html404.on(part).times(u64::MAX));
    }
    let (code, lines) = many.once(&["--concurrency", "8"]);
    assert_eq!(code, Some(1), "the worst of all: a web page is no refusal");
    assert_eq!(lines.len(), 30);
    for (at, district) in ids.iter().enumerate() {
        let line = of(&lines, district);
        let wanted = match at {
            3 => 3,
            5 | 6 => 1,
            _ => 0,
        };
        assert_eq!(line["exit"], wanted, "{at}: {line}");
        if wanted == 0 {
            assert_eq!(line["report"]["kinds"]["sections"]["updated"], 1, "{line}");
        }
    }
    // Those that failed have what they had; the table says it all in a line each.
    many.emulator.faults().clear();
    let output = many.sync(&[]).output().unwrap();
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(
        shown.contains("30 districts") && shown.contains("29 done"),
        "{shown}"
    );
    assert!(errors(&output).contains("running"), "{}", errors(&output));
    let status = cleverctl()
        .args(["status", "--check", "--store", &many.store.url()])
        .output()
        .unwrap();
    let shown = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(3), "{shown}");
    assert!(
        shown.contains("30 districts") && shown.contains("29 ok"),
        "{shown}"
    );
    assert!(
        shown.contains("held since") && shown.contains(&format!("--district {}", ids[3])),
        "{shown}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_takes_its_slot_alone_and_the_round_can_be_ended() {
    let many = Many::start(DISTRICTS).await;
    let part = many.page_of(&many.ids()[0]);
    many.emulator
        .faults()
        .add(Fault::Hang.on(part).times(u64::MAX));
    let mut process = many
        .sync(&["--concurrency", "2", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while many.runs() < 29 && begun.elapsed() < Duration::from_secs(90) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(many.runs(), 29, "all but the one");
    assert_eq!(process.try_wait().unwrap(), None, "which hangs");
    let sent = Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(
        process.wait().unwrap().code(),
        Some(1),
        "a round that was cut short is not done"
    );
    assert_eq!(many.runs(), 29);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_finds_new_tokens_by_itself_and_ends_with_0() {
    let many = Many::start(3).await;
    many.emulator
        .faults()
        .add(Fault::RotateToken.on("/sections").nth(1));
    let lines = many.folder.path().join("lines");
    let mut process = many
        .sync(&["--every", "1s", "--jitter", "1s", "--json"])
        .stdout(fs::File::create(&lines).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let all = |many: &Many| {
        if many.runs() < 3 {
            return false;
        }
        let sql = "SELECT min(n) FROM (SELECT count(*) AS n FROM runs GROUP BY district_id)";
        many.store.number(sql) >= 2
    };
    while !all(&many) && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(all(&many), "each district ran twice");
    let sent = Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
    let lines = fs::read_to_string(&lines).unwrap();
    assert!(lines.lines().count() >= 6, "{lines}");
    lines
        .lines()
        .for_each(|line| drop(held("sync-all-run", line)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_opens_nothing_is_told_beside_the_others() {
    let many = Many::start(2).await;
    many.keep("old", &[], "CLEVER_TOKEN", "a-token-that-nobody-knows");
    let (code, lines) = many.once(&[]);
    assert_eq!(code, Some(4));
    assert_eq!(of(&lines, "old")["exit"], 4);
    assert_eq!(lines.iter().filter(|line| line["exit"] == 0).count(), 2);
    let (code, lines) = many.once(&["--credential", "app"]);
    assert_eq!((code, lines.len()), (Some(0), 2));
    let several = many
        .command(&["districts", "--credential", "app", "--credential", "old"])
        .output()
        .unwrap();
    assert!(
        errors(&several).contains("several credentials are named"),
        "{}",
        errors(&several)
    );
    let usage = many.sync(&["--concurrency", "0"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

/// A login service that lists the given tokens, whatever they open; it ends with the process.
fn tokens(list: &[(&str, &str)]) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let data: Vec<Value> = list
        .iter()
        .map(|(district, token)| {
            serde_json::json!({ "id": district, "created": "2026-01-01T00:00:00.000Z", "access_token": token,
                "owner": { "type": "district", "id": district }, "scopes": ["read:districts"] })
        })
        .collect();
    let body = serde_json::json!({ "data": data, "links": [] }).to_string();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap());
            // The request has no body.
            let lines = head.lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn field_23_a_district_that_nobody_lists_any_more_is_named() {
    let many = Many::start(3).await;
    let gone = many.ids()[0].clone();
    assert_eq!(many.once(&[]).0, Some(0));
    many.emulator.happen(clever_emulator::Happening::Disconnect);
    let output = many.sync(&[]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // No later run would do better: `status --check` is what alarms.
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("2 done"), "{text}");
    let said =
        format!("{gone}: no kept credential lists it, so it was not synced (last in step: 2");
    assert!(text.contains(&said), "{text}");
    let json = many.sync(&["--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(told["districts"].as_array().unwrap().len(), 2);
    assert_eq!(told["unlisted"][0]["district"], gone.as_str());
    assert!(told["unlisted"][0]["last_success"].is_string(), "{told}");
    // With one credential alone, the report says nothing of the others' districts.
    let one = many
        .sync(&["--json", "--credential", "app"])
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(told["unlisted"], serde_json::json!([]));
    // Nor where a list could not be read.
    many.keep("old", &[], "CLEVER_TOKEN", "a-token-that-nobody-knows");
    let failed = many.sync(&["--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(told["unlisted"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn field_23_a_token_that_opens_another_district_than_listed_writes_nothing() {
    let many = Many::start(2).await;
    let ids = many.ids();
    // The list says the second, and the token opens the first.
    let token = many.emulator.district_token().to_owned();
    let auth = tokens(&[(&ids[1], &token)]);
    for args in [
        &["--all"][..],
        &["--credential", "app", "--district", &ids[1]],
        &["--credential", "app"],
        &["--credential", "app", "--verify"],
    ] {
        let (url, api) = (many.store.url(), many.emulator.base_url().to_string());
        let mut command = many.command(&[
            "sync",
            "--store",
            &url,
            "--api-url",
            &api,
            "--auth-url",
            &auth,
        ]);
        let output = command.args(args).output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        let wrong = format!("the token opens the district {}, not {}", ids[0], ids[1]);
        assert!(said.contains(&wrong), "{args:?}: {said}");
        assert_eq!(many.runs(), 0, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn field_23_a_district_that_is_new_to_a_store_with_others_is_let_in_by_name_alone() {
    let (first, second) = (Many::start(1).await, Many::start(2).await);
    let other = second.ids()[1].clone();
    let sync = |many: &Many, args: &[&str]| {
        // The second emulator has the first one's district too, so its other token is what is mixed up.
        let token = if many.emulator.base_url() == first.emulator.base_url() {
            many.emulator.district_token().to_owned()
        } else {
            let mut all = many.emulator.districts().into_iter();
            let found = all.find(|district| district.id == other);
            found.unwrap().token.unwrap()
        };
        let (url, api) = (first.store.url(), many.emulator.base_url().to_string());
        let mut command = many.command(&["sync", "--store", &url, "--api-url", &api]);
        command
            .args(args)
            .env("CLEVER_TOKEN", token)
            .output()
            .unwrap()
    };
    assert_eq!(sync(&first, &[]).status.code(), Some(0));
    for args in [&[][..], &["--json"], &["--verify"], &["--full"]] {
        let refused = sync(&second, args);
        let said = errors(&refused);
        assert_eq!(refused.status.code(), Some(1), "{args:?}: {said}");
        let new = format!("the token opens the district {other}, which is new to the store");
        assert!(
            said.contains(&new) && said.contains("--new-district"),
            "{said}"
        );
        assert_eq!(first.runs(), 1, "{args:?}");
    }
    // A look writes nothing, and says it.
    let look = sync(&second, &["--dry-run"]);
    assert_eq!(look.status.code(), Some(0));
    assert!(
        errors(&look).contains("is new to the store, which has 1 other district"),
        "{}",
        errors(&look)
    );
    assert_eq!(first.runs(), 1);
    let named = sync(&second, &["--district", &other]);
    assert_eq!(named.status.code(), Some(0), "{}", errors(&named));
    assert!(errors(&named).contains("is new to the store, which has 1 other district"));
    assert_eq!(first.runs(), 2);
    // From now on it is known.
    let again = sync(&second, &[]);
    assert_eq!(again.status.code(), Some(0), "{}", errors(&again));
    assert!(!errors(&again).contains("new to the store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_call_hears_of_the_districts_of_a_round_that_need_somebody_once_each() {
    let many = Many::start(6).await;
    let (ids, receiver) = (many.ids(), Receiver::start());
    let round = |exit: i32| {
        let mut command = many.sync(&["--max-failures", "2", "--alert-webhook", &receiver.url]);
        let output = command.env("CLEVER_WEBHOOK_SECRET", SECRET).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    };
    let told = |count: usize| {
        let all = receiver.wait(count);
        assert_eq!(all.len(), count, "{all:?}");
        assert!(all.iter().all(is_signed));
        let told = all.iter().map(|got| {
            let district = got.body["data"]["district_id"].as_str().unwrap();
            (
                district.to_owned(),
                got.body["type"].as_str().unwrap().to_owned(),
            )
        });
        told.collect::<Vec<_>>()
    };
    round(0);
    told(0);
    // One is held at once, and one fails twice before anybody is woken.
    many.emulator.with_world_of(&ids[1], |world| {
        world.retain(RecordKind::Users, |at| at < 3)
    });
    let part = many.page_of(&ids[4]);
    many.emulator
        .faults()
        .add(Fault::Html404.on(part).times(u64::MAX));
    round(1);
    let waits = (ids[1].clone(), "clever.district.held".to_owned());
    assert_eq!(told(1), [waits]);
    round(1);
    let failing = (ids[4].clone(), "clever.district.failing".to_owned());
    assert_eq!(told(2)[1], failing);
    round(1);
    told(2);
    // It is well again; the other waits still, and nobody hears of it again.
    many.emulator.faults().clear();
    round(3);
    let well = (ids[4].clone(), "clever.district.recovered".to_owned());
    assert_eq!(told(3)[2], well);
    round(3);
    told(3);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_sees_how_many_districts_are_done_and_the_step_of_each() {
    let many = Many::start(3).await;
    let last = many.ids().into_iter().max().unwrap();
    // So slow that a person reads what is shown.
    let part = many.page_of(&last);
    many.emulator.faults().add(Fault::Slow.on(part));
    let seen = at_a_terminal(&many.sync(&["--concurrency", "1"]), "");
    let bars = anstream::adapter::strip_str(&seen).to_string();
    for part in [
        "1 of 3 districts; 0 running",
        "3 of 3 districts; 0 running",
        &format!("{last}: step 4 of 7: reading users "),
        " 2 of 3",
    ] {
        assert!(bars.contains(part), "{part}: {bars}");
    }
    assert!(bars.contains("3 done"), "the table is last: {bars}");
}
