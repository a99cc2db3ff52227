//! Logins played out between browsers, an attacker and a Clever of a few lines: whatever is delivered
//! to whom, a browser gets a session only for the login that it began and ended itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::login::cookies::{Cookies, SetCookie};
use clever_auth::login::{
    Arrival, Departure, LinkRequest, LoginError, LoginFlow, Rejection, SessionDigest, StatePolicy,
};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{Answer, App, Entry, LoginToken, OpenId, SafePath};
use clever_model::{Timestamp, UserId};
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
    let none = Cookies::default();
    let departure = flow.start(&none, &path, None, at(0), RANDOM).unwrap();
    let state = state(&departure);
    (departure, state)
}

fn callback(flow: &LoginFlow, cookies: &Cookies<'_>, query: &str, seconds: i64) -> Arrival {
    flow.callback(cookies, query, None, at(seconds), RANDOM)
        .unwrap()
}

/// What a browser brings back of these cookies.
fn jar<'a>(cookies: impl IntoIterator<Item = &'a SetCookie>) -> Cookies<'a> {
    let pairs = cookies.into_iter().map(|one| (&*one.name, &*one.value));
    pairs.collect()
}

fn link<'a>(session: SessionDigest, user: Option<&'a UserId>, to: &'a SafePath) -> LinkRequest<'a> {
    LinkRequest {
        account: "account-7",
        session,
        user,
        return_to: to,
    }
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
        &departure.cookies(),
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
    let again = callback(&flow, &jar(&cookie), &format!("code=c1&state={state}"), 9);
    assert!(
        matches!(again, Arrival::Repeat(again) if again.answered && again.delivery.is_some() && again.return_to.as_str() == "/classes")
    );
    // A double click at Clever: another code for the same login.
    let other_code = callback(&flow, &jar(&cookie), &format!("code=c2&state={state}"), 9);
    assert!(
        matches!(other_code, Arrival::Repeat(again) if again.answered && again.delivery.is_none() && again.return_to.as_str() == "/classes")
    );
}

#[test]
fn a12_a_second_delivery_at_once_is_told_apart_from_a_strangers() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let query = format!("code=c1&state={state}");
    let Arrival::Login(redeem, cookie) = callback(&flow, &departure.cookies(), &query, 5) else {
        panic!("no login")
    };
    // It brings the cookie from before the first delivery, or the one that the first has set.
    for (cookies, answered) in [(departure.cookies(), false), (jar(&cookie), true)] {
        let Arrival::Repeat(again) = callback(&flow, &cookies, &query, 5) else {
            panic!("not known again")
        };
        assert_eq!(again.answered, answered);
        assert_eq!(again.delivery, Some(redeem.delivery()));
    }
    // The same code in another browser's login.
    let (other, other_state) = begin(&flow);
    let stolen = format!("code=c1&state={other_state}");
    let refusal = refused(callback(&flow, &other.cookies(), &stolen, 6));
    assert_eq!(refusal, Rejection::Used);
}

#[test]
fn a8_a_portal_login_is_begun_anew_and_its_code_dropped() {
    let flow = flow();
    let Arrival::Restart(restarted) = callback(&flow, &Cookies::default(), "code=portal", 0) else {
        panic!("no restart")
    };
    let (root, restarted) = (SafePath::root(), jar([&restarted]));
    let departure = flow.start(&restarted, &root, None, at(0), RANDOM).unwrap();
    let query = format!("code=c1&state={}", state(&departure));
    let Arrival::Login(redeem, _) = callback(&flow, &departure.cookies(), &query, 1) else {
        panic!("no login")
    };
    let tokens = answer(r#"{"access_token":"ilx"}"#);
    let me = answer(r#"{"data":{"id":"a1"}}"#);
    let identify = redeem.answered(&tokens).unwrap();
    let signed_in = identify.finish(&me, None, OpenId::Off, at(2)).unwrap();
    assert_eq!(signed_in.login.entry(), Entry::Restarted);
}

#[test]
fn a31_restarts_do_not_go_round() {
    let flow = flow();
    let Arrival::Restart(restarted) = callback(&flow, &Cookies::default(), "code=portal", 0) else {
        panic!("no restart")
    };
    let brought = jar([&restarted]);
    let soon = callback(&flow, &brought, "code=portal2", 59);
    assert_eq!(refused(soon), Rejection::TooManyRestarts);
    let later = callback(&flow, &brought, "code=portal3", 60);
    assert!(matches!(later, Arrival::Restart(_)));
    // Blocked cookies: the restarted login comes back with a state that nobody knows. No second restart.
    let (departure, _) = begin(&flow);
    let blocked = format!("code=c1&state={}", state(&departure));
    assert_eq!(
        refused(callback(&flow, &Cookies::default(), &blocked, 1)),
        Rejection::NotBegunHere
    );
    // Once a login comes back with its state, nothing goes round: the next person's login begins again.
    let both = jar([&restarted, &departure.cookie]);
    let Arrival::Login(_, set) = callback(&flow, &both, &blocked, 1) else {
        panic!("no login")
    };
    let gone = set.iter().find(|one| one.name == restarted.name).unwrap();
    assert!(gone.header().contains("Max-Age=0"), "{}", gone.header());
}

#[test]
fn the_callback_table() {
    let flow = flow();
    let (departure, state) = begin(&flow);
    let ours = format!("code=c1&state={state}");
    let (cookie, none) = (departure.cookies(), Cookies::default());
    let forged: Cookies<'_> = [(&*departure.cookie.name, "forged")].into_iter().collect();
    let doubled = jar([&departure.cookie, &departure.cookie]);
    // The value of another login's cookie, and this one made younger.
    let (other, _) = begin(&flow);
    let swapped = [(&*departure.cookie.name, &*other.cookie.value)];
    let swapped: Cookies<'_> = swapped.into_iter().collect();
    let (born, sealed) = departure.cookie.value.split_once('.').unwrap();
    let born = i64::from_str_radix(born, 16).unwrap();
    let younger = format!("{:x}.{sealed}", born + 60);
    let younger: Cookies<'_> = [(&*departure.cookie.name, &*younger)].into_iter().collect();
    for (cookies, query, seconds, reason) in [
        (
            &cookie,
            "code=c1&state=VALI_CSRF_PROBE_NOT_A_REAL_SESSION",
            1,
            Rejection::NotBegunHere,
        ),
        (&cookie, "code=c1&state=", 1, Rejection::NotBegunHere),
        (&none, &*ours, 1, Rejection::NotBegunHere),
        (&forged, &*ours, 1, Rejection::NotBegunHere),
        (&doubled, &*ours, 1, Rejection::NotBegunHere),
        (&swapped, &*ours, 1, Rejection::NotBegunHere),
        (&younger, &*ours, 61, Rejection::NotBegunHere),
        (&cookie, &*ours, 600, Rejection::NotBegunHere),
        (&cookie, &*ours, -1, Rejection::NotBegunHere),
        (
            &cookie,
            &*format!("{ours}&iss=https://evil.example"),
            1,
            Rejection::OtherIssuer,
        ),
        (
            &cookie,
            &*format!("{ours}&code=c2"),
            1,
            Rejection::Malformed,
        ),
        (&cookie, &*format!("state={state}"), 1, Rejection::Malformed),
    ] {
        assert_eq!(
            refused(callback(&flow, cookies, query, seconds)),
            reason,
            "{query}"
        );
    }
    let error = refused(callback(
        &flow,
        &cookie,
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
    let root = SafePath::root();
    let (none, request) = (Cookies::default(), link(mine, None, &root));
    let departure = flow.start_link(&none, &request, at(0), RANDOM).unwrap();
    assert!(departure.authorize.as_str().ends_with("&confirmed=false"));
    let query = format!("code=c1&state={}", state(&departure));
    for session in [None, Some(other)] {
        let arrival = flow.callback(&departure.cookies(), &query, session, at(1), RANDOM);
        assert_eq!(refused(arrival.unwrap()), Rejection::OtherSession);
    }
    // Clever's refusal of a link is another refusal than that of a login.
    let denied = format!("error=access_denied&state={}", state(&departure));
    for (session, own) in [(Some(mine), true), (Some(other), false), (None, false)] {
        let arrival = flow.callback(&departure.cookies(), &denied, session, at(1), RANDOM);
        let reason = refused(arrival.unwrap());
        assert_eq!(
            matches!(reason, Rejection::LinkByClever(_)),
            own,
            "{reason}"
        );
    }
    let arrival = flow.callback(&departure.cookies(), &query, Some(mine), at(1), RANDOM);
    assert!(matches!(arrival.unwrap(), Arrival::Link(..)));
}

#[test]
fn field_f8_a_link_ends_with_the_person_who_began_it_or_not_at_all() {
    let (holder, session) = (UserId::new("a1").unwrap(), SessionDigest([1; 32]));
    let (none, root) = (Cookies::default(), SafePath::root());
    for (begun_by, comes_back, linked) in [
        (Some(&holder), "a1", true),
        (Some(&holder), "a2", false),
        (Some(&holder), "A1", false),
        (None, "a2", true),
    ] {
        let flow = flow();
        let request = link(session, begun_by, &root);
        let departure = flow.start_link(&none, &request, at(0), RANDOM).unwrap();
        let query = format!("code=c1&state={}", state(&departure));
        let arrival = flow.callback(&departure.cookies(), &query, Some(session), at(1), RANDOM);
        let Ok(Arrival::Link(redeem, _)) = arrival else {
            panic!("no link")
        };
        let tokens = answer(r#"{"access_token":"ilx"}"#);
        let identify = redeem.answered(&tokens).unwrap();
        let me = answer(&format!(r#"{{"data":{{"id":"{comes_back}"}}}}"#));
        match identify.finish(&me, None, OpenId::Off, at(2)) {
            Ok(signed_in) => {
                assert!(linked, "{comes_back}");
                assert_eq!(signed_in.purpose.account, "account-7");
            }
            Err(error) => {
                assert!(!linked, "{comes_back}");
                assert_eq!(error, LoginError::OtherPerson);
            }
        }
    }
}

#[test]
fn the_compatibility_switch_does_what_its_name_says() {
    let flow = flow().with_state_policy(StatePolicy::AllowLoginCsrf);
    assert!(matches!(
        callback(&flow, &Cookies::default(), "code=portal", 0),
        Arrival::Login(..)
    ));
    assert_eq!(
        refused(callback(&flow, &Cookies::default(), "code=portal", 0)),
        Rejection::Used
    );
}

#[test]
fn pkce_and_several_tabs() {
    let flow = flow().with_pkce();
    let (first, first_state) = begin(&flow);
    let second = flow
        .start(&first.cookies(), &SafePath::root(), None, at(1), RANDOM)
        .unwrap();
    assert!(
        second
            .authorize
            .as_str()
            .contains("code_challenge_method=S256")
    );
    assert!(second.crowded_out.is_empty());
    assert!(second.cookie.header().len() < 450, "a few fit in a line");
    let query = format!("code=c1&state={first_state}");
    let both = jar([&first.cookie, &second.cookie]);
    let Arrival::Login(redeem, _) = callback(&flow, &both, &query, 2) else {
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
    let Arrival::Login(redeem, _) = callback(&flow, &departure.cookies(), &query, 1) else {
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
    let Arrival::Login(redeem, _) = callback(&flow, &departure.cookies(), &query, 1) else {
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

/// Keeps cookies as a browser does.
fn keep<'a>(kept: &mut BTreeMap<String, String>, set: impl IntoIterator<Item = &'a SetCookie>) {
    for cookie in set {
        if cookie.header().contains("Max-Age=0") {
            kept.remove(&cookie.name);
        } else {
            kept.insert(cookie.name.clone(), cookie.value.clone());
        }
    }
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
        let mut cookies: [BTreeMap<String, String>; 3] = Default::default();
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
                    let brought = cookies[browser].iter().map(|(n, v)| (&**n, &**v)).collect();
                    let departure = flow.start(&brought, &path, None, at(clock), RANDOM).unwrap();
                    drop(brought);
                    begun.insert(state(&departure), browser);
                    newest[browser] = Some(state(&departure));
                    keep(&mut cookies[browser], departure.set_cookies());
                    prop_assert!(cookies[browser].len() <= 9, "logins pile up");
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
                    let brought: Cookies<'_> = cookies[browser].iter().map(|(n, v)| (&**n, &**v)).collect();
                    let arrival = callback(&flow, &brought, &query, clock);
                    drop(brought);
                    match arrival {
                        Arrival::Login(redeem, set) => {
                            keep(&mut cookies[browser], &set);
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
                        Arrival::Restart(noted) => {
                            prop_assert!(state_sent.is_none());
                            keep(&mut cookies[browser], [&noted]);
                        }
                        Arrival::Rejected(_) => {}
                        Arrival::Link(..) => prop_assert!(false, "a login became a link"),
                    }
                }
            }
        }
    }
}
