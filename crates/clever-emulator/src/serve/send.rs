//! How an answer is sent: its headers, its compression, and what a fault makes of the sending.

use std::io::{self, Write as _};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;

use super::limiter::Standing;
use crate::control::faults::Fault;
use crate::reply::Reply;

/// Largest body of a code exchange or of a write, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

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
    /// What the token may still ask.
    pub(crate) standing: Option<Standing>,
    /// What befalls the answer.
    pub(crate) fault: Option<Fault>,
}

impl From<Reply> for Decision {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            standing: None,
            fault: None,
        }
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
        standing,
        fault,
    } = decision;
    let mut body = Bytes::from(reply.body);
    if fault == Some(Fault::NotUtf8) {
        body = with_another_encoding(&body);
    }
    let mut packed = false;
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
