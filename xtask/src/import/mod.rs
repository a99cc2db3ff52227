//! `cargo xtask import`: Clever's Swagger 2.0 files of one API version, converted, merged to their
//! union and reduced to facts. No sentence of theirs is carried over.

mod convert;
mod merge;
#[cfg(test)]
mod oracle;
mod schema;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::say::say;

/// Converts `files` and writes the union, with its sources, below `openapi/` or to `out`.
pub(crate) fn run(
    root: &Path,
    api: &str,
    out: Option<&Path>,
    source: &str,
    files: &[PathBuf],
) -> Result<()> {
    let mut union = Value::Object(Map::new());
    let mut digests = toml::Table::new();
    let mut said = Vec::new();
    for file in files {
        let text = fs::read_to_string(file)
            .with_context(|| format!("could not read {}", file.display()))?;
        let document: Value = serde_saphyr::from_str(&text)
            .with_context(|| format!("{} is not YAML that reads as JSON", file.display()))?;
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let converted =
            convert::document(&document, api).with_context(|| format!("in {}", file.display()))?;
        let facts = verify::of_file(&document);
        verify::same(&facts, &verify::of_document(&converted))
            .with_context(|| format!("in {}", file.display()))?;
        said.push((name.clone(), facts));
        for line in merge::into(&mut union, converted, &name) {
            say(&line);
        }
        let digest: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        digests.insert(name, digest.into());
    }
    check_references(&union)?;
    verify::complete(&verify::of_document(&union), &said)?;
    for line in verify::one_sided(&said) {
        say(&line);
    }
    // Parsed objects are ordered by key, so equal facts are equal bytes.
    let text = serde_json::to_string_pretty(&union)? + "\n";
    let folder = root.join("openapi").join(api);
    let target = out.map_or_else(|| folder.join("imported.json"), Path::to_owned);
    if let Some(parent) = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent)
            .with_context(|| format!("could not make {}", parent.display()))?;
    }
    fs::write(&target, text).with_context(|| format!("could not write {}", target.display()))?;
    if out.is_none() {
        record_sources(&root.join("openapi/sources.toml"), api, source, digests)?;
    }
    say(&format!("wrote {}", target.display()));
    Ok(())
}

/// Keeps which files a document came from, by their digests.
fn record_sources(path: &Path, api: &str, source: &str, digests: toml::Table) -> Result<()> {
    let mut sources: toml::Table = match fs::read_to_string(path) {
        Ok(text) => {
            toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))?
        }
        Err(_) => toml::Table::new(),
    };
    let mut entry = toml::Table::new();
    entry.insert("source".to_owned(), source.into());
    entry.insert("sha256".to_owned(), digests.into());
    sources.insert(api.to_owned(), entry.into());
    let text = format!(
        "# Written by `cargo xtask import`: the files that each imported document was made from.\n\n{}",
        toml::to_string_pretty(&sources)?
    );
    fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}

/// Refuses a document in which a reference leads nowhere, and names the place.
fn check_references(document: &Value) -> Result<()> {
    fn walk(document: &Value, value: &Value, path: &str, dangling: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str)
                    && document.pointer(target.trim_start_matches('#')).is_none()
                {
                    dangling.push(format!("{path}: {target}"));
                }
                for (key, value) in map {
                    walk(document, value, &format!("{path}/{key}"), dangling);
                }
            }
            Value::Array(all) => {
                for (at, value) in all.iter().enumerate() {
                    walk(document, value, &format!("{path}/{at}"), dangling);
                }
            }
            _ => {}
        }
    }
    let mut dangling = Vec::new();
    walk(document, document, "", &mut dangling);
    anyhow::ensure!(
        dangling.is_empty(),
        "references that lead nowhere:\n  {}",
        dangling.join("\n  ")
    );
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dangling_reference_is_named_with_its_place() {
        let error = check_references(&json!({ "a": [{ "$ref": "#/b" }] }))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/a/0: #/b"), "{error}");
        assert!(check_references(&json!({ "a": { "$ref": "#/b" }, "b": {} })).is_ok());
    }

    /// The folder of Clever's published files, which are not part of this repository; none where it is not.
    pub(crate) fn specs() -> Option<PathBuf> {
        let shared = std::env::var_os("CLEVER_SHARED").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
            PathBuf::from,
        );
        let specs = shared.join("clever-specs");
        if !specs.join("v3.1.yml").is_file() {
            say(&format!(
                "skipped: Clever's files are not in {} (set CLEVER_SHARED)",
                specs.display()
            ));
            return None;
        }
        Some(specs)
    }

    /// The files of a version, in the order in which they are imported.
    fn files(specs: &Path, api: &str) -> Vec<PathBuf> {
        ["-client", "", "-events", "-lms", "-attendance"]
            .map(|part| specs.join(format!("{api}{part}.yml")))
            .into_iter()
            .filter(|path| path.is_file())
            .collect()
    }

    #[test]
    fn clevers_files_give_the_documents_that_are_committed() {
        let Some(specs) = specs() else { return };
        let root = crate::root().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for api in crate::generate::documents::versions(&root).unwrap() {
            let out = folder.path().join(format!("{api}.json"));
            run(&root, &api, Some(&out), "test", &files(&specs, &api)).unwrap();
            let committed = root.join("openapi").join(&api).join("imported.json");
            assert!(
                fs::read(out).unwrap() == fs::read(&committed).unwrap(),
                "{} is not what Clever's files give; run `cargo xtask import --api {api} …`",
                committed.display()
            );
        }
    }

    #[test]
    fn out_writes_there_and_touches_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let file = folder.path().join("a.yml");
        fs::write(
            &file,
            "swagger: '2.0'\npaths: {}\ndefinitions: { A: { type: object } }\n",
        )
        .unwrap();
        let out = folder.path().join("out.json");
        run(&root, "v9", Some(&out), "test", std::slice::from_ref(&file)).unwrap();
        assert!(out.is_file() && !root.exists());
        fs::write(
            &file,
            "swagger: '2.0'\npaths: { /a: { get: { links: {} } } }\n",
        )
        .unwrap();
        let error = format!(
            "{:#}",
            run(&root, "v9", Some(&out), "test", &[file]).unwrap_err()
        );
        assert!(
            error.contains("a.yml") && error.contains("paths/a/get: links"),
            "{error}"
        );
    }
}
