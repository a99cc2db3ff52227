//! What is written once for all versions: the modules' list, the features, the types of events, and
//! `docs/api-versions.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item};

use super::documents::module_of;
use super::emit;
use crate::api_diff;

/// Writes the shared files, or names those that differ from what would be written.
pub(super) fn run(
    root: &Path,
    documents: &BTreeMap<String, Value>,
    check: bool,
) -> Result<Vec<String>> {
    let versions = super::documents::versions(root)?;
    let manifest = root.join("crates/clever-raw/Cargo.toml");
    let files = [
        (
            root.join("crates/clever-raw/src/versions.rs"),
            modules(&versions),
        ),
        (
            root.join("crates/clever-raw/src/models/event_type.rs"),
            event_types(documents),
        ),
        (
            root.join("docs/api-versions.md"),
            api_diff::history(root, &versions)?,
        ),
        (manifest.clone(), features(&manifest, &versions)?),
    ];
    let mut differing = Vec::new();
    for (path, text) in files {
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if check {
            differing.push(format!("{}: differs", path.display()));
        } else {
            fs::write(&path, text)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
    }
    Ok(differing)
}

/// The modules of all versions, each behind its feature.
fn modules(versions: &[String]) -> String {
    let mut text = format!(
        "{}// The versions, each behind its feature; included by the crate's root.\n",
        emit::HEADER
    );
    for version in versions {
        let module = module_of(version);
        let _ = write!(
            text,
            "\n#[cfg(feature = \"{module}\")]\n#[rustfmt::skip]\npub mod {module};\n"
        );
    }
    text
}

/// All types of events, of any version, as one open enum.
fn event_types(documents: &BTreeMap<String, Value>) -> String {
    let types: BTreeSet<&String> = documents
        .values()
        .filter_map(|document| document["components"]["schemas"].as_object())
        .flat_map(serde_json::Map::keys)
        .filter(|name| name.contains('.'))
        .collect();
    let mut text = format!(
        "{}//! The types of events.\n\ncrate::open_enum! {{\n    /// What an event says: the kind of its record, a dot, and what happened. Those of all versions.\n    pub enum EventType {{\n",
        emit::HEADER
    );
    for name in types {
        let _ = writeln!(
            text,
            "        /// `{name}`.\n        {} = {name:?},",
            emit::variant(name)
        );
    }
    text.push_str("    }\n}\n");
    text
}

/// The crate's manifest with a feature for each version; nothing else in it changes.
fn features(manifest: &Path, versions: &[String]) -> Result<String> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("could not read {}", manifest.display()))?;
    let mut document: DocumentMut = text
        .parse()
        .with_context(|| format!("{} is not TOML", manifest.display()))?;
    let features = document["features"]
        .as_table_mut()
        .with_context(|| format!("{} has no [features]", manifest.display()))?;
    for version in versions {
        let module = module_of(version);
        if !features.contains_key(&module) {
            features.insert(&module, Item::Value(Array::new().into()));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_gets_a_feature_and_the_rest_of_the_manifest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.toml");
        let text = "# words\n[features]\ndefault = [\"v3_1\"] # kept\nv3_1 = []\n\n[dependencies]\na = \"1\"\n";
        fs::write(&path, text).unwrap();
        assert_eq!(features(&path, &["v3.1".to_owned()]).unwrap(), text);
        let more = features(&path, &["v3.1".to_owned(), "v3.2".to_owned()]).unwrap();
        assert_eq!(more, text.replace("v3_1 = []\n", "v3_1 = []\nv3_2 = []\n"));
    }
}
