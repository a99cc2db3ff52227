//! `cleverctl drift`, over files as the API answers them.

use std::fs;

use serde_json::Value;

use crate::ground::{cleverctl, errors, recorded};

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
    let drift = || cleverctl().arg("drift").arg(&file).output().unwrap();
    let output = drift();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("users.roles.student.gender = Q")
            && said.contains("users.roles.student.shoe"),
        "{said}"
    );
    fs::write(&file, r#"{"data":[{"data":{"name":"no id"}}]}"#).unwrap();
    let output = drift();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("record 1: no id"));
}
