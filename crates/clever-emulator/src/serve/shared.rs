//! What the server's tasks share: the districts, the app, and the trouble to come.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clever_model::Clock;

use super::doors::Doors;
use super::limiter::Limiter;
use super::ticker::Ticker;
use crate::control::faults::Faults;
use crate::control::seen::Seen;
use crate::districts::{District, Districts};
use crate::life::attendance;
use crate::life::days::{self, DaySummary};
use crate::life::happenings::Happening;
use crate::sign_in::app::App;

/// What the server's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) districts: Districts,
    pub(crate) faults: Faults,
    pub(crate) app: App,
    pub(crate) seen: Seen,
    pub(crate) doors: Doors,
    pub(crate) ticker: Ticker,
    pub(crate) limiter: Limiter,
    pub(crate) gzip: bool,
    /// How late each answer of the API comes.
    pub(crate) latency: Duration,
    pub(crate) attendance: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) requests: AtomicU64,
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
                let summary = days::pass(world, days);
                if self.attendance {
                    attendance::freshen(world);
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
