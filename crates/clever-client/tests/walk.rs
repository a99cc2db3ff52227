//! Walks over a scripted server on loopback: whatever it does, a walk ends in the whole list or in an
//! error, and no error shows a token or a body.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking"
)]

#[path = "walk/field.rs"]
mod field;
mod nobody;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use clever_auth::DistrictAppToken;
use clever_client::{
    ClientError, ClientOptions, District, Element, ErrorKind, LinkFault, Notice, RetryPolicy,
    WalkError, Watch,
};
use clever_model::RecordKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::nobody::nobody;

const TOKEN: &str = "0123456789abcdef0123";

/// One scripted answer.
#[derive(Clone)]
enum Answer {
    Json(String),
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Declares more than it sends, then drops the connection.
    Cut(String),
    Hang,
    /// Compressed; of the last byte so much is another one.
    Packed(String, u8),
    /// A byte now and then, and no end.
    Trickle,
}

use Answer::{Cut, Hang, Json, Packed, Status, Trickle};

const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
const JSON: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("x-request-id", "req-7"),
];

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(script): State<Script>, request: Request) -> Response<Body> {
    assert_eq!(
        request.headers()["authorization"],
        format!("Bearer {TOKEN}")
    );
    script.asked.lock().unwrap().push(request.uri().to_string());
    let next =
        script
            .answers
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Status(500, &[], "script over"));
    match next {
        Json(text) => Response::builder()
            .header("content-type", "application/json")
            .body(Body::from(text))
            .unwrap(),
        Status(status, headers, text) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Body::from(text)).unwrap()
        }
        Cut(text) => {
            let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            let parts = stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
            Response::builder()
                .header("content-type", "application/json")
                .body(Body::from_stream(parts))
                .unwrap()
        }
        Packed(text, wrong) => {
            assert_eq!(request.headers()["accept-encoding"], "gzip");
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            let mut body = encoder.finish().unwrap();
            *body.last_mut().unwrap() ^= wrong;
            Response::builder()
                .header("content-type", "application/json")
                .header("content-encoding", "gzip")
                .body(Body::from(body))
                .unwrap()
        }
        Trickle => {
            let bytes = stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
            });
            Response::builder()
                .header("content-type", "application/json")
                .body(Body::from_stream(bytes))
                .unwrap()
        }
        Hang => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Response::new(Body::empty())
        }
    }
}

/// Hears what the client says meanwhile.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Watch for Heard {
    fn notice(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.to_string());
    }
}

/// Serves `answers` in order and gives a client of it.
async fn serve(answers: impl IntoIterator<Item = Answer>) -> (District, Script) {
    serve_with(answers, |_| {}).await
}

/// The same with other options.
async fn serve_with(
    answers: impl IntoIterator<Item = Answer>,
    change: impl FnOnce(&mut ClientOptions),
) -> (District, Script) {
    let script = Script::default();
    script.answers.lock().unwrap().extend(answers);
    let router = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut options = ClientOptions {
        api_url: format!("http://{address}").parse().unwrap(),
        retry: RetryPolicy {
            max_attempts: 4,
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(4),
            max_rate_wait: Duration::from_secs(5),
        },
        request_timeout: Duration::from_millis(400),
        max_page_bytes: 10_000,
        ..ClientOptions::default()
    };
    change(&mut options);
    (
        District::new(options, DistrictAppToken::new(TOKEN).unwrap()).unwrap(),
        script,
    )
}

/// A page with one user and, if `next` is given, a link to the page after it.
fn page(id: &str, next: Option<&str>) -> String {
    let next = next.map_or(String::new(), |uri| {
        format!(r#",{{"rel":"next","uri":"{uri}"}}"#)
    });
    format!(
        r#"{{"data":[{{"data":{{"id":"{id}","name":{{"first":"Secretname"}}}},"uri":"/v3.1/users/{id}"}}],
            "links":[{{"rel":"self","uri":"/v3.1/users"}}{next}]}}"#
    )
}

fn after(id: &str) -> String {
    format!("/v3.1/users?limit=2000&starting_after={id}")
}

/// Walks all users and gives their ids.
async fn ids(district: &District) -> Result<Vec<String>, ClientError> {
    let pages: Vec<_> = district
        .list(RecordKind::Users)
        .pages()
        .try_collect()
        .await?;
    Ok(pages
        .iter()
        .flat_map(|page| {
            page.records()
                .map(|record| record.id.to_owned())
                .collect::<Vec<_>>()
        })
        .collect())
}

/// Walks and expects an error that shows nothing secret.
async fn error(district: &District) -> ClientError {
    let error = ids(district).await.expect_err("the walk fails");
    let shown = format!("{error} {error:?} {district:?}");
    assert!(
        !shown.contains(TOKEN) && !shown.contains("Secretname"),
        "{shown}"
    );
    error
}

#[tokio::test]
async fn next_is_followed_as_sent_to_its_absence() {
    let (district, script) = serve([
        Json(page(
            "a",
            Some("/v3.1/users?starting_after=a&limit=7&odd=1"),
        )),
        Json(
            r#"{"data":[],"links":[{"rel":"next","uri":"/v3.1/users?starting_after=a2"}]}"#
                .to_owned(),
        ),
        Json(page("b", None)),
    ])
    .await;
    assert_eq!(ids(&district).await.unwrap(), ["a", "b"]);
    assert_eq!(
        *script.asked.lock().unwrap(),
        [
            "/v3.1/users?limit=2000",
            "/v3.1/users?starting_after=a&limit=7&odd=1",
            "/v3.1/users?starting_after=a2"
        ]
    );
}

#[tokio::test]
async fn what_passes_is_survived_in_mid_walk() {
    let (district, _) = serve([
        Status(500, &[], "oops"),
        Json(page("a", Some(&after("a")))),
        Cut(page("b", Some(&after("b")))),
        Hang,
        Json(page("b", Some(&after("b")))),
        Status(429, &[("retry-after", "0")], "Too Many Requests"),
        Json("{\"data\":[{\"data\":{\"id\":\"c\"}".to_owned()),
        Status(503, &[("content-type", "text/html")], "<html>"),
        Json(page("c", None)),
    ])
    .await;
    assert_eq!(ids(&district).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_storm_over_a_hundred_pages_ends_in_the_whole_list() {
    let mut answers = Vec::new();
    for number in 0..100 {
        let id = format!("u{number:03}");
        match number % 5 {
            // A time-out costs the test its whole length, so a few are enough.
            4 if number % 25 == 4 => answers.push(Hang),
            3 if number % 10 == 3 => answers.push(Json(page(&id, None)[..40].to_owned())),
            0 => answers.push(Status(
                429,
                &[
                    ("x-ratelimit-remaining", "4, 9"),
                    ("x-ratelimit-reset", "1, 2"),
                ],
                "",
            )),
            1 => answers.push(Cut(page(&id, None))),
            2 => answers.push(Status(502, &[], "bad gateway")),
            _ => {}
        }
        let next = (number < 99).then(|| after(&id));
        answers.push(Json(page(&id, next.as_deref())));
    }
    let (district, _) = serve(answers).await;
    let ids = ids(&district).await.unwrap();
    assert_eq!(ids.len(), 100);
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn what_stays_broken_is_an_error_after_the_first_pages() {
    let (district, _) = serve([Json(page("a", Some(&after("a"))))]).await;
    let mut pages = Box::pin(district.list(RecordKind::Users).pages());
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.is_transient());
    assert!(pages.next().await.is_none(), "nothing follows an error");

    let (district, _) = serve([Hang, Hang, Hang, Hang, Hang]).await;
    let request = district.list(RecordKind::Users).limit(50);
    let error = request.first_page().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn whatever_happens_wherever_in_a_hundred_pages_the_list_is_whole_or_an_error() {
    let limited = Status(429, &[("retry-after", "0")], "slow down");
    for trouble in [
        limited,
        Hang,
        Json(page("x", None)[..60].to_owned()),
        Cut(page("x", None)),
        Status(500, &[], ""),
        Status(401, &[], "{}"),
        Status(403, &[], "{}"),
        Status(404, &[], "{}"),
        Status(404, HTML, "<html>"),
        Status(200, HTML, "<html>"),
        Status(302, &[("location", "/login")], ""),
        Status(200, &[], ""),
        Json(r#"{"error":"time-out"}"#.to_owned()),
    ] {
        for (at, times) in [(0, 1), (57, 1), (99, 1), (0, 13), (99, 13)] {
            let mut answers = Vec::new();
            for number in 0..100 {
                if number == at {
                    answers.extend(std::iter::repeat_n(trouble.clone(), times));
                }
                let id = format!("u{number:03}");
                let next = (number < 99).then(|| after(&id));
                answers.push(Json(page(&id, next.as_deref())));
            }
            if matches!(trouble, Hang) && times > 1 {
                continue; // The same as above, in seconds.
            }
            let (district, _) = serve(answers).await;
            match ids(&district).await {
                Ok(ids) => {
                    assert_eq!(times, 1, "{at}");
                    assert_eq!(ids.len(), 100);
                }
                Err(error) => assert!(times > 1, "{at} {error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_count_that_was_asked_for_must_be_met() {
    let counted =
        |count: u64| page("a", None).replace("\"links\"", &format!("\"count\":{count},\"links\""));
    for (said, fits) in [(1, true), (2, false)] {
        let (district, script) = serve([Json(counted(said))]).await;
        let pages = district.list(RecordKind::Users).count().pages();
        let walked: Result<Vec<_>, _> = pages.try_collect().await;
        assert_eq!(walked.is_ok(), fits);
        assert!(script.asked.lock().unwrap()[0].contains("count=true"));
        if let Err(error) = walked {
            assert!(matches!(
                error,
                ClientError::Walk {
                    source: WalkError::Count { said: 2, found: 1 },
                    ..
                }
            ));
        }
    }
}

#[tokio::test]
async fn a_compressed_page_is_read_a_damaged_one_is_asked_for_again_and_one_that_unpacks_to_too_much_is_asked_for_in_parts()
 {
    let whole = || page("a", None);
    let (district, script) = serve([Packed(whole(), 1), Packed(whole(), 0)]).await;
    assert_eq!(ids(&district).await.unwrap(), ["a"]);
    assert_eq!(script.asked.lock().unwrap().len(), 2);
    let (district, _) = serve(vec![Packed(whole(), 1); 4]).await;
    let damaged = error(&district).await;
    assert_eq!(damaged.kind(), ErrorKind::Undecodable, "{damaged:?}");
    assert!(damaged.is_transient());
    // It is small as it comes.
    let blanks = format!("{}{}", whole(), " ".repeat(10_000));
    let (district, script) = serve([Packed(blanks, 0), Packed(whole(), 0)]).await;
    assert_eq!(ids(&district).await.unwrap(), ["a"]);
    let asked = script.asked.lock().unwrap().clone();
    assert_eq!(asked, ["/v3.1/users?limit=2000", "/v3.1/users?limit=1000"]);
}

#[tokio::test]
async fn a_server_that_never_answered_is_not_called_for_long() {
    let options = ClientOptions {
        api_url: nobody(),
        ..ClientOptions::default()
    };
    let district = District::new(options, DistrictAppToken::new(TOKEN).unwrap()).unwrap();
    let error = error(&district).await;
    assert!(
        matches!(error, ClientError::Network { attempts: 2, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn field_03_only_a_refusal_that_another_call_confirms_is_one() {
    for (answer, kind, asked, refused) in [
        // Twice, as the token never opened anything, and once by another call.
        (
            Status(401, JSON, r#"{"message":"bad token 0123456789abcdef0123"}"#),
            ErrorKind::Unauthorized,
            3,
            true,
        ),
        (Status(401, &[], ""), ErrorKind::Unauthorized, 3, true),
        (Status(403, JSON, "{}"), ErrorKind::Unauthorized, 3, true),
        (
            Status(404, JSON, r#"{"message":"Resource not found"}"#),
            ErrorKind::NotShared,
            3,
            true,
        ),
        // Clever says so in JSON, whatever stands before it in other words.
        (
            Status(403, &[], "Blocked"),
            ErrorKind::Unauthorized,
            2,
            false,
        ),
        (
            Status(403, HTML, "<html>"),
            ErrorKind::Unauthorized,
            2,
            false,
        ),
        (
            Status(404, HTML, "<html>Cannot GET Secretname</html>"),
            ErrorKind::WrongTokenKind,
            2,
            false,
        ),
        (
            Status(200, HTML, "<html>Secretname</html>"),
            ErrorKind::WrongTokenKind,
            2,
            false,
        ),
        (Status(400, JSON, "{}"), ErrorKind::Refused, 1, false),
        (Status(451, JSON, "{}"), ErrorKind::Refused, 1, false),
        (Status(501, JSON, "{}"), ErrorKind::Refused, 1, false),
        (
            Status(302, &[("location", "http://127.0.0.1:1/")], ""),
            ErrorKind::Refused,
            2,
            false,
        ),
    ] {
        let (district, script) = serve(std::iter::repeat_n(answer, 9)).await;
        let error = error(&district).await;
        assert_eq!((error.kind(), error.is_refusal()), (kind, refused));
        assert_eq!(script.asked.lock().unwrap().len(), asked, "{error}");
    }
    // The list is refused three times in a walk, and the token still opens its district.
    let refused = || Status(404, JSON, r#"{"message":"Resource not found"}"#);
    let (district, script) = serve([
        Json(page("a", Some(&after("a")))),
        refused(),
        refused(),
        refused(),
        Json(page("d", None)),
    ])
    .await;
    let told = error(&district).await;
    assert!(!told.is_refusal() && told.kind() == ErrorKind::NotShared);
    assert_eq!(script.asked.lock().unwrap()[4], "/v3.1/districts");
    let (district, _) = serve(std::iter::repeat_n(
        Status(
            302,
            &[("location", "https://login.example.org/in?token=secret")],
            "",
        ),
        9,
    ))
    .await;
    assert_eq!(
        error(&district).await.to_string(),
        "/v3.1/users: answered 302: a redirect to login.example.org"
    );
    let (district, _) = serve(std::iter::repeat_n(
        Status(401, JSON, r#"{"message":"bad token 0123456789abcdef0123"}"#),
        9,
    ))
    .await;
    assert_eq!(
        error(&district).await.to_string(),
        "/v3.1/users: answered 401: bad token … (request req-7)"
    );
}

#[tokio::test]
async fn a_rate_limit_that_lasts_too_long_is_an_error_that_says_how_long() {
    let (district, _) = serve([Status(429, &[("retry-after", "3600")], "")]).await;
    assert!(
        matches!(error(&district).await, ClientError::RateLimited { wait, .. } if wait.as_secs() >= 3600)
    );
}

#[tokio::test]
async fn links_that_lead_astray_are_errors() {
    let (district, _) = serve([
        Json(page("a", Some(&after("a")))),
        Json(page("b", Some("/v3.1/users?limit=2000"))),
    ])
    .await;
    assert!(matches!(
        error(&district).await,
        ClientError::Walk {
            source: WalkError::Loop { page: 2 },
            ..
        }
    ));

    let (district, _) = serve([
        Json(page("a", Some("/v3.1/users?limit=7&starting_after=a"))),
        Json(page("b", Some("/v3.1/users?starting_after=a&limit=8"))),
    ])
    .await;
    assert!(matches!(
        error(&district).await,
        ClientError::Walk {
            source: WalkError::Loop { page: 2 },
            ..
        }
    ));

    for foreign in ["http://127.0.0.2:9/v3.1/users", "//example.org/v3.1/users"] {
        let (district, _) = serve([Json(page("a", Some(foreign)))]).await;
        assert!(matches!(
            error(&district).await,
            ClientError::Walk {
                source: WalkError::Foreign { page: 1 },
                ..
            }
        ));
    }
}

#[tokio::test]
async fn pages_too_large_are_asked_for_by_halves() {
    let large = format!(r#"{{"data":[],"pad":"{}"}}"#, "x".repeat(20_000));
    let (district, script) = serve([
        Status(413, &[], ""),
        Json(large.clone()),
        Json(page("a", Some("/v3.1/users?limit=500&starting_after=a"))),
        Json(page("b", None)),
    ])
    .await;
    assert_eq!(ids(&district).await.unwrap(), ["a", "b"]);
    assert_eq!(
        *script.asked.lock().unwrap(),
        [
            "/v3.1/users?limit=2000",
            "/v3.1/users?limit=1000",
            "/v3.1/users?limit=500",
            "/v3.1/users?limit=500&starting_after=a"
        ]
    );
    let (district, _) = serve(std::iter::repeat_n(Json(large), 20)).await;
    assert_eq!(error(&district).await.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_token_opens_exactly_one_district() {
    let two = r#"{"data":[{"data":{"id":"a"}},{"data":{"id":"b"}}]}"#;
    for (body, found) in [(two, 2), (r#"{"data":[]}"#, 0)] {
        let (district, script) = serve([Json(body.to_owned())]).await;
        let error = district.district().await.unwrap_err();
        assert!(
            matches!(error, ClientError::Walk { source: WalkError::NotOneDistrict { found: n }, .. } if n == found)
        );
        assert_eq!(
            script.asked.lock().unwrap()[0],
            "/v3.1/districts",
            "the list knows no limit"
        );
    }
}

#[tokio::test]
async fn the_newest_event_is_the_last_of_the_feed() {
    let feed = r#"{"data":[{"data":{"id":"64206e4431f12f05cc490775","type":"users.created","data":{"object":{"id":"u"}}}}]}"#;
    let (district, script) =
        serve([Json(feed.to_owned()), Json(r#"{"data":[]}"#.to_owned())]).await;
    assert_eq!(
        district.newest_event().await.unwrap().unwrap().as_str(),
        "64206e4431f12f05cc490775"
    );
    assert_eq!(district.newest_event().await.unwrap(), None);
    assert_eq!(
        script.asked.lock().unwrap()[0],
        "/v3.1/events?limit=1&ending_before=last"
    );
    for odd in [
        r#"{"data":[{"data":{"id":"../x"}}]}"#,
        r#"{"data":[{"data":{}}]}"#,
    ] {
        let (district, _) = serve([Json(odd.to_owned())]).await;
        let error = district.newest_event().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Walk, "not taken for an empty feed");
    }
}

#[test]
fn addresses_that_would_show_the_token_are_refused() {
    let with = |url: &str| {
        let options = ClientOptions {
            api_url: url.parse().unwrap(),
            ..ClientOptions::default()
        };
        District::new(options, DistrictAppToken::new(TOKEN).unwrap())
    };
    for wrong in [
        "http://api.clever.com",
        "http://10.0.0.1",
        "ftp://api.clever.com",
        "file:///etc",
        "mailto:a@b",
    ] {
        assert!(with(wrong).is_err(), "{wrong}");
    }
    for right in [
        "https://api.clever.com",
        "http://127.0.0.1:80",
        "http://localhost:80",
        "http://[::1]:80",
    ] {
        assert!(with(right).is_ok(), "{right}");
    }
}

#[tokio::test]
async fn a_list_is_read_from_its_end_by_prev() {
    let (district, script) = serve([
        Json(
            r#"{"data":[{"data":{"id":"b"}}],"links":[{"rel":"prev","uri":"/v3.1/users?limit=1&ending_before=b"}]}"#
                .to_owned(),
        ),
        Json(
            r#"{"data":[{"data":{"id":"a"}}],"links":[{"rel":"next","uri":"/v3.1/users?limit=1&starting_after=a"}]}"#
                .to_owned(),
        ),
    ])
    .await;
    let request = district.list(RecordKind::Users).limit(1);
    let pages: Vec<_> = request.pages_backward().try_collect().await.unwrap();
    assert_eq!(pages.len(), 2);
    assert_eq!(
        *script.asked.lock().unwrap(),
        [
            "/v3.1/users?limit=1&ending_before=last",
            "/v3.1/users?limit=1&ending_before=b"
        ]
    );
}

#[tokio::test]
async fn typed_records_survive_odd_ones_and_drift_is_counted() {
    let (district, script) = serve([Json(
        r#"{"data":[
            {"data":{"id":"a","email":null,"name":{"first":"Secretname"},"shoe_size":7,
                     "roles":{"student":{"gender":"Z","grade":5}}}},
            {"data":{"id":"b","name":"odd"}},
            {"data":{"no":"id"}}]}"#
            .to_owned(),
    )])
    .await;
    let list = district.users_of(clever_model::Role::Student);
    let elements: Vec<_> = list.records().try_collect().await.unwrap();
    assert_eq!(elements.len(), 3);
    assert!(matches!(elements[2], Element::Unreadable { id: None }));
    let drift = district.clone().drift();
    assert_eq!(drift.records, 2);
    assert!(drift.undeclared_fields.contains_key("users.shoe_size"));
    assert!(
        drift
            .unknown_values
            .contains_key("users.roles.student.gender (1 character)")
    );
    assert!(!format!("{elements:?} {drift:?}").contains("Secretname"));
    let first = elements.into_iter().next().unwrap().record().unwrap();
    assert_eq!(first.id.as_deref(), Some("a"));
    assert_eq!(
        *script.asked.lock().unwrap(),
        ["/v3.1/users?limit=2000&role=student"]
    );
}
