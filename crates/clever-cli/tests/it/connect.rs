//! Credentials, districts, tokens and the doctor, against the emulator.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::ground::{Emulator, cleverctl, errors};

pub(crate) fn small() -> Emulator {
    Emulator::start(&["--students", "40"])
}

/// The binary, with the addresses and credentials of the emulator and its app.
pub(crate) fn as_app(emulator: &Emulator, args: &[&str]) -> Command {
    let mut command = cleverctl();
    command
        .args(args)
        .args(["--api-url", &emulator.url])
        .env("CLEVER_CLIENT_ID", &emulator.client_id)
        .env("CLEVER_CLIENT_SECRET", &emulator.client_secret);
    command
}

/// Runs; checks the exit code and that nothing secret shows.
pub(crate) fn run(command: &mut Command, exit: i32, emulator: &Emulator) -> Output {
    let output = command.output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        errors(&output)
    );
    assert_eq!(output.status.code(), Some(exit), "{said}");
    for secret in [&emulator.token, &emulator.client_secret] {
        assert!(!said.contains(secret.as_str()), "{said}");
    }
    output
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// GETs `url` as a browser would, without following; gives status, `Location` and body.
pub(crate) fn get(url: &str, bearer: Option<&str>) -> (u16, String, String) {
    let url: url::Url = url.parse().unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    let target = &url[url::Position::BeforePath..];
    let bearer = bearer.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {}\r\n{bearer}Connection: close\r\n\r\n",
        address.0
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let location = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map_or("", |(_, value)| value);
    (status, location.to_owned(), body.to_owned())
}

/// The id of a user of `role`.
pub(crate) fn somebody(emulator: &Emulator, role: &str) -> String {
    let url = format!("{}/v3.1/users?role={role}&limit=1", emulator.url);
    let (_, _, body) = get(&url, Some(&emulator.token));
    let page: Value = serde_json::from_str(&body).unwrap();
    page["data"][0]["data"]["id"].as_str().unwrap().to_owned()
}

/// A folder with credentials in it.
pub(crate) fn vault(folder: &Path) -> Command {
    let mut command = cleverctl();
    command.env("CLEVER_CREDENTIALS", folder.join("kept"));
    command
}

#[test]
fn credentials_are_kept_sealed_and_used_by_name() {
    let emulator = small();
    let folder = TempDir::new().unwrap();
    let add = |args: &[&str], variable: &str, secret: &str| {
        let mut command = vault(folder.path());
        command
            .args(["credential", "add"])
            .args(args)
            .env(variable, secret);
        run(&mut command, 0, &emulator);
    };
    add(
        &["north", "--description", "the north"],
        "CLEVER_TOKEN",
        &emulator.token,
    );
    add(
        &["app", "--client-id", &emulator.client_id],
        "CLEVER_CLIENT_SECRET",
        &emulator.client_secret,
    );

    let listed = json(&run(
        vault(folder.path()).args(["credential", "list", "--json"]),
        0,
        &emulator,
    ));
    let listed = &listed["credentials"];
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["app", "north"]);
    assert_eq!(listed[0]["opens"], emulator.client_id);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&emulator.token), "{}", path.display());
        assert!(
            !text.contains(&emulator.client_secret),
            "{}",
            path.display()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }

    // Both open the district: the one has its token, the other finds it at every run.
    for name in ["north", "app"] {
        let mut sync = vault(folder.path());
        let store = format!("sqlite:{}", folder.path().join(name).display());
        sync.args([
            "sync",
            "--credential",
            name,
            "--api-url",
            &emulator.url,
            "--store",
            &store,
        ]);
        run(&mut sync, 0, &emulator);
    }

    let taken = run(
        vault(folder.path())
            .args(["credential", "add", "app"])
            .env("CLEVER_TOKEN", "abc123"),
        1,
        &emulator,
    );
    assert!(
        errors(&taken).contains("`app` already"),
        "{}",
        errors(&taken)
    );
    let removed = run(
        vault(folder.path()).args(["credential", "remove", "north"]),
        0,
        &emulator,
    );
    assert!(removed.stderr.is_empty());
    let again = run(
        vault(folder.path()).args(["credential", "remove", "north"]),
        2,
        &emulator,
    );
    assert!(
        errors(&again).contains("no credential `north`"),
        "{}",
        errors(&again)
    );

    // Another key opens nothing, and replaces nothing.
    let before = std::fs::read(folder.path().join("kept")).unwrap();
    let other = "A".repeat(43);
    for args in [&["credential", "list"][..], &["credential", "add", "x"]] {
        let mut command = vault(folder.path());
        command
            .args(args)
            .env("CLEVER_KEY", &other)
            .env("CLEVER_TOKEN", "abc123");
        let refused = run(&mut command, 2, &emulator);
        assert!(errors(&refused).contains("hint:"), "{}", errors(&refused));
    }
    assert_eq!(std::fs::read(folder.path().join("kept")).unwrap(), before);
}

#[test]
fn districts_of_an_app_and_of_nobody() {
    let emulator = small();
    let rows = json(&run(
        &mut as_app(&emulator, &["districts", "--json"]),
        0,
        &emulator,
    ));
    let rows = &rows["districts"];
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert!(
        rows[0]["name"].is_string() && rows[0]["error"].is_null(),
        "{rows}"
    );
    let table = run(&mut as_app(&emulator, &["districts"]), 0, &emulator);
    assert!(String::from_utf8_lossy(&table.stdout).contains(rows[0]["district"].as_str().unwrap()));

    let mut wrong = as_app(&emulator, &["districts"]);
    let refused = run(wrong.env("CLEVER_CLIENT_SECRET", "wrong"), 4, &emulator);
    assert!(errors(&refused).contains("401"), "{}", errors(&refused));
    let none = run(
        cleverctl().args(["districts", "--api-url", &emulator.url]),
        2,
        &emulator,
    );
    assert!(
        errors(&none).contains("CLEVER_CLIENT_ID"),
        "{}",
        errors(&none)
    );
}

#[test]
fn a_token_says_what_it_is() {
    let emulator = small();
    let mut me = as_app(&emulator, &["me", "--json"]);
    let district = json(&run(me.env("CLEVER_TOKEN", &emulator.token), 0, &emulator));
    assert_eq!(district["kind"], "district-app token");
    assert!(district["name"].is_string());
    let mut me = as_app(&emulator, &["me"]);
    let unknown = run(me.env("CLEVER_TOKEN", "il0123456789"), 4, &emulator);
    assert!(
        !errors(&unknown).contains("il01234"),
        "{}",
        errors(&unknown)
    );
}

#[test]
fn the_doctor_names_what_is_well_and_what_is_not() {
    let emulator = small();
    let steps = |output: &Output| -> Vec<(String, String)> {
        json(output)["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| {
                let text = |name: &str| step[name].as_str().unwrap().to_owned();
                (text("step"), text("outcome"))
            })
            .collect()
    };
    let outcome = |steps: &[(String, String)], name: &str| {
        let found = steps.iter().find(|(step, _)| step == name);
        found
            .unwrap_or_else(|| panic!("no step {name} in {steps:?}"))
            .1
            .clone()
    };
    let doctor = || as_app(&emulator, &["doctor", "--json"]);

    let well = steps(&run(
        doctor().env("CLEVER_TOKEN", &emulator.token),
        0,
        &emulator,
    ));
    for name in [
        "login service",
        "app",
        "district token",
        "district",
        "roster",
    ] {
        assert_eq!(outcome(&well, name), "ok", "{name}: {well:?}");
    }

    let mut wrong_app = doctor();
    wrong_app
        .env("CLEVER_CLIENT_SECRET", "wrong")
        .env("CLEVER_TOKEN", &emulator.token);
    let wrong_app = steps(&run(&mut wrong_app, 4, &emulator));
    assert_eq!(outcome(&wrong_app, "app"), "failed");
    assert_eq!(outcome(&wrong_app, "roster"), "ok");

    let mut wrong_token = doctor();
    let wrong_token = run(
        wrong_token.env("CLEVER_TOKEN", "deadbeefdeadbeef"),
        4,
        &emulator,
    );
    assert_eq!(outcome(&steps(&wrong_token), "district"), "failed");
    assert!(!String::from_utf8_lossy(&wrong_token.stdout).contains("deadbeef"));

    // Nobody listens here: said at once, with nothing after it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let started = std::time::Instant::now();
    let nobody = cleverctl()
        .args(["doctor", "--json", "--api-url", &url])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(
        steps(&nobody),
        [("login service".to_owned(), "failed".to_owned())]
    );
    assert!(started.elapsed().as_secs() < 5);

    let people = run(&mut as_app(&emulator, &["doctor"]), 0, &emulator);
    let said = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(
        said.contains("ok") && said.contains("roster: the token opens it"),
        "{said}"
    );
}
