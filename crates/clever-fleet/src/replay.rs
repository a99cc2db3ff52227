//! A workflow continues with the code of today: each recorded history is replayed, and every step that
//! the code takes must be the one that was taken.
//!
//! `CLEVER_BLESS=1 cargo nextest run --workspace --all-features -E 'test(what_is_held_is_approved_from_elsewhere)'` records
//! them again, which is for a workflow that nobody runs any more; else a change stands behind `ctx.patched`.

use std::fs;
use std::path::{Path, PathBuf};

use temporalio_client::WorkflowHistory;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::payload::{Job, Ticked};
use crate::workflows::{Discover, Hold, SyncDistrict, Tick};

fn histories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories");
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn recorded_histories_are_replayed() {
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/tick.json");
    let history = WorkflowHistory::from_json(&fs::read(path).unwrap()).unwrap();
    assert!(replayer.replay_workflow(history).await.is_err());
}
