//! How fast clients read over loopback what the emulator makes as it is asked for, against a page that lies ready:
//! `cargo xtask bench clients`; `-- --size large` reads a smaller district. A client that is as fast at both waits for
//! itself, not for the emulator.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "a bench fails by panicking, prints its report, and calls every way of decoding alike"
)]

#[path = "../../crates/clever-emulator/tests/reader/mod.rs"]
mod reader;

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use clever_client::{ClientOptions, District};
use clever_emulator::{EmulatorConfig, WorldSource};
use clever_model::RecordKind;
use clever_raw::envelope::Page;
use clever_raw::page::RawPage;
use clever_raw::v3_1::types::{Section, User};
use futures_util::StreamExt;
use reader::{Reader, next};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Records a page: the most that Clever gives.
const PAGE: usize = 10_000;
/// The client of this workspace, as it is unless the server compresses nothing.
const PACKED: &str = "clever-client, compressed";
/// How long each client reads.
const LONG: Duration = Duration::from_secs(6);

/// What a client makes of a page.
type Decode = fn(Bytes);

fn split(body: Bytes) {
    let page = RawPage::split(body).unwrap();
    assert!(page.refused().is_empty());
    black_box(page);
}

fn typed<T: DeserializeOwned>(body: Bytes) {
    let page: Page<T> = serde_json::from_slice(&body).unwrap();
    black_box(page);
}

fn tree(body: Bytes) {
    let page: Value = serde_json::from_slice(&body).unwrap();
    black_box(page);
}

/// Bytes and the time that they took.
#[derive(Default, Clone, Copy)]
struct Sum(usize, Duration);

impl Sum {
    fn add(&mut self, bytes: usize, begin: Instant) {
        self.0 += bytes;
        self.1 += begin.elapsed();
    }

    fn rate(self) -> f64 {
        self.0 as f64 / 1e6 / self.1.as_secs_f64()
    }
}

/// Pages read in a row before it is the other server's turn: what else the machine does meets both, and neither has time
/// to get ahead.
const ROW: usize = 10;

/// MB of JSON a second from pages that are made, and from one that lies ready, in turns. `bytes` is what a page has
/// that comes compressed.
fn measure(
    made: &mut Reader,
    targets: &[String],
    ready: &mut Reader,
    target: &str,
    decode: Option<Decode>,
    bytes: Option<usize>,
) -> (Sum, Sum) {
    let (mut of_made, mut of_ready) = (Sum::default(), Sum::default());
    let begin = Instant::now();
    let read = |reader: &mut Reader, target: &str, sum: &mut Sum| {
        let begin = Instant::now();
        assert_eq!(reader.get(target).unwrap(), 200);
        let bytes = bytes.unwrap_or(reader.body.len());
        if let Some(decode) = decode {
            decode(std::mem::take(&mut reader.body).into());
        }
        sum.add(bytes, begin);
    };
    for row in targets.chunks(ROW).cycle() {
        if begin.elapsed() > LONG {
            break;
        }
        for made_target in row {
            read(made, made_target, &mut of_made);
        }
        for _ in row {
            read(ready, target, &mut of_ready);
        }
    }
    (of_made, of_ready)
}

/// What a client decodes in a second of what it has in memory.
fn in_memory(page: &[u8], decode: Decode) -> Sum {
    let mut sum = Sum::default();
    while sum.1 < LONG / 4 {
        let body = page.to_vec().into();
        let begin = Instant::now();
        decode(body);
        sum.add(page.len(), begin);
    }
    sum
}

fn report(name: &str, made: Sum, ready: Sum, alone: Option<Sum>) {
    let alone = alone.map_or(String::new(), |alone| format!("{:.0}", alone.rate()));
    println!(
        "{name:<40}{:>8.0}{:>8.0}{:>8.2}{alone:>12}",
        made.rate(),
        ready.rate(),
        made.rate() / ready.rate()
    );
}

/// Serves pages that lie ready under the paths of their lists: as they are, or compressed for who asks for it.
async fn serve(pages: &[(RecordKind, Bytes)], gzip: bool) -> String {
    let mut router = Router::new();
    for (kind, page) in pages {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(page).unwrap();
        let packed = Bytes::from(packer.finish().unwrap());
        let page = page.clone();
        let handler = move |headers: http::HeaderMap| async move {
            let json = (header::CONTENT_TYPE, "application/json");
            if gzip && headers.contains_key(header::ACCEPT_ENCODING) {
                return ([json, (header::CONTENT_ENCODING, "gzip")], packed).into_response();
            }
            ([json], page).into_response()
        };
        router = router.route(&format!("/v3.1/{kind}"), get(handler));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A list, walked by the client of this workspace, and its first page lying ready, in turns.
async fn by_client(
    made: &District,
    ready: &District,
    kind: RecordKind,
    bytes: usize,
) -> (Sum, Sum) {
    let (mut of_made, mut of_ready) = (Sum::default(), Sum::default());
    let begin = Instant::now();
    let walk = || Box::pin(made.list(kind).limit(10_000).pages());
    let mut walked = walk();
    while begin.elapsed() < LONG {
        for _ in 0..ROW {
            let begin = Instant::now();
            let Some(page) = walked.next().await else {
                walked = walk();
                continue;
            };
            // The last page of a list is shorter.
            if page.unwrap().len() == PAGE {
                of_made.add(bytes, begin);
            }
        }
        for _ in 0..ROW {
            let begin = Instant::now();
            black_box(ready.list(kind).limit(10_000).first_page().await.unwrap());
            of_ready.add(bytes, begin);
        }
    }
    (of_made, of_ready)
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let size = arguments.iter().position(|one| one == "--size");
    let size = size.and_then(|at| arguments.get(at + 1).map(String::as_str));
    let students = match size.unwrap_or("metro") {
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
    let plain = EmulatorConfig {
        gzip: false,
        ..config.clone()
    };
    let plain = clever_emulator::start(plain).await.unwrap();
    let emulator = clever_emulator::start(config).await.unwrap();
    let address = emulator.base_url().authority().to_owned();
    let token = emulator.district_token().to_owned();
    let kinds = [RecordKind::Users, RecordKind::Sections];
    let pages = kinds.map(|kind| {
        let (_, page) = emulator.answer(&format!("/v3.1/{kind}"), &format!("limit={PAGE}"));
        (kind, Bytes::from(page))
    });
    let ready = serve(&pages, true).await;
    let ready_plain = serve(&pages, false).await;

    println!(
        "{:<40}{:>8}{:>8}{:>8}{:>12}",
        "MB of JSON a second", "made", "ready", "ratio", "in memory"
    );
    for (kind, page) in &pages {
        println!("{kind}, {:.1} MB a page:", page.len() as f64 / 1e6);
        let clients: [(&str, Option<Decode>); 4] = [
            ("read and thrown away", None),
            ("RawPage::split", Some(split)),
            match kind {
                RecordKind::Users => ("serde_json, typed", Some(typed::<User>)),
                _ => ("serde_json, typed", Some(typed::<Section>)),
            },
            ("serde_json, Value", Some(tree)),
        ];
        let first = format!("/v3.1/{kind}?limit={PAGE}");
        let (at_ready, at_made, token) = (ready.clone(), address.clone(), token.clone());
        let page = page.clone();
        let of_page = page.len();
        let read = tokio::task::spawn_blocking(move || {
            let mut made = Reader::new(&at_made, &token).unwrap();
            let mut static_page = Reader::new(&at_ready, &token).unwrap();
            let mut targets = vec![first.clone()];
            while let Some(last) = targets.last().filter(|_| targets.len() < 40) {
                assert_eq!(made.get(last).unwrap(), 200);
                match next(&made.body) {
                    Some(next) => targets.push(next),
                    None => break,
                }
            }
            // What is served to who makes nothing of it, and how fast the fastest reads who does.
            let (mut served, mut fastest) = (0.0, 0.0_f64);
            for (name, decode) in clients {
                let (of_made, of_ready) =
                    measure(&mut made, &targets, &mut static_page, &first, decode, None);
                let alone = decode.map(|decode| in_memory(&page, decode));
                report(name, of_made, of_ready, alone);
                match decode {
                    None => served = of_made.rate(),
                    Some(_) => fastest = fastest.max(of_ready.rate()),
                }
            }
            let gzip = "Accept-Encoding: gzip\r\n";
            (made.headers, static_page.headers) = (gzip, gzip);
            let bytes = Some(page.len());
            let (of_made, of_ready) =
                measure(&mut made, &targets, &mut static_page, &first, None, bytes);
            report("thrown away, compressed", of_made, of_ready, None);
            (served, fastest, of_made.rate())
        });
        let (served, mut fastest, served_packed) = read.await.unwrap();
        let client = |address: &str| {
            let options = ClientOptions {
                api_url: format!("http://{address}").parse().unwrap(),
                ..ClientOptions::default()
            };
            let token = clever_auth::DistrictAppToken::new(emulator.district_token()).unwrap();
            District::new(options, token).unwrap()
        };
        let plain_address = plain.base_url().authority();
        let mut fastest_packed = 0.0;
        for (name, made, ready) in [
            ("clever-client", plain_address, &ready_plain),
            (PACKED, address.as_str(), &ready),
        ] {
            let (made, ready, kind) = (client(made), client(ready), *kind);
            // On a thread of its own, as an app is a process of its own: the servers have theirs.
            let read = move || {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build().unwrap();
                runtime.block_on(by_client(&made, &ready, kind, of_page))
            };
            let (of_made, of_ready) = tokio::task::spawn_blocking(read).await.unwrap();
            report(name, of_made, of_ready, None);
            match name {
                PACKED => fastest_packed = of_ready.rate(),
                _ => fastest = fastest.max(of_ready.rate()),
            }
        }
        let of = |served: f64, read: f64| format!("{served:.0} : {read:.0} = {:.2}", served / read);
        println!(
            "served : read by the fastest client      {}; compressed {}",
            of(served, fastest),
            of(served_packed, fastest_packed)
        );
    }
    emulator.stop().await;
    plain.stop().await;
}
