//! What follows a login: logging out, the next one at the same computer, several tabs, the back button.

use crate::CertificationUser as User;
use serde_json::Value;

use super::People;
use crate::certify::browser::BrowserError;
use crate::certify::browser::person::Sight;
use crate::certify::check::Check;
use crate::certify::finding::{Outcome, Verdict};

type Judged = Result<Outcome, BrowserError>;

/// Whom the checks here sign in: they have been in the app before, so that it asks them nothing.
const FIRST: User = User::LongSisId;
const SECOND: User = User::Neighbour;

impl People<'_> {
    /// Whether somebody is still in: by the name where pages show it, else by what the page offers.
    fn is_still_in(&self, sight: &Sight, user: User) -> bool {
        if self.shows_names() {
            sight.shows(user)
        } else {
            sight.is_app && sight.has_log_out
        }
    }

    /// Signs somebody in from the start; says what stands against it.
    async fn sign_in(&self, user: User) -> Result<Option<Outcome>, BrowserError> {
        self.person.fresh().await?;
        let sight = self.person.by_button(user).await?;
        Ok(match sight {
            Some(sight) if sight.is_in(user) => None,
            _ => Some(Outcome::not_run("nobody could be signed in")),
        })
    }

    /// Log-out, and what the session's cookies are worth after it.
    pub(super) async fn log_out(&mut self) {
        let (mut cookies, mut is_out) = (Vec::new(), false);
        let outcome = self.stays_out(&mut cookies, &mut is_out).await;
        let sent = "signed in, clicked what logs out, opened the app again";
        self.found(Check::LogOut, sent, outcome).await;
        let outcome = if is_out {
            self.is_worthless(cookies).await
        } else {
            Ok(Outcome::not_run("nobody could be logged out"))
        };
        let sent = "logged out, and opened the app with the cookies from before";
        self.found(Check::SessionEnds, sent, outcome).await;
    }

    async fn stays_out(&self, cookies: &mut Vec<Value>, is_out: &mut bool) -> Judged {
        if let Some(outcome) = self.sign_in(FIRST).await? {
            return Ok(outcome);
        }
        let app = self.person.app;
        let sight = self.person.open(&app.url, Some(FIRST)).await?;
        if !sight.has_log_out {
            return Ok(Outcome::failed(format!(
                "nothing logs out on {}",
                sight.told()
            )));
        }
        *cookies = self.person.browser.cookies().await?;
        if !self.person.log_out().await? {
            return Ok(Outcome::failed(format!(
                "nothing logs out on {}",
                sight.told()
            )));
        }
        let after = self.person.open(&app.url, None).await?;
        if self.is_still_in(&after, FIRST) {
            return Ok(Outcome::failed(format!(
                "still signed in: {}",
                after.told()
            )));
        }
        *is_out = true;
        Ok(Outcome::passed(after.told()))
    }

    async fn is_worthless(&self, cookies: Vec<Value>) -> Judged {
        let origin = self.person.app.url.clone();
        for cookie in cookies {
            // What Clever set is Clever's affair.
            if cookie["name"] != "clever_session" {
                self.person.browser.set_cookie(cookie).await?;
            }
        }
        let sight = self.person.open(&origin, None).await?;
        Ok(if self.is_still_in(&sight, FIRST) {
            Outcome::needs_work(format!("signed in again by old cookies: {}", sight.told()))
        } else {
            Outcome::passed(sight.told())
        })
    }

    /// Somebody else comes from the portal, and nobody has logged out.
    pub(super) async fn shared_device(&mut self) {
        let outcome = self.is_the_next_one().await;
        let sent =
            "signed in as one student; then, without logging out, came from the portal as another";
        self.found(Check::SharedDevice, sent, outcome).await;
    }

    async fn is_the_next_one(&self) -> Judged {
        if !self.shows_names() {
            return Ok(Outcome::not_run("no page shows who is signed in"));
        }
        let mut found = self.findings.iter();
        if found.any(|one| one.check == Check::WayPortal && one.verdict != Verdict::Passed) {
            return Ok(Outcome::not_run("the portal does not lead into the app"));
        }
        if let Some(outcome) = self.sign_in(FIRST).await? {
            return Ok(outcome);
        }
        self.person.by_portal(SECOND).await?;
        let sight = self.person.open(&self.person.app.url, Some(SECOND)).await?;
        Ok(if sight.shows(FIRST) {
            Outcome::failed(format!(
                "{} is still signed in: {}",
                FIRST.full_name(),
                sight.told()
            ))
        } else if sight.shows(SECOND) {
            Outcome::passed(sight.told())
        } else {
            Outcome::needs_work(format!("nobody is signed in: {}", sight.told()))
        })
    }

    /// Two logins that began in one browser.
    pub(super) async fn several_tabs(&mut self) {
        let home = self.person.browser.tab().await;
        let outcome = self.both_end_well().await;
        // Whatever happened, one tab stays.
        if let Ok(home) = home {
            if self.person.browser.tab().await.is_ok_and(|tab| tab != home) {
                drop(self.person.browser.close_tab().await);
            }
            drop(self.person.browser.to_tab(&home).await);
        }
        let sent = "began a login in two tabs, ended the first one first";
        self.found(Check::SeveralTabs, sent, outcome).await;
    }

    async fn both_end_well(&self) -> Judged {
        self.person.fresh().await?;
        let first = self.person.browser.tab().await?;
        if !self.person.click_button().await? {
            return Ok(Outcome::not_run("nothing leads to Clever"));
        }
        let second = self.person.browser.new_tab().await?;
        self.person.click_button().await?;
        for tab in [first, second] {
            self.person.browser.to_tab(&tab).await?;
            let sight = self.person.pick(FIRST).await?;
            if !sight.is_app {
                return Ok(Outcome::not_run("the way in did not lead to the app"));
            }
            if !sight.wrong().is_empty() || !sight.is_in(FIRST) {
                return Ok(Outcome::failed(sight.told()));
            }
        }
        let sight = self.person.open(&self.person.app.url, Some(FIRST)).await?;
        Ok(if sight.is_in(FIRST) {
            Outcome::passed(sight.told())
        } else {
            Outcome::failed(sight.told())
        })
    }

    /// Back to where the login came from, and to the app again.
    pub(super) async fn back_button(&mut self) {
        let outcome = self.back_and_again().await;
        self.found(
            Check::BackButton,
            "signed in, went back twice, opened the app again",
            outcome,
        )
        .await;
    }

    async fn back_and_again(&self) -> Judged {
        if let Some(outcome) = self.sign_in(FIRST).await? {
            return Ok(outcome);
        }
        for _ in 0..2 {
            self.person.browser.back().await?;
            let sight = self.person.settle(Some(FIRST)).await?;
            let wrong = sight.wrong();
            if sight.is_app && !wrong.is_empty() {
                return Ok(Outcome::failed(sight.told()));
            }
        }
        let sight = self.person.open(&self.person.app.url, Some(FIRST)).await?;
        Ok(if sight.is_in(FIRST) {
            Outcome::passed(sight.told())
        } else {
            Outcome::failed(format!("nobody is signed in: {}", sight.told()))
        })
    }
}
