//! A workflow continues with the code of today: each recorded history is replayed, and every step that
//! the code takes must be the one that was taken.
//!
//! With `CLEVER_FLEET_RECORD=HOST:PORT`, the last run of each kind and outcome is fetched from that engine and recorded. That
//! is for workflows that nobody runs any more; else a change stands behind `ctx.patched`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use temporalio_client::{
    WorkflowExecutionInfo, WorkflowFetchHistoryOptions, WorkflowHandle, WorkflowHistory,
    WorkflowListOptions,
};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::attributes::OUTCOME;
use crate::connect::connect;
use crate::payload::{Job, Ticked};
use crate::workflows::{Discover, Hold, SyncDistrict, Tick};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories")
}

/// Fetches the last run of each kind and outcome.
async fn record(address: &str) {
    let engine = connect(Some(address), None, "clever-fleet", "recorder")
        .await
        .unwrap();
    let mut seen = BTreeSet::new();
    let done = "ExecutionStatus = 'Completed' OR ExecutionStatus = 'Failed'";
    let mut runs = engine
        .client
        .list_workflows(done, WorkflowListOptions::default());
    while let Some(run) = runs.next().await {
        let run = run.unwrap();
        let outcome = run.search_attributes().get(&OUTCOME);
        let name = match outcome {
            Some(outcome) => format!("{}-{outcome}", run.workflow_type()),
            None => run.workflow_type().to_owned(),
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        let info = WorkflowExecutionInfo::builder()
            .namespace("default")
            .workflow_id(run.id())
            .run_id(run.run_id())
            .build();
        let handle: WorkflowHandle<_, Hold> = WorkflowHandle::new(engine.client.clone(), info);
        let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
        let path = folder().join(format!("{name}.json"));
        fs::write(path, history.to_json().await.unwrap()).unwrap();
    }
}

fn histories() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn recorded_histories_are_replayed() {
    if let Ok(address) = std::env::var("CLEVER_FLEET_RECORD") {
        record(&address).await;
    }
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Tick>()
        .unwrap()
        .register_workflow::<SyncDistrict>()
        .unwrap()
        .register_workflow::<Hold>()
        .unwrap()
        .register_workflow::<Discover>()
        .unwrap()
        .build();
    let replayer = WorkflowReplayer::new(options).unwrap();
    let all = histories();
    assert!(all.len() >= 5, "{all:?}");
    for path in all {
        let history = WorkflowHistory::from_json(&fs::read(&path).unwrap()).unwrap();
        let replayed = replayer.replay_workflow(history).await;
        assert!(replayed.is_ok(), "{}: {replayed:?}", path.display());
    }
}

/// A `Tick` of other code, which takes a step that nobody recorded.
#[workflow]
#[derive(Default)]
struct Other;

#[workflow_methods]
impl Other {
    #[run(name = "Tick")]
    async fn run(ctx: &mut WorkflowContext<Self>, _job: Job) -> WorkflowResult<Ticked> {
        ctx.timer(std::time::Duration::from_secs(1)).await;
        Ok(Ticked::Started)
    }
}

#[tokio::test]
async fn a_step_that_was_not_recorded_is_found() {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Other>()
        .unwrap()
        .build();
    let replayer = WorkflowReplayer::new(options).unwrap();
    let tick = fs::read(folder().join("Tick.json")).unwrap();
    let history = WorkflowHistory::from_json(&tick).unwrap();
    assert!(replayer.replay_workflow(history).await.is_err());
}
