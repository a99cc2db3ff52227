//! The database fails in the middle of a commit: at the n-th row that is written, for every n until the run
//! passes, by events, by a snapshot, with a plan and in an undo. Triggers of the test's own count the rows; over
//! PostgreSQL they end the connection, over SQLite they refuse the statement. If a run costs more, or writes what
//! another wrote, only some of the rows fail.

use std::fmt::Debug;

use clever_sync::{SyncReport, Way};
use tempfile::TempDir;

use super::invariants;
use super::kept::Kept;
use super::list::Case;

/// Tables that a commit writes.
const TABLES: [&str; 14] = [
    "districts",
    "schools",
    "terms",
    "courses",
    "users",
    "sections",
    "user_roles",
    "_user_schools",
    "_contacts",
    "_changes",
    "runs",
    "findings",
    "_districts",
    "_state",
];

/// Makes the triggers; nothing fails yet.
async fn arm(kept: &Kept) {
    match kept {
        Kept::Sqlite { .. } => {
            kept.edit("CREATE TABLE rows_written (n INTEGER, last INTEGER); INSERT INTO rows_written VALUES (0, -1);")
                .await;
            for table in TABLES.into_iter().chain(["_enrollments", "_people"]) {
                for what in ["INSERT", "UPDATE", "DELETE"] {
                    kept.edit(&format!(
                        "CREATE TRIGGER fail_{what}_{table} BEFORE {what} ON {table} BEGIN
                             UPDATE rows_written SET n = n + 1;
                             SELECT RAISE(ABORT, 'power') FROM rows_written WHERE n = last + 1 AND last >= 0;
                         END;"
                    ))
                    .await;
                }
            }
        }
        Kept::Postgres { .. } => {
            kept.edit(
                "CREATE TABLE rows_written (last BIGINT); INSERT INTO rows_written VALUES (-1);
                 CREATE SEQUENCE rows_seen MINVALUE 0 START 0;
                 CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
                     IF nextval('rows_seen') = (SELECT last FROM rows_written) THEN
                         PERFORM pg_terminate_backend(pg_backend_pid());
                         PERFORM pg_sleep(10);
                     END IF;
                     IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                     RETURN NEW;
                 END $$;",
            )
            .await;
            for table in TABLES.into_iter().chain(["_enrollments", "_people"]) {
                kept.edit(&format!(
                    "CREATE TRIGGER fail_{table} BEFORE INSERT OR UPDATE OR DELETE ON {table}
                     FOR EACH ROW EXECUTE FUNCTION fail()"
                ))
                .await;
            }
        }
    }
}

/// Lets the row of this number fail, counted from 0; none fails below 0.
async fn fail_at(kept: &Kept, row: i64) {
    kept.edit(&match kept {
        Kept::Sqlite { .. } => format!("UPDATE rows_written SET n = 0, last = {row}"),
        Kept::Postgres { .. } => {
            format!("UPDATE rows_written SET last = {row}; ALTER SEQUENCE rows_seen RESTART")
        }
    })
    .await;
}

/// Lets a run fail at each row, from the first on, until it passes.
async fn until_it_passes<E: Debug>(
    kept: &Kept,
    case: &Case<'_>,
    step: i64,
    run: impl AsyncFn() -> Result<SyncReport, E>,
) {
    let before = kept.all(&case.district).await;
    let mut row = 0;
    let report = loop {
        fail_at(kept, row).await;
        let ended = run().await;
        fail_at(kept, -1).await;
        match ended {
            Ok(report) => break report,
            Err(error) => assert!(format!("{error:?}").starts_with("Store("), "{error:?}"),
        }
        assert_eq!(kept.all(&case.district).await, before, "row {row}");
        row += step;
    };
    assert!(!report.is_unchanged());
    assert!(row > 30, "{row} rows");
}

async fn each_row(kept: &Kept, seed: u64, step: i64) {
    arm(kept).await;
    let case = Case::new(kept, seed, 8).await;
    let day = || {
        case.server.act(|emulator| drop(emulator.advance_days(1)));
    };
    // What is written is the same in all ways, so fewer rows of the others do.
    for (way, step) in [(Way::Auto, step), (Way::Snapshot, 4 * step + 1)] {
        day();
        until_it_passes(kept, &case, step, async || case.sync(way).await).await;
        assert!(case.sync(way).await.unwrap().is_unchanged());
    }
    day();
    let folder = TempDir::new().unwrap();
    let plan = folder.path().join("a.plan");
    let before = kept.look(&case.district).await;
    case.plan(&plan).await;
    let step = 4 * step + 1;
    until_it_passes(kept, &case, step, async || case.apply(&plan).await).await;
    let planned = kept.look(&case.district).await;
    until_it_passes(kept, &case, step, async || case.undo().await).await;
    let undone = kept.look(&case.district).await;
    invariants::the_undo_put_back(&planned, &undone, &before);
    let feed = kept.feed(&case.district, 0).await;
    invariants::the_feed_replays_to_the_tables(&feed, &undone);
}

#[tokio::test]
async fn a_failure_at_any_row_of_a_commit_changes_nothing_over_sqlite() {
    let folder = TempDir::new().unwrap();
    let kept = Kept::sqlite(folder.path().join("roster.db"));
    each_row(&kept, 980, 1).await;
}

#[tokio::test]
async fn a_connection_that_ends_at_a_row_of_a_commit_changes_nothing_over_postgresql() {
    if let Some(url) = crate::stores::database("rows").await {
        each_row(&Kept::postgres(&url).await, 981, 5).await;
    }
}
