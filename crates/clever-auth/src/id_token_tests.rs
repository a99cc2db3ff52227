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
    let text = format!(
        "{}.{}",
        B64.encode(header.to_string()),
        B64.encode(claims.to_string())
    );
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
        ("iss", json!("https://clever.com/"), IdTokenError::Signature),
        (
            "iss",
            json!("https://evil.example"),
            IdTokenError::Signature,
        ),
        ("iss", Value::Null, IdTokenError::Signature),
        ("aud", json!("other-app"), IdTokenError::Signature),
        ("aud", Value::Null, IdTokenError::Signature),
        (
            "aud",
            json!(["our-app", "other-app"]),
            IdTokenError::OtherApp,
        ),
        ("azp", json!("other-app"), IdTokenError::OtherApp),
        ("exp", json!(NOW - 60), IdTokenError::Time),
        ("exp", json!(NOW + 90_000), IdTokenError::Time),
        ("exp", json!(i64::MAX), IdTokenError::Time),
        ("exp", Value::Null, IdTokenError::Signature),
        ("exp", json!("soon"), IdTokenError::Signature),
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
        ("azp", json!("our-app")),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert!(check(&header(), &claims).is_ok(), "{claims}");
    }
}

#[test]
fn keys_are_read_again_when_needed_and_not_more_often() {
    let mut verifier = verifier();
    let later = |seconds| Timestamp::from_second(NOW + seconds).unwrap();
    assert!(!verifier.wants_keys(false, now()));
    assert!(
        !verifier.wants_keys(true, later(299)),
        "a flood of forged key ids costs nothing"
    );
    assert!(verifier.wants_keys(true, later(300)));
    assert!(verifier.wants_keys(false, later(86_401)));
    // An outage leaves the last good keys.
    assert!(
        verifier
            .take_keys(&answer(&json!({"keys": []})), later(400))
            .is_err()
    );
    assert!(
        verifier
            .verify(&signed(&header(), &claims(), &keys()[0]), Some("n1"), now())
            .is_ok()
    );
    // A rotation drops the old key.
    verifier
        .take_keys(&answer(&jwks("k9", &keys()[1])), later(800))
        .unwrap();
    let old = verifier.verify(&signed(&header(), &claims(), &keys()[0]), Some("n1"), now());
    assert_eq!(old.err(), Some(IdTokenError::UnknownKey));
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
    assert!(document("https://evil.example", "https://clever.com/jwks").is_err());
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
