//! `examples/consumers`: the feed read from other languages, over a pipe and in PostgreSQL, where those are installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::ground::{Emulator, Store, cleverctl, errors};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/consumers")
}

/// A consumer's language: what runs a file of it, and what says that its library for PostgreSQL is there.
pub(crate) struct Language {
    pub(crate) end: &'static str,
    pub(crate) run: &'static [&'static str],
    library: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

pub(crate) const LANGUAGES: [Language; 4] = [
    Language {
        end: "py",
        run: &["/usr/bin/python3"],
        library: &["/usr/bin/python3", "-c", "import psycopg2"],
        variables: &[],
    },
    Language {
        end: "rb",
        run: &["ruby"],
        library: &["ruby", "-e", "require 'pg'"],
        variables: &[],
    },
    Language {
        end: "js",
        run: &["node"],
        library: &["node", "-e", "require('pg')"],
        variables: &[("NODE_PATH", "/usr/share/nodejs")],
    },
    Language {
        end: "go",
        run: &["go", "run"],
        library: &["test", "-d", "/usr/share/gocode/src/github.com/lib/pq"],
        // Debian's packages, and no download.
        variables: &[("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode")],
    },
];

/// What says that a language is there, in their order.
pub(crate) const VERSIONS: [&[&str]; 4] = [
    &["/usr/bin/python3", "--version"],
    &["ruby", "--version"],
    &["node", "--version"],
    &["go", "version"],
];

impl Language {
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(folder());
        for (name, value) in self.variables {
            // What the tester has set stands.
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        command.env("GOCACHE", std::env::temp_dir().join("clever-consumers-go"));
        command
    }

    /// Says whether it runs here; if not, that its part is skipped.
    pub(crate) fn is_here(&self, words: &[&str], what: &str) -> bool {
        let tried = self
            .command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let is_here = tried.is_ok_and(|status| status.success());
        if !is_here {
            eprintln!("skipped: {} can't run {what} here", self.end);
        }
        is_here
    }
}

fn said(output: &Output) -> BTreeSet<String> {
    assert!(output.status.success(), "{}", errors(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // What was done, to what, and whose id: the rest is the language's own.
    let lines = text
        .lines()
        .map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "));
    let all: Vec<String> = lines.collect();
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "each change once");
    set
}

#[test]
fn every_consumer_is_short() {
    let mut count = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end != "md") {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines < 40, "{}: {lines} lines", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 2 * LANGUAGES.len());
}

#[test]
fn lines_of_json_are_read_in_each_language() {
    let (emulator, store) = (Emulator::start(&["--students", "30"]), Store::new());
    store.report(&emulator, 0);
    let count = store.number("SELECT count(*) FROM changes");
    for (language, version) in LANGUAGES.iter().zip(VERSIONS) {
        if !language.is_here(version, "anything") {
            continue;
        }
        let name = format!("consumer-{}", language.end);
        let mut feed = cleverctl()
            .args([
                "changes",
                "--consumer",
                &name,
                "--json",
                "--values",
                "--store",
                &store.url(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let file = format!("lines.{}", language.end);
        let output = language
            .command(&[language.run, &[file.as_str()]].concat())
            .stdin(feed.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(feed.wait().unwrap().success());
        let said = said(&output);
        assert_eq!(said.len() as i64, count, "{}", language.end);
        assert!(
            said.iter().any(|line| line.starts_with("create users ")),
            "{said:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_read_in_each_language_and_a_listener_is_woken() {
    let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") else {
        eprintln!("skipped: CLEVER_TEST_POSTGRES names no server");
        return;
    };
    let (admin, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    // A database of its own: the consumers name the schema.
    let name = format!("consumers_{}", std::process::id());
    admin
        .batch_execute(&format!("DROP DATABASE IF EXISTS {name}"))
        .await
        .unwrap();
    admin
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let url = format!("{base}/{name}");
    let (listener, mut connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|on| connection.poll_message(on)).await {
            if let tokio_postgres::AsyncMessage::Notification(note) = message {
                drop(tell.send((note.channel().to_owned(), note.payload().to_owned())));
            }
        }
    });
    listener
        .batch_execute("LISTEN clever_changes")
        .await
        .unwrap();
    let emulator = Emulator::start(&["--students", "30"]);
    for _ in 0..2 {
        let mut command = cleverctl();
        command.args(["sync", "-q", "--store", &url, "--api-url", &emulator.url]);
        let output = command
            .env("CLEVER_TOKEN", &emulator.token)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    }
    let row = listener
        .query_one("SELECT district_id FROM clever.districts", &[])
        .await
        .unwrap();
    let district: String = row.get(0);
    let wait = tokio::time::timeout(Duration::from_secs(10), told.recv());
    let (channel, payload) = wait.await.unwrap().unwrap();
    assert_eq!(channel, "clever_changes");
    assert_eq!(
        payload,
        format!("{{\"district_id\":\"{district}\",\"run\":1}}")
    );
    assert!(
        told.try_recv().is_err(),
        "a run that changed nothing wakes nobody"
    );
    let row = listener
        .query_one("SELECT count(*) FROM clever.changes", &[])
        .await
        .unwrap();
    let count: i64 = row.get(0);
    let address = format!("{url}?sslmode=disable");
    for language in &LANGUAGES {
        if !language.is_here(language.library, "PostgreSQL") {
            continue;
        }
        listener
            .batch_execute("DELETE FROM clever.consumers")
            .await
            .unwrap();
        let file = format!("sql.{}", language.end);
        let words = [language.run, &[file.as_str(), district.as_str()]].concat();
        let run = || {
            let mut command = language.command(&words);
            command.env("DATABASE_URL", &address).output().unwrap()
        };
        assert_eq!(said(&run()).len() as i64, count, "{}", language.end);
        assert!(
            said(&run()).is_empty(),
            "{}: nothing comes twice",
            language.end
        );
    }
    drop(listener);
    admin
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .unwrap();
}
