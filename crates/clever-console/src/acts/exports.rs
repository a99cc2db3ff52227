//! A roster as one file, for whoever has to take it somewhere: an admin's deed, as it holds every name.

use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use clever_sync::ExportFormat;
use clever_sync::details::export_packed;
use futures_util::stream;
use tempfile::TempDir;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::districts::there;
use crate::door::Visitor;
use crate::site::{On, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// The forms that a page offers, each with its word and what it is for.
pub(crate) const FORMATS: [(&str, &str, ExportFormat); 3] = [
    (
        "spreadsheets",
        "CSV, to be opened in a spreadsheet",
        ExportFormat::Spreadsheets,
    ),
    (
        "csv",
        "CSV, as districts send it to Clever",
        ExportFormat::Csv,
    ),
    ("oneroster", "OneRoster 1.2", ExportFormat::OneRoster),
];

/// So many bytes are read at once.
const PIECE: usize = 64 * 1024;

/// Writes the active roster of a district as a zip, and sends it. What is written lies in a folder of its own until it is sent: in memory
/// is a piece at a time.
pub(crate) async fn export(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    format: &str,
    why: &str,
) -> Result<Response, Trouble> {
    needs(visitor, Role::Admin)?;
    let why = reason(why)?;
    let mut all = FORMATS.into_iter();
    let (word, _, format) = all.find(|(word, ..)| *word == format).ok_or_else(|| {
        let words: Vec<&str> = FORMATS.iter().map(|(word, ..)| *word).collect();
        Trouble::Wrong(format!("Choose a format: {}.", words.join(", ")))
    })?;
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    // Whoever waits for a turn keeps no connection from others.
    store.back();
    // One at a time: two would fill the disk twice as fast, and none would be ready sooner.
    let _turn = site.exports.acquire().await;
    let (folder, path) = written(site, district, format).await?;
    let mut store = site.stores.of(district).await?;
    // Before a byte of it leaves.
    let on = On {
        district,
        subject: word,
        reason: why,
    };
    site.judge(&mut store, visitor, "export", on).await?;
    store.back();
    sent(folder, path, word).await.map_err(file)
}

/// Writes it with a connection and on a thread of its own: it takes as long as it takes.
async fn written(
    site: &Site,
    district: &str,
    format: ExportFormat,
) -> Result<(TempDir, PathBuf), Trouble> {
    let mut store = site.stores.to_read(district).await?;
    let district = district.to_owned();
    let runtime = tokio::runtime::Handle::current();
    let writing = tokio::task::spawn_blocking(move || {
        let folder = TempDir::with_prefix("clever-export-").map_err(file)?;
        let written = runtime.block_on(export_packed(
            &mut store,
            &district,
            format,
            &folder.path().join("roster"),
        ));
        let (path, _) = written.map_err(file)?;
        Ok((folder, path))
    });
    writing.await.unwrap_or_else(|error| Err(file(error)))
}

/// Sends the file a piece at a time; the folder goes when it is sent, or nobody reads any more.
async fn sent(folder: TempDir, path: PathBuf, word: &str) -> std::io::Result<Response> {
    let file = File::open(&path).await?;
    let length = file.metadata().await?.len();
    let pieces = stream::unfold((file, folder), async |(mut file, folder)| {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Bytes::from(piece)), (file, folder)))
            }
            Err(error) => Some((Err(error), (file, folder))),
        }
    });
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, length.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"roster-{word}.zip\""),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn file(error: impl std::fmt::Display) -> Trouble {
    Trouble::Store(error.to_string())
}
