//! The store's tables as Parquet: what is in the files is what SQL answers, over both stores.

#[cfg(not(feature = "parquet"))]
use crate::ground::Store;
use crate::ground::{cleverctl, errors};

#[cfg(feature = "parquet")]
mod with {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
    use parquet::basic::{Compression, LogicalType};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use rusqlite::types::ValueRef;
    use tempfile::TempDir;
    use tokio_postgres::{NoTls, SimpleQueryMessage};

    use super::{cleverctl, errors};
    use crate::server::Server;

    /// Every table that has a file, and `changes`.
    const TABLES: [&str; 13] = [
        "changes",
        "contacts",
        "courses",
        "districts",
        "enrollments",
        "resources",
        "runs",
        "schools",
        "sections",
        "terms",
        "user_roles",
        "user_schools",
        "users",
    ];

    /// Rows as text, absent or not, in order of their words.
    type Rows = Vec<Vec<Option<String>>>;

    fn run(args: &[&str], store: &str, emulator: Option<&Emulator>) -> String {
        let mut command = cleverctl();
        command.args(args).args(["--store", store]);
        if let Some(emulator) = emulator {
            command.args(["--api-url", emulator.base_url().as_str()]);
            command.env("CLEVER_TOKEN", emulator.district_token());
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A file's columns, those that are marked as JSON, and its rows.
    fn read(path: &Path) -> (Vec<String>, Vec<String>, Rows) {
        let reader = SerializedFileReader::try_from(path).unwrap();
        let metadata = reader.metadata();
        let (mut columns, mut json) = (Vec::new(), Vec::new());
        for column in metadata.file_metadata().schema_descr().columns() {
            columns.push(column.name().to_owned());
            if column.logical_type_ref() == Some(&LogicalType::Json) {
                json.push(column.name().to_owned());
            }
        }
        for group in metadata.row_groups() {
            let snappy = |compression| compression == Compression::SNAPPY;
            assert!(group.columns().iter().all(|c| snappy(c.compression())));
        }
        let rows = reader.into_iter().map(|row| {
            let fields = row.unwrap().into_columns();
            let cells = fields.into_iter().map(|(_, field)| match field {
                Field::Null => None,
                Field::Str(text) => Some(text),
                Field::Long(number) => Some(number.to_string()),
                Field::Bool(flag) => Some(u8::from(flag).to_string()),
                other => panic!("no column is of this type: {other:?}"),
            });
            cells.collect()
        });
        let mut rows: Rows = rows.collect();
        rows.sort();
        (columns, json, rows)
    }

    fn sqlite(url: &str, sql: &str) -> Rows {
        let path = url.strip_prefix("sqlite:").unwrap();
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cell = |at| {
                Ok(match row.get_ref(at)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(number) => Some(number.to_string()),
                    other => Some(other.as_str()?.to_owned()),
                })
            };
            (0..width).map(cell).collect()
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    async fn postgres(url: &str, sql: &str) -> Rows {
        // With the store's tables in sight.
        let url = format!("{url}?options=-csearch_path%3Dclever%2Cpublic");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let mut rows = Rows::new();
        for message in client.simple_query(sql).await.unwrap() {
            if let SimpleQueryMessage::Row(row) = message {
                let cells = (0..row.len()).map(|at| row.get(at).map(ToOwned::to_owned));
                rows.push(cells.collect());
            }
        }
        rows
    }

    async fn answer(url: &str, sql: &str) -> Rows {
        let mut rows = if url.starts_with("sqlite:") {
            sqlite(url, sql)
        } else {
            postgres(url, sql).await
        };
        rows.sort();
        rows
    }

    /// The files of the changes, first ones first.
    fn parts(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.join("changes")).unwrap();
        let mut parts: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        parts.sort();
        parts
    }

    /// Exports, and compares every file with what SQL answers.
    async fn export(url: &str, folder: &Path) -> BTreeMap<String, u64> {
        let shown = folder.to_str().unwrap();
        let told = run(
            &["export", "--format", "parquet", shown, "--json"],
            url,
            None,
        );
        for table in TABLES {
            let paths = if table == "changes" {
                parts(folder)
            } else {
                vec![folder.join(format!("{table}.parquet"))]
            };
            let mut found = Rows::new();
            let (mut columns, mut json) = (Vec::new(), Vec::new());
            for path in paths {
                let rows;
                (columns, json, rows) = read(&path);
                found.extend(rows);
            }
            found.sort();
            let sql = format!("SELECT {} FROM {table}", columns.join(", "));
            let rows = answer(url, &sql).await;
            assert_eq!(found.len(), rows.len(), "{table}");
            assert!(found == rows, "{table} has other rows than the store");
            let documents: &[&str] = match table {
                "changes" => &["fields", "before", "after"],
                "runs" => &["report"],
                "contacts" | "enrollments" | "user_roles" | "user_schools" => &[],
                _ => &["record"],
            };
            assert_eq!(json, documents, "{table}");
            for row in &found {
                for (name, cell) in columns.iter().zip(row) {
                    if let (true, Some(text)) = (json.contains(name), cell) {
                        serde_json::from_str::<serde_json::Value>(text).unwrap();
                    }
                }
            }
        }
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        serde_json::from_value(told["files"].clone()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_tables_go_out_as_parquet_and_changes_are_added_to() {
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed: 7,
                students: 2500,
            },
            rate_limit: 1_000_000,
            resources: true,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let folder = TempDir::new().unwrap();
        let policy = folder.path().join("policy.toml");
        fs::write(&policy, "resources = true\n").unwrap();
        let policy = policy.to_str().unwrap();
        let server = Server::start();
        let mut stores = vec![format!("sqlite:{}", folder.path().join("r.db").display())];
        stores.extend(server.as_ref().map(Server::url));
        let files = |at: usize| folder.path().join(format!("files-{at}"));
        let mut first = Vec::new();
        for (at, url) in stores.iter().enumerate() {
            run(
                &["sync", "--quiet", "--policy", policy],
                url,
                Some(&emulator),
            );
            let told = export(url, &files(at)).await;
            assert!(told["enrollments.parquet"] > 10_000, "{told:?}");
            assert!(told["resources.parquet"] > 0, "{told:?}");
            let reader =
                SerializedFileReader::try_from(files(at).join("enrollments.parquet").as_path());
            let groups = reader.unwrap().metadata().num_row_groups() as u64;
            assert_eq!(groups, told["enrollments.parquet"].div_ceil(10_000));
            first.push(told);
        }
        emulator.advance_days(3);
        for (at, url) in stores.iter().enumerate() {
            run(
                &["sync", "--quiet", "--policy", policy],
                url,
                Some(&emulator),
            );
            let told = export(url, &files(at)).await;
            let archived = "SELECT id FROM users WHERE archived_at IS NOT NULL";
            assert!(!answer(url, archived).await.is_empty());
            let parts = parts(&files(at));
            assert_eq!(parts.len(), 2, "{parts:?}");
            let before: u64 = first[at]
                .iter()
                .filter(|(name, _)| name.starts_with("changes/"))
                .map(|(_, rows)| rows)
                .sum();
            let name = parts[1].file_name().unwrap().to_string_lossy();
            assert!(name.contains(&format!("-{:012}-", before + 1)), "{name}");
            // Nothing new happened: no file more.
            let again = export(url, &files(at)).await;
            assert_eq!(again.len(), told.len() - 1, "{again:?}");
            for entry in fs::read_dir(files(at)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.to_string_lossy();
                assert!(!name.ends_with(".partial"), "{name}");
                #[cfg(unix)]
                if path.is_file() {
                    use std::os::unix::fs::PermissionsExt;
                    let mode = fs::metadata(&path).unwrap().permissions().mode();
                    assert_eq!(mode & 0o777, 0o600, "{name}");
                }
            }
        }
        // A new store counts its changes from 1: they are no continuation.
        let other = format!("sqlite:{}", folder.path().join("new.db").display());
        run(
            &["sync", "--quiet", "--policy", policy],
            &other,
            Some(&emulator),
        );
        let shown = files(0).display().to_string();
        let output = cleverctl()
            .args(["export", "--format", "parquet", &shown, "--store", &other])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = errors(&output);
        assert!(
            said.contains("of another store; name another folder"),
            "{said}"
        );
    }
}

#[test]
#[cfg(not(feature = "parquet"))]
fn a_binary_without_parquet_says_how_to_get_it() {
    let store = Store::new();
    let output = cleverctl()
        .args(["export", "--format", "parquet", "files", "--store"])
        .arg(store.url())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains("built without Parquet") && said.contains("--features parquet"),
        "{said}"
    );
}
