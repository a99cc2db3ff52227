//! `cargo xtask release --dry-run`: all that a release does, short of giving anything away. Versions and changelog agree, the
//! registry's packages are made and compiled, the API is compared with the last release, the programs are built as people
//! download them, and the packages for PyPI and npm are used in fresh places. The release workflow starts with it.

mod crates;
mod notes;
mod programs;
mod versions;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::say::say;
use crate::tools::SHIPPED;

/// Rehearses the release of what is checked out; `tag` is the tag of it, `since` the last release if no tag says it.
pub(crate) fn rehearse(tag: Option<&str>, since: Option<&str>) -> Result<()> {
    let (root, metadata) = (crate::root()?, metadata()?);
    let packages = plan(&root, &metadata, tag)?;
    crates::rehearse(&root, &packages, true)?;
    semver(&root, since)?;
    programs::rehearse(&root, &packages, SHIPPED)?;
    crate::package::run(SHIPPED, true)?;
    say("rehearsed: notes are in target/release-rehearsal, archives and sums in target/programs");
    Ok(())
}

/// Builds what people download on this machine, and looks into it.
pub(crate) fn programs(profile: &str) -> Result<()> {
    let (root, metadata) = (crate::root()?, metadata()?);
    programs::rehearse(&root, &versions::published(&metadata), profile)
}

/// The part that costs seconds, for each change: versions, changelog, and what is in the packages of the crates.
pub(crate) fn at_hand() -> Result<()> {
    let (root, metadata) = (crate::root()?, metadata()?);
    let packages = plan(&root, &metadata, None)?;
    crates::rehearse(&root, &packages, false)
}

fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    let read = command.no_deps().exec();
    read.context("could not read the workspace")
}

/// Checks that versions and changelog agree, and writes the notes of the release.
fn plan<'a>(root: &Path, metadata: &'a Metadata, tag: Option<&str>) -> Result<Vec<&'a Package>> {
    let packages = versions::published(metadata);
    let version = env!("CARGO_PKG_VERSION");
    let breaches = versions::breaches(&packages, version, tag);
    if !breaches.is_empty() {
        bail!("versions disagree:\n{}", breaches.join("\n"));
    }
    let changelog = fs::read_to_string(root.join("CHANGELOG.md"))?;
    let notes = notes::of(&changelog, &version.parse()?, tag.is_some())?;
    let folder = root.join("target/release-rehearsal");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("NOTES.md"), notes)?;
    say(&format!(
        "{} crates, {version}: versions and changelog agree",
        packages.len()
    ));
    Ok(packages)
}

/// Compares what is public with the last release, by its tag; before the first there is nothing to compare with.
fn semver(root: &Path, since: Option<&str>) -> Result<()> {
    let tagged = last_tag(root)?;
    let Some(baseline) = since.map(ToOwned::to_owned).or(tagged) else {
        say("no release yet: no API to compare with");
        return Ok(());
    };
    crate::tools::ensure("cargo-semver-checks", "cargo-semver-checks")?;
    let status = Command::new(crate::tools::cargo())
        .args([
            "semver-checks",
            "--workspace",
            "--all-features",
            "--baseline-rev",
        ])
        .arg(&baseline)
        .current_dir(root)
        .stdin(Stdio::null())
        .status();
    if !status
        .context("could not start cargo-semver-checks")?
        .success()
    {
        bail!("the version does not say what changed since {baseline}");
    }
    Ok(())
}

/// The newest tag of a version before what is checked out.
fn last_tag(root: &Path) -> Result<Option<String>> {
    let described = Command::new("git")
        .args([
            "describe",
            "--tags",
            "--abbrev=0",
            "--match",
            "v[0-9]*",
            "HEAD^",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .context("could not start git")?;
    let tag = String::from_utf8(described.stdout)?;
    Ok(described.status.success().then(|| tag.trim().to_owned()))
}
