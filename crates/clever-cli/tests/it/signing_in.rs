//! `cleverctl login` against the emulator: what its browser, and whatever else is on this machine, may do wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};

use crate::connect::{as_app, get, run, small, somebody};
use crate::ground::{Emulator, errors, held};

/// A login that waits for its browser.
struct Begun {
    process: Child,
    told: BufReader<ChildStderr>,
    /// Clever's page.
    authorize: String,
    /// Where the browser comes back to, with the student signed in.
    back: String,
    /// The address that waits.
    site: String,
    student: String,
}

impl Begun {
    fn new(emulator: &Emulator) -> Self {
        let student = somebody(emulator, "student");
        let args = ["login", "--json", "--no-browser", "--listen", "127.0.0.1:0"];
        let mut process = as_app(emulator, &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(process.stderr.take().unwrap());
        let mut authorize = String::new();
        told.read_line(&mut authorize).unwrap();
        authorize.clear();
        told.read_line(&mut authorize).unwrap();
        let authorize = authorize.trim().to_owned();
        let (_, back, _) = get(&format!("{authorize}&user={student}"), None);
        let callback: url::Url = back.parse().unwrap();
        Self {
            process,
            told,
            site: callback.origin().ascii_serialization(),
            authorize,
            back,
            student,
        }
    }

    /// What a request without a body is answered with: its status line.
    fn ask(&self, method: &str, target: &str) -> String {
        let mut stream = self.connect();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.site.strip_prefix("http://").unwrap()).unwrap()
    }

    /// Waits for the process; gives its exit code, results and what it told.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut told) = (String::new(), String::new());
        let mut stdout = self.process.stdout.take().unwrap();
        stdout.read_to_string(&mut out).unwrap();
        self.told.read_to_string(&mut told).unwrap();
        (self.process.wait().unwrap().code(), out, told)
    }

    fn ends_signed_in(self) {
        let student = self.student.clone();
        assert_eq!(get(&self.back, None).0, 200);
        let (code, out, told) = self.end();
        assert_eq!(code, Some(0), "{told}");
        let login = held("login", &out);
        assert_eq!(login["user"], student);
        assert_eq!(login["shared_by"], "district");
    }
}

#[test]
fn a_login_on_loopback_and_what_its_browser_may_do_wrong() {
    let emulator = small();
    let login = Begun::new(&emulator);
    // The page has the student's entry.
    let (status, _, page) = get(&login.authorize, None);
    assert!(status == 200 && page.contains(&login.student), "{status}");
    let site = &login.site;

    // What comes without or with another `state` is not redeemed, and does not end the waiting.
    assert_eq!(
        get(&format!("{site}/callback?code=planted&state=forged"), None).0,
        400
    );
    assert_eq!(get(&format!("{site}/elsewhere"), None).0, 404);
    let (status, restart, _) = get(&format!("{site}/callback?code=planted"), None);
    assert_eq!(status, 303);
    assert!(restart.contains("/oauth/authorize?"), "{restart}");
    login.ends_signed_in();
}

/// Any page in the browser, and any program of this machine, can send requests to the waiting address.
#[test]
fn field_f18_what_is_not_this_logins_does_not_end_it() {
    let emulator = small();
    let login = Begun::new(&emulator);
    let state = login.back.split("state=").nth(1).unwrap().to_owned();
    // Connections that say nothing, or a part of a head, stay open until the end.
    let slow: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut stream = login.connect();
            if number % 2 == 0 {
                stream.write_all(b"GET /callback?code=").unwrap();
            }
            stream
        })
        .collect();
    for (method, target, status) in [
        ("GET", "/callback?error=access_denied".to_owned(), 400),
        (
            "GET",
            "/callback?error=access_denied&state=forged".to_owned(),
            400,
        ),
        (
            "GET",
            "/callback?error=access_denied&state=".to_owned(),
            400,
        ),
        ("GET", format!("/callback?error=x&state={state}x"), 400),
        (
            "GET",
            format!("/callback?error=x&state=forged&state={state}"),
            400,
        ),
        ("GET", format!("/callback?error=x&State={state}"), 400),
        ("GET", "/callback".to_owned(), 400),
        ("GET", "/callback?code=planted&state=forged".to_owned(), 400),
        ("GET", "/favicon.ico".to_owned(), 404),
        ("GET", "/".to_owned(), 404),
        ("GET", format!("/callback/?error=x&state={state}"), 404),
        ("GET", format!("/callbackx?error=x&state={state}"), 404),
        (
            "GET",
            "/.well-known/appspecific/com.chrome.devtools.json".to_owned(),
            404,
        ),
        ("HEAD", format!("/callback?error=x&state={state}"), 405),
        ("POST", format!("/callback?error=x&state={state}"), 405),
        ("OPTIONS", "/callback".to_owned(), 405),
    ] {
        let line = login.ask(method, &target);
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {target}: {line}"
        );
    }
    login.ends_signed_in();
    drop(slow);
}

#[test]
fn field_f18_an_error_with_the_logins_own_state_ends_it() {
    let emulator = small();
    let login = Begun::new(&emulator);
    let state = login.back.split("state=").nth(1).unwrap();
    let line = login.ask(
        "GET",
        &format!("/callback?error=access_denied&state={state}"),
    );
    assert!(line.starts_with("HTTP/1.1 400 "), "{line}");
    let (code, out, told) = login.end();
    assert_eq!(code, Some(4));
    assert!(
        out.contains(r#""error":{"code":"sign_in_refused""#),
        "{out}"
    );
    assert!(
        told.contains("Clever refused the sign-in (access_denied)"),
        "{told}"
    );
}

/// If there is no discovery at the start, a login is begun all the same; a token that comes is not taken on trust.
#[test]
fn field_f3_a_login_checks_its_id_token_whatever_discovery_said_at_the_start() {
    for (rule, signed_in) in [
        ("html404@/.well-known*1", true),
        ("html404@/.well-known", false),
    ] {
        let args = ["--students", "40", "--openid", "--fault", rule];
        let emulator = Emulator::start(&args);
        let login = Begun::new(&emulator);
        let (status, ..) = get(&login.back, None);
        let (code, out, told) = login.end();
        if signed_in {
            assert_eq!((status, code), (200, Some(0)), "{told}");
            assert!(out.contains("\"id_token\":true"), "{out}");
        } else {
            assert_eq!((status, code), (502, Some(1)), "{told}");
            assert!(out.contains(r#""error":{"code":"no_keys""#), "{out}");
            assert!(
                told.contains("the issuer's keys could not be read"),
                "{told}"
            );
            assert!(told.contains("hint:"), "{told}");
        }
    }
}

#[test]
fn a_login_that_nobody_ends_gives_up() {
    let emulator = small();
    let args = [
        "login",
        "--no-browser",
        "--listen",
        "127.0.0.1:0",
        "--timeout",
        "1",
    ];
    let output = run(&mut as_app(&emulator, &args), 1, &emulator);
    assert!(
        errors(&output).contains("within 1 s"),
        "{}",
        errors(&output)
    );
    let args = ["login", "--no-browser", "--listen", "0.0.0.0:0"];
    let open = run(&mut as_app(&emulator, &args), 2, &emulator);
    assert!(
        errors(&open).contains("this machine only"),
        "{}",
        errors(&open)
    );
}
