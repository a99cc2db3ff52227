//! Why sign-ins fail: what the log says, and what the person reads.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::browser::{Browser, callback};
use crate::site::{Setup, serve};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// One thread, so that the log of this test is its own.
#[tokio::test(flavor = "current_thread")]
async fn field_f13_each_cause_has_its_line_and_no_line_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let site = serve(Setup::default()).await;
    let mut lines: BTreeMap<String, &str> = BTreeMap::new();
    let mut whole = String::new();
    for (code, status, cause, source) in [
        ("secret", 503, "client id and secret", "answered 401"),
        ("old", 400, "older than a minute", "answered 400"),
        ("outage", 502, "out of order", "answered 503"),
        ("garbled", 502, "can't be read", "not the expected JSON"),
        ("cut", 502, "no answer from Clever", "error sending request"),
        ("no+id%22", 502, "", ""),
    ] {
        log.take();
        let mut browser = Browser::new(&site.url);
        let answer = browser.sign_in(code).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text);
        let said = log.take();
        let line = said.lines().find(|line| line.contains("a sign-in failed"));
        let line = line.unwrap_or_else(|| panic!("{code}: {said}"));
        assert!(line.contains(cause), "{code}: {line}");
        assert!(line.contains(source), "{code}: {line}");
        let message = line.split_once("WARN").unwrap().1.to_owned();
        let twin = lines.insert(message, code);
        assert_eq!(twin, None, "{code} reads like another cause");
        whole += &said;
    }
    // Our own trouble is not a person's: a database that is down at each step of a session.
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    site.sessions.down.store(true, Ordering::Relaxed);
    let back = callback("ada", &state);
    browser.plant("x");
    for (method, path) in [
        ("GET", &*back),
        ("GET", "/classes"),
        ("POST", "/link"),
        ("GET", "/logout"),
    ] {
        if method == "POST" {
            // The application itself asks first here.
            continue;
        }
        log.take();
        let answer = browser.send(method, path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert!(!answer.text.contains("no place for you"), "{}", answer.text);
        assert!(answer.text.contains("not your fault"), "{}", answer.text);
        let said = log.take();
        assert!(
            said.contains("connection refused by the database"),
            "{said}"
        );
        assert!(said.contains("ERROR"), "{said}");
        whole += &said;
        browser.plant("x");
    }
    site.sessions.down.store(false, Ordering::Relaxed);
    let mut browser = Browser::new(&site.url);
    log.take();
    assert_eq!(browser.sign_in("panic").await.status, 503);
    whole += &log.take();
    for secret in [
        "app-secret",
        "il-ada",
        "code=ada",
        "code=old",
        &*state,
        "invalid_grant",
        "a proxy's page",
    ] {
        assert!(!whole.contains(secret), "{secret} in {whole}");
    }
}
