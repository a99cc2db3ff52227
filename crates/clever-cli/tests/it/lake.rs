//! `changes --to-delta`: a build that has the lake appends, follows and keeps it; one that has not says so.

use crate::ground::{cleverctl, held};

#[cfg(not(feature = "lake"))]
#[test]
fn a_build_without_the_lake_says_how_to_have_it() {
    let output = cleverctl()
        .args(["changes", "--to-delta", "lake", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = held("error", &output.stdout);
    assert_eq!(error["error"]["code"], "not_built");
    let hint = error["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--features lake"), "{hint}");
    assert!(!std::path::Path::new("lake").exists());
}

#[cfg(feature = "lake")]
mod with {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
    use clever_lake::Lake;
    use serde_json::Value;

    use super::{cleverctl, held};
    use crate::ground::{Store, errors};

    /// A store of a district, and the folder of its lake.
    struct Scene {
        emulator: Emulator,
        store: Store,
        lake: String,
    }

    impl Scene {
        async fn new() -> Self {
            let config = EmulatorConfig {
                world: WorldSource::Generated {
                    seed: 71,
                    students: 60,
                },
                ..EmulatorConfig::default()
            };
            let emulator = clever_emulator::start(config).await.unwrap();
            let store = Store::new();
            let lake = store.path().with_file_name("lake").display().to_string();
            let scene = Self {
                emulator,
                store,
                lake,
            };
            scene.sync();
            scene
        }

        fn sync(&self) {
            let output = cleverctl()
                .args(["sync", "--quiet", "--store", &self.store.url()])
                .env("CLEVER_API_URL", self.emulator.base_url().as_str())
                .env("CLEVER_TOKEN", self.emulator.district_token())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", errors(&output));
        }

        fn changes(&self) -> u64 {
            let number = self.store.number("SELECT max(seq) FROM _changes");
            u64::try_from(number).unwrap()
        }

        fn append(&self, args: &[&str], exit: i32) -> Value {
            let output = cleverctl()
                .args(["changes", "--to-delta", &self.lake, "--json"])
                .args(["--store", &self.store.url()])
                .args(args)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
            match exit {
                0 => held("lake", &output.stdout),
                _ => held("error", &output.stdout),
            }
        }

        async fn position(&self) -> u64 {
            let lake = Lake::open(self.lake.as_ref()).await.unwrap();
            lake.position(&self.district()).await.unwrap()
        }

        fn district(&self) -> String {
            let connection = rusqlite::Connection::open(self.store.path()).unwrap();
            let sql = "SELECT district_id FROM runs LIMIT 1";
            connection.query_row(sql, [], |row| row.get(0)).unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_feed_is_appended_once_and_kept() {
        let scene = Scene::new().await;
        let all = scene.changes();
        let told = scene.append(&[], 0);
        let of = &told["districts"][&scene.district()];
        assert_eq!(
            (of["appended"].as_u64(), of["position"].as_u64()),
            (Some(all), Some(all))
        );
        assert_eq!(scene.position().await, all);
        let again = scene.append(&["--compact", "--vacuum", "7", "--erase"], 0);
        assert_eq!(again["districts"][&scene.district()]["appended"], 0);
        assert_eq!(
            (&again["compacted"], &again["deleted"], &again["erased"]),
            (&0.into(), &0.into(), &0.into())
        );
        // The lake is a reader that `prune` waits for, and `--district` names one.
        let seq = scene
            .store
            .number("SELECT seq FROM consumers WHERE consumer = 'lake'");
        assert_eq!(u64::try_from(seq).unwrap(), all);
        scene.append(&["--district", &scene.district()], 0);
        let unknown = scene.append(&["--district", "nobody"], 1);
        assert_eq!(unknown["error"]["code"], "not_found");
        let other = scene.append(&["--limit", "3"], 2);
        assert_eq!(other["error"]["code"], "usage");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_cannot_be_appended_is_refused_with_a_next_step() {
        let scene = Scene::new().await;
        scene.append(&[], 0);
        let other = Scene::new().await;
        let of_other = cleverctl()
            .args(["changes", "--to-delta", &scene.lake, "--json"])
            .args(["--store", &other.store.url()])
            .output()
            .unwrap();
        assert_eq!(of_other.status.code(), Some(1));
        let said = errors(&of_other);
        assert!(
            said.contains("read: docs/errors.md#lake_of_another_store"),
            "{said}"
        );
        let pruned = Scene::new().await;
        let connection = rusqlite::Connection::open(pruned.store.path()).unwrap();
        connection
            .execute("DELETE FROM _changes WHERE seq < 5", [])
            .unwrap();
        let refused = pruned.append(&["--district", &pruned.district()], 1);
        assert_eq!(refused["error"]["code"], "lake_gap");
        let hint = refused["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("--from-what-is-left"), "{hint}");
        let told = pruned.append(&["--from-what-is-left"], 0);
        let of = &told["districts"][&pruned.district()];
        assert_eq!(of["appended"].as_u64(), Some(pruned.changes() - 4));
        std::fs::write(pruned.store.path().with_file_name("note"), "x").unwrap();
        let folder = pruned.store.path().parent().unwrap().display().to_string();
        let output = cleverctl()
            .args([
                "changes",
                "--to-delta",
                &folder,
                "--store",
                &pruned.store.url(),
            ])
            .output()
            .unwrap();
        let said = errors(&output);
        assert!(said.contains("read: docs/errors.md#no_lake"), "{said}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_follows_appends_what_comes_and_ends_when_asked() {
        let scene = Scene::new().await;
        let mut following = cleverctl()
            .args([
                "changes",
                "--to-delta",
                &scene.lake,
                "--follow",
                "--poll",
                "1s",
            ])
            .args(["--store", &scene.store.url(), "--quiet"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let reached = async |wanted: u64| {
            while scene.position().await < wanted {
                assert!(Instant::now() < until, "it does not come");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        reached(scene.changes()).await;
        let first = scene.changes();
        scene.emulator.advance_days(1);
        scene.sync();
        assert!(scene.changes() > first);
        reached(scene.changes()).await;
        let id = following.id().to_string();
        let asked = std::process::Command::new("kill")
            .args(["-s", "TERM", &id])
            .status();
        assert!(asked.unwrap().success());
        assert!(following.wait().unwrap().success());
    }
}
