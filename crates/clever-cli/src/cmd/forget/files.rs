//! Which files of a folder hold a person or a district; they can be deleted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tracing::warn;

use super::marks::{Holds, Marks};

/// Files that are forms of their own, which nobody reads here.
const CLOSED: [&str; 7] = ["parquet", "gz", "zst", "bz2", "xz", "7z", "xlsx"];

/// What makes a folder a lake (`changes --to-delta`).
const LAKE: &str = "_delta_log";

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

/// What each file holds, before it is said whose it is.
#[derive(Debug, Default)]
pub(super) struct Looked {
    files: Vec<(PathBuf, Holds)>,
    unread: Vec<String>,
}

/// Looks through folders, and the folders in them.
pub(super) fn look(folders: &[PathBuf], marks: &Marks) -> Result<Looked> {
    let mut looked = Looked::default();
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
        // A table's log names districts, and the table is no more without it. It has a way of its own to erase.
        if folder.join(LAKE).is_dir() {
            looked.unread.push(folder.display().to_string());
            continue;
        }
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("could not look through {}", folder.display()))?;
        for entry in entries {
            let entry =
                entry.with_context(|| format!("could not look through {}", folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            // What a link leads to lies elsewhere.
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                match holds(&path, marks) {
                    Ok(Some(holds)) => looked.files.push((path, holds)),
                    Ok(None) | Err(_) => looked.unread.push(path.display().to_string()),
                }
            }
        }
    }
    Ok(looked)
}

impl Looked {
    /// Whether a file is known by its people alone.
    pub(super) fn rests_on_people(&self) -> bool {
        self.files.iter().any(|(_, holds)| *holds == Holds::People)
    }

    /// Takes the proof from files whose people are another district's, too.
    pub(super) fn contest(&mut self, other: &Marks) {
        for (path, own) in &mut self.files {
            let rests = *own == Holds::People;
            // A file that can't be read again is no proof either.
            if rests
                && !matches!(
                    holds(path, other),
                    Ok(Some(Holds::Nothing | Holds::Perhaps))
                )
            {
                *own = Holds::Perhaps;
            }
        }
    }

    /// Says which files are theirs.
    pub(super) fn found(self) -> FoundFiles {
        let proven: BTreeSet<PathBuf> = self
            .files
            .iter()
            .filter(|(path, holds)| *holds >= Holds::People && is_of_set(path))
            .filter_map(|(path, _)| Some(path.parent()?.to_owned()))
            .collect();
        let mut found = FoundFiles {
            unread: self.unread,
            ..FoundFiles::default()
        };
        for (path, holds) in self.files {
            let in_set =
                is_of_set(&path) && path.parent().is_some_and(|folder| proven.contains(folder));
            let shown = path.display().to_string();
            match holds {
                Holds::Theirs | Holds::People => found.holding.push(shown),
                Holds::Perhaps if in_set => found.holding.push(shown),
                Holds::Perhaps => found.doubtful.push(shown),
                Holds::Nothing => {}
            }
        }
        found.holding.sort();
        found.doubtful.sort();
        found.unread.sort();
        found
    }
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clever_files::FileSet;
    use clever_model::RecordKind;

    use super::*;

    /// A district of so many people, whose numbers begin with this one.
    fn district(first: usize) -> Marks {
        let mut marks = Marks::of_district();
        for number in first..first + 12 {
            let json = format!(
                r#"{{"name":{{"first":"Ada{number}","last":"Byron"}},"roles":{{"student":{{"sis_id":"s{number}"}}}}}}"#
            );
            marks.record(RecordKind::Users, &json);
        }
        marks
    }

    #[test]
    fn a_set_whose_people_are_another_districts_too_is_nobodys_for_sure() {
        let folder = tempfile::TempDir::new().unwrap();
        let folder = folder.path().join("out");
        let mut set = FileSet::begin(&folder).unwrap();
        let (mut students, mut places) = (String::new(), String::new());
        for number in 0..12 {
            writeln!(students, "s{number},Ada{number},Byron").unwrap();
            writeln!(places, "s{number},x1").unwrap();
        }
        for (name, head, rows) in [
            ("students.csv", "Student_id,First_name,Last_name", &students),
            ("enrollments.csv", "Student_id,Section_id", &places),
        ] {
            let mut file = set.create(name).unwrap();
            std::io::Write::write_all(&mut file, format!("{head}\n{rows}").as_bytes()).unwrap();
        }
        set.publish().unwrap();
        let folders = [folder];
        let looked = || look(&folders, &district(0)).unwrap();
        let found = looked().found();
        assert_eq!((found.holding.len(), found.doubtful.len()), (2, 0));
        // A neighbour has none of them.
        let mut of_one = looked();
        assert!(of_one.rests_on_people());
        of_one.contest(&district(100));
        assert_eq!(of_one.found().holding.len(), 2);
        let mut of_two = looked();
        of_two.contest(&district(0));
        assert!(!of_two.rests_on_people());
        let found = of_two.found();
        assert_eq!((found.holding.len(), found.doubtful.len()), (0, 2));
        assert!(!found.are_clean());
    }

    /// Its log names the district, and without its log it is no table any more.
    #[test]
    fn a_lake_is_named_and_left_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let lake = folder.path().join("lake");
        let mut set = FileSet::begin(&lake.join(LAKE)).unwrap();
        let mut log = set.create("00000000000000000000.json").unwrap();
        std::io::Write::write_all(&mut log, b"Ada1,Byron,s1").unwrap();
        set.publish().unwrap();
        let found = look(&[folder.path().to_owned()], &district(0)).unwrap();
        let found = found.found();
        assert!(found.holding.is_empty() && found.doubtful.is_empty());
        assert_eq!(found.unread, [lake.display().to_string()]);
    }
}
