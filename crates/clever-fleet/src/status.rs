//! How the fleet stands, as the engine knows it. What is in the stores, `cleverctl status` says.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use clever_model::{Clock as _, SystemClock, Timestamp};
use futures_util::StreamExt as _;
use serde::Serialize;
use temporalio_client::errors::ClientError;
use temporalio_client::schedules::ScheduleError;
use temporalio_client::tonic::{IntoRequest as _, Status};
use temporalio_client::{NamespacedClient as _, WorkflowListOptions};
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeTaskQueueRequest;

use crate::attributes::{DISTRICT, HELD, LAG, OUTCOME};
use crate::connect::Engine;
use crate::schedules::{Planned, district_of, kept};

/// Why nobody knows how the fleet stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The schedules can't be listed.
    #[error("the schedules could not be listed")]
    Schedules(#[from] ScheduleError),
    /// The runs can't be listed.
    #[error("the runs could not be listed")]
    Runs(#[from] Box<ClientError>),
    /// The queue can't be described.
    #[error("the queue could not be described")]
    Queue(#[from] Box<Status>),
}

/// How the fleet stands.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FleetStatus {
    /// How many workers asked for work in the last five minutes.
    pub workers: usize,
    /// Its districts, by id.
    pub districts: Vec<DistrictLine>,
}

/// How a district of the fleet stands.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DistrictLine {
    /// Its id.
    pub district: String,
    /// The name of the credential that opens it.
    pub credential: String,
    /// Whether a credential lists it still.
    pub listed: bool,
    /// Why it is paused, in the store or in the engine; none if it is not.
    pub paused: Option<String>,
    /// When it is due next.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub next: Option<Timestamp>,
    /// Since when a run goes on.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub running_since: Option<Timestamp>,
    /// How the last run ended within the time that was looked at: `done`, `doubtful`, `held`, `paused`, `failed`,
    /// `stopped`.
    pub outcome: Option<String>,
    /// When it ended.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub ended_at: Option<Timestamp>,
    /// The seconds from when it was due to its end.
    pub lag_s: Option<i64>,
    /// The hash of what is held.
    pub held: Option<String>,
    /// What became of it so far: `waiting`, `rejected`, `approved`.
    pub decision: Option<String>,
}

impl Engine {
    /// How the fleet stands; runs that ended are looked at if they ended within `back` from now.
    ///
    /// # Errors
    ///
    /// [`StatusError`]
    pub async fn status(&self, back: Duration) -> Result<FleetStatus, StatusError> {
        let mut lines: BTreeMap<String, DistrictLine> = BTreeMap::new();
        let mut schedules = self.schedules();
        while let Some(schedule) = schedules.next().await {
            let schedule = schedule?;
            let plan: Option<Planned> = kept(&schedule.search_attributes());
            let (Some(district), Some(plan)) = (district_of(schedule.schedule_id()), plan) else {
                continue;
            };
            let why = || schedule.note().unwrap_or_default().to_owned();
            let line = DistrictLine {
                district: district.to_owned(),
                credential: plan.credential,
                listed: plan.listed,
                paused: schedule.paused().then(why),
                next: schedule
                    .future_action_times()
                    .first()
                    .copied()
                    .and_then(instant),
                ..DistrictLine::default()
            };
            lines.insert(district.to_owned(), line);
        }
        let from = before(SystemClock.now(), back);
        self.each(
            &format!("WorkflowType = 'SyncDistrict' AND ExecutionStatus != 'Running' AND CloseTime > '{from}'"),
            &mut lines,
            |line, run| {
                let ended = run.close_time().and_then(instant);
                if ended > line.ended_at {
                    let known = run.search_attributes();
                    line.ended_at = ended;
                    line.outcome = known.get(&OUTCOME);
                    line.lag_s = known.get(&LAG);
                }
            },
        )
        .await?;
        self.each(
            "WorkflowType = 'SyncDistrict' AND ExecutionStatus = 'Running'",
            &mut lines,
            |line, run| line.running_since = run.start_time().and_then(instant),
        )
        .await?;
        self.each(
            "WorkflowType = 'Hold' AND ExecutionStatus = 'Running'",
            &mut lines,
            |line, hold| {
                let known = hold.search_attributes();
                line.held = known.get(&HELD);
                line.decision = known.get(&OUTCOME);
            },
        )
        .await?;
        Ok(FleetStatus {
            workers: self.workers().await?,
            districts: lines.into_values().collect(),
        })
    }

    /// Does something for each run that a query finds, with the line of its district.
    async fn each(
        &self,
        query: &str,
        lines: &mut BTreeMap<String, DistrictLine>,
        note: impl Fn(&mut DistrictLine, &temporalio_client::WorkflowExecution),
    ) -> Result<(), StatusError> {
        let mut runs = self
            .client
            .list_workflows(query, WorkflowListOptions::default());
        while let Some(run) = runs.next().await {
            let run = run.map_err(Box::new)?;
            let district = run.search_attributes().get(&DISTRICT);
            if let Some(line) = district.and_then(|district| lines.get_mut(&district)) {
                note(line, &run);
            }
        }
        Ok(())
    }

    /// How many workers ask for work.
    async fn workers(&self) -> Result<usize, StatusError> {
        let request = DescribeTaskQueueRequest {
            namespace: self.client.namespace(),
            task_queue: Some(TaskQueue {
                name: self.queue.clone(),
                ..Default::default()
            }),
            task_queue_type: TaskQueueType::Activity as i32,
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        let described = service.describe_task_queue(request.into_request()).await;
        Ok(described.map_err(Box::new)?.into_inner().pollers.len())
    }
}

fn instant(at: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(at).ok()
}

fn before(now: Timestamp, back: Duration) -> Timestamp {
    now.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH)
}
