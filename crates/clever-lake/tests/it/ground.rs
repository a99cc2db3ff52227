//! What every story stands on: an emulator, a store, a lake, and how to read it without the crate.

use std::path::PathBuf;
use std::time::Duration;

use clever_auth::DistrictAppToken;
use clever_client::{ClientOptions, District, RetryPolicy};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_lake::{AppendError, AppendRequest, Appended, Lake, PER_COMMIT, append};
use clever_model::SystemClock;
use clever_sync::{ChangeFilter, SqliteStore, SyncOptions, SyncPolicy, sync};
use deltalake::arrow::array::{Array, Int64Array, StringArray, TimestampMicrosecondArray};
use deltalake::arrow::compute::cast;
use deltalake::arrow::datatypes::DataType;
use deltalake::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;
use url::Url;

/// A district, and what follows it.
pub(crate) struct Ground {
    pub(crate) emulator: Emulator,
    district: District,
    folder: TempDir,
}

/// A row of the feed as text, column by column.
pub(crate) type Row = Vec<Option<String>>;

impl Ground {
    pub(crate) async fn new(seed: u64, students: u32) -> Self {
        let config = EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            rate_limit: 1_000_000,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let options = ClientOptions {
            api_url: emulator.base_url().clone(),
            retry: RetryPolicy {
                max_attempts: 3,
                base_delay: Duration::from_millis(1),
                max_delay: Duration::from_millis(2),
                max_rate_wait: Duration::from_millis(50),
            },
            ..ClientOptions::default()
        };
        let token = DistrictAppToken::new(emulator.district_token()).unwrap();
        Self {
            district: District::new(options, token).unwrap(),
            emulator,
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn id(&self) -> String {
        self.emulator
            .with_world(|world| world.district_id().to_owned())
    }

    pub(crate) fn store(&self, name: &str) -> SqliteStore {
        SqliteStore::open(&self.path(name)).unwrap()
    }

    /// Syncs a store once, whatever the day brought.
    pub(crate) async fn sync(&self, name: &str) {
        let policy = SyncPolicy {
            max_archived_percent: 100,
            max_school_archived_percent: 100,
            max_updated_percent: 100,
            max_unenrolled_percent: 100,
            floor: 0,
            ..SyncPolicy::default()
        };
        let (options, mut store) = (SyncOptions::default(), self.store(name));
        let done = sync(
            &self.district,
            &mut store,
            &policy,
            &options,
            &SystemClock,
            &(),
        )
        .await;
        drop(done.unwrap());
    }

    /// Lets days pass, each with its sync.
    pub(crate) async fn live(&self, name: &str, days: u32) {
        for _ in 0..days {
            self.emulator.advance_days(1);
            self.sync(name).await;
        }
    }

    pub(crate) fn request(&self) -> AppendRequest {
        AppendRequest {
            district_id: self.id(),
            consumer: "lake".to_owned(),
            pruned_is_fine: false,
            per_commit: PER_COMMIT,
        }
    }

    pub(crate) async fn lake(&self) -> Lake {
        Lake::open(&self.path("lake")).await.unwrap()
    }

    /// Appends from a store to the lake.
    pub(crate) async fn append(&self, store: &str) -> Result<Appended, AppendError> {
        self.append_by(store, &self.request()).await
    }

    pub(crate) async fn append_by(
        &self,
        store: &str,
        request: &AppendRequest,
    ) -> Result<Appended, AppendError> {
        let (mut lake, mut store) = (self.lake().await, self.store(store));
        append(&mut lake, &mut store, request, &SystemClock, &mut |_| true).await
    }

    /// What a store's feed says.
    pub(crate) async fn feed(&self, store: &str) -> Vec<Row> {
        let filter = ChangeFilter {
            limit: 1_000_000,
            ..ChangeFilter::default()
        };
        let changes = self
            .store(store)
            .changes(&self.id(), &filter)
            .await
            .unwrap();
        let row = |change: clever_sync::Change| {
            vec![
                Some(self.id()),
                Some(change.seq.to_string()),
                Some(change.run.to_string()),
                Some(change.at.as_microsecond().to_string()),
                Some(change.kind.to_string()),
                Some(change.id),
                Some(change.op.to_string()),
                (!change.fields.is_empty()).then(|| serde_json::to_string(&change.fields).unwrap()),
                change.before.map(|raw| raw.get().to_owned()),
                change.after.map(|raw| raw.get().to_owned()),
                change.event,
            ]
        };
        changes.into_iter().map(row).collect()
    }

    /// What the table says, in the order of numbers, read by deltalake alone.
    pub(crate) async fn table(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (file, district) in files(&self.path("lake")).await {
            let open = std::fs::File::open(file).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(open).unwrap();
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                let columns = COLUMNS[1..].iter().map(|name| {
                    batch
                        .column_by_name(name)
                        .map(|column| texts(column.as_ref()))
                });
                let columns: Vec<Option<Row>> = columns.collect();
                rows.extend((0..batch.num_rows()).map(|at| {
                    let cell =
                        |column: &Option<Row>| column.as_ref().and_then(|one| one[at].clone());
                    let mut row = vec![Some(district.clone())];
                    row.extend(columns.iter().map(cell));
                    row
                }));
            }
        }
        rows.sort_by_key(|row| row[1].as_ref().unwrap().parse::<u64>().unwrap());
        rows
    }
}

const COLUMNS: [&str; 11] = [
    "district_id",
    "seq",
    "run",
    "at",
    "kind",
    "id",
    "op",
    "fields",
    "before",
    "after",
    "event",
];

/// The files of a table, with the district of each.
pub(crate) async fn files(lake: &std::path::Path) -> Vec<(PathBuf, String)> {
    let url = Url::from_directory_path(lake.canonicalize().unwrap()).unwrap();
    let table = deltalake::open_table(url).await.unwrap();
    let all = table.get_file_uris().unwrap();
    let file = |uri: String| {
        let path = PathBuf::from(uri.strip_prefix("file://").unwrap_or(&uri));
        let folder = path.parent().unwrap().file_name().unwrap();
        let district = folder
            .to_str()
            .unwrap()
            .strip_prefix("district_id=")
            .unwrap();
        (path.clone(), district.to_owned())
    };
    all.map(file).collect()
}

fn texts(column: &dyn Array) -> Row {
    if let Some(numbers) = column.as_any().downcast_ref::<Int64Array>() {
        return numbers
            .iter()
            .map(|one| one.map(|one| one.to_string()))
            .collect();
    }
    if let Some(times) = column.as_any().downcast_ref::<TimestampMicrosecondArray>() {
        return times
            .iter()
            .map(|one| one.map(|one| one.to_string()))
            .collect();
    }
    let texts = cast(column, &DataType::Utf8).unwrap();
    let texts = texts.as_any().downcast_ref::<StringArray>().unwrap();
    texts.iter().map(|one| one.map(ToOwned::to_owned)).collect()
}
