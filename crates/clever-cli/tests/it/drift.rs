//! `cleverctl drift`, over files as the API answers them.

use std::fs;

use serde_json::Value;

use crate::ground::{cleverctl, errors, held, recorded};

#[test]
fn the_recorded_district_has_no_drift() {
    let Some(folder) = recorded() else { return };
    for api in ["v3.0", "v3.1"] {
        let output = cleverctl()
            .args(["drift", "--json", "--api", api])
            .args(
                ["users", "sections", "districts"].map(|kind| folder.join(format!("{kind}.json"))),
            )
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let survey: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&survey["read"]["users"], &survey["read"]["sections"]),
            (&2098.into(), &378.into())
        );
        assert_eq!(
            survey["drift"]["undeclared_fields"],
            serde_json::json!({}),
            "{api}"
        );
    }
}

#[test]
fn drift_is_told_and_a_refused_record_fails() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("page.json");
    fs::write(
        &file,
        r#"{"data":[{"data":{"id":"u","roles":{"student":{"gender":"Q","shoe":38}}}}]}"#,
    )
    .unwrap();
    let with = |args: &[&str]| {
        let mut command = cleverctl();
        command.arg("drift").args(args).arg(&file).output().unwrap()
    };
    let drift = || with(&[]);
    let output = drift();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("users.roles.student.gender (1 character)")
            && said.contains("users.roles.student.shoe"),
        "{said}"
    );
    let said = String::from_utf8_lossy(&with(&["--values"]).stdout).into_owned();
    assert!(said.contains("users.roles.student.gender = Q"), "{said}");
    fs::write(&file, r#"{"data":[{"data":{"name":"no id"}}]}"#).unwrap();
    let output = drift();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("record 1: no id"));
}

#[test]
fn field_19_drift_of_nothing_is_no_good_news() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("page.json");
    for (text, refused) in [
        ("[]", false),
        ("{\"data\":[]}", false),
        ("{\"data\":[],\"links\":[]} []", false),
        ("{\"data\":[", true),
        ("", true),
        ("<html>busy</html>", true),
        ("null", true),
        ("7", true),
    ] {
        fs::write(&file, text).unwrap();
        let said = |json: &[&str]| {
            let mut command = cleverctl();
            let output = command.arg("drift").args(json).arg(&file).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{text}");
            String::from_utf8(output.stdout).unwrap()
        };
        let prose = said(&[]);
        assert!(
            prose.contains("No record was read") && prose.contains("hint:"),
            "{text}: {prose}"
        );
        assert!(!prose.contains("No drift"), "{text}: {prose}");
        assert_eq!(prose.contains("refused:"), refused, "{text}: {prose}");
        let survey = held("drift", said(&["--json"]));
        assert_eq!(survey["read"], serde_json::json!({}), "{text}");
    }
    // One of two files is good: what was read is said, and what was not.
    let good = folder.path().join("users.json");
    fs::write(&good, "\u{feff}[{\"id\":\"u\",\"roles\":{}}]").unwrap();
    let output = cleverctl()
        .arg("drift")
        .args([&good, &file])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("No drift in the records that were read"),
        "{said}"
    );
    let missing = cleverctl()
        .args(["drift", "/nonexistent/users.json"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(errors(&missing).contains("hint:"), "{}", errors(&missing));
}
