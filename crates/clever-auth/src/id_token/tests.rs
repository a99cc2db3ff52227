//! Tests of the id token check: tokens signed here, good ones and every kind of bad one.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKey, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Discovery;

const NOW: i64 = 1_700_000_000;

/// The issuer's key, and a stranger's.
fn keys() -> &'static [RsaKey; 2] {
    static KEYS: OnceLock<[RsaKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [(); 2].map(|()| RsaKey::generate(KeySize::Rsa2048).unwrap()))
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn app() -> App {
    let redirect = "https://app.example/callback".parse().unwrap();
    App::new("our-app", "s3cret".to_owned(), redirect).unwrap()
}

fn jwks(kid: &str, key: &RsaKey) -> Value {
    let public = key.public_key();
    let part = |bytes: &[u8]| B64.encode(bytes);
    json!({"keys": [
        {"kty": "new-kind", "kid": "x"},
        {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
         "n": part(public.modulus().big_endian_without_leading_zero()),
         "e": part(public.exponent().big_endian_without_leading_zero())},
    ]})
}

fn answer(body: &Value) -> Answer {
    Answer {
        status: 200,
        body: body.to_string().into_bytes(),
    }
}

fn verifier() -> IdTokenVerifier {
    let mut verifier = IdTokenVerifier::new(&app());
    verifier
        .take_keys(&answer(&jwks("k1", &keys()[0])), now())
        .unwrap();
    verifier
}

fn signed(header: &Value, claims: &Value, key: &RsaKey) -> String {
    signed_text(header, &claims.to_string(), key)
}

fn signed_text(header: &Value, claims: &str, key: &RsaKey) -> String {
    let text = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{text}.{}", B64.encode(signature))
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": "https://clever.com", "sub": "a1", "aud": "our-app", "iat": NOW - 1800, "exp": NOW + 1800,
           "nonce": "n1", "user_id": "a0", "multi_role_user_id": "a1", "user_type": "teacher",
           "district": "d1", "email_verified": false})
}

fn check(header: &Value, claims: &Value) -> Result<Statement, IdTokenError> {
    verifier().verify(&signed(header, claims, &keys()[0]), Some("n1"), now())
}

#[test]
fn a_good_token_names_its_user_and_no_other_key_makes_one() {
    assert_eq!(check(&header(), &claims()).unwrap().id.as_str(), "a1");
    let forged = signed(&header(), &claims(), &keys()[1]);
    let refused = verifier().verify(&forged, Some("n1"), now());
    assert_eq!(refused.err(), Some(IdTokenError::Signature));
}

#[test]
fn a16_p23_headers_that_confuse_are_refused() {
    for (name, value, error) in [
        ("alg", json!("none"), IdTokenError::Form),
        ("alg", json!("HS256"), IdTokenError::Algorithm),
        ("alg", json!("RS384"), IdTokenError::Algorithm),
        ("alg", json!("ES256"), IdTokenError::Algorithm),
        ("kid", json!("k2"), IdTokenError::UnknownKey),
        ("typ", json!("at+jwt"), IdTokenError::Form),
        (
            "jku",
            json!("https://evil.example/jwks"),
            IdTokenError::Form,
        ),
        ("x5u", json!("https://evil.example/x5"), IdTokenError::Form),
        (
            "jwk",
            jwks("k1", &keys()[1])["keys"][1].clone(),
            IdTokenError::Form,
        ),
        ("crit", json!(["exp"]), IdTokenError::Form),
    ] {
        let mut header = header();
        header[name] = value;
        assert_eq!(
            check(&header, &claims()).err(),
            Some(error),
            "{name}: {header}"
        );
    }
}

#[test]
fn p23_claims_of_another_time_app_login_or_issuer_are_refused() {
    for (name, value, error) in [
        (
            "iss",
            json!("https://clever.com/"),
            IdTokenError::OtherIssuer,
        ),
        (
            "iss",
            json!("https://evil.example"),
            IdTokenError::OtherIssuer,
        ),
        (
            "iss",
            json!(["https://clever.com"]),
            IdTokenError::OtherIssuer,
        ),
        ("iss", Value::Null, IdTokenError::OtherIssuer),
        ("aud", json!("other-app"), IdTokenError::OtherApp),
        ("aud", json!([]), IdTokenError::OtherApp),
        ("aud", json!({"our-app": true}), IdTokenError::OtherApp),
        ("aud", json!(["our-app", 7]), IdTokenError::OtherApp),
        ("aud", Value::Null, IdTokenError::OtherApp),
        (
            "aud",
            json!(["our-app", "other-app"]),
            IdTokenError::OtherApp,
        ),
        ("azp", json!("other-app"), IdTokenError::OtherApp),
        ("exp", json!(NOW - 60), IdTokenError::Time),
        ("exp", json!(NOW + 90_000), IdTokenError::Time),
        ("exp", json!(i64::MAX), IdTokenError::Time),
        ("exp", Value::Null, IdTokenError::Claims),
        ("exp", json!("soon"), IdTokenError::Claims),
        ("exp", json!([NOW + 1800]), IdTokenError::Claims),
        ("exp", json!(-1), IdTokenError::Time),
        ("exp", json!(-1.5), IdTokenError::Time),
        ("exp", json!(1e300), IdTokenError::Time),
        ("exp", json!(-1e300), IdTokenError::Time),
        ("exp", json!(u64::MAX), IdTokenError::Time),
        ("exp", json!((NOW - 60) as f64 + 0.5), IdTokenError::Time),
        ("iat", json!("now"), IdTokenError::Claims),
        ("iat", json!(-1e300), IdTokenError::Time),
        ("iat", json!((NOW + 61) as f64 + 0.5), IdTokenError::Time),
        ("nbf", json!((NOW + 61) as f64), IdTokenError::Time),
        ("nbf", json!("later"), IdTokenError::Claims),
        ("iat", json!(NOW + 61), IdTokenError::Time),
        ("iat", json!(i64::MIN), IdTokenError::Time),
        ("nbf", json!(NOW + 61), IdTokenError::Time),
        ("nonce", json!("n2"), IdTokenError::Nonce),
        ("nonce", Value::Null, IdTokenError::Nonce),
        ("sub", json!("../x"), IdTokenError::Claims),
        ("multi_role_user_id", json!("a2"), IdTokenError::Claims),
        ("district_id", json!("d2"), IdTokenError::Claims),
    ] {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        assert_eq!(
            check(&header(), &claims).err(),
            Some(error),
            "{name}: {claims}"
        );
    }
    for (name, value) in [
        ("exp", json!(NOW - 59)),
        ("iat", json!(NOW + 60)),
        ("aud", json!(["our-app"])),
        ("aud", json!(["our-app", "our-app"])),
        ("azp", json!("our-app")),
        ("azp", Value::Null),
        ("nbf", Value::Null),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert!(check(&header(), &claims).is_ok(), "{claims}");
    }
    let mut claims = claims();
    claims["aud"] = json!(["other-app", "our-app"]);
    claims["azp"] = json!("our-app");
    assert!(check(&header(), &claims).is_ok(), "{claims}");
}

/// A NumericDate may have a fraction or an exponent, as Java's and Python's libraries write it.
#[test]
fn field_numeric_dates_are_read_in_every_form_of_json() {
    let (then, soon) = (NOW - 1800, NOW + 1800);
    for (iat, exp, more) in [
        (format!("{then}.0"), format!("{soon}.0"), String::new()),
        (
            format!("{then}.25"),
            format!("{soon}.999999"),
            String::new(),
        ),
        ("1.699998200e9".into(), "1.7000018E9".into(), String::new()),
        ("16999982e2".into(), "170000180e+1".into(), String::new()),
        (
            then.to_string(),
            soon.to_string(),
            format!(r#", "nbf": {then}.5, "auth_time": {then}.5"#),
        ),
        (
            then.to_string(),
            soon.to_string(),
            r#", "nbf": 1.6e9, "auth_time": -1e300"#.to_owned(),
        ),
        (
            then.to_string(),
            soon.to_string(),
            r#", "auth_time": "yesterday""#.to_owned(),
        ),
    ] {
        let claims = format!(
            r#"{{"iss": "https://clever.com", "sub": "a1", "aud": "our-app", "nonce": "n1", "iat": {iat}, "exp": {exp}{more}}}"#
        );
        let token = signed_text(&header(), &claims, &keys()[0]);
        let read = verifier().verify(&token, Some("n1"), now());
        assert_eq!(
            read.map(|who| who.id.to_string()),
            Ok("a1".to_owned()),
            "{claims}"
        );
    }
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

/// The case of the field: a reading at start, a login that fails for another reason, a rotation 20 s later.
#[test]
fn field_f1_each_need_has_a_floor_of_its_own() {
    let floor = i64::from(READ_FLOOR_S);
    let mut verifier = IdTokenVerifier::new(&app());
    assert!(
        verifier.begin_reading(KeyNeed::Age, now()),
        "there are none"
    );
    assert!(
        !verifier.begin_reading(KeyNeed::Age, later(1)),
        "not twice, though none have come"
    );
    assert!(verifier.begin_reading(KeyNeed::Age, later(floor)));
    verifier
        .take_keys(&answer(&jwks("k1", &keys()[0])), later(floor))
        .unwrap();
    assert!(
        !verifier.begin_reading(KeyNeed::Age, later(100)),
        "they are fresh"
    );
    // Right after a reading, and after one for the other need.
    assert!(verifier.begin_reading(KeyNeed::Replaced, later(floor)));
    assert!(verifier.begin_reading(KeyNeed::Unknown, later(floor)));
    // A flood of made-up key ids costs a reading every ten seconds.
    let readings = (0..100).filter(|tenth| {
        verifier.begin_reading(KeyNeed::Unknown, later(200 + tenth / 10 * floor / 10))
    });
    assert_eq!(readings.count(), 1);
    assert!(verifier.begin_reading(KeyNeed::Unknown, later(200 + floor)));
    // Keys of a day are read again; what becomes of it changes nothing but the floor.
    assert!(verifier.begin_reading(KeyNeed::Age, later(100_000)));
    assert!(!verifier.begin_reading(KeyNeed::Age, later(100_001)));
    // A clock that is set back by a year stops no reading.
    assert!(verifier.begin_reading(KeyNeed::Unknown, later(-31_000_000)));
}

#[test]
fn field_f1_an_answer_without_a_usable_key_leaves_the_last_good_ones() {
    let mut verifier = verifier();
    let cut = jwks("k9", &keys()[1]).to_string();
    let whole = |body: &str, status| Answer {
        status,
        body: body.into(),
    };
    for bad in [
        whole(r#"{"keys": []}"#, 200),
        whole(r#"{"keys": null}"#, 200),
        whole("{}", 200),
        whole("", 200),
        whole("<html>Bad gateway</html>", 200),
        whole(&cut[..cut.len() / 2], 200),
        whole(&cut, 503),
        whole(&cut, 302),
        whole(
            r#"{"keys": [{"kty": "RSA", "use": "enc", "kid": "e", "n": "AQAB", "e": "AQAB"}]}"#,
            200,
        ),
        whole(
            r#"{"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}]}"#,
            200,
        ),
        whole(r#"{"keys": [{"kty": "RSA", "kid": "k1"}, 7, null]}"#, 200),
    ] {
        assert!(
            verifier.take_keys(&bad, later(400)).is_err(),
            "{:?}",
            bad.body
        );
        let good = signed(&header(), &claims(), &keys()[0]);
        assert!(verifier.verify(&good, Some("n1"), now()).is_ok());
    }
    // A rotation drops the old key.
    verifier
        .take_keys(&answer(&jwks("k9", &keys()[1])), later(800))
        .unwrap();
    let old = verifier.verify(&signed(&header(), &claims(), &keys()[0]), Some("n1"), now());
    assert_eq!(old.err(), Some(IdTokenError::UnknownKey));
}

/// One set of keys in which a key has no name, or two have the same, or the token names none.
#[test]
fn field_f1_every_key_that_may_be_meant_is_tried() {
    let key = |kid: Option<&str>, key: &RsaKey| {
        let mut made = jwks("", key)["keys"][1].clone();
        match kid {
            Some(kid) => made["kid"] = kid.into(),
            None => drop(made.as_object_mut().unwrap().remove("kid")),
        }
        made
    };
    let (one, two) = (&keys()[0], &keys()[1]);
    let unusable = json!({"kty": "RSA", "kid": "k1", "n": "!", "e": "!"});
    for (set, named, verdict) in [
        (
            vec![key(Some("k1"), two), key(Some("k1"), one)],
            Some("k1"),
            None,
        ),
        (vec![key(Some("k0"), two), key(Some("k1"), one)], None, None),
        (vec![key(None, one)], Some("k1"), None),
        (vec![key(None, one), key(None, two)], None, None),
        (vec![unusable, key(Some("k1"), one)], Some("k1"), None),
        (
            vec![key(Some("k1"), two)],
            Some("k1"),
            Some(IdTokenError::Signature),
        ),
        (
            vec![key(Some("k1"), two), key(None, two)],
            Some("k1"),
            Some(IdTokenError::Signature),
        ),
        (
            vec![key(Some("k0"), one)],
            Some("k1"),
            Some(IdTokenError::UnknownKey),
        ),
        (
            vec![key(None, two)],
            Some("k1"),
            Some(IdTokenError::UnknownKey),
        ),
        (
            vec![key(Some("k1"), two)],
            None,
            Some(IdTokenError::UnknownKey),
        ),
    ] {
        let mut verifier = IdTokenVerifier::new(&app());
        let set = json!({ "keys": set });
        verifier.take_keys(&answer(&set), now()).unwrap();
        let mut header = header();
        match named {
            Some(kid) => header["kid"] = kid.into(),
            None => drop(header.as_object_mut().unwrap().remove("kid")),
        }
        let found = verifier.verify(&signed(&header, &claims(), one), Some("n1"), now());
        assert_eq!(found.err(), verdict, "{header} in {set}");
        // Whatever keys there are, other keys may help where none of them has signed.
        assert_eq!(
            verdict.is_some(),
            verdict.and_then(IdTokenError::need).is_some()
        );
    }
}

#[test]
fn a11_discovery_is_of_our_issuer() {
    let document = |issuer: &str, keys: &str| {
        Discovery::parse(
            &app(),
            &answer(&json!({"issuer": issuer, "jwks_uri": keys,
            "code_challenge_methods_supported": ["S256"]})),
        )
    };
    assert!(
        document("https://clever.com", "https://clever.com/jwks")
            .unwrap()
            .pkce
    );
    assert_eq!(
        document("https://evil.example", "https://clever.com/jwks").unwrap_err(),
        AnswerError::OtherIssuer
    );
    let odd = json!({"issuer": "https://clever.com", "jwks_uri": "https://clever.com/jwks",
        "code_challenge_methods_supported": null});
    assert!(!Discovery::parse(&app(), &answer(&odd)).unwrap().pkce);
    assert!(document("https://clever.com", "http://clever.com/jwks").is_err());
}

proptest! {
    #[test]
    fn p23_any_changed_byte_is_refused(at in any::<prop::sample::Index>(), byte in 1_u8..=255) {
        let token = signed(&header(), &claims(), &keys()[0]);
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= byte;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(verifier().verify(&text, Some("n1"), now()).is_err());
        }
        prop_assert!(verifier().verify(&token[..at], Some("n1"), now()).is_err());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_.=-]{0,80}") {
        prop_assert!(verifier().verify(&text, None, now()).is_err());
    }
}
