//! Logins played out between browsers, an attacker and a Clever of a few lines: whatever is delivered
//! to whom, a browser gets a session only for the login that it began and ended itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::login::{Arrival, Departure, LoginFlow, Rejection, SessionDigest, StatePolicy};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{Answer, App, Entry, LoginToken, OpenId, SafePath};
use clever_model::Timestamp;
use proptest::prelude::*;

const RANDOM: &SystemRandomness = &SystemRandomness;

fn flow() -> LoginFlow {
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "canary-secret".to_owned(), redirect).unwrap();
    LoginFlow::new(app, SealingKeys::new(KeyId(1), &[7; 32]))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn answer(body: &str) -> Answer {
    Answer {
        status: 200,
        body: body.into(),
    }
}

fn state(departure: &Departure) -> String {
    let mut query = departure.authorize.query_pairs();
    query
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned()
}

/// Begins a login in a fresh browser.
fn begin(flow: &LoginFlow) -> (Departure, String) {
    let path = SafePath::new("/classes").unwrap();
    let departure = flow.start(None, &path, None, at(0), RANDOM).unwrap();
    let state = state(&departure);
    (departure, state)
}

fn callback(flow: &LoginFlow, cookie: Option<&str>, query: &str, seconds: i64) -> Arrival {
    flow.callback(cookie, query, None, at(seconds), RANDOM)
        .unwrap()
}

/// Why a callback is refused; it must be.
fn refused(arrival: Arrival) -> Rejection {
    match arrival {
        Arrival::Rejected(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_own_login_ends_with_its_user_and_path() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let Arrival::Login(redeem, cookie) = callback(
        &flow,
        Some(&departure.cookie),
        &format!("code=c1&state={state}"),
        5,
    ) else {
        panic!("no login")
    };
    let request = redeem.request();
    assert_eq!(
        (request.method(), request.url().as_str()),
        ("POST", "https://clever.com/oauth/tokens")
    );
    assert_eq!(
        request.form_body().unwrap(),
        "grant_type=authorization_code&code=c1&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback"
    );
    let identify = redeem
        .answered(&answer(
            r#"{"access_token":"ilc-canary","token_type":"Bearer"}"#,
        ))
        .unwrap();
    assert_eq!(
        identify.me_request().url().as_str(),
        "https://api.clever.com/v3.1/me"
    );
    let me =
        answer(r#"{"type":"user","data":{"id":"a1","district":"d1","authorized_by":"district"}}"#);
    let signed_in = identify.finish(&me, None, OpenId::Off, at(6)).unwrap();
    assert_eq!(signed_in.login.user_id().as_str(), "a1");
    assert_eq!(signed_in.login.entry(), Entry::App);
    assert!(matches!(signed_in.token, LoginToken::District(_)));
    assert_eq!(signed_in.return_to.as_str(), "/classes");
    // The back button: the same browser gets its result again; the code is not redeemed again.
    let again = callback(&flow, Some(&cookie), &format!("code=c1&state={state}"), 9);
    assert!(
        matches!(again, Arrival::Repeat(again) if again.finished && again.return_to.as_str() == "/classes")
    );
    let other_code = callback(&flow, Some(&cookie), &format!("code=c2&state={state}"), 9);
    assert_eq!(refused(other_code), Rejection::Used);
}

#[test]
fn a12_a_second_delivery_at_once_is_told_apart_from_a_strangers() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let query = format!("code=c1&state={state}");
    let Arrival::Login(redeem, cookie) = callback(&flow, Some(&departure.cookie), &query, 5) else {
        panic!("no login")
    };
    // It brings the cookie from before the first delivery, or the one that the first has set.
    for cookie in [&departure.cookie, &cookie] {
        let Arrival::Repeat(again) = callback(&flow, Some(cookie), &query, 5) else {
            panic!("not known again")
        };
        assert!(!again.finished && again.delivery == redeem.delivery());
    }
    // The same code in another browser's login.
    let (other, other_state) = begin(&flow);
    let stolen = format!("code=c1&state={other_state}");
    let refusal = refused(callback(&flow, Some(&other.cookie), &stolen, 6));
    assert_eq!(refusal, Rejection::Used);
}

#[test]
fn a8_a_portal_login_is_begun_anew_and_its_code_dropped() {
    let flow = flow();
    let Arrival::Restart(departure) = callback(&flow, None, "code=portal", 0) else {
        panic!("no restart")
    };
    let state = state(&departure);
    let again = callback(
        &flow,
        Some(&departure.cookie),
        &format!("code=c1&state={state}"),
        1,
    );
    assert!(matches!(again, Arrival::Login(..)));
}

#[test]
fn a31_restarts_do_not_go_round() {
    let flow = flow();
    let Arrival::Restart(departure) = callback(&flow, None, "code=portal", 0) else {
        panic!("no restart")
    };
    let soon = callback(&flow, Some(&departure.cookie), "code=portal2", 59);
    assert_eq!(refused(soon), Rejection::TooManyRestarts);
    let later = callback(&flow, Some(&departure.cookie), "code=portal3", 60);
    assert!(matches!(later, Arrival::Restart(_)));
    // Blocked cookies: the restarted login comes back with a state that nobody knows. No second restart.
    let blocked = format!("code=c1&state={}", state(&departure));
    assert_eq!(
        refused(callback(&flow, None, &blocked, 1)),
        Rejection::NotBegunHere
    );
}

#[test]
fn the_callback_table() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let (cookie, ours) = (Some(&*departure.cookie), format!("code=c1&state={state}"));
    for (cookie, query, seconds, reason) in [
        (
            cookie,
            "code=c1&state=VALI_CSRF_PROBE_NOT_A_REAL_SESSION",
            1,
            Rejection::NotBegunHere,
        ),
        (cookie, "code=c1&state=", 1, Rejection::NotBegunHere),
        (None, &*ours, 1, Rejection::NotBegunHere),
        (Some("forged"), &*ours, 1, Rejection::NotBegunHere),
        (cookie, &*ours, 600, Rejection::NotBegunHere),
        (cookie, &*ours, -1, Rejection::NotBegunHere),
        (
            cookie,
            &*format!("{ours}&iss=https://evil.example"),
            1,
            Rejection::OtherIssuer,
        ),
        (cookie, &*format!("{ours}&code=c2"), 1, Rejection::Malformed),
        (cookie, &*format!("state={state}"), 1, Rejection::Malformed),
    ] {
        assert_eq!(
            refused(callback(&flow, cookie, query, seconds)),
            reason,
            "{query}"
        );
    }
    let error = refused(callback(
        &flow,
        cookie,
        "error=access_denied&error_description=x",
        1,
    ));
    assert_eq!(
        error.to_string(),
        "Clever refused the sign-in (access_denied)"
    );
}

#[test]
fn a9_a_link_ends_in_the_session_that_began_it() {
    let flow = flow();
    let (mine, other) = (SessionDigest([1; 32]), SessionDigest([2; 32]));
    let departure = flow
        .start_link(None, "account-7", mine, &SafePath::root(), at(0), RANDOM)
        .unwrap();
    let query = format!("code=c1&state={}", state(&departure));
    for session in [None, Some(other)] {
        let arrival = flow.callback(Some(&departure.cookie), &query, session, at(1), RANDOM);
        assert_eq!(refused(arrival.unwrap()), Rejection::OtherSession);
    }
    let arrival = flow.callback(Some(&departure.cookie), &query, Some(mine), at(1), RANDOM);
    assert!(matches!(arrival.unwrap(), Arrival::Link(..)));
}

#[test]
fn the_compatibility_switch_does_what_its_name_says() {
    let flow = flow().with_state_policy(StatePolicy::AllowLoginCsrf);
    assert!(matches!(
        callback(&flow, None, "code=portal", 0),
        Arrival::Login(..)
    ));
    assert_eq!(
        refused(callback(&flow, None, "code=portal", 0)),
        Rejection::Used
    );
}

#[test]
fn pkce_and_several_tabs() {
    let flow = flow().with_pkce();
    let (first, first_state) = begin(&flow);
    let second = flow
        .start(Some(&first.cookie), &SafePath::root(), None, at(1), RANDOM)
        .unwrap();
    assert!(
        second
            .authorize
            .as_str()
            .contains("code_challenge_method=S256")
    );
    assert!(second.set_cookie().len() < 4096);
    let query = format!("code=c1&state={first_state}");
    let Arrival::Login(redeem, _) = callback(&flow, Some(&second.cookie), &query, 2) else {
        panic!("the first tab's login is lost")
    };
    assert!(
        redeem
            .request()
            .form_body()
            .unwrap()
            .contains("&code_verifier=")
    );
}

#[test]
fn p24_answers_about_two_people_make_no_login() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let query = format!("code=c1&state={state}");
    let Arrival::Login(redeem, _) = callback(&flow, Some(&departure.cookie), &query, 1) else {
        panic!("no login")
    };
    let identify = redeem
        .answered(&answer(r#"{"access_token":"ilc-canary"}"#))
        .unwrap();
    let me = answer(r#"{"data":{"id":"a1","district":"d1"}}"#);
    let info = answer(r#"{"sub":"a2","district":"d1"}"#);
    let error = identify
        .finish(&me, Some(&info), OpenId::Off, at(2))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Clever's answers disagree about the user's id"
    );
}

#[test]
fn p25_nothing_of_a_login_shows() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let mut shown = format!("{flow:?} {departure:?}");
    let query = format!("code=code-canary&state={state}");
    let Arrival::Login(redeem, _) = callback(&flow, Some(&departure.cookie), &query, 1) else {
        panic!("no login")
    };
    shown += &format!("{redeem:?} {:?}", redeem.request());
    let tokens = answer(r#"{"access_token":"ilc-canary"}"#);
    let identify = redeem.answered(&tokens).unwrap();
    shown += &format!("{identify:?} {tokens:?} {:?}", identify.me_request());
    let me = answer(
        r#"{"data":{"id":"a1","name":{"first":"name-canary"},"email":"mail-canary@x.example"}}"#,
    );
    let signed_in = identify.finish(&me, None, OpenId::Off, at(2)).unwrap();
    shown += &format!("{signed_in:?} {:?}", signed_in.login.email());
    assert!(
        !shown.contains("canary") && !shown.contains(&state),
        "{shown}"
    );
}

/// What the attacker or chance does next.
#[derive(Debug, Clone)]
enum Step {
    /// A browser begins a login at our button.
    Begin { browser: usize },
    /// A person signs in at Clever on the way that a browser's newest login opened; Clever makes a code.
    Consent { browser: usize, person: usize },
    /// Clever sends a person on from its portal, without a state.
    Portal { person: usize },
    /// One of all callbacks ever made is delivered to a browser.
    Deliver { callback: usize, browser: usize },
    /// Time passes.
    Wait { seconds: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let browser = 0_usize..3;
    prop::collection::vec(
        prop_oneof![
            2 => browser.clone().prop_map(|browser| Step::Begin { browser }),
            3 => (browser.clone(), 0_usize..3).prop_map(|(browser, person)| Step::Consent { browser, person }),
            1 => (0_usize..3).prop_map(|person| Step::Portal { person }),
            6 => (0_usize..20, browser).prop_map(|(callback, browser)| Step::Deliver { callback, browser }),
            1 => (0_i64..400).prop_map(|seconds| Step::Wait { seconds }),
        ],
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn p20_p21_a_session_needs_a_login_begun_and_ended_in_one_browser(steps in steps()) {
        let flow = flow();
        let mut clock = 0;
        let mut cookies: [Option<String>; 3] = Default::default();
        let mut newest: [Option<String>; 3] = Default::default();
        // What really happened: who began each state, which person stands behind each code.
        let mut begun: BTreeMap<String, usize> = BTreeMap::new();
        let mut callbacks: Vec<(String, Option<String>)> = Vec::new();
        let mut redeemed: BTreeSet<String> = BTreeSet::new();
        let mut finished: BTreeMap<String, usize> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait { seconds } => clock += seconds,
                Step::Begin { browser } => {
                    let path = SafePath::root();
                    let departure = flow.start(cookies[browser].as_deref(), &path, None, at(clock), RANDOM).unwrap();
                    begun.insert(state(&departure), browser);
                    newest[browser] = Some(state(&departure));
                    cookies[browser] = Some(departure.cookie);
                }
                Step::Consent { browser, person } => {
                    if let Some(state) = &newest[browser] {
                        callbacks.push((format!("p{person}-{}", callbacks.len()), Some(state.clone())));
                    }
                }
                Step::Portal { person } => callbacks.push((format!("p{person}-{}", callbacks.len()), None)),
                Step::Deliver { callback: number, browser } => {
                    let Some((code, state_sent)) = callbacks.get(number % callbacks.len().max(1)).cloned() else { continue };
                    let query = match &state_sent {
                        Some(state) => format!("code={code}&state={state}"),
                        None => format!("code={code}"),
                    };
                    match callback(&flow, cookies[browser].as_deref(), &query, clock) {
                        Arrival::Login(redeem, cookie) => {
                            cookies[browser] = Some(cookie);
                            let state = state_sent.expect("no code is redeemed without a state");
                            prop_assert_eq!(begun.get(&state), Some(&browser), "begun elsewhere");
                            prop_assert!(redeemed.insert(code.clone()), "redeemed twice");
                            prop_assert!(finished.insert(state, browser).is_none(), "a state ends once");
                            let identify = redeem.answered(&answer(r#"{"access_token":"ilx"}"#)).unwrap();
                            let me = format!(r#"{{"data":{{"id":"{code}"}}}}"#);
                            let signed_in = identify.finish(&answer(&me), None, OpenId::Off, at(clock)).unwrap();
                            prop_assert_eq!(signed_in.login.user_id().as_str(), code);
                        }
                        Arrival::Repeat(_) => {
                            prop_assert_eq!(finished.get(&state_sent.unwrap()), Some(&browser));
                        }
                        Arrival::Restart(departure) => {
                            prop_assert!(state_sent.is_none());
                            begun.insert(state(&departure), browser);
                            newest[browser] = Some(state(&departure));
                            cookies[browser] = Some(departure.cookie);
                        }
                        Arrival::Rejected(_) => {}
                        Arrival::Link(..) => prop_assert!(false, "a login became a link"),
                    }
                }
            }
        }
    }
}
