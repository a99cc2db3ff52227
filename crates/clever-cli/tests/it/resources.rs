//! Resources, as a person has them synced: by a line of the policy, where the app has the scope.

use crate::ground::{Emulator, Store, cleverctl, errors};

/// Runs a command on the store that ends well, and gives what it printed.
fn told(store: &Store, args: &[&str]) -> String {
    let url = store.url();
    let output = cleverctl()
        .args(args)
        .args(["--store", &url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn synced(store: &Store, emulator: &Emulator, args: &[&str]) -> String {
    let output = store.sync(emulator, args);
    assert!(output.status.success(), "{args:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_line_of_the_policy_syncs_them_and_a_closed_list_is_told() {
    let store = Store::new();
    let emulator = Emulator::start(&["--students", "60", "--resources"]);
    let policy = store.path().with_extension("toml");
    std::fs::write(&policy, "resources = true\n").unwrap();
    let policy = ["--policy", policy.to_str().unwrap()];
    // Without it nobody speaks of them.
    assert!(!synced(&store, &emulator, &[]).contains("resources"));
    assert_eq!(store.number("SELECT count(*) FROM resources"), 0);
    assert!(synced(&store, &emulator, &policy).contains("resources"));
    let there = store.number("SELECT count(*) FROM resources WHERE title LIKE 'Exercises%'");
    assert!(there > 0, "{there}");
    let id = "SELECT id FROM resources ORDER BY id LIMIT 1";
    let id: String = rusqlite::Connection::open(store.path())
        .unwrap()
        .query_row(id, [], |row| row.get(0))
        .unwrap();
    assert!(told(&store, &["explain", &id]).contains("resources"));
    let changes = told(&store, &["changes", "--kind", "resources"]);
    assert!(changes.contains(&id), "{changes}");
    // The same district, where the app may not read them any more.
    let closed = Emulator::start(&["--students", "60", "--fault", "html404@/resources"]);
    let said = synced(&store, &closed, &policy);
    for part in ["resources: the app may not read them", "read:resources"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = told(&store, &["status", "--check"]);
    for part in [
        "finding: resources: the app may no longer read them (scope read:resources)",
        "resources: the app may not read them",
        "OK  ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(store.number("SELECT count(*) FROM resources WHERE archived_at IS NULL") > 0);
}
