//! `cargo xtask bench --gate`: counts the instructions of the paths in `tests/benches/paths.rs`, and holds them against those
//! that were noted.
//!
//! Decision: the profile of the tests, in which the parts that count are optimized a little. Their libraries are there, so that nothing
//! is built twice, and what makes a path dearer there makes it dearer in a release.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::python::quietly;
use crate::say::say;

/// Where the counts are noted, below the workspace's folder.
const NOTED: &str = "tests/benches/paths.toml";
/// How many percent more is too much.
const MORE: u64 = 3;

/// The file of noted counts.
#[derive(Default, Serialize, Deserialize)]
struct Noted {
    /// Instructions by path.
    instructions: BTreeMap<String, u64>,
}

/// Counts each path. With `accept` the counts are noted; else a path that takes more than its note fails.
pub(crate) fn run(accept: bool) -> Result<()> {
    if !quietly(Command::new("valgrind").arg("--version")) {
        say(
            "skipped: valgrind is missing, so no instructions are counted (apt-get install valgrind)",
        );
        return Ok(());
    }
    let root = crate::root()?;
    let file = root.join(NOTED);
    let program = build()?;
    let names = Command::new(&program).output()?.stdout;
    let names = String::from_utf8(names)?;
    let mut counted = Noted::default();
    // Counts do not mind what else runs: two at a time.
    for two in names.lines().collect::<Vec<_>>().chunks(2) {
        let counts: Vec<Result<u64>> = thread::scope(|scope| {
            let begun: Vec<_> = two
                .iter()
                .map(|name| scope.spawn(|| count(&program, name)))
                .collect();
            let ended = begun.into_iter().map(thread::ScopedJoinHandle::join);
            ended
                .map(|count| count.unwrap_or_else(|_| bail!("a count broke off")))
                .collect()
        });
        for (name, count) in two.iter().zip(counts) {
            counted.instructions.insert((*name).to_owned(), count?);
        }
    }
    if accept {
        let text = format!(
            "# Instructions of each path: `cargo xtask bench --gate --accept` notes them.\n\n{}",
            toml::to_string(&counted)?
        );
        fs::write(&file, text).with_context(|| format!("could not write {NOTED}"))?;
    }
    compare(&read(&file)?, &counted)
}

fn read(file: &Path) -> Result<Noted> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {NOTED}"))?;
    toml::from_str(&text).with_context(|| format!("{NOTED} can't be read"))
}

/// Builds the program of the paths; its file.
fn build() -> Result<PathBuf> {
    let cargo = crate::tools::cargo();
    let output = Command::new(cargo)
        .args(["bench", "--profile", "dev", "--no-run", "--bench", "paths"])
        .args(crate::tools::workspace()?)
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("could not start cargo")?;
    let messages = cargo_metadata::Message::parse_stream(output.stdout.as_slice());
    let built = messages
        .filter_map(Result::ok)
        .find_map(|message| match message {
            cargo_metadata::Message::CompilerArtifact(built) if built.target.name == "paths" => {
                built.executable
            }
            _ => None,
        });
    Ok(built.context("the paths could not be built")?.into())
}

/// How many instructions a path takes.
fn count(program: &Path, name: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .args([
            "--toggle-collect=*paths::counted*",
            "--callgrind-out-file=/dev/null",
        ])
        .arg(program)
        .arg(name)
        .output()
        .context("could not start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the path {name:?} failed:\n{said}");
    }
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let count = line.and_then(|(_, count)| count.trim().parse().ok());
    let count = count.filter(|count| *count > 0);
    count.with_context(|| format!("valgrind counted nothing of {name:?}"))
}

/// Says what became of each path, and fails if one takes too much.
fn compare(noted: &Noted, counted: &Noted) -> Result<()> {
    let mut over = Vec::new();
    for (name, count) in &counted.instructions {
        let Some(before) = noted.instructions.get(name) else {
            bail!("{NOTED} has no count of {name:?}: run cargo xtask bench --gate --accept");
        };
        let more = (*count as f64 / *before as f64 - 1.0) * 100.0;
        say(&format!("{name}: {count} instructions, {more:+.1} %"));
        if count.saturating_mul(100) > before.saturating_mul(100 + MORE) {
            over.push(name.as_str());
        }
    }
    if !over.is_empty() {
        bail!(
            "more than {MORE} % dearer: {}. If that is worth it, note it: cargo xtask bench --gate --accept",
            over.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, count: u64) -> Noted {
        Noted {
            instructions: [(name.to_owned(), count)].into(),
        }
    }

    #[test]
    fn a_path_may_take_three_percent_more_and_no_more() {
        let before = of("a", 1000);
        assert!(compare(&before, &of("a", 1030)).is_ok());
        assert!(compare(&before, &of("a", 500)).is_ok());
        let error = compare(&before, &of("a", 1031)).unwrap_err().to_string();
        assert!(error.contains("dearer: a"), "{error}");
        assert!(compare(&before, &of("b", 1)).is_err(), "not noted");
    }
}
