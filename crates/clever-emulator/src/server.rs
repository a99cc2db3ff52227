//! A world on a socket.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use clever_model::{Clock, RecordKind, SystemClock, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use crate::ahead::Ahead;
use crate::clock::{self, Ticker};
use crate::control::Seen;
use crate::dispatch;
use crate::districts::{District, Districts};
use crate::faults::Faults;
use crate::happenings::Happening;
use crate::identity::{App, AppOptions, Person};
use crate::life::{self, DaySummary};
use crate::limiter::Limiter;
use crate::lms::{Lms, LmsType};
use crate::world::recorded::RecordingError;
use crate::world::sftp::{CsvError, CsvFault};
use crate::world::{World, generate, recorded, sftp};
use crate::{attendance, resources};

/// Requests a minute that Clever grants each token.
const RATE_LIMIT: u64 = 1200;

/// Longest wait for open requests at the end.
const STOP: Duration = Duration::from_secs(2);

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldSource {
    /// The JSON pages in a folder, as [`recorded`] reads them.
    Recorded(PathBuf),
    /// The CSV set in a folder, as districts send it to Clever and [`sftp`] reads it.
    Csv {
        /// The folder.
        folder: PathBuf,
        /// Whether rows with a fault are left out; else a set with one is not served.
        lenient: bool,
    },
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
    /// Further districts beside it, each with a token of its own.
    pub more_districts: Vec<WorldSource>,
    /// Whether the districts have connected the app; else only the Library leads to it.
    pub connected: bool,
    /// Whether the app may read rosters (Secure Sync), or is for signing in alone.
    pub secure_sync: bool,
    /// The district-app token; without it, the recording's own, or a made-up one.
    pub district_token: Option<String>,
    /// The world's first instant.
    pub start: Timestamp,
    /// How often a day passes by itself; none lets days pass on command only.
    pub day_every: Option<Duration>,
    /// Whether the events feed is switched on; as at Clever, it is off until asked for.
    pub events: bool,
    /// Addresses to which sign-ins return, the primary one first; none allows all on loopback.
    pub redirect_uris: Vec<String>,
    /// Whether OpenID Connect is switched on for the app; as at Clever, it is off until asked for.
    pub openid: bool,
    /// Whether its discovery offers PKCE. A code that was asked for with a challenge needs the verifier, whatever
    /// this says.
    pub pkce: bool,
    /// Whether Clever vouches for users' addresses in id tokens; as at Clever, it does not until asked to.
    pub email_verified: bool,
    /// Whether the app has content of its own mapped to courses; it needs a scope that few apps have.
    pub resources: bool,
    /// The learning management system that the districts have connected, for LMS Connect.
    pub lms: Option<LmsType>,
    /// Whether the app may read attendance.
    pub attendance: bool,
    /// Requests a minute granted to each token.
    pub rate_limit: u64,
    /// Whether answers are compressed for clients that ask for it, as Clever's are.
    pub gzip: bool,
    /// The clock of the rate limit's windows and of codes.
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
            more_districts: Vec::new(),
            connected: true,
            secure_sync: true,
            district_token: None,
            start: Timestamp::from_second(1_789_387_200).unwrap_or(Timestamp::UNIX_EPOCH),
            day_every: None,
            events: false,
            redirect_uris: Vec::new(),
            openid: false,
            pkce: false,
            email_verified: false,
            resources: false,
            lms: None,
            attendance: false,
            rate_limit: RATE_LIMIT,
            gzip: true,
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
    /// The CSV set can't be served.
    #[error(transparent)]
    Csv(#[from] CsvError),
}

/// What the server's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) districts: Districts,
    pub(crate) faults: Faults,
    pub(crate) app: App,
    pub(crate) seen: Seen,
    pub(crate) ahead: Arc<Ahead>,
    pub(crate) ticker: Ticker,
    pub(crate) limiter: Limiter,
    pub(crate) gzip: bool,
    pub(crate) attendance: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) requests: AtomicU64,
}

/// A district of an emulator, as its app knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectedDistrict {
    /// Its Clever id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The token that opens it now; none while it is not connected.
    pub token: Option<String>,
}

/// A running emulator. Dropping it ends it without waiting for open requests; [`Emulator::stop`] waits.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    base_url: Url,
    /// The first district's token at the start.
    token: String,
    left_out: Vec<CsvFault>,
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
    let mut left_out = Vec::new();
    let mut open = |source, token: Option<String>| -> Result<Arc<District>, StartError> {
        let (mut world, recorded) = read(source, config.start, &mut left_out)?;
        if config.resources {
            resources::attach(&mut world);
        }
        let lms = config.lms.map(Lms::new);
        if let Some(lms) = &lms {
            lms.connect(&mut world);
        }
        if config.attendance {
            attendance::sync(&mut world);
        }
        // What was there from the start is no news.
        drop(world.publish());
        world.set_events(config.events);
        let district = District::new(world, token.or(recorded), config.connected);
        Ok(Arc::new(district.with_lms(lms)))
    };
    let first = open(config.world, config.district_token)?;
    let more = config.more_districts.into_iter();
    let more = more
        .map(|source| open(source, None))
        .collect::<Result<_, _>>()?;
    let districts = Districts { first, more };
    let failed = |source| StartError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let base_url = Url::parse(&format!("http://{address}"))
        .map_err(|error| failed(io::Error::other(error)))?;
    let issuer = base_url.as_str().trim_end_matches('/').to_owned();
    let options = AppOptions {
        redirect_uris: config.redirect_uris,
        openid: config.openid,
        pkce: config.pkce,
        email_verified: config.email_verified,
        secure_sync: config.secure_sync,
    };
    let app = App::new(districts.first.world().seed, options, issuer);
    let token = districts.first.connection().token.unwrap_or_default();
    let shared = Arc::new(Shared {
        districts,
        app,
        faults: Faults::default(),
        seen: Seen::default(),
        ahead: Arc::new(Ahead::default()),
        ticker: Ticker::new(config.day_every),
        limiter: Limiter::new(config.rate_limit),
        gzip: config.gzip,
        attendance: config.attendance,
        clock: config.clock,
        requests: AtomicU64::new(0),
    });
    let router = Router::new()
        .fallback(dispatch::handle)
        .with_state(Arc::clone(&shared));
    tokio::spawn(clock::run(Arc::downgrade(&shared), shared.ticker.watch()));
    let (stop, stopped) = oneshot::channel::<()>();
    // The end of a page in parts is a few bytes: they must not wait until the client has told what it has.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let task = tokio::spawn(async move {
        axum::serve(listener, router)
            // A dropped sender ends it as well.
            .with_graceful_shutdown(async { drop(stopped.await) })
            .await
    });
    Ok(Emulator {
        shared,
        base_url,
        token,
        left_out,
        stop,
        task,
    })
}

/// Reads or makes a world, and the token that a recording has; adds what was left out of a set.
fn read(
    source: WorldSource,
    start: Timestamp,
    left_out: &mut Vec<CsvFault>,
) -> Result<(World, Option<String>), StartError> {
    match source {
        WorldSource::Recorded(folder) => {
            let recording = recorded::read(&folder, start)?;
            Ok((recording.world, recording.token))
        }
        WorldSource::Csv { folder, lenient } => {
            let (world, mut faults) = sftp::read(&folder, start, lenient)?;
            left_out.append(&mut faults);
            Ok((world, None))
        }
        WorldSource::Generated { seed, students } => {
            Ok((generate::generate(seed, students, start), None))
        }
    }
}

impl Emulator {
    /// The address that stands for `https://api.clever.com`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The token that opened the first district at the start; empty where it was not connected. What opens it
    /// now is in [`Emulator::districts`].
    #[must_use]
    pub fn district_token(&self) -> &str {
        &self.token
    }

    /// What was left out of the CSV sets that are served, where that was allowed.
    #[must_use]
    pub fn left_out(&self) -> &[CsvFault] {
        &self.left_out
    }

    /// The districts, the first one first.
    #[must_use]
    pub fn districts(&self) -> Vec<ConnectedDistrict> {
        let all = self.shared.districts.iter();
        all.map(|district| {
            let record = district
                .world()
                .value(RecordKind::Districts, &district.id)
                .unwrap_or_default();
            ConnectedDistrict {
                id: district.id.clone(),
                name: record["name"].as_str().unwrap_or_default().to_owned(),
                token: district.connection().token,
            }
        })
        .collect()
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
        self.token_of(user, false)
    }

    /// A token of a teacher or student whom a teacher shared through the Library.
    #[must_use]
    pub fn library_token(&self, user: &str) -> String {
        self.token_of(user, true)
    }

    fn token_of(&self, user: &str, library: bool) -> String {
        let districts = &self.shared.districts;
        let district = districts.of_user(user).unwrap_or(&districts.first);
        self.shared.app.token_of(Person {
            district: district.id.clone(),
            user: user.to_owned(),
            library,
        })
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

    /// Lets days of school life pass, in every district; what the first one's did.
    pub fn advance_days(&self, days: u32) -> DaySummary {
        self.shared.pass(days)
    }

    /// Lets a day pass every so often, in every district, the first one that much later; none stops the clock.
    pub fn run_clock(&self, day_every: Option<Duration>) {
        self.shared.ticker.set(day_every);
    }

    /// How often a day passes by itself.
    #[must_use]
    pub fn day_every(&self) -> Option<Duration> {
        self.shared.ticker.every()
    }

    /// Looks at the first district's world, or changes it by hand; what changes is told as events.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.shared.districts.first.with_world(act)
    }

    /// Looks at the world of the district with this id, or changes it by hand; `None` where there is none.
    pub fn with_world_of<T>(&self, district: &str, act: impl FnOnce(&mut World) -> T) -> Option<T> {
        let district = self.shared.districts.get(district)?;
        Some(district.with_world(act))
    }

    /// Lets something happen to the first district, or to the issuer of identities; how many records are other than
    /// before.
    pub fn happen(&self, happening: Happening) -> usize {
        self.shared.befall(&self.shared.districts.first, happening)
    }

    /// Lets something happen to the district with this id; `None` where there is none.
    pub fn happen_to(&self, district: &str, happening: Happening) -> Option<usize> {
        let district = self.shared.districts.get(district)?;
        Some(self.shared.befall(district, happening))
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
    /// Lets something happen to a district, or to the issuer of identities; how many records are other than before.
    pub(crate) fn befall(&self, district: &District, happening: Happening) -> usize {
        self.app.befall(happening);
        district.befall(happening)
    }

    /// Lets days pass in every district; what the first one's did.
    pub(crate) fn pass(&self, days: u32) -> DaySummary {
        let live = |district: &District| {
            district.with_world(|world| {
                let summary = life::pass(world, days);
                if self.attendance {
                    attendance::sync(world);
                }
                summary
            })
        };
        for district in &self.districts.more {
            drop(live(district));
        }
        live(&self.districts.first)
    }
}
