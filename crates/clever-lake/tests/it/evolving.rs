//! Tables of other versions: a column that is new is added to an old table, a column of somebody else is kept.

use std::collections::HashMap;

use clever_lake::{Lake, TableError};
use deltalake::DeltaTableBuilder;
use deltalake::kernel::{DataType, StructField};
use url::Url;

use crate::ground::Ground;

fn columns(without: &[&str]) -> Vec<StructField> {
    let all = [
        ("district_id", DataType::STRING, false),
        ("seq", DataType::LONG, false),
        ("run", DataType::LONG, false),
        ("at", DataType::TIMESTAMP, false),
        ("kind", DataType::STRING, false),
        ("id", DataType::STRING, false),
        ("op", DataType::STRING, false),
        ("fields", DataType::STRING, true),
        ("before", DataType::STRING, true),
        ("after", DataType::STRING, true),
        ("event", DataType::STRING, true),
    ];
    let kept = all.into_iter().filter(|(name, ..)| !without.contains(name));
    kept.map(|(name, holds, nullable)| StructField::new(name, holds, nullable))
        .collect()
}

async fn make(ground: &Ground, columns: Vec<StructField>, by: &[&str]) {
    let folder = ground.path("lake");
    std::fs::create_dir(&folder).unwrap();
    let url = Url::from_directory_path(folder.canonicalize().unwrap()).unwrap();
    let place = DeltaTableBuilder::from_url(url).unwrap().build().unwrap();
    let made = place
        .create()
        .with_columns(columns)
        .with_partition_columns(by.to_vec());
    drop(made.await.unwrap());
}

#[tokio::test]
async fn a_table_of_an_earlier_version_gets_the_columns_that_are_new() {
    let ground = Ground::new(31, 40).await;
    ground.sync("roster.db").await;
    make(&ground, columns(&["event", "fields"]), &["district_id"]).await;
    ground.append("roster.db").await.unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
}

#[tokio::test]
async fn a_column_of_somebody_else_stays_and_is_empty_in_what_is_appended() {
    let ground = Ground::new(32, 40).await;
    ground.sync("roster.db").await;
    ground.append("roster.db").await.unwrap();
    // Another program adds a column, with a rule for it.
    let url = Url::from_directory_path(ground.path("lake").canonicalize().unwrap()).unwrap();
    let table = deltalake::open_table(url.clone()).await.unwrap();
    let theirs = StructField::new("looked_at", DataType::TIMESTAMP, true);
    drop(table.add_columns().with_fields([theirs]).await.unwrap());
    ground.live("roster.db", 2).await;
    ground.append("roster.db").await.unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
    let mut lake = ground.lake().await;
    clever_lake::compact(&mut lake, None, clever_lake::FILE_SIZE)
        .await
        .unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
    let table = deltalake::open_table(url).await.unwrap();
    assert!(
        table
            .snapshot()
            .unwrap()
            .schema()
            .field("looked_at")
            .is_some()
    );
}

#[tokio::test]
async fn a_table_of_something_else_is_refused() {
    let mut numbered = columns(&["seq"]);
    numbered.push(StructField::new("seq", DataType::STRING, false));
    let cases: HashMap<&str, (Vec<StructField>, Vec<&str>)> = HashMap::from([
        ("no column seq", (columns(&["seq"]), vec!["district_id"])),
        (
            "column seq holds something else",
            (numbered, vec!["district_id"]),
        ),
        ("not partitioned", (columns(&[]), vec![])),
    ]);
    for (why, (columns, by)) in cases {
        let ground = Ground::new(33, 10).await;
        make(&ground, columns, &by).await;
        let refused = Lake::open(&ground.path("lake")).await;
        let Err(TableError::NotALake(said)) = refused else {
            panic!("{why}: {refused:?}");
        };
        assert!(said.contains(why), "{said}");
    }
}
