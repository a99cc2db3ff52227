//! Files of personal data: only their owner reads them, from the first byte, and each is whole or not there.
//!
//! What is written gets a random name beside its place first. It is never opened through a link that somebody laid
//! there, and it takes its place when all of it is on the disk. An error removes it; so does [`abandon`], for a handler of
//! signals; what a killed process left is removed by the next one that writes to the same place.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(
    clippy::disallowed_methods,
    reason = "this is the place that makes files"
)]

mod draft;
mod part;
mod set;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

pub use draft::{Draft, write_whole};
pub use part::{abandon, folder};
pub use set::FileSet;

/// Makes an empty file that only its owner may read, if nothing has that name. One that is there is not opened and
/// stays as it is: a database may have locks on it, which closing it would give up.
///
/// # Errors
///
/// What the system says, if there is no file and none can be made.
pub fn make_private(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    // Closed before it gets its name, for the same reason.
    let prefix = part::prefix(path.file_name().unwrap_or_default());
    let made = part::builder(&prefix).tempfile_in(folder(path))?;
    match made.into_temp_path().persist_noclobber(path) {
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => Ok(made?),
    }
}

/// Opens a file to lock, and makes it if there is none. It is its owner's alone, and never what a link leads to.
///
/// # Errors
///
/// What the system says; a link is an error.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Makes a folder, and those above it, if there is none; what is made is open to its owner alone.
///
/// # Errors
///
/// What the system says, above all if a file has that name.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Says whether this process may write a file or make files in a folder, without opening it: the rights, and a file
/// system that is mounted to be read alone.
#[must_use]
pub fn is_writable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    }
    #[cfg(not(unix))]
    {
        path.metadata()
            .is_ok_and(|there| there.is_dir() || !there.permissions().readonly())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn field_f17_what_is_made_is_its_owners_alone_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        make_private(&at("a.db")).unwrap();
        assert_eq!(mode(&at("a.db")), 0o600);
        fs::write(at("a.db"), "kept").unwrap();
        make_private(&at("a.db")).unwrap();
        assert_eq!(fs::read(at("a.db")).unwrap(), b"kept");
        fs::write(at("victim"), "precious").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("lock")).unwrap();
        assert!(open_lock(&at("lock")).is_err());
        fs::remove_file(at("lock")).unwrap();
        fs::write(at("lock"), "").unwrap();
        fs::set_permissions(
            at("lock"),
            std::os::unix::fs::PermissionsExt::from_mode(0o644),
        )
        .unwrap();
        open_lock(&at("lock")).unwrap();
        assert_eq!(mode(&at("lock")), 0o600, "an old mode does not stay");
        make_private_folder(&at("one/two")).unwrap();
        assert_eq!((mode(&at("one")), mode(&at("one/two"))), (0o700, 0o700));
        assert_eq!(fs::read(at("victim")).unwrap(), b"precious");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
