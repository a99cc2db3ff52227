//! All of it at once: a folder with a file of settings, a PostgreSQL that takes nobody but over TLS, a schedule that is
//! scraped, an alarm, a recovery, and a person who is forgotten.

use std::fs;
use std::process::Command;

use clever_emulator::{EmulatorConfig, Happening, WorldSource};
use tempfile::TempDir;

use crate::forgetting::{MARKS, files, set};
use crate::ground::{cleverctl, errors, held};
use crate::measured::{Scraped, sample};
use crate::server::Server;
use crate::told::{Receiver, SECRET, is_signed};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// The folder of one operator.
struct Place(TempDir);

impl Place {
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = cleverctl();
        command
            .current_dir(self.0.path())
            .args(args)
            .env("CLEVER_KEY", KEY);
        command
    }

    fn run(&self, args: &[&str], exit: i32) -> String {
        let output = self.command(args).output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Keeps the district's token.
    fn keep(&self, how: &str, token: &str) {
        let file = self.path("token");
        fs::write(&file, token).unwrap();
        self.run(&["credential", how, "north", "--secret-file", &file], 0);
        fs::remove_file(&file).unwrap();
    }
}

/// How many runs did what they were to do.
fn runs(scraped: &str) -> f64 {
    sample(scraped, "clever_sync_attempts_total{ending=\"done\"}").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_of_settings_and_a_database_over_tls_from_the_first_sync_to_a_person_forgotten() {
    let Some(server) = Server::start() else {
        return;
    };
    let (place, receiver) = (Place(TempDir::new().unwrap()), Receiver::start());
    fs::write(place.path("ca.pem"), server.demand_tls()).unwrap();
    fs::write(place.path("secret"), SECRET).unwrap();
    let roster = set(true);
    let config = EmulatorConfig {
        rate_limit: 1_000_000,
        world: WorldSource::Csv {
            folder: roster.path().to_owned(),
            lenient: false,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let store = server.tls_url(&place.path("ca.pem"));
    let settings = format!(
        "store = \"{store}\"\n[credentials]\nfile = \"kept\"\n[clever]\napi_url = \"{}\"\n\
         [sync]\ncredential = [\"north\"]\nevery = \"1s\"\n[alerts]\nwebhook = \"{}\"\nsecret_file = \"secret\"\n\
         [status]\nmax_failures = 2\n",
        emulator.base_url(),
        receiver.url,
    );
    fs::write(place.path("clever.toml"), settings).unwrap();
    // Without TLS, or with another authority, nobody is let in.
    let plain = server.url();
    place.run(&["status", "--store", &plain], 1);
    place.keep("add", emulator.district_token());

    // It syncs on schedule, and is scraped.
    let scraped = Scraped::start(&mut place.command(&["sync"]));
    scraped.until("/metrics", |_, text| runs(text) >= 2.0);
    scraped.until("/healthz", |status, _| status == 200);
    scraped.until("/readyz", |status, _| status == 200);

    // The token is rotated away: whoever is on call hears of it, and when it is well again.
    emulator.happen(Happening::TokenRotate);
    let all = receiver.wait(1);
    assert_eq!(all[0].body["type"], "clever.district.failing", "{all:?}");
    assert!(is_signed(&all[0]));
    scraped.until("/readyz", |status, _| status == 503);
    assert!(place.run(&["status", "--check"], 1).starts_with("FAILING"));
    place.keep("replace", emulator.districts()[0].token.as_deref().unwrap());
    let all = receiver.wait(2);
    assert_eq!(all[1].body["type"], "clever.district.recovered", "{all:?}");
    scraped.until("/readyz", |status, _| status == 200);
    let status = held("status", place.run(&["status", "--check", "--json"], 0));
    assert_eq!(status["districts"][0]["verdict"], "ok");

    // An app's accounts follow the roster, in the same database.
    let accounts = ["--accounts", store.as_str()];
    let follow = [
        &["accounts"],
        &accounts[..],
        &["sync", "--create", "--json"],
    ]
    .concat();
    held("accounts-sync", place.run(&follow, 0));
    let users = place.run(
        &[
            "changes", "--kind", "users", "--limit", "200", "--values", "--json",
        ],
        0,
    );
    let users = held("changes", users);
    let person = users["changes"].as_array().unwrap().iter();
    let named = |one: &&serde_json::Value| one["after"].to_string().contains("Zebediah");
    let id = person.into_iter().find(named).unwrap()["id"].clone();
    let id = id.as_str().unwrap();
    let dump = server.dump();
    for mark in MARKS.iter().chain([&id]) {
        assert!(dump.contains(mark), "{mark} is there before");
    }

    // The person is forgotten while the schedule goes on, and kept out of a roster that still has them.
    let forget = [
        &["forget", "--person", id, "--keep-out", "--at-once"],
        &accounts[..],
        &["--yes", "--by", "Ada Admin", "--json"],
    ]
    .concat();
    let mut done = place.command(&forget).output().unwrap();
    for _ in 0..20 {
        // A run of the schedule may have been writing.
        if done.status.success() {
            break;
        }
        done = place.command(&forget).output().unwrap();
    }
    assert!(done.status.success(), "{}", errors(&done));
    let done = held("forget", &done.stdout);
    // The accounts go first: they may have gone with a try whose roster had to wait.
    assert!(done["accounts"].is_object(), "{done}");
    let before = runs(&scraped.until("/metrics", |status, _| status == 200));
    scraped.until("/metrics", |_, text| runs(text) >= before + 2.0);
    let look = place.run(&["sync", "--full", "--dry-run", "--json"], 0);
    let look = held("sync", look);
    assert_eq!(look["kinds"]["users"]["created"], 0, "{look}");
    drop(scraped);
    place.run(&["forget", "--sweep"], 0);

    // Nowhere: not in the database, not in a file of the folder, and not in what was sent.
    let mut places = vec![("the database".to_owned(), server.dump().into_bytes())];
    files(place.0.path(), &mut places);
    for got in receiver.all() {
        places.push(("a webhook".to_owned(), got.body.to_string().into_bytes()));
    }
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for mark in MARKS.iter().chain([&id]) {
            assert!(!text.contains(mark), "{mark} is in {place}");
        }
    }
    let notes = held("forget-list", place.run(&["forget", "--list", "--json"], 0));
    assert_eq!(
        (
            notes["checked"].as_bool(),
            notes["notes"][0]["actor"].as_str()
        ),
        (Some(true), Some("Ada Admin"))
    );
    assert_eq!(receiver.all().len(), 2, "once each");
}
