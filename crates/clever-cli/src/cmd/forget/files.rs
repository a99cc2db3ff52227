//! Which files of a folder hold a person.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Files that are forms of their own, which nobody reads here.
const CLOSED: [&str; 7] = ["parquet", "gz", "zst", "bz2", "xz", "7z", "xlsx"];

/// What was found.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub(crate) struct FoundFiles {
    /// Files that hold the person.
    pub(super) holding: Vec<String>,
    /// Files that could not be looked into.
    pub(super) unread: Vec<String>,
}

impl FoundFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.holding.is_empty() && self.unread.is_empty()
    }
}

/// What a person is recognised by.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Ids and addresses of mail, in small letters: each of them alone says it.
    alone: Vec<String>,
    /// First and last names, in small letters: both in one line say it.
    together: Vec<[String; 2]>,
}

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
            all.by_index(at)?.read_to_end(&mut text)?;
            if marks.are_in(&text) {
                return Ok(Some(true));
            }
        }
        return Ok(Some(false));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some(marks.are_in(&text)))
}
