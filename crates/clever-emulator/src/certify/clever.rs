//! The Clever of a rehearsal: an emulator with the certification district, and a clock that can be put forward.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{CertificationUser, Emulator, EmulatorConfig, StartError, WorldSource};
use clever_model::{Clock, SystemClock, Timestamp};
use url::Url;

/// The machine's clock, put forward by so many seconds.
#[derive(Debug, Default)]
struct AheadClock(AtomicI64);

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        let ahead = now.as_second() + self.0.load(Ordering::SeqCst);
        Timestamp::from_second(ahead).unwrap_or(now)
    }
}

/// The Clever of a rehearsal.
#[derive(Debug)]
pub struct RehearsalClever {
    emulator: Emulator,
    clock: Arc<AheadClock>,
}

impl RehearsalClever {
    /// Starts it on `listen` for the app whose primary redirect URI is `callback`.
    ///
    /// The app's client id, its secret and the district's token are the same at each start.
    ///
    /// # Errors
    ///
    /// [`StartError`] says why the address can't be listened on.
    pub async fn start(
        listen: SocketAddr,
        callback: &Url,
        openid: bool,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(AheadClock::default());
        let config = EmulatorConfig {
            listen,
            world: WorldSource::Certification,
            redirect_uris: vec![callback.to_string()],
            openid,
            start: SystemClock.now(),
            clock: clock.clone(),
            ..EmulatorConfig::default()
        };
        let emulator = crate::start(config).await?;
        Ok(Self { emulator, clock })
    }

    /// The emulator, for its address, ids and secrets.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Ends it.
    pub async fn stop(self) {
        self.emulator.stop().await;
    }

    /// Puts the clock forward by so many seconds; 0 puts it right again.
    pub(crate) fn ahead(&self, seconds: i64) {
        self.clock.0.store(seconds, Ordering::SeqCst);
    }

    /// An address at Clever.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.emulator.base_url().clone();
        url.set_path(path);
        url
    }

    /// Where somebody signs in at Clever alone: the portal.
    pub(crate) fn portal(&self, user: CertificationUser) -> Url {
        let mut url = self.at("/in/certification");
        url.query_pairs_mut().append_pair("user", user.id());
        url
    }

    /// A way into the app that begins at Clever, with the person picked.
    pub(crate) fn door(&self, path: &str, user: CertificationUser) -> Url {
        let mut url = self.at(path);
        url.query_pairs_mut()
            .append_pair("client_id", self.emulator.client_id())
            .append_pair("user", user.id());
        if path == "/oauth/instant-login" {
            let district = self
                .emulator
                .with_world(|world| world.district_id().to_owned());
            url.query_pairs_mut().append_pair("district_id", &district);
        }
        url
    }

    /// Whether an address is Clever's.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.emulator.base_url().origin()
    }

    /// Counts the codes that apps come to redeem while something is done.
    pub(crate) fn counter(&self) -> Redemptions<'_> {
        Redemptions {
            clever: self,
            before: self.emulator.requests(),
        }
    }
}

/// Counts the codes that were redeemed since it was made.
pub(crate) struct Redemptions<'a> {
    clever: &'a RehearsalClever,
    before: u64,
}

impl Redemptions<'_> {
    /// How many exchanges were tried since; of more than the last hundred requests only those are known.
    pub(crate) fn tried(&self) -> usize {
        let emulator = &self.clever.emulator;
        let since = emulator.requests().saturating_sub(self.before);
        let all = emulator.last_requests();
        let since = all
            .iter()
            .take(usize::try_from(since).unwrap_or(usize::MAX));
        since
            .filter(|one| one.method == "POST" && one.path == "/oauth/tokens")
            .count()
    }
}
