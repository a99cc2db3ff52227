//! A browser of a few lines, which keeps cookies and follows redirects over hosts.

use std::collections::BTreeMap;

use reqwest::redirect::Policy;
use url::Url;

/// A page, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) at: Url,
    pub(crate) text: String,
}

#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none());
        Self {
            http: http.build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Sends one request and keeps the cookies; gives the answer's way on, if it has one.
    async fn step(&mut self, url: &Url, form: Option<&str>) -> Result<Page, Url> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = match form {
            Some(form) => self
                .http
                .post(url.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => self.http.get(url.clone()),
        };
        let request = request.header("cookie", cookies.join("; "));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(to) = answer.headers().get("location") {
            return Err(url.join(to.to_str().unwrap()).unwrap());
        }
        Ok(Page {
            status: answer.status().as_u16(),
            at: url.clone(),
            text: answer.text().await.unwrap(),
        })
    }

    /// Goes on until a page comes; at Clever's page for it, `user` is picked.
    async fn follow(&mut self, mut url: Url, mut form: Option<&str>, user: &str) -> Page {
        for _ in 0..12 {
            if url.path() == "/oauth/authorize" && !user.is_empty() {
                url.query_pairs_mut().append_pair("user", user);
            }
            match self.step(&url, form.take()).await {
                Ok(page) => return page,
                Err(to) => url = to,
            }
        }
        panic!("the way goes round");
    }

    /// Goes to an address, as `user` if Clever asks.
    pub(crate) async fn go(&mut self, url: &str, user: &str) -> Page {
        self.follow(url.parse().unwrap(), None, user).await
    }

    /// Sends a form, and goes on as `user` if Clever asks.
    pub(crate) async fn send(&mut self, url: &str, form: &str, user: &str) -> Page {
        self.follow(url.parse().unwrap(), Some(form), user).await
    }
}
