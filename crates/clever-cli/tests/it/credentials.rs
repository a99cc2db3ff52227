//! The file of credentials: secrets that are replaced, and files that do not open.

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::connect::vault;
use crate::ground::errors;

/// A folder with an app's credential and a district's, and the text of the file.
fn kept() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    for (args, variable, secret) in [
        (
            &["app", "--client-id", "our-app", "--description", "the app"][..],
            "CLEVER_CLIENT_SECRET",
            "canary-one",
        ),
        (&["north", "--district", "d1"], "CLEVER_TOKEN", "canary2"),
    ] {
        let mut add = vault(folder.path());
        add.args(["credential", "add"])
            .args(args)
            .env(variable, secret);
        assert!(add.output().unwrap().status.success());
    }
    let text = fs::read_to_string(folder.path().join("kept")).unwrap();
    (folder, text)
}

fn credential(folder: &TempDir, args: &[&str], secret: Option<(&str, &str)>) -> Output {
    let mut command = vault(folder.path());
    command.arg("credential").args(args);
    command
        .env_remove("CLEVER_TOKEN")
        .env_remove("CLEVER_CLIENT_SECRET");
    if let Some((variable, secret)) = secret {
        command.env(variable, secret);
    }
    let output = command.output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        errors(&output)
    );
    assert!(!said.contains("canary"), "{said}");
    output
}

fn list(folder: &TempDir) -> Value {
    let output = credential(folder, &["list", "--json"], None);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["credentials"].clone()
}

#[test]
fn field_a_rotated_secret_is_replaced_and_the_rest_stays() {
    let (folder, first) = kept();
    let before = list(&folder);
    let app = credential(
        &folder,
        &["replace", "app"],
        Some(("CLEVER_CLIENT_SECRET", "canary-three")),
    );
    assert!(app.status.success(), "{}", errors(&app));
    let file = folder.path().join("new-token");
    fs::write(&file, "canary4\n").unwrap();
    let path = file.display().to_string();
    let args = ["replace", "north", "--secret-file", &path, "--json"];
    let north = credential(&folder, &args, None);
    let said: Value = serde_json::from_slice(&north.stdout).unwrap();
    assert_eq!(
        said,
        serde_json::json!({"schema_version": 1, "replaced": "north", "kind": "district token"})
    );
    assert_eq!(
        list(&folder),
        before,
        "name, kind, app, district and description"
    );
    let text = fs::read_to_string(folder.path().join("kept")).unwrap();
    assert_ne!(text, first);
    let args = [
        "replace",
        "north",
        "--description",
        "the north",
        "--secret-file",
        &path,
    ];
    assert!(credential(&folder, &args, None).status.success());
    assert_eq!(list(&folder)[1]["description"], "the north");

    // What can't be replaced changes nothing.
    let text = fs::read_to_string(folder.path().join("kept")).unwrap();
    for (args, secret, word) in [
        (&["replace", "south"][..], None, "no credential `south`"),
        (&["replace", "app"], None, "hint:"),
        (
            &["replace", "app"],
            Some(("CLEVER_TOKEN", "abc123")),
            "hint:",
        ),
        (
            &["replace", "app"],
            Some(("CLEVER_CLIENT_SECRET", "two words")),
            "white space",
        ),
        (
            &["replace", "north"],
            Some(("CLEVER_TOKEN", "two words")),
            "CLEVER_TOKEN",
        ),
    ] {
        let refused = credential(&folder, args, secret);
        assert!(!refused.status.success());
        assert!(
            errors(&refused).contains(word),
            "{args:?}: {}",
            errors(&refused)
        );
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("kept")).unwrap(),
        text
    );
}

/// As it was found: a file that was cut is said to have another key.
#[test]
fn field_a_file_of_credentials_that_does_not_open_is_named_as_what_it_is() {
    let (folder, text) = kept();
    let file = folder.path().join("kept");
    let cut = &text[..text.len() / 2];
    for (content, word, hint) in [
        (&b""[..], "empty", "backup"),
        (b"\n", "empty", "backup"),
        (&[0; 4096], "empty", "backup"),
        (cut.as_bytes(), "cut", "backup"),
        (&text.as_bytes()[..10], "cut", "backup"),
        (format!("{text}x").as_bytes(), "damaged", "backup"),
        (b"{\"tokens\": []}", "something else", "--credentials"),
        (b"\xff\xfe\x00", "something else", "--credentials"),
        (text.replace(":1:", ":9:").as_bytes(), "form", "newer"),
    ] {
        fs::write(&file, content).unwrap();
        for args in [
            &["list"][..],
            &["add", "x"],
            &["replace", "app"],
            &["remove", "app"],
        ] {
            let refused = credential(&folder, args, Some(("CLEVER_TOKEN", "abc123")));
            assert!(!refused.status.success(), "{word}");
            let said = errors(&refused);
            assert!(
                said.contains(word) && said.contains("kept"),
                "{word}: {said}"
            );
            assert!(!said.contains("another key"), "{word}: {said}");
            let next = said.split("hint:").nth(1).unwrap_or_default();
            assert!(next.contains(hint), "{word}: {said}");
        }
        assert_eq!(
            fs::read(&file).unwrap(),
            content,
            "nothing is written over it"
        );
    }
    fs::write(&file, &text).unwrap();
    let mut other = vault(folder.path());
    other
        .args(["credential", "list"])
        .env("CLEVER_KEY", "A".repeat(43));
    let refused = other.output().unwrap();
    assert!(!refused.status.success());
    let said = errors(&refused);
    assert!(
        said.contains("another key") && said.contains("--key-file"),
        "{said}"
    );
    assert_eq!(list(&folder).as_array().unwrap().len(), 2);
}
