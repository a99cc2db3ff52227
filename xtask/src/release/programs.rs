//! What people download, as `dist` builds it for this machine: an archive a program with its sum, and a list of the parts
//! that are in it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::Package;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::crates::{has_texts, unpacked};
use crate::say::say;

/// Where `dist` puts what it makes.
const MADE: &str = "target/distrib";
/// The name that each list of parts has for a moment, in the folder of its crate.
const LIST: &str = "parts.cdx";

/// The programs: the crate of each, by which its archive is named, and its own name.
const PROGRAMS: [(&str, &str); 2] = [
    ("clever-cli", "cleverctl"),
    ("clever-emulator", "clever-emulator"),
];

/// Builds the archives, and looks into each as whoever downloads it does.
pub(super) fn rehearse(root: &Path, packages: &[&Package]) -> Result<()> {
    crate::tools::ensure("cargo-cyclonedx", "cargo-cyclonedx")?;
    crate::tools::ensure("dist", "cargo-dist")?;
    let tag = format!("--tag=v{}", env!("CARGO_PKG_VERSION"));
    let mut dist = Command::new("dist");
    dist.args(["build", "--artifacts=local", &tag]);
    let built = dist.current_dir(root).stdin(Stdio::null()).status();
    if !built.context("could not start dist")?.success() {
        bail!("dist does not build the archives");
    }
    let target = host()?;
    lists(root, packages, &target)?;
    for (package, program) in PROGRAMS {
        let name = format!("{package}-{target}");
        let archive = root.join(MADE).join(format!("{name}.tar.gz"));
        let sum = sum(&archive)?;
        let folder = unpacked(root, &archive)?.join(&name);
        has_texts(root, &folder).with_context(|| format!("the archive of {program}"))?;
        let bytes = starts(&folder.join(program))?;
        let parts = listed(&root.join(MADE).join(format!("{name}.cdx.json")), package)?;
        say(&format!(
            "{program}: {} KB, stripped, {parts} parts listed, sha256 {sum}",
            bytes / 1000
        ));
    }
    Ok(())
}

/// Lists the parts of each program, with all of its features. The tool writes a list into each crate's folder.
fn lists(root: &Path, packages: &[&Package], target: &str) -> Result<()> {
    let listed = Command::new(crate::tools::cargo())
        .args(["cyclonedx", "--quiet", "--all-features", "--format", "json"])
        .args(["--spec-version", "1.5", "--target", target])
        .args(["--override-filename", LIST])
        .current_dir(root)
        .stdin(Stdio::null())
        .status();
    let members: Vec<PathBuf> = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .exec()?
        .workspace_packages()
        .iter()
        .filter_map(|member| member.manifest_path.parent())
        .map(|folder| folder.join(format!("{LIST}.json")).into_std_path_buf())
        .collect();
    for (package, _) in PROGRAMS {
        let package = packages.iter().find(|one| *one.name == package);
        let package = package.context("a program has a crate")?;
        let folder = package.manifest_path.parent();
        let list = folder
            .context("a manifest has a folder")?
            .join(format!("{LIST}.json"));
        let name = format!("{}-{target}.cdx.json", package.name);
        fs::copy(&list, root.join(MADE).join(name)).with_context(|| format!("no {list}"))?;
    }
    for list in members {
        fs::remove_file(&list).with_context(|| format!("no {}", list.display()))?;
    }
    if !listed.context("could not start cargo-cyclonedx")?.success() {
        bail!("cargo-cyclonedx does not list the parts");
    }
    Ok(())
}

/// The machine that this is, as cargo names it.
fn host() -> Result<String> {
    let said = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output();
    let said = said.context("could not start rustc")?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

/// The SHA-256 of a file, after a look at whether the file beside it says the same.
fn sum(archive: &Path) -> Result<String> {
    let bytes = fs::read(archive).with_context(|| format!("no {}", archive.display()))?;
    let mut sum = String::new();
    for byte in Sha256::digest(&bytes) {
        write!(sum, "{byte:02x}")?;
    }
    let beside = PathBuf::from(format!("{}.sha256", archive.display()));
    let said = fs::read_to_string(&beside).with_context(|| format!("no {}", beside.display()))?;
    if said.split_whitespace().next() != Some(&sum) {
        bail!("{} says another sum than {sum}", beside.display());
    }
    Ok(sum)
}

/// Starts a program, after a look at whether it still has its symbols. Says how large it is.
fn starts(program: &Path) -> Result<u64> {
    let said = Command::new(program).arg("--version").output();
    let said = said.with_context(|| format!("could not start {}", program.display()))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    if !said.contains(env!("CARGO_PKG_VERSION")) {
        bail!("{} says that it is {said:?}", program.display());
    }
    // The linker's own tool: where there is none, nothing was linked here either.
    let symbols = Command::new("nm").arg(program).output();
    let symbols = symbols.context("could not start nm")?;
    if !symbols.stdout.is_empty() {
        bail!("{} has its symbols", program.display());
    }
    Ok(fs::metadata(program)?.len())
}

/// How many parts a list names; it is CycloneDX's, and of this package.
fn listed(list: &Path, package: &str) -> Result<usize> {
    let text = fs::read_to_string(list).with_context(|| format!("no {}", list.display()))?;
    let text: Value = serde_json::from_str(&text)?;
    let of = &text["metadata"]["component"]["name"];
    let parts = text["components"].as_array().map_or(0, Vec::len);
    if text["bomFormat"] != "CycloneDX" || *of != *package || parts == 0 {
        bail!("{} is not a list of {package}'s parts", list.display());
    }
    Ok(parts)
}
