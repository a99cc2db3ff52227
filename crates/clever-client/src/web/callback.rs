//! What comes back from Clever: the end of a login or a link, a login that Clever began, or a refusal.
//!
//! School computers are shared: whoever arrives from Clever may be another person than the one who is
//! signed in here, so that one's session ends at once, before anything can fail.

use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use clever_auth::SafePath;
use clever_auth::login::cookies::{Cookies, SetCookie};
use clever_auth::login::{
    Arrival, Link, Login, Redeem, Rejection, Repeat, SessionDigest, SignedIn,
};
use clever_auth::seal::random_text;
use tracing::{error, info, warn};

use super::asker::Asker;
use super::cause::{self, Cause};
use super::deliveries::{FRESH_S, Outcome};
use super::place::with_wish;
use super::{Admission, Notice, Sessions, WebLogin, cookies, page, reply};

/// A code that came back, for either purpose.
enum Back {
    Login(Redeem<Login>),
    Link(Redeem<Link>),
}

pub(super) async fn callback<S: Sessions>(
    State(login): State<WebLogin<S>>,
    OriginalUri(seen): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if Asker::of(&headers) == Asker::Prefetch {
        // Nobody has come yet: the code stays good for the person who may.
        return reply::empty(StatusCode::NO_CONTENT);
    }
    let this = &login.0;
    let cookies = cookies(&headers);
    let arrival = this.flow.callback(
        &cookies,
        query.as_deref().unwrap_or_default(),
        cookies.get(&this.session).map(SessionDigest::of),
        this.clock.now(),
        &*this.random,
    );
    let stripped = this.place.stripped(&seen, this.place.callback());
    match arrival {
        Ok(Arrival::Login(redeem, set)) => login.finish(&cookies, Back::Login(redeem), set).await,
        Ok(Arrival::Link(redeem, set)) => login.finish(&cookies, Back::Link(redeem), set).await,
        Ok(Arrival::Restart(noted)) => {
            let mut set = login.close(&cookies).await;
            set.push(noted);
            let page = page::restart(&this.place.login(None));
            reply::page(StatusCode::UNAUTHORIZED, page, &set)
        }
        Ok(Arrival::Repeat(repeat)) => login.again(&cookies, repeat, stripped).await,
        Ok(Arrival::Rejected(reason)) => login.ends_nothing(&cookies, reason, stripped).await,
        Err(error) => login.trouble(&error),
    }
}

impl<S: Sessions> WebLogin<S> {
    /// Ends a login that came back, once; a repeated delivery gets this one's answer.
    ///
    /// The work goes on when the browser breaks off its request: the code is spent, and the browser may
    /// have asked twice.
    async fn finish(&self, cookies: &Cookies<'_>, back: Back, set: Vec<SetCookie>) -> Response {
        let this = &self.0;
        let (delivery, is_link) = match &back {
            Back::Login(redeem) => (redeem.delivery(), false),
            Back::Link(redeem) => (redeem.delivery(), true),
        };
        let owed = this.deliveries.begin(delivery, this.clock.now());
        let former = cookies.get(&this.session).map(ToOwned::to_owned);
        let (login, kept) = (self.clone(), set.clone());
        let work = tokio::spawn(async move {
            let former = former.as_deref();
            let outcome = match back {
                Back::Login(redeem) => login.end_login(former, redeem, kept).await,
                Back::Link(redeem) => login.link_up(former, redeem, kept).await,
            };
            let outcome = outcome.unwrap_or_else(Outcome::Notice);
            owed.give(outcome.clone(), login.0.clock.now());
            outcome
        });
        let outcome = work.await.unwrap_or_else(|_| {
            error!("the application's sessions panicked in a sign-in");
            Outcome::Notice(Notice::Ours)
        });
        match outcome {
            Outcome::Notice(notice) if is_link => {
                let open = self.still_open(cookies).await;
                self.say(notice, open.as_ref(), "", &set)
            }
            Outcome::Notice(notice) => {
                // The former session has ended, whoever it was.
                let mut set = set;
                set.extend(self.forget(cookies));
                self.say(notice, None, "", &set)
            }
            outcome => self.show(&outcome),
        }
    }

    /// Ends a login: the browser's former session ends, then Clever is asked, then a new one begins.
    async fn end_login(
        &self,
        former: Option<&str>,
        redeem: Redeem<Login>,
        cookies: Vec<SetCookie>,
    ) -> Result<Outcome, Notice> {
        let this = &self.0;
        if let Some(former) = former {
            self.end(former).await;
        }
        let session = random_text(&*this.random).map_err(|error| self.ours(&error))?;
        let signed_in = self.ask_clever(redeem).await?;
        let login = signed_in.login;
        let (user, district) = (login.user_id().clone(), login.district().cloned());
        let begun = this.sessions.begin(&session, login, signed_in.token).await;
        match begun.map_err(|error| self.ours(&*error))? {
            Admission::In => info!(%user, ?district, "signed in"),
            Admission::Ask(page) => {
                info!(%user, ?district, "signed in; the application has a question");
                let to = asked(&page, &signed_in.return_to);
                return Ok(Outcome::SignedIn {
                    to,
                    session,
                    cookies,
                });
            }
            Admission::Refused(reason) => {
                let reason_word = reason.word();
                info!(%user, ?district, reason = reason_word, "the application refuses this person");
                return Err(Notice::Refused(reason));
            }
        }
        Ok(Outcome::SignedIn {
            to: signed_in.return_to,
            session,
            cookies,
        })
    }

    /// Ends an account link, in the live session that began it.
    async fn link_up(
        &self,
        former: Option<&str>,
        redeem: Redeem<Link>,
        cookies: Vec<SetCookie>,
    ) -> Result<Outcome, Notice> {
        let this = &self.0;
        let former = former.ok_or(Notice::LinkOtherSession)?;
        if !self.is_session(former).await.map_err(|_| Notice::Ours)? {
            // It has ended since: its holder is no longer there.
            return Err(Notice::LinkOtherSession);
        }
        let session = random_text(&*this.random).map_err(|error| self.ours(&error))?;
        let SignedIn {
            login,
            token,
            return_to,
            purpose,
        } = self.ask_clever(redeem).await?;
        let user = login.user_id().clone();
        let linked = this.sessions.link(&session, purpose, login, token).await;
        match linked.map_err(|error| self.ours(&*error))? {
            Admission::In => info!(%user, "linked"),
            Admission::Ask(page) => {
                info!(%user, "not linked: the application has a question");
                self.end(former).await;
                let to = asked(&page, &return_to);
                return Ok(Outcome::SignedIn {
                    to,
                    session,
                    cookies,
                });
            }
            Admission::Refused(reason) => {
                let reason_word = reason.word();
                info!(%user, reason = reason_word, "the application refuses an account link");
                return Err(Notice::LinkRefused(Some(reason)));
            }
        }
        self.end(former).await;
        Ok(Outcome::SignedIn {
            to: return_to,
            session,
            cookies,
        })
    }

    async fn ask_clever<P>(&self, redeem: Redeem<P>) -> Result<SignedIn<P>, Notice> {
        let this = &self.0;
        let ended = this.service.finish(redeem, &this.openid).await;
        ended.map_err(|error| {
            let Cause { text, notice } = Cause::of(&error);
            warn!(cause = text, error = %cause::chain(&error), "a sign-in failed");
            notice
        })
    }

    /// Answers a callback that this browser delivers again.
    async fn again(&self, cookies: &Cookies<'_>, repeat: Repeat, stripped: &str) -> Response {
        let this = &self.0;
        let answer = match &repeat.delivery {
            Some(delivery) => this.deliveries.answer(delivery, this.clock.now()).await,
            None => None,
        };
        if let Some(Outcome::Notice(notice)) = answer.as_ref().map(|answer| &answer.outcome) {
            let open = self.still_open(cookies).await;
            return self.say(*notice, open.as_ref(), stripped, &[]);
        }
        match self.is_open(cookies).await {
            Err(_) => return self.say(Notice::Ours, None, stripped, &[]),
            // Whoever it is: another person's session is not replaced by a remembered one.
            Ok(true) => return reply::redirect(repeat.return_to.as_str(), []),
            Ok(false) => {}
        }
        // A browser that has had the answer has lost or ended its session since.
        if let Some(answer) = answer.filter(|_| !repeat.answered)
            && let Outcome::SignedIn { session, .. } = &answer.outcome
            && this.clock.now().as_second() - answer.at.as_second() < FRESH_S
            && matches!(self.is_session(session).await, Ok(true))
        {
            return self.show(&answer.outcome);
        }
        self.say(Notice::Again, None, stripped, &[])
    }

    /// Answers a callback that ends nothing.
    async fn ends_nothing(
        &self,
        cookies: &Cookies<'_>,
        reason: Rejection,
        stripped: &str,
    ) -> Response {
        info!(%reason, "a sign-in was refused");
        let notice = match reason {
            Rejection::ByClever(code) => {
                let gone = self.close(cookies).await;
                let notice = match code.as_str() {
                    "server_error" | "temporarily_unavailable" => Notice::Failed,
                    _ => Notice::ByClever,
                };
                return self.say(notice, None, stripped, &gone);
            }
            Rejection::TooManyRestarts => {
                let gone = self.close(cookies).await;
                return self.say(Notice::Cookies, None, stripped, &gone);
            }
            Rejection::LinkByClever(_) => Notice::LinkRefused(None),
            Rejection::OtherSession => Notice::LinkOtherSession,
            Rejection::NotBegunHere | Rejection::Used => {
                // Another tab was faster, or the address is an old one: who is signed in goes on.
                match self.is_open(cookies).await {
                    Ok(true) => return reply::redirect(self.0.home(stripped).as_str(), []),
                    Ok(false) if reason == Rejection::Used => Notice::Again,
                    Ok(false) => Notice::Cookies,
                    Err(_) => Notice::Ours,
                }
            }
            _ => Notice::Again,
        };
        let open = self.still_open(cookies).await;
        self.say(notice, open.as_ref(), stripped, &[])
    }

    /// Ends the browser's session because somebody has arrived from Clever; gives the cookies to set.
    async fn close(&self, cookies: &Cookies<'_>) -> Vec<SetCookie> {
        for session in cookies.all(&self.0.session) {
            self.end(session).await;
        }
        self.forget(cookies).into_iter().collect()
    }

    /// Makes the browser forget its session's secret, if it has brought one.
    fn forget(&self, cookies: &Cookies<'_>) -> Option<SetCookie> {
        let name = &self.0.session;
        let names = self.0.flow.cookie_names();
        cookies.has(name).then(|| names.remove(name))
    }

    async fn end(&self, session: &str) {
        if let Err(error) = self.0.sessions.end(session).await {
            // The browser forgets its secret all the same.
            error!(error = %cause::chain(&*error), "a session could not be ended");
        }
    }

    fn show(&self, outcome: &Outcome) -> Response {
        match outcome {
            Outcome::SignedIn {
                to,
                session,
                cookies,
            } => {
                let session = self.0.flow.cookie_names().set_session(session);
                reply::redirect(to.as_str(), cookies.iter().chain([&session]))
            }
            Outcome::Notice(notice) => self.notice(*notice),
        }
    }
}

/// The page that asks something, which leads on to `wish`.
fn asked(page: &SafePath, wish: &SafePath) -> SafePath {
    SafePath::new(&with_wish(page, wish.as_str())).unwrap_or_else(|_| page.clone())
}

impl<S> super::Inner<S> {
    /// Where a sign-in without a wish leads.
    pub(super) fn home(&self, stripped: &str) -> SafePath {
        let front = || SafePath::new(&format!("{stripped}/")).unwrap_or_default();
        self.home.clone().unwrap_or_else(front)
    }
}
