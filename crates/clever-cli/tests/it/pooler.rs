//! What stands between a store and its server, or in its way there: a pooler, another program's tables, an encoding, a role
//! that may only read.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::ground::{Emulator, cleverctl, errors};
use crate::server::Server;

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A PgBouncer before a server; it ends with the value.
struct Pooler {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    fn start(server: &Server, mode: &str, size: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url: url::Url = server.url().parse().unwrap();
        let file = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\nunix_socket_dir =\n",
            url.port().unwrap()
        );
        fs::write(&file, text).unwrap();
        let id = Command::new("id").arg("-u").output().unwrap();
        let mut command = if id.stdout.starts_with(b"0\n") {
            // It refuses to run as root.
            let done = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(folder.path())
                .status();
            assert!(done.unwrap().success());
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                PROGRAM,
            ]);
            command
        } else {
            Command::new(PROGRAM)
        };
        command.arg(&file).stdin(Stdio::null());
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A server and a PgBouncer's program; none where one of them is not installed.
fn server() -> Option<Server> {
    if !fs::exists(PROGRAM).unwrap_or(false) {
        eprintln!("skipped: no {PROGRAM}");
        return None;
    }
    Server::start()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// What another client sees of the settings that a sync makes for itself, and what it may leave behind.
async fn settings(url: &str) -> Vec<String> {
    let client = connect(url).await;
    let mut all = Vec::new();
    for sql in [
        "SHOW lock_timeout",
        "SHOW plan_cache_mode",
        "SHOW search_path",
        "SHOW jit",
        "SHOW client_min_messages",
        "SELECT count(*) FROM pg_prepared_statements",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    ] {
        for message in client.simple_query(sql).await.unwrap() {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                all.push(row.get(0).unwrap().to_owned());
            }
        }
    }
    all
}

fn run(args: &[&str], url: &str, emulator: &Emulator) -> Output {
    let mut command = cleverctl();
    command
        .args(args)
        .args(["--store", url])
        .env("CLEVER_TOKEN", &emulator.token);
    if args.contains(&"sync") {
        command.args(["--api-url", &emulator.url]);
    }
    command.output().unwrap()
}

fn passes(args: &[&str], url: &str, emulator: &Emulator) {
    let output = run(args, url, emulator);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{args:?}: {}",
        errors(&output)
    );
}

#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let text = errors(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_12_a_pooler_in_transaction_mode_is_noticed_and_its_other_clients_see_nothing() {
    let Some(server) = server() else { return };
    let emulator = Emulator::start(&["--students", "50"]);
    for (mode, size) in [("transaction", 1), ("transaction", 20), ("statement", 20)] {
        let pooler = Pooler::start(&server, mode, size);
        let before = settings(&pooler.url()).await;
        let neighbours = (0..if size > 1 { 2 } else { 0 }).map(|_| {
            let url = pooler.url();
            tokio::spawn(async move {
                let client = connect(&url).await;
                while client.simple_query("SELECT 1").await.is_ok() {}
            })
        });
        let neighbours: Vec<_> = neighbours.collect();
        for args in [&["sync"][..], &["status"], &["sync", "--dry-run"]] {
            let output = run(args, &pooler.url(), &emulator);
            fails(&output, &["in transaction mode", "pool_mode = session"]);
        }
        neighbours.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(settings(&pooler.url()).await, before, "{mode} {size}");
    }
    // What an earlier client prepared shows it too.
    let pooler = Pooler::start(&server, "transaction", 1);
    let other = connect(&pooler.url()).await;
    other
        .batch_execute("PREPARE left_there AS SELECT 1")
        .await
        .unwrap();
    fails(
        &run(&["status"], &pooler.url(), &emulator),
        &["pool_mode = session"],
    );
    for size in [1, 20] {
        let pooler = Pooler::start(&server, "session", size);
        for _ in 0..2 {
            passes(&["sync"], &pooler.url(), &emulator);
        }
        passes(&["status"], &pooler.url(), &emulator);
        let [timeout, plans, ..] = &settings(&pooler.url()).await[..] else {
            panic!("no settings");
        };
        assert_eq!((timeout.as_str(), plans.as_str()), ("0", "auto"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_15_18_what_a_server_refuses_has_a_next_step_and_a_role_that_only_reads_can_look() {
    let Some(server) = Server::start() else {
        return;
    };
    let emulator = Emulator::start(&["--students", "50"]);
    let admin = connect(&server.url()).await;
    for name in ["taken", "latin", "read"] {
        let kind = if name == "latin" {
            "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        } else {
            ""
        };
        admin
            .batch_execute(&format!("CREATE DATABASE {name} {kind}"))
            .await
            .unwrap();
    }
    let at = |name: &str| {
        let mut url: url::Url = server.url().parse().unwrap();
        url.set_path(name);
        url.to_string()
    };
    // An app's own tables are there.
    let app = connect(&at("taken")).await;
    app.batch_execute("CREATE TABLE schools (id int); CREATE TABLE users (id int)")
        .await
        .unwrap();
    fails(
        &run(&["sync", "--schema", "public"], &at("taken"), &emulator),
        &[
            "schema `public`",
            "\"schools\" already exists",
            "--schema NAME",
        ],
    );
    for schema in [&[][..], &["--schema", "Our roster"]] {
        for command in ["sync", "sync", "status"] {
            passes(&[&[command], schema].concat(), &at("taken"), &emulator);
        }
    }
    let sql =
        "SELECT (SELECT count(*) FROM clever.users), (SELECT count(*) FROM \"Our roster\".users),
                      (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)";
    let row = app.query_one(sql, &[]).await.unwrap();
    let counted = [0, 1, 2].map(|at| row.get::<_, i64>(at));
    assert!(
        counted[0] > 50 && counted[1] == counted[0] && counted[2] == 2,
        "{counted:?}"
    );
    // TLS is asked for, and the server has none.
    let output = run(
        &["status"],
        &format!("{}?sslmode=require", at("taken")),
        &emulator,
    );
    fails(&output, &["offers no TLS", "sslmode=disable"]);
    // A server that is stopped short.
    admin
        .batch_execute("ALTER DATABASE read SET statement_timeout = '1ms'")
        .await
        .unwrap();
    let output = run(&["sync"], &at("read"), &emulator);
    fails(&output, &["statement timeout", "statement_timeout = 0"]);
    admin
        .batch_execute("ALTER DATABASE read RESET statement_timeout")
        .await
        .unwrap();
    // A server that is only read: a standby, or a role.
    passes(&["sync"], &at("read"), &emulator);
    admin
        .batch_execute("ALTER DATABASE read SET default_transaction_read_only = on")
        .await
        .unwrap();
    passes(&["status"], &at("read"), &emulator);
    passes(&["changes", "--limit", "2"], &at("read"), &emulator);
    let folder = TempDir::new().unwrap();
    let files = folder.path().join("files").display().to_string();
    passes(
        &["export", "--format", "csv", &files],
        &at("read"),
        &emulator,
    );
    fails(
        &run(&["sync"], &at("read"), &emulator),
        &["can only be read", "hint: status, changes"],
    );
    // A letter that the encoding lacks, in a district's name.
    let odd = TempDir::new().unwrap();
    let page = r#"{"data":[{"data":{"id":"d1","name":"Łódź \ud83d\ude00"}}]}"#;
    fs::write(odd.path().join("districts.json"), page).unwrap();
    for kind in ["users", "sections"] {
        fs::write(odd.path().join(format!("{kind}.json")), r#"{"data":[]}"#).unwrap();
    }
    let emulator = Emulator::start(&["--recorded", odd.path().to_str().unwrap()]);
    let output = run(&["sync"], &at("latin"), &emulator);
    fails(&output, &["LATIN1", "ENCODING 'UTF8'"]);
}
