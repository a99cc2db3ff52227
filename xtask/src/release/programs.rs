//! What people download, for this machine: an archive a program with its sum, and a list of the parts that are in it.
//!
//! Decision: archives are made here and not by `dist`, whose one gain over this would be installers in shell; people without
//! Rust have wheels and npm packages, and those with it `cargo binstall`.

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
use crate::tools::LICENCES;

/// Where archives, sums and lists are put.
const MADE: &str = "target/programs";
/// The name that each list of parts has for a moment, in the folder of its crate.
const LIST: &str = "parts.cdx";

/// A program: the crate by which its archive is named, its own name, and the features that it is built with.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("clever-cli", "cleverctl", "full"),
    ("clever-emulator", "clever-emulator", "cli,certify,postgres"),
];

/// Builds the programs in `profile`, makes the archives, and looks into each as whoever downloads it does.
pub(super) fn rehearse(root: &Path, packages: &[&Package], profile: &str) -> Result<()> {
    crate::tools::ensure("cargo-cyclonedx", "cargo-cyclonedx")?;
    let made = root.join(MADE);
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    fs::create_dir_all(&made)?;
    let target = host()?;
    for (package, program, features) in PROGRAMS {
        let built = Command::new(crate::tools::cargo())
            .args(["rustc", "--quiet", "--locked", "--profile", profile])
            .args(["-p", package, "--bin", program, "--features", features])
            // Cargo leaves out a profile's `strip` for a package that the profile names, as it does the emulator's.
            .args(["--", "-C", "strip=symbols"])
            .current_dir(root)
            .stdin(Stdio::null())
            .status();
        if !built.context("could not start cargo")?.success() {
            bail!("could not build {program}");
        }
        archive(root, package, program, profile, &target)?;
    }
    lists(root, packages, &target)?;
    for (package, program, _) in PROGRAMS {
        let name = format!("{package}-{target}");
        let archive = made.join(format!("{name}.tar.gz"));
        let sum = sum(&fs::read(&archive)?)?;
        let folder = unpacked(root, &archive)?.join(&name);
        has_texts(root, &folder).with_context(|| format!("the archive of {program}"))?;
        let bytes = starts(&folder.join(program))?;
        let parts = listed(&made.join(format!("{name}.cdx.json")), package)?;
        say(&format!(
            "{program}: {} KB, stripped, {parts} parts listed, sha256 {sum}",
            bytes / 1000
        ));
    }
    Ok(())
}

/// Packs a program with its page and the licences, in one folder, and writes the sum beside the archive.
fn archive(root: &Path, package: &str, program: &str, profile: &str, target: &str) -> Result<()> {
    let (made, name) = (root.join(MADE), format!("{package}-{target}"));
    let folder = made.join(&name);
    fs::create_dir_all(&folder)?;
    let built = root.join("target").join(profile).join(program);
    fs::copy(&built, folder.join(program)).with_context(|| format!("no {}", built.display()))?;
    let page = root.join("crates").join(package).join("README.md");
    fs::copy(page, folder.join("README.md"))?;
    for licence in LICENCES {
        fs::copy(root.join(licence), folder.join(licence))?;
    }
    let file = format!("{name}.tar.gz");
    let packed = Command::new("tar")
        .args(["--owner=0", "--group=0", "-czf", &file, &name])
        .current_dir(&made)
        .status();
    if !packed.context("could not start tar")?.success() {
        bail!("could not pack {file}");
    }
    fs::remove_dir_all(&folder)?;
    let line = format!("{}  {file}\n", sum(&fs::read(made.join(&file))?)?);
    fs::write(made.join(format!("{file}.sha256")), line)?;
    Ok(())
}

/// Lists the parts of each program, with all of the features that one is built with. The tool writes a list into each crate's folder.
fn lists(root: &Path, packages: &[&Package], target: &str) -> Result<()> {
    let listed = Command::new(crate::tools::cargo())
        .args(["cyclonedx", "--quiet", "--format", "json"])
        .args(["--features", &crate::tools::features()?])
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
    for (package, ..) in PROGRAMS {
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

/// The SHA-256 of some bytes, as `sha256sum` writes it.
fn sum(bytes: &[u8]) -> Result<String> {
    let mut sum = String::new();
    for byte in Sha256::digest(bytes) {
        write!(sum, "{byte:02x}")?;
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
