//! A fleet: an engine, an emulator of many districts, a store, and workers that come and go.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use clever_emulator::EmulatorConfig;
use clever_model::RecordKind;
use futures_util::StreamExt as _;
use serde_json::Value;
use url::Url;

use super::engine::Engine;
use crate::all_districts::Many;
use crate::ground::{errors, held};
use crate::killed::Store;
use crate::moving::directory;

/// After this time without a sign of life a run is given to another worker.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(4);

/// What a test stands on.
pub(crate) struct Fleet {
    pub(crate) engine: Engine,
    pub(crate) many: Many,
    pub(crate) store: Store,
    /// A file that names several stores, if there are several.
    pub(crate) settings: Option<PathBuf>,
    /// The addresses of these.
    over: Option<[String; 2]>,
    /// How many workers were started.
    started: u32,
}

/// A process that takes work; it ends with the value.
pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.0.wait().unwrap().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Fleet {
    /// Starts an engine and an emulator, with a store in a file; none where there is no engine.
    pub(crate) async fn start(districts: u64) -> Option<Self> {
        Self::slow(districts, Duration::ZERO).await
    }

    /// The same, with a Clever that takes so long for each answer.
    pub(crate) async fn slow(districts: u64, latency: Duration) -> Option<Self> {
        let engine = Engine::start()?;
        let config = EmulatorConfig {
            latency,
            rate_limit: 1_000_000,
            ..EmulatorConfig::default()
        };
        let many = Many::of(districts, config).await;
        let store = Store::Sqlite(many.folder.path().join("fleet.db"));
        Some(Self {
            engine,
            many,
            store,
            settings: None,
            over: None,
            started: 0,
        })
    }

    /// The binary with everything that it must know.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.many.command(args);
        command
            .env("CLEVER_STORE", self.store.url())
            .env("CLEVER_API_URL", self.many.emulator.base_url().as_str())
            .env("TEMPORAL_ADDRESS", self.engine.address())
            .env("TEMPORAL_CONFIG_FILE", "/dev/null")
            .env("NO_COLOR", "1");
        if let Some(file) = &self.settings {
            command.env_remove("CLEVER_STORE");
            command.env("CLEVER_SETTINGS", file);
        }
        command
    }

    /// Runs `cleverctl fleet` to its end.
    pub(crate) fn fleet(&self, args: &[&str]) -> Output {
        let mut command = self.command(&["fleet"]);
        command.args(args).output().unwrap()
    }

    /// The same with `--json`, which must end with this code; gives what it printed.
    fn json(&self, args: &[&str], exit: i32) -> Vec<u8> {
        let output = self.fleet(&[args, &["--json"]].concat());
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        output.stdout
    }

    /// Asks for a run of every district, so many at once, and waits for their ends; gives for each how long that took, and how many
    /// records it changed.
    pub(crate) async fn round(&self, at_once: usize) -> Vec<(Duration, u64)> {
        let address = self.engine.address();
        let engine = clever_fleet::connect(Some(&address), None, "clever-fleet", "test").await;
        let engine = engine.unwrap();
        let runs = self.many.ids().into_iter().map(|district| {
            let engine = engine.clone();
            async move {
                let begun = Instant::now();
                loop {
                    match engine.run(&district, true).await {
                        Ok(clever_fleet::Asked::Started(Some(synced))) => {
                            return (begun.elapsed(), synced.changed);
                        }
                        // A busy engine breaks a question off, which may have started a run all the same.
                        other if begun.elapsed() > Duration::from_secs(300) => {
                            panic!("{district}: {other:?}")
                        }
                        _ => tokio::time::sleep(Duration::from_secs(1)).await,
                    }
                }
            }
        });
        futures_util::stream::iter(runs)
            .buffer_unordered(at_once)
            .collect()
            .await
    }

    /// Asks for a run, a pause, a decision.
    pub(crate) fn asked(&self, args: &[&str], exit: i32) -> Value {
        held("fleet-asked", self.json(args, exit))
    }

    /// Pauses everything, or takes that back.
    pub(crate) fn drained(&self, args: &[&str], exit: i32) -> Value {
        held("fleet-drained", self.json(args, exit))
    }

    /// Makes the schedules: far apart, so that only what is asked for runs.
    pub(crate) fn apply(&self, more: &[&str]) -> Value {
        let seconds = format!("{}s", HEARTBEAT.as_secs());
        let args = [
            "apply",
            "--heartbeat",
            &seconds,
            "--every",
            "30d",
            "--discover",
            "30d",
        ];
        held("fleet-apply", self.json(&[&args[..], more].concat(), 0))
    }

    /// Starts a worker.
    pub(crate) fn worker(&mut self, args: &[&str]) -> Worker {
        self.worker_by(&[], args)
    }

    /// Starts a worker with more in its environment.
    pub(crate) fn worker_by(&mut self, env: &[(&str, String)], args: &[&str]) -> Worker {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let log = File::create(self.log(&name)).unwrap();
        let mut command = self.command(&["fleet", "worker", "--identity", &name]);
        command
            .args(["--log", "debug", "--page-size", "5"])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .args(args);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Worker(command.spawn().unwrap())
    }

    /// Waits until the worker that was started last takes work: one that starts while a peer is away ends, and says why.
    pub(crate) async fn ready(&self) {
        let log = self.log(&format!("worker-{}", self.started));
        let begun = Instant::now();
        loop {
            let said = std::fs::read_to_string(&log).unwrap();
            if said.contains("takes work from the queue") {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The addresses of its stores in PostgreSQL.
    pub(crate) fn addresses(&self) -> Vec<Url> {
        let urls = match &self.over {
            Some(urls) => urls.to_vec(),
            None => vec![self.store.url()],
        };
        urls.iter().map(|url| url.parse().unwrap()).collect()
    }

    /// What a worker is to know so that it finds the stores at other addresses.
    pub(crate) fn elsewhere(&self, mut change: impl FnMut(&mut Url)) -> (&'static str, String) {
        let mut changed = self.addresses();
        changed.iter_mut().for_each(&mut change);
        let (Some(file), Some(urls)) = (&self.settings, &self.over) else {
            return ("CLEVER_STORE", changed.remove(0).to_string());
        };
        let mut text = std::fs::read_to_string(file).unwrap();
        for (url, changed) in urls.iter().zip(&changed) {
            text = text.replace(url.as_str(), changed.as_str());
        }
        let file = file.with_file_name("elsewhere.toml");
        std::fs::write(&file, text).unwrap();
        ("CLEVER_SETTINGS", file.display().to_string())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.many.folder.path().join(format!("{name}.log"))
    }

    /// What all workers said.
    pub(crate) fn logs(&self) -> String {
        let all = (1..=self.started).map(|number| self.log(&format!("worker-{number}")));
        all.map(|log| std::fs::read_to_string(log).unwrap())
            .collect()
    }

    /// How each district stands.
    pub(crate) fn status(&self) -> Vec<Value> {
        let status = held("fleet-status", self.json(&["status"], 0));
        status["districts"].as_array().cloned().unwrap()
    }

    /// Waits until something is so of every district's line.
    pub(crate) async fn until(&self, longest: Duration, what: &str, is: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            let status = self.status();
            let took = asked.elapsed();
            if !status.is_empty() && status.iter().all(&is) {
                return;
            }
            let late: Vec<_> = status.iter().filter(|line| !is(line)).take(3).collect();
            assert!(
                begun.elapsed() < longest,
                "{what}: {late:?}\n{}",
                self.tail()
            );
            // Of thousands of districts the answer costs what runs could have.
            tokio::time::sleep((4 * took).max(Duration::from_millis(200))).await;
        }
    }

    fn tail(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Everything that the store holds of all districts: records, places, feed.
    pub(crate) async fn everything(store: &Store) -> Vec<Vec<String>> {
        let mut questions: Vec<String> = RecordKind::ROSTER
            .iter()
            .map(|kind| {
                format!(
                    "SELECT district_id || ' ' || id || ' ' || CAST(record AS TEXT) || ' ' ||
                     CASE WHEN archived_at IS NULL THEN 'active' ELSE 'archived' END
                     FROM {kind} ORDER BY district_id, id"
                )
            })
            .collect();
        questions.push(
            "SELECT district_id || ' ' || section_id || ' ' || user_id FROM enrollments
             ORDER BY district_id, section_id, user_id"
                .to_owned(),
        );
        questions.push(
            "SELECT district_id || ' ' || CAST(seq AS TEXT) || ' ' || kind || ' ' || id || ' ' || op
             FROM changes ORDER BY district_id, seq"
                .to_owned(),
        );
        store.rows(&questions).await
    }

    /// Keeps the districts in two stores from now on: those that are named in the second, the others in the first.
    pub(crate) fn over(&mut self, main: &Store, west: &Store, in_west: &[String]) {
        let lines = in_west.iter().map(|id| format!("{id} = \"west\"\n"));
        let more: String = ["[stores.districts]\n".to_owned()]
            .into_iter()
            .chain(lines)
            .collect();
        self.settings = Some(directory(&self.many, main, west, &more));
        self.over = Some([main.url(), west.url()]);
    }

    /// What stores hold together.
    async fn together(stores: &[&Store]) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for store in stores {
            let one = Self::everything(store).await;
            all.resize(one.len(), Vec::new());
            for (rows, more) in all.iter_mut().zip(one) {
                rows.extend(more);
            }
        }
        all.iter_mut().for_each(|rows| rows.sort());
        all
    }

    /// Holds the store against one that nobody disturbed.
    pub(crate) async fn equals(&self, control: &Store) {
        self.equal(&[&self.store], control).await;
    }

    /// Holds what stores have together against a store into which all districts are synced, undisturbed: the same records, places and
    /// feed, and no gap in any feed.
    pub(crate) async fn equal(&self, stores: &[&Store], control: &Store) {
        let mut command = self.command(&["sync", "--all", "--quiet"]);
        let output = command.env("CLEVER_STORE", control.url()).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        let (is, wanted) = (
            Self::together(stores).await,
            Self::together(&[control]).await,
        );
        for (is, wanted) in is.iter().zip(&wanted) {
            let first = is.iter().zip(wanted).find(|(is, wanted)| is != wanted);
            assert_eq!(first, None);
            assert_eq!(is.len(), wanted.len());
        }
        assert!(
            wanted.iter().any(|rows| !rows.is_empty()),
            "the control is not empty"
        );
        for store in stores {
            let gaps =
                "SELECT district_id FROM changes GROUP BY district_id HAVING count(*) <> max(seq)";
            let gaps = store.rows(&[gaps.to_owned()]).await;
            assert_eq!(gaps, [Vec::<String>::new()], "a feed has a gap");
        }
    }

    /// Renames something in each district, so that a run has something to write.
    pub(crate) fn rename(&self, name: &str) {
        for district in self.many.ids() {
            self.many.emulator.with_world_of(&district, |world| {
                let first = world.list(RecordKind::Sections).keys().next().unwrap();
                world.edit(RecordKind::Sections, &first, |section| {
                    section["name"] = name.into();
                });
            });
        }
    }

    /// Leaves a district so few users that what is missing is held.
    pub(crate) fn shrink(&self, district: &str, left: usize) {
        let world = &self.many.emulator;
        world.with_world_of(district, |world| {
            world.retain(RecordKind::Users, |at| at < left)
        });
    }
}
