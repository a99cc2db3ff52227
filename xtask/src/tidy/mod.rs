//! `cargo xtask tidy`: what the compiler can't see. The arrows between our crates (ARCHITECTURE.md)
//! hold, no new circle of files appears, a crate with a road keeps to it, clever-client writes no request by hand, nobody
//! decides on a link beside `decide`, hand-written files stay readable, every source file opens with its purpose, what
//! people read is in plain words, no link leads nowhere, and each published crate has its page.

mod circles;
mod decider;
mod hops;
pub(crate) mod links;
mod pages;
mod prose;
mod requests;
mod road;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Longest hand-written source file, in lines; beyond it a file has opened a second topic. Generated operations, types and
/// enums are tables of data, and may be longer.
const MAX_LINES: usize = 700;

/// Which of our crates each may depend on, apart from itself; `*` may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("clever-model", &[]),
    ("clever-files", &[]),
    ("clever-linkage", &[]),
    ("clever-raw", &[]),
    ("clever-sql", &["clever-files"]),
    ("clever-auth", &["clever-model"]),
    (
        "clever-client",
        &["clever-raw", "clever-auth", "clever-model"],
    ),
    (
        "clever-provision",
        &[
            "clever-auth",
            "clever-linkage",
            "clever-model",
            "clever-sql",
            "clever-sync",
        ],
    ),
    (
        "clever-sync",
        &[
            "clever-client",
            "clever-files",
            "clever-model",
            "clever-raw",
            "clever-sql",
        ],
    ),
    (
        "clever-web",
        &[
            "clever-auth",
            "clever-client",
            "clever-model",
            "clever-provision",
            "clever-sql",
            "clever-sync",
        ],
    ),
    (
        "clever-console",
        &[
            "clever-auth",
            "clever-model",
            "clever-provision",
            "clever-sql",
            "clever-web",
            "clever-sync",
        ],
    ),
    ("clever-fleet", &["clever-model", "clever-sync"]),
    (
        "clever-lake",
        &["clever-files", "clever-model", "clever-sync"],
    ),
    // Never on the code that it exists to test: the two can't share a mistake.
    // Its rehearsal reads an app's database, and writes a report.
    (
        "clever-emulator",
        &["clever-files", "clever-model", "clever-sql"],
    ),
    ("clever-cli", &["*"]),
    ("classroom", &["*"]),
    ("clever-tests", &["*"]),
    ("clever-refused", &["*"]),
    ("xtask", &[]),
];

/// Checks the whole tree and reports every breach, not only the first.
pub(crate) fn run() -> Result<()> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .context("could not read the workspace")?;
    let mut breaches = arrows(&metadata)?;
    let root = metadata.workspace_root.as_std_path();
    let by_hand = requests::Names::read(root)?;
    let plain = words::Words::new()?;
    for package in &metadata.packages {
        let dir = package
            .manifest_path
            .parent()
            .context("a manifest has a folder")?;
        let mut sources = Vec::new();
        for file in files(dir.as_std_path(), "rs")? {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("could not read {}", file.display()))?;
            let shown = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            breaches.extend(file_breaches(&shown, &text));
            if is_generated(&text) {
                continue;
            }
            breaches.extend(words::one_word(&shown, &text));
            for passage in prose::of_rust(&text) {
                // It has each phrase that it is about.
                if shown == "xtask/src/tidy/words.rs" {
                    break;
                }
                breaches.extend(plain.breaches(&shown, &passage));
            }
            // Code that must not compile is no source of ours.
            let Ok(source) = syn::parse_file(&text) else {
                continue;
            };
            if decider::is_bound(&shown) {
                breaches.extend(decider::breaches(&shown, &source));
            }
            if requests::is_bound(&shown) {
                breaches.extend(by_hand.breaches(&shown, &source));
            }
            if let Ok(inside) = file.strip_prefix(dir.as_std_path().join("src")) {
                sources.push((inside.to_owned(), source));
            }
        }
        breaches.extend(pages::breaches(package));
        breaches.extend(circles::breaches(package.name.as_str(), &sources));
        breaches.extend(road::breaches(package.name.as_str(), &sources));
    }
    let mut documents = Vec::new();
    for file in files(root, "md")? {
        let text = fs::read_to_string(&file)
            .with_context(|| format!("could not read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(&file).to_owned();
        let shown = path.display().to_string();
        breaches.extend(plain.breaches(&shown, &prose::of_markdown(&text)));
        documents.push((path, text));
    }
    breaches.extend(links::breaches(&documents, |path| root.join(path).exists()));
    breaches.extend(hops::breaches(root)?);
    if breaches.is_empty() {
        return Ok(());
    }
    bail!("{} breaches:\n  {}", breaches.len(), breaches.join("\n  "))
}

/// Compares the dependencies between our crates with [`ARROWS`]; tests may depend on anything of ours
/// but the emulator, which must not meet the client even there.
fn arrows(metadata: &cargo_metadata::Metadata) -> Result<Vec<String>> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut breaches = Vec::new();
    for package in &metadata.packages {
        let Some(targets) = allowed.get(package.name.as_str()) else {
            breaches.push(format!(
                "{}: not in the map of arrows (xtask/src/tidy/mod.rs)",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let strict = dependency.kind == DependencyKind::Normal
                || package.name.as_str() == "clever-emulator";
            if ours.contains(name) && strict && !targets.contains(&"*") && !targets.contains(&name)
            {
                breaches.push(format!("{} must not depend on {name}", package.name));
            }
        }
    }
    Ok(breaches)
}

/// What is wrong with one file.
fn file_breaches(shown: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if !is_generated(text) && lines > MAX_LINES {
        breaches.push(format!("{shown}: {lines} lines, more than {MAX_LINES}"));
    }
    let must_not_compile = shown.contains("/compile_fail/");
    if !must_not_compile && !text.trim_start().starts_with("//") {
        breaches.push(format!("{shown}: does not open with its purpose"));
    }
    breaches
}

fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains("@generated"))
}

/// Every file below `dir` that ends in `.extension`, except for build output.
fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("could not list {}", folder.display()))?
                .path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_its_purpose_and_ends_in_time() {
        assert!(file_breaches("a.rs", "//! Does one thing.\n").is_empty());
        assert_eq!(file_breaches("a.rs", "use std::fs;\n").len(), 1);
        let long = "//! Long.\n".to_owned() + &"\n".repeat(MAX_LINES);
        assert_eq!(file_breaches("a.rs", &long).len(), 1);
        assert!(file_breaches("a.rs", &format!("// @generated\n{long}")).is_empty());
    }
}
