//! What somebody may ask of the fleet: a run, a pause, a decision, an end of all work.

use std::time::Duration;

use clever_model::{Clock as _, SystemClock};
use futures_util::StreamExt as _;
use temporalio_client::errors::{
    ClientError, WorkflowGetResultError, WorkflowInteractionError, WorkflowStartError,
};
use temporalio_client::schedules::{ScheduleError, ScheduleHandle};
use temporalio_client::tonic::Code;
use temporalio_client::{
    Client, WorkflowCountOptions, WorkflowExecutionStatus, WorkflowHandle,
    WorkflowIdConflictPolicy, WorkflowStartOptions,
};

use crate::attributes::{self, HELD};
use crate::connect::Engine;
use crate::payload::{Job, Synced, hold_id};
use crate::schedules::{Planned, district_of, kept, schedule_id};
use crate::workflows::{Hold, SyncDistrict, priority};

/// What the note of a schedule that was paused by a drain begins with.
const DRAINED: &str = "drain: ";
/// The note of a schedule that goes on again. Without a note, the engine takes an unpause for nothing.
const RESUMED: &str = "resumed";
/// How often it is looked whether the last run is over.
const LOOK: Duration = Duration::from_millis(500);

/// Why something can't be asked of the fleet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The district has no schedule.
    #[error("the fleet has no schedule of the district {0}")]
    NoSchedule(String),
    /// Nothing of the district waits for a decision.
    #[error("nothing of the district {0} waits for a decision")]
    NothingHeld(String),
    /// Something else is held by now.
    #[error("the hash {said} is not what is held of the district {district} ({held})")]
    OtherHash {
        /// The district.
        district: String,
        /// What was said.
        said: String,
        /// What is held.
        held: String,
    },
    /// A run did not end well.
    #[error("the run failed: {0}")]
    Failed(String),
    /// The engine does not do it.
    #[error("the engine did not do it")]
    Schedule(#[from] ScheduleError),
    /// The engine does not start it.
    #[error("the engine did not start the run")]
    Start(#[from] Box<WorkflowStartError>),
    /// The engine does not pass it on.
    #[error("the engine did not pass it on")]
    Interact(#[from] Box<WorkflowInteractionError>),
    /// The engine does not say what goes on.
    #[error("the engine did not say what goes on")]
    Count(#[from] Box<ClientError>),
}

/// What became of a run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It was started; with what it did, if it was waited for.
    Started(Option<Synced>),
    /// One goes on already.
    GoesOn,
}

impl Engine {
    /// Starts a run of a district, if none goes on; waits for its end, if wanted.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; also if the run that was waited for failed.
    pub async fn run(&self, district: &str, wait: bool) -> Result<Asked, ControlError> {
        let plan = self.plan_of(district).await?;
        let job = Job {
            due: Some(SystemClock.now().as_second()),
            ..plan.job(district)
        };
        let options = WorkflowStartOptions::new(self.queue.clone(), job.run_id())
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .search_attributes(attributes::set(&job))
            .priority(priority(&job))
            .build();
        let started = self
            .client
            .start_workflow(SyncDistrict::run, job, options)
            .await;
        let run = match started {
            Ok(run) => run,
            Err(WorkflowStartError::AlreadyStarted { .. }) => return Ok(Asked::GoesOn),
            Err(error) => return Err(Box::new(error).into()),
        };
        if !wait {
            return Ok(Asked::Started(None));
        }
        match run.get_result(Default::default()).await {
            Ok(synced) => Ok(Asked::Started(Some(synced))),
            Err(error) => Err(ControlError::Failed(cause(&error))),
        }
    }

    /// Says whether a district has a schedule.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSchedule`]; others if the engine does not say.
    pub async fn is_scheduled(&self, district: &str) -> Result<(), ControlError> {
        self.plan_of(district).await.map(drop)
    }

    /// Lets the schedule of a district go on.
    ///
    /// # Errors
    ///
    /// [`ControlError`]
    pub async fn resume(&self, district: &str) -> Result<(), ControlError> {
        self.plan_of(district).await?;
        let handle = self.schedule_of(district);
        Ok(handle.unpause(Some(RESUMED), Default::default()).await?)
    }

    /// Lets through what is held of a district, if it has this hash; the run starts when it is its turn.
    ///
    /// # Errors
    ///
    /// [`ControlError::NothingHeld`], [`ControlError::OtherHash`]; others if the engine does not pass it on.
    pub async fn approve(&self, district: &str, hash: &str) -> Result<(), ControlError> {
        let hold = self.waiting(district, hash).await?;
        let said = hold.signal(Hold::approve, hash.to_owned(), Default::default());
        Ok(said.await.map_err(Box::new)?)
    }

    /// Decides against what is held of a district.
    ///
    /// # Errors
    ///
    /// As [`Engine::approve`].
    pub async fn reject(&self, district: &str, hash: &str) -> Result<(), ControlError> {
        let hold = self.waiting(district, hash).await?;
        let said = hold.signal(Hold::reject, hash.to_owned(), Default::default());
        Ok(said.await.map_err(Box::new)?)
    }

    /// Pauses every schedule that is not paused, and waits until no run goes on. Returns how many were paused.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; what was paused until then stays so.
    pub async fn drain(&self, reason: &str) -> Result<usize, ControlError> {
        let note = format!("{DRAINED}{reason}");
        let mut paused = 0;
        for schedule in self.of_districts().await? {
            // What a list says of a pause may be of a moment ago.
            if !schedule.describe(Default::default()).await?.paused() {
                schedule
                    .pause(Some(note.as_str()), Default::default())
                    .await?;
                paused += 1;
            }
        }
        let going = "WorkflowType = 'SyncDistrict' AND ExecutionStatus = 'Running'";
        let options = WorkflowCountOptions::default;
        loop {
            let count = self.client.count_workflows(going, options());
            if count.await.map_err(Box::new)?.count() == 0 {
                return Ok(paused);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Lets every schedule go on that a drain paused. Returns how many.
    ///
    /// # Errors
    ///
    /// [`ControlError`]
    pub async fn resume_drained(&self) -> Result<usize, ControlError> {
        let mut resumed = 0;
        for schedule in self.of_districts().await? {
            let now = schedule.describe(Default::default()).await?;
            if now.paused() && now.note().is_some_and(|note| note.starts_with(DRAINED)) {
                schedule.unpause(Some(RESUMED), Default::default()).await?;
                resumed += 1;
            }
        }
        Ok(resumed)
    }

    /// The schedules of all districts.
    async fn of_districts(&self) -> Result<Vec<ScheduleHandle<Client>>, ScheduleError> {
        let mut handles = Vec::new();
        let mut schedules = self.schedules();
        while let Some(schedule) = schedules.next().await {
            handles.extend(district_of(schedule?.schedule_id()).map(|id| self.schedule_of(id)));
        }
        Ok(handles)
    }

    fn schedule_of(&self, district: &str) -> ScheduleHandle<Client> {
        self.client.get_schedule_handle(schedule_id(district))
    }

    /// What the schedule of a district was made from.
    async fn plan_of(&self, district: &str) -> Result<Planned, ControlError> {
        let missing = || ControlError::NoSchedule(district.to_owned());
        let described = self
            .schedule_of(district)
            .describe(Default::default())
            .await;
        let description = match described {
            Err(ScheduleError::Rpc(status)) if status.code() == Code::NotFound => {
                return Err(missing());
            }
            described => described?,
        };
        kept(&description.search_attributes()).ok_or_else(missing)
    }

    /// What waits for a decision with this hash.
    async fn waiting(
        &self,
        district: &str,
        hash: &str,
    ) -> Result<WorkflowHandle<Client, Hold>, ControlError> {
        let nothing = || ControlError::NothingHeld(district.to_owned());
        let hold = self.client.get_workflow_handle(hold_id(district));
        let described = match hold.describe(Default::default()).await {
            Err(WorkflowInteractionError::NotFound(_)) => return Err(nothing()),
            described => described.map_err(Box::new)?,
        };
        if described.status() != WorkflowExecutionStatus::Running {
            return Err(nothing());
        }
        match described.search_attributes().get(&HELD) {
            Some(held) if held == hash => Ok(hold),
            Some(held) => Err(ControlError::OtherHash {
                district: district.to_owned(),
                said: hash.to_owned(),
                held,
            }),
            None => Err(nothing()),
        }
    }
}

/// The word of a failed run.
fn cause(error: &WorkflowGetResultError) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}
