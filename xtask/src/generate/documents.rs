//! The documents that code is generated from: each version's imported facts with the overlays upon them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::overlay::Overlay;

/// Every version below `openapi/`, oldest first.
pub(crate) fn versions(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("openapi");
    let mut versions = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?
    {
        let entry = entry?;
        if entry.path().join("imported.json").is_file() {
            versions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    ensure!(
        !versions.is_empty(),
        "no version is imported below {}",
        folder.display()
    );
    versions.sort_by_key(|version| {
        version
            .trim_start_matches('v')
            .split('.')
            .map(|part| part.parse().unwrap_or(u32::MAX))
            .collect::<Vec<_>>()
    });
    Ok(versions)
}

/// A version as the name of its module and feature: `v3_1`.
pub(crate) fn module_of(version: &str) -> String {
    version.replace('.', "_")
}

/// Reads every version and applies the common overlay and the version's own.
///
/// An action that matches nothing is an error: for the common overlay in all versions together, for a
/// version's own in that version.
pub fn read(root: &Path) -> Result<BTreeMap<String, Value>> {
    let folder = root.join("openapi");
    let text = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
    };
    let common_path = folder.join("common/overlay.yaml");
    let common =
        Overlay::read(&text(&common_path)?).with_context(|| common_path.display().to_string())?;
    let mut matched: Vec<usize> = Vec::new();
    let mut documents = BTreeMap::new();
    for version in versions(root)? {
        let folder = folder.join(&version);
        let path = folder.join("imported.json");
        let mut document: Value =
            serde_json::from_str(&text(&path)?).with_context(|| path.display().to_string())?;
        let here = common.apply(&mut document);
        matched.resize(here.len(), 0);
        for (all, here) in matched.iter_mut().zip(here) {
            *all += here;
        }
        let path = folder.join("overlay.yaml");
        if path.exists() {
            let own = Overlay::read(&text(&path)?).with_context(|| path.display().to_string())?;
            let here = own.apply(&mut document);
            refuse_unmatched(&path, &own.unmatched(&here))?;
        }
        documents.insert(version, document);
    }
    refuse_unmatched(&common_path, &common.unmatched(&matched))?;
    Ok(documents)
}

fn refuse_unmatched(path: &Path, targets: &[String]) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    bail!(
        "{}: these actions match nothing:\n  {}",
        path.display(),
        targets.join("\n  ")
    )
}

/// Every operation, parameter, model and field without a word of documentation, by its place.
pub(super) fn undocumented(document: &Value) -> Vec<String> {
    let silent = |value: &Value| {
        ["summary", "description"]
            .iter()
            .all(|key| value[*key].as_str().is_none_or(str::is_empty))
    };
    let mut places = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let place = format!("{} {path}", method.to_uppercase());
            let parameters = operation.get("parameters").and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten().filter(|one| silent(one)) {
                places.push(format!(
                    "parameter {} of {place}",
                    parameter["name"].as_str().unwrap_or_default()
                ));
            }
            if silent(operation) {
                places.push(place);
            }
        }
    }
    for (name, model) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let Some(fields) = model["properties"].as_object() else {
            continue;
        };
        if silent(model) {
            places.push(name.clone());
        }
        let silent_fields = fields.iter().filter(|(_, field)| silent(field));
        places.extend(silent_fields.map(|(field, _)| format!("{name}.{field}")));
    }
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_described_is_named() {
        let document = json!({
            "paths": { "/a": { "get": { "summary": "An a.", "parameters": [{ "name": "limit" }] }, "post": {} } },
            "components": { "schemas": {
                "A": { "description": "", "properties": { "b": { "description": "A b." }, "c": {} } },
                "Words": { "type": "string" },
            } },
        });
        assert_eq!(
            undocumented(&document),
            ["parameter limit of GET /a", "POST /a", "A", "A.c"]
        );
    }
}
