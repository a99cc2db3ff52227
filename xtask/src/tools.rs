//! What several tasks need: programs of others, and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say::say;

/// The texts that each package has, as they are in the workspace.
pub(crate) const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The cargo that runs this task.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
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
