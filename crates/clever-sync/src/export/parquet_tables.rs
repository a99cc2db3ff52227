//! The store's tables as Parquet files, a file a table, with what was archived; and its changes as a file for each
//! export that found new ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use clever_files::FileSet;
use clever_model::RecordKind;

use crate::export::parquet_file::{Column, Kind, ParquetFile};
use crate::export::{CHUNK, ExportError, Reader};
use crate::learn::columns::{self, ROLE_COLUMNS};
use crate::store::sql::{RosterDb, Row, Sql, texts};

/// Rows of a row group.
const GROUP: usize = 10_000;

const CONTACTS: [Column; 7] = [
    ("district_id", Kind::Text),
    ("contact_id", Kind::Text),
    ("student_id", Kind::Text),
    ("relationship", Kind::Text),
    ("type", Kind::Text),
    ("phone", Kind::Text),
    ("phone_type", Kind::Text),
];
const USER_SCHOOLS: [Column; 5] = [
    ("district_id", Kind::Text),
    ("user_id", Kind::Text),
    ("role", Kind::Text),
    ("school_id", Kind::Text),
    ("is_primary", Kind::Flag),
];
const ENROLLMENTS: [Column; 5] = [
    ("district_id", Kind::Text),
    ("section_id", Kind::Text),
    ("user_id", Kind::Text),
    ("role", Kind::Text),
    ("is_primary", Kind::Flag),
];
const RUNS: [Column; 7] = [
    ("district_id", Kind::Text),
    ("run", Kind::Int),
    ("started_at", Kind::Text),
    ("finished_at", Kind::Text),
    ("outcome", Kind::Text),
    ("report", Kind::Json),
    ("path", Kind::Text),
];
const CHANGES: [Column; 11] = [
    ("district_id", Kind::Text),
    ("seq", Kind::Int),
    ("run", Kind::Int),
    ("kind", Kind::Text),
    ("id", Kind::Text),
    ("op", Kind::Text),
    ("fields", Kind::Json),
    ("before", Kind::Json),
    ("after", Kind::Json),
    ("at", Kind::Text),
    ("event", Kind::Text),
];

/// A table of the store: its columns, and the places among them of its key after the district.
struct Source {
    name: &'static str,
    columns: Vec<Column>,
    key: &'static [usize],
}

impl Source {
    fn records(kind: RecordKind) -> Self {
        let mut columns = vec![("district_id", Kind::Text), ("id", Kind::Text)];
        let typed = columns::columns(kind).iter();
        columns.extend(typed.map(|(name, _)| (*name, Kind::Text)));
        columns.extend([
            ("record", Kind::Json),
            ("archived_at", Kind::Text),
            ("first_seen_at", Kind::Text),
            ("changed_at", Kind::Text),
            ("source", Kind::Int),
        ]);
        Self {
            name: kind.as_str(),
            columns,
            key: &[1],
        }
    }

    fn roles() -> Self {
        let keys = ["district_id", "user_id", "role"];
        let typed = ROLE_COLUMNS.iter().map(|(name, _)| *name);
        let columns = keys.into_iter().chain(typed);
        Self {
            name: "user_roles",
            columns: columns.map(|name| (name, Kind::Text)).collect(),
            key: &[1, 2],
        }
    }

    fn list(&self, places: impl Iterator<Item = usize>) -> String {
        let names = places.filter_map(|at| self.columns.get(at).map(|(name, _)| *name));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Reads some rows after a key: parameters are the district, the key's parts, and how many.
    fn page(&self) -> String {
        let names = self.list(0..self.columns.len());
        let key = self.list(self.key.iter().copied());
        let parts: Vec<String> = (2..)
            .take(self.key.len())
            .map(|at| format!("?{at}"))
            .collect();
        format!(
            "SELECT {names} FROM main.{} WHERE district_id = ?1 AND ({key}) > ({}) ORDER BY {key} LIMIT ?{}",
            self.name,
            parts.join(", "),
            self.key.len() + 2
        )
    }
}

pub(super) async fn write<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
) -> Result<BTreeMap<String, u64>, ExportError> {
    let mut files = BTreeMap::new();
    let texts = |name, columns: &[Column], key| Source {
        name,
        columns: columns.to_vec(),
        key,
    };
    let mut tables: Vec<(Source, Vec<Sql<'static>>)> = RecordKind::ALL
        .into_iter()
        .map(|kind| (Source::records(kind), vec!["".into()]))
        .collect();
    tables.push((Source::roles(), vec!["".into(), "".into()]));
    tables.push((
        texts("user_schools", &USER_SCHOOLS, &[1, 2, 3]),
        vec!["".into(), "".into(), "".into()],
    ));
    tables.push((
        texts("contacts", &CONTACTS, &[1, 2]),
        vec!["".into(), "".into()],
    ));
    tables.push((texts("runs", &RUNS, &[1]), vec![Sql::Int(0)]));
    for (table, start) in tables {
        let name = format!("{}.parquet", table.name);
        let mut file = ParquetFile::create(set, &name, &table.columns, GROUP)?;
        copy(reader, &table, start, &mut file).await?;
        files.insert(name, file.finish()?);
    }
    let name = "enrollments.parquet";
    let mut file = ParquetFile::create(set, name, &ENROLLMENTS, GROUP)?;
    enrollments(reader, &mut file).await?;
    files.insert(name.to_owned(), file.finish()?);
    files.extend(changes(reader, set).await?);
    Ok(files)
}

/// Copies the rows after a key; gives the last one's.
async fn copy<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    table: &Source,
    mut after: Vec<Sql<'static>>,
    file: &mut ParquetFile,
) -> Result<Vec<Sql<'static>>, ExportError> {
    let sql = table.page();
    loop {
        let mut params: Vec<Sql<'_>> = vec![reader.district_id.into()];
        params.extend(after.iter().cloned());
        params.push(CHUNK.into());
        let rows = reader.store.db.query(&sql, &params).await?;
        let Some(Row(last)) = rows.last() else {
            return Ok(after);
        };
        let key = table.key.iter().filter_map(|at| last.get(*at));
        after = key.cloned().collect();
        for mut row in rows {
            file.row(&mut row)?;
        }
    }
}

/// Copies the places in some sections after the other; their table's key is of small numbers that are the sync's own.
async fn enrollments<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    file: &mut ParquetFile,
) -> Result<(), ExportError> {
    let among = reader.store.db.kind().among(2);
    let sql = format!(
        "SELECT s.district_id, s.id, p.id, CASE e.role WHEN 0 THEN 'student' ELSE 'teacher' END, e.is_primary
         FROM main._districts d
         JOIN main.sections s ON s.district_id = d.district_id AND s.archived_at IS NULL
         JOIN main._enrollments e ON e.district = d.district AND e.section = s.key
         JOIN main._people p ON p.key = e.person
         JOIN main.users u ON u.district_id = d.district_id AND u.id = p.id AND u.archived_at IS NULL
         WHERE d.district_id = ?1 AND s.id {among} ORDER BY s.id, e.role, p.id"
    );
    let mut after = String::new();
    loop {
        let some =
            "SELECT id FROM main.sections WHERE district_id = ?1 AND archived_at IS NULL AND id > ?2
                    ORDER BY id LIMIT ?3";
        let params = [
            reader.district_id.into(),
            after.as_str().into(),
            CHUNK.into(),
        ];
        let rows = reader.store.db.query(some, &params).await?;
        let ids = rows.into_iter().map(|mut row| row.text(0));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let Some(last) = ids.last() else {
            return Ok(());
        };
        after.clone_from(last);
        let params = [
            reader.district_id.into(),
            texts(ids.iter().map(String::as_str)),
        ];
        for mut row in reader.store.db.query(&sql, &params).await? {
            file.row(&mut row)?;
        }
    }
}

/// Writes the changes that no file in the folder has yet into one more, named by its first and last.
async fn changes<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
) -> Result<Option<(String, u64)>, ExportError> {
    let folder = set.target().join("changes");
    let failed = |path: PathBuf| move |source| ExportError::File { path, source };
    let district = safe(reader.district_id);
    let mut told = 0;
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(folder)(error)),
    };
    for entry in entries.into_iter().flatten() {
        let name = entry.map_err(failed(folder.clone()))?.file_name();
        told = told.max(last_of(&name.to_string_lossy(), &district).unwrap_or(0));
    }
    let sql = "SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1";
    let mut newest = reader
        .store
        .db
        .one(sql, &[reader.district_id.into()])
        .await?;
    let newest = newest.int(0)?;
    if told > newest {
        let reason = format!(
            "it has changes up to {told}, the store only up to {newest}: they are of another store; name another folder"
        );
        return Err(failed(folder)(io::Error::other(reason)));
    }
    if told == newest {
        return Ok(None);
    }
    let table = Source {
        name: "changes",
        columns: CHANGES.to_vec(),
        key: &[1],
    };
    let name = format!("changes/{district}-{:012}-{newest:012}.parquet", told + 1);
    let mut file = ParquetFile::create(set, &name, &table.columns, GROUP)?;
    copy(reader, &table, vec![Sql::Int(told)], &mut file).await?;
    Ok(Some((name, file.finish()?)))
}

/// The last change that a file of the district's changes has, by its name.
fn last_of(name: &str, district: &str) -> Option<i64> {
    let rest = name.strip_prefix(district)?.strip_prefix('-')?;
    let (first, last) = rest.strip_suffix(".parquet")?.split_once('-')?;
    first.parse::<i64>().ok()?;
    last.parse().ok()
}

/// A district's id as a part of a file's name: whatever is no letter or digit stands there as its bytes.
fn safe(district_id: &str) -> String {
    district_id.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() {
            name.push(byte.into());
        } else {
            // Writing to a String can't fail.
            let _ = write!(name, "%{byte:02x}");
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_says_whose_changes_it_has_and_up_to_which() {
        assert_eq!(safe("5800abc"), "5800abc");
        assert_eq!(safe("../a-b"), "%2e%2e%2fa%2db");
        let name = "d1-000000000001-000000000070.parquet";
        assert_eq!(last_of(name, "d1"), Some(70));
        for (name, district) in [
            (name, "d"),
            (name, "d11"),
            ("d1-000000000001-000000000070.parquet.partial", "d1"),
            ("d1-000000000070.parquet", "d1"),
            ("d1-x-000000000070.parquet", "d1"),
        ] {
            assert_eq!(last_of(name, district), None, "{name} of {district}");
        }
    }
}
