//! What `--json` prints is what `docs/schema` says, command by command.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::connect::as_app;
use crate::ground::{Emulator, Store, cleverctl, errors, held};
use crate::told::{Receiver, SECRET};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// Runs a command with `--json`, and gives what it printed.
fn said(command: &mut Command, exit: i32) -> String {
    let output = command
        .arg("--json")
        .env("CLEVER_KEY", KEY)
        .env("CLEVER_WEBHOOK_SECRET", SECRET)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{command:?}: {}",
        errors(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The same for a command over a store.
fn of(store: &Store, args: &[&str], exit: i32) -> String {
    said(cleverctl().args(args).args(["--store", &store.url()]), exit)
}

#[test]
fn what_a_store_says() {
    let (emulator, store) = (Emulator::start(&["--students", "400"]), Store::new());
    let first = store.report(&emulator, 0);
    let district = first["district_id"].as_str().unwrap();
    held("status", of(&store, &["status"], 0));
    let changes = held(
        "changes",
        of(&store, &["changes", "--values", "--limit", "1000"], 0),
    );
    let user = changes["changes"].as_array().unwrap();
    let user = user.iter().find(|one| one["kind"] == "users").unwrap();
    let user = user["id"].as_str().unwrap();
    let explained = held("explain", of(&store, &["explain", user, "--values"], 0));
    assert_eq!(explained["records"][0]["id"], user);
    let lines = of(&store, &["changes", "--consumer", "c"], 0);
    assert!(lines.lines().count() > 100);
    lines
        .lines()
        .take(5)
        .for_each(|line| drop(held("change", line)));
    held("error", of(&store, &["undo", "9"], 1));

    // A hold, as a plan and in the store.
    let fewer = Emulator::start(&["--students", "20"]);
    let folder = TempDir::new().unwrap();
    let plan = folder.path().join("roster.plan");
    let plan = plan.to_str().unwrap();
    let dry = store.sync(&fewer, &["--json", "--dry-run", "--plan", plan]);
    held("sync", &dry.stdout);
    held("plan", of(&store, &["plan", "show", plan], 0));
    let held_back = store.report(&fewer, 3);
    assert_eq!(held_back["outcome"], "held");
    held("status", of(&store, &["status", "--check"], 3));
    let letters = held("status-letter", of(&store, &["status", "--letter"], 0));
    assert_eq!(letters["letters"].as_array().unwrap().len(), 1);
    // What was tried and failed.
    let refused = store
        .syncing(&emulator, &["--json"])
        .env("CLEVER_TOKEN", "another")
        .output()
        .unwrap();
    let error = held("error", &refused.stdout);
    assert_eq!(error["error"]["exit"], 4);
    assert_eq!(error["error"]["read"], "docs/errors.md#unauthorized");
    held("status", of(&store, &["status"], 0));
    held("sync", of(&store, &["undo", "2", "--dry-run"], 0));

    let receiver = Receiver::start();
    let hook = ["--alert-webhook", &receiver.url];
    let test = said(cleverctl().args(["alerts", "test"]).args(hook), 0);
    assert_eq!(held("alerts", test)["sent"], 1);
    let check = ["alerts", "check", hook[0], hook[1]];
    held("alerts", of(&store, &check, 0));
    let deliver = ["changes", "--webhook", &receiver.url];
    let delivered = held("delivered", of(&store, &deliver, 0));
    assert!(delivered["delivered"].as_u64() > Some(100));
    let out = folder.path().join("out");
    let export = ["export", "--format", "csv", out.to_str().unwrap()];
    held("export", of(&store, &export, 0));
    let old = ["prune", "--archived-before", "1d", "--dry-run"];
    held("prune", of(&store, &old, 0));

    let look = [
        "forget",
        "--person",
        user,
        "--dry-run",
        "--keep-out",
        "--by",
        "a test",
    ];
    held("forget", of(&store, &look, 0));
    let forget = [
        "forget",
        "--person",
        user,
        "--yes",
        "--keep-out",
        "--by",
        "a test",
    ];
    let done = held("forget", of(&store, &forget, 0));
    assert_eq!(done["dry_run"], false);
    let notes = held("forget-list", of(&store, &["forget", "--list"], 0));
    assert_eq!(notes["checked"], true);
    held("forget-sweep", of(&store, &["forget", "--sweep"], 0));
    let readmit = ["forget", "--readmit", "--person", user];
    let readmitted = held("forget-readmit", of(&store, &readmit, 0));
    assert!(readmitted["readmitted"].as_u64() > Some(0));

    let accounts = folder.path().join("accounts.db");
    let accounts = format!("sqlite:{}", accounts.display());
    let of_accounts = |args: &[&str]| {
        let mut command = cleverctl();
        command
            .args(["accounts", "--accounts", &accounts])
            .args(args);
        said(&mut command, 0)
    };
    let url = store.url();
    let follow = ["sync", "--store", &url, "--create"];
    let followed = held("accounts-sync", of_accounts(&follow));
    assert!(followed["districts"][district]["created"].as_u64() > Some(100));
    let page = held("accounts-list", of_accounts(&["list"]));
    let account = page["accounts"][0]["account"].as_str().unwrap();
    let person = page["accounts"][0]["links"][0]["id"].as_str().unwrap();
    held("accounts-show", of_accounts(&["show", account, "--values"]));
    held("accounts-explain", of_accounts(&["explain", person]));
    let rows = folder.path().join("rows.csv");
    fs::write(&rows, "account,class,birth\n7,student,soon\n,student,\n").unwrap();
    let import = [
        "import",
        "--csv",
        rows.to_str().unwrap(),
        "--district",
        district,
        "--custody",
        "managed",
    ];
    let imported = held("accounts-import", of_accounts(&import));
    assert_eq!(imported["rows"], 2);
}

#[test]
fn what_an_app_and_its_settings_say() {
    let (emulator, folder) = (
        Emulator::start(&["--students", "40"]),
        TempDir::new().unwrap(),
    );
    let asked = |args: &[&str], exit| said(&mut as_app(&emulator, args), exit);
    held("districts", asked(&["districts"], 0));
    for token in [&emulator.token, &emulator.user("student")] {
        let mut command = as_app(&emulator, &["me"]);
        held("me", said(command.env("CLEVER_TOKEN", token), 0));
    }
    let mut doctor = as_app(&emulator, &["doctor"]);
    held(
        "doctor",
        said(doctor.env("CLEVER_TOKEN", &emulator.token), 0),
    );

    let kept = |args: &[&str]| {
        let mut command = cleverctl();
        command
            .arg("credential")
            .args(args)
            .env("CLEVER_CREDENTIALS", folder.path().join("kept"))
            .env("CLEVER_TOKEN", &emulator.token);
        said(&mut command, 0)
    };
    assert_eq!(
        held("credential", kept(&["add", "north"]))["added"],
        "north"
    );
    held("credential", kept(&["replace", "north"]));
    held("credentials", kept(&["list"]));
    held("credential", kept(&["remove", "north"]));

    let within = |args: &[&str]| said(cleverctl().args(args).current_dir(folder.path()), 0);
    held("init", within(&["init"]));
    held("config", within(&["config", "show"]));
    held("man", within(&["man", "pages"]));
    let tables = held("schema", within(&["schema"]));
    assert!(tables["tables"].as_array().unwrap().len() > 10);
    held(
        "schema-documents",
        within(&["schema", "--documents", "shapes"]),
    );
    assert_eq!(
        fs::read_dir(folder.path().join("shapes")).unwrap().count(),
        schemas().len()
    );
    held(
        "demo",
        within(&["demo", "--students", "60", "--store", "demo.db"]),
    );
    let usage = said(cleverctl().args(["sync", "--nonsense"]), 2);
    assert_eq!(held("error", usage)["error"]["code"], "usage");
}

/// The names of the schemas.
fn schemas() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    files
        .map(|file| file.strip_suffix(".json").unwrap().to_owned())
        .collect()
}

#[test]
fn every_schema_is_held_against_what_a_command_printed() {
    let stories = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let stories: String = [stories.join("fleet"), stories]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let page = fs::read_to_string(page).unwrap();
    // However its lines are broken.
    let stories = stories.split_whitespace().collect::<String>();
    for name in schemas() {
        let held = format!("held(\"{name}\",");
        assert!(stories.contains(&held), "no test prints {name}");
        let row = format!("| [`{name}`](schema/{name}.json) |");
        assert!(page.contains(&row), "docs/json.md has no row for {name}");
    }
}
