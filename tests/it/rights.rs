//! The database role that docs/sync.md describes: what it is granted is enough for all that a sync does, and no grant
//! of it is too many.

use crate::ground::Ground;
use crate::stores::{client, database, name_of};
use clever_model::SystemClock;
use clever_sync::report::attempt::{Ending, Reached};
use clever_sync::store::attempts::Ended;
use clever_sync::{
    AnyStore, ChangeFilter, ExportFormat, Open, SyncOptions, SyncPolicy, UndoRequest, Way, export,
    mark_edited, sync, undo,
};

/// The statements of the document, for a role and a database of another name.
fn statements(role: &str, database: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sync.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```sql\nCREATE ROLE clever_sync").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let block = format!("CREATE ROLE clever_sync{block}")
        .replace("clever_sync", role)
        .replace("DATABASE clever ", &format!("DATABASE {database} "));
    let lines = block.lines().filter(|line| !line.starts_with("--"));
    let block: String = lines.flat_map(|line| [line, "\n"]).collect();
    let all = block.split(';').map(str::trim);
    all.filter(|sql| !sql.is_empty())
        .map(str::to_owned)
        .collect()
}

/// All that a sync, and whoever works with its store, does: a first load, events, an audit, a run taken back, a feed
/// read, files written.
async fn everything(ground: &Ground, url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut store = AnyStore::open(&url.parse()?, Open::Existing).await?;
    let (policy, clock) = (SyncPolicy::default(), SystemClock);
    let auto = SyncOptions::default();
    let first = sync(&ground.district, &mut store, &policy, &auto, &clock, &()).await?;
    let district = first.district_id.clone();
    ground.emulator.advance_days(1);
    let second = sync(&ground.district, &mut store, &policy, &auto, &clock, &()).await?;
    mark_edited(&mut store, &district.parse()?, &policy).await?;
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    drop(sync(&ground.district, &mut store, &policy, &full, &clock, &()).await?);
    let filter = ChangeFilter {
        limit: 10,
        ..ChangeFilter::default()
    };
    let some = store.changes(&district, &filter).await?;
    for _ in 0..2 {
        let seq = some.len() as u64;
        store
            .acknowledge(&district, "search", seq, first.finished_at)
            .await?;
    }
    let request = UndoRequest {
        district_id: district.clone(),
        run: second.run.unwrap_or_default(),
        only: None,
        dry_run: false,
    };
    drop(undo(&mut store, &request, &policy, &clock, &()).await?);
    drop(store.status().await?);
    let at = first.finished_at;
    let number = store.begin_attempt(Some(&district), None, at).await?;
    store.note_attempt(number, &Reached::default(), at).await?;
    let ended = Ended {
        district_id: Some(district.clone()),
        at,
        ending: Ending::Done,
        exit: Some(0),
        failure: None,
        reached: Reached::default(),
        run: first.run,
    };
    store.end_attempt(number, &ended).await?;
    drop(store.attempts().await?);
    store.tell_state(&district, "ok", at).await?;
    drop(store.told_states().await?);
    for format in [ExportFormat::Csv, ExportFormat::OneRoster] {
        drop(
            export(
                &mut store,
                &district,
                format,
                &ground.folder().join("files"),
            )
            .await?,
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_role_of_the_documents_does_everything_and_no_grant_is_too_many() {
    let role = format!("clever_sync_{}", std::process::id());
    let mut left_out = None;
    loop {
        let Some(owner) = database("rights").await else {
            return;
        };
        let name = name_of(&owner);
        // A thousand records and more: a first load is another path of the writer.
        let ground = Ground::with_events(601, 500).await;
        ground.emulator.advance_days(1);
        drop(
            AnyStore::open(&owner.parse().unwrap(), Open::Create)
                .await
                .unwrap(),
        );
        let client = client(&owner).await;
        let all = statements(&role, &name);
        assert!(all.len() > 5, "{all:?}");
        for (at, sql) in all.iter().enumerate() {
            if left_out != Some(at) {
                client.batch_execute(sql).await.unwrap();
            }
        }
        let mut url: url::Url = owner.parse().unwrap();
        url.set_username(&role).unwrap();
        let done = everything(&ground, url.as_str()).await;
        client
            .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await
            .unwrap();
        match left_out {
            None => done.unwrap(),
            // It syncs as well, and begins again from the start after a stop.
            Some(at) if all[at].contains("ON DATABASE") => done.unwrap(),
            Some(at) => assert!(done.is_err(), "not needed: {}", all[at]),
        }
        // The first makes the role.
        let next = left_out.map_or(1, |at| at + 1);
        if next == all.len() {
            return;
        }
        left_out = Some(next);
    }
}
