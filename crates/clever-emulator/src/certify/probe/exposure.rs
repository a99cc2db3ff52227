//! What a login gives away: codes and tokens in answers and addresses, and the redirect URI that is sent.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Base, Probes, judge};
use crate::certify::check::Check;
use crate::certify::finding::Outcome;
use crate::certify::visit::secrets::has_token;
use crate::certify::visit::visitor::{Answer, bare};

impl Probes<'_> {
    /// What the app asked Clever for at the beginning of a login.
    pub(super) fn redirect_uri(&mut self, authorize: Option<&Url>) {
        let sent = "a login that begins at the app";
        let outcome = match authorize {
            None => Outcome::not_run(
                "no login that begins at the app could be followed without a browser",
            ),
            Some(asked) => redirect(asked, &self.app.callback),
        };
        self.found(Check::RedirectUri, sent, outcome);
    }

    /// What the answers of a good login, and of refused ones, give away.
    pub(super) fn leaks(&mut self, base: &Base) {
        let own = |answer: &&Answer| self.app.is_own(&answer.url);
        let answers: Vec<&Answer> = base.ended.way.answers.iter().filter(own).collect();
        let refusals = self.refusals.iter().filter(own);
        let at_callback = refusals.filter(|answer| self.app.is_callback(&answer.url));
        let outcome = leaks(&answers, &base.begun.callback, at_callback.collect());
        let sent = "a login, and each answer to it; each refusal at the callback's address";
        self.found(Check::NothingLeaks, sent, outcome);
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

/// Judges what an app sends to `/oauth/authorize`.
fn redirect(asked: &Url, registered: &Url) -> Outcome {
    let value = |name: &str| {
        let mut found = asked.query_pairs().filter(|(one, _)| one == name);
        found.next().map(|(_, value)| value.into_owned())
    };
    let Some(sent) = value("redirect_uri") else {
        return Outcome::failed("no redirect_uri was sent");
    };
    if sent != registered.as_str() {
        return Outcome::failed(format!(
            "redirect_uri={sent}, and {registered} is registered"
        ));
    }
    if registered.scheme() != "https" && !is_loopback(registered) {
        return Outcome::failed(format!("{sent} is neither https nor on loopback"));
    }
    match value("response_type").as_deref() {
        Some("code") => Outcome::passed(format!("redirect_uri={sent}")),
        other => Outcome::failed(format!("response_type={}", other.unwrap_or("nothing"))),
    }
}

/// Judges the answers to a login whose callback was `callback`.
fn leaks(answers: &[&Answer], callback: &Url, refusals: Vec<&Answer>) -> Outcome {
    let code = callback.query_pairs().find(|(name, _)| name == "code");
    let code = code.map(|(_, code)| code.into_owned()).unwrap_or_default();
    for answer in answers {
        let at = bare(&answer.url);
        let headers = answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        let parts = headers.chain([("the page", &answer.body)]);
        for (part, text) in parts {
            if has_token(text) {
                return Outcome::failed(format!("a token of Clever's stands in {part} of {at}"));
            }
            if !code.is_empty() && text.contains(&code) {
                return Outcome::failed(format!("the code stands in {part} of {at}"));
            }
        }
    }
    if let Some(last) = answers.last()
        && last.url.query_pairs().any(|(name, _)| name == "code")
    {
        return Outcome::failed(format!("the code stays in the address {}", bare(&last.url)));
    }
    match refusals.into_iter().find_map(judge::page_at_callback) {
        Some(said) => Outcome::needs_work(said),
        None => Outcome::passed(format!(
            "{} answers with no code and no token",
            answers.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::finding::Verdict;

    fn asked(redirect_uri: &str) -> Url {
        let mut url: Url = "http://127.0.0.1:1/oauth/authorize?response_type=code"
            .parse()
            .unwrap();
        url.query_pairs_mut()
            .append_pair("redirect_uri", redirect_uri);
        url
    }

    #[test]
    fn the_redirect_uri_is_the_registered_one_and_https_or_loopback() {
        for (sent, registered, wanted) in [
            (
                "https://app.example/cb",
                "https://app.example/cb",
                Verdict::Passed,
            ),
            (
                "http://localhost:3000/cb",
                "http://localhost:3000/cb",
                Verdict::Passed,
            ),
            (
                "http://app.example/cb",
                "https://app.example/cb",
                Verdict::Failed,
            ),
            (
                "https://app.example/cb/",
                "https://app.example/cb",
                Verdict::Failed,
            ),
            (
                "http://app.example/cb",
                "http://app.example/cb",
                Verdict::Failed,
            ),
            ("http://10.0.0.1/cb", "http://10.0.0.1/cb", Verdict::Failed),
        ] {
            let outcome = redirect(&asked(sent), &registered.parse().unwrap());
            assert_eq!(outcome.verdict, wanted, "{sent}");
        }
    }
}
