//! The end of the binary: asked by a terminal or by another program, it closes its socket and says that all is well.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time that an end may take: open requests are waited for two seconds.
const LONG: Duration = Duration::from_secs(20);

/// The binary, its address and its token.
fn start() -> (Child, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clever-emulator"))
        .args(["--students", "60", "--listen", "127.0.0.1:0", "--json"])
        .args(["--fault", "hang@/sections"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["base_url"].as_str().unwrap().replace("http://", "");
    (
        child,
        address,
        said["district_token"].as_str().unwrap().to_owned(),
    )
}

fn ask(address: &str, token: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Sends a signal to the binary while one connection is idle and a request hangs; sees how it ends.
fn ends_on(signal: &str) {
    let (mut child, address, token) = start();
    let mut idle = ask(&address, &token, "/v3.1/districts");
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut hanging = ask(&address, &token, "/v3.1/sections");
    // Time for the request to get there; whether it hangs or never came, the end is the same.
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if begin.elapsed() > LONG {
            child.kill().unwrap();
            child.wait().unwrap();
            break std::process::ExitStatus::default();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(begin.elapsed() < LONG, "{signal} did not end it");
    assert_eq!(ended.code(), Some(0), "{signal}");
    for stream in [&mut idle, &mut hanging] {
        // What was sent is read to its end: the socket is closed, by a reset where something was left undone.
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        let timed_out = |error: &std::io::Error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            )
        };
        assert!(!end.is_err_and(|error| timed_out(&error)), "{signal}");
    }
    assert!(TcpStream::connect(&address).is_err(), "nobody listens");
}

#[test]
fn sigterm_ends_it_well() {
    ends_on("-TERM");
}

#[test]
fn sigint_ends_it_well() {
    ends_on("-INT");
}
