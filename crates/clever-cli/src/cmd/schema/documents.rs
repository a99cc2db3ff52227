//! The schemas of what `--json` prints, as files that a program can check against.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clever_emulator::cli::Started;
use clever_raw::drift::survey::Survey;
use clever_sync::{Change, SyncReport};
use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "console")]
use crate::cmd::console;
#[cfg(feature = "fleet")]
use crate::cmd::fleet;
use crate::cmd::{
    accounts, alerts, changes, config, credential, demo, districts, doctor, explain, export,
    forget, login, man, matching, me, pause, plan, prune, relocate, review, status, sync,
};
use crate::diagnostics::{Exit, Failure, Usage};
use crate::ui::{Document, Shape, Ui, counted};
use crate::writing::write_whole;

/// Every document that `--json` prints.
fn all() -> Vec<Shape> {
    let mut all = vec![
        Shape::of::<Failure>(),
        Shape::of::<SyncReport>(),
        #[cfg(feature = "fleet")]
        Shape::of::<fleet::Schedules>(),
        #[cfg(feature = "fleet")]
        Shape::of::<fleet::Told>(),
        #[cfg(feature = "fleet")]
        Shape::of::<fleet::Drained>(),
        #[cfg(feature = "fleet")]
        Shape::of::<fleet::FleetDocument>(),
        Shape::of::<sync::all::document::AllRuns<'static>>(),
        Shape::of::<sync::all::document::DistrictRun>(),
        Shape::of::<status::Told<'static>>(),
        Shape::of::<status::Letters>(),
        Shape::of::<pause::Told>(),
        Shape::of::<relocate::Moved>(),
        Shape::of::<plan::Shown<'static>>(),
        Shape::of::<explain::Explained>(),
        Shape::of::<changes::Listed>(),
        Shape::of::<Change>(),
        Shape::of::<changes::deliver::Delivered>(),
        Shape::of::<changes::lake::Told>(),
        Shape::of::<prune::Told<'static>>(),
        Shape::of::<export::Written>(),
        Shape::of::<forget::Everywhere>(),
        Shape::of::<forget::Notes<'static>>(),
        Shape::of::<forget::Swept>(),
        Shape::of::<forget::Readmitted>(),
        Shape::of::<alerts::Sent>(),
        Shape::of::<super::Tables>(),
        Shape::of::<Written>(),
        Shape::of::<Started>(),
        Shape::of::<demo::Shown>(),
        Shape::of::<credential::Changed<'static>>(),
        Shape::of::<credential::Kept<'static>>(),
        Shape::of::<districts::Connected>(),
        Shape::of::<login::Told<'static>>(),
        Shape::of::<me::Whose>(),
        Shape::of::<doctor::Told<'static>>(),
        Shape::of::<Survey>(),
        Shape::of::<accounts::sync::Told<'static>>(),
        Shape::of::<accounts::import::Report>(),
        Shape::of::<accounts::show::Page<'static>>(),
        Shape::of::<accounts::show::InFull<'static>>(),
        Shape::of::<accounts::show::Explained<'static>>(),
        Shape::of::<matching::Summary>(),
        Shape::of::<clever_provision::store::Review>(),
        Shape::of::<review::Open<'static>>(),
        Shape::of::<review::Approved<'static>>(),
        Shape::of::<review::Declined>(),
        Shape::of::<review::Expired>(),
        Shape::of::<review::Verified>(),
        Shape::of::<config::Begun>(),
        Shape::of::<config::Shown>(),
        Shape::of::<man::Written>(),
    ];
    #[cfg(feature = "console")]
    all.extend([
        Shape::of::<console::Link>(),
        Shape::of::<console::token::Made>(),
        Shape::of::<console::token::Tokens>(),
        Shape::of::<console::token::Removed<'static>>(),
    ]);
    #[cfg(feature = "certify")]
    all.push(Shape::of::<clever_emulator::certify::Told<'static>>());
    all.sort_by_key(|shape| shape.name);
    all
}

/// The schemas that were written.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Written {
    folder: String,
    schemas: usize,
}

impl Document for Written {
    const NAME: &'static str = "schema-documents";
}

/// Writes the schemas into a folder; none that would change the shape of a version that is there.
pub(super) fn run(folder: &Path, ui: &Ui) -> Result<Exit> {
    let failed = || format!("could not write the schemas into {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let all = all();
    for shape in &all {
        let path = folder.join(format!("{}.json", shape.name));
        let there: Option<Value> = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(there) = there
            && version_of(&there) == Some(shape.version)
            && !same_shape(&there, &shape.schema)
        {
            return Err(Usage::new(format!(
                "the shape of `{}` is another than in {}, and both are version {}",
                shape.name,
                path.display(),
                shape.version
            ))
            .hint("raise its `Document::VERSION` if the change is meant, and run this again")
            .into());
        }
    }
    for shape in &all {
        let path = folder.join(format!("{}.json", shape.name));
        let text = serde_json::to_string_pretty(&shape.schema)? + "\n";
        write_whole(&path, |file| Ok(file.write_all(text.as_bytes())?))?;
    }
    if ui.json {
        ui.document(&Written {
            folder: folder.display().to_string(),
            schemas: all.len(),
        })?;
    } else {
        let schemas = counted(all.len() as u64, "schema", "schemas");
        ui.line(format!("{schemas} in {}", folder.display()))?;
    }
    Ok(Exit::Done)
}

/// The version whose shape a schema is.
fn version_of(schema: &Value) -> Option<u32> {
    let version = schema["properties"]["schema_version"]["const"].as_u64()?;
    version.try_into().ok()
}

/// Says whether two schemas let the same through: words of explanation don't count.
fn same_shape(one: &Value, other: &Value) -> bool {
    bare(one) == bare(other)
}

/// A schema without words of explanation. A field may have such a name too; its value is an object.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(parts) => {
            let said = |name: &str, part: &Value| {
                matches!(name, "description" | "title") && part.is_string()
            };
            let parts = parts.iter().filter(|(name, part)| !said(name, part));
            parts
                .map(|(name, part)| (name.clone(), bare(part)))
                .collect()
        }
        Value::Array(parts) => parts.iter().map(bare).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;

    fn committed() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
    }

    /// What is wrong with the schemas of a folder.
    fn wrong(folder: &Path, all: &[Shape]) -> Vec<String> {
        let mut wrong = Vec::new();
        let again = "`cargo run --bin cleverctl --features full -- schema --documents docs/schema`";
        let mut known = BTreeSet::new();
        for shape in all {
            let name = shape.name;
            known.insert(format!("{name}.json"));
            let text = fs::read(folder.join(format!("{name}.json")));
            let Ok(there) = text.map(|text| serde_json::from_slice::<Value>(&text).unwrap()) else {
                wrong.push(format!("`{name}` has no schema: run {again}"));
                continue;
            };
            match version_of(&there) {
                Some(version) if version != shape.version => wrong.push(format!(
                    "the schema of `{name}` is of version {version}, not {}: run {again}",
                    shape.version
                )),
                _ if !same_shape(&there, &shape.schema) => wrong.push(format!(
                    "the shape of `{name}` changed and its version did not: raise its `Document::VERSION`, and run {again}"
                )),
                _ if there != shape.schema => {
                    wrong.push(format!("the words of `{name}` changed: run {again}"));
                }
                _ => {}
            }
        }
        for file in fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if !known.contains(&name) {
                wrong.push(format!("nothing prints {name}: delete it"));
            }
        }
        wrong
    }

    #[test]
    fn a_shape_does_not_change_without_a_new_version() {
        let wrong = wrong(&committed(), &all());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn names_are_not_given_twice() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|shape| shape.name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn every_document_of_the_sources_has_a_schema() {
        fn look(folder: &Path, found: &mut Vec<String>) {
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    look(&path, found);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                let mut rest = text.as_str();
                while let Some((_, after)) = rest.split_once("\nimpl Document for ") {
                    let (_, named) = after.split_once("NAME: &'static str = \"").unwrap();
                    found.push(named.split_once('"').unwrap().0.to_owned());
                    rest = after;
                }
            }
        }
        let mut found = Vec::new();
        look(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        found.sort();
        let all: Vec<_> = all().iter().map(|shape| shape.name).collect();
        assert_eq!(found, all);
    }

    #[test]
    fn a_change_of_shape_is_found_and_a_change_of_words_is_none() {
        let schema = |words: &str, fields: Value| {
            json!({
                "description": words,
                "properties": { "description": fields, "schema_version": { "const": 1 } },
            })
        };
        let text = schema("a", json!({ "type": "string" }));
        assert!(same_shape(&text, &schema("b", json!({ "type": "string" }))));
        assert!(!same_shape(
            &text,
            &schema("a", json!({ "type": "integer" }))
        ));
        assert!(!same_shape(&text, &schema("a", json!({}))));

        let folder = tempfile::tempdir().unwrap();
        let ui = Ui::default();
        run(folder.path(), &ui).unwrap();
        run(folder.path(), &ui).unwrap();
        let mut all = all();
        assert!(wrong(folder.path(), &all).is_empty());
        let status = all.iter_mut().find(|shape| shape.name == "status").unwrap();
        status.schema["properties"]["another"] = json!({ "type": "string" });
        let found = wrong(folder.path(), &all);
        assert!(
            found.len() == 1 && found[0].contains("raise its `Document::VERSION`"),
            "{found:?}"
        );
        // The file is of the same version and another shape: the command leaves it.
        let path = folder.path().join("status.json");
        let mut there: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        there["properties"]["another"] = json!({ "type": "string" });
        fs::write(&path, there.to_string()).unwrap();
        let error = run(folder.path(), &ui).unwrap_err();
        assert!(error.to_string().contains("`status`"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), there.to_string());
    }
}
