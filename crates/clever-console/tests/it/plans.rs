//! No page and no endpoint reads a large table as a whole, over either database: SQLite says which statements found no index, and
//! PostgreSQL counts the scans of each table.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use clever_console::{Role, new_token};
use clever_model::{Clock as _, SystemClock};
use clever_sql::{Backend as _, Database, Open};
use tracing_subscriber::fmt::MakeWriter;

use crate::accounts::question;
use crate::ground::{Ground, Visitor};

/// The tables that grow with people, with time or with deeds.
const LARGE: [&str; 21] = [
    "_changes",
    "_contacts",
    "_enrollments",
    "_people",
    "_state",
    "_user_schools",
    "audit",
    "courses",
    "provision_about",
    "provision_accounts",
    "provision_clues",
    "provision_known",
    "provision_ledger",
    "provision_links",
    "provision_reviews",
    "provision_touched",
    "runs",
    "sections",
    "user_roles",
    "users",
    "web_sessions",
];

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap();
        log.write_str(&String::from_utf8_lossy(bytes)).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Goes to every page, and asks the API for the same.
async fn visit(ground: &Ground) -> Visitor {
    let served = ground.console().await;
    let mut operator = served.visitor(Role::Operator).await;
    let made = new_token("plans", Role::Operator, None, SystemClock.now(), None).unwrap();
    let mut store = ground.store().await;
    assert!(store.add_token(&made.digest, &made.kept).await.unwrap());
    let d = format!("/districts/{}", ground.district);
    let user = ground.emulator.with_world(|world| {
        let mut users = world.list(clever_model::RecordKind::Users).iter();
        users.next().unwrap().0.to_string()
    });
    let mut places: Vec<String> = [
        "/",
        "/setup",
        "/schedule",
        "/health",
        "/audit",
        "/reviews",
        "/reviews/1",
        "/accounts",
        "/accounts/a1",
    ]
    .map(str::to_owned)
    .into();
    places.extend([
        d.clone(),
        format!("{d}/hold"),
        format!("{d}/runs/1"),
        format!("{d}/changes"),
        format!("{d}/changes?field=name.last&kind=users&op=create&run=1&before=100"),
        format!("{d}/changes/100"),
        format!("{d}/records/users/{user}"),
    ]);
    let review = operator.go("/reviews").await;
    let id = review
        .text
        .split("/reviews/")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let id = id.unwrap().to_owned();
    for place in places {
        let place = place.replace("/reviews/1", &format!("/reviews/{id}"));
        assert_eq!(operator.go(&place).await.status, 200, "{place}");
        // The pages that only show what others do have nothing of their own in the API.
        if ["/", "/setup", "/schedule", "/health"].contains(&place.as_str()) {
            continue;
        }
        let api = operator.http.get(format!("{}/api{place}", operator.place));
        let answer = api.bearer_auth(&made.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "/api{place}");
    }
    operator
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_finds_an_index_for_each_statement() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    question(&ground).await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("clever_sql=debug")
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    // What is read as a whole is said: else this test could not fail.
    let mut store = Database::open(&ground.roster, Open::Existing)
        .await
        .unwrap();
    let all = store.query("SELECT id FROM main.users WHERE id LIKE '%x%'", &[]);
    assert!(all.await.unwrap().is_empty());
    let said = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(said.contains("no index helped"), "{said}");
    let _ = visit(&ground).await;
    let said = log.0.lock().unwrap().clone();
    assert!(!said.contains("no index helped"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_scans_no_large_table() {
    let Some(ground) = Ground::each("plans").await.into_iter().nth(1) else {
        return;
    };
    let _ = ground.hold().await;
    question(&ground).await;
    let mut db = Database::open(&ground.roster, Open::Existing)
        .await
        .unwrap();
    by_number(&ground, &mut db).await;
    // In small tables a scan is cheap: with these off, whatever still scans has no index to use.
    let name = db
        .one("SELECT current_database()", &[])
        .await
        .unwrap()
        .text(0)
        .unwrap();
    db.batch(&format!("ALTER DATABASE {name} SET enable_seqscan = off"))
        .await
        .unwrap();
    db.batch("SELECT pg_stat_force_next_flush()").await.unwrap();
    let scans = "SELECT relname::text, sum(seq_scan)::bigint FROM pg_stat_user_tables GROUP BY 1";
    let mut read = async || {
        // Each connection tells its counts a second after its last statement, or when it ends.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        db.batch("SELECT pg_stat_force_next_flush()").await.unwrap();
        let rows = db.query(scans, &[]).await.unwrap();
        let rows = rows
            .into_iter()
            .map(|mut row| (row.text(0).unwrap(), row.int(1).unwrap()));
        rows.collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = read().await;
    let mut operator = visit(&ground).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    for place in ["/", "/accounts"] {
        assert_eq!(operator.go(place).await.status, 200);
    }
    let after = read().await;
    let scanned: Vec<_> = LARGE
        .iter()
        .filter(|table| after.get(**table) != before.get(**table))
        .collect();
    assert!(scanned.is_empty(), "scanned: {scanned:?}");
}

/// What followed a change is found by the numbers of its record's changes, also with a feed that is long: nothing goes through
/// the feed.
async fn by_number(ground: &Ground, db: &mut Database) {
    let long = "INSERT INTO main._changes (district_id, seq, run, kind, id, op, at)
        SELECT 'elsewhere', n, 1, 'users', 'u' || n, 'create', '2026-09-14T12:00:00Z' FROM generate_series(1, 20000) n";
    db.batch(long).await.unwrap();
    db.batch("ANALYZE main._changes, main._state, main._districts")
        .await
        .unwrap();
    for district in ["elsewhere", &ground.district] {
        let sql = format!(
            "EXPLAIN SELECT * FROM main.changes WHERE district_id = '{district}' AND seq = 7"
        );
        let rows = db.query(&sql, &[]).await.unwrap();
        let lines: Vec<String> = rows
            .into_iter()
            .map(|mut row| row.text(0).unwrap())
            .collect();
        let of_feed = lines.iter().enumerate();
        let of_feed: Vec<usize> = of_feed
            .filter(|(_, line)| line.contains(" on _changes "))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(of_feed.len(), 3, "{lines:#?}");
        for at in of_feed {
            let how = lines[at..].iter().find(|line| line.contains("Cond:"));
            assert!(lines[at].contains("Index Scan"), "{lines:#?}");
            assert!(
                how.is_some_and(|how| how.contains("Index Cond") && how.contains("seq =")),
                "{lines:#?}"
            );
        }
    }
    db.batch("DELETE FROM main._changes WHERE district_id = 'elsewhere'")
        .await
        .unwrap();
}
