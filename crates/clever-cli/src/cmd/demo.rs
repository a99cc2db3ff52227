//! `cleverctl demo`: a made-up district, synced, a day of its life, synced again. Everything is real but
//! the children: HTTP on loopback, the same client, the same store.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::DistrictAppToken;
use clever_client::{ClientOptions, District};
use clever_emulator::{DaySummary, Emulator, EmulatorConfig, WorldSource};
use clever_model::SystemClock;
use clever_sync::words::Schools;
use clever_sync::{SqliteStore, SyncOptions, SyncPolicy, SyncReport};
use serde::Serialize;

use crate::cmd::sync::report::print;
use crate::diagnostics::{Exit, Usage};
use crate::progress::Watch;
use crate::settings::StoreUrl;
use crate::ui::{Document, Ui, counted, word};

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cleverctl demo --students 500 --store try.db")]
pub(crate) struct DemoArgs {
    /// The SQLite file to write; it must not exist yet.
    #[arg(long, default_value = "sqlite:clever-demo.db", value_name = "URL")]
    pub(crate) store: StoreUrl,
    /// How many students the district has.
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) students: u32,
    /// The seed of the district and of its day.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
}

/// What both syncs and the day between did.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Shown {
    store: String,
    first: SyncReport,
    day: DaySummary,
    second: SyncReport,
}

impl Document for Shown {
    const NAME: &'static str = "demo";
}

/// The store's file is there already.
#[derive(Debug)]
pub(crate) struct FileExists(String);

impl std::fmt::Display for FileExists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is there already, and the demo overwrites nothing",
            self.0
        )
    }
}

impl std::error::Error for FileExists {}

/// Runs the demo.
pub(crate) async fn run(args: DemoArgs, ui: &Ui) -> Result<Exit> {
    let Some(path) = args.store.path() else {
        return Err(Usage::new("the demo writes a file, and this store is none")
            .hint("name one with --store sqlite:PATH")
            .into());
    };
    if path.exists() {
        return Err(FileExists(path.display().to_string()).into());
    }
    let started = Instant::now();
    let say = |text: String| if ui.json { Ok(()) } else { ui.line(text) };
    say(format!(
        "A made-up district of {}, served on loopback.",
        counted(u64::from(args.students), "student", "students")
    ))?;
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: args.seed,
            students: args.students,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config)
        .await
        .context("could not start the emulator")?;
    let options = ClientOptions {
        api_url: emulator.base_url().clone(),
        ..ClientOptions::default()
    };
    let district = District::new(options, DistrictAppToken::new(emulator.district_token())?)?;
    let mut store = SqliteStore::open(path)?;

    say(String::new())?;
    say("First sync: everything is new.".to_owned())?;
    let first = sync(&district, &mut store, ui).await?;
    if !ui.json {
        print(ui, &first, &Schools::default())?;
    }
    let day = live_a_day(&emulator);
    say(String::new())?;
    say(format!("A school day passes: {}.", tell(&day)))?;
    say(String::new())?;
    say("Second sync: only what changed.".to_owned())?;
    let second = sync(&district, &mut store, ui).await?;
    let requests = emulator.requests();
    emulator.stop().await;
    if ui.json {
        ui.document(&Shown {
            store: args.store.to_string(),
            first,
            day,
            second,
        })?;
        return Ok(Exit::Done);
    }
    print(ui, &second, &Schools::default())?;
    ui.line("")?;
    ui.line(format!(
        "Done in {:.1} s, over {}. The roster is in {}. Try:",
        started.elapsed().as_secs_f64(),
        counted(requests, "HTTP request", "HTTP requests"),
        path.display()
    ))?;
    let file = word(&path.display().to_string());
    for question in QUESTIONS {
        ui.command(&format!("sqlite3 {file} \"{question}\""))?;
    }
    // As it was started, so that the line works where `cleverctl` is not installed.
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "cleverctl".to_owned());
    let before = changes_before(&mut store, &second).await?;
    let (program, store) = (word(&program), word(&args.store.to_string()));
    ui.command(&format!(
        "{program} changes --store {store} --after {before}"
    ))?;
    ui.command(&format!("{program} status --store {store}"))?;
    Ok(Exit::Done)
}

/// SQL that a newcomer may like to run.
const QUESTIONS: [&str; 3] = [
    "SELECT s.name, count(*) FROM sections s JOIN enrollments e ON e.section_id = s.id WHERE e.role = 'student' GROUP BY s.id ORDER BY 2 DESC LIMIT 5",
    "SELECT kind, op, fields, count(*) FROM changes WHERE run = 2 GROUP BY 1, 2, 3 ORDER BY 4 DESC",
    "SELECT role, count(*) FROM user_roles GROUP BY role",
];

async fn sync(district: &District, store: &mut SqliteStore, ui: &Ui) -> Result<SyncReport> {
    let watch = Watch::new(ui);
    clever_sync::sync(
        district,
        store,
        &SyncPolicy::default(),
        &SyncOptions::default(),
        &SystemClock,
        &watch,
    )
    .await
    .context("sync failed")
}

fn live_a_day(emulator: &Emulator) -> DaySummary {
    emulator.advance_days(1)
}

/// The last sequence number before the second run.
async fn changes_before(store: &mut SqliteStore, second: &SyncReport) -> Result<u64> {
    let changed: u64 = second
        .kinds
        .values()
        .map(|kind| kind.created + kind.updated + kind.archived + kind.restored)
        .sum();
    let all = store
        .status()
        .await?
        .iter()
        .map(|district| district.changes)
        .sum::<u64>();
    Ok(all.saturating_sub(changed))
}

fn tell(day: &DaySummary) -> String {
    let parts = [
        (day.enrolled, "student enrols", "students enrol"),
        (day.withdrawn, "leaves", "leave"),
        (
            day.moved,
            "moves to another school",
            "move to another school",
        ),
        (
            day.renamed,
            "person gets another name",
            "people get another name",
        ),
        (
            day.rescheduled,
            "student changes class",
            "students change class",
        ),
        (
            day.reassigned,
            "class gets another teacher",
            "classes get another teacher",
        ),
        (
            day.rephoned,
            "parent gets another telephone",
            "parents get another telephone",
        ),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| counted(u64::from(number), one, many))
        .collect();
    told.join(", ")
}
