//! What Clever's answers may say differently of one person, and what they may not, over HTTP; and what is logged of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod begun;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use clever_auth::login::{Login, LoginError, SignedIn};
use clever_auth::{App, OpenId};
use clever_client::{ClientOptions, LoginService, SignInError};

use crate::begun::begun;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a login of whom `/me` and `/userinfo` say this.
async fn sign_in(me: &str, info: &str) -> Result<SignedIn<Login>, SignInError> {
    let (me, info) = (format!(r#"{{"data":{me}}}"#), info.to_owned());
    let clever = Router::new()
        .route(
            "/oauth/tokens",
            post(|| async { r#"{"access_token":"il-canary","token_type":"bearer"}"# }),
        )
        .route("/v3.1/me", get(|| async { me }))
        .route("/userinfo", get(|| async { info }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move { axum::serve(listener, clever).await });
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "app-canary".to_owned(), redirect).unwrap();
    let app = app.at(url.clone(), url).unwrap();
    let redeem = begun(&app, "code-canary");
    let service = LoginService::new(ClientOptions::default()).unwrap();
    service.finish(redeem, &OpenId::Off).await
}

/// As it was found: an address in capitals, a blank after a name, another normal form, a preferred name, another role.
#[tokio::test]
async fn field_f7_who_is_spelt_otherwise_signs_in_and_no_value_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _log = tracing::subscriber::set_default(subscriber);
    let me = r#"{"id":"a1","district":"d1","type":"teacher","email":"canary.ana@school.example",
        "name":{"first":"CanaryAna","last":"CanaryNúñez"}}"#;
    for (info, differing) in [
        (
            r#""email":"Canary.Ana@School.example""#,
            r#"differing=["address"]"#,
        ),
        (
            r#""given_name":"CanaryAna ","family_name":"CanaryNúñez""#,
            "",
        ),
        (
            "\"family_name\":\"CanaryNu\u{301}n\u{303}ez\"",
            r#"differing=["name"]"#,
        ),
        (r#""given_name":"CanaryAnita""#, r#"differing=["name"]"#),
        (r#""user_type":"student""#, r#"differing=["role"]"#),
        (
            r#""user_type":"student","given_name":"CanaryX","email":"canary""#,
            r#"differing=["name", "role", "address"]"#,
        ),
        (r#""given_name":["CanaryX"],"email":{"canary":1}"#, ""),
    ] {
        log.0.lock().unwrap().clear();
        let info = format!(r#"{{"sub":"a1","district":"d1",{info}}}"#);
        let signed_in = sign_in(me, &info).await.unwrap();
        assert_eq!(
            signed_in.login.name(),
            (Some("CanaryAna"), Some("CanaryNúñez"))
        );
        assert_eq!(signed_in.login.role_hint(), Some("teacher"));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let told = text
            .lines()
            .find(|line| line.contains("show a person differently"));
        assert_eq!(told.is_some(), !differing.is_empty(), "{text}");
        assert!(told.unwrap_or_default().contains(differing), "{text}");
        assert!(!text.to_lowercase().contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn field_f7_another_id_or_district_signs_nobody_in() {
    for (me, info, why) in [
        (
            r#"{"id":"a1"}"#,
            r#"{"sub":"a2"}"#,
            "disagree about the user's id",
        ),
        (
            r#"{"id":"a1"}"#,
            r#"{"sub":"a2","user_id":"a3"}"#,
            "disagree about the user's id",
        ),
        (
            r#"{"id":"a1","district":"d1"}"#,
            r#"{"sub":"a1","district":"d2"}"#,
            "disagree about the user's district",
        ),
        (
            r#"{"id":"a1","authorized_by":"district"}"#,
            r#"{"sub":"a1","authorized_by":"teacher"}"#,
            "disagree about the user's authority",
        ),
        (
            r#"{"id":"a1"}"#,
            r#"{"user_id":"a1"}"#,
            "`/userinfo` can't be used",
        ),
        (
            r#"{"id":"a1"}"#,
            r#"{"sub":"a1","district":7}"#,
            "`/userinfo` can't be used",
        ),
        (
            r#"{"id":"a1","authorized_by":7}"#,
            r#"{"sub":"a1"}"#,
            "`/me` can't be used",
        ),
        (r#"{"id":null}"#, r#"{"sub":"a1"}"#, "`/me` can't be used"),
    ] {
        let refused = sign_in(me, info).await.unwrap_err();
        assert!(matches!(refused, SignInError::Login(_)));
        assert!(refused.to_string().contains(why), "{me} {info}: {refused}");
        assert!(!matches!(
            refused,
            SignInError::Login(LoginError::Redeem(_))
        ));
    }
    // Said by one alone is said.
    for (me, info) in [
        (r#"{"id":"a1"}"#, r#"{"sub":"a1","district":"d1"}"#),
        (r#"{"id":"a1","district":"d1"}"#, r#"{"sub":"a1"}"#),
        (
            r#"{"id":"a0","district":"d1"}"#,
            r#"{"sub":"a1","user_id":"a0","district":"d1"}"#,
        ),
    ] {
        let signed_in = sign_in(me, info).await.unwrap();
        assert_eq!(signed_in.login.user_id().as_str(), "a1");
        assert_eq!(signed_in.login.district().unwrap().as_str(), "d1");
    }
}
