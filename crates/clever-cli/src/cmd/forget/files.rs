//! Which files of a folder hold a person or a district; they can be deleted.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tracing::warn;

use super::marks::{Holds, Marks};

/// Files that are forms of their own, which nobody reads here.
const CLOSED: [&str; 7] = ["parquet", "gz", "zst", "bz2", "xz", "7z", "xlsx"];

/// The files of a CSV set: in one folder, they are of one district.
const SET: [&str; 6] = [
    "schools.csv",
    "students.csv",
    "teachers.csv",
    "sections.csv",
    "enrollments.csv",
    "staff.csv",
];

/// What was found.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Default, Serialize)]
pub(crate) struct FoundFiles {
    /// Files that hold the person or the district.
    pub(super) holding: Vec<String>,
    /// Files that have something which the district has and another may have too. They are never deleted.
    pub(super) doubtful: Vec<String>,
    /// Files that held the person or the district and were deleted.
    pub(super) deleted: Vec<String>,
    /// Files that could not be looked into.
    pub(super) unread: Vec<String>,
}

impl FoundFiles {
    /// Whether no file is known or feared to hold the person or the district.
    pub(super) fn are_clean(&self) -> bool {
        self.holding.is_empty() && self.doubtful.is_empty() && self.unread.is_empty()
    }

    /// Deletes the files that hold the person or the district; one that can't be deleted stays named.
    pub(super) fn delete(&mut self) {
        for file in std::mem::take(&mut self.holding) {
            match fs::remove_file(&file) {
                Ok(()) => self.deleted.push(file),
                Err(error) => {
                    warn!(file, %error, "the file could not be deleted");
                    self.holding.push(file);
                }
            }
        }
    }
}

/// Looks through folders, and the folders in them.
pub(super) fn look(folders: &[PathBuf], marks: &Marks) -> Result<FoundFiles> {
    let mut found = FoundFiles::default();
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("could not look through {}", folder.display()))?;
        let mut looked = Vec::new();
        for entry in entries {
            let entry =
                entry.with_context(|| format!("could not look through {}", folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            // What a link leads to lies elsewhere.
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                match holds(&path, marks) {
                    Ok(Some(holds)) => looked.push((path, holds)),
                    Ok(None) | Err(_) => found.unread.push(path.display().to_string()),
                }
            }
        }
        let proven = looked
            .iter()
            .any(|(path, holds)| *holds == Holds::Theirs && is_of_set(path));
        for (path, holds) in looked {
            let shown = path.display().to_string();
            match holds {
                Holds::Theirs => found.holding.push(shown),
                Holds::Perhaps if proven && is_of_set(&path) => found.holding.push(shown),
                Holds::Perhaps => found.doubtful.push(shown),
                Holds::Nothing => {}
            }
        }
    }
    found.holding.sort();
    found.doubtful.sort();
    found.unread.sort();
    Ok(found)
}

/// Says whether a file is one of a CSV set.
fn is_of_set(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| SET.contains(&name))
}

/// Says whether a file holds the person or the district; `None` for one that can't be looked into.
fn holds(path: &Path, marks: &Marks) -> Result<Option<Holds>> {
    let is_table = |path: &Path| {
        path.extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"))
    };
    let end = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    let end = end.to_ascii_lowercase();
    if CLOSED.contains(&end.as_str()) {
        return Ok(None);
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut most = Holds::Nothing;
    if end == "zip" {
        let mut all = zip::ZipArchive::new(file)?;
        for at in 0..all.len() {
            let mut text = Vec::new();
            let mut part = all.by_index(at)?;
            let is_table = is_table(Path::new(part.name()?.as_ref()));
            part.read_to_end(&mut text)?;
            most = most.max(marks.are_in(&text, is_table));
        }
        return Ok(Some(most));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some(marks.are_in(&text, is_table(path))))
}
