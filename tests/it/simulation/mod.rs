//! Whole lives of a district from one number: things happen to it, answers break, the store fails, people plan,
//! approve, undo and edit; after every step the invariants of the promise (docs/reliability.md).
//!
//! | Invariant | Where |
//! |---|---|
//! | (1) the store is what was sent, corrected by the events up to the cursor | `the_store_is_what_was_told`, `compare` |
//! | (2) one entry of the feed a change, without a gap; replayed, it is the tables | `the_feed_tells_each_change_once`, `the_feed_replays_to_the_tables` |
//! | (3) a reader sees the old state or the new one | `Life::run`, `list::a_reader_sees_the_old_state_or_the_new_one` |
//! | (4) the same input again writes no row | `Life::again`, `Life::settle` |
//! | (5) no archiving without a certificate, and within the guard | `the_store_is_what_was_told`, `the_guard_held` |
//! | (6) the cursor is not ahead of what was applied | `the_cursor_is_not_ahead` |
//! | (7) a run that fails at any call leaves the store as it was; one that continues its walk keeps (1) to (6) | `Life::judge` |
//!
//! `CLEVER_SEEDS` says how many lives, `CLEVER_SEED` which is the first; `cargo xtask simulate` sets both.

pub(crate) mod chance;
mod crash;
mod cuts;
mod http;
mod invariants;
pub(crate) mod kept;
mod life;
mod list;
mod power;
mod rows;
mod server;
mod source;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tempfile::TempDir;

use self::kept::Kept;
use self::life::Life;

/// Lives that share a store, one district after the other.
const SHARED: u64 = 8;

/// Tests among which the lives are divided.
const PARTS: u64 = 4;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

/// Lives one life, and tells its story if it fails.
///
/// Says how often a run continued where another had failed.
async fn live(seed: u64, kept: &Kept) -> u32 {
    let folder = TempDir::new().unwrap();
    let story = RefCell::default();
    let life = async {
        let mut life = Life::begin(seed, kept, folder.path().to_owned(), &story).await;
        let others = life::others(kept, life.district()).await;
        life.live().await;
        assert_eq!(
            life::others(kept, life.district()).await,
            others,
            "another district"
        );
        life.resumed
    };
    let ended = AssertUnwindSafe(life).catch_unwind().await;
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        panic!(
            "replay with `cargo xtask simulate --seed {seed} --seeds 1`:\n{}\n{}",
            story.borrow().join("\n"),
            text.unwrap_or_default()
        )
    })
}

/// Lives the part of the lives that is this test's.
async fn lives(part: u64) {
    let (first, seeds) = (number("CLEVER_SEED", 1), number("CLEVER_SEEDS", 300));
    let all: Vec<u64> = (first..first + seeds)
        .filter(|seed| (seed - first) % PARTS == part)
        .collect();
    let mut resumed = 0;
    for seeds in all.chunks(SHARED as usize) {
        let folder = TempDir::new().unwrap();
        let kept = Kept::sqlite(folder.path().join("roster.db"));
        for seed in seeds {
            resumed += live(*seed, &kept).await;
        }
    }
    eprintln!(
        "{} lives, {resumed} runs continued where another had failed",
        all.len()
    );
    assert!(
        resumed > 0 || all.len() < 50,
        "no run continued another's walk"
    );
}

#[tokio::test]
async fn lives_1_of_4() {
    lives(0).await;
}

#[tokio::test]
async fn lives_2_of_4() {
    lives(1).await;
}

#[tokio::test]
async fn lives_3_of_4() {
    lives(2).await;
}

#[tokio::test]
async fn lives_4_of_4() {
    lives(3).await;
}

/// The same over PostgreSQL, where `CLEVER_TEST_POSTGRES` names a server.
#[tokio::test]
async fn lives_over_postgresql() {
    let Some(url) = crate::stores::database("lives").await else {
        return;
    };
    let kept = Kept::postgres(&url).await;
    let (first, seeds) = (number("CLEVER_SEED", 1), number("CLEVER_SEEDS", 300));
    // A life takes longer here; its seeds are those of the others.
    for seed in first..first + seeds.div_ceil(20) {
        live(seed, &kept).await;
    }
}
