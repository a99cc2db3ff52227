//! Somebody who asks an app without a browser: keeps cookies, follows what an answer leads to, keeps each answer.

use std::time::Duration;

use cookie_store::CookieStore;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, redirect};
use url::Url;

use super::page::{self, Page};

/// How long an answer is waited for: more than any browser's user waits.
const PATIENCE: Duration = Duration::from_secs(40);
/// Most steps of one way.
const STEPS: usize = 15;
/// How long is waited before a request that met a rate limit of the app's own is sent again.
const AGAIN: [u64; 3] = [1, 2, 4];

/// Why an answer could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VisitError {
    /// The app did not answer.
    #[error("{url} did not answer: {why}")]
    NoAnswer {
        /// The address, without its query.
        url: String,
        /// What happened.
        why: &'static str,
    },
    /// The client can't be made.
    #[error("no HTTP client could be made")]
    NoClient,
}

/// An answer of the app, or of Clever.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) page: Page,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| one == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Where it leads: by a redirect, or by itself.
    pub(crate) fn leads_to(&self) -> Option<Url> {
        let to = self.header(LOCATION.as_str());
        match to.filter(|_| (300..400).contains(&self.status)) {
            Some(to) => self.url.join(to).ok(),
            None => self.page.refresh.clone(),
        }
    }

    /// The status, and where it leads or what it says, in a line.
    pub(crate) fn told(&self) -> String {
        let to = self.leads_to();
        let to = to.as_ref().map(bare);
        match to {
            Some(to) => format!("status {}, which leads to {to}", self.status),
            None => format!("status {}: “{}”", self.status, start(&self.page.text)),
        }
    }
}

/// An address without its query, which may hold a code.
pub(crate) fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The beginning of a text.
pub(crate) fn start(text: &str) -> String {
    let mut start: String = text.chars().take(120).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

/// A way from answer to answer.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) answers: Vec<Answer>,
    /// The address at which it was to stop, which was not asked for.
    pub(crate) stopped_at: Option<Url>,
}

/// Somebody who asks without a browser.
pub(crate) struct Visitor {
    http: Client,
    cookies: CookieStore,
}

impl Visitor {
    pub(crate) fn new() -> Result<Self, VisitError> {
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        Ok(Self {
            http: http.map_err(|_| VisitError::NoClient)?,
            cookies: CookieStore::default(),
        })
    }

    /// Asks for one address. A rate limit of the app's own is waited for.
    pub(crate) async fn get(&mut self, url: &Url) -> Result<Answer, VisitError> {
        for seconds in AGAIN {
            let answer = self.once(url).await?;
            if answer.status != 429 {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        self.once(url).await
    }

    async fn once(&mut self, url: &Url) -> Result<Answer, VisitError> {
        let no_answer = |error: reqwest::Error| VisitError::NoAnswer {
            url: bare(url),
            why: if error.is_timeout() {
                "it took longer than 40 seconds"
            } else if error.is_connect() {
                "nothing listens there"
            } else {
                "the answer broke off"
            },
        };
        let cookies: Vec<String> = self
            .cookies
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self
            .http
            .get(url.clone())
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header(
                "user-agent",
                "Mozilla/5.0 (rehearsal of Clever's certification)",
            );
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        for (_, cookie) in headers
            .iter()
            .filter(|(name, _)| name == SET_COOKIE.as_str())
        {
            // One that a browser would refuse is not kept here either.
            drop(self.cookies.parse(cookie, url));
        }
        let body = response.text().await.map_err(no_answer)?;
        Ok(Answer {
            page: page::read(&body, url),
            url: url.clone(),
            status,
            headers,
            body,
        })
    }

    /// Goes from answer to answer for as long as one leads on; an address that `stops` is not asked for.
    pub(crate) async fn walk(
        &mut self,
        from: &Url,
        stops: impl Fn(&Url) -> bool,
    ) -> Result<Way, VisitError> {
        let mut way = Way::default();
        let mut next = Some(from.clone());
        while let Some(url) = next.take() {
            if stops(&url) {
                way.stopped_at = Some(url);
                break;
            }
            let answer = self.get(&url).await?;
            next = answer.leads_to().filter(|_| way.answers.len() < STEPS);
            way.answers.push(answer);
        }
        Ok(way)
    }
}
