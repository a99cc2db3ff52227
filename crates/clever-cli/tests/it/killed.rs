//! `kill -9` of the real binary at any moment, over both stores: the store is the old one or the new one, and
//! the next run is right. And of the database's server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::RecordKind;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::ground::cleverctl;
use crate::server::Server;

/// How often each store is killed; `CLEVER_KILLS` asks for another number.
fn kills(usual: u32) -> u32 {
    std::env::var("CLEVER_KILLS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(usual)
}

async fn client(url: &str) -> Client {
    // With the store's tables in sight.
    let url = format!("{url}?options=-csearch_path%3Dclever%2Cpublic");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A district that many runs may read, and that is followed without questions.
pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    folder: TempDir,
}

impl Scene {
    pub(crate) async fn new(seed: u64, students: u32) -> Self {
        let config = EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            events: true,
            rate_limit: 1_000_000,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        emulator.advance_days(1);
        let folder = TempDir::new().unwrap();
        let policy =
            "max_archived_percent = 100\nmax_updated_percent = 100\nmax_unenrolled_percent = 100\n";
        fs::write(folder.path().join("policy.toml"), policy).unwrap();
        Self { emulator, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary, to be started.
    pub(crate) fn command(&self, args: &[&str], store: &str) -> Command {
        let mut command = cleverctl();
        command
            .args(args)
            .args(["--store", store])
            .env("CLEVER_API_URL", self.emulator.base_url().as_str())
            .env("CLEVER_TOKEN", self.emulator.district_token())
            .env("CLEVER_POLICY", self.path("policy.toml"))
            .env("NO_COLOR", "1");
        command
    }

    /// Starts it.
    fn start(&self, args: &[&str], store: &str) -> Child {
        self.command(args, store)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str], store: &str) -> Duration {
        let started = Instant::now();
        let status = self.start(args, store).wait().unwrap();
        assert!(status.success(), "{args:?}: {status}");
        started.elapsed()
    }

    /// Runs it and ends it after so long, with a signal; says whether it was still running.
    fn end(&self, args: &[&str], store: &str, after: Duration, signal: &str) -> bool {
        let mut process = self.start(args, store);
        std::thread::sleep(after);
        let running = process.try_wait().unwrap().is_none();
        if running {
            let id = process.id().to_string();
            let killed = Command::new("kill").args(["-s", signal, &id]).status();
            assert!(killed.unwrap().success() || process.try_wait().unwrap().is_some());
        }
        process.wait().unwrap();
        running
    }

    pub(crate) fn ids(&self, kind: RecordKind) -> BTreeSet<String> {
        self.emulator.with_world(|world| {
            let list = world.list(kind);
            list.iter().map(|(id, _)| id.to_string()).collect()
        })
    }
}

pub(crate) const FULL: &[&str] = &["sync", "--full", "--quiet"];
pub(crate) const AUTO: &[&str] = &["sync", "--quiet"];

/// Where a store is.
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgres { server: String, name: String },
}

/// What a store says: everything that a torn write would show in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) runs: i64,
    pub(crate) seq: i64,
    /// Active rows by kind, what the feed makes of it, and the places in sections.
    counts: Vec<i64>,
    pub(crate) users: BTreeSet<String>,
    pub(crate) sections: BTreeSet<String>,
}

impl Look {
    /// A store into which nothing was written.
    fn empty() -> Self {
        Self {
            runs: 0,
            seq: 0,
            counts: vec![0; 1 + RecordKind::ROSTER.len()],
            users: BTreeSet::new(),
            sections: BTreeSet::new(),
        }
    }
}

impl Store {
    fn sqlite(scene: &Scene, name: &str) -> Self {
        Self::Sqlite(scene.path(name))
    }

    /// An empty database; none where no server is named.
    pub(crate) async fn postgres(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") else {
            eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
            return None;
        };
        Some(Self::database(server, format!("{name}_{}", std::process::id())).await)
    }

    pub(crate) async fn database(server: String, name: String) -> Self {
        let client = client(&server).await;
        for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            client
                .batch_execute(&format!("{sql} {name}"))
                .await
                .unwrap();
        }
        Self::Postgres { server, name }
    }

    /// An empty database whose tables lie in a folder.
    pub(crate) async fn in_tablespace(server: String, name: &str, folder: &Path) -> Self {
        let client = client(&server).await;
        let place = format!("CREATE TABLESPACE small LOCATION '{}'", folder.display());
        client.batch_execute(&place).await.unwrap();
        let sql = format!("CREATE DATABASE {name} TABLESPACE small");
        client.batch_execute(&sql).await.unwrap();
        Self::Postgres {
            server,
            name: name.to_owned(),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres { server, name } => {
                format!("{}/{name}", server.rsplit_once('/').unwrap().0)
            }
        }
    }

    /// Copies the store as it is now, or back.
    async fn copy(&self, back: bool) {
        match self {
            Self::Sqlite(path) => {
                let kept = path.with_extension("kept");
                for beside in ["-wal", "-shm"] {
                    drop(fs::remove_file(format!("{}{beside}", path.display())));
                }
                let (from, to) = if back { (&kept, path) } else { (path, &kept) };
                fs::copy(from, to).unwrap();
            }
            Self::Postgres { server, name } => {
                let kept = format!("{name}_kept");
                let (from, to) = if back { (&kept, name) } else { (name, &kept) };
                let client = client(server).await;
                let drop = format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)");
                client.batch_execute(&drop).await.unwrap();
                let sql = format!("CREATE DATABASE {to} TEMPLATE {from}");
                client.batch_execute(&sql).await.unwrap();
            }
        }
    }

    pub(crate) async fn rows(&self, questions: &[String]) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let whole: String = connection
                    .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(whole, "ok");
                let read = |sql: &String| -> rusqlite::Result<Vec<String>> {
                    let mut statement = connection.prepare(sql)?;
                    let rows = statement.query_map([], |row| row.get(0))?;
                    rows.collect()
                };
                questions
                    .iter()
                    .map(|sql| read(sql).unwrap_or_default())
                    .collect()
            }
            Self::Postgres { .. } => {
                let client = client(&self.url()).await;
                // What a dead client has sent is still done: wait until nobody else is there.
                let alone = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
                while client.query_one(alone, &[]).await.unwrap().get::<_, i64>(0) > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let mut all = Vec::new();
                for sql in questions {
                    let rows = client.query(sql, &[]).await.unwrap_or_default();
                    all.push(rows.iter().map(|row| row.get(0)).collect());
                }
                all
            }
        }
    }

    /// Looks at the store, and checks that it is whole: the feed has no gap and adds up to the rows, every entry
    /// belongs to a run that is there, and the last run's own numbers are those of the tables.
    pub(crate) async fn look(&self) -> Look {
        let text = |what: &str| format!("SELECT CAST({what} AS TEXT)");
        let mut questions = vec![
            format!("{} FROM runs", text("count(*)")),
            format!("{} FROM changes", text("coalesce(max(seq), 0)")),
            format!("{} FROM changes", text("count(*)")),
            format!(
                "{} FROM changes WHERE run NOT IN (SELECT run FROM runs)",
                text("count(*)")
            ),
            format!("{} FROM enrollments", text("count(*)")),
            "SELECT id FROM users WHERE archived_at IS NULL ORDER BY id".to_owned(),
            "SELECT id FROM sections WHERE archived_at IS NULL ORDER BY id".to_owned(),
            "SELECT report FROM runs ORDER BY run DESC LIMIT 1".to_owned(),
        ];
        for kind in RecordKind::ROSTER {
            questions.push(format!(
                "{} FROM {kind} WHERE archived_at IS NULL",
                text("count(*)")
            ));
            questions.push(format!(
                "{} FROM changes WHERE kind = '{kind}'",
                text("coalesce(sum(CASE op WHEN 'create' THEN 1 WHEN 'restore' THEN 1 WHEN 'archive' THEN -1 ELSE 0 END), 0)")
            ));
        }
        let rows = self.rows(&questions).await;
        let number = |at: usize| -> i64 {
            let first: Option<&String> = rows[at].first();
            first.map_or(0, |number| number.parse().unwrap())
        };
        assert_eq!(number(1), number(2), "the feed has no gap");
        assert_eq!(number(3), 0, "every entry has its run");
        let mut counts = vec![number(4)];
        let report: Value = rows[7]
            .first()
            .map_or(Value::Null, |report| serde_json::from_str(report).unwrap());
        for (kind, at) in RecordKind::ROSTER.iter().zip((8..).step_by(2)) {
            assert_eq!(number(at), number(at + 1), "the feed adds up to the {kind}");
            if number(0) > 0 {
                let told = &report["kinds"][kind.as_str()]["total"];
                assert_eq!(*told, number(at), "the last run's own number of {kind}");
            }
            counts.push(number(at));
        }
        Look {
            runs: number(0),
            seq: number(1),
            counts,
            users: rows[5].iter().cloned().collect(),
            sections: rows[6].iter().cloned().collect(),
        }
    }
}

/// A store that was killed in a run: the old one, or the new one with exactly one run more.
fn old_or_new(old: &Look, left: &Look) {
    if left.runs == old.runs {
        assert_eq!(left, old, "a run that did not end wrote something");
    } else {
        assert_eq!(left.runs, old.runs + 1);
    }
}

/// Kills syncs at random moments: reading all, reading events, loading for the first time.
async fn survive(store: Store, scene: &Scene, fresh: impl AsyncFn(u32) -> Store, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let url = store.url();
    let first = scene.run(FULL, &url);
    let mut usual = scene.run(FULL, &url);
    let (mut cut, mut written) = (0, 0);
    let all = kills(200);
    for number in 0..all {
        if number % 8 == 7 {
            // The first load of another store.
            let new = fresh(number).await;
            let after = first.mul_f64(random.f64());
            cut += u32::from(scene.end(FULL, &new.url(), after, "KILL"));
            let left = new.look().await;
            old_or_new(&Look::empty(), &left);
            scene.run(FULL, &new.url());
            assert_eq!(new.look().await.users, scene.ids(RecordKind::Users));
            continue;
        }
        let old = store.look().await;
        let args = if number % 2 == 0 { FULL } else { AUTO };
        cut += u32::from(scene.end(args, &url, usual.mul_f64(random.f64() * 1.1), "KILL"));
        let left = store.look().await;
        old_or_new(&old, &left);
        if left.runs > old.runs || number % 5 == 4 {
            // It was whole: nothing is left to do, or now it is done; then another day passes.
            written += u32::from(left.seq > old.seq);
            usual = scene.run(args, &url).max(usual / 2);
            let right = store.look().await;
            assert_eq!(right.users, scene.ids(RecordKind::Users));
            assert_eq!(right.sections, scene.ids(RecordKind::Sections));
            if left.runs > old.runs {
                assert_eq!(right.seq, left.seq, "the killed run had done all");
            }
            scene.emulator.advance_days(1);
        }
    }
    eprintln!("{all} kills, {cut} before the end, {written} after the commit");
    assert!(
        cut > all / 4,
        "only {cut} of {all} were killed before their end"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_200_times_over_sqlite() {
    let scene = Scene::new(51, 40).await;
    let store = Store::sqlite(&scene, "roster.db");
    let fresh = async |number| Store::sqlite(&scene, &format!("fresh-{number}.db"));
    survive(store, &scene, fresh, 51).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_200_times_over_postgresql() {
    let scene = Scene::new(52, 40).await;
    let Some(store) = Store::postgres("killed").await else {
        return;
    };
    let fresh = async |_| Store::postgres("killed_first").await.unwrap();
    survive(store, &scene, fresh, 52).await;
}

/// Kills an undo, and a plan being applied, again and again from the same store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_undo_and_a_killed_plan_leave_the_old_store_or_the_new_one() {
    let scene = Scene::new(53, 40).await;
    let mut stores = vec![Store::sqlite(&scene, "roster.db")];
    stores.extend(Store::postgres("killed_undo").await);
    for store in &stores {
        scene.run(FULL, &store.url());
    }
    scene.emulator.advance_days(2);
    let mut random = fastrand::Rng::with_seed(53);
    for store in stores {
        let url = store.url();
        let plan = scene.path("day.plan").display().to_string();
        scene.run(
            &["sync", "--full", "--quiet", "--dry-run", "--plan", &plan],
            &url,
        );
        for args in [&["plan", "apply", &plan][..], &["undo", "2"]] {
            let old = store.look().await;
            store.copy(false).await;
            let usual = scene.run(args, &url);
            let new = store.look().await;
            assert!(new.seq > old.seq);
            for _ in 0..kills(200) / 10 {
                store.copy(true).await;
                scene.end(args, &url, usual.mul_f64(random.f64()), "KILL");
                let left = store.look().await;
                assert!(left == old || left == new, "{left:?}");
            }
            store.copy(true).await;
            scene.run(args, &url);
            assert_eq!(store.look().await, new);
        }
    }
}

/// Whoever ends a run by Ctrl-C or SIGTERM finds a whole store, and the next run is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_leaves_the_old_store_or_the_new_one() {
    let scene = Scene::new(54, 40).await;
    let store = Store::sqlite(&scene, "roster.db");
    let url = store.url();
    let usual = scene.run(FULL, &url);
    let mut random = fastrand::Rng::with_seed(54);
    let every: &[&str] = &["sync", "--quiet", "--every", "1h"];
    let cases = [
        (FULL, "INT"),
        (AUTO, "TERM"),
        (every, "INT"),
        (every, "TERM"),
    ];
    for (args, signal) in cases {
        for _ in 0..kills(200) / 20 {
            scene.emulator.advance_days(1);
            let old = store.look().await;
            scene.end(args, &url, usual.mul_f64(random.f64()), signal);
            old_or_new(&old, &store.look().await);
            scene.run(AUTO, &url);
            assert_eq!(store.look().await.users, scene.ids(RecordKind::Users));
        }
    }
}

/// The database's server is killed in the middle of runs, and started again: the store is the old one or the
/// new one, and the next run is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_the_old_store_or_the_new_one() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let scene = Scene::new(55, 60).await;
    let store = Store::database(server.url(), "roster".to_owned()).await;
    let url = store.url();
    scene.run(FULL, &url);
    scene.emulator.advance_days(1);
    let usual = scene.run(FULL, &url);
    let mut random = fastrand::Rng::with_seed(55);
    for _ in 0..kills(200) / 20 {
        scene.emulator.advance_days(1);
        let old = store.look().await;
        let mut process = scene.start(FULL, &url);
        std::thread::sleep(usual.mul_f64(0.3 + 0.7 * random.f64()));
        server.kill();
        process.wait().unwrap();
        server.start_again();
        old_or_new(&old, &store.look().await);
        scene.run(FULL, &url);
        assert_eq!(store.look().await.users, scene.ids(RecordKind::Users));
    }
}
