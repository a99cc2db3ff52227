//! A browser that is driven: clicks and forms in a headless Chromium, by the WebDriver protocol of Debian's
//! `chromium-driver`, if both are installed.

#![expect(dead_code, reason = "each program of tests drives a part of it")]

use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// The browser's program, if there is one.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
pub(crate) fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|program| {
            let mut version = std::process::Command::new(program);
            version
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            version.status().is_ok_and(|status| status.success())
        });
    if found.is_none() {
        eprintln!("skipped: no Chromium is installed (Debian: apt-get install chromium)");
    }
    found
}

/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long something on a page is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one window.
pub(crate) struct Driver {
    http: Client,
    session: Url,
    _profile: TempDir,
    /// Killed when the test ends; the browser goes with it.
    _program: Child,
}

impl Driver {
    /// Starts a browser; `None`, and a word about it, if there is none to drive.
    #[expect(clippy::print_stderr, reason = "a test says what it skips")]
    pub(crate) async fn start() -> Option<Self> {
        chromium()?;
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(mut program) = command.spawn() else {
            eprintln!(
                "skipped: no chromedriver is installed (Debian: apt-get install chromium-driver)"
            );
            return None;
        };
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let profile = TempDir::new().unwrap();
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1280,900", format!("--user-data-dir={}", profile.path().display()),
        ] });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let http = Client::new();
        let base: Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
        let made = http.post(base.join("session").unwrap()).json(&wanted);
        let made: Value = made.send().await.unwrap().json().await.unwrap();
        let id = made["value"]["sessionId"].as_str();
        let id = id.map_or_else(|| panic!("no session: {made}"), str::to_owned);
        Some(Self {
            http,
            session: base.join(&format!("session/{id}/")).unwrap(),
            _profile: profile,
            _program: program,
        })
    }

    async fn post(&self, command: &str, body: Value) -> Result<Value, Value> {
        let url = self.session.join(command).unwrap();
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let fine = answer.status().is_success();
        let mut body: Value = answer.json().await.unwrap();
        let value = body["value"].take();
        if fine { Ok(value) } else { Err(value) }
    }

    /// Loads an address.
    pub(crate) async fn open(&self, url: Url) {
        self.post("url", json!({ "url": url })).await.unwrap();
    }

    /// Runs a script in the page, and gives what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.post("execute/sync", body).await.unwrap()
    }

    /// Presses keys where the focus is; `\u{e004}` is Tab, `\u{e007}` is Enter.
    pub(crate) async fn keys(&self, text: &str) {
        let url = self.session.join("element/active").unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        let id = body["value"][ELEMENT].as_str().unwrap().to_owned();
        let command = format!("element/{id}/value");
        let typed = self.post(&command, json!({ "text": text })).await;
        typed.unwrap();
    }

    /// Opens a new tab and goes on in it.
    pub(crate) async fn new_tab(&self) -> String {
        let made = self.post("window/new", json!({ "type": "tab" })).await;
        let handle = made.unwrap()["handle"].as_str().unwrap().to_owned();
        self.to_tab(&handle).await;
        handle
    }

    /// Goes on in a tab.
    pub(crate) async fn to_tab(&self, handle: &str) {
        let body = json!({ "handle": handle });
        self.post("window", body).await.unwrap();
    }

    /// Asks Chromium itself for something, by its own protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", body).await.unwrap();
    }

    /// A picture of what the window shows, as a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let url = self.session.join("screenshot").unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        STANDARD.decode(body["value"].as_str().unwrap()).unwrap()
    }

    /// Goes back in the history.
    pub(crate) async fn back(&self) {
        self.post("back", json!({})).await.unwrap();
    }

    /// Goes on within the page's first frame.
    pub(crate) async fn enter_frame(&self) {
        self.post("frame", json!({ "id": 0 })).await.unwrap();
    }

    /// Goes on in the whole window again.
    pub(crate) async fn leave_frame(&self) {
        self.post("frame", json!({ "id": null })).await.unwrap();
    }

    /// Where the window is.
    pub(crate) async fn address(&self) -> Url {
        let url = self.session.join("url").unwrap();
        let body: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        body["value"].as_str().unwrap().parse().unwrap()
    }

    /// The page as it stands.
    pub(crate) async fn page(&self) -> String {
        let url = self.session.join("source").unwrap();
        let body: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        body["value"].as_str().unwrap().to_owned()
    }

    /// Does something with the element that a CSS selector finds, as soon as it is there.
    async fn with_element(&self, selector: &str, what: &str, body: &Value) {
        let mut last = Value::Null;
        let tried = tokio::time::timeout(PATIENCE, async {
            loop {
                let find = json!({ "using": "css selector", "value": selector });
                let found = match self.post("element", find).await {
                    Ok(found) => {
                        let id = found[ELEMENT].as_str().unwrap().to_owned();
                        self.post(&format!("element/{id}/{what}"), body.clone())
                            .await
                    }
                    Err(error) => Err(error),
                };
                match found {
                    Ok(_) => return,
                    Err(error) => last = error,
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        if tried.await.is_err() {
            panic!("{what} {selector}: {last}; {}", self.page().await);
        }
    }

    /// Clicks what a CSS selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        self.with_element(selector, "click", &json!({})).await;
    }

    /// Writes into what a CSS selector finds.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        self.with_element(selector, "value", &json!({ "text": text }))
            .await;
    }

    /// Waits until the page has a text.
    pub(crate) async fn wait_for(&self, text: &str) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.page().await.contains(text) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        if waited.await.is_err() {
            panic!("`{text}` never came: {}", self.page().await);
        }
    }

    /// Ends the browser; dropped without this, it is killed with its driver.
    pub(crate) async fn end(self) {
        drop(
            self.http
                .delete(self.session.as_str().trim_end_matches('/'))
                .send()
                .await,
        );
    }
}
