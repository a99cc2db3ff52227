//! `cargo xtask lake`: the lake and what it brings, built and tested. No other task builds it: it costs more than all the rest.
//!
//! What it wrote is read back by programs that are not ours: DuckDB, and deltalake for Python, both from PyPI.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::say::say;
use crate::test::{step, step_env};
use crate::{python, tools};

/// Who reads the table: DuckDB with its extensions as packages, so that it asks no network, and deltalake.
const READERS: [&str; 4] = [
    "deltalake==1.6.6",
    "duckdb==1.5.5",
    "duckdb-extension-delta==1.5.5",
    "duckdb-extensions",
];

/// Where the readers' Python is, for the tests.
const VARIABLE: &str = "CLEVER_LAKE_PYTHON";

/// Checks, builds and tests the crate, and the command that is made of it.
pub(crate) fn run() -> Result<()> {
    let (cargo, started) = (tools::cargo(), Instant::now());
    let both = [
        "-p",
        tools::LAKE,
        "-p",
        "clever-cli",
        "--features",
        // A worker appends, too.
        "clever-cli/fleet,clever-cli/lake",
    ];
    let clippy = ["--all-targets", "--", "-D", "warnings"];
    step(
        "clippy",
        &cargo,
        &[&["clippy"], &both[..], &clippy].concat(),
    )?;
    let home = crate::root()?.join("target/lake-python");
    let python = python::programs(&home, &READERS)?.map(|bin| bin.join("python"));
    if python.is_none() {
        say(
            "DuckDB and deltalake can't be had (python3 with venv, and PyPI): nobody else reads the table back",
        );
    }
    let python = python.as_deref().map(Path::to_string_lossy);
    let env: Vec<(&str, &str)> = python.iter().map(|python| (VARIABLE, &**python)).collect();
    let tests = ["test", "--quiet", "--lib", "--test", "it"];
    step_env(
        "crate",
        &cargo,
        &[&tests[..], &["-p", tools::LAKE]].concat(),
        &env,
    )?;
    let tests = ["test", "--quiet", "--test", "it", "--", "lake::"];
    let tests = [&tests[..4], &both[..], &tests[4..]].concat();
    step_env("command", &cargo, &tests, &env)?;
    let doc = ["test", "--quiet", "--doc", "-p", tools::LAKE];
    step("doc tests", &cargo, &doc)?;
    say(&format!(
        "the lake: passed in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}
