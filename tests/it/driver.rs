//! The browser of `clever-emulator` in tests: a command that fails is the test's failure, and a machine without a
//! browser skips it.

#![expect(dead_code, reason = "each program of tests drives a part of it")]

use clever_emulator::certify::{Browser, BrowserError};
use serde_json::Value;
use url::Url;

/// The browser's program, if there is one.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
pub(crate) async fn chromium() -> Option<&'static str> {
    let found = Browser::program().await;
    if found.is_none() {
        eprintln!("skipped: {}", BrowserError::NoChromium);
    }
    found
}

/// A browser with one window. Dropped, it is killed.
pub(crate) struct Driver(Browser);

impl Driver {
    /// Starts a browser; `None`, and a word about it, if there is none to drive.
    #[expect(clippy::print_stderr, reason = "a test says what it skips")]
    pub(crate) async fn start() -> Option<Self> {
        match Browser::start().await {
            Ok(browser) => Some(Self(browser)),
            Err(error) if error.is_not_installed() => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Loads an address.
    pub(crate) async fn open(&self, url: Url) {
        self.0.open(url).await.unwrap();
    }

    /// Runs a script in the page, and gives what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.0.script(script).await.unwrap()
    }

    /// Presses keys where the focus is; `\u{e004}` is Tab, `\u{e007}` is Enter.
    pub(crate) async fn keys(&self, text: &str) {
        self.0.keys(text).await.unwrap();
    }

    /// Opens a new tab and goes on in it.
    pub(crate) async fn new_tab(&self) -> String {
        self.0.new_tab().await.unwrap()
    }

    /// Goes on in a tab.
    pub(crate) async fn to_tab(&self, handle: &str) {
        self.0.to_tab(handle).await.unwrap();
    }

    /// Asks Chromium itself for something, by its own protocol.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) {
        self.0.chromium(command, parameters).await.unwrap();
    }

    /// A picture of what the window shows, as a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.0.picture().await.unwrap()
    }

    /// Goes back in the history.
    pub(crate) async fn back(&self) {
        self.0.back().await.unwrap();
    }

    /// Goes on within the page's first frame.
    pub(crate) async fn enter_frame(&self) {
        self.0.enter_frame().await.unwrap();
    }

    /// Goes on in the whole window again.
    pub(crate) async fn leave_frame(&self) {
        self.0.leave_frame().await.unwrap();
    }

    /// Where the window is.
    pub(crate) async fn address(&self) -> Url {
        self.0.address().await.unwrap()
    }

    /// The page as it stands.
    pub(crate) async fn page(&self) -> String {
        self.0.page().await.unwrap()
    }

    /// Clicks what a CSS selector finds, as soon as it is there.
    pub(crate) async fn click(&self, selector: &str) {
        if let Err(error) = self.0.click(selector).await {
            panic!("{error}; {}", self.page().await);
        }
    }

    /// Writes into what a CSS selector finds.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        if let Err(error) = self.0.write(selector, text).await {
            panic!("{error}; {}", self.page().await);
        }
    }

    /// Waits until the page has a text.
    pub(crate) async fn wait_for(&self, text: &str) {
        if let Err(error) = self.0.wait_for(text).await {
            panic!("{error}; {}", self.page().await);
        }
    }

    /// Ends the browser; dropped without this, it is killed with its driver.
    pub(crate) async fn end(self) {
        self.0.end().await;
    }
}
