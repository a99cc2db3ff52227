//! `cargo xtask bench`: measures, and prints ratios within one run.
//!
//! Each bench is a bench target of the crate that it measures and prints its own report; nothing here
//! asserts a time. `docs/benchmarks.md` says what the figures mean.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::postgres;

/// The benches: the word on the command line, the crate, its bench target.
const BENCHES: &[(&str, &str, &str)] = &[
    ("raw", "clever-raw", "page"),
    ("match", "clever-provision", "matching"),
    ("sync", "clever-sync", "sync"),
    ("console", "clever-console", "console"),
    ("emulator", "clever-emulator", "serve"),
    ("clients", "clever-tests", "clients"),
];

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
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
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
            .status()
            .with_context(|| format!("could not start the bench {word}"))?;
        if !status.success() {
            bail!("the bench {word} failed ({status})");
        }
    }
    Ok(())
}
