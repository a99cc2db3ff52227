//! `cleverctl schema`: what is printed makes the tables of a store, and the views answer right.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::forgetting::Scene;
use crate::ground::{Emulator, cleverctl, errors};

fn printed(args: &[&str]) -> String {
    let output = cleverctl().arg("schema").args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What a SQLite file was made with, but for the table of versions.
fn made(db: &Connection) -> BTreeSet<String> {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> '_clever_versions'";
    let mut all = db.prepare(sql).unwrap();
    let rows = all.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_is_printed_makes_a_store_in_sqlite() {
    let emulator = Emulator::start(&["--students", "5"]);
    let store = crate::ground::Store::new();
    store.report(&emulator, 0);
    let fresh = Connection::open_in_memory().unwrap();
    fresh
        .execute_batch(&printed(&["--dialect", "sqlite"]))
        .unwrap();
    let found = made(&fresh);
    assert!(found.len() > 25);
    assert_eq!(found, made(&Connection::open(store.path()).unwrap()));
}

#[tokio::test]
async fn what_is_printed_makes_a_store_in_postgresql_and_says_what_it_holds() {
    let Some(scene) = Scene::postgres("schema").await else {
        return;
    };
    let columns = "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
         WHERE table_schema = 'SCHEMA' AND table_name <> '_clever_versions' ORDER BY 1";
    let fresh = printed(&["--dialect", "postgres"]);
    scene
        .execute(&format!(
            "CREATE SCHEMA fresh; SET search_path TO fresh; {fresh}"
        ))
        .await;
    let emulator = Emulator::start(&["--students", "5"]);
    scene.sync(&emulator, 0);
    let of = |schema: &str| columns.replace("SCHEMA", schema);
    let (fresh, store) = (
        scene.texts(&of("fresh")).await,
        scene.texts(&of("clever")).await,
    );
    assert!(fresh.len() > 150);
    assert_eq!(fresh, store);
    // Every table and view that others may read says what it holds, in each store.
    let silent =
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'clever' AND c.relkind IN ('r', 'v') AND c.relname NOT LIKE '\\_%'
         AND obj_description(c.oid) IS NULL";
    assert_eq!(scene.texts(silent).await, [""; 0]);
    let email = "SELECT col_description('clever.users'::regclass, attnum) FROM pg_attribute
         WHERE attrelid = 'clever.users'::regclass AND attname = 'email'";
    assert!(scene.texts(email).await[0].contains("no proof"));
}

async fn views(scene: &Scene) {
    let emulator = Emulator::start(&["--students", "40", "--seed", "3"]);
    scene.sync(&emulator, 0);
    let number = |texts: Vec<String>| texts[0].parse::<u64>().unwrap();
    let students = number(
        scene
            .texts("SELECT CAST(count(*) AS TEXT) FROM user_roles WHERE role = 'student'")
            .await,
    );
    let all = scene
        .texts("SELECT CAST(count(*) AS TEXT) FROM active_students")
        .await;
    assert_eq!(number(all), students);
    // Each date of birth is the one of the record, and is a date.
    let born = scene
        .texts("SELECT CAST(a.birth_date AS TEXT) || ' ' || u.record FROM active_students a JOIN users u ON u.district_id = a.district_id AND u.id = a.user_id")
        .await;
    assert_eq!(born.len() as u64, students);
    for one in born {
        let (date, record) = one.split_once(' ').unwrap();
        let record: Value = serde_json::from_str(record).unwrap();
        let said = record["roles"]["student"]["dob"].as_str().unwrap();
        let parts: Vec<&str> = said.split('/').collect();
        let wanted = match parts.as_slice() {
            [month, day, year] => format!("{year}-{month:0>2}-{day:0>2}"),
            _ => said[..10].to_owned(),
        };
        assert_eq!(date, wanted, "{said}");
    }
    for (view, role) in [
        ("section_students", "student"),
        ("teacher_sections", "teacher"),
    ] {
        let sql = format!("SELECT CAST(count(*) AS TEXT) FROM {view}");
        let places =
            format!("SELECT CAST(count(*) AS TEXT) FROM enrollments WHERE role = '{role}'");
        let (seen, places) = (scene.texts(&sql).await, scene.texts(&places).await);
        assert!(number(seen.clone()) > 0);
        assert_eq!(seen, places, "{view}");
        let dated = format!(
            "SELECT CAST(count(*) AS TEXT) FROM {view} WHERE term_start < term_end AND course_name IS NOT NULL"
        );
        assert_eq!(scene.texts(&dated).await, seen, "{view}");
    }
    let wrong = "SELECT section_id FROM teacher_sections t WHERE students <> (
         SELECT count(*) FROM section_students s WHERE s.section_id = t.section_id)";
    assert_eq!(scene.texts(wrong).await, [""; 0]);
    // A text that is no date is none, and no error.
    scene
        .execute("UPDATE terms SET start_date = '2026-02-30', end_date = '13/17/2026'")
        .await;
    let none = scene
        .texts("SELECT CAST(count(*) AS TEXT) FROM section_students WHERE term_start IS NOT NULL OR term_end IS NOT NULL")
        .await;
    assert_eq!(none, ["0"]);
}

#[tokio::test]
async fn the_views_answer_right_in_sqlite() {
    views(&Scene::sqlite()).await;
}

#[tokio::test]
async fn the_views_answer_right_in_postgresql() {
    if let Some(scene) = Scene::postgres("views").await {
        views(&scene).await;
    }
}

#[test]
fn the_document_of_the_tables_is_what_the_schema_says() {
    let all: Value = serde_json::from_str(&printed(&["--json"])).unwrap();
    let mut text = "# The tables of a roster store

For whoever queries them. This file is made from the schema: `cleverctl schema --json` has the same, and PostgreSQL keeps it as comments (`\\d+`).
Tables that begin with `_` are the sync's own. `cleverctl schema --dialect erd` draws them.

## Indices of your own

What the keys do not cover is yours to index, as your questions need it. An index is kept through every sync; name it after your app.

```sql
CREATE INDEX app_roles_by_school ON user_roles (district_id, school_id);  -- who is at a school
CREATE INDEX app_users_by_email ON users (district_id, email);             -- whose address is this
CREATE INDEX app_sections_by_school ON sections (district_id, school_id); -- the classes of a school
CREATE INDEX app_changes_by_time ON _changes (district_id, at);            -- what changed since, in the view changes
```

Each is a row more to write for every row that changes.
"
    .to_owned();
    for table in all["tables"].as_array().unwrap() {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let holds = word(&table["holds"]);
        assert!(!holds.is_empty(), "{} says nothing", table["name"]);
        let view = if table["is_view"] == true {
            " (view)"
        } else {
            ""
        };
        write!(
            text,
            "\n## `{}`{view}\n\n{holds}.\n\n| Column | Holds |\n|---|---|\n",
            word(&table["name"])
        )
        .unwrap();
        for column in table["columns"].as_array().unwrap() {
            writeln!(
                text,
                "| `{}` | {} |",
                word(&column["name"]),
                word(&column["holds"])
            )
            .unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables.md");
    if std::env::var_os("CLEVER_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == text,
        "docs/tables.md is not what the schema says: run this test with CLEVER_BLESS=1"
    );
    let diagram = printed(&["--dialect", "erd"]);
    assert!(
        diagram.starts_with("erDiagram\n")
            && diagram.contains("users ||--o{ enrollments : user_id")
    );
}
