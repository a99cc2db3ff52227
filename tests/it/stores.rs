//! One suite for all stores: the same history leaves the same roster and the same feed in each.
//!
//! PostgreSQL takes part where `CLEVER_TEST_POSTGRES` names a server, as `cargo xtask test` does.

use clever_emulator::World;
use clever_model::ManualClock;
use clever_model::RecordKind;
use clever_sync::store::{Base, Known as _, Store as _};
use clever_sync::{
    AnyStore, ChangeFilter, DatabaseError, Only, Open, Outcome, PostgresStore, StoreError,
    SyncError, SyncOptions, SyncPolicy, SyncReport, UndoRequest, Way, explain, sync, undo,
};
use serde_json::{Value, json};

use crate::audited::by_hand;
use crate::ground::Ground;

/// Makes an empty database in the server that `CLEVER_TEST_POSTGRES` names, maybe over TLS; says where none is named.
pub(crate) async fn database(name: &str) -> Option<String> {
    let Ok(address) = std::env::var("CLEVER_TEST_POSTGRES") else {
        eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
        return None;
    };
    let server = server(&address).await;
    let database = format!("{name}_{}", std::process::id());
    for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        let sql = format!("{sql} {database}");
        server.batch_execute(&sql).await.unwrap();
    }
    Some(at(&address, &database))
}

/// The address of another database of the same server.
fn at(url: &str, database: &str) -> String {
    let mut url: url::Url = url.parse().unwrap();
    url.set_path(database);
    url.to_string()
}

/// The database of an address.
pub(crate) fn name_of(url: &str) -> String {
    let url: url::Url = url.parse().unwrap();
    url.path().trim_start_matches('/').to_owned()
}

/// A connection of the tests' own, beside a store: in clear text, whatever the store's is, and with the store's tables in
/// sight.
pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let mut url: url::Url = url.parse().unwrap();
    url.set_query(Some("options=-csearch_path%3Dclever%2Cpublic"));
    if url.username() == "secure" {
        url.set_username("postgres").unwrap();
    }
    let (client, connection) = tokio_postgres::connect(url.as_str(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// Copies a database that nobody uses now; the copies of one are told apart by their numbers.
pub(crate) async fn copy(url: &str, number: u32) -> String {
    let name = name_of(url);
    let client = server(url).await;
    // Whoever left it may still be on the way out.
    let others = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    while client
        .query_one(&others, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        > 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let sql = format!("CREATE DATABASE {name}_{number} TEMPLATE {name}");
    client.batch_execute(&sql).await.unwrap();
    at(url, &format!("{name}_{number}"))
}

/// Throws a database away, whoever uses it.
pub(crate) async fn drop_database(url: &str) {
    let sql = format!("DROP DATABASE {} WITH (FORCE)", name_of(url));
    server(url).await.batch_execute(&sql).await.unwrap();
}

/// A connection to the server of a database, beside it.
pub(crate) async fn server(url: &str) -> tokio_postgres::Client {
    client(&at(url, "postgres")).await
}

/// The addresses of an empty store in each database.
pub(crate) async fn stores(ground: &Ground, name: &str) -> Vec<String> {
    let file = ground.folder().join(format!("{name}.db"));
    let mut all = vec![format!("sqlite:{}", file.display())];
    all.extend(database(name).await);
    all
}

/// One store in use, with a clock of its own.
struct Kept {
    store: AnyStore,
    url: String,
    clock: ManualClock,
}

impl Kept {
    async fn open(url: &str) -> Self {
        Self {
            store: AnyStore::open(&url.parse().unwrap(), Open::Create)
                .await
                .unwrap(),
            url: url.to_owned(),
            clock: ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap()),
        }
    }

    async fn sync(
        &mut self,
        ground: &Ground,
        options: &SyncOptions,
    ) -> Result<SyncReport, SyncError> {
        self.clock.advance_seconds(60);
        let policy = SyncPolicy::default();
        let report = sync(
            &ground.district,
            &mut self.store,
            &policy,
            options,
            &self.clock,
            &(),
        )
        .await;
        self.counts_are_told().await;
        report
    }

    /// What the store tells of how many records there are is what a count finds.
    async fn counts_are_told(&mut self) {
        let schema = self
            .url
            .split_once("schema=")
            .map_or_else(String::new, |(_, name)| format!("{name}."));
        let sql = format!(
            "SELECT kind, count(*) - sum(archived), sum(archived) FROM {schema}_state GROUP BY kind ORDER BY kind"
        );
        let counted = by_hand(&self.url, &sql).await;
        let status = self.store.status().await.unwrap();
        let told = status.iter().flat_map(|status| &status.records);
        let told = told.filter(|(_, active, archived)| active + archived > 0);
        let told: Vec<_> = told
            .map(|(kind, active, archived)| format!("{}|{active}|{archived}", *kind as i64))
            .collect();
        assert_eq!(told, counted);
    }

    /// All that the store tells, as one value.
    async fn told(&mut self) -> Value {
        let district = self.store.districts().await.unwrap().remove(0);
        let filter = ChangeFilter {
            limit: u32::MAX,
            ..ChangeFilter::default()
        };
        let changes = self.store.changes(&district, &filter).await.unwrap();
        assert!(changes.iter().zip(1..).all(|(change, at)| change.seq == at));
        let status = self.store.status().await.unwrap();
        let id = changes.last().map(|change| change.id.clone()).unwrap();
        let why = explain(&mut self.store, &district, &id).await.unwrap();
        json!({ "changes": changes, "status": status, "explained": why })
    }
}

fn leave_one_in_three(world: &mut World) {
    world.retain(RecordKind::Users, |at| at % 3 != 0);
}

#[tokio::test]
async fn the_same_history_leaves_the_same_in_each_store() {
    let ground = Ground::with_events(41, 120).await;
    ground.emulator.advance_days(1);
    let mut all = Vec::new();
    for url in stores(&ground, "history").await {
        all.push(Kept::open(&url).await);
    }
    let auto = SyncOptions::default();
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    for step in 0..6 {
        let mut reports = Vec::new();
        for kept in &mut all {
            let options = if step == 3 { &full } else { &auto };
            let report = kept.sync(&ground, options).await.unwrap();
            // A process of its own each time.
            kept.store = AnyStore::open(&kept.url.parse().unwrap(), Open::Existing)
                .await
                .unwrap();
            reports.push(serde_json::to_value(report).unwrap());
        }
        assert!(
            reports.windows(2).all(|two| two[0] == two[1]),
            "step {step}"
        );
        if step == 4 {
            ground.emulator.with_world(leave_one_in_three);
        } else {
            ground.emulator.advance_days(step + 1);
        }
    }
    let mut approved = Vec::new();
    for kept in &mut all {
        let held = kept.sync(&ground, &auto).await.unwrap();
        assert_eq!(held.outcome, Outcome::Held);
        let options = SyncOptions {
            approve: Some(held.plan_hash),
            ..SyncOptions::default()
        };
        let report = kept.sync(&ground, &options).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        let school = ground.emulator.with_world(|world| {
            world
                .list(RecordKind::Schools)
                .keys()
                .next()
                .unwrap()
                .to_string()
        });
        let request = UndoRequest {
            district_id: report.district_id.clone(),
            run: report.run.unwrap(),
            only: Some(Only::School(school)),
            dry_run: false,
        };
        let undone = undo(
            &mut kept.store,
            &request,
            &SyncPolicy::default(),
            &kept.clock,
            &(),
        )
        .await
        .unwrap();
        assert!(undone.kinds[&RecordKind::Users].restored > 5);
        kept.counts_are_told().await;
        approved.push(serde_json::to_value((report, undone)).unwrap());
    }
    assert!(approved.windows(2).all(|two| two[0] == two[1]));
    let mut told = Vec::new();
    for kept in &mut all {
        told.push(kept.told().await);
    }
    assert!(
        told.windows(2).all(|two| two[0] == two[1]),
        "the feeds are the same"
    );
}

#[tokio::test]
async fn of_two_syncs_of_one_district_the_second_to_write_is_refused() {
    let ground = Ground::new(42, 40).await;
    for url in stores(&ground, "twosyncs").await {
        let (mut one, mut two) = (Kept::open(&url).await, Kept::open(&url).await);
        drop(one.sync(&ground, &SyncOptions::default()).await.unwrap());
        ground.emulator.advance_days(1);
        let options = SyncOptions::default();
        let (first, second) =
            tokio::join!(one.sync(&ground, &options), two.sync(&ground, &options));
        let refused = [&first, &second]
            .iter()
            .filter(|result| {
                matches!(
                    result,
                    Err(SyncError::Store(
                        StoreError::Moved | StoreError::Database(DatabaseError::Locked)
                    ))
                )
            })
            .count();
        assert!(refused <= 1, "{first:?} {second:?}");
        let done = [first, second].into_iter().flatten().count();
        assert_eq!(done + refused, 2);
        let again = one.sync(&ground, &options).await.unwrap();
        assert!(again.is_unchanged());
        drop(one.told().await);
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_made_only_when_asked_for() {
    let ground = Ground::new(43, 5).await;
    for url in stores(&ground, "missing").await {
        let missing = AnyStore::open(&url.parse().unwrap(), Open::Existing).await;
        assert!(
            matches!(
                missing,
                Err(StoreError::Database(DatabaseError::Missing { .. }))
            ),
            "{missing:?}"
        );
        drop(
            AnyStore::open(&url.parse().unwrap(), Open::Create)
                .await
                .unwrap(),
        );
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap();
        assert_eq!(store.districts().await.unwrap(), Vec::<String>::new());
        let district = clever_model::DistrictId::new("d").unwrap();
        let run = store.begin(&district).await.unwrap();
        assert_eq!(*run.base(), Base::default());
    }
}

/// What another client of the connection sees: its settings, locks, temporary tables and prepared statements. The settings of the
/// server's library for triggers are there as soon as one has run, and are the server's own.
async fn traces(client: &tokio_postgres::Client) -> String {
    let sql = "SELECT
        (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE 'plpgsql.%'),
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())::text,
        (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r')::text,
        (SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%clever%')::text,
        current_setting('search_path')";
    let row = client.query_one(sql, &[]).await.unwrap();
    let cells: Vec<String> = (0..5).map(|at| row.get(at)).collect();
    cells.join(" | ")
}

/// The indices that a load into empty tables makes at its end, by their names.
async fn late(beside: &tokio_postgres::Client) -> Vec<u32> {
    let sql = "SELECT oid FROM pg_class
         WHERE relname IN ('_contacts_by_student', '_enrollments_by_person') ORDER BY relname";
    let rows = beside.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_load_makes_two_indices_at_its_end_unless_somebody_reads_and_a_run_makes_those_that_are_missing()
 {
    let ground = Ground::with_events(45, 700).await;
    for somebody_reads in [false, true] {
        let Some(url) = database(&format!("late_{somebody_reads}")).await else {
            return;
        };
        let mut kept = Kept::open(&url).await;
        let (beside, reader) = (client(&url).await, client(&url).await);
        let before = late(&beside).await;
        assert_eq!(before.len(), 2);
        if somebody_reads {
            let sql = "BEGIN; SELECT 1 FROM _enrollments, _contacts";
            reader.batch_execute(sql).await.unwrap();
        }
        drop(kept.sync(&ground, &SyncOptions::default()).await.unwrap());
        let after = late(&beside).await;
        assert_eq!(after.len(), 2);
        let stayed = before
            .iter()
            .zip(&after)
            .all(|(before, after)| before == after);
        assert_eq!(stayed, somebody_reads);
        if somebody_reads {
            reader.batch_execute("COMMIT").await.unwrap();
        }
        // As a load leaves them that is killed.
        let sql = "DROP INDEX _enrollments_by_person; DROP INDEX _contacts_by_student";
        beside.batch_execute(sql).await.unwrap();
        drop(kept.sync(&ground, &SyncOptions::default()).await.unwrap());
        assert_eq!(late(&beside).await.len(), 2);
        drop(kept);
        drop_database(&url).await;
    }
}

#[tokio::test]
async fn field_15_a_database_with_its_own_users_changes_and_runs_syncs() {
    let ground = Ground::with_events(44, 60).await;
    ground.emulator.advance_days(1);
    let Some(url) = database("beside").await else {
        return;
    };
    // All names of ours, also the sync's own and those of a staging area, are the app's.
    let app = client(&url).await;
    let theirs = "users, changes, runs, schools, sections, _state, _districts, contacts, staged, staged_walk";
    for table in theirs.split(", ") {
        let sql = format!(
            "CREATE TABLE public.{table} (name TEXT); INSERT INTO public.{table} VALUES ('theirs')"
        );
        app.batch_execute(&sql).await.unwrap();
    }
    let mut kept = Kept::open(&url).await;
    drop(kept.sync(&ground, &SyncOptions::default()).await.unwrap());
    ground.emulator.advance_days(1);
    let second = kept.sync(&ground, &SyncOptions::default()).await.unwrap();
    assert!(second.run == Some(2) && !second.is_unchanged());
    drop(kept.told().await);
    for table in theirs.split(", ") {
        let sql = format!("SELECT string_agg(name, ',') FROM public.{table}");
        let row = app.query_one(&sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "theirs", "{table}");
    }
    let sql = "SELECT string_agg(nspname::text, ',' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information)'";
    let row = app.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "clever,public");
    // Another roster beside it, in a schema of its own.
    let mark = if url.contains('?') { '&' } else { '?' };
    let mut other = Kept::open(&format!("{url}{mark}schema=other")).await;
    drop(other.sync(&ground, &SyncOptions::default()).await.unwrap());
    let sql = "SELECT (SELECT count(*) FROM clever.users WHERE archived_at IS NULL), (SELECT count(*) FROM other.users)";
    let row = app.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1));
    // In the app's own schema nothing is made.
    let clash = format!("{url}{mark}schema=public").parse().unwrap();
    let taken = AnyStore::open(&clash, Open::Create).await.unwrap_err();
    assert!(
        matches!(&taken, StoreError::Database(DatabaseError::Taken { .. })),
        "{taken:?}"
    );
    assert!(taken.to_string().contains("`public`"), "{taken}");
}

#[tokio::test]
async fn a_connection_of_the_apps_own_syncs_and_is_given_back_as_it_was() {
    let ground = Ground::with_events(45, 60).await;
    ground.emulator.advance_days(1);
    let Some(url) = database("lent").await else {
        return;
    };
    let connection = std::sync::Arc::new(client(&url).await);
    let set = "SET lock_timeout = '7s'; SET jit = on; SET search_path TO public";
    connection.batch_execute(set).await.unwrap();
    let before = traces(&connection).await;
    // As it ends, as it is dropped in the middle, and with a staging area that another connection has.
    for step in 0..4 {
        let lent = std::sync::Arc::clone(&connection);
        let mut store = PostgresStore::over(lent, "roster").await.unwrap();
        let district = clever_model::DistrictId::new("d").unwrap();
        let mut other = None;
        if step == 3 {
            let lent = std::sync::Arc::new(client(&url).await);
            let mut first = PostgresStore::over(lent, "roster").await.unwrap();
            // A run that never comes to its end.
            std::mem::forget(first.begin(&district).await.unwrap());
            other = Some(first);
        }
        if step % 2 == 1 {
            std::mem::forget(store.begin(&district).await.unwrap());
            assert_ne!(traces(&connection).await, before);
        } else {
            let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
            let (policy, options) = (SyncPolicy::default(), SyncOptions::default());
            let report = sync(&ground.district, &mut store, &policy, &options, &clock, &());
            assert!(report.await.unwrap().run.is_some());
        }
        drop(store);
        assert_eq!(traces(&connection).await, before, "step {step}");
        drop(other);
        ground.emulator.advance_days(1);
    }
}
