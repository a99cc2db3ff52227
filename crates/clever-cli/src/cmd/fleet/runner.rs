//! What a worker does: the runs of `sync --all`, each when the engine asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Result;
use clever_fleet::{Ended, Failure, Job, Listed, ListedDistrict, Pending, Runner, Synced};
use clever_model::{Clock, SystemClock};
use clever_sync::look::{ApproveError, Deed};
use clever_sync::{Outcome, SyncReport};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::access::{AppArgs, ServiceArgs};
use crate::alerts::Alerts;
use crate::cmd::changes::lake::AfterRuns;
use crate::cmd::sync::listed::{self, Target};
use crate::cmd::sync::one_of_many::{OneOfMany, PATIENCE, aside};
use crate::cmd::sync::recorders::Recorders;
use crate::cmd::sync::{SyncArgs, policies};
use crate::diagnostics;
use crate::progress::{Bars, Watch};
use crate::settings::Places;
use crate::ui::Ui;

/// How often alerts are looked for.
const ALERT_EVERY: Duration = Duration::from_secs(60);

/// A machine of the fleet.
pub(crate) struct Machine {
    args: Arc<SyncArgs>,
    places: Places,
    recorders: Arc<Recorders>,
    bars: Bars,
    ui: Ui,
    alerts: Alerts,
    /// The command that syncs, as an alert names it.
    sync: String,
    /// When alerts were looked for.
    alerted: Mutex<Option<Instant>>,
    /// Where feeds are appended to, if anywhere.
    lake: Option<AfterRuns>,
}

impl Machine {
    /// Works with these arguments.
    pub(crate) fn new(
        args: SyncArgs,
        alerts: Alerts,
        sync: String,
        lake: Option<AfterRuns>,
        ui: &Ui,
    ) -> Result<Arc<Self>> {
        let places = args.store.places()?;
        // A typing error in the policy ends the command before anything starts.
        policies(args.policy.as_deref())?;
        Ok(Arc::new(Self {
            recorders: Recorders::new(places.clone(), false, PATIENCE),
            places,
            bars: Bars::new(ui),
            ui: *ui,
            alerts,
            sync,
            alerted: Mutex::default(),
            lake,
            args: Arc::new(args),
        }))
    }

    /// One run; says also whether something was held before it.
    async fn run(
        &self,
        job: &Job,
        pages: Arc<AtomicU64>,
        stopped: watch::Receiver<bool>,
    ) -> Result<(SyncReport, bool)> {
        let before = self.beforehand(job).await;
        let was_held = matches!(before, Ok(true));
        let ready = before.and_then(|_| {
            let policies = policies(self.args.policy.as_deref())?;
            let target = self.target(job)?;
            Ok((policies, target))
        });
        let (policies, target) = match ready {
            Ok((policies, target)) => (policies, Ok(target)),
            Err(error) => (Default::default(), Err(error)),
        };
        let run = OneOfMany {
            args: Arc::clone(&self.args),
            policies: Arc::new(policies),
            recorders: Arc::clone(&self.recorders),
            district: job.district.clone(),
            credential: job.credential.clone(),
            target,
            watch: Arc::new(Watch::of(&self.bars, &job.district).counting(pages)),
            stopped,
        };
        Ok((run.run().await?, was_held))
    }

    fn target(&self, job: &Job) -> Result<Target> {
        listed::target(
            &self.args.service,
            &self.args.app,
            &job.credential,
            &job.district,
        )
    }

    /// Says whether something of the district is held. What is to be approved is approved in the store, if it has the hash
    /// still: the next run lets it through, and a run that begins again finds that it was.
    async fn beforehand(&self, job: &Job) -> Result<bool> {
        let place = self.places.of(&job.district, Some(&job.credential)).await?;
        let Some(mut store) = place.existing().await? else {
            return Ok(false);
        };
        store.wait_for_others(PATIENCE)?;
        let standing = store.overview(Some(&job.district)).await?.pop();
        let Some((standing, held)) =
            standing.and_then(|one| one.held_hash.clone().map(|held| (one, held)))
        else {
            return Ok(false);
        };
        if job.approve.as_ref() == Some(&held) {
            let deed = Deed {
                district_id: &job.district,
                at: SystemClock.now(),
                actor: "fleet",
                role: "operator",
                deed: "approve",
                subject: &held,
                reason: "the engine's history says who",
                key: None,
            };
            let count = standing.holds.iter().map(|one| one.hold.count).sum();
            match store.approve_held(&held, count, &deed).await {
                // Another run or another person was first; the run lets through what fits.
                Ok(_) | Err(ApproveError::Already(_) | ApproveError::Moved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Appends to the lake what runs of the district have written. If that fails, it is said: the run is done all the same, and the
    /// next one appends what is missing.
    async fn append(&self, job: &Job, stopped: &watch::Receiver<bool>) {
        let Some(lake) = &self.lake else { return };
        let district = job.district.as_str();
        let appending = async {
            let place = self.places.of(district, Some(&job.credential)).await?;
            let Some(mut store) = place.existing().await? else {
                return Ok(0);
            };
            lake.append(&mut store, district, stopped).await
        };
        match appending.await {
            Ok(changes) => tracing::info!(district, changes, "appended to the lake"),
            Err(error) => {
                let code = diagnostics::code(&error);
                tracing::warn!(district, code, "could not append to the lake");
                diagnostics::tell_of(&self.ui, district, &error);
            }
        }
    }

    /// Sends the alerts that are due, if they were not looked for just now.
    async fn alert(&self) {
        let mut alerted = self.alerted.lock().await;
        if alerted.is_none_or(|at| at.elapsed() > ALERT_EVERY) {
            *alerted = Some(Instant::now());
            self.recorders
                .alert(&self.alerts, &self.sync, &self.ui)
                .await;
        }
    }
}

/// What the engine may keep of an error.
fn failure(error: &anyhow::Error) -> Failure {
    Failure {
        code: diagnostics::code(error).to_owned(),
        again: diagnostics::again(error),
    }
}

fn synced(report: &SyncReport, was_held: bool) -> Synced {
    let ended = match (report.outcome, report.whole) {
        (Outcome::Held, _) => Ended::Held,
        (Outcome::Done | Outcome::Planned, true) => Ended::Done,
        (Outcome::Done | Outcome::Planned, false) => Ended::Doubtful,
    };
    let kinds = report.kinds.values();
    Synced {
        ended,
        held: (ended == Ended::Held).then(|| report.plan_hash.clone()),
        was_held,
        changed: kinds
            .map(|kind| kind.created + kind.updated + kind.archived + kind.restored)
            .sum(),
    }
}

/// Lists the districts that the kept credentials open, and says which of them the store never had whole.
pub(crate) async fn list(
    service: &ServiceArgs,
    app: &AppArgs,
    places: &Places,
    ui: &Ui,
) -> Result<Listed> {
    let mut whole = BTreeMap::new();
    for place in places.all() {
        if let Some(mut store) = place.existing().await? {
            whole.extend(store.last_whole().await?);
        }
    }
    let mut listed = Listed::default();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, secret) in listed::credentials(app)? {
        match listed::districts(service, app, &name, secret).await {
            Ok(districts) => {
                for (district, target) in districts {
                    // Two credentials may open one district; it is synced through the first.
                    found.entry(district).or_insert(target.credential);
                }
            }
            Err(error) => {
                diagnostics::tell_of(ui, &name, &error);
                listed.unread.push(name);
            }
        }
    }
    listed.districts = found
        .into_iter()
        .map(|(district, credential)| ListedDistrict {
            first: !whole.contains_key(&district),
            district,
            credential,
        })
        .collect();
    Ok(listed)
}

/// Does what may wait for another that writes on a thread of its own.
fn wait_aside<T: Send + 'static, F: Future<Output = Result<T>> + 'static>(
    ask: impl FnOnce() -> F + Send + 'static,
) -> Pending<T> {
    let asked = aside(ask);
    Box::pin(async move { asked.await.map_err(|error| failure(&error)) })
}

/// The worker's end of it.
pub(crate) struct Hands(pub(crate) Arc<Machine>);

impl Runner for Hands {
    fn sync(
        &self,
        job: Job,
        pages: Arc<AtomicU64>,
        stop: watch::Receiver<bool>,
    ) -> Pending<Synced> {
        let machine = Arc::clone(&self.0);
        wait_aside(async move || {
            let ended = machine.run(&job, pages, stop.clone()).await;
            if ended.is_ok() {
                machine.append(&job, &stop).await;
            }
            machine.alert().await;
            if let Err(error) = &ended
                && diagnostics::paused(error).is_some()
            {
                // Not a failure: somebody wants it so.
                return Ok(Synced {
                    ended: Ended::Paused,
                    held: None,
                    was_held: false,
                    changed: 0,
                });
            }
            if let Err(error) = &ended
                && machine.ui.is_talkative()
            {
                diagnostics::tell_of(&machine.ui, &job.district, error);
            }
            let (report, was_held) = ended?;
            Ok(synced(&report, was_held))
        })
    }

    fn held(&self, district: String) -> Pending<Option<String>> {
        let machine = Arc::clone(&self.0);
        wait_aside(async move || {
            let place = machine.places.holding(Some(&district)).await?;
            let Some(mut store) = place.existing().await? else {
                return Ok(None);
            };
            let standing = store.overview(Some(&district)).await?.pop();
            Ok(standing.and_then(|one| one.held_hash))
        })
    }

    fn districts(&self) -> Pending<Listed> {
        let machine = Arc::clone(&self.0);
        wait_aside(async move || {
            let (service, app) = (&machine.args.service, &machine.args.app);
            list(service, app, &machine.places, &machine.ui).await
        })
    }
}
