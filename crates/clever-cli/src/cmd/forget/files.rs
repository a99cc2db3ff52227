//! Which files of a folder hold a person; they can be deleted.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clever_linkage::{Kind, is_placeholder};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tracing::warn;

/// Files that are forms of their own, which nobody reads here.
const CLOSED: [&str; 7] = ["parquet", "gz", "zst", "bz2", "xz", "7z", "xlsx"];

/// What was found.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub(crate) struct FoundFiles {
    /// Files that hold the person.
    pub(super) holding: Vec<String>,
    /// Files that held the person and were deleted.
    pub(super) deleted: Vec<String>,
    /// Files that could not be looked into.
    pub(super) unread: Vec<String>,
}

impl FoundFiles {
    /// Whether no file is known or feared to hold the person.
    pub(super) fn are_clean(&self) -> bool {
        self.holding.is_empty() && self.unread.is_empty()
    }

    /// Deletes the files that hold the person; one that can't be deleted stays named.
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

/// What a person is recognised by.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Ids and addresses of mail, in small letters: each of them alone says it.
    alone: Vec<String>,
    /// First and last names, in small letters: both in one line say it.
    together: Vec<[String; 2]>,
    /// Ids and numbers of the district's own, in small letters. Short ones say it only in a column of ids.
    numbers: Vec<String>,
}

/// From so many letters on, a number of the district's is no other's by chance.
const TELLING: usize = 6;

impl Marks {
    pub(super) fn id(&mut self, id: &str) {
        self.alone.push(id.to_lowercase());
    }

    /// Adds what a record says of its person.
    pub(super) fn record(&mut self, json: &str) {
        let record: Value = serde_json::from_str(json).unwrap_or_default();
        let said = |value: &Value| {
            let text = value.as_str()?.trim().to_lowercase();
            (!text.is_empty()).then_some(text)
        };
        self.alone.extend(said(&record["email"]));
        let name = &record["name"];
        if let (Some(first), Some(last)) = (said(&name["first"]), said(&name["last"])) {
            self.together.push([first, last]);
        }
        for role in record["roles"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            self.alone.extend(said(&role["legacy_id"]));
            for number in [
                "sis_id",
                "staff_id",
                "student_number",
                "teacher_number",
                "state_id",
            ] {
                self.numbers
                    .extend(said(&role[number]).filter(|one| !is_placeholder(Kind::SisId, one)));
            }
        }
        self.alone.extend(
            self.numbers
                .iter()
                .filter(|one| one.len() >= TELLING)
                .cloned(),
        );
    }

    /// Says whether a table has one of the district's own numbers in a column of ids or numbers.
    fn are_in_table(&self, text: &[u8]) -> bool {
        let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let of_ids: Vec<usize> = match table.headers() {
            Ok(headers) => {
                let of_id = |name: &str| {
                    let name = name.to_lowercase();
                    ["id", "number", "identifier"]
                        .iter()
                        .any(|end| name.ends_with(end))
                };
                let named = headers.iter().enumerate();
                named
                    .filter(|(_, name)| of_id(name))
                    .map(|(at, _)| at)
                    .collect()
            }
            Err(_) => return false,
        };
        table.records().filter_map(Result::ok).any(|row| {
            of_ids.iter().filter_map(|at| row.get(*at)).any(|cell| {
                let cell = cell.trim().to_lowercase();
                self.numbers.contains(&cell)
            })
        })
    }

    /// Says whether a text holds one.
    fn are_in(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text).to_lowercase();
        let word = |line: &str, word: &str| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                ends(before) && ends(after)
            })
        };
        text.lines().any(|line| {
            self.alone.iter().any(|mark| word(line, mark))
                || self
                    .together
                    .iter()
                    .any(|names| names.iter().all(|name| word(line, name)))
        })
    }
}

/// Looks through folders, and the folders in them.
pub(super) fn look(folders: &[PathBuf], marks: &Marks) -> Result<FoundFiles> {
    let mut found = FoundFiles::default();
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
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
                let shown = path.display().to_string();
                match holds(&path, marks) {
                    Ok(Some(true)) => found.holding.push(shown),
                    Ok(Some(false)) => {}
                    Ok(None) | Err(_) => found.unread.push(shown),
                }
            }
        }
    }
    found.holding.sort();
    found.unread.sort();
    Ok(found)
}

/// Says whether a file holds the person; `None` for one that can't be looked into.
fn holds(path: &Path, marks: &Marks) -> Result<Option<bool>> {
    let end = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    let end = end.to_ascii_lowercase();
    if CLOSED.contains(&end.as_str()) {
        return Ok(None);
    }
    let mut file = BufReader::new(File::open(path)?);
    if end == "zip" {
        let mut all = zip::ZipArchive::new(file)?;
        for at in 0..all.len() {
            let mut text = Vec::new();
            let mut part = all.by_index(at)?;
            let is_table = Path::new(part.name()?.as_ref())
                .extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
            part.read_to_end(&mut text)?;
            if marks.are_in(&text) || is_table && marks.are_in_table(&text) {
                return Ok(Some(true));
            }
        }
        return Ok(Some(false));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let is_table = end == "csv";
    Ok(Some(
        marks.are_in(&text) || is_table && marks.are_in_table(&text),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_says_it_in_a_column_of_ids_alone() {
        let mut marks = Marks::default();
        marks.record(r#"{"roles":{"student":{"sis_id":"12","student_number":"STU-900"}}}"#);
        assert!(marks.are_in_table(b"Section_id,Student_id\nS1,12\n"));
        assert!(!marks.are_in_table(b"Section_id,Grade\nS1,12\n"));
        assert!(!marks.are_in_table(b"Student_id\n123\n"));
        assert!(!marks.are_in(b"12 pupils"));
        assert!(marks.are_in(b"one,stu-900,two"));
        assert!(!marks.are_in(b"one,stu-9001,two"));
    }
}
