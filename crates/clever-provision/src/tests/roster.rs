//! Accounts that follow a roster: single stories, and a year of a district's life.
//!
//! The roster is the emulator's, read by clever-sync without a socket. PostgreSQL takes part where
//! `CLEVER_TEST_POSTGRES` names a server, as `cargo xtask test` does.

mod ground;
mod stories;
mod transfers;
mod truth;
mod year;

#[test]
fn the_documents_code_is_that_of_the_crates_example() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/provisioning.md");
    let document = std::fs::read_to_string(document).unwrap();
    let source = include_str!("../roster/mod.rs");
    let (_, behind) = document
        .split_once("<!-- from crates/clever-provision/src/roster/mod.rs -->\n```rust\n")
        .unwrap();
    let (code, _) = behind.split_once("```").unwrap();
    assert!(code.lines().count() >= 3);
    for line in code.lines() {
        assert!(source.contains(&format!("//! {line}\n")), "{line}");
    }
}
