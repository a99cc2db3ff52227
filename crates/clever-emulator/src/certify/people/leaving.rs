//! What leaves the app's pages while people use them: the `Referer` of requests to others.

use url::{Position, Url};

use super::People;
use crate::certify::app::AppUnderTest;
use crate::certify::browser::wire::Sent;
use crate::certify::check::Check;
use crate::certify::finding::Outcome;
use crate::certify::visit::secrets::{has_code, has_token};
use crate::certify::visit::visitor::bare;

/// What was heard of the requests of all people.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How many requests left the browser.
    requests: usize,
    /// How many of them went from a page of the app to somebody else, and said so.
    to_others: usize,
    /// The first that gave something away.
    leak: Option<String>,
    /// Why the browser could not be heard, if so.
    deaf: Option<String>,
}

impl People<'_> {
    /// Hears what the browser has sent since the last time.
    pub(super) async fn listen(&mut self) {
        match self.person.browser.sent().await {
            Ok(all) => self.heard.note(self.person.app, &all),
            Err(error) => self.heard.deaf = Some(error.to_string()),
        }
    }

    /// What all the requests gave away.
    pub(super) fn leaving(&mut self) {
        let sent = "read the headers of each request that left the browser in the other checks";
        let outcome = self.heard.outcome();
        self.findings.push(outcome.found(Check::Referer, sent));
    }
}

impl Heard {
    fn note(&mut self, app: &AppUnderTest, all: &[Sent]) {
        self.requests += all.len();
        for sent in all {
            let Some(page) = sent.referer.as_ref().filter(|page| app.is_own(page)) else {
                continue;
            };
            let hosts = [&app.url, &app.login_url, &app.callback, page].map(host);
            if hosts.contains(&sent.to.as_str()) {
                continue;
            }
            self.to_others += 1;
            let what = match page.as_str() {
                text if has_token(text) => "a token",
                text if has_code(text) => "a code",
                _ => continue,
            };
            let (page, to) = (bare(page), &sent.to);
            self.leak.get_or_insert_with(|| {
                format!("{page} sent {what} of Clever's to {to}, as `Referer`")
            });
        }
    }

    fn outcome(&self) -> Outcome {
        match (&self.leak, &self.deaf) {
            (Some(leak), _) => Outcome::failed(leak),
            (None, Some(why)) => Outcome::not_run(why),
            (None, None) if self.requests == 0 => {
                Outcome::not_run("the browser does not say what it sends")
            }
            (None, None) => Outcome::passed(format!(
                "{} requests, of which {} told others which page of the app they are from, with no code and no token",
                self.requests, self.to_others
            )),
        }
    }
}

/// The host of an address, with its port where that is not the scheme's own: as a request names it.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::finding::Verdict;

    fn after(sent: &[(&str, &str)]) -> Outcome {
        let url: Url = "https://app.example/".parse().unwrap();
        let app = AppUnderTest::new(url.clone(), url.join("callback").unwrap());
        let sent: Vec<Sent> = sent
            .iter()
            .map(|(to, page)| Sent {
                to: (*to).to_owned(),
                referer: page.parse().ok(),
            })
            .collect();
        let mut heard = Heard::default();
        heard.note(&app, &sent);
        heard.outcome()
    }

    #[test]
    fn a_code_or_a_token_that_goes_to_others_is_found() {
        let code = format!("https://app.example/callback?code=code{:016x}", 9);
        let token = format!("https://app.example/?token=il{:038x}", 9);
        let (passed, failed) = (Verdict::Passed, Verdict::Failed);
        for (to, page, wanted) in [
            ("cdn.example", code.as_str(), failed),
            ("cdn.example", &token, failed),
            ("app.example:444", &code, failed),
            // Within the app it is the app's affair.
            ("app.example", &code, passed),
            ("cdn.example", "https://app.example/lesson?code=7", passed),
            // What Clever's own pages send is Clever's affair.
            ("app.example", "https://clever.com/oauth/authorize", passed),
        ] {
            let outcome = after(&[(to, page)]);
            assert_eq!(outcome.verdict, wanted, "{to} {page}");
            assert!(!outcome.came_back.contains("=il") && !outcome.came_back.contains("code0"));
        }
        // Without a word of the browser nothing is known.
        assert_eq!(after(&[]).verdict, Verdict::NotRun);
    }
}
