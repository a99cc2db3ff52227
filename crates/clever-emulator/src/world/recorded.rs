//! A world read from a folder of JSON pages, each record kept byte for byte.
//!
//! A file belongs to the kind that its name starts with: `users.json`, `users-2.json`. It holds one
//! answer of the API: `{"data":[{"data":{…},"uri":…},…]}`.

use std::fs;
use std::path::{Path, PathBuf};

use clever_model::{RecordKind, Timestamp, check_id};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::state::World;

/// Why a folder can't be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The folder or a file in it can't be read.
    #[error("could not read the recording {}", .path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not an answer of the API.
    #[error("{} is not a page of records", .path.display())]
    NotAPage {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
    /// A record has no id that could stand in a path.
    #[error("{}: record {index} has no usable id", .path.display())]
    NoId {
        /// The file.
        path: PathBuf,
        /// The record's place in it, from 0.
        index: usize,
    },
    /// The folder has no `districts.json`: nothing says whose records these are.
    #[error("{} has no districts.json with one district", .path.display())]
    NoDistrict {
        /// The folder.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Element<'a>>,
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// What the folder knows beside its records.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The records.
    pub(crate) world: World,
    /// The district's token as `tokens.json` (an answer of `/oauth/tokens`) has it.
    pub(crate) token: Option<String>,
}

/// Reads the folder at `path`; the world's clock starts at `now`.
///
/// # Errors
///
/// [`RecordingError`] names the file and the place in it.
pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Recording, RecordingError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| RecordingError::Unreadable { path, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        let file = entry.map_err(unreadable(path))?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(file);
        }
    }
    // The later of two files wins over the earlier, on every machine alike.
    files.sort();
    let mut world = World::empty(now, 0);
    let mut token = None;
    for file in files {
        let text = fs::read_to_string(&file).map_err(unreadable(&file))?;
        let name = file
            .file_stem()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name == "tokens" {
            token = first_token(&text);
        }
        let Some(kind) = kind_of(&name) else { continue };
        let page: Page<'_> =
            serde_json::from_str(&text).map_err(|source| RecordingError::NotAPage {
                path: file.clone(),
                source,
            })?;
        for (index, element) in page.data.into_iter().enumerate() {
            let json = element.data.get();
            let id = serde_json::from_str::<Id>(json)
                .ok()
                .map(|record| record.id);
            let id = id
                .filter(|id| check_id(id).is_ok())
                .ok_or_else(|| RecordingError::NoId {
                    path: file.clone(),
                    index,
                })?;
            world.put(kind, &id, json);
        }
    }
    if world.list(RecordKind::Districts).len() != 1 {
        return Err(RecordingError::NoDistrict {
            path: path.to_owned(),
        });
    }
    drop(world.publish());
    Ok(Recording { world, token })
}

/// The kind that a file's name starts with, up to a `-`.
fn kind_of(name: &str) -> Option<RecordKind> {
    name.split('-').next()?.parse().ok()
}

fn first_token(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value["data"][0]["access_token"]
        .as_str()
        .map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    const DISTRICT: (&str, &str) = ("districts.json", r#"{"data":[{"data":{"id":"d1"}}]}"#);

    #[test]
    fn records_are_kept_byte_for_byte_over_several_files() {
        let folder = folder(&[
            DISTRICT,
            (
                "users.json",
                r#"{"links":[],"data":[{"data":{"z":1.50, "id":"u2"},"uri":"/v3.0/users/u2"}]}"#,
            ),
            ("users-2.json", r#"{"data":[{"data":{"id":"u1"}}]}"#),
            ("tokens.json", r#"{"data":[{"access_token":"abc"}]}"#),
            ("notes.txt", "not JSON"),
        ]);
        let recording = read(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
        let users = recording.world.list(RecordKind::Users);
        assert_eq!(users.keys().collect::<Vec<_>>(), ["u1", "u2"]);
        assert_eq!(users.get("u2").unwrap().json(), r#"{"z":1.50, "id":"u2"}"#);
        assert_eq!(recording.token.as_deref(), Some("abc"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |files: &[_]| {
            read(folder(files).path(), Timestamp::UNIX_EPOCH)
                .unwrap_err()
                .to_string()
        };
        assert!(read(&[]).contains("districts.json"));
        assert!(read(&[DISTRICT, ("users.json", "[]")]).contains("users.json"));
        assert!(
            read(&[
                DISTRICT,
                ("terms.json", r#"{"data":[{"data":{"id":".."}}]}"#)
            ])
            .contains("record 0")
        );
    }
}
