//! Makes a [`Difference`](super::Difference) true in the engine.
//!
//! The calls are the engine's own messages: the client's own builder can't set a catch-up window, and without one an engine
//! that was away makes up for a year.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use clever_model::{Clock as _, SystemClock};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::schedules::{ListSchedulesOptions, ScheduleError, ScheduleSummary};
use temporalio_client::tonic::{Code, IntoRequest as _, Status};
use temporalio_client::{NamespacedClient as _, Priority};
use temporalio_common::protos::temporal::api::common::v1::{
    self as proto_common, Payload, Payloads, WorkflowType,
};
use temporalio_common::protos::temporal::api::enums::v1::ScheduleOverlapPolicy;
use temporalio_common::protos::temporal::api::schedule::v1 as proto;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest, UpdateScheduleRequest,
};

use temporalio_common::search_attributes::SearchAttributes;

use super::{Difference, Planned, Plans, difference, phase_s, wanted};
use crate::attributes::{self, PLAN};
use crate::connect::Engine;
use crate::payload::{Applied, Cadence, Job, Listed};
use crate::workflows::priority;

/// The schedule of the look for new districts.
const DISCOVER: &str = "clever/discover";
/// What the ids of districts' schedules begin with.
const PREFIX: &str = "clever/district/";
/// So many schedules are made or changed at once.
const AT_ONCE: usize = 16;
/// How long ago a turn may have been due that the engine could not keep: an older one is made up for by the next.
const CATCH_UP: Duration = Duration::from_secs(3600);

/// Why the schedules are not as they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The engine does not take it.
    #[error("the engine does not take a schedule")]
    Engine(#[from] Box<Status>),
    /// The schedules can't be listed.
    #[error("the schedules could not be listed")]
    List(#[from] ScheduleError),
    /// What is sent can't be written.
    #[error("a schedule could not be written")]
    Write(#[from] serde_json::Error),
    /// A run can't be asked about.
    #[error("the engine could not say how a run is")]
    Ask(#[from] Box<WorkflowInteractionError>),
}

impl ApplyError {
    /// The cause in a word.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) | Self::List(_) | Self::Ask(_) => "engine",
            Self::Write(_) => "failed",
        }
    }
}

/// The id of a district's schedule.
pub(crate) fn schedule_id(district: &str) -> String {
    format!("{PREFIX}{district}")
}

/// The district of a schedule, if it is of one.
pub(crate) fn district_of(schedule: &str) -> Option<&str> {
    schedule.strip_prefix(PREFIX)
}

impl Engine {
    /// Brings the schedules in step with what the credentials list. With `forget_gone`, the schedules of districts that nobody
    /// lists any more are taken away; else they stay, and are named.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; what was done until then stays, and applying again does the rest.
    pub async fn apply(
        &self,
        cadence: &Cadence,
        listed: &Listed,
        forget_gone: bool,
    ) -> Result<Applied, ApplyError> {
        let actual = self.planned().await?;
        let unread: BTreeSet<String> = listed.unread.iter().cloned().collect();
        let wanted = wanted(cadence, listed);
        let Difference {
            create,
            mut update,
            gone,
        } = difference(&wanted, &actual, &unread);
        let mut applied = Applied {
            unread: listed.unread.clone(),
            ..Applied::default()
        };
        if forget_gone {
            update.retain(|district, _| !gone.contains(district));
            for district in gone {
                self.delete(&district).await?;
                applied.deleted.push(district);
            }
        } else {
            applied.gone = gone.into_iter().collect();
        }
        let making = create.clone().into_iter().map(|(district, plan)| {
            let engine = self.clone();
            async move { engine.create(&district, &plan).await }
        });
        a_few_at_once(making).await?;
        let changing = update.clone().into_iter().map(|(district, plan)| {
            let engine = self.clone();
            async move { engine.update(&district, &plan).await }
        });
        a_few_at_once(changing).await?;
        self.discover(cadence).await?;
        applied.kept = actual.len() - update.len() - applied.deleted.len();
        applied.created = create.into_keys().collect();
        let told = |district: &String| !applied.gone.contains(district);
        applied.updated = update.into_keys().filter(told).collect();
        Ok(applied)
    }

    /// The schedules that are, by district, as they were made.
    async fn planned(&self) -> Result<Plans, ApplyError> {
        let mut plans = Plans::new();
        let mut schedules = self.schedules();
        while let Some(schedule) = schedules.next().await {
            let schedule = schedule?;
            if let Some(district) = district_of(schedule.schedule_id())
                && let Some(plan) = kept(&schedule.search_attributes())
            {
                plans.insert(district.to_owned(), plan);
            }
        }
        Ok(plans)
    }

    /// Every schedule of the namespace.
    pub(crate) fn schedules(
        &self,
    ) -> impl futures_util::Stream<Item = Result<ScheduleSummary, ScheduleError>> + Unpin {
        let options = ListSchedulesOptions::builder()
            .maximum_page_size(1000)
            .build();
        self.client.list_schedules(options)
    }

    async fn create(&self, district: &str, plan: &Planned) -> Result<(), ApplyError> {
        let job = plan.job(district);
        let schedule = self.schedule(
            "Tick",
            format!("tick/{district}"),
            &job,
            spec(plan.every_s, phase_s(district, plan.every_s), plan.jitter_s),
            Some(priority(&job)),
        )?;
        // Nobody waits for the first load until the interval is over.
        let patch = proto::SchedulePatch {
            trigger_immediately: Some(proto::TriggerImmediatelyRequest {
                overlap_policy: ScheduleOverlapPolicy::Skip as i32,
                scheduled_time: None,
            }),
            ..Default::default()
        };
        self.make(
            schedule_id(district),
            schedule,
            attributes(plan, Some(&job))?,
            plan.first.then_some(patch),
        )
        .await
    }

    /// Makes a schedule; one that is there already stays.
    async fn make(
        &self,
        schedule_id: String,
        schedule: proto::Schedule,
        search_attributes: proto_common::SearchAttributes,
        initial_patch: Option<proto::SchedulePatch>,
    ) -> Result<(), ApplyError> {
        let request = CreateScheduleRequest {
            namespace: self.client.namespace(),
            request_id: format!("{schedule_id} {}", SystemClock.now().as_nanosecond()),
            schedule_id,
            schedule: Some(schedule),
            initial_patch,
            identity: self.client.identity(),
            search_attributes: Some(search_attributes),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        match service.create_schedule(request.into_request()).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => Ok(()),
            Err(status) => Err(Box::new(status).into()),
        }
    }

    /// Changes a schedule; whether it is paused and why stays as it is.
    async fn update(&self, district: &str, plan: &Planned) -> Result<(), ApplyError> {
        let job = plan.job(district);
        let schedule = self.schedule(
            "Tick",
            format!("tick/{district}"),
            &job,
            spec(plan.every_s, phase_s(district, plan.every_s), plan.jitter_s),
            Some(priority(&job)),
        )?;
        self.replace(
            schedule_id(district),
            schedule,
            attributes(plan, Some(&job))?,
        )
        .await
    }

    async fn replace(
        &self,
        schedule_id: String,
        schedule: proto::Schedule,
        search_attributes: proto_common::SearchAttributes,
    ) -> Result<(), ApplyError> {
        let mut service = self.client.connection().workflow_service();
        let request = DescribeScheduleRequest {
            namespace: self.client.namespace(),
            schedule_id: schedule_id.clone(),
        };
        let now = service
            .describe_schedule(request.into_request())
            .await
            .map_err(Box::new)?
            .into_inner();
        let request = UpdateScheduleRequest {
            namespace: self.client.namespace(),
            schedule_id,
            schedule: Some(proto::Schedule {
                state: now.schedule.and_then(|schedule| schedule.state),
                ..schedule
            }),
            // Who paused it meanwhile is not undone.
            conflict_token: now.conflict_token,
            identity: self.client.identity(),
            search_attributes: Some(search_attributes),
            ..Default::default()
        };
        service
            .update_schedule(request.into_request())
            .await
            .map_err(Box::new)?;
        Ok(())
    }

    async fn delete(&self, district: &str) -> Result<(), ApplyError> {
        let request = DeleteScheduleRequest {
            namespace: self.client.namespace(),
            schedule_id: schedule_id(district),
            identity: self.client.identity(),
        };
        let mut service = self.client.connection().workflow_service();
        match service.delete_schedule(request.into_request()).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => Ok(()),
            Err(status) => Err(Box::new(status).into()),
        }
    }

    /// Makes the schedule of the look for new districts, or changes it.
    async fn discover(&self, cadence: &Cadence) -> Result<(), ApplyError> {
        let spec = spec(cadence.discover_s, phase_s(DISCOVER, cadence.discover_s), 0);
        let schedule = self.schedule("Discover", "discover".to_owned(), cadence, spec, None)?;
        let mut schedules = self.schedules();
        while let Some(there) = schedules.next().await {
            let there = there?;
            if there.schedule_id() == DISCOVER {
                if kept::<Cadence>(&there.search_attributes()).as_ref() == Some(cadence) {
                    return Ok(());
                }
                return self
                    .replace(DISCOVER.to_owned(), schedule, attributes(cadence, None)?)
                    .await;
            }
        }
        self.make(
            DISCOVER.to_owned(),
            schedule,
            attributes(cadence, None)?,
            None,
        )
        .await
    }

    fn schedule<T: Serialize>(
        &self,
        workflow: &str,
        workflow_id: String,
        input: &T,
        spec: proto::ScheduleSpec,
        priority: Option<Priority>,
    ) -> Result<proto::Schedule, ApplyError> {
        let start = NewWorkflowExecutionInfo {
            workflow_id,
            workflow_type: Some(WorkflowType {
                name: workflow.to_owned(),
            }),
            task_queue: Some(TaskQueue {
                name: self.queue.clone(),
                ..Default::default()
            }),
            input: Some(Payloads {
                payloads: vec![json(input)?],
            }),
            priority: priority.map(Into::into),
            ..Default::default()
        };
        Ok(proto::Schedule {
            spec: Some(spec),
            action: Some(proto::ScheduleAction {
                action: Some(proto::schedule_action::Action::StartWorkflow(start)),
            }),
            policies: Some(proto::SchedulePolicies {
                overlap_policy: ScheduleOverlapPolicy::Skip as i32,
                catchup_window: Some(CATCH_UP.try_into().unwrap_or_default()),
                ..Default::default()
            }),
            state: None,
        })
    }
}

/// Does all of it, a few at once.
async fn a_few_at_once(
    all: impl Iterator<Item = impl Future<Output = Result<(), ApplyError>>>,
) -> Result<(), ApplyError> {
    stream::iter(all)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

/// What a schedule was made from, by its attributes; none if it is none of ours.
pub(crate) fn kept<T: DeserializeOwned>(attributes: &SearchAttributes) -> Option<T> {
    serde_json::from_str(&attributes.get(&PLAN)?).ok()
}

fn spec(every_s: u64, phase_s: u64, jitter_s: u64) -> proto::ScheduleSpec {
    let long = |seconds| Duration::from_secs(seconds).try_into().ok();
    proto::ScheduleSpec {
        interval: vec![proto::IntervalSpec {
            interval: long(every_s),
            phase: long(phase_s),
        }],
        jitter: long(jitter_s),
        ..Default::default()
    }
}

/// The attributes by which a schedule is found, and from which it is read back.
fn attributes<T: Serialize>(
    plan: &T,
    job: Option<&Job>,
) -> Result<proto_common::SearchAttributes, ApplyError> {
    let mut all = vec![PLAN.value_set(serde_json::to_string(plan)?)];
    all.extend(job.into_iter().flat_map(attributes::of));
    Ok(SearchAttributes::new(all).into_proto())
}

/// A value as every tool of the engine's shows it.
fn json<T: Serialize>(value: &T) -> Result<Payload, ApplyError> {
    Ok(Payload {
        metadata: HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]),
        data: serde_json::to_vec(value)?,
        ..Default::default()
    })
}
