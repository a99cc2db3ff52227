//! Proof that the emulator answers as Clever does, by documents and not by our own client: every GET path of
//! every version is walked, and every answer validated against our OpenAPI documents and Clever's own files.
//!
//! It is a test of xtask because xtask alone puts together the document that counts: the imported facts with the
//! overlays applied. A committed copy of that document would be one more thing to keep in step. No other code of
//! xtask depends on the emulator.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod classroom;
mod identity;
mod schema;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use serde_json::Value;
use xtask::documents;

use schema::{CORRECTED, EXTRAS, Extra, Schemas};
use walk::{Answer, walk};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// A folder of the material that is not part of the tree, if it is there.
fn shared(folder: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("CLEVER_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from)
        .join(folder);
    if shared.is_dir() {
        return Some(shared);
    }
    eprintln!("skipped: there is no {}", shared.display());
    None
}

/// A district after some days, during which much happened.
async fn lived(world: WorldSource, resources: bool) -> Emulator {
    let config = EmulatorConfig {
        world,
        resources,
        events: true,
        rate_limit: u64::MAX,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.expect("an emulator");
    emulator.advance_days(4);
    emulator.happen(Happening::Transfer);
    emulator.happen(Happening::UserSplit);
    emulator.happen(Happening::Pause);
    emulator.advance_days(3);
    emulator.happen(Happening::Resume);
    emulator.advance_days(2);
    emulator
}

fn generated() -> WorldSource {
    WorldSource::Generated {
        seed: 11,
        students: 120,
    }
}

/// Validates each answer; the breaches, each once, with a target that shows it.
fn breaches(answers: &[Answer], schemas: &mut Schemas, document: &Value) -> Vec<String> {
    let mut found = std::collections::BTreeMap::new();
    for answer in answers {
        let Some(name) = answer.schema(document) else {
            // A 404 that no file writes down is Clever's all the same.
            if answer.status == 200 {
                let place = format!("no schema for {}", answer.template);
                found.insert(place, answer.target.clone());
            }
            continue;
        };
        let mut wrong = schemas.breaches(&name, &answer.body);
        for event in answer.events() {
            let kind = event["type"].as_str().unwrap_or_default();
            if schemas.has(kind) {
                wrong.extend(schemas.breaches(kind, event));
            } else {
                wrong.push(format!("no such type of event: {kind}"));
            }
        }
        for breach in wrong {
            let numbers = |part: &str| part.parse::<usize>().is_ok();
            let place: Vec<&str> = breach
                .split('/')
                .map(|part| if numbers(part) { "*" } else { part })
                .collect();
            found
                .entry(place.join("/"))
                .or_insert_with(|| answer.target.clone());
        }
    }
    found
        .into_iter()
        .map(|(breach, target)| format!("{target}: {breach}"))
        .collect()
}

/// Clever's files of one version as one document of definitions and paths. The files for clients know a few fields
/// more (students' `iep_status` and others): those are added, and nothing else of them counts.
fn published(folder: &Path, version: &str) -> Value {
    let mut union = serde_json::json!({ "definitions": {}, "paths": {}, "responses": {} });
    for file in [
        format!("{version}.yml"),
        format!("{version}-events.yml"),
        format!("{version}-attendance.yml"),
        format!("{version}-lms.yml"),
    ] {
        let Ok(text) = fs::read_to_string(folder.join(&file)) else {
            continue;
        };
        let document: Value = serde_saphyr::from_str(&text).expect(&file);
        for part in ["definitions", "paths", "responses"] {
            let from = document[part].as_object().into_iter().flatten();
            for (name, value) in from {
                union[part][name] = value.clone();
            }
        }
    }
    let text = fs::read_to_string(folder.join(format!("{version}-client.yml")));
    let client: Value = serde_saphyr::from_str(&text.expect("a file for clients")).expect("YAML");
    for (name, schema) in client["definitions"].as_object().into_iter().flatten() {
        let known = union["definitions"][name]["properties"].as_object_mut();
        let more = schema["properties"].as_object();
        if let (Some(known), Some(more)) = (known, more) {
            for (field, schema) in more {
                known.entry(field).or_insert_with(|| schema.clone());
            }
        }
    }
    union
}

#[tokio::test]
async fn every_get_path_of_every_version_answers_as_our_documents_say_and_with_no_other_field() {
    let documents = documents::read(root()).expect("documents");
    for (resources, wanted) in [(true, "/"), (false, "resources")] {
        let emulator = lived(generated(), resources).await;
        for (version, document) in &documents {
            let mut document = document.clone();
            let paths = document["paths"].as_object_mut().expect("paths");
            paths.retain(|path, _| path.contains(wanted));
            let document = &document;
            let answers = walk(&emulator, version, document).await;
            let extras: Vec<&Extra> = EXTRAS.iter().collect();
            let mut schemas = Schemas::of(document, true, &extras);
            let wrong = breaches(&answers, &mut schemas, document);
            assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
        }
        emulator.stop().await;
    }
}

#[tokio::test]
async fn every_get_path_of_every_version_answers_as_clevers_own_files_say() {
    let Some(folder) = shared("clever-specs") else {
        return;
    };
    let documents = documents::read(root()).expect("documents");
    let emulator = lived(generated(), true).await;
    for (version, document) in &documents {
        let answers = walk(&emulator, version, document).await;
        let good = answers.iter().filter(|answer| answer.status == 200);
        assert!(good.count() > 90, "{version} is walked");
        let published = published(&folder, version);
        let extras: Vec<&Extra> = EXTRAS.iter().chain(CORRECTED).collect();
        let mut schemas = Schemas::of(&published, true, &extras);
        let wrong = breaches(&answers, &mut schemas, &published);
        assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
    }
    emulator.stop().await;
}

#[tokio::test]
async fn the_recorded_district_and_its_events_are_served_in_every_version_as_the_documents_say() {
    let Some(folder) = shared("recorded/demo-district") else {
        return;
    };
    let documents = documents::read(root()).expect("documents");
    let emulator = lived(WorldSource::Recorded(folder), false).await;
    for (version, document) in &documents {
        let answers = walk(&emulator, version, document).await;
        let told = answers
            .iter()
            .filter(|answer| answer.events().next().is_some());
        assert!(told.count() > 0, "{version} tells events of a recording");
        let extras: Vec<&Extra> = EXTRAS.iter().collect();
        let mut schemas = Schemas::of(document, true, &extras);
        let wrong = breaches(&answers, &mut schemas, document);
        assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
    }
    emulator.stop().await;
}

#[test]
fn a_wrong_answer_is_found() {
    let documents = documents::read(root()).expect("documents");
    let extras: Vec<&Extra> = EXTRAS.iter().collect();
    let mut schemas = Schemas::of(&documents["v2.1"], true, &extras);
    let student = |field: &str, value: Value| {
        let mut student = serde_json::json!({
            "data": { "id": "a", "gender": "X", "dob": "1/2/2010", "created": "2023-04-23T16:07:28.860Z" },
            "uri": "/",
        });
        student["data"][field] = value;
        student
    };
    let good = schemas.breaches("StudentResponse", &student("id", "b".into()));
    assert!(good.is_empty());
    for (what, field, value) in [
        ("a value that is none", "gender", "Y".into()),
        ("another type", "name", "Ann".into()),
        ("another form", "dob", "2010-01-02".into()),
        ("no time", "created", "yesterday".into()),
        ("a field of no version", "nickname", "A".into()),
        ("a field of another version", "gifted_status", "Y".into()),
        ("a null where there is none", "sis_id", Value::Null),
    ] {
        let wrong = schemas.breaches("StudentResponse", &student(field, value));
        assert_eq!(wrong.len(), 1, "{what}: {wrong:?}");
    }
    let mut event = serde_json::json!({ "type": "students.updated", "id": "e", "created": "2023-04-23T16:07:28.000Z",
        "data": { "object": { "id": "a" }, "previous_attributes": { "grade": "1" } } });
    assert!(schemas.breaches("students.updated", &event).is_empty());
    event["data"]["object"]["roles"] = serde_json::json!({});
    assert!(!schemas.breaches("students.updated", &event).is_empty());
    // Every exception is one that the documents do not make by themselves.
    for extra in EXTRAS {
        let needed = documents.values().any(|document| {
            let schemas = document["components"]["schemas"]
                .as_object()
                .expect("schemas");
            schemas.iter().any(|(name, schema)| {
                name.ends_with(extra.schemas) && schema["properties"].get(extra.field).is_none()
            })
        });
        assert!(needed, "{}: {}", extra.field, extra.why);
    }
}
