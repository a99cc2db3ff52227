//! Logins with the real answers of Clever, but another id token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Arrival, LoginError, LoginFlow};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{Answer, OpenId, Request, SafePath};
use clever_model::{Clock, SystemClock};
use serde_json::Value;

use super::scene::{Browser, Entry, Scene};

/// Ends logins with the real answers of Clever, but another id token: none of the changed ones stands.
pub(super) async fn tampered(entry: Entry, scene: &Scene) {
    let keys = SealingKeys::new(KeyId(2), &[8; 32]);
    let flow = LoginFlow::new(scene.app.clone(), keys).with_id_token();
    // One byte of the claims or of the signature; another key's name; no signature; no token.
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 6] = [
        ("nothing", str::to_owned),
        ("claims", |token| {
            parts(token, |part| {
                part[1] = encoded(&decoded(&part[1]).replace("\"iat\":", "\"iat\": "));
            })
        }),
        ("signature", |token| {
            parts(token, |part| {
                part[2].replace_range(0..1, if part[2].starts_with('A') { "B" } else { "A" });
            })
        }),
        ("key", |token| {
            parts(token, |part| {
                part[0] = encoded(&decoded(&part[0]).replace("emulated-1", "emulated-9"));
            })
        }),
        ("none", |token| {
            parts(token, |part| {
                part[0] = encoded(r#"{"alg":"none","typ":"JWT"}"#);
                part[2].clear();
            })
        }),
        ("missing", |_| String::new()),
    ];
    for (name, change) in changes {
        let now = SystemClock.now();
        let begun = flow
            .start(
                &Cookies::default(),
                &SafePath::root(),
                None,
                now,
                &SystemRandomness,
            )
            .unwrap();
        let mut browser = Browser::new(false);
        if entry != Entry::Button {
            // The person is known at Clever from the way in.
            browser
                .until_callback(scene, scene.door(entry))
                .await
                .unwrap();
        }
        let callback = browser
            .until_callback(scene, begun.authorize.clone())
            .await
            .unwrap();
        let arrival = flow.callback(
            &begun.cookies(),
            callback.query().unwrap(),
            None,
            now,
            &SystemRandomness,
        );
        let Ok(Arrival::Login(redeem, _)) = arrival else {
            unreachable!("the login is this browser's")
        };
        let mut tokens = send(&redeem.request()).await;
        let mut body: Value = serde_json::from_slice(&tokens.body).unwrap();
        if entry == Entry::Library {
            assert!(body.get("id_token").is_none(), "Library logins have none");
            assert_eq!(redeem.answered(&tokens).unwrap_err(), LoginError::NoIdToken);
            return;
        }
        body["id_token"] = change(body["id_token"].as_str().unwrap()).into();
        tokens.body = body.to_string().into_bytes();
        let ended = match redeem.answered(&tokens) {
            Err(error) => Err(error),
            Ok(identify) => {
                let me = send(&identify.me_request()).await;
                let info = send(&identify.user_info_request()).await;
                identify.finish(&me, Some(&info), OpenId::Checked(&scene.verifier), now)
            }
        };
        match ended {
            Ok(signed_in) => {
                assert_eq!(name, "nothing");
                assert_eq!(signed_in.login.user_id().as_str(), scene.user);
            }
            Err(LoginError::IdToken(_)) => {
                assert!(!matches!(name, "nothing" | "missing"), "{name}");
            }
            Err(error) => assert_eq!((name, error), ("missing", LoginError::NoIdToken)),
        }
    }
}

async fn send(request: &Request) -> Answer {
    let http = reqwest::Client::new();
    let url = request.url().clone();
    let mut prepared = match request.form_body() {
        Some(form) => http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        None => http.get(url),
    };
    if let Some((user, password)) = request.basic_credentials() {
        prepared = prepared.basic_auth(user, Some(password));
    }
    if let Some(token) = request.bearer_token() {
        prepared = prepared.bearer_auth(token);
    }
    let answer = prepared.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

/// Changes the three parts of a token.
fn parts(token: &str, change: impl FnOnce(&mut [String])) -> String {
    let mut parts: Vec<String> = token.split('.').map(ToOwned::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decoded(part: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
