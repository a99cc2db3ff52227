//! Worlds on a socket: how an emulator is started, asked and ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use clever_model::{RecordKind, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use super::clock;
use super::config::{EmulatorConfig, StartError, WorldSource};
use super::dispatch;
use super::doors::{Doors, random_token};
use super::limiter::Limiter;
use super::shared::Shared;
use super::ticker::Ticker;
use crate::api::lms::Lms;
use crate::api::roster;
use crate::control::faults::Faults;
use crate::control::seen::{Seen, SeenRequest};
use crate::districts::{District, Districts};
use crate::life::days::DaySummary;
use crate::life::happenings::Happening;
use crate::life::{attendance, resources};
use crate::sign_in::app::{App, AppOptions, Person};
use crate::world::{CsvFault, World, certification, generate, recorded, sftp};

/// Longest wait for open requests at the end.
const STOP: Duration = Duration::from_secs(2);

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
    let on_loopback = config.listen.ip().is_loopback();
    if !on_loopback && config.allow_hosts.is_empty() {
        return Err(StartError::NotLoopback(config.listen));
    }
    let control_token = match config.control_token {
        None if !on_loopback => Some(random_token().map_err(|_| StartError::NoRandomness)?),
        given => given,
    };
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
            attendance::freshen(&mut world);
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
    let authority = match config.allow_hosts.first() {
        Some(host) if !on_loopback => format!("{host}:{}", address.port()),
        _ => address.to_string(),
    };
    let base_url = Url::parse(&format!("http://{authority}"))
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
        doors: Doors::new(&config.allow_hosts, control_token),
        ticker: Ticker::new(config.day_every),
        limiter: Limiter::new(config.rate_limit),
        gzip: config.gzip,
        latency: config.latency,
        attendance: config.attendance,
        clock: config.clock,
        requests: AtomicU64::new(0),
    });
    let router = Router::new()
        .fallback(dispatch::handle)
        .with_state(Arc::clone(&shared));
    tokio::spawn(clock::run(Arc::downgrade(&shared), shared.ticker.watch()));
    let (stop, stopped) = oneshot::channel::<()>();
    // The end of an answer is a few bytes: they must not wait until the client has acknowledged the rest.
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

/// Reads or makes a world, and the token that a recording has; adds to `left_out` what a set lost.
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
        WorldSource::Certification => Ok((certification::certification(start), None)),
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

    /// The token that the control API and the page ask for; none if they ask for none.
    #[must_use]
    pub fn control_token(&self) -> Option<&str> {
        self.shared.doors.control_token()
    }

    /// The token that opened the first district at the start; empty where it was not connected. What opens it
    /// now is in [`Emulator::districts`].
    #[must_use]
    pub fn district_token(&self) -> &str {
        &self.token
    }

    /// The faults for which rows of the served CSV sets were omitted, if that was allowed.
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

    /// What the data API answers to the first district's token, without a socket: status and body. Neither a fault
    /// nor the rate limit touches it.
    #[must_use]
    pub fn answer(&self, path: &str, query: &str) -> (u16, String) {
        let reply = roster::answer(&self.shared.districts.first.world(), path, query);
        (reply.status, reply.body)
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

    /// The last hundred requests that were answered, newest first.
    #[must_use]
    pub fn last_requests(&self) -> Vec<SeenRequest> {
        self.shared.seen.all()
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

    /// Looks at the first district's world, or changes it by hand; each change makes events.
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
