//! A district's token changes under a client that is reading; and what the client tells logs and metrics.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod counted;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clever_auth::App;
use clever_client::{
    ClientOptions, ConnectError, District, ErrorKind, LoginService, RawPage, RetryPolicy,
};
use clever_model::{DistrictId, RecordKind};
use futures_util::TryStreamExt;
use metrics_util::debugging::DebuggingRecorder;

use crate::counted::counted;

/// A Clever of ten pages that changes the token at every `every`th request.
#[derive(Clone)]
struct Clever(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    requests: usize,
    listings: usize,
    every: usize,
    /// The number in the token of now.
    token: usize,
    /// Whether the list of grants tells the token of now.
    tells: bool,
}

async fn answer(State(clever): State<Clever>, request: Request) -> Response {
    let (path, query) = (
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
    );
    let mut counts = clever.0.lock().unwrap();
    if path == "/oauth/tokens" {
        counts.listings += 1;
        assert!(query.contains("district=d1"));
        let token = if counts.tells { counts.token } else { 0 };
        return format!(
            r#"{{"data":[{{"owner":{{"type":"district","id":"d1"}},"access_token":"tokencanary{token}"}}],"links":[]}}"#
        )
        .into_response();
    }
    counts.requests += 1;
    if counts.requests.is_multiple_of(counts.every) {
        counts.token += 1;
    }
    let expected = format!("Bearer tokencanary{}", counts.token);
    if request.headers()["authorization"] != expected.as_str() {
        return (StatusCode::UNAUTHORIZED, "{}").into_response();
    }
    let at: usize = query
        .split_once("starting_after=u")
        .map_or(0, |(_, at)| at.parse::<usize>().unwrap() + 1);
    let next = (at < 9).then(|| {
        format!(r#"{{"rel":"next","uri":"/v3.1/users?limit=2000&starting_after=u{at}"}}"#)
    });
    format!(
        r#"{{"data":[{{"data":{{"id":"u{at}","name":{{"first":"Namecanary"}},"email":"mailcanary@x.example"}}}}],"links":[{}]}}"#,
        next.unwrap_or_default()
    )
    .into_response()
}

async fn connect(every: usize, tells: bool) -> (Result<District, ConnectError>, Clever) {
    let counts = Counts {
        every,
        tells,
        ..Counts::default()
    };
    let clever = Clever(Arc::new(Mutex::new(counts)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let router = Router::new().fallback(answer).with_state(clever.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "secretcanary".to_owned(), redirect)
        .unwrap()
        .at(url.clone(), url.clone())
        .unwrap();
    let options = ClientOptions {
        api_url: url,
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    let service = LoginService::new(options.clone()).unwrap();
    let district = DistrictId::new("d1").unwrap();
    (
        District::connect(options, service, app, district).await,
        clever,
    )
}

#[tokio::test]
async fn a_token_that_changes_in_mid_walk_is_read_again() {
    let (district, clever) = connect(4, true).await;
    let district = district.unwrap();
    let pages: Vec<RawPage> = district
        .list(RecordKind::Users)
        .pages()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages.len(), 10);
    let counts = clever.0.lock().unwrap();
    assert!(counts.token >= 2);
    assert_eq!(counts.listings, 1 + counts.token, "once for each change");
}

#[tokio::test]
async fn many_calls_at_once_ask_once() {
    let (district, clever) = connect(1000, true).await;
    let district = district.unwrap();
    clever.0.lock().unwrap().token = 1;
    let calls = (0..8).map(|_| district.list(RecordKind::Users).first_page());
    let pages = futures_util::future::try_join_all(calls).await.unwrap();
    assert_eq!(pages.len(), 8);
    assert_eq!(clever.0.lock().unwrap().listings, 2);
}

#[tokio::test]
async fn a_token_that_stays_refused_is_an_error() {
    let (district, clever) = connect(4, false).await;
    let district = district.unwrap();
    let walked: Result<Vec<_>, _> = district.list(RecordKind::Users).pages().try_collect().await;
    assert_eq!(walked.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(clever.0.lock().unwrap().listings, 2);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn p25_logs_and_metrics_tell_of_calls_and_never_of_whom() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let recorder = DebuggingRecorder::new();
    let shots = recorder.snapshotter();
    let _log = tracing::subscriber::set_default(subscriber);
    let _metrics = metrics::set_default_local_recorder(&recorder);

    let (district, _) = connect(4, true).await;
    let pages = district.unwrap().list(RecordKind::Users).pages();
    let pages: Vec<RawPage> = pages.try_collect().await.unwrap();
    assert_eq!(pages.len(), 10);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("clever_"))
        .collect();
    assert!(
        ours.iter()
            .any(|line| line.contains("path=\"/v3.1/users\"") && line.contains("status=200")),
        "{text}"
    );
    assert!(
        ours.iter().any(|line| line.contains("token had changed")),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");

    let counted = counted(&shots);
    let is = |name: &str| counted.get(name).copied().unwrap_or_default();
    assert_eq!(is("clever_answers_total api,200"), 10, "{counted:?}");
    let renewals = is("clever_token_renewals_total api");
    assert!(renewals > 0);
    assert_eq!(is("clever_answers_total api,401"), renewals);
    assert_eq!(is("clever_answer_seconds api"), 10 + renewals);
    assert!(is("clever_answer_bytes_total api") > 1000);
    assert!(!format!("{counted:?}").contains("canary"));
}
