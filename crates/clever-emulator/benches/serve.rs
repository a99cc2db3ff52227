//! How fast a world is written and served, against pages that lie ready, in one run. `cargo xtask bench emulator`;
//! `-- --size large` measures a smaller district.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

#[path = "../tests/binary/mod.rs"]
mod binary;
#[path = "../tests/reader/mod.rs"]
mod reader;

use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use binary::{Binary, walk};
use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::RecordKind;
use reader::{Reader, next};

/// Records a page: the most that Clever gives.
const PAGE: usize = 10_000;
/// What is written in this process.
const LISTS: [&str; 14] = [
    "/v3.1/users",
    "/v3.1/sections",
    "/v3.0/users",
    "/v3.0/sections",
    "/v2.1/students",
    "/v2.1/contacts",
    "/v2.1/teachers",
    "/v2.1/sections",
    "/v2.0/students",
    "/v2.0/sections",
    "/v1.2/students",
    "/v1.2/contacts",
    "/v1.2/teachers",
    "/v1.2/sections",
];
/// How long each way is measured.
const LONG: Duration = Duration::from_secs(4);
/// Most memory of a metro world while it is read, in MiB.
const MOST_MIB: u64 = 500;

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

/// What this thread has had of a processor; where the system does not tell, what has passed since `begin`.
fn spent(begin: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|line| line.split_whitespace().next()?.parse().ok());
    told.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// Does something, and tells the time of a processor and the time that it took.
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let begin = Instant::now();
    let before = spent(begin);
    let result = act();
    (result, spent(begin).saturating_sub(before), begin.elapsed())
}

/// Calls `page` with numbers from 0 until the time is up: MB for each second of a processor, and for each second.
fn measure(mut page: impl FnMut(usize) -> usize) -> (f64, f64) {
    let (bytes, spent, passed) = timed(|| {
        let (begin, mut bytes, mut number) = (Instant::now(), 0, 0);
        while begin.elapsed() < LONG {
            bytes += page(number);
            number += 1;
        }
        bytes
    });
    (rate(bytes, spent), rate(bytes, passed))
}

/// Every page of a list, by path and query.
fn pages(emulator: &Emulator, list: &str) -> Vec<(String, String)> {
    let mut pages = vec![(list.to_owned(), format!("limit={PAGE}"))];
    while let Some((path, query)) = pages.last() {
        let (_, page) = emulator.answer(path, query);
        let Some(next) = next(page.as_bytes()) else {
            break;
        };
        let (path, query) = next.split_once('?').unwrap_or((&next, ""));
        pages.push((path.to_owned(), query.to_owned()));
    }
    pages
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let size = arguments.iter().position(|one| one == "--size");
    let size = size.and_then(|at| arguments.get(at + 1).cloned());
    let size = size.unwrap_or_else(|| "metro".to_owned());
    let students = match size.as_str() {
        "small" => 300,
        "medium" => 5_000,
        "large" => 60_000,
        "metro" => 1_000_000,
        other => panic!("no such size: {other}"),
    };
    let config = EmulatorConfig {
        world: WorldSource::Generated { seed: 1, students },
        rate_limit: u64::MAX,
        ..EmulatorConfig::default()
    };
    let begin = Instant::now();
    let emulator = clever_emulator::start(config).await.unwrap();
    println!("world of {students} students made in {:?}", begin.elapsed());
    for kind in RecordKind::ROSTER {
        let count = emulator.with_world(|world| world.list(kind).len());
        println!("  {count:>9} {kind}");
    }

    println!("MB of JSON for a second of one processor, written in this process:");
    let mut targets = Vec::new();
    for list in LISTS {
        let pages = pages(&emulator, list);
        let (written, _) = measure(|number| {
            let (path, query) = &pages[number % pages.len()];
            emulator.answer(path, query).1.len()
        });
        println!("  {written:>7.0} {list}");
        if list.starts_with("/v3.1") {
            targets.extend(pages.iter().map(|(path, query)| format!("{path}?{query}")));
        }
    }
    let (counted, _) = measure(|_| {
        emulator
            .answer("/v3.1/users", "role=student&count=true&limit=1")
            .1
            .len()
    });
    println!(
        "  {:>7.0} counted lists of one role a second",
        counted * 1e6 / 1_200.0
    );

    let (_, page) = emulator.answer("/v3.1/users", &format!("limit={PAGE}"));
    let page = Bytes::from(page);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ready = listener.local_addr().unwrap().to_string();
    let router = Router::new().route(
        "/page",
        get(move || {
            let page = page.clone();
            async move { page }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let address = emulator.base_url().authority().to_owned();
    let token = emulator.district_token().to_owned();
    let over = |address: String, targets: Vec<String>, readers: usize| {
        let token = token.clone();
        tokio::task::spawn_blocking(move || {
            let threads: Vec<_> = (0..readers)
                .map(|reader| {
                    let (address, token, targets) =
                        (address.clone(), token.clone(), targets.clone());
                    thread::spawn(move || {
                        let mut socket = Reader::new(&address, &token).unwrap();
                        measure(|number| {
                            let target = &targets[(number * readers + reader) % targets.len()];
                            assert_eq!(socket.get(target).unwrap(), 200);
                            socket.body.len()
                        })
                        .1
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<f64>()
        })
    };
    println!("MB a second of the clock over loopback, read and thrown away:");
    for readers in [1, 2] {
        let static_page = over(ready.clone(), vec!["/page".to_owned()], readers)
            .await
            .unwrap();
        let made = over(address.clone(), targets.clone(), readers)
            .await
            .unwrap();
        println!("  {made:>7.0} pages made as they are asked for, by {readers} reader(s)");
        println!(
            "  {static_page:>7.0} one page that lies ready, so often: ratio {:.2}",
            made / static_page
        );
    }

    // If everybody is touched, a metro district takes gigabytes: that is measured at smaller sizes.
    let heavy = [Happening::SisRekey, Happening::Rollover, Happening::RoleOff];
    let light = [
        Happening::Transfer,
        Happening::UserSplit,
        Happening::UserMerge,
        Happening::UnshareSchool,
    ];
    for days in [1, 7] {
        let begin = Instant::now();
        let done = emulator.advance_days(days).total();
        println!(
            "{days} day(s) of life, {done} things: {:?}",
            begin.elapsed()
        );
    }
    let heavy = heavy.into_iter().filter(|_| students < 1_000_000);
    for happening in light.into_iter().chain(heavy) {
        let (records, spent, passed) = timed(|| emulator.happen(happening));
        println!(
            "{}, {records} records: {spent:?} of a processor, {passed:?}",
            happening.name()
        );
    }
    emulator.stop().await;

    let binary = Binary::start(&size).unwrap();
    let mut reader = Reader::new(&binary.address, &binary.token).unwrap();
    let begin = Instant::now();
    let (users, of_users) = walk(&mut reader, "users", PAGE).unwrap();
    let (sections, of_sections) = walk(&mut reader, "sections", PAGE).unwrap();
    let bytes = of_users + of_sections;
    println!("the binary started in {:?}", binary.started);
    println!(
        "{users} users and {sections} sections walked, {:.0} MB in {:?} ({:.0} MB/s, with the search for links)",
        bytes as f64 / 1e6,
        begin.elapsed(),
        rate(bytes, begin.elapsed())
    );
    if let Some(most) = binary.most_memory_mib() {
        println!("most memory {most} MiB");
        assert!(most < MOST_MIB, "{most} MiB are too many");
    }
}
