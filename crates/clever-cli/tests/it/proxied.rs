//! The usual variables of proxies, and addresses without encryption, from the command line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::ground::{Emulator, cleverctl, errors};

/// A proxy before the emulator: passes on what is asked of a host, and refuses tunnels. Gives its address and the first
/// line of each request.
fn proxy(emulator: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let upstream = emulator.trim_start_matches("http://").trim_end_matches('/');
    let upstream = upstream.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let line = head.lines().next().unwrap_or_default();
            seen.lock().unwrap().push(line.to_owned());
            let Some((_, path)) = line
                .strip_prefix("GET http://")
                .and_then(|rest| rest.split_once('/'))
            else {
                drop(client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
                continue;
            };
            let fields = head.lines().skip(1).filter(|field| {
                let field = field.to_ascii_lowercase();
                !field.is_empty()
                    && !field.starts_with("host:")
                    && !field.starts_with("connection:")
            });
            let fields: String = fields.map(|field| format!("{field}\r\n")).collect();
            let mut server = TcpStream::connect(&upstream).unwrap();
            write!(
                server,
                "GET /{path}\r\nHost: {upstream}\r\nConnection: close\r\n{fields}\r\n"
            )
            .unwrap();
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).unwrap();
            drop(client.write_all(&answer));
        }
    });
    (address, lines)
}

#[test]
fn the_variables_of_proxies_are_honoured() {
    let emulator = Emulator::start(&["--students", "20"]);
    let (address, lines) = proxy(&emulator.url);
    let folder = tempfile::TempDir::new().unwrap();
    let sync = |url: &str| {
        let mut command = cleverctl();
        command
            .current_dir(folder.path())
            .args(["sync", "--store", "a.db", "--api-url", url])
            .env("CLEVER_TOKEN", &emulator.token);
        command
    };
    let remote = "http://emulator.test";
    let output = sync(remote)
        .arg("--insecure-http")
        .env("HTTP_PROXY", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let asked = std::mem::take(&mut *lines.lock().unwrap());
    assert!(
        asked
            .iter()
            .all(|line| line.starts_with("GET http://emulator.test/v3.1/")),
        "{asked:?}"
    );
    assert!(asked.len() > 5, "{asked:?}");

    // Left out, the host is looked for by its name, which nobody has.
    let output = sync(remote)
        .env("CLEVER_INSECURE_HTTP", "true")
        .env("HTTP_PROXY", &address)
        .env("NO_PROXY", "emulator.test")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(lines.lock().unwrap().is_empty());

    // Of what is encrypted, a proxy knows the host alone.
    let output = sync("https://api.school.test")
        .env("HTTPS_PROXY", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let asked = std::mem::take(&mut *lines.lock().unwrap());
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|line| line == "CONNECT api.school.test:443 HTTP/1.1"),
        "{asked:?}"
    );

    // What is for this machine stays on it.
    let output = sync(&emulator.url)
        .env("HTTP_PROXY", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(lines.lock().unwrap().is_empty());
}

#[test]
fn http_to_another_machine_is_a_choice_and_never_for_clever() {
    let folder = tempfile::TempDir::new().unwrap();
    let refused = |args: &[&str], hint: &str| {
        let output = cleverctl()
            .current_dir(folder.path())
            .args(args)
            .env("CLEVER_TOKEN", "0123456789abcdef")
            .env("CLEVER_CLIENT_ID", "our-app")
            .env("CLEVER_CLIENT_SECRET", "secretcanary")
            .output()
            .unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {said}");
        assert!(!said.contains("secretcanary"), "{said}");
    };
    let sync = ["sync", "--store", "a.db", "--api-url"];
    let far = [&sync[..], &["http://emulator.test"]].concat();
    refused(&far, "--insecure-http");
    let clevers = [&sync[..], &["http://api.clever.com", "--insecure-http"]].concat();
    refused(&clevers, "https://");
    refused(
        &["districts", "--api-url", "http://emulator.test"],
        "--insecure-http",
    );
    refused(
        &[
            "districts",
            "--insecure-http",
            "--auth-url",
            "http://clever.com",
        ],
        "https://",
    );
    // The file may allow it too: then it is the name that is not found.
    std::fs::write(
        folder.path().join("clever.toml"),
        "[clever]\ninsecure_http = true\n",
    )
    .unwrap();
    let output = cleverctl()
        .current_dir(folder.path())
        .args(&far)
        .env("CLEVER_TOKEN", "0123456789abcdef")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
}
