//! How fast pages and the API answer over a large store: `cargo xtask bench console -- --students 1000000`.
//!
//! The district is made by the emulator and synced as ever, then part of it is held; the accounts are imported. Each place is asked for
//! once, and then twenty times. With CLEVER_TEST_POSTGRES, the same over PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

use std::time::Instant;

use clever_auth::DistrictAppToken;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_client::{ClientOptions, District};
use clever_console::{Console, Options, Person, Role, Stores, new_token};
use clever_emulator::{EmulatorConfig, Happening, WorldSource};
use clever_model::{Clock as _, DistrictId, RecordKind, SystemClock};
use clever_provision::store::AccountStore;
use clever_provision::{Account, AccountId, AccountState, Class, Custody, LoginMethod};
use clever_sql::{Address, Backend as _, Database, Open};
use clever_sync::{AnyStore, SyncOptions, SyncPolicy, sync};
use reqwest::redirect::Policy;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// How often each place is asked for, besides the first time.
const TIMES: usize = 20;
/// What no place may take longer than, in milliseconds.
const AIM: f64 = 100.0;
/// Accounts are a tenth as many as students: each costs several rows of a ledger.
const ACCOUNTS: usize = 10;

fn keys() -> SealingKeys {
    SealingKeys::new(KeyId(1), &[7; 32])
}

/// What is asked for, once all is made.
struct Ground {
    district: String,
    user: String,
    section: String,
    last: u64,
}

async fn fill(address: &Address, accounts: &str, students: u32) -> Ground {
    let config = EmulatorConfig {
        world: WorldSource::Generated { seed: 7, students },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let options = ClientOptions {
        api_url: emulator.base_url().clone(),
        page_limit: 10_000,
        ..ClientOptions::default()
    };
    let token = DistrictAppToken::new(emulator.district_token()).unwrap();
    let district = District::new(options, token).unwrap();
    let mut store = AnyStore::open(address, Open::Create).await.unwrap();
    let begun = Instant::now();
    for round in 0..2 {
        let (policy, how) = (SyncPolicy::default(), SyncOptions::default());
        let _ = sync(&district, &mut store, &policy, &how, &SystemClock, &())
            .await
            .unwrap();
        if round == 0 {
            emulator.happen(Happening::UnshareSchool);
        }
    }
    println!("synced twice in {:.0} s", begun.elapsed().as_secs_f64());
    let district = emulator.with_world(|world| world.district_id().to_owned());
    let some = |kind| {
        emulator.with_world(|world| {
            let mut all = world.list(kind).iter();
            all.nth(7).unwrap().0.to_string()
        })
    };
    let last = store.overview(Some(&district)).await.unwrap()[0].changes;
    let begun = Instant::now();
    let many = students as usize / ACCOUNTS;
    import(accounts, &district, many).await;
    println!(
        "imported {many} accounts in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ground {
        user: some(RecordKind::Users),
        section: some(RecordKind::Sections),
        district,
        last,
    }
}

async fn import(address: &str, district: &str, many: usize) {
    let mut accounts = AccountStore::open(address, keys()).await.unwrap();
    let by = DistrictId::new(district).unwrap();
    let now = SystemClock.now();
    let all: Vec<Account> = (0..many)
        .map(|number| Account {
            id: AccountId::new(format!("a{number:07}")),
            version: 1,
            custody: Custody::Managed { by: by.clone() },
            class: Class::Student,
            state: AccountState::Active,
            links: Vec::new(),
            methods: vec![LoginMethod {
                id: "password".into(),
                proven_at: None,
            }],
            last_used: Some(now),
        })
        .collect();
    for part in all.chunks(5_000) {
        accounts.import(part, now).await.unwrap();
    }
}

/// Somebody who is in, and a program.
struct Asker {
    http: reqwest::Client,
    origin: String,
    cookie: String,
    token: String,
}

impl Asker {
    async fn new(address: &Address, accounts: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let stores = Stores::new(address.clone()).with_accounts(accounts, keys(), Vec::new());
        let console = Console::new(stores, Options::at(&origin, "")).unwrap();
        let person = Person {
            name: "kim".to_owned(),
            role: Role::Admin,
            district: None,
        };
        let link = console.link(person).unwrap();
        let router = console.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let http = reqwest::Client::builder().redirect(Policy::none());
        let http = http.build().unwrap();
        let (enter, key) = link.split_once("?key=").unwrap();
        let entered = http
            .post(enter)
            .header("origin", &origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("key={key}"));
        let entered = entered.send().await.unwrap();
        let cookie = entered.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let made = new_token("bench", Role::Admin, None, SystemClock.now(), None).unwrap();
        let mut store = AnyStore::open(address, Open::Existing).await.unwrap();
        let _ = store.remove_token("bench").await.unwrap();
        assert!(store.add_token(&made.digest, &made.kept).await.unwrap());
        Self {
            http,
            origin,
            cookie,
            token: made.token,
        }
    }

    /// Milliseconds until the whole answer is there, and its bytes.
    async fn ask(&self, place: &str) -> (f64, usize) {
        let begun = Instant::now();
        let answer = self
            .http
            .get(format!("{}{place}", self.origin))
            .header("cookie", &self.cookie)
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{place}");
        let bytes = answer.bytes().await.unwrap().len();
        (begun.elapsed().as_secs_f64() * 1000.0, bytes)
    }
}

fn places(ground: &Ground, accounts: usize) -> Vec<String> {
    let d = format!("/districts/{}", ground.district);
    let (user, section, middle) = (&ground.user, &ground.section, ground.last / 2);
    let account = format!("a{:07}", accounts / 2);
    let mut all: Vec<String> = [
        "/",
        "/setup",
        "/schedule",
        "/health",
        "/audit",
        "/reviews",
        "/accounts",
    ]
    .map(str::to_owned)
    .into();
    all.extend([
        d.clone(),
        format!("{d}/hold"),
        format!("{d}/runs/1"),
        format!("{d}/changes"),
        format!("{d}/changes?before={middle}"),
        format!("{d}/changes?kind=users&op=create"),
        format!("{d}/changes?field=name.last"),
        format!("{d}/changes/{middle}"),
        format!("{d}/records/users/{user}"),
        format!("{d}/records/sections/{section}"),
        format!("/accounts?after={account}"),
        format!("/accounts/{account}"),
    ]);
    let of_pages = all.clone();
    let has_no_api = ["/", "/setup", "/schedule", "/health"];
    all.extend(
        of_pages
            .iter()
            .filter(|place| !has_no_api.contains(&place.as_str()))
            .map(|place| format!("/api{place}")),
    );
    all.push("/api/districts".to_owned());
    all.push(format!("/api{d}/runs"));
    all
}

async fn measure(name: &str, address: &Address, accounts: &str, students: u32) {
    println!("\n## {name}, {students} students\n");
    let ground = fill(address, accounts, students).await;
    let asker = Asker::new(address, accounts).await;
    println!("changes in the feed: {}\n", ground.last);
    println!("| place | first, ms | median | slowest | bytes |\n| --- | --: | --: | --: | --: |");
    let mut slow = 0;
    for place in places(&ground, students as usize / ACCOUNTS) {
        let (first, bytes) = asker.ask(&place).await;
        let mut times = Vec::new();
        for _ in 0..TIMES {
            times.push(asker.ask(&place).await.0);
        }
        times.sort_by(f64::total_cmp);
        let (median, slowest) = (times[TIMES / 2], times[TIMES - 1]);
        slow += u32::from(slowest > AIM);
        let shown = place
            .replace(&ground.district, "ID")
            .replace(&ground.user, "ID")
            .replace(&ground.section, "ID");
        println!("| `{shown}` | {first:.1} | {median:.1} | {slowest:.1} | {bytes} |");
    }
    println!("\n{slow} places took longer than {AIM:.0} ms");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {load}");
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let mut students = 10_000;
    while let Some(arg) = args.next() {
        if arg == "--students" {
            students = args.next().unwrap().parse().unwrap();
        }
    }
    let folder = TempDir::new().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let roster = Address::parse(&file("roster.db")).unwrap();
    measure("SQLite", &roster, &file("accounts.db"), students).await;
    if let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") {
        let mut admin = Database::open(&Address::parse(&server).unwrap(), Open::Existing)
            .await
            .unwrap();
        let database = format!("console_bench_{}", std::process::id());
        admin
            .batch(&format!("CREATE DATABASE {database}"))
            .await
            .unwrap();
        let (place, query) = server.split_once('?').unwrap_or((&server, ""));
        let (host, _) = place.rsplit_once('/').unwrap();
        let address = format!("{host}/{database}?{query}");
        measure(
            "PostgreSQL",
            &Address::parse(&address).unwrap(),
            &address,
            students,
        )
        .await;
        let gone = format!("DROP DATABASE {database} WITH (FORCE)");
        admin.batch(&gone).await.unwrap();
    }
}
