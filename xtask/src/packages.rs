//! Debian's packages that tests use, installed where that takes only root and `apt-get`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::python;
use crate::say::say;

/// Makes sure that there is a Chromium with its driver for the tests of the web login; they skip without.
pub(crate) fn ensure_browser() {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .any(|program| succeeds(program, &["--version"]));
    if !(found && succeeds("chromedriver", &["--version"])) {
        install(
            "Chromium or its driver",
            &["chromium", "chromium-driver"],
            "tests in a browser",
        );
    }
}

/// Makes sure that there is a pooler of PostgreSQL's connections; the tests of one skip without.
pub(crate) fn ensure_pooler() {
    if !Path::new("/usr/sbin/pgbouncer").is_file() {
        install("PgBouncer", &["pgbouncer"], "tests of a pooler");
    }
}

/// Makes sure that Prometheus' `promtool` is there: the test of the alert rules skips without.
pub(crate) fn ensure_promtool() {
    if !succeeds("promtool", &["--version"]) {
        install("promtool", &["prometheus"], "the test of alert rules");
    }
}

/// Makes sure of the languages in which `examples/consumers` are written; the tests of those that are missing skip.
pub(crate) fn ensure_languages() {
    let languages: [(&str, &str, &[&str]); 4] = [
        (
            "/usr/lib/python3/dist-packages/psycopg2",
            "Python's psycopg2",
            &["python3", "python3-psycopg2"],
        ),
        ("/usr/bin/ruby", "Ruby", &["ruby", "ruby-pg"]),
        ("/usr/bin/node", "Node", &["nodejs", "node-pg"]),
        (
            "/usr/bin/go",
            "Go",
            &["golang-go", "golang-github-lib-pq-dev"],
        ),
    ];
    for (place, language, packages) in languages {
        if !Path::new(place).exists() {
            install(language, packages, "consumers in it");
        }
    }
}

/// The libraries with which `examples/certified` signs in.
const CERTIFIED: [&str; 4] = [
    "Django==5.2.19",
    "django-allauth[socialaccount]==65.22.1",
    "social-auth-app-django==8.0.0",
    "social-auth-core==7.0.0",
];

/// Makes sure of the libraries with which the apps in `examples/certified` sign in; the tests of those skip without.
pub(crate) fn ensure_certified(root: &Path) -> Result<()> {
    if python::programs(&root.join("target/certified"), &CERTIFIED)?.is_none() {
        say("no Python with PyPI: the apps in examples/certified are not tried");
    }
    Ok(())
}

/// Makes sure of axe-core, which looks at the console's pages as a screen reader meets them; its test skips without.
pub(crate) fn ensure_axe(root: &Path) {
    let folder = root.join("target/axe");
    if folder.join("node_modules/axe-core/axe.min.js").is_file() {
        return;
    }
    say("axe-core is missing: installing it from npm into target/axe");
    let prefix = folder.to_string_lossy();
    // No script of a package runs.
    let install = [
        "install",
        "--prefix",
        &prefix,
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "axe-core@4.10.3",
    ];
    if std::fs::create_dir_all(&folder).is_err() || !succeeds("npm", &install) {
        say("axe-core can't be installed: the test of the console with it will skip");
    }
}

/// The file that draws diagrams in a browser, out of npm's package of Mermaid; without it they stay text.
pub(crate) fn ensure_mermaid(root: &Path) -> Option<PathBuf> {
    let folder = root.join("target/mermaid");
    let file = folder.join("package/dist/mermaid.min.js");
    if file.is_file() {
        return Some(file);
    }
    say("mermaid is missing: getting it from npm into target/mermaid");
    std::fs::create_dir_all(&folder).ok()?;
    let at = folder.to_string_lossy();
    // The package alone: the file has in it what the package depends on.
    let pack = [
        "pack",
        "--silent",
        "--pack-destination",
        &at,
        "mermaid@12.3.0",
    ];
    let archive = folder
        .join("mermaid-12.3.0.tgz")
        .to_string_lossy()
        .into_owned();
    let unpack = ["-xzf", &archive, "-C", &at, "package/dist/mermaid.min.js"];
    let had = succeeds("npm", &pack) && succeeds("tar", &unpack);
    had.then_some(file)
}

/// Installs packages, or says which tests will skip.
fn install(missing: &str, packages: &[&str], tests: &str) {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if root {
        say(&format!(
            "{missing} is missing: installing Debian's packages"
        ));
        let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
        install.extend(packages);
        // A new machine has no list of packages yet.
        if succeeds("apt-get", &["update", "-qq"]) && succeeds("apt-get", &install) {
            return;
        }
    }
    say(&format!("{missing} is missing: {tests} will skip"));
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
