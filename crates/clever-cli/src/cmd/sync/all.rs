//! `cleverctl sync --all`: every district of every credential, a few at a time, each on its own.
//!
//! A district that fails, hangs or is held takes its slot and nothing else. Whose turn it is decides
//! [`clever_sync::turns`]; here are the threads, the lists of districts and the words.

pub(crate) mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clever_model::{Clock, SystemClock, Timestamp};
use clever_sync::turns::{Next, Turn, Turns, later, next};
use clever_sync::words;
use clever_sync::{DatabaseError, Outcome, StoreError, SyncPolicies, SyncReport};
use indicatif::ProgressBar;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::document::{AllRuns, DistrictRun, Unlisted};
use super::Told;
use super::args::SyncArgs;
use super::listed::{Target, credentials, districts};
use super::once::{self, over_at};
use super::one_of_many::{OneOfMany, PATIENCE, Stopped, aside};
use super::recorders::Recorders;
use crate::diagnostics::{self, Exit};
use crate::progress::{Bars, Watch};
use crate::settings::Places;
use crate::signals::Stop;
use crate::ui::{self, Ui, count, counted};

/// How often alerts are looked for while districts are synced.
const ALERT_EVERY: Duration = Duration::from_secs(60);

/// How one run of one district ended.
struct Ended {
    district: String,
    seconds: u64,
    result: Result<SyncReport>,
}

/// What the summary says of a district, or of a credential that can't be used.
struct Line {
    credential: String,
    name: String,
    exit: Exit,
    said: String,
    counts: [u64; 5],
    seconds: u64,
    json: DistrictRun,
}

/// Everything that lives as long as the command.
struct AllDistricts {
    args: Arc<SyncArgs>,
    ui: Ui,
    bars: Bars,
    /// How many of the round's districts are done.
    done: ProgressBar,
    targets: BTreeMap<String, Target>,
    /// As the policy's file last said.
    policies: Arc<SyncPolicies>,
    turns: Turns,
    running: BTreeSet<String>,
    /// The districts of the store, with when each was last wholly in step.
    known: BTreeMap<String, Option<Timestamp>>,
    /// Those of them that no credential lists.
    unlisted: BTreeSet<String>,
    /// The last word on each district, and on each credential whose districts can't be listed.
    lines: BTreeMap<String, Line>,
    random: fastrand::Rng,
    /// What writes the tries; a look is none.
    recorders: Arc<Recorders>,
}

/// Syncs all districts, once or again and again.
pub(super) async fn run(args: SyncArgs, told: &Told, ui: &Ui) -> Result<Exit> {
    let mut stop = Stop::listen();
    let (stopping, stopped) = watch::channel(false);
    let (tell, mut ended) = mpsc::unbounded_channel();
    let args = Arc::new(args);
    let mut all = AllDistricts {
        // A typing error in the policy ends the command before anything starts.
        policies: Arc::new(once::policies(args.policy.as_deref())?),
        ui: *ui,
        bars: Bars::new(ui),
        done: ProgressBar::hidden(),
        targets: BTreeMap::new(),
        turns: Turns::new(),
        running: BTreeSet::new(),
        known: BTreeMap::new(),
        unlisted: BTreeSet::new(),
        lines: BTreeMap::new(),
        random: fastrand::Rng::new(),
        recorders: Recorders::new(args.store.places()?, args.dry_run, PATIENCE),
        args: Arc::clone(&args),
    };
    all.known = all.stored().await?;
    let mut alerted = Instant::now();
    let mut relist = SystemClock.now();
    let mut listed = false;
    let asked = loop {
        let now = SystemClock.now();
        if now >= relist && (!listed || args.every.is_some()) {
            let list = tokio::select! {
                () = stop.asked() => break true,
                list = all.list(now) => list,
            };
            match list {
                // A schedule continues with the districts that it knows.
                Err(error) if listed => all.tell("the list of districts", &error),
                list => list?,
            }
            if !listed && args.every.is_none() {
                all.done = all.bars.districts(all.targets.len() as u64);
            }
            listed = true;
            if !all.lines.is_empty() {
                all.recorders.alert(&told.alerts, &told.sync, ui).await;
            }
            relist = later(now, args.every.unwrap_or(Duration::MAX));
        }
        let wake = loop {
            match next(&all.turns, &all.running, args.concurrency, now) {
                Next::Start(district) => all.start(&district, now, &tell, &stopped)?,
                Next::Wait(until) => break until,
            }
        };
        if all.running.is_empty() && args.every.is_none() {
            break false;
        }
        let wake = wake.map_or(relist, |wake| wake.min(relist));
        let pause = wake.as_millisecond().saturating_sub(now.as_millisecond());
        let pause = Duration::from_millis(u64::try_from(pause).unwrap_or_default());
        tokio::select! {
            () = stop.asked() => break true,
            Some(end) = ended.recv() => {
                all.end(end)?;
                told.metrics.write()?;
                // All districts are looked at, so not after each of many.
                if all.running.is_empty() || alerted.elapsed() > ALERT_EVERY {
                    all.recorders.alert(&told.alerts, &told.sync, ui).await;
                    alerted = Instant::now();
                }
            }
            () = tokio::time::sleep_until(Instant::now() + pause.min(Duration::from_secs(86_400))) => {}
        }
    };
    // Those that still run hear of it and stop where they are: nothing of them is written.
    stopping.send_replace(true);
    drop(tell);
    let mut cut = args.every.is_none() && !all.turns.is_empty();
    while let Some(end) = ended.recv().await {
        match &end.result {
            Err(error) if error.is::<Stopped>() => {
                cut |= args.every.is_none();
                all.running.remove(&end.district);
            }
            // It ended before it heard, and is reported like the others.
            _ => all.end(end)?,
        }
    }
    all.done.finish_and_clear();
    all.summary()?;
    if asked {
        // A schedule is ended by being asked to; a single round that was cut short is not done.
        return Ok(if cut { Exit::Failed } else { Exit::Done });
    }
    Ok(all.worst())
}

impl AllDistricts {
    /// The districts of the stores, and when each was last wholly in step. A store is made here, once, before many open
    /// it.
    async fn stored(&self) -> Result<BTreeMap<String, Option<Timestamp>>> {
        let mut stored = BTreeMap::new();
        for place in self.args.store.places()?.all() {
            let store = if self.args.dry_run {
                place.url.open_existing().await
            } else {
                place.url.open().await
            };
            let mut store = match store {
                Err(StoreError::Database(DatabaseError::Missing { .. })) if self.args.dry_run => {
                    continue;
                }
                store => store?,
            };
            let mut whole = store.last_whole().await?;
            let all = store.districts().await?.into_iter();
            stored.extend(all.map(|id| {
                let at = whole.remove(&id);
                (id, at)
            }));
        }
        Ok(stored)
    }

    /// Reads which districts the credentials open now, with their tokens of now.
    async fn list(&mut self, now: Timestamp) -> Result<()> {
        let mut targets: BTreeMap<String, Target> = BTreeMap::new();
        let mut failed_any = false;
        for (name, secret) in credentials(&self.args.app)? {
            match districts(&self.args.service, &self.args.app, &name, secret).await {
                Ok(found) => {
                    self.lines.remove(&name);
                    for (district, target) in found {
                        // Two credentials may open one district; it is synced through the first.
                        targets.entry(district).or_insert(target);
                    }
                }
                Err(error) => {
                    failed_any = true;
                    self.tell(&name, &error);
                    self.recorders.failed(&name, &error).await;
                    // Its districts of the last list stay: this one may be Clever's trouble of a moment.
                    let known = self
                        .targets
                        .iter()
                        .filter(|(_, known)| known.credential == name);
                    targets.extend(known.map(|(id, known)| (id.clone(), known.clone())));
                    self.lines
                        .insert(name.clone(), failed(&name, &name, &error, 0));
                }
            }
        }
        if targets.is_empty() && self.lines.is_empty() {
            match self.known.len() as u64 {
                0 => bail!("the credentials open no district"),
                stored => bail!(
                    "the credentials open no district, and the store has {}",
                    counted(stored, "district", "districts")
                ),
            }
        }
        self.turns
            .retain(|district, _| targets.contains_key(district));
        for district in targets.keys() {
            let jitter = self.args.jitter.unwrap_or_default();
            let wait = jitter.mul_f64(self.random.f64());
            let last_success = self.known.get(district).copied().flatten();
            self.turns.entry(district.clone()).or_insert(Turn {
                last_success,
                ..Turn::due(later(now, wait))
            });
        }
        self.compare(&targets, failed_any);
        self.targets = targets;
        Ok(())
    }

    /// Says which districts came since the store was filled, and which of the store nobody lists any more: those are
    /// synced by no run, and no exit code tells, as no later run would do better.
    fn compare(&mut self, targets: &BTreeMap<String, Target>, failed_any: bool) {
        for (district, target) in targets {
            let new = !self.known.contains_key(district) && !self.targets.contains_key(district);
            if new && !self.known.is_empty() {
                self.note(&format!(
                    "{district} ({}) is new to the store",
                    target.credential
                ));
            }
        }
        // A list that can't be read, or was not asked for, says nothing of whom it would name.
        if failed_any || !self.args.app.names().is_empty() {
            return;
        }
        let gone = self.known.keys().filter(|id| !targets.contains_key(*id));
        let gone: BTreeSet<String> = gone.cloned().collect();
        // A single round says it at its end.
        if self.args.every.is_some() {
            for district in gone.difference(&self.unlisted) {
                self.note(&self.unlisted_line(district));
            }
        }
        self.unlisted = gone;
    }

    fn unlisted_line(&self, district: &str) -> String {
        let at = self.known.get(district).copied().flatten();
        format!(
            "{district}: no kept credential lists it, so it was not synced (last in step: {})",
            at.map_or_else(|| "never".to_owned(), |at| at.to_string())
        )
    }

    /// Starts a district on a thread of its own: a store may block while another one writes.
    fn start(
        &mut self,
        district: &str,
        now: Timestamp,
        tell: &mpsc::UnboundedSender<Ended>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<()> {
        let Some(target) = self.targets.get(district).cloned() else {
            self.turns.remove(district);
            return Ok(());
        };
        self.running.insert(district.to_owned());
        match (self.args.every, self.turns.get_mut(district)) {
            (Some(every), Some(turn)) => {
                let jitter = self.args.jitter.unwrap_or_default();
                turn.start(now, every, jitter, self.random.f64());
            }
            _ => drop(self.turns.remove(district)),
        }
        self.note(&format!(
            "{district} ({}): begins; {} running",
            target.credential,
            self.running.len()
        ));
        // Read again for each run, so that a schedule follows its file; a typing error does not end it.
        match once::policies(self.args.policy.as_deref()) {
            Ok(policies) => self.policies = Arc::new(policies),
            Err(error) => self.tell("the policy that held before still holds", &error),
        }
        let run = OneOfMany {
            args: Arc::clone(&self.args),
            policies: Arc::clone(&self.policies),
            recorders: Arc::clone(&self.recorders),
            district: district.to_owned(),
            credential: target.credential.clone(),
            target: Ok(target),
            watch: Arc::new(Watch::of(&self.bars, district)),
            stopped: stopped.clone(),
        };
        let (tell, district) = (tell.clone(), district.to_owned());
        let begun = Instant::now();
        let running = aside(move || run.run());
        drop(tokio::spawn(async move {
            let result = running.await;
            // Nobody listens any more where the command has ended.
            drop(tell.send(Ended {
                district,
                seconds: begun.elapsed().as_secs(),
                result,
            }));
        }));
        Ok(())
    }

    /// Takes note of a run's end, and tells it.
    fn end(&mut self, end: Ended) -> Result<()> {
        self.running.remove(&end.district);
        self.done.inc(1);
        let credential = self
            .targets
            .get(&end.district)
            .map_or_else(String::new, |target| target.credential.clone());
        let line = match &end.result {
            Ok(report) => {
                if let (true, Some(turn)) = (report.whole, self.turns.get_mut(&end.district)) {
                    turn.last_success = Some(report.finished_at);
                }
                if !self.args.dry_run {
                    let whole = report.whole.then_some(report.finished_at);
                    let known = self.known.entry(report.district_id.clone()).or_default();
                    *known = whole.or_else(|| known.take());
                }
                told(&credential, report, end.seconds)
            }
            Err(error) => match diagnostics::paused(error) {
                Some(paused) => {
                    self.note(&format!(
                        "{}: {}; `cleverctl resume {0}` lets it go on",
                        end.district,
                        words::pause(paused, SystemClock.now())
                    ));
                    skipped(&credential, &end.district, error, end.seconds)
                }
                None => {
                    self.tell(&end.district, error);
                    failed(&credential, &end.district, error, end.seconds)
                }
            },
        };
        // A round has an end to count towards; a schedule has none.
        let so_far = match self.args.every {
            None => format!(
                "{} of {}; ",
                self.targets.len() - self.turns.len() - self.running.len(),
                counted(self.targets.len() as u64, "district", "districts")
            ),
            Some(_) => String::new(),
        };
        self.note(&format!(
            "{}: {} in {} s; {so_far}{} running",
            end.district,
            line.said,
            end.seconds,
            self.running.len()
        ));
        if self.args.every.is_some()
            && let Some(turn) = self.turns.get(&end.district)
        {
            let now = SystemClock.now();
            let wait = turn.due.duration_since(now).unsigned_abs();
            self.note(&format!(
                "{}: next run at {}",
                end.district,
                over_at(now, wait)
            ));
        }
        // A schedule has no end at which to print all: one line of JSON a run.
        if self.ui.json && self.args.every.is_some() {
            self.ui.document(&line.json)?;
        }
        self.lines.insert(end.district, line);
        Ok(())
    }

    fn note(&self, text: &str) {
        self.bars.note(text);
    }

    /// Tells of an error; `what` is what it ended, or what follows.
    fn tell(&self, what: &str, error: &anyhow::Error) {
        if self.ui.is_talkative() {
            self.bars
                .suspend(|| diagnostics::tell_of(&self.ui, what, error));
        }
    }

    /// Refused outranks failed, for no later run does better; failed outranks held, for a held district has all
    /// but a part.
    fn worst(&self) -> Exit {
        let any = |exit| self.lines.values().any(|line| line.exit == exit);
        [Exit::Refused, Exit::Failed, Exit::Held]
            .into_iter()
            .find(|exit| any(*exit))
            .unwrap_or(Exit::Done)
    }

    fn summary(&self) -> Result<()> {
        if self.ui.json {
            if self.args.every.is_some() {
                return Ok(());
            }
            let unlisted = self.unlisted.iter().map(|district| Unlisted {
                district,
                last_success: self.known.get(district).copied().flatten(),
            });
            return self.ui.document(&AllRuns {
                districts: self.lines.values().map(|line| &line.json).collect(),
                unlisted: unlisted.collect(),
                exit: self.worst() as u8,
            });
        }
        let mut lines = self.lines.values();
        let uneventful = lines.all(|line| line.exit == Exit::Done && line.counts == [0; 5]);
        if self.ui.quiet && uneventful && self.unlisted.is_empty() {
            return Ok(());
        }
        let headers = [
            "District",
            "Name",
            "Credential",
            "Ended",
            "Created",
            "Updated",
            "Archived",
            "Restored",
            "Held",
            "Seconds",
        ];
        let mut table = ui::table(&headers, 4);
        let mut total = [0; 5];
        for (district, line) in &self.lines {
            let mut row = vec![
                district.clone(),
                line.name.clone(),
                line.credential.clone(),
                line.said.clone(),
            ];
            row.extend(line.counts.iter().map(|number| count(*number)));
            row.push(line.seconds.to_string());
            table.add_row(row);
            for (total, number) in total.iter_mut().zip(line.counts) {
                *total += number;
            }
        }
        let of = |exit| self.lines.values().filter(|line| line.exit == exit).count();
        let mut row = vec![
            counted(self.lines.len() as u64, "district", "districts"),
            String::new(),
            String::new(),
            format!("{} done", of(Exit::Done)),
        ];
        row.extend(total.iter().map(|number| count(*number)));
        row.push(String::new());
        table.add_row(row);
        self.ui.rows(&table)?;
        for district in &self.unlisted {
            self.ui.line(self.unlisted_line(district))?;
        }
        if !self.unlisted.is_empty() {
            self.ui.line(
                "A district that disconnected is listed no more; what the store has of it stays as it was.",
            )?;
        }
        if of(Exit::Held) > 0 {
            let status = match self.args.store.places()? {
                Places::One(url) => {
                    format!("cleverctl status --store {}", ui::word(&url.to_string()))
                }
                Places::Many(_) => "cleverctl status".to_owned(),
            };
            self.ui.line(format!(
                "`{status}` says what is held, and how to approve it."
            ))?;
        }
        Ok(())
    }
}

fn told(credential: &str, report: &SyncReport, seconds: u64) -> Line {
    let sum = |of: fn(&clever_sync::report::KindReport) -> u64| report.kinds.values().map(of).sum();
    let exit = if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    };
    let said = match (report.outcome, report.whole) {
        (Outcome::Held, _) => "held",
        (Outcome::Planned, _) => "planned",
        (Outcome::Done, true) => "done",
        (Outcome::Done, false) => "done, with doubts",
    };
    Line {
        credential: credential.to_owned(),
        name: report.district_name.clone(),
        exit,
        said: said.to_owned(),
        counts: [
            sum(|kind| kind.created),
            sum(|kind| kind.updated),
            sum(|kind| kind.archived),
            sum(|kind| kind.restored),
            sum(|kind| kind.held),
        ],
        seconds,
        json: DistrictRun {
            credential: credential.to_owned(),
            district: report.district_id.clone(),
            exit: exit as u8,
            seconds,
            report: Some(Box::new(report.clone())),
            error: None,
        },
    }
}

/// A district that somebody paused: no run of it did anything, and nothing is wrong.
fn skipped(credential: &str, district: &str, error: &anyhow::Error, seconds: u64) -> Line {
    let line = failed(credential, district, error, seconds);
    Line {
        exit: Exit::Done,
        said: "paused".to_owned(),
        json: DistrictRun {
            exit: Exit::Done as u8,
            ..line.json
        },
        ..line
    }
}

fn failed(credential: &str, district: &str, error: &anyhow::Error, seconds: u64) -> Line {
    // What can't be used is one district's trouble here: the others go on.
    let exit = match diagnostics::exit(error) {
        Exit::Usage => Exit::Failed,
        exit => exit,
    };
    let said = if exit == Exit::Refused {
        "refused"
    } else {
        "failed"
    };
    Line {
        credential: credential.to_owned(),
        name: String::new(),
        exit,
        said: said.to_owned(),
        counts: [0; 5],
        seconds,
        json: DistrictRun {
            credential: credential.to_owned(),
            district: district.to_owned(),
            exit: exit as u8,
            seconds,
            report: None,
            error: Some(diagnostics::told(error)),
        },
    }
}
