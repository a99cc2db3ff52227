//! A process that asks the engine for work, does it, and stops without losing any.

use std::sync::Arc;
use std::time::Duration;

use temporalio_common::telemetry::TelemetryOptions;
use temporalio_common::telemetry::metrics::CoreMeter;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::error::{
    RuntimeError, WorkerCreateError, WorkerRunError, WorkflowRegistrationError,
};
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::runtime::{PollerBehavior, RuntimeOptions};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::activities::Activities;
use crate::connect::Engine;
use crate::meter::Meter;
use crate::runner::Runner;
use crate::workflows::{Discover, Hold, SyncDistrict, Tick};

/// So many steps of workflows are taken at once: they are short.
const STEPS_AT_ONCE: usize = 32;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// So many districts are synced at once.
    pub slots: usize,
    /// How long a run may take to end once the worker was asked to stop; then it stops where it is, and another worker begins it
    /// again.
    pub grace: Duration,
    /// The version of the program, shown with each step that it took.
    pub build: String,
}

/// Why a worker can't work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The SDK does not start.
    #[error("the worker could not be prepared")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A workflow can't be registered.
    #[error("the worker could not be prepared")]
    Workflow(#[from] WorkflowRegistrationError),
    /// The SDK does not make a worker.
    #[error("the worker could not be made")]
    Create(#[from] WorkerCreateError),
    /// The worker broke off.
    #[error("the worker broke off")]
    Run(#[from] WorkerRunError),
}

impl From<RuntimeError> for WorkerError {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(Box::new(error))
    }
}

/// Works until `stop` is over, and then until what goes on has ended. Runs on the runtime of the caller.
///
/// # Errors
///
/// [`WorkerError`] if it can't begin, or the engine refuses it for good. One that can't be reached for a while is no error.
pub async fn work(
    engine: Engine,
    runner: Arc<dyn Runner>,
    settings: &WorkerSettings,
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let telemetry = TelemetryOptions::builder()
        .metrics(Arc::new(Meter) as Arc<dyn CoreMeter>)
        .build();
    let options = RuntimeOptions::builder()
        .telemetry_options(telemetry)
        .build()
        .map_err(|error| WorkerError::Runtime(error.into()))?;
    let runtime = Runtime::from_current_tokio(options)?;
    let fixed = FixedSizeSlotSupplier::new;
    let tuner = TunerHolder::builder()
        .workflow_task_slot_supplier(fixed(STEPS_AT_ONCE))
        .activity_task_slot_supplier(fixed(settings.slots))
        .local_activity_task_slot_supplier(fixed(1))
        .nexus_task_slot_supplier(fixed(1))
        .build();
    let options = WorkerOptions::new(engine.queue.clone())
        .register_activities(Activities { runner })
        .register_workflow::<Tick>()?
        .register_workflow::<SyncDistrict>()?
        .register_workflow::<Hold>()?
        .register_workflow::<Discover>()?
        .tuner(tuner)
        // A run that a worker hands to itself passes the queue by: no rate, no share of a tenant and no order would hold for it.
        .max_eager_activity_reservations_per_workflow_task(0)
        // A worker that sleeps has its questions open, and each run that the engine answers them with waits for a heartbeat until
        // another worker may have it. So it has one open, and asks again as soon as it is answered.
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(1))
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(2))
        .deployment_options(WorkerDeploymentOptions::from_build_id(
            settings.build.clone(),
        ))
        .graceful_shutdown_period(settings.grace)
        .build();
    let mut worker = Worker::new(&runtime, engine.client, options)?;
    let shut_down = worker.shutdown_handle();
    let mut working = std::pin::pin!(worker.run());
    tokio::select! {
        ended = &mut working => return Ok(ended?),
        () = stop => shut_down(),
    }
    Ok(working.await?)
}
