//! What several tasks need: programs of others, files, and which of our crates cargo builds with which features.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::say::say;

/// The crate whose build is heavier than all others together: `cargo xtask lake` builds it, and no other task.
pub(crate) const LAKE: &str = "clever-lake";

/// The profile of what people download and install.
pub(crate) const SHIPPED: &str = "shipped";

/// The texts that each package has, as they are in the workspace.
pub(crate) const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The cargo that runs this task.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// What cargo is to build: the whole workspace with all features, but for the lake. One set for every step, so that nothing is
/// built twice.
pub(crate) fn workspace() -> Result<Vec<String>> {
    let mut selection = ["--workspace", "--exclude", LAKE, "--features"]
        .map(ToOwned::to_owned)
        .to_vec();
    selection.push(features()?);
    Ok(selection)
}

/// All features of the workspace but those that bring the lake, as cargo's `--features` takes them.
pub(crate) fn features() -> Result<String> {
    let metadata = MetadataCommand::new().no_deps().exec();
    Ok(without_lake(&metadata.context("could not read the workspace")?).join(","))
}

fn without_lake(metadata: &Metadata) -> Vec<String> {
    let mut all = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.name != LAKE)
    {
        for (feature, brings) in &package.features {
            let is_lake = |what: &String| {
                *what == format!("dep:{LAKE}") || what.starts_with(&format!("{LAKE}/"))
            };
            if !brings.iter().any(is_lake) {
                all.push(format!("{}/{feature}", package.name));
            }
        }
    }
    all.sort();
    all
}

/// Says whether a program can be started.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Installs the program of a crate from the registry unless it is there already.
pub(crate) fn ensure(program: &str, package: &str) -> Result<()> {
    if has(program) {
        return Ok(());
    }
    say(&format!(
        "{program} is missing: installing it once with `cargo install --locked {package}`"
    ));
    let status = Command::new(cargo())
        .args(["install", "--locked", "--quiet", package])
        .stdin(Stdio::null())
        .status();
    if !status.context("could not start cargo")?.success() {
        bail!("install {package} by hand, then run this again");
    }
    Ok(())
}

/// The files of a folder with an ending, in order.
pub(crate) fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|has| has == ending) {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lake_is_the_only_feature_that_is_left_out() {
        let metadata = MetadataCommand::new().no_deps().exec().unwrap();
        let kept = without_lake(&metadata);
        for (package, feature) in [
            ("clever-cli", "full"),
            ("clever-sync", "postgres"),
            ("clever-raw", "v3_0"),
        ] {
            assert!(
                kept.contains(&format!("{package}/{feature}")),
                "{package}/{feature}"
            );
        }
        let ours = |name: &str| {
            metadata
                .packages
                .iter()
                .find(|package| package.name == name)
                .unwrap()
        };
        let all: usize = metadata
            .packages
            .iter()
            .map(|package| package.features.len())
            .sum();
        let lake = ours(LAKE).features.len() + 1;
        assert!(ours("clever-cli").features.contains_key("lake"));
        assert_eq!(kept.len() + lake, all, "{kept:?}");
    }
}
