//! What every story stands on: an emulator, a client of it, a store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clever_auth::DistrictAppToken;
use clever_client::{ClientOptions, District, RetryPolicy};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{RecordKind, SystemClock};
use clever_sync::store::Store;
use clever_sync::{SqliteStore, SyncError, SyncOptions, SyncPolicy, SyncReport, sync};
use rusqlite::Connection;
use tempfile::TempDir;

/// A generated district and a store of it.
pub(crate) struct Ground {
    pub(crate) emulator: Emulator,
    pub(crate) district: District,
    folder: TempDir,
}

impl Ground {
    pub(crate) async fn new(seed: u64, students: u32) -> Self {
        Self::start(seed, students, false).await
    }

    /// A district whose events are switched on.
    pub(crate) async fn with_events(seed: u64, students: u32) -> Self {
        Self::start(seed, students, true).await
    }

    /// The same, for hundreds of runs in a minute.
    pub(crate) async fn without_limit(seed: u64, students: u32) -> Self {
        Self::with(EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            events: true,
            rate_limit: 1_000_000,
            ..EmulatorConfig::default()
        })
        .await
    }

    async fn start(seed: u64, students: u32, events: bool) -> Self {
        Self::with(EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            events,
            ..EmulatorConfig::default()
        })
        .await
    }

    /// A district by its configuration.
    pub(crate) async fn with(config: EmulatorConfig) -> Self {
        let emulator = clever_emulator::start(config).await.unwrap();
        let options = ClientOptions {
            api_url: emulator.base_url().clone(),
            page_limit: 50,
            retry: RetryPolicy {
                max_attempts: 3,
                base_delay: Duration::from_millis(1),
                max_delay: Duration::from_millis(2),
                max_rate_wait: Duration::from_millis(50),
            },
            request_timeout: Duration::from_millis(500),
            ..ClientOptions::default()
        };
        let token = DistrictAppToken::new(emulator.district_token()).unwrap();
        let district = District::new(options, token).unwrap();
        Self {
            emulator,
            district,
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("roster.db")
    }

    /// Syncs once, as a process of its own would: the store is opened for it.
    pub(crate) async fn sync(&self) -> Result<SyncReport, SyncError> {
        self.sync_with(&SyncOptions::default(), &SyncPolicy::default())
            .await
    }

    pub(crate) async fn sync_with(
        &self,
        options: &SyncOptions,
        policy: &SyncPolicy,
    ) -> Result<SyncReport, SyncError> {
        let mut store = SqliteStore::open(&self.path())?;
        self.sync_into(&mut store, options, policy).await
    }

    /// Syncs once into any store.
    pub(crate) async fn sync_into(
        &self,
        store: &mut impl Store,
        options: &SyncOptions,
        policy: &SyncPolicy,
    ) -> Result<SyncReport, SyncError> {
        sync(&self.district, store, policy, options, &SystemClock, &()).await
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The active records of the store, by kind and id, as they were sent.
    pub(crate) fn stored(&self) -> BTreeMap<(RecordKind, String), String> {
        let connection = Connection::open(self.path()).unwrap();
        let mut all = BTreeMap::new();
        for kind in RecordKind::ROSTER {
            let mut statement = connection
                .prepare(&format!(
                    "SELECT id, record FROM {kind} WHERE archived_at IS NULL"
                ))
                .unwrap();
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            all.extend(
                rows.map(|row| row.unwrap())
                    .map(|(id, record): (String, String)| ((kind, id), record)),
            );
        }
        all
    }

    /// The records that the world has now.
    pub(crate) fn served(&self) -> BTreeMap<(RecordKind, String), String> {
        self.emulator.with_world(|world| {
            let kinds = RecordKind::ROSTER.into_iter();
            kinds
                .flat_map(|kind| {
                    let list = world.list(kind).iter();
                    list.map(move |(id, record)| {
                        ((kind, id.to_string()), record.json().into_owned())
                    })
                    .collect::<Vec<_>>()
                })
                .collect()
        })
    }

    /// Active and archived records of a kind.
    pub(crate) fn counts(&self, kind: RecordKind) -> (i64, i64) {
        let sql = format!("SELECT count(*) - count(archived_at), count(archived_at) FROM {kind}");
        Connection::open(self.path())
            .unwrap()
            .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    }

    /// Checks what must hold after any run: the feed has no gap, and replaying it gives the tables.
    pub(crate) fn check_feed(&self) {
        let connection = Connection::open(self.path()).unwrap();
        let (count, last): (i64, i64) = connection
            .query_row(
                "SELECT count(*), coalesce(max(seq), 0) FROM changes",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(count, last, "the feed has no gap");
        let mut statement = connection
            .prepare("SELECT kind, id, op, after FROM changes ORDER BY seq")
            .unwrap();
        let rows = statement
            .query_map([], |row| {
                let kind: String = row.get(0)?;
                Ok((
                    kind,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, Option<String>>(3)?,
                ))
            })
            .unwrap();
        let mut replayed = BTreeMap::new();
        for row in rows {
            let (kind, id, op, after) = row.unwrap();
            let kind: RecordKind = kind.parse().unwrap();
            let known = replayed.contains_key(&(kind, id.clone()));
            match op.as_str() {
                "create" | "restore" => assert!(!known, "{op} of an active {kind} {id}"),
                _ => assert!(known, "{op} of an unknown {kind} {id}"),
            }
            if op == "archive" {
                replayed.remove(&(kind, id));
            } else {
                replayed.insert((kind, id), after.unwrap());
            }
        }
        let ids = |records: BTreeMap<(RecordKind, String), String>| {
            records.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(
            ids(replayed),
            ids(self.stored()),
            "the feed replays to the tables"
        );
    }
}
