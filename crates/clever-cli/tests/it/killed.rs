//! `kill -9` of the real binary at any moment, over both stores: the store is the old one or the new one, and
//! the next run is right.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clever_emulator::{EmulatorConfig, WorldSource};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::ground::cleverctl;

/// How often each store is killed; `CLEVER_KILLS` asks for more.
fn kills() -> u32 {
    std::env::var("CLEVER_KILLS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(25)
}

/// Runs a sync; `stop` kills it after so long. Says whether it came to its end.
fn sync(url: &str, api: &str, token: &str, stop: Option<Duration>) -> bool {
    let mut process = cleverctl()
        .args([
            "sync",
            "--full",
            "--quiet",
            "--store",
            url,
            "--api-url",
            api,
        ])
        .env("CLEVER_TOKEN", token)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if let Some(after) = stop {
        std::thread::sleep(after);
        drop(process.kill());
    }
    process.wait().unwrap().success()
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A store that is set back, asked and killed.
enum Victim {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
}

impl Victim {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("roster.db").display()),
            Self::Postgres { server, name } => {
                format!("{}/{name}", server.rsplit_once('/').unwrap().0)
            }
        }
    }

    /// Keeps the store as it is now.
    async fn keep(&self) {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("roster.db");
                fs::copy(&path, path.with_extension("kept")).unwrap();
            }
            Self::Postgres { server, name } => {
                let client = client(server).await;
                let sql = format!("CREATE DATABASE {name}_kept TEMPLATE {name}");
                client.batch_execute(&sql).await.unwrap();
            }
        }
    }

    /// Sets the store back to what was kept.
    async fn set_back(&self) {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("roster.db");
                for beside in ["db-wal", "db-shm"] {
                    drop(fs::remove_file(path.with_extension(beside)));
                }
                fs::copy(path.with_extension("kept"), &path).unwrap();
            }
            Self::Postgres { server, name } => {
                let client = client(server).await;
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                client.batch_execute(&drop).await.unwrap();
                let sql = format!("CREATE DATABASE {name} TEMPLATE {name}_kept");
                client.batch_execute(&sql).await.unwrap();
            }
        }
    }

    /// Runs, changes, the last sequence number, and active users.
    async fn look(&self) -> Vec<i64> {
        let questions = [
            "SELECT count(*) FROM runs",
            "SELECT count(*) FROM changes",
            "SELECT max(seq) FROM changes",
            "SELECT count(*) FROM users WHERE archived_at IS NULL",
            "SELECT count(*) FROM enrollments",
        ];
        match self {
            Self::Sqlite(folder) => {
                let connection =
                    rusqlite::Connection::open(folder.path().join("roster.db")).unwrap();
                let whole: String = connection
                    .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(whole, "ok");
                questions
                    .iter()
                    .map(|sql| connection.query_row(sql, [], |row| row.get(0)).unwrap())
                    .collect()
            }
            Self::Postgres { .. } => {
                let client = client(&self.url()).await;
                let mut all = Vec::new();
                for sql in questions {
                    all.push(client.query_one(sql, &[]).await.unwrap().get(0));
                }
                all
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sync_leaves_the_old_store_or_the_new_one() {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 51,
            students: 150,
        },
        // Each of many runs reads every list.
        rate_limit: 1_000_000,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let (api, token) = (
        emulator.base_url().to_string(),
        emulator.district_token().to_owned(),
    );
    let mut victims = vec![Victim::Sqlite(TempDir::new().unwrap())];
    if let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") {
        let name = format!("killed_{}", std::process::id());
        let sql = format!("CREATE DATABASE {name}");
        client(&server).await.batch_execute(&sql).await.unwrap();
        victims.push(Victim::Postgres { server, name });
    }
    for victim in &victims {
        assert!(sync(&victim.url(), &api, &token, None));
    }
    emulator.advance_days(3);
    let mut random = fastrand::Rng::with_seed(51);
    for victim in &victims {
        let old = victim.look().await;
        victim.keep().await;
        let started = Instant::now();
        assert!(sync(&victim.url(), &api, &token, None));
        let usual = started.elapsed();
        let new = victim.look().await;
        assert!(new[1] > old[1]);
        let mut cut = 0;
        for _ in 0..kills() {
            victim.set_back().await;
            let after = usual.mul_f64(random.f64());
            cut += u32::from(!sync(&victim.url(), &api, &token, Some(after)));
            let left = victim.look().await;
            assert!(
                left == old || left == new,
                "{left:?} is neither {old:?} nor {new:?}"
            );
            assert!(sync(&victim.url(), &api, &token, None));
            let after = victim.look().await;
            assert_eq!(after[1..], new[1..]);
        }
        assert!(cut > kills() / 4, "only {cut} were killed before their end");
    }
}
