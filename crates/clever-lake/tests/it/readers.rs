//! What others read: DuckDB, and deltalake for Python, each with the view of the latest state that the documents give.

use std::process::Command;

use clever_lake::{AppendRequest, FILE_SIZE, compact};

use crate::ground::{Ground, Row};

/// Prints the feed, the latest state, and what Python's deltalake has, as JSON a line.
const SCRIPT: &str = r##"
import json, sys
import duckdb, duckdb_extensions
from deltalake import DeltaTable, QueryBuilder

folder, view = sys.argv[1], sys.argv[2]
db = duckdb.connect()
duckdb_extensions.import_extension("delta", con=db)
columns = 'district_id, seq, run, epoch_us("at"), kind, id, op, fields, before, after, event'
def text(row):
    return [None if cell is None else str(cell) for cell in row]
feed = db.execute(f"select {columns} from delta_scan('{folder}') order by seq").fetchall()
print(json.dumps([text(row) for row in feed]))
db.execute(view.replace("LAKE", folder))
latest = db.execute("select kind, id, op, after from latest order by kind, id").fetchall()
print(json.dumps([text(row) for row in latest]))
table = DeltaTable(folder)
read = QueryBuilder().register("feed", table).execute(
    "select seq, id, after from feed order by seq").read_all()
print(json.dumps([text(row) for row in zip(*(column.to_pylist() for column in read.columns))]))
print(json.dumps(table.version()))
"##;

/// The view as docs/lake.md has it.
fn view() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lake.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn duckdb_and_python_read_what_the_store_says() {
    let Ok(python) = std::env::var("CLEVER_LAKE_PYTHON") else {
        eprintln!(
            "skipped: CLEVER_LAKE_PYTHON names no Python with DuckDB and deltalake (`cargo xtask lake` makes one)"
        );
        return;
    };
    let ground = Ground::new(61, 60).await;
    ground.sync("roster.db").await;
    let request = AppendRequest {
        per_commit: 40,
        ..ground.request()
    };
    ground.append_by("roster.db", &request).await.unwrap();
    ground.live("roster.db", 4).await;
    ground.append_by("roster.db", &request).await.unwrap();
    read(&ground, &python).await;
    let mut lake = ground.lake().await;
    compact(&mut lake, None, FILE_SIZE).await.unwrap();
    read(&ground, &python).await;
}

async fn read(ground: &Ground, python: &str) {
    let folder = ground.path("lake");
    let output = Command::new(python)
        .args(["-c", SCRIPT, folder.to_str().unwrap(), &view()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    let rows = |line: &str| serde_json::from_str::<Vec<Row>>(line).unwrap();
    let feed = ground.feed("roster.db").await;
    assert_eq!(rows(lines[0]), feed);
    let mut latest = std::collections::BTreeMap::new();
    for row in &feed {
        latest.insert(
            (row[4].clone(), row[5].clone()),
            (row[6].clone(), row[9].clone()),
        );
    }
    let latest: Vec<Row> = latest
        .into_iter()
        .filter(|(_, (op, _))| !matches!(op.as_deref(), Some("archive" | "forget")))
        .map(|((kind, id), (op, after))| vec![kind, id, op, after])
        .collect();
    assert_eq!(rows(lines[1]), latest);
    let columns = |row: &Row| vec![row[1].clone(), row[5].clone(), row[9].clone()];
    assert_eq!(rows(lines[2]), feed.iter().map(columns).collect::<Vec<_>>());
}
