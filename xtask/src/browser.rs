//! A Chromium for the tests of the web login: Debian's package, where it can be installed.

use std::process::{Command, Stdio};

use crate::say::say;

/// Makes sure that there is one, where that takes only root and `apt-get`; the tests skip without.
pub(crate) fn ensure() {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .any(|program| succeeds(program, &["--version"]));
    if found && succeeds("chromedriver", &["--version"]) {
        return;
    }
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if root {
        say("Chromium or its driver is missing: installing Debian's packages");
        let install = [
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "chromium-driver",
        ];
        // A new machine has no list of packages yet.
        if succeeds("apt-get", &["update", "-qq"]) && succeeds("apt-get", &install) {
            return;
        }
    }
    say("Chromium or its driver is missing: tests in a browser will skip");
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
