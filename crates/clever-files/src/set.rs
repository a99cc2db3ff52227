//! Files that belong together: written into a folder of their own, and put in their places when all are on the disk.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::part;

/// How the folder of the parts begins, inside the folder that it is for.
const INSIDE: &str = ".export.";

/// Where the files that are replaced wait until all new ones are in their places.
const OLD: &str = ".old";

/// Files in the making that are to be in one folder. Dropped before they are published, they leave what was there.
///
/// A folder that is not there yet appears with all of them at once. In one that is there, each file takes the place of
/// the one before by a rename, one after the other in the order in which they were made: no reader sees half a file, and an
/// error takes back the files that were put in their places before it. A reader between two renames sees the new and the old.
#[derive(Debug)]
pub struct FileSet {
    target: PathBuf,
    parts: Option<TempDir>,
    /// Keeps the lock on the parts.
    _lock: Option<File>,
    /// Whether the folder was not there.
    new: bool,
    names: Vec<PathBuf>,
}

impl FileSet {
    /// Begins files that are to be in the folder `target`, which need not be there.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn begin(target: &Path) -> io::Result<Self> {
        let there = match target.metadata() {
            Ok(there) if there.is_dir() => true,
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let name = target.file_name();
        let beside = name.map(|name| (part::folder(target), part::prefix(name)));
        if let Some((folder, prefix)) = &beside {
            // Left by a process that was killed before the folder was there.
            part::sweep(folder, prefix);
        }
        let (folder, prefix) = match beside {
            Some(beside) if !there => beside,
            _ => (target, OsString::from(INSIDE)),
        };
        crate::make_private_folder(folder)?;
        let (parts, lock) = Self::claim(folder, &prefix)?;
        Ok(Self {
            target: target.to_owned(),
            parts: Some(parts),
            _lock: lock,
            new: !there && name.is_some(),
            names: Vec::new(),
        })
    }

    fn claim(folder: &Path, prefix: &OsStr) -> io::Result<(TempDir, Option<File>)> {
        part::sweep(folder, prefix);
        let mut builder = part::builder(prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        for _ in 0..part::TRIES {
            let mut live = part::live();
            let parts = builder.tempdir_in(folder)?;
            // Elsewhere a folder can't be opened, and nothing is swept.
            let opened = File::open(parts.path()).ok();
            let lock = opened.map(|opened| part::claim(parts.path(), opened));
            if matches!(lock, Some(None)) {
                continue;
            }
            live.push(parts.path().to_owned());
            return Ok((parts, lock.flatten()));
        }
        Err(part::contended())
    }

    /// The folder that the files are for.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes a file of the set; `name` may lead into a folder of the target.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create(&mut self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = self.create_aside(name.as_ref())?;
        self.names.push(name.as_ref().to_owned());
        Ok(file)
    }

    /// Makes a file that is no part of the set and goes with the parts.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create_aside(&mut self, name: impl AsRef<Path>) -> io::Result<File> {
        // Not while a handler of signals removes the parts.
        let _live = part::live();
        let path = self.parts()?.join(name);
        crate::make_private_folder(part::folder(&path))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }

    /// Opens a file that was made, to read it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(&self, name: impl AsRef<Path>) -> io::Result<File> {
        File::open(self.parts()?.join(name))
    }

    fn parts(&self) -> io::Result<&Path> {
        let parts = self.parts.as_ref().map(TempDir::path);
        parts.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Puts all files in their places. Another process that does the same in the same folder waits.
    ///
    /// # Errors
    ///
    /// What the system says; what was there before is there still.
    pub fn publish(mut self) -> io::Result<()> {
        let parts = self.parts()?.to_owned();
        let mut folders = vec![parts.clone()];
        for name in &self.names {
            let path = parts.join(name);
            OpenOptions::new().write(true).open(&path)?.sync_all()?;
            folders.push(part::folder(&path).to_owned());
        }
        folders.dedup();
        for folder in folders {
            part::sync_names(&folder);
        }
        if self.new && !self.target.exists() {
            self.clear()?;
            let mut live = part::live();
            if fs::rename(&parts, &self.target).is_ok() {
                live.retain(|path| *path != parts);
                drop(self.parts.take().map(TempDir::keep));
                part::sync_names(part::folder(&self.target));
                return Ok(());
            }
        }
        // Somebody made the folder meanwhile, or it was there.
        crate::make_private_folder(&self.target)?;
        let lock = File::open(&self.target).ok();
        if let Some(lock) = &lock {
            // If a folder can't be locked, two at once would mix their files; nothing else would be lost.
            drop(lock.lock());
        }
        // After the folder's lock, which may take its time: a handler of signals waits for this one.
        let mut live = part::live();
        self.replace(&parts)?;
        live.retain(|path| *path != parts);
        drop(self.parts.take());
        part::sync_names(&self.target);
        Ok(())
    }

    /// Removes the files that are no part of the set.
    fn clear(&self) -> io::Result<()> {
        let parts = self.parts()?;
        for entry in fs::read_dir(parts)? {
            let entry = entry?;
            let name = PathBuf::from(entry.file_name());
            if !self.names.iter().any(|part| part.starts_with(&name)) {
                fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Renames each file to its place; takes back what was done where one can't be.
    fn replace(&self, parts: &Path) -> io::Result<()> {
        let old = parts.join(OLD);
        let mut done: Vec<(&PathBuf, Before)> = Vec::new();
        let renamed = self.names.iter().try_for_each(|name| {
            let (from, to, aside) = (parts.join(name), self.target.join(name), old.join(name));
            crate::make_private_folder(part::folder(&to))?;
            crate::make_private_folder(part::folder(&aside))?;
            // A second name for the old file: its own place is never empty.
            let before = match fs::hard_link(&to, &aside) {
                Ok(()) => Before::Kept,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Before::Nothing,
                Err(_) => Before::Unknown,
            };
            fs::rename(&from, &to)?;
            done.push((name, before));
            Ok(())
        });
        if renamed.is_err() {
            for (name, before) in done.into_iter().rev() {
                let place = self.target.join(name);
                // The first error is the one to tell.
                drop(match before {
                    Before::Kept => fs::rename(old.join(name), place),
                    Before::Nothing => fs::remove_file(place),
                    Before::Unknown => Ok(()),
                });
            }
        }
        renamed
    }
}

/// What was in a file's place.
enum Before {
    Kept,
    Nothing,
    /// The file system has no second names; the new file stays.
    Unknown,
}

impl Drop for FileSet {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            part::live().retain(|path| *path != parts.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write;

    use super::*;

    /// Every file below a folder and what it says.
    fn look(folder: &Path) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.extend(look(&path));
            } else {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                all.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
        all
    }

    fn fill(set: &mut FileSet, text: &str) {
        for name in ["a.csv", "b.csv", "changes/c.csv"] {
            set.create(name)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        }
        let aside = set.create_aside("spare").unwrap();
        (&aside).write_all(b"spare").unwrap();
    }

    fn all(text: &str) -> BTreeMap<String, String> {
        ["a.csv", "b.csv", "c.csv"]
            .map(|name| (name.to_owned(), text.to_owned()))
            .into()
    }

    #[test]
    fn field_05_a_set_is_there_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/set");
        let mut set = FileSet::begin(&target).unwrap();
        fill(&mut set, "first");
        assert!(!target.exists());
        set.publish().unwrap();
        assert_eq!(look(folder.path()), all("first"));
        let mut set = FileSet::begin(&target).unwrap();
        fill(&mut set, "second");
        drop(set);
        assert_eq!(look(folder.path()), all("first"));
        let mut set = FileSet::begin(&target).unwrap();
        fill(&mut set, "third");
        set.publish().unwrap();
        assert_eq!(look(folder.path()), all("third"));
        assert_eq!(fs::read_dir(&target).unwrap().count(), 3);
    }

    #[test]
    fn field_05_a_rename_that_fails_takes_back_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path();
        fs::write(target.join("b.csv"), "old").unwrap();
        fs::create_dir(target.join("z.csv")).unwrap();
        let mut set = FileSet::begin(target).unwrap();
        fill(&mut set, "new");
        set.create("z.csv").unwrap();
        set.publish().unwrap_err();
        assert_eq!(
            look(target),
            [("b.csv".to_owned(), "old".to_owned())].into()
        );
    }

    #[test]
    fn field_05_what_a_killed_process_left_goes_and_sets_at_once_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".export.Gq1xY7dKw2bz.partial");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("a.csv"), "left").unwrap();
        let mut one = FileSet::begin(folder.path()).unwrap();
        let mut other = FileSet::begin(folder.path()).unwrap();
        fill(&mut one, "one");
        fill(&mut other, "other");
        other.publish().unwrap();
        assert!(!left.exists());
        one.publish().unwrap();
        assert_eq!(look(folder.path()), all("one"));
        // Beside a folder that somebody made meanwhile.
        let beside = folder.path().join(".changes.Gq1xY7dKw2bz.partial");
        fs::create_dir(&beside).unwrap();
        drop(FileSet::begin(&folder.path().join("changes")).unwrap());
        assert!(!beside.exists());
        // Two that both make the folder.
        let target = folder.path().join("new");
        let mut one = FileSet::begin(&target).unwrap();
        let mut other = FileSet::begin(&target).unwrap();
        fill(&mut one, "one");
        fill(&mut other, "other");
        other.publish().unwrap();
        one.publish().unwrap();
        assert_eq!(look(&target), all("one"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn field_f17_files_and_folders_of_a_set_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set");
        let mut set = FileSet::begin(&target).unwrap();
        fill(&mut set, "names");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(set.parts().unwrap()), 0o700);
        assert_eq!(mode(&set.parts().unwrap().join("a.csv")), 0o600);
        set.publish().unwrap();
        assert_eq!(
            (mode(&target), mode(&target.join("changes"))),
            (0o700, 0o700)
        );
    }
}
