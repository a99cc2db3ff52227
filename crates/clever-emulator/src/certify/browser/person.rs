//! What somebody does in a browser who uses the app: comes in by each way, reads the page, logs out.

use std::time::{Duration, Instant};

use crate::CertificationUser;
use serde_json::{Value, json};
use url::Url;

use super::driver::{Browser, BrowserError};
use crate::certify::app::AppUnderTest;
use crate::certify::clever::RehearsalClever;
use crate::certify::visit::page;

/// How long is waited between two looks at a page.
const LOOK: Duration = Duration::from_millis(50);
/// How long a page may keep changing.
const AT_MOST: Duration = Duration::from_secs(25);

/// Finds the link or button that leads to Clever: by its words, its picture or its address.
const CLEVER_BUTTON: &str = r"
const at = CLEVER;
const all = [...document.querySelectorAll('a[href], button, input[type=submit], input[type=image], [role=button]')];
const words = e => [e.innerText, e.value, e.alt, e.title, e.getAttribute('aria-label'),
  ...[...e.querySelectorAll('img')].map(i => i.alt)].join(' ');
const to = e => e.tagName === 'A' ? e.href : (e.formAction || (e.form && e.form.action) || '');
const path = e => { try { return new URL(to(e)).pathname } catch { return '' } };
const isOut = e => /(log|sign)\W*out/i.test(words(e) + path(e));
return all.find(e => to(e).startsWith(at) && !isOut(e))
  || all.find(e => /clever/i.test(words(e)) && !isOut(e))
  || all.find(e => /clever/i.test(path(e)) && !isOut(e)) || null;";

/// Finds what logs out: by its words or its address.
const LOG_OUT: &str = r"
const all = [...document.querySelectorAll('button, a[href], input[type=submit], [role=button]')];
const words = e => [e.innerText || e.textContent, e.value, e.title, e.getAttribute('aria-label')].join(' ');
const to = e => e.tagName === 'A' ? e.href : (e.formAction || (e.form && e.form.action) || '');
const path = e => { try { return new URL(to(e)).pathname } catch { return '' } };
return all.find(e => /(log|sign)\W*out/i.test(words(e)))
  || all.find(e => /(log|sign)[-_]?out/i.test(path(e))) || null;";

/// What a page is, as far as a script can tell.
const LOOK_AT: &str = r"
return { at: location.href, state: document.readyState, text: document.body ? document.body.innerText : '' };";

/// A page as somebody sees it.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) at: Option<Url>,
    pub(crate) text: String,
    /// Whether the page is the app's.
    pub(crate) is_app: bool,
    /// Whether it has something that logs out.
    pub(crate) has_log_out: bool,
    /// Whether it has something that leads to Clever.
    pub(crate) has_button: bool,
    /// Whether the app's front page has nobody signed in.
    pub(crate) is_out: bool,
}

impl Sight {
    pub(crate) fn shows(&self, user: CertificationUser) -> bool {
        self.is_app && page::shows(&self.text, user.name())
    }

    /// Whether somebody is signed in: by a name, or by what the page offers.
    pub(crate) fn is_in(&self, user: CertificationUser) -> bool {
        let offers = self.has_log_out || !self.has_button;
        self.shows(user) || (self.is_app && !self.is_out && offers)
    }

    pub(crate) fn wrong(&self) -> Vec<&'static str> {
        page::wrong_words(&self.text)
    }

    /// What the page is, in a line.
    pub(crate) fn told(&self) -> String {
        let at = self.at.as_ref().map(crate::certify::visit::visitor::bare);
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "{}: “{}”",
            at.as_deref().unwrap_or("no address"),
            crate::certify::visit::visitor::start(&text)
        )
    }
}

/// Somebody in front of a browser.
pub(crate) struct Person<'a> {
    pub(crate) browser: &'a Browser,
    pub(crate) app: &'a AppUnderTest,
    pub(crate) clever: &'a RehearsalClever,
}

type Seen<T = Sight> = Result<T, BrowserError>;

impl Person<'_> {
    /// Begins at a browser that knows nobody, neither the app nor Clever.
    pub(crate) async fn fresh(&self) -> Seen<()> {
        self.browser
            .chromium("Network.clearBrowserCookies", json!({}))
            .await?;
        for origin in [&self.app.url, &self.app.callback] {
            let origin = origin.origin().ascii_serialization();
            let all = json!({ "origin": origin, "storageTypes": "local_storage,session_storage,indexeddb,service_workers" });
            self.browser
                .chromium("Storage.clearDataForOrigin", all)
                .await?;
        }
        Ok(())
    }

    async fn look(&self) -> Seen<(Value, Sight)> {
        let seen = self.browser.script(LOOK_AT).await?;
        let at: Option<Url> = seen["at"].as_str().and_then(|at| at.parse().ok());
        let sight = Sight {
            is_app: at.as_ref().is_some_and(|at| self.app.is_own(at)),
            at,
            text: seen["text"].as_str().unwrap_or_default().to_owned(),
            has_log_out: false,
            has_button: false,
            is_out: false,
        };
        Ok((seen, sight))
    }

    /// Waits until the page stays as it is, or shows somebody's name.
    pub(crate) async fn settle(&self, user: Option<CertificationUser>) -> Seen {
        let begun = Instant::now();
        let (mut last, mut since) = (Value::Null, Instant::now());
        let mut sight = loop {
            // Between two pages a script may find none.
            if let Ok((seen, sight)) = self.look().await {
                let is_whole = seen["state"] == "complete";
                if is_whole && user.is_some_and(|user| sight.shows(user)) {
                    break sight;
                }
                if seen != last {
                    (last, since) = (seen, Instant::now());
                } else if is_whole && since.elapsed() >= self.app.quiet {
                    break sight;
                }
            }
            if begun.elapsed() > AT_MOST {
                break self.look().await?.1;
            }
            tokio::time::sleep(LOOK).await;
        };
        sight.has_log_out = self.log_out_button().await?.is_some();
        sight.has_button = self.clever_button().await?.is_some();
        Ok(sight)
    }

    /// Opens an address of the app and reads it.
    pub(crate) async fn open(&self, url: &Url, user: Option<CertificationUser>) -> Seen {
        self.browser.open(url.clone()).await?;
        self.settle(user).await
    }

    async fn clever_button(&self) -> Seen<Option<super::driver::Element>> {
        let at = self.clever.emulator().base_url().as_str();
        let script = CLEVER_BUTTON.replace("CLEVER;", &format!("{};", json!(at)));
        self.browser.element_by(&script).await
    }

    async fn log_out_button(&self) -> Seen<Option<super::driver::Element>> {
        let script = match &self.app.log_out {
            Some(selector) => format!("return document.querySelector({})", json!(selector)),
            None => LOG_OUT.to_owned(),
        };
        self.browser.element_by(&script).await
    }

    /// Clicks the app's button, up to Clever's page; says whether there was one.
    pub(crate) async fn click_button(&self) -> Seen<bool> {
        self.browser.open(self.app.login_url.clone()).await?;
        let begun = Instant::now();
        // A login page may go to Clever by itself, or be made by a script.
        while begun.elapsed() < self.app.quiet * 3 {
            if self
                .browser
                .address()
                .await
                .is_ok_and(|at| self.clever.is_own(&at))
            {
                return Ok(true);
            }
            if let Some(button) = self.clever_button().await? {
                self.browser.click_on(&button).await?;
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    /// Picks somebody on Clever's page, and reads the page that comes; where Clever offers nobody, that page.
    pub(crate) async fn pick(&self, user: CertificationUser) -> Seen {
        let selector = json!(format!("a[href$='user={}']", user.id()));
        let script = format!("return document.querySelector({selector})");
        let begun = Instant::now();
        while begun.elapsed() < self.app.quiet * 4 {
            // Between two pages a script may find none.
            if let Ok(Some(link)) = self.browser.element_by(&script).await {
                self.browser.click_on(&link).await?;
                return self.arrived(user).await;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.settle(None).await
    }

    /// Reads the page after a way in; says what somebody says who is there for the first time.
    async fn arrived(&self, user: CertificationUser) -> Seen {
        let mut sight = self.settle(Some(user)).await?;
        for selector in &self.app.first_visit {
            let script = format!("return document.querySelector({})", json!(selector));
            if let Some(element) = self.browser.element_by(&script).await? {
                self.browser.click_on(&element).await?;
                // The page before may show the name as well.
                tokio::time::sleep(LOOK).await;
                sight = self.settle(Some(user)).await?;
            }
        }
        // A page that says nothing of it may be one of somebody who is not in.
        if sight.is_app && !sight.shows(user) && !sight.has_log_out {
            let home = self.open(&self.app.url, Some(user)).await?;
            sight.is_out = home.has_button && !home.has_log_out && !home.shows(user);
        }
        Ok(sight)
    }

    /// Comes in by the app's button; none if there is no button.
    pub(crate) async fn by_button(&self, user: CertificationUser) -> Seen<Option<Sight>> {
        if !self.click_button().await? {
            return Ok(None);
        }
        self.pick(user).await.map(Some)
    }

    /// Comes in by the icon in Clever's portal.
    pub(crate) async fn by_portal(&self, user: CertificationUser) -> Seen {
        self.browser.open(self.clever.portal(user)).await?;
        self.browser.click("#app").await?;
        self.arrived(user).await
    }

    /// Comes in by an address of Clever's that begins a login.
    pub(crate) async fn by_door(&self, path: &str, user: CertificationUser) -> Seen {
        self.browser.open(self.clever.door(path, user)).await?;
        self.arrived(user).await
    }

    /// Logs out, and says yes if the app asks once more; says whether there was a way to.
    pub(crate) async fn log_out(&self) -> Seen<bool> {
        let Some(button) = self.log_out_button().await? else {
            return Ok(false);
        };
        self.browser.click_on(&button).await?;
        tokio::time::sleep(LOOK).await;
        let sight = self.settle(None).await?;
        // Some ask once more, on a page of their own.
        if sight.has_log_out
            && let Some(again) = self.log_out_button().await?
        {
            self.browser.click_on(&again).await?;
            tokio::time::sleep(LOOK).await;
            self.settle(None).await?;
        }
        Ok(true)
    }
}
