//! The requests of `clever-auth`, sent to the login service.

use clever_auth::{Answer, AnswerError, App, Discovery, Request};
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use tokio::time::timeout;
use url::Url;

use super::error::{KEYS_TIME, SignInError};
use crate::send::attempts::Call;
use crate::send::failure::{Failure, Received};
use crate::send::retry::Chances;
use crate::send::wire::Wire;

/// Largest answer read, in bytes; `clever-auth` refuses one of this size.
const MAX_ANSWER: usize = 1024 * 1024 + 1;

/// A read that is tried again if that may help.
struct Asking<'a> {
    wire: &'a Wire,
    request: &'a Request,
}

impl Call for Asking<'_> {
    type Answer = Received;

    async fn attempt(&mut self) -> Result<Received, Failure> {
        send(self.wire, prepared(self.wire, self.request)).await
    }

    fn chances(&self, _: &Failure) -> Chances {
        Chances {
            changes: false,
            // A person waits: a page that is not Clever's, and what Clever refuses, are believed at once.
            strange: 0,
            refused: 0,
            slow: self.wire.options.retry.max_attempts,
        }
    }
}

/// Sends a read, again if that may help.
pub(super) async fn read(wire: &Wire, request: &Request) -> Result<Answer, SignInError> {
    let mut asking = Asking { wire, request };
    let tried = wire.tried(request.url().path(), &mut asking).await;
    answer(tried.map_err(|given_up| given_up.failure))
}

/// Sends what must not be sent twice.
pub(super) async fn once(wire: &Wire, request: &Request) -> Result<Answer, SignInError> {
    answer(send(wire, prepared(wire, request)).await)
}

/// Knocks at an address, once.
pub(super) async fn knock(wire: &Wire, url: &Url) -> Result<Received, SignInError> {
    received(send(wire, wire.request(Method::GET, url)).await)
}

/// Reads what the issuer says of itself, and its keys, with one try: a service that fails is not asked
/// six times while people wait.
pub(super) async fn keys(wire: &Wire, app: &App) -> Result<(Discovery, Answer), SignInError> {
    let read = async {
        let document = public(wire, &Discovery::address(app)).await?;
        let discovery = Discovery::parse(app, &document)?;
        let keys = public(wire, &discovery.jwks_uri).await?;
        Ok((discovery, keys))
    };
    timeout(KEYS_TIME, read)
        .await
        .unwrap_or(Err(SignInError::Slow))
}

/// Reads what everybody may read, once.
async fn public(wire: &Wire, url: &Url) -> Result<Answer, SignInError> {
    let request = wire.request(Method::GET, url);
    answer(send(wire, request.header(ACCEPT, "application/json")).await)
}

async fn send(wire: &Wire, request: RequestBuilder) -> Result<Received, Failure> {
    wire.exchange(request, MAX_ANSWER, |_| ()).await
}

fn prepared(wire: &Wire, request: &Request) -> RequestBuilder {
    let mut prepared = match request.form_body() {
        Some(form) => wire
            .request(Method::POST, request.url())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form),
        None => wire.request(Method::GET, request.url()),
    };
    if let Some((user, password)) = request.basic_credentials() {
        prepared = prepared.basic_auth(user, Some(password));
    }
    if let Some(token) = request.bearer_token() {
        prepared = prepared.bearer_auth(token);
    }
    prepared.header(ACCEPT, "application/json")
}

/// The answer, whatever its status: what it means is for `clever-auth` to say.
fn answer(attempt: Result<Received, Failure>) -> Result<Answer, SignInError> {
    received(attempt).map(|received| Answer {
        status: received.status.as_u16(),
        body: received.body.into(),
    })
}

fn received(attempt: Result<Received, Failure>) -> Result<Received, SignInError> {
    match attempt {
        Ok(received) | Err(Failure::Answer(received)) => Ok(received),
        Err(Failure::Network { error, .. }) => Err(SignInError::Network(error)),
        Err(Failure::TooLarge) => Err(AnswerError::TooLarge.into()),
        Err(Failure::Undecodable(_)) => Err(AnswerError::NotJson.into()),
        Err(Failure::Limited(_)) => Err(AnswerError::Refused { status: 429 }.into()),
    }
}
