//! An answer before it is sent, and what each fault makes of it.

use std::io::{self, Write as _};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use serde_json::{Value, json};
use url::Url;

use crate::faults::Fault;
use crate::identity::invalid_code;
use crate::limiter::Standing;
use crate::outlet::Rest;
use crate::versions::Version;

const JSON: &str = "application/json; charset=utf-8";
/// How every page looks.
const STYLE: &str = include_str!("style.css");
const HTML: &str = "text/html; charset=utf-8";

/// Smallest body that is compressed, in bytes.
const WORTH_PACKING: usize = 1024;

/// How long a trickling answer takes for a byte.
const TRICKLE: Duration = Duration::from_millis(100);

/// How late a slow answer comes.
pub(crate) const SLOW: Duration = Duration::from_secs(2);

/// How long a hanging answer hangs.
const HANG: Duration = Duration::from_secs(600);

/// An answer as it is to be sent.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) reply: Reply,
    /// The reply's body where that is still being written.
    pub(crate) rest: Option<Rest>,
    /// What the token may still ask.
    pub(crate) standing: Option<Standing>,
    /// What befalls the answer.
    pub(crate) fault: Option<Fault>,
}

impl From<Reply> for Decision {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            rest: None,
            standing: None,
            fault: None,
        }
    }
}

/// A status, a content type and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// Where a redirection leads.
    pub(crate) location: Option<String>,
    /// A cookie to set, with its attributes.
    pub(crate) cookie: Option<String>,
    /// The methods that the path takes, where another one came.
    pub(crate) allow: Option<String>,
}

impl Reply {
    pub(crate) fn json(body: String) -> Self {
        Self {
            status: 200,
            content_type: JSON,
            body,
            location: None,
            cookie: None,
            allow: None,
        }
    }

    /// An error as the API words it.
    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self {
            status,
            content_type: JSON,
            body: json!({ "message": message }).to_string(),
            location: None,
            cookie: None,
            allow: None,
        }
    }

    /// An error as `version` words it: v1's clients read it under another key.
    pub(crate) fn problem(version: Version, status: u16, message: &str) -> Self {
        if !version.is_first() {
            return Self::message(status, message);
        }
        Self {
            status,
            ..Self::json(json!({ "error": message }).to_string())
        }
    }

    /// What stands in for a path that the token has not: a page for people.
    pub(crate) fn no_such_path(path: &str) -> Self {
        // The path is shown as text, never as markup.
        let path = escaped(path);
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
             </head>\n<body>\n<pre>Cannot GET {path}</pre>\n</body>\n</html>\n"
        );
        Self {
            status: 404,
            content_type: HTML,
            body,
            location: None,
            cookie: None,
            allow: None,
        }
    }

    /// A page for people. `title` and `body` are markup.
    pub(crate) fn page(status: u16, title: &str, body: &str) -> Self {
        let main = format!("<main class=\"narrow\">\n<h1>{title}</h1>\n{body}\n</main>");
        Self::document(status, title, "", &main)
    }

    /// A whole document: what stands in its head beside the title, and its body, as markup.
    pub(crate) fn document(status: u16, title: &str, head: &str, body: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
        );
        Self {
            status,
            content_type: HTML,
            body,
            location: None,
            cookie: None,
            allow: None,
        }
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::page(302, "Found", "")
        }
    }

    pub(crate) fn too_many() -> Self {
        Self {
            status: 429,
            content_type: "text/plain; charset=utf-8",
            body: "Too Many Requests".to_owned(),
            location: None,
            cookie: None,
            allow: None,
        }
    }

    /// What `fault` makes of the answer's content to a request of this number; how it is sent is [`send`]'s affair.
    pub(crate) fn spoiled(self, fault: Fault, request: u64) -> Self {
        match fault {
            Fault::RateLimited => Self::too_many(),
            Fault::RateLimitedJson => Self::message(429, "Rate limit exceeded"),
            Fault::ServerError => Self::message(500, "Internal server error"),
            Fault::Html404 => Self::no_such_path("/"),
            Fault::TokenRotated => unauthorized(),
            Fault::Truncated => {
                let mut at = self.body.len() / 2;
                while !self.body.is_char_boundary(at) {
                    at -= 1;
                }
                Self {
                    body: self.body[..at].to_owned(),
                    ..self
                }
            }
            Fault::EmptyBody => Self {
                body: String::new(),
                ..self
            },
            Fault::HtmlPage => Self::page(200, "Maintenance", "<p>We will be back soon.</p>"),
            Fault::Html403 => Self::page(403, "Request blocked", ""),
            Fault::Redirect => Self::redirect("https://login.example.org/?to=api".to_owned()),
            Fault::FailedPage => Self {
                body: json!({ "data": [], "links": [], "error": "upstream time-out" }).to_string(),
                ..self
            },
            Fault::ByteOrderMark => Self {
                body: format!("\u{feff}{}", self.body),
                ..self
            },
            Fault::OtherIssuer => self.with_json(|document| {
                document["issuer"] = "https://issuer.example".into();
            }),
            Fault::EmptyKeys => self.with_json(|set| set["keys"] = json!([])),
            Fault::CodeReplay => invalid_code(),
            Fault::MissingState => self.without_state(),
            Fault::Cut
            | Fault::Reset
            | Fault::Hang
            | Fault::Trickle
            | Fault::NotUtf8
            | Fault::RotateToken
            | Fault::RotateKey
            | Fault::Slow
            | Fault::Endless
            | Fault::ExpiredCursor
            | Fault::DuplicatedPage
            | Fault::BrokenGzip => self,
            Fault::DistrictPaused => self.with_json(pause),
            Fault::ShuffledMembers => self.with_json(|answer| shuffle(answer, request)),
            Fault::ReorderedKeys => match serde_json::from_str::<Value>(&self.body) {
                Ok(page) => Self {
                    body: reordered(&page),
                    ..self
                },
                Err(_) => self,
            },
            _ => self.with_page(|page| spoil_page(page, fault)),
        }
    }

    /// Changes the body as JSON, where it is a list.
    fn with_page(self, change: impl FnOnce(&mut Value)) -> Self {
        self.with_json(|page| {
            if page["data"].is_array() {
                change(page);
            }
        })
    }

    /// Changes the body, where it is JSON.
    fn with_json(self, change: impl FnOnce(&mut Value)) -> Self {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut page) => {
                change(&mut page);
                Self {
                    body: page.to_string(),
                    ..self
                }
            }
            Err(_) => self,
        }
    }

    /// The way back, less the `state`.
    fn without_state(mut self) -> Self {
        let Some(mut back) = self.location.as_deref().and_then(|to| Url::parse(to).ok()) else {
            return self;
        };
        let kept: Vec<_> = back
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| name != "state")
            .collect();
        back.query_pairs_mut().clear().extend_pairs(kept);
        self.location = Some(back.into());
        self
    }
}

/// `text` so that a browser shows it and does nothing else with it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The answer to a token that opens nothing.
pub(crate) fn unauthorized() -> Reply {
    Reply::message(401, "Unauthorized: the bearer token is not valid")
}

/// Marks the district, alone or in its list, as paused.
fn pause(answer: &mut Value) {
    let mark = |district: &mut Value| {
        district["state"] = json!("paused");
        district["pause_start"] = json!("2026-06-02");
    };
    match &mut answer["data"] {
        Value::Array(all) => all.iter_mut().for_each(|one| mark(&mut one["data"])),
        one => mark(one),
    }
}

/// Lists of which Clever promises no order.
const SETS: [&str; 7] = [
    "students",
    "teachers",
    "schools",
    "student_relationships",
    "enrollments",
    "roles",
    "login_methods",
];

/// Begins each set at another member than at the request before, and names the first once more at the end.
fn shuffle(value: &mut Value, request: u64) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Array(all) if SETS.contains(&key.as_str()) && !all.is_empty() => {
                        let turn = request % all.len() as u64;
                        all.rotate_left(usize::try_from(turn).unwrap_or_default());
                        all.extend(all.first().cloned());
                    }
                    value => shuffle(value, request),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| shuffle(one, request)),
        _ => {}
    }
}

fn spoil_page(page: &mut Value, fault: Fault) {
    let own = page["links"].as_array().and_then(|links| {
        links
            .iter()
            .find(|link| link["rel"] == "self")
            .map(|link| link["uri"].clone())
    });
    let last = page["data"].as_array().and_then(|all| {
        let id = all.last()?["data"]["id"].as_str()?;
        Some(id.to_owned())
    });
    match (fault, page.as_object_mut()) {
        (Fault::NoCount, Some(page)) => drop(page.remove("count")),
        (Fault::OddCount, Some(page)) if page.contains_key("count") => {
            page.insert("count".to_owned(), json!("a few"));
        }
        (Fault::LinksObject, Some(page)) => {
            let links = page.get("links").and_then(Value::as_array).into_iter();
            let links: serde_json::Map<String, Value> = links
                .flatten()
                .filter_map(|link| Some((link["rel"].as_str()?.to_owned(), link["uri"].clone())))
                .collect();
            page.insert("links".to_owned(), links.into());
        }
        _ => {}
    }
    if let Some(links) = page["links"].as_array_mut() {
        match fault {
            Fault::OddLinks => {
                let odd = [
                    Value::Null,
                    json!({ "rel": "prev", "uri": null }),
                    json!({ "rel": 7, "uri": "/" }),
                ];
                links.splice(0..0, odd);
            }
            Fault::NextNowhere => {
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    link["uri"] = Value::Null;
                }
            }
            Fault::NeverEnds if !links.iter().any(|link| link["rel"] == "next") => {
                let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
                links.push(json!({ "rel": "next", "uri": after(own, last.as_deref()) }));
            }
            Fault::SamePage => {
                // The addresses grow with what is asked, so none comes twice.
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
                    let (path, query) = own.split_once('?').unwrap_or((own, ""));
                    link["uri"] = format!("{path}?{query}&again={}", own.len()).into();
                }
            }
            Fault::EmptyList | Fault::EarlyEnd => links.retain(|link| link["rel"] != "next"),
            Fault::RepeatedPage => {
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    link["uri"] = own.clone().unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    let Some(elements) = page["data"].as_array_mut() else {
        return;
    };
    match fault {
        Fault::EmptyList => elements.clear(),
        Fault::DuplicatedRecords => {
            let twice = elements
                .iter()
                .flat_map(|element| [element.clone(), element.clone()])
                .collect();
            *elements = twice;
        }
        Fault::Unordered => elements.reverse(),
        _ => {
            for element in elements {
                spoil_record(&mut element["data"], fault);
            }
        }
    }
}

/// The address of a page behind the one at `own`, whose last record has this id: a cursor that is new each time.
fn after(own: &str, last: Option<&str>) -> String {
    let (path, query) = own.split_once('?').unwrap_or((own, ""));
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let (cursors, others): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == "starting_after");
    let cursor = last.or(cursors.first().map(|(_, cursor)| cursor.as_str()));
    let next = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("starting_after", &format!("{}0", cursor.unwrap_or("f")))
        .finish();
    format!("{path}?{next}")
}

fn spoil_record(record: &mut Value, fault: Fault) {
    let student = record["roles"]["student"].is_object();
    let section = record["students"].is_array();
    match fault {
        Fault::UnknownEnum if student => record["roles"]["student"]["gender"] = json!("Nonbinary"),
        Fault::UnknownEnum if section => record["subject"] = json!("astronomy"),
        Fault::UnknownField => record["added_in_a_minor_version"] = json!({ "value": 1 }),
        Fault::Nulls if student => {
            record["email"] = Value::Null;
            record["roles"]["student"]["schools"] = Value::Null;
            record["roles"]["student"]["ext"] = Value::Null;
        }
        Fault::Nulls if section => record["period"] = Value::Null,
        Fault::WrongType if student => {
            record["roles"]["student"]["sis_id"] = json!({ "not": "text" });
        }
        Fault::WrongType if section => record["section_number"] = json!(["not", "text"]),
        _ => {}
    }
}

/// Writes a value with the keys of its objects in reverse order of the alphabet.
fn reordered(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts = map.iter().rev();
            let parts: Vec<String> = parts
                .map(|(key, value)| format!("{}:{}", json!(key), reordered(value)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(all) => {
            format!(
                "[{}]",
                all.iter().map(reordered).collect::<Vec<_>>().join(",")
            )
        }
        one => one.to_string(),
    }
}

/// Whether an `Accept-Encoding` asks for gzip.
pub(crate) fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (coding, weight) = coding.split_once(';').unwrap_or((coding, ""));
        coding.trim().eq_ignore_ascii_case("gzip") && weight.replace(' ', "") != "q=0"
    })
}

/// Compresses quickly rather than well; `None` where it can't.
async fn compressed(body: Bytes) -> Option<Bytes> {
    let pack = move || {
        let out = Vec::with_capacity(body.len() / 4);
        let mut encoder = GzEncoder::new(out, Compression::fast());
        encoder.write_all(&body).ok()?;
        encoder.finish().ok().map(Bytes::from)
    };
    // A large page takes long enough to hold up other answers.
    tokio::task::spawn_blocking(pack).await.ok()?
}

/// Sends an answer as its fault would have it, compressed where `gzip` says that it may be.
pub(crate) async fn send(decision: Decision, id: &str, gzip: bool) -> Response<Body> {
    let Decision {
        reply,
        rest,
        standing,
        fault,
    } = decision;
    let mut body = Bytes::from(reply.body);
    if fault == Some(Fault::NotUtf8) {
        body = with_another_encoding(&body);
    }
    let mut packed = rest.as_ref().is_some_and(|rest| rest.gzip);
    if gzip && body.len() >= WORTH_PACKING {
        if let Some(smaller) = compressed(body.clone()).await {
            (body, packed) = (smaller, true);
        }
        if packed && fault == Some(Fault::BrokenGzip) {
            body = with_a_wrong_byte(&body);
        }
    }
    let whole = body.len();
    let body = match fault {
        _ if rest.is_some() => rest.map_or_else(Body::empty, Rest::into_body),
        Some(Fault::Hang) => {
            tokio::time::sleep(HANG).await;
            Body::from(body)
        }
        Some(Fault::Trickle) => trickling(),
        Some(Fault::Slow) => {
            tokio::time::sleep(SLOW).await;
            Body::from(body)
        }
        Some(Fault::Endless) => {
            let blanks = Bytes::from_static(&[b' '; 16 * 1024]);
            let all = futures_util::stream::repeat(blanks).map(Ok::<_, io::Error>);
            Body::from_stream(all)
        }
        Some(Fault::Cut) => breaking(Some(body.slice(..whole / 2))),
        Some(Fault::Reset) => breaking(None),
        _ => Body::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(reply.content_type),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(Ok(allow)) = reply.allow.as_deref().map(HeaderValue::from_str) {
        headers.insert(header::ALLOW, allow);
    }
    if let Some(Ok(location)) = reply.location.as_deref().map(HeaderValue::from_str) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(Ok(cookie)) = reply.cookie.as_deref().map(HeaderValue::from_str) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", id);
    }
    if let Some(standing) = standing {
        headers.insert("x-ratelimit-bucket", HeaderValue::from_static("bearer"));
        headers.insert("x-ratelimit-limit", HeaderValue::from(standing.limit));
        headers.insert(
            "x-ratelimit-remaining",
            HeaderValue::from(standing.remaining),
        );
        headers.insert("x-ratelimit-reset", HeaderValue::from(standing.reset));
    }
    response
}

/// A body that comes a byte at a time, and never ends.
fn trickling() -> Body {
    let bytes = futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(TRICKLE).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(b" ")), ()))
    });
    Body::from_stream(bytes)
}

/// The body with a byte in its first name as another encoding has it.
fn with_another_encoding(body: &[u8]) -> Bytes {
    let names = ["\"last\":\"", "\"name\":\""].map(str::as_bytes);
    let mut found = names.iter().filter_map(|name| {
        Some(body.windows(name.len()).position(|part| part == *name)? + name.len())
    });
    let Some(at) = found.next() else {
        return Bytes::copy_from_slice(body);
    };
    [&body[..at], b"\xe9", &body[at..]].concat().into()
}

/// Spoils the check at the end of a compressed body, and its middle.
fn with_a_wrong_byte(body: &[u8]) -> Bytes {
    let mut spoiled = body.to_vec();
    let (middle, last) = (spoiled.len() / 2, spoiled.len().saturating_sub(8));
    for at in [middle, last] {
        if let Some(byte) = spoiled.get_mut(at) {
            *byte ^= 0xff;
        }
    }
    spoiled.into()
}

/// A body that breaks off after `first`.
fn breaking(first: Option<Bytes>) -> Body {
    let broken = || {
        Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "broken on command",
        ))
    };
    let parts: Vec<Result<Bytes, io::Error>> =
        first.map(Ok).into_iter().chain([broken()]).collect();
    Body::from_stream(futures_util::stream::iter(parts))
}
