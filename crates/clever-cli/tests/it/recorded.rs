//! The recorded demo district, synced as a team would: loaded, reconciled, shrunk, cut, odd.

use serde_json::{Value, json};

use crate::ground::{Emulator, Store, edited, errors, recorded};

const ACTIVE_USERS: &str = "SELECT count(*) FROM users WHERE archived_at IS NULL";

fn start(folder: &std::path::Path) -> Emulator {
    Emulator::start(&["--recorded", folder.to_str().expect("a UTF-8 path")])
}

#[test]
fn the_recorded_district_loads_exactly_and_a_second_run_changes_nothing() {
    let Some(folder) = recorded() else { return };
    let (emulator, store) = (start(&folder), Store::new());
    store.report(&emulator, 0);
    assert_eq!(store.number(ACTIVE_USERS), 2098);
    for (role, people) in [
        ("student", 1004),
        ("contact", 1002),
        ("teacher", 89),
        ("district_admin", 3),
    ] {
        let sql = format!("SELECT count(*) FROM user_roles WHERE role = '{role}'");
        assert_eq!(store.number(&sql), people, "{role}");
    }
    assert_eq!(
        store.number("SELECT count(*) FROM sections WHERE archived_at IS NULL"),
        378
    );
    for (role, places) in [("student", 8954), ("teacher", 452)] {
        let sql = format!("SELECT count(*) FROM enrollments WHERE role = '{role}'");
        assert_eq!(store.number(&sql), places, "{role}");
    }
    let changes = store.number("SELECT count(*) FROM changes");
    // Schools, courses and terms that the recording names and lacks.
    assert!(store.number("SELECT count(*) FROM findings") > 0);

    let second = store.sync(&emulator, &[]);
    assert_eq!(second.status.code(), Some(0), "{}", errors(&second));
    let said = String::from_utf8_lossy(&second.stdout).to_lowercase();
    assert!(said.contains("nothing changed"), "{said}");
    assert_eq!(store.number("SELECT count(*) FROM changes"), changes);
}

#[test]
fn both_api_versions_give_the_same_roster() {
    let Some(folder) = recorded() else { return };
    let emulator = start(&folder);
    let store = Store::new();
    for (version, exit) in [("v3.0", 0), ("v3.1", 0)] {
        let output = store.sync(&emulator, &["--api", version]);
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    }
    assert_eq!(store.number(ACTIVE_USERS), 2098);
    assert_eq!(
        store.number("SELECT count(DISTINCT run) FROM changes"),
        1,
        "v3.1 found no change"
    );
}

#[test]
fn one_user_gone_is_archived_and_comes_back_restored() {
    let Some(folder) = recorded() else { return };
    let store = Store::new();
    store.report(&start(&folder), 0);
    let mut gone = Value::Null;
    let shrunk = edited(&folder, "users", |users| {
        gone = users.remove(1000)["data"]["id"].clone();
    });
    store.report(&start(shrunk.path()), 0);
    assert_eq!(store.number(ACTIVE_USERS), 2097);
    let archived = format!(
        "SELECT count(*) FROM users WHERE archived_at IS NOT NULL AND id = '{}'",
        gone.as_str().expect("the user had an id")
    );
    assert_eq!(store.number(&archived), 1);
    assert_eq!(
        store.number("SELECT count(*) FROM changes WHERE op = 'archive' AND kind = 'users'"),
        1
    );

    store.report(&start(&folder), 0);
    assert_eq!(store.number(ACTIVE_USERS), 2098);
    assert_eq!(
        store.number("SELECT count(*) FROM changes WHERE op = 'restore' AND kind = 'users'"),
        1
    );
}

#[test]
fn thirty_percent_gone_is_held_while_the_rest_applies() {
    let Some(folder) = recorded() else { return };
    let store = Store::new();
    store.report(&start(&folder), 0);
    let shrunk = edited(&folder, "users", |users| {
        let mut at = 0;
        users.retain(|_| {
            at += 1;
            at % 10 >= 3
        });
        users[0]["data"]["name"]["first"] = json!("Renamed");
    });
    let emulator = start(shrunk.path());
    let output = store.sync(&emulator, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &errors(&output);
    assert!(
        said.contains("held") && said.contains("users") && said.contains("629"),
        "{said}"
    );
    assert!(said.contains("--approve"), "the next step is named: {said}");
    assert_eq!(store.number(ACTIVE_USERS), 2098, "nothing was archived");
    assert_eq!(
        store.number("SELECT count(*) FROM changes WHERE op = 'update' AND kind = 'users'"),
        1,
        "the rest was applied"
    );

    let report = store.report(&emulator, 3);
    let hash = report["plan_hash"]
        .as_str()
        .expect("a held plan has a hash");
    let wrong = store.sync(&emulator, &["--approve", "0000000000000000"]);
    assert_ne!(
        wrong.status.code(),
        Some(0),
        "another plan's hash approves nothing"
    );
    assert_eq!(store.number(ACTIVE_USERS), 2098);
    let approved = store.sync(&emulator, &["--approve", hash]);
    assert_eq!(approved.status.code(), Some(0), "{}", errors(&approved));
    assert_eq!(store.number(ACTIVE_USERS), 2098 - 629);
}

#[test]
fn an_empty_list_removes_nothing() {
    let Some(folder) = recorded() else { return };
    let store = Store::new();
    store.report(&start(&folder), 0);
    let empty = edited(&folder, "users", Vec::clear);
    let output = store.sync(&start(empty.path()), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert_eq!(store.number(ACTIVE_USERS), 2098);
}

#[test]
fn an_odd_record_survives_with_its_page_and_is_counted_as_drift() {
    let Some(folder) = recorded() else { return };
    let odd = edited(&folder, "users", |users| {
        let student = &mut users[5]["data"];
        student["roles"]["student"]["gender"] = json!("Nonbinary");
        student["roles"]["student"]["shoe_size"] = json!(38);
        student["roles"]["student"]["state_id"] = Value::Null;
        student["roles"]["student"]["sis_id"] = json!({ "not": "text" });
    });
    let store = Store::new();
    let report = store.report(&start(odd.path()), 0);
    assert_eq!(store.number(ACTIVE_USERS), 2098);
    let drift = report["drift"].to_string();
    for part in ["gender (9 characters)", "shoe_size", "sis_id"] {
        assert!(drift.contains(part), "{part} is counted: {drift}");
    }
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let Some(folder) = recorded() else { return };
    let (emulator, store) = (start(&folder), Store::new());
    let output = store.sync(&emulator, &["--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2,098"));
    assert!(!store.path().exists(), "a look makes no store");
}
