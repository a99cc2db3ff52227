//! Upkeep: many small files into few large ones, and files away that no version of the last days needs.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use clever_model::{Clock, Timestamp};
use deltalake::operations::vacuum::VacuumMode;
use deltalake::protocol::DeltaOperation;

use crate::columns::DISTRICT;
use crate::rewrite::{Reading, Replacement};
use crate::table::{DataFile, LOG, Lake, TableError};

/// A file that is larger is left as it is.
pub const FILE_SIZE: u64 = 128 << 20;

/// A file that no log names is another's who is about to commit, as long as it is younger.
const YOUNG: Duration = Duration::from_secs(24 * 3600);

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// So many files were written again.
    pub files_before: u64,
    /// Into so many.
    pub files_after: u64,
}

/// Writes small files of a district again as fewer ones of at most about `size` bytes: of all districts, if none is named. The
/// rows stay as they are, and readers see the table before it or after it.
///
/// # Errors
///
/// [`TableError`]; what was committed before it stays.
pub async fn compact(
    lake: &mut Lake,
    district: Option<&str>,
    size: u64,
) -> Result<Compacted, TableError> {
    lake.look().await?;
    let mut done = Compacted::default();
    for together in bins(&lake.files(district)?, size) {
        let mut replacement = Replacement::of(lake, &together, false)?;
        for file in &together {
            let mut reading = Reading::open(lake, file)?;
            while let Some(rows) = reading.next()? {
                replacement.write(rows).await?;
            }
        }
        let operation = DeltaOperation::Optimize {
            predicate: None,
            target_size: i64::try_from(size).unwrap_or(i64::MAX),
        };
        // Whoever was faster has compacted these, or erased from them; the next time looks again.
        if replacement.commit(lake, operation).await? {
            done.files_before += together.len() as u64;
            done.files_after += 1;
        }
    }
    Ok(done)
}

/// Which files become one: neighbours of a district, as many as fit. A file alone stays.
fn bins(files: &[DataFile], size: u64) -> Vec<Vec<DataFile>> {
    let mut bins: Vec<Vec<DataFile>> = Vec::new();
    let mut room = 0;
    for file in files.iter().filter(|file| file.size < size) {
        match bins.last_mut() {
            Some(bin)
                if file.size <= room && bin.iter().all(|one| one.district == file.district) =>
            {
                room -= file.size;
                bin.push(file.clone());
            }
            _ => {
                room = size.saturating_sub(file.size);
                bins.push(vec![file.clone()]);
            }
        }
    }
    bins.retain(|bin| bin.len() > 1);
    bins
}

/// Takes away files that no version needs which is younger than `keep`, and what killed writers left.
///
/// Whoever reads an older version at this moment loses its files. What no log names is kept for a day in any case: it may be of
/// somebody who is about to commit. Returns how many files are gone.
///
/// # Errors
///
/// [`TableError`]; some files may be gone.
pub async fn vacuum(lake: &mut Lake, keep: Duration, clock: &dyn Clock) -> Result<u64, TableError> {
    lake.look().await?;
    let mut gone = tidy(lake, keep, VacuumMode::Lite).await?;
    let keep = keep.max(YOUNG);
    gone += tidy(lake, keep, VacuumMode::Full).await?;
    gone += parts(lake.folder(), keep, clock.now()).map_err(TableError::Folder)?;
    Ok(gone)
}

/// Takes away at once the files that the table no longer consists of.
pub(crate) async fn sweep(lake: &mut Lake) -> Result<u64, TableError> {
    tidy(lake, Duration::ZERO, VacuumMode::Lite).await
}

async fn tidy(lake: &mut Lake, keep: Duration, mode: VacuumMode) -> Result<u64, TableError> {
    let keep = chrono::Duration::from_std(keep).unwrap_or(chrono::Duration::MAX);
    let vacuum = lake.table().clone().vacuum().with_retention_period(keep);
    let (_, done) = vacuum
        .with_enforce_retention_duration(false)
        .with_mode(mode)
        .await?;
    lake.look().await?;
    Ok(done.files_deleted.len() as u64)
}

/// Takes away the beginnings of files whose writer was killed. They are named `FILE#NUMBER`, and no listing of the table has them.
fn parts(folder: &Path, keep: Duration, now: Timestamp) -> io::Result<u64> {
    let mut gone = 0;
    let mut folders = vec![folder.to_owned(), folder.join(LOG)];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with(&format!("{DISTRICT}=")) {
            folders.push(folder.join(name));
        }
    }
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !is_part(&name.to_string_lossy()) {
                continue;
            }
            let changed = Timestamp::try_from(entry.metadata()?.modified()?);
            if changed.is_ok_and(|changed| now.duration_since(changed).unsigned_abs() >= keep) {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
    }
    Ok(gone)
}

fn is_part(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(file, number)| {
        !file.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_from_a_file() {
        assert!(is_part("part-00000.snappy.parquet#1"));
        for name in ["part-00000.snappy.parquet", "#1", "a#", "a#b"] {
            assert!(!is_part(name), "{name}");
        }
    }
}
