//! The page where a person is asked: is one of the app's accounts yours?

use std::fmt;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use clever_auth::SafePath;
use clever_client::web::WebLogin;
use clever_model::UserId;
use clever_provision::person::{Prefill, prefill};

use clever_provision::{Accepts, AccountId, Decision, Person, Subject};

use crate::accounts::Accounts;
use crate::app::App;
use crate::arrive::{Given, Waiting};
use crate::error::WebError;
use crate::session::{FormToken, Profile, SessionStore, StoredSession};
use crate::settle::Settled;

/// Somebody whom Clever has signed in, and who must say which account is theirs.
pub struct Asked {
    /// Clever's id of the person.
    pub user: UserId,
    /// What is known of the person.
    pub profile: Profile,
    /// Accounts to show, masked, best first; often none.
    pub offers: Vec<AccountId>,
    /// What answers the question.
    pub accepts: Accepts,
    /// What a new account would be filled with.
    pub prefill: Vec<Prefill>,
    /// What the page's forms bring back.
    pub form: FormToken,
    session: StoredSession,
    subject: Subject,
    person: Person,
    given: Given,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("user", &self.user)
            .field("offers", &self.offers)
            .field("accepts", &self.accepts)
            .finish_non_exhaustive()
    }
}

impl<A: App, S: SessionStore> Accounts<A, S> {
    /// Who is asked in this browser.
    ///
    /// # Errors
    ///
    /// The answer to send instead: the way on for somebody who is signed in already, the sign-in for somebody whose
    /// ten minutes are over, a page where our side failed.
    pub async fn asked(
        &self,
        login: &WebLogin<Self>,
        headers: &HeaderMap,
        wish: &SafePath,
    ) -> Result<Asked, Response> {
        let asked = self.look(login, headers).await;
        match asked.map_err(|error| login.failed(&error))? {
            Some(Question::Open(asked)) => Ok(*asked),
            Some(Question::Answered) => Err(Redirect::to(wish.as_str()).into_response()),
            None => Err(Redirect::to(&login.sign_in(Some(wish))).into_response()),
        }
    }

    async fn look(
        &self,
        login: &WebLogin<Self>,
        headers: &HeaderMap,
    ) -> Result<Option<Question>, WebError> {
        let Some(id) = login.session(headers) else {
            return Ok(None);
        };
        let Some(session) = self.session(&id).await? else {
            return Ok(None);
        };
        if session.account.is_some() {
            return Ok(Some(Question::Answered));
        }
        let key = &session.key;
        let Waiting { subject, given } = self.open("asked", key, &session.sealed)?;
        let now = self.now();
        let subject = match Subject::unseal(&self.0.keys, key.as_str(), &subject, now) {
            Ok(subject) => subject,
            Err(clever_provision::person::KeptError::TooOld) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let person = given.person()?;
        let mut store = self.0.pool.get().await?;
        let (decided, _) = self.decide(&mut store, &subject, &person, &[], now).await?;
        drop(store);
        let Decision::Ask { offers, accepts } = decided.decision else {
            // The question has gone: the process ended after the answer was written, say, or a person decided.
            let done = self.answer(&session, &subject, &person, &given).await?;
            return Ok(matches!(done, Answer::In).then_some(Question::Answered));
        };
        Ok(Some(Question::Open(Box::new(Asked {
            user: session.user.clone(),
            profile: Profile::of(&person, subject.authority()),
            offers,
            accepts,
            prefill: prefill(&person, subject.authority()),
            form: FormToken::of(&id),
            session,
            subject,
            person,
            given,
        }))))
    }

    /// The person says that there is no other account: a new one is made. Leads on to `wish`.
    pub async fn says_new(
        &self,
        login: &WebLogin<Self>,
        asked: Asked,
        wish: &SafePath,
    ) -> Response {
        let Asked {
            session,
            subject,
            person,
            given,
            ..
        } = asked;
        let subject = subject.says_new();
        match self.answer(&session, &subject, &person, &given).await {
            Ok(Answer::In) => Redirect::to(wish.as_str()).into_response(),
            Ok(Answer::Again) => Redirect::to(self.0.options.ask.as_str()).into_response(),
            Ok(Answer::Gone) => Redirect::to(&login.sign_in(Some(wish))).into_response(),
            Ok(Answer::Refused(reason)) => login.refused(reason),
            Err(error) => login.failed(&error),
        }
    }

    /// The person has proven to the app that `account` is theirs, by its password just now for example. Sends the
    /// browser through Clever, which ends in the link: in this session and with this Clever user, or not at all.
    pub async fn proven(
        &self,
        login: &WebLogin<Self>,
        headers: &HeaderMap,
        user: &UserId,
        account: &AccountId,
        wish: &SafePath,
    ) -> Response {
        login
            .link(headers, account.as_str(), Some(user), wish)
            .await
    }

    /// Settles what waited, and turns its session into one of an account.
    async fn answer(
        &self,
        session: &StoredSession,
        subject: &Subject,
        person: &Person,
        given: &Given,
    ) -> Result<Answer, WebError> {
        match self.settle(subject, person, None).await? {
            Settled::In {
                account,
                came,
                effects,
            } => {
                let key = session.key.clone();
                let entered = self
                    .enter(key, subject, given, account, came, &effects)
                    .await?;
                let there = self.0.sessions.replace(&entered).await;
                Ok(if there.map_err(WebError::Sessions)? {
                    Answer::In
                } else {
                    // Signed out in another tab meanwhile.
                    Answer::Gone
                })
            }
            Settled::Ask => Ok(Answer::Again),
            Settled::Refused(reason) => {
                self.note_refusal(&person.id, person.district.as_ref(), reason)
                    .await?;
                Ok(Answer::Refused(reason))
            }
        }
    }
}

enum Question {
    Open(Box<Asked>),
    Answered,
}

enum Answer {
    In,
    Again,
    Gone,
    Refused(clever_client::web::Reason),
}
