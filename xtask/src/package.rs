//! `cargo xtask package`: what people without Rust install. Wheels are made by maturin; for npm, each program is a package for
//! its machine, and the package that people name has those as optional dependencies, of which npm takes the right one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::python;
use crate::say::say;
use crate::tools::{LICENCES, files};

/// What builds wheels.
const MATURIN: [&str; 1] = ["maturin==1.9.4"];
/// What runs the samples.
const PYTEST: &str = "pytest>=8,<9";
const VITEST: &str = "vitest@3";

/// The programs, by the names under which people install them.
const PROGRAMS: [&str; 2] = ["clever-emulator", "cleverctl"];

/// The machines for which the release workflow makes packages, as npm names them.
const MACHINES: [&str; 3] = ["linux-x64", "linux-arm64", "darwin-arm64"];

/// Builds the packages of this machine; with `check`, installs them into fresh places and uses them there.
pub(crate) fn run(profile: &str, check: bool) -> Result<()> {
    made(profile, check, &[])
}

/// The same for a release: what people name on npm finds the package of each machine.
pub(crate) fn for_release(profile: &str) -> Result<()> {
    made(profile, false, &MACHINES)
}

/// Makes the packages; on npm, what people name asks for this machine's and those of `others`.
fn made(profile: &str, check: bool, others: &[&str]) -> Result<()> {
    let root = crate::root()?;
    let tools = root.join("target/package-tools");
    let Some(tools) = python::programs(&tools, &MATURIN)? else {
        say("maturin can't be installed here (python3 with venv, and PyPI): no packages are made");
        return Ok(());
    };
    let out = root.join("target/packages");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("could not empty {}", out.display()))?;
    }
    let with_npm = python::quietly(Command::new("npm").arg("--version"));
    if !with_npm {
        say("npm is missing: install your system's package `npm` for the packages of Node");
    }
    for program in PROGRAMS {
        wheel(&root, &tools, &out, program, profile)?;
        if with_npm {
            node(&root, &out, program, profile, others)?;
        }
    }
    if check {
        used_from_python(&root, &out)?;
        if with_npm {
            used_from_node(&root, &out)?;
        }
    }
    say(&format!("packages are in {}", out.display()));
    Ok(())
}

fn wheel(root: &Path, tools: &Path, out: &Path, program: &str, profile: &str) -> Result<()> {
    say(&format!("the wheel of {program}"));
    let built = Command::new(tools.join("maturin"))
        .args(["build", "--quiet", "--profile", profile, "--out"])
        .arg(out.join("wheels"))
        .current_dir(root.join("packages/python").join(program))
        .env("CARGO_TARGET_DIR", root.join("target"))
        .stdin(Stdio::null())
        .output()
        .context("could not start maturin")?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        bail!("could not build the wheel of {program}:\n{said}");
    }
    Ok(())
}

/// Makes the package of this machine, and the one that people name.
fn node(root: &Path, out: &Path, program: &str, profile: &str, others: &[&str]) -> Result<()> {
    let source = root.join("packages/npm").join(program);
    let text = fs::read_to_string(source.join("package.json"))?;
    let mut named: Value = serde_json::from_str(&text).context("package.json is no JSON")?;
    let (system, machine) = (system(), machine());
    let own = format!("{program}-{system}-{machine}");
    let version = env!("CARGO_PKG_VERSION");
    let folder = out.join("npm").join(&own);
    fs::create_dir_all(folder.join("bin"))?;
    for licence in LICENCES {
        fs::copy(root.join(licence), folder.join(licence))?;
    }
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let profile = if profile == "dev" { "debug" } else { profile };
    let built = root.join("target").join(profile).join(&file);
    fs::copy(&built, folder.join("bin").join(&file))
        .with_context(|| format!("could not copy {}", built.display()))?;
    let package = json!({
        "name": own, "version": version, "license": named["license"], "os": [system], "cpu": [machine],
        "description": format!("The program of {program} for {system} on {machine}"), "files": ["bin", "LICENSE-*"],
    });
    write(&folder.join("package.json"), &package)?;
    pack(out, &folder)?;
    let folder = out.join("npm").join(program);
    copy(&source, &folder)?;
    named["version"] = json!(version);
    let asked = others.iter().map(|machine| format!("{program}-{machine}"));
    let asked = asked.chain([own]).map(|name| (name, json!(version)));
    named["optionalDependencies"] = asked.collect::<serde_json::Map<_, _>>().into();
    write(&folder.join("package.json"), &named)?;
    pack(out, &folder)
}

/// The system as Node calls it.
fn system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}

/// The machine as Node calls it.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn pack(out: &Path, folder: &Path) -> Result<()> {
    does(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(out)
            .current_dir(folder)
            .stdout(Stdio::null()),
        "pack for npm",
    )
}

/// Installs the wheels into a fresh environment, runs the sample of pytest and the demo there.
fn used_from_python(root: &Path, out: &Path) -> Result<()> {
    let home = out.join("check/python");
    let bin = home.join("bin");
    does(
        Command::new("python3").args(["-m", "venv"]).arg(&home),
        "make a fresh environment of Python",
    )?;
    let install = ["-m", "pip", "install", "--quiet"];
    does(
        Command::new(bin.join("python")).args(install).arg(PYTEST),
        "install pytest",
    )?;
    let wheels = files(&out.join("wheels"), "whl")?;
    does(
        Command::new(bin.join("python"))
            .args(install)
            .args(["--no-index", "--no-deps"])
            .args(wheels),
        "install the wheels",
    )?;
    let samples = home.join("samples");
    copy(
        &root.join("packages/python/clever-emulator/tests"),
        &samples,
    )?;
    does(
        Command::new(bin.join("python"))
            .args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"])
            .current_dir(&samples),
        "pass the samples of pytest",
    )?;
    does(
        Command::new(bin.join("cleverctl"))
            .args(["demo", "--quiet"])
            .current_dir(&home)
            .stdout(Stdio::null()),
        "run the demo of the wheel",
    )
}

/// Installs the packages into a fresh folder, runs the sample of Vitest and the program there.
fn used_from_node(root: &Path, out: &Path) -> Result<()> {
    let home = out.join("check/node");
    fs::create_dir_all(&home)?;
    write(
        &home.join("package.json"),
        &json!({ "private": true, "type": "module" }),
    )?;
    does(
        Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", VITEST])
            .args(files(out, "tgz")?)
            .current_dir(&home),
        "install the packages of Node",
    )?;
    copy(
        &root.join("packages/npm/clever-emulator/test"),
        &home.join("test"),
    )?;
    does(
        Command::new("npx")
            .args(["vitest", "run", "--globals"])
            .current_dir(&home),
        "pass the samples of Vitest",
    )?;
    does(
        Command::new("npx")
            .args(["cleverctl", "demo", "--quiet"])
            .current_dir(&home)
            .stdout(Stdio::null()),
        "run the demo of the package of Node",
    )
}

/// Runs a command, with its output as it comes.
fn does(command: &mut Command, what: &str) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("could not {what}"))?;
    if !status.success() {
        bail!("could not {what} ({status})");
    }
    Ok(())
}

fn write(file: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(file, text).with_context(|| format!("could not write {}", file.display()))
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("could not list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
