//! `cargo xtask test`: everything that must hold before a change lands, in the order in which a
//! failure is cheapest to find.
//!
//! One target directory and one feature set (`tools::workspace`) for every step, so that nothing is
//! built twice. The lake is no part of it: `cargo xtask lake` builds and tests it. What is missing is installed where that is possible, and named where it is not.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::say::say;
use crate::{packages, postgres, tools};

/// Runs every check and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let cargo = tools::cargo();
    let workspace = tools::workspace()?;
    let workspace: Vec<&str> = workspace.iter().map(String::as_str).collect();
    let started = Instant::now();
    step("format", &cargo, &["fmt", "--all", "--check"])?;
    step("tidy", &cargo, &["xtask", "tidy"])?;
    step("generated code", &cargo, &["xtask", "generate", "--check"])?;
    let clippy = ["--all-targets", "--", "-D", "warnings"];
    step(
        "clippy",
        &cargo,
        &[&["clippy"], &workspace[..], &clippy].concat(),
    )?;
    features(&cargo)?;
    crate::deploy::run()?;
    crate::workflows::run()?;
    say("book: the documents as pages, and where their links lead");
    crate::book::run()?;
    packages::ensure_browser();
    packages::ensure_axe(&crate::root()?);
    packages::ensure_pooler();
    packages::ensure_promtool();
    packages::ensure_languages();
    packages::ensure_certified(&crate::root()?)?;
    let server = postgres::start()?;
    let env: Vec<(&str, &str)> = server
        .iter()
        .map(|server| (postgres::VARIABLE, server.url.as_str()))
        .collect();
    // One more than there are processors: many a test waits, for an engine, a browser or a fault that takes its time.
    let at_once = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let at_once = at_once.to_string();
    let tests = if tools::has("cargo-nextest") {
        let nextest = ["nextest", "run", "--test-threads", &at_once];
        [&nextest, &workspace[..]].concat()
    } else {
        [&["test", "--all-targets"], &workspace[..]].concat()
    };
    step_env("tests", &cargo, &tests, &env)?;
    if let Some(server) = &server {
        let address = server.secure()?;
        let tests = [&tests[..], &["--", "store::", "stores::"]].concat();
        let env = [(postgres::VARIABLE, address.as_str())];
        step_env("stores over TLS", &cargo, &tests, &env)?;
    }
    drop(server);
    step(
        "doc tests",
        &cargo,
        &[&["test", "--doc", "--quiet"], &workspace[..]].concat(),
    )?;
    step_env(
        "documentation",
        &cargo,
        &[&["doc", "--no-deps", "--quiet"], &workspace[..]].concat(),
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    say("release: what costs seconds of `cargo xtask release --dry-run`");
    crate::release::at_hand()?;
    // In the profile of the tests, whose libraries are there.
    crate::package::run("dev", true)?;
    if tools::has("cargo-deny") {
        let deny = ["deny", "--log-level", "warn", "check"];
        let what = ["bans", "licenses", "sources"];
        step("licences and sources", &cargo, &[&deny[..], &what].concat())?;
    } else {
        // Compiling it takes minutes.
        say(
            "cargo-deny is missing: licences and sources are not looked at here; each night they are",
        );
    }
    say(&format!(
        "all checks passed in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// Has the browser tests of the example app and of the console write pictures of their pages into `docs/images/`.
pub(crate) fn screenshots() -> Result<()> {
    packages::ensure_browser();
    let cargo = tools::cargo();
    let folder = crate::root()?.join("docs/images");
    let folder = folder.to_string_lossy();
    let env = [("CLEVER_SCREENSHOTS", &*folder)];
    let workspace = tools::workspace()?;
    let workspace: Vec<&str> = workspace.iter().map(String::as_str).collect();
    for (package, tests) in [("classroom", "browser"), ("clever-console", "it")] {
        let of = ["--test", tests, "--", "--ignored", "pictures"];
        let args = [&["test", "--quiet"], &workspace[..], &of].concat();
        step_env(&format!("screenshots of {package}"), &cargo, &args, &env)?;
    }
    Ok(())
}

/// From so many lives or districts on, building them optimized takes less time than it saves.
const MANY: u64 = 2000;

/// Has cargo build optimized what runs so often.
fn optimized(times: u64) -> Option<&'static str> {
    (times >= MANY).then_some("--release")
}

/// Lives `seeds` made-up districts through faults and crashes, from the seed `first` on.
pub(crate) fn simulate(seeds: u64, first: u64) -> Result<()> {
    let cargo = tools::cargo();
    let optimized = optimized(seeds);
    let (seeds, first) = (seeds.to_string(), first.to_string());
    let env = [("CLEVER_SEEDS", &*seeds), ("CLEVER_SEED", &*first)];
    let mut args = vec!["test", "--quiet", "-p", "clever-tests", "--test", "it"];
    args.extend(optimized);
    args.push("simulation::");
    step_env("simulation", &cargo, &args, &env)
}

/// Runs the chaos test of the fleet with so many districts, and measures what more workers bring; what it measured is printed.
pub(crate) fn fleet_chaos(districts: u64) -> Result<()> {
    let cargo = tools::cargo();
    // What all tests are built of is there. Optimized nothing is, and the command with what it needs suffices.
    let selection = match optimized(districts) {
        None => tools::workspace()?,
        Some(profile) => {
            let features = tools::features()?;
            let of_command = features
                .split(',')
                .filter(|name| name.starts_with("clever-cli/"));
            let features = of_command.collect::<Vec<_>>().join(",");
            [profile, "-p", "clever-cli", "--features", &features]
                .map(ToOwned::to_owned)
                .to_vec()
        }
    };
    let selection: Vec<&str> = selection.iter().map(String::as_str).collect();
    let districts = districts.to_string();
    let env = [("CLEVER_FLEET_DISTRICTS", &*districts)];
    let of = ["--test", "it", "--", "fleet::chaos::", "fleet::scale::"];
    let all = ["--include-ignored", "--nocapture", "--test-threads", "1"];
    let args = [&["test", "--quiet"], &selection[..], &of, &all].concat();
    step_env("fleet chaos", &cargo, &args, &env)
}

/// Checks that clever-raw compiles with each of its versions alone, and with none.
fn features(cargo: &str) -> Result<()> {
    let root = crate::root()?;
    let versions = crate::generate::documents::versions(&root)?;
    let modules = versions
        .iter()
        .map(|version| crate::generate::documents::module_of(version));
    for feature in modules.chain([String::new()]) {
        let args = [
            "clippy",
            "--quiet",
            "-p",
            "clever-raw",
            "--no-default-features",
            "--features",
            &feature,
            "--",
            "-D",
            "warnings",
        ];
        let name = if feature.is_empty() {
            "no feature"
        } else {
            &feature
        };
        step(&format!("clever-raw with {name}"), cargo, &args)?;
    }
    Ok(())
}

/// Compiles every program, as a machine does on which no test runs.
pub(crate) fn check() -> Result<()> {
    let workspace = tools::workspace()?;
    let workspace: Vec<&str> = workspace.iter().map(String::as_str).collect();
    let args = [&["check", "--locked", "--bins"], &workspace[..]].concat();
    step("programs", &tools::cargo(), &args)
}

/// Runs one step, showing its output as it comes.
pub(crate) fn step(name: &str, program: &str, args: &[&str]) -> Result<()> {
    step_env(name, program, args, &[])
}

/// The same with more in its environment.
pub(crate) fn step_env(
    name: &str,
    program: &str,
    args: &[&str],
    env: &[(&str, &str)],
) -> Result<()> {
    let shown = format!("cargo {}", args.join(" "));
    say(&format!("{name}: {shown}"));
    let started = Instant::now();
    let status = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("{name} failed ({status}); run `{shown}` to see it alone");
    }
    say(&format!(
        "{name}: passed in {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}
