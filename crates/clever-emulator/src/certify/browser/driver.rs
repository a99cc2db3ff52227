//! A browser that is driven: clicks and forms in a headless Chromium, by the WebDriver protocol of `chromedriver`.
//!
//! Decision: no WebDriver crate. fantoccini and thirtyfour bring eight and more crates, among them megabytes of
//! segmentation tables, for the dozen requests here; Chromium's own commands would be written by hand with either.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long something on a page is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is waited between two looks at a page.
const LOOK: Duration = Duration::from_millis(60);
/// Names under which Chromium is installed.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Why a command to the browser failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// No Chromium is installed.
    #[error("no Chromium is installed (Debian: apt-get install chromium chromium-driver)")]
    NoChromium,
    /// No chromedriver is installed, or it did not start.
    #[error("no chromedriver is installed (Debian: apt-get install chromium-driver)")]
    NoDriver,
    /// The driver refused a command.
    #[error("the browser could not {command}: {said}")]
    Refused {
        /// The command.
        command: String,
        /// The driver's word for it.
        said: String,
    },
    /// Something that should be on a page is not there.
    #[error("`{wanted}` is not on the page “{title}”")]
    Missing {
        /// A CSS selector, or a text.
        wanted: String,
        /// The page's title.
        title: String,
    },
}

impl BrowserError {
    /// Whether there is no browser to drive on this machine.
    #[must_use]
    pub fn is_not_installed(&self) -> bool {
        matches!(self, Self::NoChromium | Self::NoDriver)
    }
}

type Done<T = ()> = Result<T, BrowserError>;

/// An element of a page, as the driver names it.
#[derive(Debug, Clone)]
pub(crate) struct Element(String);

/// A browser with one window. Dropped, it is killed with its driver.
pub struct Browser {
    http: Client,
    session: Url,
    program: Child,
    _profile: TempDir,
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browser(..)")
    }
}

async fn is_installed(program: &str) -> bool {
    let mut version = Command::new(program);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().await.is_ok_and(|status| status.success())
}

fn refused(command: &str, said: impl fmt::Display) -> BrowserError {
    // The first line says it; what follows is the driver's own trace.
    let said = said.to_string();
    BrowserError::Refused {
        command: command.to_owned(),
        said: said.lines().next().unwrap_or_default().to_owned(),
    }
}

impl Browser {
    /// The name of the browser's program; none if no Chromium is installed.
    pub async fn program() -> Option<&'static str> {
        for program in CHROMIUM {
            if is_installed(program).await {
                return Some(program);
            }
        }
        None
    }

    /// Starts a browser with a profile of its own.
    ///
    /// # Errors
    ///
    /// [`BrowserError::NoChromium`] and [`BrowserError::NoDriver`] if there is none to drive.
    pub async fn start() -> Done<Self> {
        if Self::program().await.is_none() {
            return Err(BrowserError::NoChromium);
        }
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut program = command.spawn().map_err(|_| BrowserError::NoDriver)?;
        let output = program.stdout.take().ok_or(BrowserError::NoDriver)?;
        let mut lines = BufReader::new(output).lines();
        let port: u16 = loop {
            let Ok(Some(line)) = lines.next_line().await else {
                return Err(BrowserError::NoDriver);
            };
            if let Some((_, port)) = line.split_once("successfully on port ") {
                let port = port.trim_end_matches('.').parse();
                break port.map_err(|_| BrowserError::NoDriver)?;
            }
        };
        let profile = TempDir::new().map_err(|error| refused("make a profile", error))?;
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1280,900", format!("--user-data-dir={}", profile.path().display()),
        ], "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false } });
        // Its log says what leaves the browser.
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "performance": "ALL" },
        } } });
        let http = Client::builder().no_proxy().build();
        let http = http.map_err(|error| refused("be asked", error))?;
        let base: Url = format!("http://127.0.0.1:{port}/")
            .parse()
            .map_err(|error| refused("be asked", error))?;
        let mut browser = Self {
            http,
            session: base.clone(),
            program,
            _profile: profile,
        };
        let made = browser.ask(Method::POST, "session", Some(wanted)).await?;
        let id = made["sessionId"].as_str().unwrap_or_default();
        let session = base.join(&format!("session/{id}/"));
        browser.session = session.map_err(|error| refused("begin a session", error))?;
        Ok(browser)
    }

    async fn ask(&self, method: Method, command: &str, body: Option<Value>) -> Done<Value> {
        let url = self.session.join(command);
        let url = url.map_err(|error| refused(command, error))?;
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let failed = |error: reqwest::Error| refused(command, error.without_url());
        let answer = request.send().await.map_err(failed)?;
        let fine = answer.status().is_success();
        let mut body: Value = answer.json().await.map_err(failed)?;
        let value = body["value"].take();
        if fine {
            return Ok(value);
        }
        let said = value["message"].as_str().or(value["error"].as_str());
        Err(refused(command, said.unwrap_or("no reason was given")))
    }

    pub(super) async fn post(&self, command: &str, body: Value) -> Done<Value> {
        self.ask(Method::POST, command, Some(body)).await
    }

    async fn read(&self, command: &str) -> Done<Value> {
        self.ask(Method::GET, command, None).await
    }

    async fn text_of(&self, command: &str) -> Done<String> {
        let value = self.read(command).await?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Loads an address.
    ///
    /// # Errors
    ///
    /// If nothing answers there.
    pub async fn open(&self, url: Url) -> Done {
        self.post("url", json!({ "url": url })).await.map(drop)
    }

    /// Runs a script in the page, and gives what it returns.
    ///
    /// # Errors
    ///
    /// If the script throws.
    pub async fn script(&self, script: &str) -> Done<Value> {
        let body = json!({ "script": script, "args": [] });
        self.post("execute/sync", body).await
    }

    /// The element that a script returns; none if it returns nothing.
    pub(crate) async fn element_by(&self, script: &str) -> Done<Option<Element>> {
        let found = self.script(script).await?;
        Ok(found[ELEMENT].as_str().map(|id| Element(id.to_owned())))
    }

    /// Clicks an element; one that is hidden in a menu is clicked all the same.
    pub(crate) async fn click_on(&self, element: &Element) -> Done {
        let clicked = self
            .post(&format!("element/{}/click", element.0), json!({}))
            .await;
        if clicked.is_ok() {
            return Ok(());
        }
        let body = json!({ "script": "arguments[0].click()", "args": [{ ELEMENT: element.0 }] });
        self.post("execute/sync", body).await.map(drop)
    }

    /// Presses keys where the focus is; `\u{e004}` is Tab, `\u{e007}` is Enter.
    ///
    /// # Errors
    ///
    /// If nothing has the focus.
    pub async fn keys(&self, text: &str) -> Done {
        let active = self.read("element/active").await?;
        let id = active[ELEMENT].as_str().unwrap_or_default();
        let command = format!("element/{id}/value");
        self.post(&command, json!({ "text": text })).await.map(drop)
    }

    /// Opens a new tab and goes on in it; gives its name.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn new_tab(&self) -> Done<String> {
        let made = self.post("window/new", json!({ "type": "tab" })).await?;
        let handle = made["handle"].as_str().unwrap_or_default().to_owned();
        self.to_tab(&handle).await?;
        Ok(handle)
    }

    /// The name of the tab in use.
    pub(crate) async fn tab(&self) -> Done<String> {
        self.text_of("window").await
    }

    /// Goes on in a tab.
    ///
    /// # Errors
    ///
    /// If there is no such tab.
    pub async fn to_tab(&self, handle: &str) -> Done {
        let body = json!({ "handle": handle });
        self.post("window", body).await.map(drop)
    }

    /// Closes the tab in use; another one has to be gone to.
    pub(crate) async fn close_tab(&self) -> Done {
        self.ask(Method::DELETE, "window", None).await.map(drop)
    }

    /// Asks Chromium itself for something, by its own protocol.
    ///
    /// # Errors
    ///
    /// If Chromium has no such command.
    pub async fn chromium(&self, command: &str, parameters: Value) -> Done<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", body).await
    }

    /// A picture of what the window shows, as a PNG.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn picture(&self) -> Done<Vec<u8>> {
        let text = self.text_of("screenshot").await?;
        STANDARD
            .decode(text)
            .map_err(|error| refused("screenshot", error))
    }

    /// Goes back in the history.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn back(&self) -> Done {
        self.post("back", json!({})).await.map(drop)
    }

    /// Goes on within the page's first frame.
    ///
    /// # Errors
    ///
    /// If the page has none.
    pub async fn enter_frame(&self) -> Done {
        self.post("frame", json!({ "id": 0 })).await.map(drop)
    }

    /// Goes on in the whole window again.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn leave_frame(&self) -> Done {
        self.post("frame", json!({ "id": null })).await.map(drop)
    }

    /// Where the window is.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn address(&self) -> Done<Url> {
        let text = self.text_of("url").await?;
        text.parse().map_err(|error| refused("url", error))
    }

    /// The page as it stands, as HTML.
    ///
    /// # Errors
    ///
    /// If the browser has ended.
    pub async fn page(&self) -> Done<String> {
        self.text_of("source").await
    }

    /// The cookies of the page in use.
    pub(crate) async fn cookies(&self) -> Done<Vec<Value>> {
        let mut all = self.read("cookie").await?;
        Ok(all.as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Sets a cookie as [`Browser::cookies`] gave it.
    pub(crate) async fn set_cookie(&self, cookie: Value) -> Done {
        self.post("cookie", json!({ "cookie": cookie }))
            .await
            .map(drop)
    }

    /// Does something with the element that a CSS selector finds, as soon as it is there.
    async fn with_element(&self, selector: &str, what: &str, body: &Value) -> Done {
        let tried = tokio::time::timeout(PATIENCE, async {
            loop {
                let find = json!({ "using": "css selector", "value": selector });
                if let Ok(found) = self.post("element", find).await {
                    let id = found[ELEMENT].as_str().unwrap_or_default();
                    let command = format!("element/{id}/{what}");
                    if self.post(&command, body.clone()).await.is_ok() {
                        return;
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        match tried.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.missing(selector).await),
        }
    }

    async fn missing(&self, wanted: &str) -> BrowserError {
        BrowserError::Missing {
            wanted: wanted.to_owned(),
            title: self.text_of("title").await.unwrap_or_default(),
        }
    }

    /// Clicks what a CSS selector finds.
    ///
    /// # Errors
    ///
    /// If it is not there after twenty seconds.
    pub async fn click(&self, selector: &str) -> Done {
        self.with_element(selector, "click", &json!({})).await
    }

    /// Writes into what a CSS selector finds.
    ///
    /// # Errors
    ///
    /// If it is not there after twenty seconds.
    pub async fn write(&self, selector: &str, text: &str) -> Done {
        self.with_element(selector, "value", &json!({ "text": text }))
            .await
    }

    /// Waits until the page has a text.
    ///
    /// # Errors
    ///
    /// If it has not come after twenty seconds.
    pub async fn wait_for(&self, text: &str) -> Done {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.page().await.is_ok_and(|page| page.contains(text)) {
                tokio::time::sleep(LOOK).await;
            }
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.missing(text).await),
        }
    }

    /// Ends the browser.
    pub async fn end(self) {
        // Without an answer it is killed with its driver.
        let session = self.session.as_str().trim_end_matches('/').to_owned();
        drop(self.ask(Method::DELETE, &session, None).await);
    }
}

impl Drop for Browser {
    /// Ends the driver with all that it has started: alone, it leaves its browser running.
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.program.id()
            && let Ok(group) = i32::try_from(group)
            && let Some(group) = rustix::process::Pid::from_raw(group)
        {
            let kill = rustix::process::Signal::KILL;
            let _ = rustix::process::kill_process_group(group, kill);
        }
        drop(self.program.start_kill());
    }
}
