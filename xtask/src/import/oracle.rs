//! Another program's opinion: npm's `swagger2openapi` on the same files. Every difference is explained in
//! the committed snapshot, or the test fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use super::convert;
use super::schema::is_prose;
use super::tests::specs;
use crate::say::say;

/// The version whose output the snapshot was read against.
const ORACLE: &str = "swagger2openapi@7.0.8";

/// Why the two differ, by how a difference begins.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "a reference that may be null",
        "it drops whatever stands beside a reference",
    ),
    ("openapi: ", "it writes the first 3.0, we the last"),
    (
        "style: ours \"form\"",
        "what the standard means when nothing is said; we say it",
    ),
    ("parameters: ours []", "it drops an empty list"),
    (
        "requestBodies: ",
        "it gives bodies that two operations share a name",
    ),
    (
        "$ref: ours null, theirs \"#/components/requestBodies/",
        "the name of a shared body",
    ),
    (
        "content: ours {\"application/json\"",
        "stands at the shared body's name",
    ),
    (
        "required: ours true, theirs null",
        "stands at the shared body's name",
    ),
];

/// Installs the converter below `target/`; none where npm is not, or can't.
fn converter(root: &Path) -> Option<PathBuf> {
    let folder = root.join("target/oracle");
    let program = folder.join("node_modules/.bin/swagger2openapi");
    if !program.exists() {
        fs::create_dir_all(&folder).unwrap();
        let installed = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(ORACLE)
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            say(&format!("skipped: npm could not install {ORACLE}"));
            return None;
        }
    }
    Some(program)
}

/// A document without sentences; the members of `properties` are names, not keywords.
fn facts(value: &Value, names: bool) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| names || (!is_prose(key) && *key != "info" && *key != "servers"))
            .map(|(key, value)| {
                let names = !names && matches!(key.as_str(), "properties" | "schemas" | "scopes");
                (key.clone(), facts(value, names))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(|value| facts(value, false)).collect();
            // Sets of words come in any order.
            if all.iter().all(Value::is_string) {
                all.sort_by_key(ToString::to_string);
            }
            all.into()
        }
        other => other.clone(),
    }
}

/// Counts each sort of difference: the key it stands at and what either side has there.
fn compare(ours: &Value, theirs: &Value, key: &str, counts: &mut BTreeMap<String, usize>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let nullable = a.get("nullable").is_some() && a.contains_key("allOf");
            if nullable && b.contains_key("$ref") && a["allOf"][0]["$ref"] == b["$ref"] {
                *counts
                    .entry("a reference that may be null: ours says so, theirs drops it".to_owned())
                    .or_default() += 1;
                return;
            }
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for inner in keys {
                let side = |map: &Map<String, Value>| map.get(inner).cloned().unwrap_or_default();
                compare(&side(a), &side(b), inner, counts);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                compare(a, b, key, counts);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            *counts
                .entry(format!("{key}: ours {a}, theirs {b}"))
                .or_default() += 1;
        }
    }
}

#[test]
fn another_converter_agrees_but_for_explained_differences() {
    let Some(specs) = specs() else { return };
    let root = crate::root().unwrap();
    let Some(converter) = converter(&root) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut counts = BTreeMap::new();
    let mut files = 0;
    for entry in fs::read_dir(specs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let out = folder.path().join("out.json");
        let status = Command::new(&converter)
            // Attendance refers to models of the other files.
            .arg("--warnOnly")
            .arg("--outfile")
            .arg(&out)
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success(), "{}", path.display());
        let theirs: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
        let source: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let ours = convert::document(&source, "v9").unwrap();
        compare(
            &facts(&ours, false),
            &facts(&theirs, false),
            "",
            &mut counts,
        );
        files += 1;
    }
    let mut report = format!("{files} files\n");
    for (difference, count) in counts {
        let why = EXPLAINED
            .iter()
            .find(|(start, _)| difference.starts_with(start));
        let (_, why) = why.unwrap_or_else(|| panic!("not explained: {count} × {difference}"));
        let _ = writeln!(report, "{count} × {difference}\n    {why}");
    }
    insta::assert_snapshot!(report);
}
