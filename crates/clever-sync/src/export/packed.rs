//! Files put into one zip, without compression: one file after the other, however large they are.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clever_files::FileSet;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::export::{ExportError, ExportFormat, Exported, export};
use crate::store::sql::{RosterDb, SqlStore};

/// A file of so many bytes needs the 64-bit form of a zip, which not every reader knows.
const LARGE: u64 = u32::MAX as u64;

/// The one file of `OneRoster`.
pub(super) const ONEROSTER: &str = "oneroster.zip";

/// The one file of an export that is to be sent.
const ZIP: &str = "roster.zip";

/// Writes a district's roster as one zip in `folder`, for whoever is to get a single file; returns its path. `OneRoster` is one
/// already. The other files of the export lie beside it: `folder` is to be the caller's own, and to go.
///
/// # Errors
///
/// [`ExportError`] names the file.
pub async fn export_packed<B: RosterDb>(
    store: &mut SqlStore<B>,
    district_id: &str,
    format: ExportFormat,
    folder: &Path,
) -> Result<(PathBuf, Exported), ExportError> {
    let exported = export(store, district_id, format, folder).await?;
    if format == ExportFormat::OneRoster {
        return Ok((folder.join(ONEROSTER), exported));
    }
    let path = folder.join(ZIP);
    let packed = || {
        let mut set = FileSet::begin(folder)?;
        let zip = set.create(ZIP)?;
        pack(zip, exported.files.keys(), |name| {
            File::open(folder.join(name))
        })?;
        set.publish()
    };
    match packed() {
        Ok(()) => Ok((path, exported)),
        Err(source) => Err(ExportError::File { path, source }),
    }
}

/// Puts files into a zip, in this order.
pub(super) fn pack<'a>(
    into: File,
    names: impl Iterator<Item = &'a String>,
    open: impl Fn(&str) -> io::Result<File>,
) -> io::Result<()> {
    let mut zip = ZipWriter::new(into);
    for name in names {
        let mut file = open(name)?;
        zip.start_file(name.as_str(), stored(file.metadata()?.len()))
            .map_err(io::Error::other)?;
        io::copy(&mut file, &mut zip)?;
    }
    zip.finish().map_err(io::Error::other)?.flush()
}

/// How a file of so many bytes is put into the zip.
fn stored(bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(bytes >= LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_07_only_a_file_of_four_gib_is_marked_as_large() {
        for (bytes, sizes) in [(200, 0), (LARGE - 1, 0), (LARGE, 2), (LARGE + 1, 2)] {
            let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
            zip.start_file("users.csv", stored(bytes)).unwrap();
            zip.write_all(b"sourcedId").unwrap();
            let zip = zip.finish().unwrap().into_inner();
            // Both sizes in the file's own header are then elsewhere.
            let found = zip.windows(4).filter(|bytes| *bytes == [0xff; 4]).count();
            assert_eq!(found.min(2), sizes, "{bytes} bytes");
        }
    }
}
