//! From a request to its answer: whose token it is, what that opens, and what trouble befalls it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, header};
use clever_model::{RecordKind, Role};

use crate::ahead::{self, Wanted};
use crate::control::{self, SeenRequest};
use crate::districts::District;
use crate::faults::{Asked, Fault};
use crate::happenings::Happening;
use crate::identity::{self, CERTS, DISCOVERY, Issuing, Person};
use crate::outlet::Outlet;
use crate::reply::{self, Decision, Reply};
use crate::server::Shared;
use crate::tokens::Owner;
use crate::{attendance, lms, me, routes};

/// Largest body of a code exchange or of a write, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Tokens that Clever publishes for its demo districts; the first emulated district opens to them too.
const DEMO_TOKENS: [&str; 2] = ["TEST_TOKEN", "DEMO_TOKEN"];

/// Tokens that Clever publishes for users of a demo district.
const DEMO_USERS: [(&str, Role); 4] = [
    ("ilc_DEMO_STUDENT_TOKEN", Role::Student),
    ("ilc_DEMO_TEACHER_TOKEN", Role::Teacher),
    ("ilc_DEMO_SCHOOL_ADMIN_TOKEN", Role::Staff),
    ("ilc_DEMO_DISTRICT_ADMIN_TOKEN", Role::DistrictAdmin),
];

/// Whose token a request bears.
enum Bearer<'a> {
    District(&'a Arc<District>),
    User(&'a District, Person),
    /// One of the published tokens of users.
    Demo(&'a District, Person),
}

impl Bearer<'_> {
    fn is_users(&self) -> bool {
        !matches!(self, Self::District(_))
    }

    fn owner(&self) -> Owner {
        match self {
            Self::District(_) => Owner::District,
            Self::User(_, person) if person.library => Owner::LibraryUser,
            Self::User(..) | Self::Demo(..) => Owner::User,
        }
    }
}

/// Answers one request, and remembers it.
pub(crate) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if control::is_control(request.uri().path()) {
        let reply = control::answer(&shared, request).await;
        return reply::send(reply.into(), "emulator-control", false).await;
    }
    let number = shared.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let id = format!("emulator-{number}");
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let accepted = text(request.headers(), header::ACCEPT_ENCODING).unwrap_or_default();
    let gzip = shared.gzip && reply::takes_gzip(accepted);
    let begin = Instant::now();
    let decision = if is_sign_in(&path) {
        sign_in(&shared, request).await
    } else {
        call(&shared, request, gzip).await
    };
    shared.seen.add(SeenRequest {
        method,
        path,
        status: decision.reply.status,
        milliseconds: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
        fault: decision.fault,
    });
    reply::send(decision, &id, gzip).await
}

/// Whether a path is Clever's site, not its API.
fn is_sign_in(path: &str) -> bool {
    ["/oauth/", "/.well-known/", "/in/", "/portal/", "/library/"]
        .iter()
        .any(|start| path.starts_with(start))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Finds whose the token in an `Authorization` header is.
fn bearer<'a>(shared: &'a Shared, authorization: Option<&str>) -> Option<(String, Bearer<'a>)> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let districts = &shared.districts;
    let first = || Some(&districts.first).filter(|first| first.is_connected());
    let found = if let Some(person) = shared.app.person_of(token) {
        let district = districts.get(&person.district)?;
        // With the district go its users' tokens; a teacher's own sharing stays.
        if !person.library && !district.is_connected() {
            return None;
        }
        Bearer::User(district, person)
    } else if let Some((_, role)) = DEMO_USERS.iter().find(|(known, _)| *known == token) {
        let district = first()?;
        let user = district.world().with_role(*role).keys().next()?;
        let person = Person {
            district: district.id.clone(),
            user,
            library: false,
        };
        Bearer::Demo(district, person)
    } else if DEMO_TOKENS.contains(&token) {
        Bearer::District(first()?)
    } else {
        Bearer::District(districts.opened_by(token)?)
    };
    Some((token.to_owned(), found))
}

/// Answers one call of the API.
/// A large page that nothing befalls leaves in parts.
async fn call(shared: &Arc<Shared>, request: Request, gzip: bool) -> Decision {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let of_user = path == "/userinfo" || path.ends_with("/me");
    let read = parts.method == Method::GET || (path == "/userinfo" && parts.method == Method::POST);
    let lms = lms::Target::of(path).filter(|target| target.takes(parts.method.as_str()));
    let roster = routes::is_api(path) || attendance::Target::of(path).is_some();
    let known = lms.is_some() || (read && (of_user || roster));
    let found = bearer(shared, text(&parts.headers, header::AUTHORIZATION));
    let (token, bearer) = match found {
        // A user's token has paths of its own, and a page for all others.
        Some((token, bearer)) if read && bearer.is_users() => (token, bearer),
        Some((token, bearer)) if known && !bearer.is_users() => (token, bearer),
        None if known => return routes::unauthorized(path).into(),
        _ => return Reply::no_such_path(path).into(),
    };
    let standing = shared.limiter.count(&token, shared.clock.now());
    if standing.exceeded {
        return Decision {
            standing: Some(standing),
            ..Reply::too_many().into()
        };
    }
    let asked = Asked {
        method: parts.method.as_str(),
        path,
        query,
    };
    let fault = shared.faults.befall(&asked, shared.clock.now());
    let query = fault.and_then(|fault| fault.misread(&asked));
    let query = query.as_deref().unwrap_or(asked.query);
    let reply = match &bearer {
        Bearer::District(district) if fault == Some(Fault::RotateToken) => {
            district.rotate();
            reply::unauthorized()
        }
        Bearer::District(district) if lms.is_some() => {
            let body = axum::body::to_bytes(body, MAX_BODY).await;
            let body = body.unwrap_or_default();
            let call = lms.map(|target| lms::Call {
                method: asked.method,
                path,
                target,
                query,
                body: &body,
                now: shared.clock.now(),
                expired: fault == Some(Fault::ExpiredCursor),
            });
            of_lms(shared, district, call)
        }
        Bearer::District(district) if fault.is_none() => {
            let wanted = Wanted {
                district: Arc::clone(district),
                path: path.to_owned(),
                query: query.to_owned(),
                gzip,
            };
            let writer = Arc::clone(shared);
            let write = move |wanted: &Wanted, outlet: &Outlet| {
                of_district(
                    &writer,
                    &wanted.district,
                    &wanted.path,
                    &wanted.query,
                    outlet,
                )
            };
            let (reply, rest) = ahead::answer(&shared.ahead, wanted, write).await;
            return Decision {
                reply,
                rest,
                standing: Some(standing),
                fault,
            };
        }
        Bearer::District(district) => of_district(shared, district, path, query, &Outlet::WHOLE),
        Bearer::Demo(district, person) if path.ends_with("/me") => {
            let record = district.world().value(RecordKind::Users, &person.user);
            me::demo(&record.unwrap_or_default(), person)
        }
        Bearer::User(district, person) | Bearer::Demo(district, person) => {
            let world = district.world();
            me::answer(&world, shared.app.secure_sync, person, path, query)
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

/// What a district's token opens: with Secure Sync all that is shared, without it the district's own record.
fn of_district(
    shared: &Shared,
    district: &District,
    path: &str,
    query: &str,
    outlet: &Outlet,
) -> Reply {
    let of_district = path
        .split('/')
        .nth(2)
        .is_some_and(|collection| collection == "districts");
    let attendance = attendance::Target::of(path);
    let roster = routes::is_api(path) || attendance.is_some();
    if !shared.app.secure_sync && roster && !of_district {
        return out_of_scope();
    }
    if let Some(target) = attendance {
        if !shared.attendance {
            return Reply::message(404, "Resource not found");
        }
        return attendance::answer(&district.world(), target, path, query);
    }
    routes::answer_to(&district.world(), path, query, outlet)
}

fn out_of_scope() -> Reply {
    Reply::message(404, "the resource is not in this token's scopes")
}

/// What a district's token opens of its learning management system, where it has connected one.
fn of_lms(shared: &Shared, district: &District, call: Option<lms::Call<'_>>) -> Reply {
    if !shared.app.secure_sync {
        return out_of_scope();
    }
    let Some((lms, call)) = district.lms.as_ref().zip(call) else {
        return Reply::message(404, "the district has not connected an LMS");
    };
    lms.answer(&district.world(), &call)
}

/// Answers one request of Clever's site.
async fn sign_in(shared: &Shared, request: Request) -> Decision {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let target = parts.uri.to_string();
    let asked = Asked {
        method: parts.method.as_str(),
        path,
        query,
    };
    let now = shared.clock.now();
    let fault = shared.faults.befall(&asked, now);
    let authorization = text(&parts.headers, header::AUTHORIZATION);
    let cookies = text(&parts.headers, header::COOKIE).unwrap_or_default();
    let (app, districts) = (&shared.app, &shared.districts);
    if fault == Some(Fault::RotateKey) {
        app.befall(Happening::KeyReplace);
    }
    let is_issuer = matches!(path, DISCOVERY | CERTS);
    if is_issuer && app.issuing() == Issuing::Slowly {
        tokio::time::sleep(reply::SLOW).await;
    }
    let reply = match (&parts.method, path) {
        (&Method::GET, "/oauth/authorize" | "/oauth/instant-login") if identity::repeats(query) => {
            identity::refused(400, "invalid_request", "a parameter stands there twice")
        }
        (
            &Method::GET,
            "/oauth/authorize" | "/oauth/instant-login" | "/portal/launch" | "/library/install",
        ) => app.authorize(districts, &target, cookies, now),
        (&Method::GET, path) if path.starts_with("/in/") => app.portal(districts, &target, cookies),
        (&Method::GET, DISCOVERY | CERTS) => app.openid(path),
        (&Method::GET, "/oauth/tokeninfo") => match bearer(shared, authorization) {
            Some((_, bearer)) => app.token_info(bearer.owner()),
            None => reply::unauthorized(),
        },
        (&Method::GET | &Method::POST, "/oauth/tokens") if !app.is_client(authorization) => {
            identity::refused(401, "invalid_client", "client authentication failed")
        }
        (&Method::GET, "/oauth/tokens") => {
            app.tokens(districts, query, &identity::parameters(query))
        }
        (&Method::POST, "/oauth/tokens") => {
            let content_type = text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default();
            let body = axum::body::to_bytes(body, MAX_BODY)
                .await
                .unwrap_or_default();
            app.exchange(
                districts,
                content_type,
                &String::from_utf8_lossy(&body),
                now,
            )
        }
        (_, path) => Reply::no_such_path(path),
    };
    let reply = match fault {
        Some(fault) => reply.spoiled(fault, shared.requests.load(Ordering::SeqCst)),
        None => reply,
    };
    Decision {
        fault,
        ..reply.into()
    }
}
