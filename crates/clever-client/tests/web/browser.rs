//! A browser of a few lines: cookies with their lives, redirects as they come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The session's cookie of an application over HTTPS.
pub(crate) const SESSION: &str = "__Host-clever_session";

/// An answer as the browser got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) to: String,
    pub(crate) text: String,
}

#[derive(Clone)]
pub(crate) struct Browser {
    site: String,
    http: reqwest::Client,
    /// Value, and whether the cookie outlives the browser's end.
    pub(crate) cookies: BTreeMap<String, (String, bool)>,
}

impl Browser {
    pub(crate) fn new(site: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            site: site.to_owned(),
            http: http.build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Sends a request with further headers and keeps no cookie; gives the whole answer.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> reqwest::Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.site))
            .header("cookie", cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Sends a request with further headers, and keeps the cookies.
    pub(crate) async fn with(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Answer {
        let response = self.raw(method, path, headers).await;
        self.keep(&response);
        answer(response).await
    }

    pub(crate) fn keep(&mut self, response: &reqwest::Response) {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let secure = cookie.starts_with("__Host-");
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
            assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                let lasts = cookie.contains("Max-Age=");
                let value = (value.to_owned(), lasts);
                self.cookies.insert(name.to_owned(), value);
            }
        }
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str) -> Answer {
        self.with(method, path, &[]).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path).await
    }

    /// Presses the button; gives the login's `state`.
    pub(crate) async fn begin(&mut self) -> String {
        state(&self.get("/login?return_to=/classes").await.to)
    }

    /// Signs in by the button, as whom the code says.
    pub(crate) async fn sign_in(&mut self, who: &str) -> Answer {
        let state = self.begin().await;
        self.get(&callback(who, &state)).await
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get(SESSION).map(|(value, _)| value.as_str())
    }

    pub(crate) fn plant(&mut self, session: &str) {
        self.cookies
            .insert(SESSION.into(), (session.to_owned(), false));
    }

    /// Closes the browser and opens it again.
    pub(crate) fn reopen(&mut self) {
        self.cookies.retain(|_, (_, lasts)| *lasts);
    }

    /// Follows redirects and refreshes within the site; gives the first answer that leads nowhere, or out.
    pub(crate) async fn follow(&mut self, path: &str) -> Answer {
        let mut path = path.to_owned();
        for _ in 0..10 {
            let answer = self.get(&path).await;
            let refresh = answer.text.split("0;url=").nth(1);
            let refresh = refresh.and_then(|rest| rest.split('"').next());
            match (answer.to.starts_with('/'), refresh) {
                (true, _) => path = answer.to,
                (false, Some(to)) => path = to.to_owned(),
                (false, None) => return answer,
            }
        }
        panic!("the way goes round");
    }
}

pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let to = response.headers().get("location");
    Answer {
        status: response.status().as_u16(),
        to: to.map_or(String::new(), |to| to.to_str().unwrap().to_owned()),
        text: response.text().await.unwrap(),
    }
}

/// The address to which Clever sends `who` with a new code.
pub(crate) fn callback(who: &str, state: &str) -> String {
    static CODES: AtomicUsize = AtomicUsize::new(0);
    let number = CODES.fetch_add(1, Ordering::Relaxed);
    format!("/callback?code={who}.{number}&state={state}")
}

/// The `state` in Clever's address.
pub(crate) fn state(authorize: &str) -> String {
    let url: url::Url = authorize.parse().unwrap();
    let mut query = url.query_pairs();
    let state = query.find(|(name, _)| name == "state");
    state.unwrap().1.into_owned()
}
