//! A disk that is really full: the store, or the database's files, on a small file system that is filled until nothing
//! fits. The run says what is the matter and what to do, the store is whole, and once there is room the next run is
//! right.
//!
//! It needs Linux, `unshare` and `mount`: the test runs itself again in a mount namespace of its own, where it mounts a
//! tmpfs that nobody else sees and that goes with it. Root may do that, in a container with CAP_SYS_ADMIN; others
//! may if users can make namespaces. If neither is so, it says that it skips. PostgreSQL's
//! server runs as a user of its own, which takes root.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clever_model::RecordKind;
use tempfile::TempDir;

use crate::killed::{AUTO, FULL, Look, Scene, Store};
use crate::server::Server;

/// Set where the test runs in its namespace.
const INSIDE: &str = "CLEVER_SMALL_DISK";

/// Room on the small disk, in bytes.
const SIZE: u64 = 96 << 20;

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// Says whether this is the run in the namespace; else makes that run, or says why there is none.
pub(crate) fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let how = if is_root() { "-m" } else { "-rm" };
    let folder = TempDir::new().unwrap();
    let mut probe = Command::new("unshare");
    probe.args([how, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    let may = probe.arg(folder.path()).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: `unshare {how} mount -t tmpfs` is not allowed here, so there is no small disk"
        );
        return false;
    }
    let status = Command::new("unshare")
        .arg(how)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success());
    false
}

/// A small file system, filled as is wanted.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let size = format!("size={SIZE}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mount.unwrap().success());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn room(&self) -> u64 {
        let df = Command::new("df")
            .args(["--output=avail", "-B1"])
            .arg(self.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(df.stdout).unwrap();
        text.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Fills it but for so many bytes.
    fn fill(&self, but: u64) {
        let ballast = self.path("ballast");
        fs::write(
            &ballast,
            vec![0_u8; usize::try_from(self.room() - but).unwrap()],
        )
        .unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(
            Command::new("umount")
                .arg("-l")
                .arg(self.folder.path())
                .status(),
        );
    }
}

/// The run failed for want of room, and says so; no name of a person in it.
fn says_that_it_is_full(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "error: ",
        "the disk is full",
        "hint: free some space and run again",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Lets a run try with ever more room until it passes; the store is whole each time. Returns how often it failed.
async fn until_there_is_room(
    disk: &Disk,
    scene: &Scene,
    store: &Store,
    args: &[&str],
    old: &Look,
) -> u32 {
    let (mut room, mut failed) = (0_u64, 0);
    loop {
        disk.fill(room);
        let output = scene.command(args, &store.url()).output().unwrap();
        disk.free();
        let left = store.look().await;
        if output.status.success() {
            assert_eq!(left.runs, old.runs + 1);
            break;
        }
        says_that_it_is_full(&output);
        assert_eq!(left, *old, "with {room} bytes of room");
        failed += 1;
        room = (room + room / 2).max(64 << 10);
        assert!(room < SIZE, "it never passes");
    }
    let right = store.look().await;
    assert_eq!(right.users, scene.ids(RecordKind::Users));
    assert_eq!(right.sections, scene.ids(RecordKind::Sections));
    scene.run(args, &store.url());
    assert_eq!(store.look().await.seq, right.seq, "nothing is left to do");
    failed
}

async fn fill(disk: &Disk, scene: &Scene, store: &Store) {
    let empty = store.look().await;
    let failed = until_there_is_room(disk, scene, store, FULL, &empty).await;
    assert!(failed > 2, "the first load failed {failed} times");
    for args in [FULL, AUTO] {
        scene.emulator.advance_days(2);
        let old = store.look().await;
        let failed = until_there_is_room(disk, scene, store, args, &old).await;
        assert!(failed > 0, "{args:?} had room at once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_harms_no_sqlite_store() {
    if !inside("disk::a_full_disk_is_told_and_harms_no_sqlite_store") {
        return;
    }
    let disk = Disk::new();
    let scene = Scene::new(57, 150).await;
    let store = Store::Sqlite(disk.path("roster.db"));
    fill(&disk, &scene, &store).await;
}

/// Where PostgreSQL keeps the database's tables: the rest of the server has room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_harms_no_postgresql_store() {
    if !is_root() {
        eprintln!("skipped: without root there is no server beside a disk of our own");
        return;
    }
    if !inside("disk::a_full_disk_is_told_and_harms_no_postgresql_store") {
        return;
    }
    let disk = Disk::new();
    let Some(server) = Server::start() else {
        return;
    };
    let place = disk.path("tables");
    fs::create_dir(&place).unwrap();
    open_to_postgres(disk.folder.path(), &place);
    let store = Store::in_tablespace(server.url(), "roster", &place).await;
    let scene = Scene::new(58, 150).await;
    fill(&disk, &scene, &store).await;
    drop(server);
}

fn open_to_postgres(folder: &Path, place: &Path) {
    let done = Command::new("chmod").arg("755").arg(folder).status();
    assert!(done.unwrap().success());
    let done = Command::new("chown").arg("postgres").arg(place).status();
    assert!(done.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_05_a_full_disk_leaves_yesterdays_export_and_nothing_else() {
    if !inside("disk::field_05_a_full_disk_leaves_yesterdays_export_and_nothing_else") {
        return;
    }
    let disk = Disk::new();
    let scene = Scene::new(59, 150).await;
    let store = Store::Sqlite(scene.path("roster.db"));
    scene.run(FULL, &store.url());
    let formats: &[&str] = if cfg!(feature = "parquet") {
        &["csv", "oneroster", "parquet"]
    } else {
        &["csv", "oneroster"]
    };
    for format in formats {
        let folder = disk.path(format);
        let shown = folder.display().to_string();
        let export = ["export", "--format", format, &shown];
        fs::create_dir(&folder).unwrap();
        for name in ["students.csv", "oneroster.zip", "users.parquet"] {
            fs::write(folder.join(name), "yesterday's").unwrap();
        }
        disk.fill(16 << 10);
        let output = scene.command(&export, &store.url()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        disk.free();
        assert_eq!(output.status.code(), Some(1), "{format}: {text}");
        assert!(text.contains("hint: free some space"), "{format}: {text}");
        let left = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let left: Vec<Vec<u8>> = left.map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(left, vec![b"yesterday's"; 3], "{format}");
        scene.run(&export, &store.url());
    }
    // A plan is whole or not there as well.
    let plan = disk.path("plan").display().to_string();
    let args = ["sync", "--full", "--dry-run", "--plan", &plan];
    scene.emulator.advance_days(3);
    disk.fill(4 << 10);
    let output = scene.command(&args, &store.url()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    disk.free();
    let left = fs::read_dir(disk.folder.path()).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(left.count(), 0);
}
