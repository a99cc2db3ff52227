//! Waits on loopback for the browser that brings the login back (RFC 8252).
//!
//! Anything on this machine, and any page in its browser, can send requests here. So nothing but the callback of
//! a login that was begun here ends the waiting: not an error with another `state`, not a connection that says
//! nothing, not what browsers ask for by themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use clever_auth::login::cookies::{Cookies, SetCookie};
use clever_auth::login::{Arrival, Departure, Login, LoginFlow, Rejection, SignedIn};
use clever_auth::seal::{NoRandomness, SystemRandomness};
use clever_auth::{OpenId, SafePath};
use clever_client::{IssuerKeys, LoginService};
use clever_model::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::ui::Ui;

/// Longest wait for the browser to read the last page.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// What a login that was begun needs for its end.
pub(super) struct Waiting {
    pub(super) flow: LoginFlow,
    pub(super) service: LoginService,
    pub(super) openid: OpenId<IssuerKeys>,
    pub(super) ui: Ui,
}

struct Site {
    waiting: Waiting,
    begun: Mutex<Begun>,
    ended: mpsc::Sender<Result<SignedIn<Login>>>,
}

/// The logins that were begun, and what a browser would keep as cookies.
struct Begun {
    logins: Vec<Departure>,
    /// Keeps restarts from going round.
    restarted: Option<SetCookie>,
}

impl Begun {
    fn cookies(&self) -> Cookies<'_> {
        let logins = self.logins.iter().map(|begun| &begun.cookie);
        let all = logins.chain(&self.restarted);
        all.map(|one| (&*one.name, &*one.value)).collect()
    }

    /// Says whether a callback's query names a login that was begun here, and no other.
    fn knows(&self, query: &str) -> bool {
        let asked = |begun: &Departure| values(begun.authorize.query(), "state");
        match values(Some(query), "state").as_slice() {
            [one] => self.logins.iter().any(|begun| asked(begun).contains(one)),
            _ => false,
        }
    }

    /// Begins one more, in place of a login that came from Clever without a `state`.
    fn anew(&mut self, flow: &LoginFlow, noted: SetCookie) -> Result<Url, NoRandomness> {
        self.restarted = Some(noted);
        let begun = flow.start(
            &Cookies::default(),
            &SafePath::root(),
            None,
            SystemClock.now(),
            &SystemRandomness,
        )?;
        let authorize = begun.authorize.clone();
        self.logins.push(begun);
        Ok(authorize)
    }
}

fn values(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named = pairs.filter(|(found, _)| found == name);
    named.map(|(_, value)| value.into_owned()).collect()
}

impl Waiting {
    /// Serves the callback until the login `departure` has ended, well or not.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        departure: Departure,
    ) -> Result<SignedIn<Login>> {
        let (ended, mut end) = mpsc::channel(1);
        let site = Arc::new(Site {
            waiting: self,
            begun: Mutex::new(Begun {
                logins: vec![departure],
                restarted: None,
            }),
            ended,
        });
        let router = Router::new()
            .route("/callback", any(callback))
            .fallback(|| async { page(StatusCode::NOT_FOUND, "There is nothing here.") })
            .with_state(site);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            drop(stopped.await);
        });
        let mut serving = tokio::spawn(serving.into_future());
        let result = end.recv().await;
        drop(stop);
        // A connection that says nothing would keep the server open.
        if tokio::time::timeout(LAST_PAGE, &mut serving).await.is_err() {
            serving.abort();
        }
        result.context("nothing waits for the sign-in any more")?
    }
}

async fn callback(
    State(site): State<Arc<Site>>,
    method: Method,
    RawQuery(query): RawQuery,
) -> Response {
    // Not HEAD either: what looks ahead must not use the code up.
    if method != Method::GET {
        return page(
            StatusCode::METHOD_NOT_ALLOWED,
            "A sign-in comes back by GET.",
        );
    }
    let query = query.unwrap_or_default();
    let (arrival, known) = {
        let mut begun = site.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let flow = &site.waiting.flow;
        let arrival = flow.callback(
            &begun.cookies(),
            &query,
            None,
            SystemClock.now(),
            &SystemRandomness,
        );
        let known = begun.knows(&query);
        let arrival = match arrival {
            Ok(Arrival::Restart(noted)) => {
                let begun = begun.anew(flow, noted);
                return begun.map_or_else(|error| site.broken(error), |to| again(&to));
            }
            other => other,
        };
        (arrival, known)
    };
    match arrival {
        Ok(Arrival::Login(redeem, _)) => {
            let Waiting {
                service, openid, ..
            } = &site.waiting;
            let result = service.finish(redeem, openid).await;
            let answer = match &result {
                Ok(_) => page(
                    StatusCode::OK,
                    "You are signed in. You can close this page.",
                ),
                Err(_) => page(
                    StatusCode::BAD_GATEWAY,
                    "The sign-in failed; the terminal says why.",
                ),
            };
            site.end(result.context("the sign-in failed"));
            answer
        }
        Ok(Arrival::Rejected(Rejection::ByClever(code))) if known => {
            site.end(Err(Rejection::ByClever(code).into()));
            page(StatusCode::BAD_REQUEST, "Clever refused the sign-in.")
        }
        Ok(Arrival::Rejected(reason)) => {
            site.waiting.ui.note(format!(
                "a callback that is not this sign-in's was refused: {reason}"
            ));
            page(
                StatusCode::BAD_REQUEST,
                "This sign-in was not begun here; the one that was goes on.",
            )
        }
        Ok(Arrival::Repeat(_) | Arrival::Link(..) | Arrival::Restart(_)) => page(
            StatusCode::BAD_REQUEST,
            "This sign-in has come back before; the terminal says what became of it.",
        ),
        Err(error) => site.broken(error),
    }
}

impl Site {
    fn end(&self, result: Result<SignedIn<Login>>) {
        // The first end counts.
        drop(self.ended.try_send(result));
    }

    fn broken(&self, error: NoRandomness) -> Response {
        self.end(Err(error.into()));
        page(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The sign-in failed; the terminal says why.",
        )
    }
}

/// Answers with a small page that is kept nowhere.
fn page(status: StatusCode, text: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>cleverctl</title>\
         <link rel=\"icon\" href=\"data:,\">\
         <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:15vh auto\"><p>{text}</p></body></html>"
    );
    with_headers(
        (status, body).into_response(),
        &[(CONTENT_TYPE, "text/html; charset=utf-8")],
    )
}

/// Sends the browser to Clever once more.
fn again(authorize: &Url) -> Response {
    with_headers(
        StatusCode::SEE_OTHER.into_response(),
        &[(LOCATION, authorize.as_str())],
    )
}

fn with_headers(mut response: Response, more: &[(HeaderName, &str)]) -> Response {
    let always = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONNECTION, "close"),
    ];
    let headers = response.headers_mut();
    for (name, value) in always.iter().chain(more) {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name.clone(), value);
        }
    }
    response
}
