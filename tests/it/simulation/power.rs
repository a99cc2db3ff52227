//! What a power cut leaves over SQLite, as far as the file system keeps what it was told to sync: of a log any
//! beginning, with anything after it; of a checkpoint any of its pages, beside the whole log. The store that is opened
//! then is the old one or the new one. And of what a run had staged any beginning: the next run ends as if nothing
//! had been.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clever_model::ManualClock;
use clever_sync::{AnyStore, SyncOptions, SyncPolicy, SyncReport, Way, sync};
use tempfile::TempDir;

use super::chance::Chance;
use super::kept::{Kept, Line};
use super::list::Case;
use super::server::Server;
use super::source::{Counting, Source};

type Rows = BTreeMap<String, Vec<Line>>;

/// A file's name with an ending: the log of a store, what is staged beside it.
fn with(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Copies a file as another process would: closing it in this one would give up SQLite's locks on it.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg(from).arg(to).status();
    assert!(done.unwrap().success());
}

/// What lies on the disk: the file, and its log.
struct Disk {
    folder: TempDir,
    district: String,
    cases: Cell<u32>,
}

impl Disk {
    /// What a store says that was left so.
    async fn read(&self, file: &[u8], log: &[u8]) -> Rows {
        let number = self.cases.replace(self.cases.get() + 1);
        let path = self.folder.path().join(format!("{number}.db"));
        fs::write(&path, file).unwrap();
        fs::write(with(&path, "-wal"), log).unwrap();
        let kept = Kept::sqlite(path.clone());
        let whole = kept.rows("PRAGMA integrity_check").await;
        assert_eq!(whole, [[Some("ok".to_owned())]]);
        let rows = kept.all(&self.district).await;
        drop(kept);
        fs::remove_file(path).unwrap();
        rows
    }
}

#[tokio::test]
async fn a_log_that_was_cut_or_a_checkpoint_half_done_leaves_the_old_store_or_the_new_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("roster.db");
    let kept = Kept::sqlite(path.clone());
    let case = Case::new(&kept, 991, 8).await;
    kept.edit("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let old = kept.all(&case.district).await;
    let before = folder.path().join("before");
    copy(&path, &before);
    case.server.act(|emulator| drop(emulator.advance_days(1)));
    drop(case.sync(Way::Auto).await.unwrap());
    let new = kept.all(&case.district).await;
    assert_ne!(old, new);
    let (file, log) = (folder.path().join("file"), folder.path().join("log"));
    copy(&path, &file);
    copy(&with(&path, "-wal"), &log);
    kept.edit("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let after = folder.path().join("after");
    copy(&path, &after);
    let [before, file, log, after] = [before, file, log, after].map(|path| fs::read(path).unwrap());
    assert_eq!(before, file, "a commit writes to the log alone");
    let disk = Disk {
        folder: TempDir::new().unwrap(),
        district: case.district.clone(),
        cases: Cell::new(0),
    };
    assert!(disk.read(&file, &log).await == new);
    assert!(disk.read(&file, &[]).await == old);
    let page = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let frame = page + 24;
    let frames = (log.len() - 32) / frame;
    assert!(frames > 10, "{frames} frames");

    // The log ends at a byte: at the ends of its frames, beside them, and between.
    let mut ends: Vec<usize> = (0..=frames)
        .map(|number| 32 + number * frame)
        .flat_map(|end| [end - 1, end, end + 1, end + frame / 3])
        .filter(|end| *end <= log.len())
        .chain([0, 1, 16, 31])
        .collect();
    ends.sort_unstable();
    let mut chance = Chance::new(991);
    let mut committed = None;
    for end in ends {
        // After its end: nothing, nothing but zeros, or what lay there before.
        let rest = log.len() - end;
        let noise: Vec<u8> = (0..rest).map(|_| chance.below(256) as u8).collect();
        for (what, tail) in [
            ("nothing", vec![]),
            ("zeros", vec![0; rest]),
            ("noise", noise),
        ] {
            let left = [&log[..end], &tail].concat();
            let found = disk.read(&file, &left).await;
            let is_new = found == new;
            assert!(is_new || found == old, "{what} from byte {end}: neither");
            match committed {
                // Once the commit is there, it stays; until then it is not seen.
                Some(_) => assert!(is_new, "{what} from byte {end}: lost"),
                None if is_new => committed = Some(end),
                None => {}
            }
        }
    }
    let committed = committed.unwrap();
    assert_eq!((committed - 32) % frame, 0);

    // A bit of it is another: nothing of the commit counts.
    for _ in 0..100 {
        let mut left = log.clone();
        let at = chance.below(committed);
        left[at] ^= 1 << chance.below(8);
        assert!(disk.read(&file, &left).await == old, "byte {at}");
    }

    // A checkpoint has written some of its pages, in whatever order.
    let pages = after.len().div_ceil(page);
    for _ in 0..100 {
        let mut left = file.clone();
        for number in 0..pages {
            let place = number * page..(number + 1) * page;
            if chance.once_in(2) {
                if left.len() < place.end {
                    left.resize(place.end, 0);
                }
                left[place.clone()].copy_from_slice(&after[place]);
            }
        }
        assert!(
            disk.read(&left, &log).await == new,
            "a checkpoint half done"
        );
    }
}

async fn snapshot(server: &Server, store: &mut AnyStore, watch: impl Fn()) -> SyncReport {
    let mut source = Source::fine(server, 12);
    source.counting = Counting::Pages;
    source.watch = Box::new(watch);
    let clock = ManualClock::at(server.now());
    let options = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let policy = SyncPolicy::default();
    sync(&source, store, &policy, &options, &clock, &())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_run_goes_on_rightly_from_any_beginning_of_what_was_staged() {
    let server = Server::start(992, 10).await;
    server.act(|emulator| drop(emulator.advance_days(1)));
    let district = server.district_id();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("roster.db");
    let staging = format!("-staging-{district}");
    let kept = Kept::sqlite(path.clone());
    drop(snapshot(&server, &mut kept.open().await, || {}).await);
    server.act(|emulator| drop(emulator.advance_days(1)));
    kept.edit("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let base = folder.path().join("base");
    copy(&path, &base);
    // The same run, whose staging area is copied at each answer: the power may go at any of them.
    let copies = Cell::new(0);
    let report = snapshot(&server, &mut kept.open().await, || {
        let staged = with(&path, &staging);
        if staged.exists() {
            let to = folder.path().join(format!("staged-{}", copies.get()));
            copy(&staged, &to);
            copy(&with(&staged, "-wal"), &with(&to, "-wal"));
            copies.set(copies.get() + 1);
        }
    })
    .await;
    assert!(!report.is_unchanged());
    let end = kept.all(&district).await;
    assert!(copies.get() > 8, "{} copies", copies.get());
    let (mut resumed, mut anew) = (0, 0);
    for number in 0..copies.get() {
        let staged = folder.path().join(format!("staged-{number}"));
        let (file, log) = (
            fs::read(&staged).unwrap(),
            fs::read(with(&staged, "-wal")).unwrap(),
        );
        for part in 0..=4 {
            // Also of its last page's writing: one byte is missing.
            let log = &log[..(log.len() * part / 4).saturating_sub(usize::from(part == 3))];
            let case = TempDir::new_in(folder.path()).unwrap();
            let path = case.path().join("roster.db");
            copy(&base, &path);
            fs::write(with(&path, &staging), &file).unwrap();
            fs::write(with(&path, &format!("{staging}-wal")), log).unwrap();
            let kept = Kept::sqlite(path);
            let report = snapshot(&server, &mut kept.open().await, || {}).await;
            match report.resumed {
                Some(_) => resumed += 1,
                None => anew += 1,
            }
            assert!(
                kept.all(&district).await == end,
                "copy {number}, part {part}"
            );
        }
    }
    assert!(resumed > 0 && anew > 0, "{resumed} {anew}");
}
