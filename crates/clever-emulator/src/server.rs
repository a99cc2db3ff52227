//! A world on a socket.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response, header};
use clever_model::{Clock, SystemClock, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use crate::control::{self, Seen, SeenRequest};
use crate::faults::{Fault, Faults};
use crate::happenings::Happening;
use crate::identity::{self, App, Person};
use crate::life::{self, DaySummary};
use crate::limiter::{Limiter, Standing};
use crate::reply::{self, Reply};
use crate::resources;
use crate::routes;
use crate::world::recorded::RecordingError;
use crate::world::{World, generate, recorded};

/// Requests a minute that Clever grants each token.
const RATE_LIMIT: u64 = 1200;

/// Largest body of a code exchange, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// Longest wait for open requests at the end.
const STOP: Duration = Duration::from_secs(2);

/// Tokens that Clever publishes for its demo districts; an emulated district opens to them too.
const DEMO_TOKENS: [&str; 2] = ["TEST_TOKEN", "DEMO_TOKEN"];

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldSource {
    /// The JSON pages in a folder, as [`recorded`] reads them.
    Recorded(PathBuf),
    /// A made-up district.
    Generated {
        /// The same seed gives the same district.
        seed: u64,
        /// How many students it has.
        students: u32,
    },
}

/// How to serve a world.
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What to serve.
    pub world: WorldSource,
    /// The district-app token; without it, the recording's own, or a made-up one.
    pub district_token: Option<String>,
    /// The world's first instant.
    pub start: Timestamp,
    /// Whether the events feed is switched on; as at Clever, it is off until asked for.
    pub events: bool,
    /// Addresses to which sign-ins return, the primary one first; none allows all on loopback.
    pub redirect_uris: Vec<String>,
    /// Whether OpenID Connect is switched on for the app; as at Clever, it is off until asked for.
    pub openid: bool,
    /// Whether its discovery offers PKCE. A code that was asked for with a challenge needs the verifier, whatever
    /// this says.
    pub pkce: bool,
    /// Whether the app has content of its own mapped to courses; it needs a scope that few apps have.
    pub resources: bool,
    /// Requests a minute granted to each token.
    pub rate_limit: u64,
    /// The clock of the rate limit's windows.
    pub clock: Arc<dyn Clock>,
}

impl Default for EmulatorConfig {
    /// A small made-up district on a free loopback port, on a school day in September 2026.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            world: WorldSource::Generated {
                seed: 1,
                students: 300,
            },
            district_token: None,
            start: Timestamp::from_second(1_789_387_200).unwrap_or(Timestamp::UNIX_EPOCH),
            events: false,
            redirect_uris: Vec::new(),
            openid: false,
            pkce: false,
            resources: false,
            rate_limit: RATE_LIMIT,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why an emulator can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not this machine's own: a made-up Clever stays on loopback.
    #[error("{0} is not a loopback address: the emulator serves this machine only")]
    NotLoopback(SocketAddr),
    /// The address can't be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The recording can't be served.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// No key could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random numbers gave no signing key")]
pub struct KeyError;

/// What the server's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: RwLock<World>,
    pub(crate) faults: Faults,
    pub(crate) app: App,
    pub(crate) seen: Seen,
    limiter: Limiter,
    pub(crate) token: String,
    clock: Arc<dyn Clock>,
    requests: AtomicU64,
}

/// A running emulator. Dropping it ends it without waiting for open requests; [`Emulator::stop`] waits.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    base_url: Url,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

/// Starts serving.
///
/// # Errors
///
/// [`StartError`] names the address or the file.
pub async fn start(config: EmulatorConfig) -> Result<Emulator, StartError> {
    if !config.listen.ip().is_loopback() {
        return Err(StartError::NotLoopback(config.listen));
    }
    let (mut world, recorded_token) = match config.world {
        WorldSource::Recorded(folder) => {
            let recording = recorded::read(&folder, config.start)?;
            (recording.world, recording.token)
        }
        WorldSource::Generated { seed, students } => {
            (generate::generate(seed, students, config.start), None)
        }
    };
    if config.resources {
        resources::attach(&mut world);
        // What was there from the start is no news.
        drop(world.publish());
    }
    world.set_events(config.events);
    let token = config.district_token.or(recorded_token).unwrap_or_else(|| {
        format!(
            "{:040x}",
            0x0e3a_1a70_u128.wrapping_mul(u128::from(world.seed) + 0x5eed)
        )
    });
    let failed = |source| StartError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let base_url = Url::parse(&format!("http://{address}"))
        .map_err(|error| failed(io::Error::other(error)))?;
    let issuer = base_url.as_str().trim_end_matches('/').to_owned();
    let app = App::new(
        world.seed,
        config.redirect_uris,
        (config.openid, config.pkce),
        issuer,
    );
    let shared = Arc::new(Shared {
        app,
        world: RwLock::new(world),
        faults: Faults::default(),
        seen: Seen::default(),
        limiter: Limiter::new(config.rate_limit),
        token,
        clock: config.clock,
        requests: AtomicU64::new(0),
    });
    let router = Router::new()
        .fallback(handle)
        .with_state(Arc::clone(&shared));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        axum::serve(listener, router)
            // A dropped sender ends it as well.
            .with_graceful_shutdown(async { drop(stopped.await) })
            .await
    });
    Ok(Emulator {
        shared,
        base_url,
        stop,
        task,
    })
}

impl Emulator {
    /// The address that stands for `https://api.clever.com`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The token that opens the district.
    #[must_use]
    pub fn district_token(&self) -> &str {
        &self.shared.token
    }

    /// The id of the app that users sign in to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.shared.app.client_id
    }

    /// The app's secret.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.shared.app.client_secret
    }

    /// A token of the user with this id, as a sign-in would give.
    #[must_use]
    pub fn user_token(&self, user: &str) -> String {
        self.shared.app.token_of(Person {
            user: user.to_owned(),
            library: false,
        })
    }

    /// A token of a teacher or student whom a teacher shared through the Library.
    #[must_use]
    pub fn library_token(&self, user: &str) -> String {
        self.shared.app.token_of(Person {
            user: user.to_owned(),
            library: true,
        })
    }

    /// Signs identities with a new key from now on; the last one stays published.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the system gives no key.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        self.shared.app.keys.rotate().map_err(|_| KeyError)
    }

    /// Trouble to come.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// How many requests were answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Lets days of school life pass.
    pub fn advance_days(&self, days: u32) -> DaySummary {
        self.with_world(|world| life::pass(world, days))
    }

    /// Looks at the world, or changes it by hand; what changes is told as events.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.shared.with_world(act)
    }

    /// Lets something happen to the district; how many records are other than before.
    pub fn happen(&self, happening: Happening) -> usize {
        self.with_world(|world| happening.befall(world))
    }

    /// Ends the emulator after the open requests; those that hang on command are not waited for.
    pub async fn stop(mut self) {
        drop(self.stop);
        // Whether it ended well no longer matters to anyone.
        if tokio::time::timeout(STOP, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Shared {
    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world, or changes it; what changes is told as events.
    pub(crate) fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut world);
        drop(world.publish());
        result
    }
}

/// Whether a path is Clever's site, not its API.
fn is_sign_in(path: &str) -> bool {
    ["/oauth/", "/.well-known/", "/in/", "/portal/", "/library/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Answers one request, and remembers it.
async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if control::is_control(request.uri().path()) {
        let reply = control::answer(&shared, request).await;
        return reply::send(reply, None, "emulator-control", None).await;
    }
    let number = shared.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let id = format!("emulator-{number}");
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let begin = Instant::now();
    let (reply, standing, fault) = decide(&shared, request).await;
    shared.seen.add(SeenRequest {
        method,
        path,
        status: reply.status,
        milliseconds: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
        fault,
    });
    reply::send(reply, standing, &id, fault).await
}

/// What a request is answered with, and what befalls the answer.
async fn decide(shared: &Shared, request: Request) -> (Reply, Option<Standing>, Option<Fault>) {
    if is_sign_in(request.uri().path()) {
        let target = request.uri().to_string();
        let reply = sign_in(shared, request).await;
        let fault = shared.faults.befall(&target);
        let reply = match fault {
            Some(fault) => reply.spoiled(fault),
            None => reply,
        };
        return (reply, None, fault);
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let of_user = path == "/userinfo" || path.ends_with("/me");
    let read = request.method() == Method::GET
        || (path == "/userinfo" && request.method() == Method::POST);
    if !read || !(of_user || routes::is_api(path)) {
        return (Reply::no_such_path(path), None, None);
    }
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let user = token.and_then(|token| shared.app.person_of(token));
    let Some(token) = token
        .filter(|token| user.is_some() || *token == shared.token || DEMO_TOKENS.contains(token))
    else {
        return (reply::unauthorized(), None, None);
    };
    let standing = shared.limiter.count(token, shared.clock.now());
    if standing.exceeded {
        return (Reply::too_many(), Some(standing), None);
    }
    let reply = {
        let world = shared.world.read().unwrap_or_else(PoisonError::into_inner);
        match &user {
            Some(person) => identity::answer_user(&world, person, path, query),
            None => routes::answer(&world, path, query),
        }
    };
    let target = format!("{path}?{query}");
    let fault = shared.faults.befall(&target);
    let reply = match fault {
        Some(fault) => reply.spoiled(fault),
        None => reply,
    };
    (reply, Some(standing), fault)
}

/// Answers one request of Clever's site.
async fn sign_in(shared: &Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let authorization = header(header::AUTHORIZATION);
    let cookies = header(header::COOKIE).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let world = || shared.world.read().unwrap_or_else(PoisonError::into_inner);
    match (&parts.method, parts.uri.path()) {
        (
            &Method::GET,
            "/oauth/authorize" | "/oauth/instant-login" | "/portal/launch" | "/library/install",
        ) => {
            let target = parts.uri.to_string();
            shared
                .app
                .authorize(&world(), &target, cookies, shared.clock.now())
        }
        (&Method::GET, path) if path.starts_with("/in/") => {
            shared.app.portal(&world(), &parts.uri.to_string(), cookies)
        }
        (&Method::GET, path @ ("/.well-known/openid-configuration" | "/oauth/certs")) => {
            shared.app.openid(path)
        }
        (&Method::GET, "/oauth/tokeninfo") => {
            let token = authorization.and_then(|value| value.split_once(' '));
            let known = token.is_some_and(|(_, token)| {
                token == shared.token || shared.app.person_of(token).is_some()
            });
            if known {
                shared.app.token_info()
            } else {
                reply::unauthorized()
            }
        }
        (&Method::GET | &Method::POST, "/oauth/tokens") if !shared.app.is_client(authorization) => {
            identity::refused(401, "invalid_client", "client authentication failed")
        }
        (&Method::GET, "/oauth/tokens") => shared.app.tokens(&world(), query, &shared.token),
        (&Method::POST, "/oauth/tokens") => {
            let content_type = header(header::CONTENT_TYPE).unwrap_or_default();
            let body = axum::body::to_bytes(body, MAX_FORM)
                .await
                .unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            shared
                .app
                .exchange(&world(), content_type, &body, shared.clock.now())
        }
        (_, path) => Reply::no_such_path(path),
    }
}
