//! Our check of id tokens against tokens that another implementation signs, good and broken: the
//! `openidconnect` crate makes the keys' document and the tokens.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Arrival, Login, LoginError, LoginFlow, SignedIn};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{Answer, App, IdTokenError, IdTokenVerifier, OpenId, SafePath};
use clever_model::{Clock, SystemClock};
use openidconnect::core::{
    CoreGenderClaim, CoreIdToken, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey,
};
use openidconnect::{
    AdditionalClaims, Audience, IdToken, IdTokenClaims, IssuerUrl, JsonWebKeyId, Nonce,
    PrivateSigningKey, StandardClaims, SubjectIdentifier,
};
use serde::{Deserialize, Serialize};

/// The issuer's key, and a stranger's.
static KEY: LazyLock<String> = LazyLock::new(fresh);
static OTHER_KEY: LazyLock<String> = LazyLock::new(fresh);

/// Makes an RSA key, as the PEM (PKCS #1) that `openidconnect` reads.
fn fresh() -> String {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // PKCS #8 is an envelope of 26 bytes around PKCS #1, for keys of this size.
    let inner = &der.as_ref()[26..];
    let text = base64::engine::general_purpose::STANDARD.encode(inner);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

const ISSUER: &str = "https://clever.com";

/// Clever's own claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Clever {
    user_id: String,
    multi_role_user_id: String,
    user_type: String,
    district: String,
}

impl AdditionalClaims for Clever {}

fn key(pem: &str, id: &str) -> CoreRsaPrivateSigningKey {
    CoreRsaPrivateSigningKey::from_pem(pem, Some(JsonWebKeyId::new(id.to_owned()))).unwrap()
}

/// What a token is made of; each test breaks one thing.
struct Made {
    issuer: &'static str,
    audience: Vec<&'static str>,
    subject: &'static str,
    multi_role: &'static str,
    nonce: Option<String>,
    issued_s: i64,
    life_s: i64,
    key: CoreRsaPrivateSigningKey,
    algorithm: CoreJwsSigningAlgorithm,
}

impl Made {
    fn good(nonce: &str) -> Self {
        Self {
            issuer: ISSUER,
            audience: vec!["our-app"],
            subject: "64f0e2926b100a053fc08e14",
            multi_role: "64f0e2926b100a053fc08e14",
            nonce: Some(nonce.to_owned()),
            issued_s: 0,
            life_s: 3600,
            key: key(&KEY, "k1"),
            algorithm: CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        }
    }

    fn sign(self) -> String {
        let now = SystemClock.now().as_second();
        let time = |second| chrono::DateTime::from_timestamp(second, 0).unwrap();
        let issued = now + self.issued_s;
        let clever = Clever {
            user_id: "64f0e2876b100a053fbf9c6e".to_owned(),
            multi_role_user_id: self.multi_role.to_owned(),
            user_type: "teacher".to_owned(),
            district: "64ef5e6c8d6b17762d094e48".to_owned(),
        };
        let claims = IdTokenClaims::<_, CoreGenderClaim>::new(
            IssuerUrl::new(self.issuer.to_owned()).unwrap(),
            self.audience
                .iter()
                .map(|app| Audience::new((*app).to_owned()))
                .collect(),
            time(issued + self.life_s),
            time(issued),
            StandardClaims::new(SubjectIdentifier::new(self.subject.to_owned())),
            clever,
        )
        .set_nonce(self.nonce.map(Nonce::new));
        let token: IdToken<_, _, CoreJweContentEncryptionAlgorithm, _> =
            IdToken::new(claims, &self.key, self.algorithm, None, None).unwrap();
        token.to_string()
    }
}

fn answer(body: String) -> Answer {
    Answer {
        status: 200,
        body: body.into_bytes(),
    }
}

/// Ends a login to which Clever answers with the id token that `make` makes for its nonce.
fn login(make: impl FnOnce(&str) -> String) -> Result<SignedIn<Login>, LoginError> {
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "secret".to_owned(), redirect).unwrap();
    let mut verifier = IdTokenVerifier::new(&app);
    let keys = CoreJsonWebKeySet::new(vec![key(&KEY, "k1").as_verification_key()]);
    let now = SystemClock.now();
    verifier
        .take_keys(&answer(serde_json::to_string(&keys).unwrap()), now)
        .unwrap();
    let flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &[7; 32])).with_id_token();
    let begun = flow
        .start(
            &Cookies::default(),
            &SafePath::root(),
            None,
            now,
            &SystemRandomness,
        )
        .unwrap();
    let sent = |name: &str| {
        let mut query = begun.authorize.query_pairs();
        query
            .find(|(found, _)| found == name)
            .unwrap()
            .1
            .into_owned()
    };
    let query = format!("code=c1&state={}", sent("state"));
    let arrival = flow
        .callback(&begun.cookies(), &query, None, now, &SystemRandomness)
        .unwrap();
    let redeem = match arrival {
        Arrival::Login(redeem, _) => Some(redeem),
        _ => None,
    }
    .unwrap();
    let tokens = serde_json::json!({
        "access_token": "ilx", "token_type": "bearer", "id_token": make(&sent("nonce")),
    });
    let me = r#"{"data":{"id":"64f0e2926b100a053fc08e14","district":"64ef5e6c8d6b17762d094e48"}}"#;
    redeem.answered(&answer(tokens.to_string()))?.finish(
        &answer(me.to_owned()),
        None,
        OpenId::Checked(&verifier),
        now,
    )
}

#[test]
fn a16_what_openidconnect_signs_stands() {
    let signed_in = login(|nonce| Made::good(nonce).sign()).unwrap();
    assert!(signed_in.login.had_id_token());
    assert_eq!(signed_in.login.role_hint(), Some("teacher"));
    assert_eq!(
        signed_in.login.legacy_id().unwrap().as_str(),
        "64f0e2876b100a053fbf9c6e"
    );
    // Within the skew that two clocks may have.
    for issued_s in [-30, 30] {
        let made = |nonce: &str| Made {
            issued_s,
            ..Made::good(nonce)
        };
        login(|nonce| made(nonce).sign()).unwrap();
    }
}

#[test]
fn a10_a16_p23_each_broken_token_that_openidconnect_signs_is_refused() {
    type Break = fn(&mut Made);
    let cases: [(&str, Break, IdTokenError); 13] = [
        (
            "issuer",
            |made| made.issuer = "https://evil.example",
            IdTokenError::OtherIssuer,
        ),
        (
            "issuer with a slash",
            |made| made.issuer = "https://clever.com/",
            IdTokenError::OtherIssuer,
        ),
        (
            "audience",
            |made| made.audience = vec!["other-app"],
            IdTokenError::OtherApp,
        ),
        (
            "no audience",
            |made| made.audience = vec![],
            IdTokenError::OtherApp,
        ),
        (
            "two audiences and no party",
            |made| made.audience = vec!["our-app", "other-app"],
            IdTokenError::OtherApp,
        ),
        (
            "nonce",
            |made| made.nonce = Some("another".to_owned()),
            IdTokenError::Nonce,
        ),
        ("no nonce", |made| made.nonce = None, IdTokenError::Nonce),
        ("over", |made| made.issued_s = -3700, IdTokenError::Time),
        ("to come", |made| made.issued_s = 120, IdTokenError::Time),
        (
            "for a week",
            |made| made.life_s = 7 * 24 * 3600,
            IdTokenError::Time,
        ),
        (
            "another's key under our name",
            |made| made.key = key(&OTHER_KEY, "k1"),
            IdTokenError::Signature,
        ),
        (
            "another's key",
            |made| made.key = key(&OTHER_KEY, "k2"),
            IdTokenError::UnknownKey,
        ),
        (
            "another algorithm",
            |made| made.algorithm = CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            IdTokenError::Algorithm,
        ),
    ];
    for (name, break_it, error) in cases {
        let refused = login(|nonce| {
            let mut made = Made::good(nonce);
            break_it(&mut made);
            made.sign()
        });
        assert_eq!(refused.unwrap_err(), LoginError::IdToken(error), "{name}");
    }
    let two = login(|nonce| {
        Made {
            multi_role: "64f0e2926b100a053fc08e99",
            ..Made::good(nonce)
        }
        .sign()
    });
    assert!(two.is_err(), "two ids for one person");
    let other = login(|nonce| {
        Made {
            subject: "64f0e2926b100a053fc08e99",
            multi_role: "64f0e2926b100a053fc08e99",
            ..Made::good(nonce)
        }
        .sign()
    });
    assert!(
        matches!(other, Err(LoginError::Disagreement(_))),
        "{other:?}"
    );
}

#[test]
fn p23_every_changed_letter_of_a_signed_token_is_refused() {
    let token = std::cell::RefCell::new(String::new());
    let length = {
        login(|nonce| {
            *token.borrow_mut() = Made::good(nonce).sign();
            token.borrow().clone()
        })
        .unwrap();
        token.borrow().len()
    };
    // Every seventh letter, and those around the dots.
    let dots: Vec<usize> = token
        .borrow()
        .match_indices('.')
        .map(|(at, _)| at)
        .collect();
    let around = dots.iter().flat_map(|at| [at - 1, *at, at + 1]);
    for at in (0..length).step_by(7).chain(around) {
        let refused = login(|nonce| {
            let mut letters = Made::good(nonce).sign().into_bytes();
            if at < letters.len() {
                letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            }
            String::from_utf8(letters).unwrap()
        });
        assert!(refused.is_err(), "letter {at} of {length}");
    }
}

/// The other direction: what `openidconnect` reads of a token, ours reads too.
#[test]
fn both_read_the_same_of_one_token() {
    let ours = login(|nonce| Made::good(nonce).sign()).unwrap();
    let text = Made::good("n").sign();
    let theirs: CoreIdToken = serde_json::from_value(text.into()).unwrap();
    let keys = CoreJsonWebKeySet::new(vec![key(&KEY, "k1").as_verification_key()]);
    let verifier = openidconnect::core::CoreIdTokenVerifier::new_public_client(
        openidconnect::ClientId::new("our-app".to_owned()),
        IssuerUrl::new(ISSUER.to_owned()).unwrap(),
        keys,
    );
    let claims = theirs
        .claims(&verifier, &Nonce::new("n".to_owned()))
        .unwrap();
    assert_eq!(claims.subject().as_str(), ours.login.user_id().as_str());
}
