//! What the engine keeps going: a tick, a run, what waits for a decision, the look for new districts.
//!
//! A change here must replay what runs: `replay.rs` has recorded histories, and a step that is new to them stands behind
//! `ctx.patched`.

use std::time::Duration;

use temporalio_common::{Priority, RetryPolicy};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflows::select;
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, ChildWorkflowOptions,
    ChildWorkflowStartError, ContinueAsNewOptions, ParentClosePolicy,
    StartChildWorkflowExecutionFailedCause, SyncWorkflowContext, TimerOptions, WorkflowContext,
    WorkflowResult,
};

use crate::activities::Activities;
use crate::attributes::{self, HELD, LAG, OUTCOME};
use crate::payload::{Applied, Cadence, Ended, Job, Settled, Synced, Ticked, Waiting, hold_id};

/// The longest that one try of a run may take.
const LONGEST_TRY: Duration = Duration::from_secs(6 * 3600);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// So many tries fail a run: the next turn of its schedule begins again.
const TRIES: u32 = 20;
/// How often an approved run looks whether it is its turn.
const TURN: Duration = Duration::from_secs(2);
/// How often what waits is compared with the store: it may be approved on a page, too.
const LOOK: Duration = Duration::from_secs(3600);
/// The most bytes of a tenant's name that the engine takes.
const MAX_TENANT: usize = 64;

/// Before whom a run is done. Somebody waits for what was approved; a first load is long, and no night depends on it.
pub(crate) fn priority(job: &Job) -> Priority {
    let key = match (&job.approve, job.first) {
        (Some(_), _) => 1,
        (None, false) => 2,
        (None, true) => 4,
    };
    let mut end = job.credential.len().min(MAX_TENANT);
    while !job.credential.is_char_boundary(end) {
        end -= 1;
    }
    Priority::builder()
        .priority_key(key)
        .fairness_key(&job.credential[..end])
        .build()
}

fn run_of(job: &Job) -> ChildWorkflowOptions {
    ChildWorkflowOptions::builder()
        .workflow_id(job.run_id())
        .parent_close_policy(ParentClosePolicy::Abandon)
        .search_attributes(attributes::set(job))
        .priority(priority(job))
        .build()
}

/// Says whether there is one already.
fn is_there(error: &ChildWorkflowStartError) -> bool {
    matches!(
        error,
        ChildWorkflowStartError::StartFailed {
            cause: StartChildWorkflowExecutionFailedCause::WorkflowAlreadyExists,
            ..
        }
    )
}

/// A turn of a district's schedule.
#[workflow]
#[derive(Default)]
pub(crate) struct Tick;

#[workflow_methods]
impl Tick {
    #[run(name = "Tick")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, job: Job) -> WorkflowResult<Ticked> {
        let due = ctx.info().start_time().and_then(seconds);
        let job = Job { due, ..job };
        let options = run_of(&job);
        match ctx
            .start_child_workflow(SyncDistrict::run, job, options)
            .await
        {
            Ok(_) => Ok(Ticked::Started),
            Err(error) if is_there(&error) => Ok(Ticked::Skipped),
            Err(error) => Err(error.into()),
        }
    }
}

/// One run of a district.
#[workflow]
#[derive(Default)]
pub(crate) struct SyncDistrict;

#[workflow_methods]
impl SyncDistrict {
    #[run(name = "SyncDistrict")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, job: Job) -> WorkflowResult<Synced> {
        let options = ActivityOptions::with_start_to_close_timeout(LONGEST_TRY)
            .heartbeat_timeout(Duration::from_secs(job.heartbeat_s.into()))
            .retry_policy(
                RetryPolicy::builder()
                    .initial_interval(Duration::from_secs(1))
                    .backoff_coefficient(2.0)
                    .maximum_interval(LONGEST_PAUSE)
                    .maximum_attempts(TRIES)
                    .build(),
            )
            // Whoever is told that a run stopped may rely on it.
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .build();
        let synced = ctx
            .execute_activity(Activities::sync, job.clone(), options)
            .await;
        let lag = match (job.due, ctx.workflow_time().and_then(seconds)) {
            (Some(due), Some(now)) => Some(now.saturating_sub(due)),
            _ => None,
        };
        let (outcome, held) = match &synced {
            Ok(synced) => (synced.ended.as_str(), synced.held.clone()),
            Err(ActivityExecutionError::Cancelled(_)) => ("stopped", None),
            Err(_) => ("failed", None),
        };
        let mut known = vec![OUTCOME.value_set(outcome.to_owned())];
        known.extend(held.map(|hash| HELD.value_set(hash)));
        known.extend(lag.map(|lag| LAG.value_set(lag)));
        ctx.upsert_search_attributes(known);
        let synced = synced?;
        // Whoever approved hears of the end by itself.
        if job.approve.is_none() {
            tell_hold(ctx, &job, &synced).await?;
        }
        Ok(synced)
    }
}

/// Tells what waits for a decision what is held now; begins to wait if nobody does.
async fn tell_hold(
    ctx: &WorkflowContext<SyncDistrict>,
    job: &Job,
    synced: &Synced,
) -> WorkflowResult<()> {
    let id = hold_id(&job.district);
    if let Some(hash) = &synced.held {
        let waiting = Waiting {
            job: Job {
                due: None,
                first: false,
                ..job.clone()
            },
            hash: hash.clone(),
            rejected: false,
        };
        let options = ChildWorkflowOptions::builder()
            .workflow_id(id.clone())
            .parent_close_policy(ParentClosePolicy::Abandon)
            .search_attributes(attributes::set(job))
            .priority(priority(job))
            .build();
        match ctx.start_child_workflow(Hold::run, waiting, options).await {
            Ok(_) => return Ok(()),
            Err(error) if is_there(&error) => {}
            Err(error) => return Err(error.into()),
        }
    } else if !synced.was_held {
        return Ok(());
    }
    let told = ctx
        .external_workflow(id, None)
        .signal(Hold::seen, synced.held.clone(), Default::default())
        .await;
    // One that ended just now needs no word; if something is held, the next run says so again.
    drop(told);
    Ok(())
}

/// What somebody says to a [`Hold`].
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Approve(String),
    Reject(String),
    /// What a run holds now.
    Seen(Option<String>),
}

/// What waits for a decision about a district. The next runs go on meanwhile, and say if they hold something else.
#[workflow]
#[derive(Default)]
pub(crate) struct Hold {
    words: Vec<Word>,
}

#[workflow_methods]
impl Hold {
    /// Lets through what is held, if it has this hash still.
    #[signal(name = "approve")]
    pub(crate) fn approve(&mut self, _ctx: &mut SyncWorkflowContext<Self>, hash: String) {
        self.words.push(Word::Approve(hash));
    }

    /// Decides against what is held; what is held otherwise is asked about again.
    #[signal(name = "reject")]
    pub(crate) fn reject(&mut self, _ctx: &mut SyncWorkflowContext<Self>, hash: String) {
        self.words.push(Word::Reject(hash));
    }

    /// Says what a run holds now; none if it holds nothing.
    #[signal(name = "superseded")]
    pub(crate) fn seen(&mut self, _ctx: &mut SyncWorkflowContext<Self>, held: Option<String>) {
        self.words.push(Word::Seen(held));
    }

    #[run(name = "Hold")]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        waiting: Waiting,
    ) -> WorkflowResult<Settled> {
        let mut waiting = waiting;
        loop {
            stands(
                ctx,
                if waiting.rejected {
                    "rejected"
                } else {
                    "waiting"
                },
                &waiting.hash,
            );
            let word = next_word(ctx, &waiting).await?;
            let held = match word {
                Word::Reject(hash) if hash == waiting.hash => {
                    waiting.rejected = true;
                    continue;
                }
                Word::Approve(hash) if hash == waiting.hash => {
                    stands(ctx, "approved", &hash);
                    match approved_run(ctx, &waiting).await? {
                        // The store keeps the approval for the first run after the pause, which tells what is held then.
                        Some(synced) if synced.ended == Ended::Paused => continue,
                        Some(synced) if synced.held.is_none() => {
                            return Ok(Settled::Approved);
                        }
                        Some(synced) => synced.held,
                        // The run failed: the decision may be said again.
                        None => continue,
                    }
                }
                // Meant for what is held no more.
                Word::Approve(_) | Word::Reject(_) => continue,
                Word::Seen(held) => held,
            };
            match held {
                None => {
                    stands(ctx, "superseded", &waiting.hash);
                    return Ok(Settled::Superseded);
                }
                Some(hash) if hash != waiting.hash => {
                    waiting.hash = hash;
                    waiting.rejected = false;
                }
                Some(_) => {}
            }
            if ctx.continue_as_new_suggested() && ctx.state(|hold| hold.words.is_empty()) {
                ctx.continue_as_new(waiting.clone(), ContinueAsNewOptions::default())?;
            }
        }
    }
}

/// Says how what waits stands, where it can be searched for. What ended keeps its last hash: the engine lets no attribute be
/// taken away.
fn stands(ctx: &WorkflowContext<Hold>, outcome: &str, hash: &str) {
    ctx.upsert_search_attributes([
        OUTCOME.value_set(outcome.to_owned()),
        HELD.value_set(hash.to_owned()),
    ]);
}

/// Waits for a word; without one for long, looks what the store says.
async fn next_word(ctx: &WorkflowContext<Hold>, waiting: &Waiting) -> WorkflowResult<Word> {
    // A timer that is only dropped goes on in the engine.
    let only_this_wait = ctx.cancellation_token().child_token();
    let mut look = TimerOptions::from(LOOK);
    look.cancellation_token = Some(only_this_wait.clone());
    let said = select! {
        said = ctx.wait_condition(|hold| !hold.words.is_empty()) => Some(said),
        _ = ctx.timer(look) => None,
    };
    only_this_wait.cancel();
    if let Some(said) = said {
        said?;
        return Ok(ctx.state_mut(|hold| hold.words.remove(0)));
    }
    let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .retry_policy(RetryPolicy::builder().maximum_attempts(TRIES).build())
        .build();
    let looked = ctx
        .execute_activity(Activities::held, waiting.job.district.clone(), options)
        .await;
    // A store that can't be read changes nothing.
    Ok(Word::Seen(looked.unwrap_or(Some(waiting.hash.clone()))))
}

/// Runs the district with the approval, when it is its turn; none if that failed.
async fn approved_run(
    ctx: &WorkflowContext<Hold>,
    waiting: &Waiting,
) -> WorkflowResult<Option<Synced>> {
    let job = Job {
        approve: Some(waiting.hash.clone()),
        due: ctx.workflow_time().and_then(seconds),
        ..waiting.job.clone()
    };
    loop {
        let started = ctx
            .start_child_workflow(SyncDistrict::run, job.clone(), run_of(&job))
            .await;
        match started {
            Ok(started) => return Ok(started.result().await.ok()),
            Err(error) if is_there(&error) => ctx.timer(TURN).await,
            Err(error) => return Err(error.into()),
        };
    }
}

/// A look for districts that came or went.
#[workflow]
#[derive(Default)]
pub(crate) struct Discover;

#[workflow_methods]
impl Discover {
    #[run(name = "Discover")]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        cadence: Cadence,
    ) -> WorkflowResult<Applied> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(1800))
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_interval(LONGEST_PAUSE)
                    .maximum_attempts(TRIES)
                    .build(),
            )
            .build();
        let applied = ctx
            .execute_activity(Activities::apply, cadence, options)
            .await?;
        Ok(applied)
    }
}

fn seconds(at: std::time::SystemTime) -> Option<i64> {
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use crate::payload::run_id;

    use super::*;

    #[test]
    fn an_approved_run_comes_before_a_night_and_that_before_a_first_load() {
        let night = Job {
            district: "d".to_owned(),
            credential: "ä".repeat(40),
            first: false,
            heartbeat_s: 60,
            due: None,
            approve: None,
        };
        let first = Job {
            first: true,
            ..night.clone()
        };
        let approved = Job {
            approve: Some("h".to_owned()),
            ..first.clone()
        };
        let keys = [&approved, &night, &first].map(|job| priority(job).priority_key);
        assert_eq!(keys, [Some(1), Some(2), Some(4)]);
        let tenant = priority(&night).fairness_key.unwrap();
        assert_eq!(
            tenant,
            "ä".repeat(32),
            "64 bytes, and no half of a character"
        );
        assert_eq!(run_id("d"), night.run_id());
    }

    #[test]
    fn an_end_has_one_word() {
        let words = [Ended::Done, Ended::Doubtful, Ended::Held, Ended::Paused].map(Ended::as_str);
        assert_eq!(words, ["done", "doubtful", "held", "paused"]);
    }
}
