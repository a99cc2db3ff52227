//! What the fuzz targets call: each takes bytes from a stranger, checks what must hold whatever they are,
//! and says whether they were accepted.
//!
//! The workspace's tests run the same functions over the corpus and over changed copies of it, so that they
//! are exercised on a stable toolchain too.

pub mod accounts;
pub mod roster;

use std::sync::LazyLock;

use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Arrival, Departure, LoginFlow, Rejection};
use clever_auth::seal::{KeyId, NoRandomness, Randomness, SealingKeys};
use clever_auth::{Answer, App, IdTokenVerifier, OpenId, SafePath};
use clever_model::{Timestamp, UserId};

/// The issuer's public key; its secret half signed the corpus and is gone.
const KEYS: &str = include_str!("keys.json");
/// When the login of the corpus is begun and ended.
const NOW_S: i64 = 1_789_387_260;

/// The same bytes always: the corpus must know the login's `state` and nonce.
struct Sevens;

impl Randomness for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(7);
        Ok(())
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn answer(body: String) -> Answer {
    Answer {
        status: 200,
        body: body.into_bytes(),
    }
}

static APP: LazyLock<App> = LazyLock::new(|| {
    let redirect = "https://app.example/callback".parse().expect("an address");
    App::new("our-app", "secret".to_owned(), redirect).expect("an app")
});

static VERIFIER: LazyLock<IdTokenVerifier> = LazyLock::new(|| {
    let mut verifier = IdTokenVerifier::new(&APP);
    let keys = answer(KEYS.to_owned());
    verifier.take_keys(&keys, now()).expect("usable keys");
    verifier
});

/// An app's logins, without memory of earlier runs, and one that a browser has begun.
fn begun() -> (LoginFlow, Departure, String) {
    let flow = LoginFlow::new(APP.clone(), SealingKeys::new(KeyId(1), &[7; 32]));
    let path = SafePath::root();
    let none = Cookies::default();
    let departure = flow
        .start(&none, &path, None, now(), &Sevens)
        .expect("bytes");
    let state = departure
        .authorize
        .query_pairs()
        .find(|(name, _)| name == "state")
        .map(|(_, value)| value.into_owned())
        .expect("a state");
    (flow, departure, state)
}

/// A callback's query, in the browser that began a login. A code is redeemed only for its `state`; without
/// one, the login begins anew.
pub fn callback(data: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(data) else {
        return false;
    };
    if query.contains(['\t', '\n', '\r']) {
        // No HTTP request has them in its address, and URL parsers drop them.
        return false;
    }
    let (flow, departure, state) = begun();
    let arrival = flow
        .callback(&departure.cookies(), query, None, now(), &Sevens)
        .expect("bytes");
    let values = |name: &str| -> Vec<String> {
        url_pairs(query)
            .into_iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value)
            .collect()
    };
    match arrival {
        Arrival::Login(redeem, _) => {
            assert_eq!(values("state"), [state], "another login's");
            assert_eq!(values("code").len(), 1);
            assert!(!redeem.request().form_body().unwrap_or_default().is_empty());
            true
        }
        Arrival::Restart(noted) => {
            assert!(values("state").is_empty());
            assert!(noted.header().is_ascii() && !noted.header().contains(query));
            false
        }
        Arrival::Rejected(reason) => {
            if let Rejection::ByClever(code) = &reason {
                let word = |b: u8| b.is_ascii_lowercase() || matches!(b, b'_' | b'-');
                assert!(code.as_str().len() <= 40 && code.as_str().bytes().all(word));
            }
            false
        }
        Arrival::Link(..) | Arrival::Repeat(_) => panic!("nobody began that"),
    }
}

/// The query as browsers and servers read it.
fn url_pairs(query: &str) -> Vec<(String, String)> {
    let address = SafePath::root().on(APP.redirect().url());
    let mut address = address;
    address.set_query(Some(query));
    address.query_pairs().into_owned().collect()
}

/// A cookie's value. Only ours, whole and unchanged, lets a login end.
pub fn sealed_cookie(data: &[u8]) -> bool {
    let Ok(cookie) = std::str::from_utf8(data) else {
        return false;
    };
    let (flow, departure, state) = begun();
    let query = format!("code=c1&state={state}");
    let brought = [(&*departure.cookie.name, cookie)].into_iter().collect();
    let arrival = flow
        .callback(&brought, &query, None, now(), &Sevens)
        .expect("bytes");
    let accepted = matches!(arrival, Arrival::Login(..));
    assert_eq!(accepted, cookie == departure.cookie.value);
    accepted
}

/// The cookie that [`sealed_cookie`] accepts.
pub fn good_cookie() -> String {
    begun().1.cookie.value
}

/// An id token in Clever's answer to a code. What is accepted names one user, whoever signed it.
pub fn id_token(data: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(data) else {
        return false;
    };
    let (flow, departure, state) = begun();
    let flow = flow.with_id_token();
    let query = format!("code=c1&state={state}");
    let arrival = flow
        .callback(&departure.cookies(), &query, None, now(), &Sevens)
        .expect("bytes");
    let Arrival::Login(redeem, _) = arrival else {
        panic!("the login is this browser's")
    };
    let text: String = token.chars().flat_map(char::escape_default).collect();
    // A token is ASCII without quotes; what is not stays wrong when it is escaped.
    let body = format!(
        r#"{{"access_token":"ilx","token_type":"bearer","id_token":"{}"}}"#,
        text.replace('\\', "/")
    );
    let Ok(identify) = redeem.answered(&answer(body)) else {
        return false;
    };
    let me = r#"{"data":{"id":"64f0e2926b100a053fc08e14"}}"#;
    match identify.finish(
        &answer(me.to_owned()),
        None,
        OpenId::Checked(&VERIFIER),
        now(),
    ) {
        Ok(signed_in) => {
            let user = UserId::new("64f0e2926b100a053fc08e14").expect("an id");
            assert_eq!(*signed_in.login.user_id(), user);
            assert!(signed_in.login.had_id_token());
            true
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            // A fuzzer finds out the error's own words, which have spaces.
            let word = token.len() >= 30 && !token.contains(' ');
            assert!(!word || !shown.contains(token), "an error shows the token");
            false
        }
    }
}

/// A way back after the login. What is accepted stays on our origin, and reads the same twice.
pub fn return_path(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(path) = SafePath::new(text) else {
        return false;
    };
    let ours = APP.redirect().url();
    assert_eq!(path.on(ours).origin(), ours.origin());
    let joined = ours.join(path.as_str()).expect("a path joins");
    assert_eq!(joined.origin(), ours.origin());
    assert!(!path.as_str().chars().any(char::is_control));
    assert_eq!(SafePath::new(path.as_str()).as_ref(), Ok(&path));
    true
}
