//! `cleverctl demo`, as the README shows it, on a smaller district.

use crate::ground::{Store, cleverctl, errors};

#[test]
fn the_demo_syncs_twice_and_says_what_a_day_changed() {
    let store = Store::new();
    let output = cleverctl()
        .args(["demo", "--students", "400", "--store", &store.url()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["students", "Created", "Updated", "Archived", "sqlite3"] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
    assert_eq!(store.number("SELECT count(*) FROM runs"), 2);
    let second_day = "SELECT count(*) FROM changes WHERE run = (SELECT max(run) FROM changes)";
    assert!(store.number(second_day) > 0);
    assert_eq!(
        store.number("SELECT count(*) FROM changes"),
        store.number("SELECT max(seq) FROM changes"),
        "the feed has no gap"
    );

    let status = cleverctl()
        .args(["status", "--store", &store.url()])
        .output()
        .unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", errors(&status));
    let changes = cleverctl()
        .args([
            "changes",
            "--store",
            &store.url(),
            "--after",
            "0",
            "--limit",
            "5",
            "--json",
        ])
        .output()
        .unwrap();
    assert_eq!(changes.status.code(), Some(0), "{}", errors(&changes));

    let again = cleverctl()
        .args(["demo", "--students", "400", "--store", &store.url()])
        .output()
        .unwrap();
    assert_eq!(
        again.status.code(),
        Some(1),
        "an existing file is never overwritten"
    );
    assert!(errors(&again).contains("hint:"), "{}", errors(&again));
}
