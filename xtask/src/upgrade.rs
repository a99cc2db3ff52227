//! `cargo xtask upgrade-api`: Clever published a version, or a new revision of one; this takes it in.
//!
//! import → difference → generate → compile → tests, each with its own output. The rest is for a person:
//! to read the difference and to describe what is new. The difference comes early: what Clever took away may
//! stop a later step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::generate::documents::{module_of, versions};
use crate::say::{print, say};
use crate::{api_diff, generate, import};

/// Takes in `files` as the version `api`; stops at the first step that fails.
pub(crate) fn run(root: &Path, api: &str, source: &str, files: &[PathBuf]) -> Result<()> {
    print(&take_in(root, api, source, files)?);
    generate::run(root, false, None)?;
    compile(root, api)?;
    cargo(
        root,
        "tests",
        &["test", "--quiet", "-p", "clever-raw", "--all-features"],
    )?;
    say(&format!(
        "{api} is taken in, its client compiles and the tests pass; the difference is above. Read `git diff`, and \
         describe what is new in openapi/common/overlay.yaml"
    ));
    Ok(())
}

/// Imports; returns the difference to what was there before: the version's last revision, or the version
/// before it.
fn take_in(root: &Path, api: &str, source: &str, files: &[PathBuf]) -> Result<String> {
    ensure!(
        api.strip_prefix('v')
            .is_some_and(|number| number.split('.').all(|part| part.parse::<u32>().is_ok())),
        "{api} is no version; write it as Clever's paths do: v3.1"
    );
    let known = versions(root)?;
    let (name, before) = match known.iter().find(|known| *known == api).or(known.last()) {
        Some(version) => (
            if version == api {
                format!("{api} as it was")
            } else {
                version.clone()
            },
            read(root, version)?,
        ),
        None => bail!("no version is imported yet; begin with `cargo xtask import`"),
    };
    import::run(root, api, None, source, files)?;
    let after = read(root, api)?;
    Ok(api_diff::between(
        &before,
        &after,
        (&name, api),
        api_diff::Format::Text,
    ))
}

fn read(root: &Path, version: &str) -> Result<Value> {
    let path = root.join("openapi").join(version).join("imported.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Checks that the version's client compiles alone.
fn compile(root: &Path, api: &str) -> Result<()> {
    let module = module_of(api);
    cargo(
        root,
        "compile",
        &[
            "check",
            "--quiet",
            "-p",
            "clever-raw",
            "--no-default-features",
            "--features",
            &module,
        ],
    )
}

fn cargo(root: &Path, step: &str, args: &[&str]) -> Result<()> {
    say(&format!("{step}: cargo {}", args.join(" ")));
    let cargo = crate::tools::cargo();
    let status = Command::new(cargo)
        .args(args)
        .current_dir(root)
        .status()
        .with_context(|| format!("could not start cargo for {step}"))?;
    ensure!(status.success(), "{step} failed ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::tests::specs;

    /// A copy of what an upgrade reads and writes, as a workspace of its own.
    fn copy_of_the_tree(to: &Path) {
        fn copy(from: &Path, to: &Path) {
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(from, to).unwrap();
                return;
            }
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
        let root = crate::root().unwrap();
        for part in [
            "Cargo.lock",
            "clippy.toml",
            "openapi",
            "docs",
            "crates/clever-raw",
        ] {
            copy(&root.join(part), &to.join(part));
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let members = manifest
            .lines()
            .find(|line| line.starts_with("members"))
            .unwrap();
        let alone = manifest.replace(members, "members = [\"crates/clever-raw\"]");
        fs::write(to.join("Cargo.toml"), alone).unwrap();
    }

    /// Clever's files of v3.1, each changed by `change`.
    fn changed(folder: &Path, change: impl Fn(&mut Value)) -> Option<Vec<PathBuf>> {
        let specs = specs()?;
        let names = ["-client", "", "-events", "-lms", "-attendance"];
        let files = names.map(|part| {
            let name = format!("v3.1{part}.yml");
            let text = fs::read_to_string(specs.join(&name)).unwrap();
            let mut document: Value = serde_saphyr::from_str(&text).unwrap();
            change(&mut document);
            let path = folder.join(name);
            // JSON is YAML.
            fs::write(&path, document.to_string()).unwrap();
            path
        });
        Some(files.into())
    }

    /// An added field, an added word and an added endpoint, where the document has their places.
    fn grow(document: &mut Value) {
        if let Some(user) = document.pointer_mut("/definitions/User/properties") {
            user["nickname"] = serde_json::json!({ "type": "string", "x-nullable": true });
        }
        if let Some(gender) = document.pointer_mut("/definitions/Student/properties/gender/enum") {
            gender.as_array_mut().unwrap().push("N".into());
        }
        let answer = document
            .pointer("/paths/~1users/get/responses/200/schema")
            .cloned();
        if let Some(schema) = answer {
            document["paths"]["/users/{id}/siblings"] = serde_json::json!({ "get": {
                "operationId": "getSiblingsForUser", "description": "words",
                "parameters": [{ "name": "id", "in": "path", "required": true, "type": "string" }],
                "responses": { "200": { "description": "words", "schema": schema } },
            } });
        }
    }

    #[test]
    fn an_upgrade_yields_a_compiling_client_and_the_right_verdict() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        copy_of_the_tree(&tree);
        let Some(files) = changed(folder.path(), grow) else {
            return;
        };
        let minor = "added: field User.nickname\nadded: operation GET /users/{id}/siblings\n\
                     added: word field Student.gender = \"N\"\nverdict: minor";
        // A new revision of a version, and the same as a new version.
        for api in ["v3.1", "v3.2"] {
            let difference = take_in(&tree, api, "test", &files).unwrap();
            generate::run(&tree, false, None).unwrap();
            let expected = if api == "v3.1" {
                minor
            } else {
                "verdict: no difference"
            };
            assert_eq!(difference, expected);
            compile(&tree, api).unwrap();
            let module = module_of(api);
            for (file, part) in [
                ("types", "pub nickname: Option<String>"),
                ("operations", "pub struct GetSiblingsForUser"),
            ] {
                let path = tree.join(format!("crates/clever-raw/src/{module}/{file}.rs"));
                let text = fs::read_to_string(path).unwrap();
                assert!(text.contains(part), "{part} is not in the {file} of {api}");
            }
        }
        let history = fs::read_to_string(tree.join("docs/api-versions.md")).unwrap();
        assert!(history.contains("| v3.1 to v3.2 | no difference |"));

        let without = changed(folder.path(), |document| {
            let fields = document.pointer_mut("/definitions/Section/properties");
            if let Some(fields) = fields.and_then(Value::as_object_mut) {
                fields.remove("period");
            }
        });
        let difference = take_in(&tree, "v3.2", "test", &without.unwrap()).unwrap();
        generate::run(&tree, false, None).unwrap();
        assert!(
            difference.contains("removed: field Section.period\n"),
            "{difference}"
        );
        assert!(difference.ends_with("verdict: major"), "{difference}");
        compile(&tree, "v3.2").unwrap();
    }

    #[test]
    fn what_is_no_version_is_refused_before_anything_is_read() {
        let error = take_in(Path::new("nowhere"), "3.1", "test", &[]).unwrap_err();
        assert!(error.to_string().contains("3.1 is no version"), "{error}");
    }
}
