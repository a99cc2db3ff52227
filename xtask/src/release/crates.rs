//! What the registry would get: each crate's package, as cargo makes it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use cargo_metadata::Package;

use crate::say::say;
use crate::tools::LICENCES;

/// Has cargo make the packages and looks into them; then, with `compile`, has it build each from what is in it, in the order in
/// which one needs the other.
pub(super) fn rehearse(root: &Path, packages: &[&Package], compile: bool) -> Result<()> {
    let made = root.join("target/package");
    // What an earlier version left would be taken for this one's.
    if made.exists() {
        for old in crate::tools::files(&made, "crate")? {
            fs::remove_file(old)?;
        }
    }
    let names = packages
        .iter()
        .flat_map(|package| ["-p", package.name.as_str()]);
    let args: Vec<&str> = ["package", "--no-verify"]
        .into_iter()
        .chain(names)
        .collect();
    cargo(root, &args).context("cargo does not make the packages of the crates")?;
    for package in packages {
        let name = format!("{}-{}", package.name, package.version);
        let archive = made.join(format!("{name}.crate"));
        let folder = unpacked(root, &archive)?.join(&name);
        has_texts(root, &folder).with_context(|| format!("the package of {}", package.name))?;
    }
    say(&format!(
        "{} crates: licences and pages are inside",
        packages.len()
    ));
    if compile {
        // It keeps what it makes to itself.
        let built = "target/release-rehearsal/built";
        forget(root, built, packages)?;
        let args = ["publish", "--dry-run", "--workspace", "--target-dir", built];
        cargo(root, &args).context("a crate does not build from its package")?;
        say("each builds from its package");
    }
    Ok(())
}

/// Takes away what an earlier rehearsal built, and what cargo unpacked then of packages with these versions: to cargo they are the
/// same packages, and what is in the new ones would not be looked at. Only its folders of registries without a host are
/// looked into, as that of a rehearsal is.
fn forget(root: &Path, built: &str, packages: &[&Package]) -> Result<()> {
    let built = root.join(built);
    if built.exists() {
        fs::remove_dir_all(built)?;
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let unpacked = home
        .context("cargo's home is not known")?
        .join("registry/src");
    if !unpacked.exists() {
        return Ok(());
    }
    for registry in fs::read_dir(unpacked)? {
        let registry = registry?;
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for package in packages {
            let name = format!("{}-{}", package.name, package.version);
            let old = registry.path().join(name);
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
    }
    Ok(())
}

/// Runs cargo. What is not committed yet is packaged too; a release has nothing of that kind.
fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    let status = Command::new(crate::tools::cargo())
        .arg("--quiet")
        .args(args)
        .args(["--locked", "--allow-dirty"])
        .current_dir(root)
        .stdin(Stdio::null())
        .status();
    if !status.context("could not start cargo")?.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    Ok(())
}

/// Unpacks an archive into a folder of its own below `target/release-rehearsal`.
pub(super) fn unpacked(root: &Path, archive: &Path) -> Result<PathBuf> {
    let name = archive.file_name().context("an archive has a name")?;
    let folder = root.join("target/release-rehearsal/unpacked").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(&folder)
        .status();
    if !status.context("could not start tar")?.success() {
        bail!("could not unpack {}", archive.display());
    }
    Ok(folder)
}

/// Checks that a folder has the licences, word for word, and a page for people.
pub(super) fn has_texts(root: &Path, folder: &Path) -> Result<()> {
    for licence in LICENCES {
        let ours = fs::read(root.join(licence))?;
        if fs::read(folder.join(licence)).ok() != Some(ours) {
            bail!("{licence} is not in it as it is in the workspace");
        }
    }
    if !folder.join("README.md").is_file() {
        bail!("README.md is not in it");
    }
    Ok(())
}
