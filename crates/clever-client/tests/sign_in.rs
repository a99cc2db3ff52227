//! Logins over HTTP against a Clever of a few lines: codes are redeemed once, handles ask for what their
//! token opens, grants come whole.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod begun;
mod counted;
mod nobody;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::{Router, body};
use clever_auth::{App, LoginToken, OpenId, RawToken};
use clever_client::{
    ClientOptions, LibraryTeacher, LibraryVersion, LoginService, RetryPolicy, SignInError, User,
};
use clever_model::{DistrictId, SectionId, UserId};
use futures_util::TryStreamExt;
use metrics_util::debugging::DebuggingRecorder;

use crate::begun::begun;
use crate::counted::counted;
use crate::nobody::nobody;

/// What was asked, in order: method, address, `Authorization`, body.
type Asked = Arc<Mutex<Vec<[String; 4]>>>;

#[derive(Clone)]
struct Clever {
    asked: Asked,
    /// Refuses to answer redemptions.
    silent: bool,
    authority: &'static str,
}

async fn answer(State(clever): State<Clever>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, 10_000).await.unwrap();
    let header = parts.headers.get("authorization");
    let authorization = header.map_or("", |value| value.to_str().unwrap());
    let number = {
        let mut asked = clever.asked.lock().unwrap();
        asked.push([
            parts.method.to_string(),
            parts.uri.to_string(),
            authorization.to_owned(),
            String::from_utf8(body.to_vec()).unwrap(),
        ]);
        asked.len()
    };
    let json = |text: String| Response::new(Body::from(text));
    match (parts.method.as_str(), parts.uri.path()) {
        ("POST", "/oauth/tokens") if clever.silent => {
            let cut = futures_util::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
            Response::new(Body::from_stream(cut))
        }
        ("POST", "/oauth/tokens") => {
            json(r#"{"access_token":"ilsecret","token_type":"bearer"}"#.into())
        }
        // Every other read fails at first.
        _ if number.is_multiple_of(2) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
        (_, "/v3.1/me") => json(format!(
            r#"{{"data":{{"id":"a1","authorized_by":"{}"}}}}"#,
            clever.authority
        )),
        (_, "/userinfo") => json(r#"{"sub":"a1","user_id":"a0","given_name":"Ada"}"#.into()),
        (_, "/oauth/tokeninfo") => json(r#"{"client_id":"our-app","scopes":[]}"#.into()),
        (_, "/oauth/tokens") => {
            let page = parts.uri.query().unwrap().contains("page=2");
            let (id, next) = if page {
                ("d2", "")
            } else {
                (
                    "d1",
                    r#"{"rel":"next","uri":"/oauth/tokens?owner_type=district&page=2"}"#,
                )
            };
            json(format!(
                r#"{{"data":[{{"owner":{{"type":"district","id":"{id}"}},"access_token":"token-{id}"}}],"links":[{next}]}}"#
            ))
        }
        _ => json(r#"{"data":[{"data":{"id":"x1"}}],"links":[]}"#.into()),
    }
}

async fn serve(silent: bool, authority: &'static str) -> (App, ClientOptions, Asked) {
    let asked = Asked::default();
    let clever = Clever {
        asked: Arc::clone(&asked),
        silent,
        authority,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let router = Router::new().fallback(answer).with_state(clever);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "app-secret".to_owned(), redirect).unwrap();
    let app = app.at(url.clone(), url.clone()).unwrap();
    let options = ClientOptions {
        api_url: url,
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    (app, options, asked)
}

#[tokio::test]
async fn a_login_redeems_once_and_reads_until_it_knows() {
    let (app, options, asked) = serve(false, "district").await;
    let service = LoginService::new(options.clone()).unwrap();
    let signed_in = service
        .finish(begun(&app, "c1"), &OpenId::Off)
        .await
        .unwrap();
    assert_eq!(signed_in.login.user_id().as_str(), "a1");
    assert_eq!(signed_in.login.legacy_id().unwrap().as_str(), "a0");
    let LoginToken::District(token) = signed_in.token else {
        panic!("not a district's user")
    };
    User::new(options, token)
        .unwrap()
        .record(&UserId::new("a1").unwrap())
        .await
        .unwrap();
    let asked = asked.lock().unwrap();
    let redeemed: Vec<_> = asked.iter().filter(|asked| asked[0] == "POST").collect();
    assert_eq!(redeemed.len(), 1);
    assert_eq!(redeemed[0][2], "Basic b3VyLWFwcDphcHAtc2VjcmV0");
    assert!(redeemed[0][3].starts_with("grant_type=authorization_code&code=c1&"));
    let last = asked.last().unwrap();
    assert_eq!(
        (&*last[1], &*last[2]),
        ("/v3.1/users/a1", "Bearer ilsecret")
    );
}

#[tokio::test]
async fn a12_a_code_whose_answer_was_lost_is_not_redeemed_again() {
    let (app, options, asked) = serve(true, "district").await;
    let service = LoginService::new(options).unwrap();
    let error = service
        .finish(begun(&app, "c1"), &OpenId::Off)
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Network(_)));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_library_teacher_asks_in_her_apis_words_and_never_for_page_sizes() {
    for (version, expected) in [
        (
            LibraryVersion::V2_1,
            [
                "/v2.1/teachers/a1",
                "/v2.1/teachers/a1/sections",
                "/v2.1/sections/s1/students",
            ],
        ),
        (
            LibraryVersion::V3_1,
            [
                "/v3.1/users/a1",
                "/v3.1/users/a1/sections",
                "/v3.1/sections/s1/users?role=student",
            ],
        ),
    ] {
        let (app, options, asked) = serve(false, "teacher").await;
        let service = LoginService::new(options.clone()).unwrap();
        let raw = RawToken::new("ilsecret").unwrap();
        let own = service.confirm(&app, raw).await.unwrap();
        let me = br#"{"data":{"id":"a1","authorized_by":"teacher"}}"#;
        let me = clever_auth::Answer {
            status: 200,
            body: me.to_vec(),
        };
        let Ok(LoginToken::Library(token)) = own.into_user(&me) else {
            panic!("not a Library teacher")
        };
        let teacher = LibraryTeacher::new(options, token, version).unwrap();
        let id = UserId::new("a1").unwrap();
        teacher.record(&id).await.unwrap();
        teacher.sections(&id).try_collect::<Vec<_>>().await.unwrap();
        let section = SectionId::new("s1").unwrap();
        teacher
            .students(&section)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        let mut paths: Vec<String> = asked.lock().unwrap().iter().map(|a| a[1].clone()).collect();
        paths.dedup();
        assert_eq!(paths[1..], expected);
    }
}

#[tokio::test]
async fn the_list_of_grants_comes_whole() {
    let (app, options, _) = serve(false, "district").await;
    let service = LoginService::new(options).unwrap();
    let grants = service.district_grants(&app, None).await.unwrap();
    let districts: Vec<&str> = grants.iter().map(|grant| grant.district.as_str()).collect();
    assert_eq!(districts, ["d1", "d2"]);
    let d1 = DistrictId::new("d1").unwrap();
    let now = clever_auth::tokens::grants::current(&grants, &d1).unwrap();
    assert_eq!(now.token.secret(), "token-d1");
}

#[tokio::test]
async fn the_calls_of_a_sign_in_and_of_the_api_are_counted_alike() {
    let recorder = DebuggingRecorder::new();
    let shots = recorder.snapshotter();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let (app, options, asked) = serve(false, "district").await;
    let service = LoginService::new(options.clone()).unwrap();
    let signed_in = service
        .finish(begun(&app, "c1"), &OpenId::Off)
        .await
        .unwrap();
    let LoginToken::District(token) = signed_in.token else {
        panic!("not a district's user")
    };
    let id = UserId::new("a1").unwrap();
    // Whose answer fails is a matter of even numbers: the record's first one does.
    if asked.lock().unwrap().len().is_multiple_of(2) {
        service.reach(&options.api_url).await.unwrap();
    }
    let user = User::new(options.clone(), token).unwrap();
    user.record(&id).await.unwrap();
    let so_far = counted(&shots);
    let is = |name: &str| so_far.get(name).copied().unwrap_or_default();
    for service in ["login", "api"] {
        let failed = is(&format!("clever_answers_total {service},502"));
        let retries = is(&format!("clever_retries_total {service}"));
        assert!(failed > 0, "{so_far:?}");
        assert_eq!(failed, retries, "{so_far:?}");
        let good = is(&format!("clever_answers_total {service},200"));
        assert!(good > 0, "{so_far:?}");
        assert_eq!(
            is(&format!("clever_answer_seconds {service}")),
            failed + good
        );
        assert!(is(&format!("clever_answer_bytes_total {service}")) > 0);
        assert_eq!(is(&format!("clever_given_up_total {service}")), 0);
    }

    let url = nobody();
    let nowhere = ClientOptions {
        api_url: url.clone(),
        ..options
    };
    let nobody = LoginService::new(nowhere.clone()).unwrap();
    let app = app.at(url.clone(), url).unwrap();
    nobody.district_grants(&app, None).await.unwrap_err();
    let token = clever_auth::DistrictAppToken::new("token-d1").unwrap();
    let district = clever_client::District::new(nowhere, token).unwrap();
    district.district().await.unwrap_err();
    let counted = counted(&shots);
    for service in ["login", "api"] {
        let is = |name: &str| counted.get(&format!("{name} {service}")).copied();
        assert_eq!(is("clever_unanswered_total"), Some(2), "{counted:?}");
        assert_eq!(is("clever_given_up_total"), Some(1), "{counted:?}");
    }
}
