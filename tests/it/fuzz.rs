//! The fuzz targets' functions over the corpus and over changed copies of it: always the same ones, so that a
//! failure comes back.

use std::fs;
use std::path::Path;

/// The targets' own code; fuzz/ is a workspace of its own, for nightly toolchains.
#[expect(
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a target fails by panicking"
)]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Changed copies of each file; `CLEVER_FUZZ_COPIES` asks for more.
fn copies() -> u64 {
    let more = std::env::var("CLEVER_FUZZ_COPIES").ok();
    more.and_then(|number| number.parse().ok()).unwrap_or(400)
}

/// A small generator of numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// One change as fuzzers make them: a byte, a cut, a doubling, a piece of another file.
fn changed(bytes: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let at = numbers.below(copy.len());
    match numbers.below(5) {
        0 if !copy.is_empty() => copy[at] ^= 1 << numbers.below(8),
        1 if !copy.is_empty() => copy[at] = b"&=%./?#\\\"\0 \n"[numbers.below(12)],
        2 => copy.truncate(at),
        3 => {
            let part = copy[at..].to_vec();
            copy.extend(part);
        }
        _ => {
            let from = numbers.below(other.len());
            copy.splice(at..at, other[from..].iter().copied());
        }
    }
    copy
}

/// Runs a target over its corpus; `good` are further inputs that must be accepted.
fn run(name: &str, target: fn(&[u8]) -> bool, good: &[Vec<u8>]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(name);
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.extend(good.iter().map(|bytes| ("good".to_owned(), bytes.clone())));
    files.sort();
    assert!(files.iter().any(|(name, _)| name.starts_with("good")));
    let mut numbers = Numbers(1);
    for (file, bytes) in &files {
        assert_eq!(target(bytes), file.starts_with("good"), "{name}/{file}");
        for _ in 0..copies() {
            let other = numbers.below(files.len());
            let mut copy = changed(bytes, &files[other].1, &mut numbers);
            if numbers.below(3) == 0 {
                copy = changed(&copy, bytes, &mut numbers);
            }
            target(&copy);
        }
    }
}

#[test]
fn fuzz_callbacks() {
    run("callback", targets::callback, &[]);
}

#[test]
fn fuzz_id_tokens() {
    run("id_token", targets::id_token, &[]);
}

#[test]
fn fuzz_return_paths() {
    run("return_path", targets::return_path, &[]);
}

#[test]
fn fuzz_sealed_cookies() {
    let good = targets::good_cookie().into_bytes();
    run("sealed_cookie", targets::sealed_cookie, &[good]);
}

#[test]
fn fuzz_account_decisions() {
    run("decision", targets::accounts::decision, &[]);
}

#[test]
fn fuzz_the_ledger() {
    run("ledger", targets::accounts::ledger, &[]);
}

#[test]
fn fuzz_pages() {
    run("page", targets::roster::page, &[]);
}

#[test]
fn fuzz_records() {
    run("record", targets::roster::record, &[]);
}

#[test]
fn fuzz_events() {
    run("event", targets::roster::event, &[]);
}

#[tokio::test]
async fn fuzz_plans() {
    let ground = crate::ground::Ground::new(91, 5).await;
    let path = ground.folder().join("good.plan");
    let options = clever_sync::SyncOptions {
        dry_run: true,
        plan: Some(path.clone()),
        ..clever_sync::SyncOptions::default()
    };
    let policy = clever_sync::SyncPolicy::default();
    drop(ground.sync_with(&options, &policy).await.unwrap());
    run("plan", targets::roster::plan, &[fs::read(path).unwrap()]);
}

#[test]
fn fuzz_policies() {
    run("policy", targets::roster::policy, &[]);
}
