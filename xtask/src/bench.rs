//! `cargo xtask bench`: measures, and prints ratios within one run.
//!
//! Each bench is a bench target of the crate that it measures and prints its own report; nothing here
//! asserts a time. `docs/benchmarks.md` says what the figures mean.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{postgres, python};

/// The benches: the word on the command line, the crate, its bench target.
const BENCHES: &[(&str, &str, &str)] = &[
    ("raw", "clever-raw", "page"),
    ("match", "clever-provision", "matching"),
    ("sync", "clever-sync", "sync"),
    ("sync", "clever-tests", "beside"),
    ("console", "clever-console", "console"),
    ("emulator", "clever-emulator", "serve"),
    ("clients", "clever-tests", "clients"),
];

/// What the script needs that a sync is measured beside.
const SCRIPT: [&str; 2] = ["requests==2.34.2", "orjson==3.13.0"];

/// Runs the bench called `name`, or all; `args` go to the bench itself.
pub(crate) fn run(name: Option<&str>, args: &[String]) -> Result<()> {
    let chosen: Vec<_> = BENCHES
        .iter()
        .filter(|(word, ..)| name.is_none_or(|name| name == *word))
        .collect();
    if chosen.is_empty() {
        let known: Vec<&str> = BENCHES.iter().map(|(word, ..)| *word).collect();
        bail!("no such bench; there are: {}", known.join(", "));
    }
    // Their figures are taken over both stores.
    let over_both = |word: &str| matches!(word, "sync" | "console");
    let server = match chosen.iter().any(|(word, ..)| over_both(word)) {
        true => postgres::start()?,
        false => None,
    };
    let programs = match chosen.iter().any(|(word, ..)| *word == "sync") {
        true => python::programs(Path::new("target/bench-python"), &SCRIPT)?,
        false => None,
    };
    let python = programs.and_then(|bin| bin.canonicalize().ok());
    let cargo = crate::tools::cargo();
    for (word, package, target) in chosen {
        crate::say::say(&format!("bench {word}"));
        let status = Command::new(&cargo)
            .args(["bench", "--quiet", "-p", package, "--all-features"])
            .args(["--bench", target, "--"])
            .args(args)
            .envs(
                server
                    .iter()
                    .map(|server| (postgres::VARIABLE, &server.url)),
            )
            .envs(
                python
                    .iter()
                    .map(|bin| ("CLEVER_BENCH_PYTHON", bin.join("python"))),
            )
            .status()
            .with_context(|| format!("could not start the bench {word}"))?;
        if !status.success() {
            bail!("the bench {word} failed ({status})");
        }
    }
    Ok(())
}
