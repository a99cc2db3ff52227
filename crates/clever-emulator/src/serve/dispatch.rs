//! From a request to its answer: whose token it is, what that opens, and what trouble befalls it.
//!
//! Decision: a page is written whole, on a thread of its own, and sent when the world is free again, so that a slow reader
//! holds up no day. Serving must not be the bottleneck of a client that decodes; what would only make it faster than that
//! is not here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, header};
use clever_model::RecordKind;

use super::bearer::{Bearer, bearer};
use super::send::{self, Decision, MAX_BODY};
use super::shared::Shared;
use super::site::{self, is_site, text};
use crate::api::{Target, attendance, lms, me, problem, roster};
use crate::control::answer as control;
use crate::control::faults::{Asked, Fault};
use crate::control::seen::SeenRequest;
use crate::districts::District;
use crate::reply::Reply;

/// Answers one request, and remembers it.
pub(crate) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if !shared.doors.answer_to(request.headers()) {
        let why = "the emulator answers to names of this machine and to those of --allow-host only";
        return send::send(Reply::message(403, why).into(), "emulator", false).await;
    }
    if control::is_control(request.uri().path()) {
        let reply = control::answer(&shared, request).await;
        return send::send(reply.into(), "emulator-control", false).await;
    }
    let number = shared.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let id = format!("emulator-{number}");
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let accepted = text(request.headers(), header::ACCEPT_ENCODING).unwrap_or_default();
    let gzip = shared.gzip && send::takes_gzip(accepted);
    let begin = Instant::now();
    let decision = if is_site(&path) {
        site::answer(&shared, request).await
    } else {
        let decision = call(&shared, request).await;
        tokio::time::sleep(shared.latency).await;
        decision
    };
    shared.seen.add(SeenRequest {
        method,
        path,
        status: decision.reply.status,
        milliseconds: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
        fault: decision.fault,
    });
    send::send(decision, &id, gzip).await
}

/// Answers one call of the API.
async fn call(shared: &Arc<Shared>, request: Request) -> Decision {
    let (parts, body) = request.into_parts();
    let (path, method) = (parts.uri.path(), &parts.method);
    let query = parts.uri.query().unwrap_or_default();
    let target = Target::of(path, query);
    let of_user_info = matches!(target, Some(Target::UserInfo));
    let read = method == Method::GET || (of_user_info && method == Method::POST);
    let known = match &target {
        Some(Target::Lms(target)) => target.takes(method.as_str()),
        target => target.is_some() && read,
    };
    let found = bearer(shared, text(&parts.headers, header::AUTHORIZATION));
    let (token, bearer) = match (found, &target) {
        // A user's token has paths of its own, and a page for all others.
        (Some((token, bearer)), _) if read && bearer.is_users() => (token, bearer),
        (Some((token, bearer)), _) if known && !bearer.is_users() => (token, bearer),
        (None, Some(target)) if known => {
            let why = "Unauthorized: the bearer token is not valid";
            return problem(target.version(), 401, why).into();
        }
        _ => return Reply::no_such_path(path).into(),
    };
    let now = shared.clock.now();
    let standing = shared.limiter.count(&token, now);
    if standing.exceeded {
        return Decision {
            standing: Some(standing),
            ..Reply::too_many().into()
        };
    }
    let asked = Asked {
        method: method.as_str(),
        path,
        query,
    };
    let fault = shared.faults.befall(&asked, now);
    let query = fault.and_then(|fault| fault.misread(&asked));
    let query = query.as_deref().unwrap_or(asked.query);
    let reply = match (&bearer, target) {
        (Bearer::District(district), _) if fault == Some(Fault::RotateToken) => {
            district.rotate();
            Reply::unauthorized()
        }
        (Bearer::District(district), Some(target)) => {
            let call = Call {
                shared: Arc::clone(shared),
                district: Arc::clone(district),
                method: method.clone(),
                target,
                path: path.to_owned(),
                query: query.to_owned(),
                body: axum::body::to_bytes(body, MAX_BODY)
                    .await
                    .unwrap_or_default(),
                expired: fault == Some(Fault::ExpiredCursor),
            };
            // A large page takes long enough to hold up other answers.
            let answer = tokio::task::spawn_blocking(move || call.answer()).await;
            answer.unwrap_or_else(|_| Reply::message(500, "the answer could not be written"))
        }
        (Bearer::District(_), None) => Reply::no_such_path(path),
        (Bearer::Demo(district, person), Some(Target::Me(_))) => {
            let record = district.world().value(RecordKind::Users, &person.user);
            me::demo(&record.unwrap_or_default(), person)
        }
        (Bearer::User(district, person) | Bearer::Demo(district, person), target) => {
            let world = district.world();
            let secure_sync = shared.app.secure_sync;
            me::answer(&world, secure_sync, person, target.as_ref(), (path, query))
        }
    };
    let reply = match fault {
        Some(fault) => reply.spoiled(fault, shared.requests.load(Ordering::SeqCst)),
        None => reply,
    };
    Decision {
        standing: Some(standing),
        fault,
        ..reply.into()
    }
}

/// A call with a district's token.
struct Call {
    shared: Arc<Shared>,
    district: Arc<District>,
    method: Method,
    target: Target,
    path: String,
    query: String,
    body: Bytes,
    /// Cursors are too old, whatever their age.
    expired: bool,
}

impl Call {
    /// What a district's token opens: with Secure Sync all that is shared, without it the district's own record.
    fn answer(&self) -> Reply {
        let (shared, path, query) = (&self.shared, self.path.as_str(), self.query.as_str());
        if !shared.app.secure_sync && self.target.needs_secure_sync() {
            return Reply::message(404, "the resource is not in this token's scopes");
        }
        let world = self.district.world();
        match &self.target {
            Target::Roster(version, roster) => {
                roster::answer_to(&world, (*version, roster), path, query)
            }
            Target::Attendance(_) if !shared.attendance => {
                Reply::message(404, "Resource not found")
            }
            Target::Attendance(place) => attendance::answer(&world, place, path, query),
            Target::Lms(target) => match &self.district.lms {
                Some(lms) => lms.answer(
                    &world,
                    &lms::Call {
                        method: self.method.as_str(),
                        path,
                        target,
                        query,
                        body: &self.body,
                        now: shared.clock.now(),
                        expired: self.expired,
                    },
                ),
                None => Reply::message(404, "the district has not connected an LMS"),
            },
            Target::UserInfo | Target::Me(_) => Reply::no_such_path(path),
        }
    }
}
