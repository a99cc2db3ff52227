//! What is being written and has not its name yet: how it is called, who has it, and how it goes away.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::Builder;

/// How the name of a part ends.
const END: &str = ".partial";

/// Longest part of a target's name that is kept in a part's: a name has 255 bytes at most.
const MAX_NAME: usize = 160;

/// How often a part is made again because another process took it for an abandoned one.
pub(crate) const TRIES: u32 = 8;

/// The parts that this process writes. Whoever makes one, or gives one its name, has the lock meanwhile.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Waits until no other thread makes a part or gives one its name.
pub(crate) fn live() -> MutexGuard<'static, Vec<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes everything that this process is writing and that has not its name yet, and lets it write nothing more: for
/// a handler of signals that ends the process next. What takes its place in this moment is waited for.
pub fn abandon() {
    let mut live = live();
    for part in live.drain(..) {
        // The process ends: there is nobody to tell, and the next one cleans up.
        drop(fs::remove_file(&part).or_else(|_| fs::remove_dir_all(&part)));
    }
    // Not given back: a thread that still writes must make no new part.
    std::mem::forget(live);
}

/// The folder that a path's file is in.
#[must_use]
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How the names of the parts of a target begin.
pub(crate) fn prefix(target: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    match target.to_str() {
        Some(name) if name.len() > MAX_NAME => {
            let end = name.floor_char_boundary(MAX_NAME);
            prefix.push(name.get(..end).unwrap_or_default());
        }
        _ => prefix.push(target),
    }
    prefix.push(".");
    prefix
}

/// Makes parts whose names begin with a prefix and go on at random; they are their owner's alone.
pub(crate) fn builder(prefix: &OsStr) -> Builder<'_, 'static> {
    let mut builder = Builder::new();
    builder.prefix(prefix).suffix(END).rand_bytes(12);
    builder
}

/// Takes a part for this process: the lock ends with the value, or with the process. `None` where another process
/// took it for left behind.
pub(crate) fn claim(part: &Path, file: File) -> Option<File> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        // If nothing can be locked, nothing is swept either.
        _ => part.symlink_metadata().is_ok().then_some(file),
    }
}

/// Removes the parts with this prefix that killed processes left in a folder: those that nobody has locked.
pub(crate) fn sweep(folder: &Path, prefix: &OsStr) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_part = name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(END.as_bytes());
        let Some(kind) = entry.file_type().ok().filter(|_| is_part) else {
            continue;
        };
        let path = entry.path();
        if !(kind.is_dir() || kind.is_file()) {
            continue;
        }
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // One that can't be removed does no harm; the next process tries again.
            drop(if kind.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            });
        }
    }
}

/// Writes a folder's names to the disk. Some file systems can't, and keep them in another way.
pub(crate) fn sync_names(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        drop(folder.sync_all());
    }
}

/// Tells that another process wrote to the same place again and again.
pub(crate) fn contended() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "others write to the same place",
    )
}
