//! Ten paths that cost most, each once in a process of its own, for `cargo xtask bench --gate`: it counts their instructions
//! under valgrind, which do not mind what else a machine does. `paths NAME` does one; without a name all are listed.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

#[path = "../../crates/clever-sync/benches/sync/district.rs"]
#[expect(dead_code, reason = "the sync's own bench has use for all of it")]
mod district;

use std::hint::black_box;

use clever_auth::seal::{KeyId, SealingKeys};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_linkage::{
    FieldConfig, Kind, Linkage, MatchConfig, PeopleBuilder, Run, Side, SideConfig,
};
use clever_model::{DistrictId, ManualClock};
use clever_provision::roster::follow;
use clever_provision::store::AccountStore;
use clever_provision::{AccountId, Policy};
use clever_raw::page::RawPage;
use clever_raw::v3_1::types::User;
use clever_sync::{AnyStore, Open, SyncOptions, SyncPolicy, SyncReport, Way, sync};
use district::{District, Edition};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const NAMES: [&str; 10] = [
    "split a page",
    "decode a page",
    "write a page of v3.1",
    "write a page of v3.0",
    "first load",
    "nothing changed",
    "1 % changed",
    "events",
    "accounts follow a roster",
    "compare people",
];

/// The students of the made-up district, and of the one whose accounts are made.
const STUDENTS: usize = 300;
const WITH_ACCOUNTS: usize = 75;

/// What is counted: nothing but what this does.
#[inline(never)]
fn counted<T>(act: impl FnOnce() -> T) -> T {
    black_box(act())
}

async fn emulator() -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 1,
            students: 400,
        },
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

fn page(emulator: &Emulator, version: &str) -> Vec<u8> {
    let (status, body) = emulator.answer(&format!("/{version}/users"), "limit=800");
    assert_eq!(status, 200);
    body.into()
}

/// The store and the pages of a district.
struct Ground {
    runtime: Runtime,
    folder: TempDir,
    store: AnyStore,
}

impl Ground {
    fn new(runtime: Runtime, students: usize) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, edition) in [("old", Edition::Old), ("new", Edition::New)] {
            district::write(&folder.path().join(name), students, edition);
        }
        district::write_events(&folder.path().join("events"), students, students);
        let url = format!("sqlite:{}", folder.path().join("roster.db").display());
        let store = runtime.block_on(AnyStore::open(&url.parse().unwrap(), Open::Create));
        Self {
            runtime,
            folder,
            store: store.unwrap(),
        }
    }

    fn run(&mut self, edition: &str, way: Way) -> SyncReport {
        let district = District::at(&self.folder.path().join(edition));
        let policy = SyncPolicy {
            max_updated_percent: 100,
            ..SyncPolicy::default()
        };
        let options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
        let done = sync(&district, &mut self.store, &policy, &options, &clock, &());
        self.runtime.block_on(done).unwrap()
    }
}

/// Accounts are made for everybody of a roster.
fn followed(ground: &mut Ground) -> u64 {
    let report = ground.run("old", Way::Snapshot);
    let district = DistrictId::new(report.district_id.as_str()).unwrap();
    let keys = SealingKeys::new(KeyId(1), &[7; 32]);
    let accounts = ground.runtime.block_on(AccountStore::in_memory(keys));
    let mut accounts = accounts.unwrap();
    let policy = Policy {
        create_at_sync: true,
        ..Policy::default()
    };
    let mut made = 0;
    let mut new_id = || {
        made += 1;
        Ok(AccountId::new(format!("account {made}")))
    };
    let now = "2026-09-14T12:00:00Z".parse().unwrap();
    let done = counted(|| {
        let following = follow(
            &mut ground.store,
            &mut accounts,
            &district,
            &policy,
            &mut new_id,
            now,
        );
        ground.runtime.block_on(following)
    });
    done.unwrap().created
}

/// Everybody of a page against a year's younger selves: a name in ten and every address are others.
fn compared(page: &[u8]) -> usize {
    let page: Value = serde_json::from_slice(page).unwrap();
    let fields = [
        ("sis", Kind::SisId),
        ("first", Kind::GivenName),
        ("last", Kind::FamilyName),
        ("born", Kind::Date),
    ];
    let field = |(name, kind): (&str, Kind)| FieldConfig {
        name: name.to_owned(),
        kind,
        left: None,
        right: None,
        scope: None,
    };
    let side = || SideConfig {
        id: "id".to_owned(),
    };
    let mut people = PeopleBuilder::new(MatchConfig {
        left: side(),
        right: side(),
        field: fields.map(field).into(),
        block: Vec::new(),
        block_limit: 200,
        least: MatchConfig::LEAST,
    })
    .unwrap();
    for (row, one) in page["data"].as_array().unwrap().iter().enumerate() {
        let user = &one["data"];
        let student = &user["roles"]["student"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut values = [
            text(&student["sis_id"]),
            text(&user["name"]["first"]),
            text(&user["name"]["last"]),
            text(&student["dob"]),
        ];
        let push = |people: &mut PeopleBuilder, side, values: &[String; 4]| {
            people.push(side, &row.to_string(), values.iter().map(String::as_str))
        };
        push(&mut people, Side::Left, &values).unwrap();
        if row % 10 == 0 {
            values[1].push('a');
        }
        push(&mut people, Side::Right, &values).unwrap();
    }
    let people = people.finish().unwrap();
    counted(|| {
        let linkage = Linkage::new(people);
        let run = Run::default();
        let model = linkage.train(&run);
        linkage.compare(&model, &run).unwrap().all.len()
    })
}

fn written(runtime: &Runtime, version: &str) -> usize {
    let emulator = runtime.block_on(emulator());
    counted(|| page(&emulator, version)).len()
}

fn one(name: &str, runtime: Runtime) -> usize {
    let page = |version: &str| page(&runtime.block_on(emulator()), version);
    let records = |report: SyncReport| {
        let kinds = report.kinds.values();
        kinds
            .map(|kind| kind.created + kind.updated + kind.restored)
            .sum::<u64>() as usize
    };
    match name {
        "split a page" => {
            let page = page("v3.1");
            counted(|| RawPage::split(page.into())).unwrap().len()
        }
        "decode a page" => {
            let split = RawPage::split(page("v3.1").into()).unwrap();
            counted(|| split.decode::<User>()).records.len()
        }
        "write a page of v3.1" => written(&runtime, "v3.1"),
        "write a page of v3.0" => written(&runtime, "v3.0"),
        "compare people" => compared(&page("v3.1")),
        "first load" => {
            let mut ground = Ground::new(runtime, STUDENTS);
            records(counted(|| ground.run("old", Way::Snapshot)))
        }
        "nothing changed" => {
            let mut ground = Ground::new(runtime, STUDENTS);
            drop(ground.run("old", Way::Snapshot));
            1 + records(counted(|| ground.run("old", Way::Snapshot)))
        }
        "1 % changed" => {
            let mut ground = Ground::new(runtime, STUDENTS);
            drop(ground.run("old", Way::Snapshot));
            records(counted(|| ground.run("new", Way::Snapshot)))
        }
        "events" => {
            let mut ground = Ground::new(runtime, STUDENTS);
            drop(ground.run("old", Way::Snapshot));
            records(counted(|| ground.run("events", Way::Events)))
        }
        "accounts follow a roster" => followed(&mut Ground::new(runtime, WITH_ACCOUNTS)) as usize,
        other => panic!("no path is called {other}"),
    }
}

fn main() {
    let Some(name) = std::env::args()
        .nth(1)
        .filter(|name| !name.starts_with('-'))
    else {
        println!("{}", NAMES.join("\n"));
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert!(one(&name, runtime) > 0, "nothing was done");
}
