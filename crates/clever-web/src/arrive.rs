//! What [`WebLogin`](clever_client::web::WebLogin) asks of the accounts: begin, link, find and end sessions.

use axum::BoxError;
use clever_auth::login::Link;
use clever_auth::{LoginToken, SafePath, VerifiedLogin};
use clever_client::web::{Admission, Reason, Sessions};
use clever_client::{LibraryTeacher, User};
use clever_model::{Role, UserId};
use clever_provision::person::{Purpose, RecordSource, RefusedSubject};

use clever_provision::{AccountId, Effects, Person, Subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use crate::accounts::{Accounts, WAIT_S};
use crate::app::{App, Came, Visit};
use crate::error::WebError;
use crate::library::{self, LibraryClass};
use crate::session::{FormToken, Profile, SessionKey, SessionStore, SignedIn, StoredSession};
use crate::settle::Settled;

/// What Clever gave of a person at a sign-in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) record: Value,
    pub(crate) classes: Option<Vec<LibraryClass>>,
    pub(crate) shared_by: Option<UserId>,
}

/// What a session holds while its person is asked.
#[derive(Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Sealed by clever-provision, which alone can make a subject of it again.
    pub(crate) subject: String,
    pub(crate) given: Given,
}

impl Given {
    /// The person of the record.
    pub(crate) fn person(&self) -> Result<Person, WebError> {
        let source = RecordSource {
            shared_by: self.shared_by.clone(),
            ..RecordSource::default()
        };
        let read = Person::from_record(&self.record, &source)
            .map_err(|error| WebError::NoRecord(Some(error)))?;
        if !read.unread.is_empty() {
            let parts: Vec<String> = read
                .unread
                .parts()
                .map(|(part, count)| format!("{part}: {count}"))
                .collect();
            warn!(user = %read.person.id, unread = parts.join(", "), "a record has values that can't be read");
        }
        Ok(read.person)
    }
}

impl<A: App, S: SessionStore> Accounts<A, S> {
    /// Reads the person's own record, and a Library teacher's classes.
    async fn read(&self, login: &VerifiedLogin, token: LoginToken) -> Result<Given, WebError> {
        let options = self.0.options.client.clone();
        let own = login.user_id();
        let (page, teacher) = match token {
            LoginToken::District(token) => (User::new(options, token)?.record(own).await?, None),
            LoginToken::Library(token) => {
                let teacher = LibraryTeacher::new(options, token, self.0.options.library)?;
                (teacher.record(own).await?, Some(teacher))
            }
        };
        let record = page.records().next().ok_or(WebError::NoRecord(None))?;
        let record = library::value(record.json);
        let mut given = Given {
            record,
            classes: None,
            shared_by: None,
        };
        let Some(teacher) = teacher else {
            return Ok(given);
        };
        if !given.person()?.roles.contains(&Role::Teacher) {
            given.shared_by = library::teacher_of(&self.0.pool, own).await?;
            return Ok(given);
        }
        match library::classes(&teacher, own).await {
            Ok(classes) => {
                library::note(&self.0.pool, own, &classes).await?;
                given.classes = Some(classes);
            }
            // The teacher gets in; the app keeps the classes that it has.
            Err(error) => {
                warn!(user = %own, %error, "a Library teacher's classes could not be read");
            }
        }
        Ok(given)
    }

    /// Ends a sign-in, for either purpose.
    async fn arrive(
        &self,
        id: &str,
        login: VerifiedLogin,
        token: LoginToken,
        proven: Option<&AccountId>,
    ) -> Result<Admission, WebError> {
        let given = self.read(&login, token).await?;
        let person = given.person()?;
        let purpose = match proven {
            Some(_) => Purpose::Link,
            None => Purpose::SignIn,
        };
        let subject = match Subject::login(&login, &person, purpose) {
            Ok(subject) => subject,
            Err(RefusedSubject::NobodyShares) => {
                let reason = Reason::TeacherFirst;
                self.note_refusal(&person.id, login.district(), reason)
                    .await?;
                return Ok(Admission::Refused(reason));
            }
            Err(error) => {
                warn!(user = %person.id, %error, "the record is not the login's");
                let reason = Reason::Unclear;
                self.note_refusal(&person.id, login.district(), reason)
                    .await?;
                return Ok(Admission::Refused(reason));
            }
        };
        match self.settle(&subject, &person, proven).await? {
            Settled::In {
                account,
                came,
                effects,
            } => {
                if proven.is_some() {
                    // One of them may be a stranger's, from before.
                    let ended = self.0.sessions.end_all(&account).await;
                    ended.map_err(WebError::Sessions)?;
                }
                let session = self
                    .enter(
                        SessionKey::of(id),
                        &subject,
                        &given,
                        account,
                        came,
                        &effects,
                    )
                    .await?;
                let put = self.0.sessions.put(&session, self.now()).await;
                put.map_err(WebError::Sessions)?;
                Ok(Admission::In)
            }
            Settled::Ask => {
                self.wait(SessionKey::of(id), &subject, given).await?;
                Ok(Admission::Ask(self.0.options.ask.clone()))
            }
            Settled::Refused(reason) => {
                let district = login.district().or(person.district.as_ref());
                self.note_refusal(&person.id, district, reason).await?;
                Ok(Admission::Refused(reason))
            }
        }
    }

    /// Lets the app write what it has of the account; gives the session to keep.
    pub(crate) async fn enter(
        &self,
        key: SessionKey,
        subject: &Subject,
        given: &Given,
        account: AccountId,
        came: Came,
        effects: &Effects,
    ) -> Result<StoredSession, WebError> {
        let person = given.person()?;
        let visit = Visit {
            account: &account,
            came,
            person: &person,
            record: &given.record,
            authority: subject.authority(),
            classes: given.classes.as_deref(),
            effects,
        };
        self.0.app.entered(&visit).await.map_err(WebError::App)?;
        self.forget_refusal(&person.id).await?;
        self.remember(&person).await?;
        info!(account = %account, ?came, "entered an account");
        let profile = Profile::of(&person, subject.authority());
        let now = self.now();
        Ok(StoredSession {
            sealed: self.seal("profile", &key, &profile)?,
            key,
            account: Some(account),
            user: person.id,
            began: now,
            expires: Self::after(now, self.0.options.session_s),
        })
    }

    /// Keeps a sign-in until its person has answered.
    async fn wait(&self, key: SessionKey, subject: &Subject, given: Given) -> Result<(), WebError> {
        let random = &*self.0.options.random;
        let waiting = Waiting {
            subject: subject.seal(&self.0.keys, key.as_str(), random)?,
            given,
        };
        let now = self.now();
        let session = StoredSession {
            sealed: self.seal("asked", &key, &waiting)?,
            key,
            account: None,
            user: subject.id().clone(),
            began: now,
            expires: Self::after(now, WAIT_S),
        };
        let put = self.0.sessions.put(&session, now).await;
        put.map_err(WebError::Sessions)
    }

    /// A session that is not over.
    pub(crate) async fn session(&self, id: &str) -> Result<Option<StoredSession>, WebError> {
        let found = self.0.sessions.get(&SessionKey::of(id)).await;
        let found = found.map_err(WebError::Sessions)?;
        Ok(found.filter(|session| self.now() < session.expires))
    }
}

impl<A: App, S: SessionStore> Sessions for Accounts<A, S> {
    type User = SignedIn;

    async fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> Result<Admission, BoxError> {
        Ok(self.arrive(id, login, token, None).await?)
    }

    async fn link(
        &self,
        id: &str,
        link: Link,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> Result<Admission, BoxError> {
        let account = AccountId::new(link.account);
        Ok(self.arrive(id, login, token, Some(&account)).await?)
    }

    async fn find(&self, id: &str) -> Result<Option<SignedIn>, BoxError> {
        let Some(session) = self.session(id).await? else {
            return Ok(None);
        };
        let Some(account) = session.account else {
            return Ok(None);
        };
        let mut store = self.0.pool.get().await?;
        let good = store.session_is_good(&account, session.began).await;
        if !good.map_err(WebError::from)? {
            return Ok(None);
        }
        Ok(Some(SignedIn {
            account,
            user: session.user,
            profile: self.open("profile", &session.key, &session.sealed)?,
            session: session.key,
            began: session.began,
            form: FormToken::of(id),
        }))
    }

    async fn waiting(&self, id: &str) -> Result<Option<SafePath>, BoxError> {
        let session = self.session(id).await?;
        let waits = session.is_some_and(|session| session.account.is_none());
        Ok(waits.then(|| self.0.options.ask.clone()))
    }

    async fn end(&self, id: &str) -> Result<(), BoxError> {
        self.0.sessions.end(&SessionKey::of(id)).await
    }

    fn name(user: &SignedIn) -> Option<String> {
        Some(user.profile.name.clone())
    }
}
