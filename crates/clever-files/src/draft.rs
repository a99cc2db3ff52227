//! One file: written beside its place, and put there when all of it is on the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::part;

/// A file in the making. Dropped before it is published, it leaves what was there before.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    out: BufWriter<File>,
    /// The part's name, and a handle that keeps the lock on it; none for what is no file, as a pipe.
    part: Option<(TempPath, File)>,
}

impl Draft {
    /// Begins the file that is to be at `target`. What is no file there, as a pipe or `/dev/stdout`, is written to as it
    /// comes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn begin(target: &Path) -> io::Result<Self> {
        if is_stream(target) {
            let file = OpenOptions::new().write(true).open(target)?;
            return Ok(Self {
                target: target.to_owned(),
                out: BufWriter::new(file),
                part: None,
            });
        }
        let Some(name) = target.file_name() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let (folder, prefix) = (part::folder(target), part::prefix(name));
        part::sweep(folder, &prefix);
        for _ in 0..part::TRIES {
            let mut live = part::live();
            let (file, path) = part::builder(&prefix).tempfile_in(folder)?.into_parts();
            let Some(lock) = part::claim(&path, file.try_clone()?) else {
                continue;
            };
            live.push(path.to_path_buf());
            return Ok(Self {
                target: target.to_owned(),
                out: BufWriter::new(file),
                part: Some((path, lock)),
            });
        }
        Err(part::contended())
    }

    /// Lets everybody read the file: for what holds nothing of a person and is another program's to read.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn for_everybody(&self) -> io::Result<()> {
        #[cfg(unix)]
        if self.part.is_some() {
            use std::os::unix::fs::PermissionsExt as _;
            self.out
                .get_ref()
                .set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        Ok(())
    }

    /// A file without a name in the same folder, for what must be written before the rest. It goes with its handle.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn spare(&self) -> io::Result<File> {
        match self.part {
            Some(_) => tempfile::tempfile_in(part::folder(&self.target)),
            None => tempfile::tempfile(),
        }
    }

    /// Puts the file in its place, instead of what is there.
    ///
    /// # Errors
    ///
    /// What the system says; what was there before is there still.
    pub fn publish(self) -> io::Result<()> {
        self.put(|part, target| Ok(part.persist(target)?))
    }

    /// Puts the file in its place if nothing is there.
    ///
    /// # Errors
    ///
    /// What the system says, above all that something is there.
    pub fn publish_new(self) -> io::Result<()> {
        self.put(|part, target| Ok(part.persist_noclobber(target)?))
    }

    fn put(mut self, put: impl FnOnce(TempPath, &Path) -> io::Result<()>) -> io::Result<()> {
        self.out.flush()?;
        let Some((part, _lock)) = self.part.take() else {
            return Ok(());
        };
        self.out.get_ref().sync_all()?;
        let mut live = part::live();
        live.retain(|path| **path != *part);
        put(part, &self.target)?;
        part::sync_names(part::folder(&self.target));
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((part, _)) = self.part.take() {
            part::live().retain(|path| **path != *part);
        }
    }
}

/// Writes a file whole, or leaves what was there.
///
/// # Errors
///
/// What `write` or the system says.
pub fn write_whole<E: From<io::Error>>(
    target: &Path,
    write: impl FnOnce(&mut Draft) -> Result<(), E>,
) -> Result<(), E> {
    let mut draft = Draft::begin(target)?;
    write(&mut draft)?;
    Ok(draft.publish()?)
}

/// Says whether a path leads to what takes bytes as they come and has no place to put a file in.
fn is_stream(path: &Path) -> bool {
    // `/dev/stdout` may lead to a file, whose name is not ours to replace.
    path.starts_with("/dev")
        || path.starts_with("/proc")
        || path
            .metadata()
            .is_ok_and(|there| !there.is_file() && !there.is_dir())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn field_05_a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan");
        fs::write(&path, "yesterday's").unwrap();
        let mut draft = Draft::begin(&path).unwrap();
        draft.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(draft);
        let failed = write_whole(&path, |draft| {
            draft.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read(&path).unwrap(), b"yesterday's");
        write_whole::<io::Error>(&path, |draft| draft.write_all(b"today's")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"today's");
        assert!(Draft::begin(&path).unwrap().publish_new().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"today's");
        assert_eq!(names(folder.path()), ["plan"]);
    }

    #[test]
    fn field_05_what_a_killed_process_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan");
        fs::write(folder.path().join(".plan.Gq1xY7dKw2bz.partial"), "left").unwrap();
        fs::write(
            folder.path().join(".plans.Gq1xY7dKw2bz.partial"),
            "another's",
        )
        .unwrap();
        let mut first = Draft::begin(&path).unwrap();
        assert_eq!(
            names(folder.path()).len(),
            2,
            "left and another's, less one"
        );
        let mut second = Draft::begin(&path).unwrap();
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        first.publish().unwrap();
        second.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(
            names(folder.path()),
            [".plans.Gq1xY7dKw2bz.partial", "plan"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn field_f17_a_file_is_private_and_a_link_in_its_place_is_replaced() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        symlink(at("victim"), at("plan")).unwrap();
        let mut draft = Draft::begin(&at("plan")).unwrap();
        draft.write_all(b"names").unwrap();
        for name in names(folder.path())
            .iter()
            .filter(|name| name.starts_with('.'))
        {
            let mode = fs::metadata(at(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "from the first byte");
        }
        draft.publish().unwrap();
        assert_eq!(fs::read(at("victim")).unwrap(), b"precious");
        assert!(at("plan").symlink_metadata().unwrap().is_file());
        // One that others could read is not written into.
        fs::set_permissions(at("plan"), fs::Permissions::from_mode(0o644)).unwrap();
        Draft::begin(&at("plan")).unwrap().publish().unwrap();
        let mode = fs::metadata(at("plan")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        write_whole::<io::Error>(Path::new("/dev/null"), |draft| draft.write_all(b"x")).unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }
}
