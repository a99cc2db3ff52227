//! What to serve, and how.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clever_model::{Clock, SystemClock, Timestamp};

use super::doors::ControlToken;
use crate::api::lms::LmsType;
use crate::world::{CsvError, RecordingError};

/// Requests a minute that Clever grants each token.
const RATE_LIMIT: u64 = 1200;

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldSource {
    /// The JSON pages in a folder, each an answer of the API.
    Recorded(PathBuf),
    /// The CSV set in a folder, as districts send it to Clever by SFTP.
    Csv {
        /// The folder.
        folder: PathBuf,
        /// Whether rows with a fault are left out; else a set with one is not served.
        lenient: bool,
    },
    /// The district of a rehearsal of Clever's certification, with every
    /// [`CertificationUser`](crate::CertificationUser).
    Certification,
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
    /// Where to listen; port 0 takes a free one. An address that is not loopback needs [`EmulatorConfig::allow_hosts`].
    pub listen: SocketAddr,
    /// Host names beside those of this machine by which requests may ask for the emulator; the first one stands in its
    /// [`Emulator::base_url`](crate::Emulator::base_url). Requests for other names are refused with 403.
    pub allow_hosts: Vec<String>,
    /// The token that the control API and the page ask for. On loopback they ask for none unless this says so; on
    /// other addresses a random one takes its place.
    pub control_token: Option<ControlToken>,
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
    /// How late each answer of the API comes, as over a real network; several wait at once.
    pub latency: Duration,
    /// The clock of the rate limit's windows and of codes.
    pub clock: Arc<dyn Clock>,
}

impl Default for EmulatorConfig {
    /// A small made-up district on a free loopback port, on a school day in September 2026.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_hosts: Vec::new(),
            control_token: None,
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
            latency: Duration::ZERO,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why an emulator can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not this machine's own, and no host name is allowed beside this machine's.
    #[error(
        "{0} is not a loopback address: name the host that others will ask for, as in --allow-host emulator"
    )]
    NotLoopback(SocketAddr),
    /// The system gave no random bytes for the control token.
    #[error("could not make a control token: the system gave no random bytes")]
    NoRandomness,
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
