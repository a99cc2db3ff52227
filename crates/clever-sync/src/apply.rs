//! Writes what a plan lets through, in one transaction that the caller holds.

use clever_model::{RecordKind, Timestamp};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::Value;

use crate::columns::{self, ROLE_COLUMNS, columns};
use crate::diff::Op;
use crate::progress::Progress;
use crate::store::StoreError;

/// Changes between two words to the progress display.
const TELL_EVERY: u64 = 500;

/// Where and when the writes belong.
pub(crate) struct Target<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) district: i64,
    pub(crate) district_id: &'a str,
    pub(crate) run: u64,
    pub(crate) now: Timestamp,
}

/// One staged row.
struct Staged {
    id: String,
    op: Op,
    hash: [u8; 16],
    fields: Option<String>,
    record: Option<String>,
}

/// Applies all staged rows that are not held, parents first. Returns how many rows said something new.
pub(crate) fn apply(target: &Target<'_>, progress: &dyn Progress) -> Result<u64, StoreError> {
    let connection = target.connection;
    let total: u64 = connection.query_row(
        "SELECT count(*) FROM temp.staged WHERE held = 0",
        [],
        |row| row.get(0),
    )?;
    let mut seq: u64 = connection.query_row(
        "SELECT coalesce(max(seq), 0) FROM changes WHERE district_id = ?1",
        [target.district_id],
        |row| row.get(0),
    )?;
    let first = seq;
    let mut done = 0;
    for kind in RecordKind::ALL {
        let mut rows = connection
            .prepare("SELECT id, op, hash, fields, record FROM temp.staged WHERE kind = ?1 AND held = 0 ORDER BY id")?;
        let mut rows = rows.query([kind as u8])?;
        while let Some(row) = rows.next()? {
            let Some(op) = Op::of(row.get(1)?) else {
                continue;
            };
            let staged = Staged {
                id: row.get(0)?,
                op,
                hash: row.get(2)?,
                fields: row.get(3)?,
                record: row.get(4)?,
            };
            write(target, kind, &staged, &mut seq)?;
            done += 1;
            if done % TELL_EVERY == 0 || done == total {
                progress.applying(done, total);
            }
        }
    }
    Ok(seq - first)
}

fn write(
    target: &Target<'_>,
    kind: RecordKind,
    staged: &Staged,
    seq: &mut u64,
) -> Result<(), StoreError> {
    let before = match staged.op {
        Op::Create => None,
        _ => stored(target, kind, &staged.id)?,
    };
    let value: Option<Value> = staged
        .record
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    match (staged.op, &staged.record, &value) {
        (Op::Archive, ..) => archive(target, kind, &staged.id)?,
        (op, Some(record), Some(value)) => {
            let key = put(target, kind, &staged.id, record, value, op == Op::Touch)?;
            derive(target, kind, &staged.id, key, value)?;
        }
        // Every other operation was staged with its record, which came from whole JSON.
        _ => return Ok(()),
    }
    let mut state = target.connection.prepare_cached(
        "INSERT INTO _state (district, kind, id, hash, archived) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (district, kind, id) DO UPDATE SET hash = excluded.hash, archived = excluded.archived",
    )?;
    state.execute(params![
        target.district,
        kind as u8,
        staged.id,
        staged.hash,
        staged.op == Op::Archive
    ])?;
    let op = match staged.op {
        Op::Create => "create",
        Op::Update => "update",
        Op::Archive => "archive",
        Op::Restore => "restore",
        // Same meaning: no change.
        Op::Touch => return Ok(()),
    };
    *seq += 1;
    let mut change = target.connection.prepare_cached(
        "INSERT INTO changes (district_id, seq, run, kind, id, op, fields, before, after, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    change.execute(params![
        target.district_id,
        *seq,
        target.run,
        kind.as_str(),
        staged.id,
        op,
        staged.fields,
        before,
        staged.record,
        target.now.to_string()
    ])?;
    Ok(())
}

fn stored(target: &Target<'_>, kind: RecordKind, id: &str) -> Result<Option<String>, StoreError> {
    let sql = format!("SELECT record FROM {kind} WHERE district_id = ?1 AND id = ?2");
    let mut statement = target.connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![target.district_id, id], |row| row.get(0))
        .optional()?)
}

/// Writes a record's row and returns its key. A touch keeps `changed_at` and `source`.
fn put(
    target: &Target<'_>,
    kind: RecordKind,
    id: &str,
    record: &str,
    value: &Value,
    touch: bool,
) -> Result<i64, StoreError> {
    let names: Vec<&str> = columns(kind).iter().map(|(name, _)| *name).collect();
    let marks: Vec<String> = (6..6 + names.len()).map(|at| format!("?{at}")).collect();
    let sets: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let moved = if touch {
        ""
    } else {
        "changed_at = excluded.changed_at, source = excluded.source, "
    };
    let sql = format!(
        "INSERT INTO {kind} (district_id, id, record, first_seen_at, changed_at, source, {})
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, {})
         ON CONFLICT (district_id, id) DO UPDATE SET record = excluded.record, archived_at = NULL, {moved}{}
         RETURNING key",
        names.join(", "),
        marks.join(", "),
        sets.join(", ")
    );
    let now = target.now.to_string();
    let run = target.run.to_string();
    let mut values: Vec<Option<String>> = [target.district_id, id, record, &now, &run]
        .into_iter()
        .map(|text| Some(text.to_owned()))
        .collect();
    values.extend(
        columns(kind)
            .iter()
            .map(|(_, place)| columns::text(value, place)),
    );
    let mut statement = target.connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
}

fn archive(target: &Target<'_>, kind: RecordKind, id: &str) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE {kind} SET archived_at = ?3, changed_at = ?3, source = ?4 WHERE district_id = ?1 AND id = ?2"
    );
    let mut statement = target.connection.prepare_cached(&sql)?;
    statement.execute(params![
        target.district_id,
        id,
        target.now.to_string(),
        target.run
    ])?;
    if kind == RecordKind::Users {
        forget_user(target, id)?;
    }
    Ok(())
}

/// Takes an absent user's roles and relations out of the tables of active ones; the record keeps them.
fn forget_user(target: &Target<'_>, id: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM user_roles WHERE district_id = ?1 AND user_id = ?2",
        "DELETE FROM contacts WHERE district_id = ?1 AND contact_id = ?2",
    ] {
        target
            .connection
            .prepare_cached(sql)?
            .execute(params![target.district_id, id])?;
    }
    Ok(())
}

/// Writes the rows that follow from a record: roles and relations of a user, places of a section.
fn derive(
    target: &Target<'_>,
    kind: RecordKind,
    id: &str,
    key: i64,
    value: &Value,
) -> Result<(), StoreError> {
    match kind {
        RecordKind::Users => user_rows(target, id, value),
        RecordKind::Sections => section_rows(target, key, value),
        _ => Ok(()),
    }
}

fn user_rows(target: &Target<'_>, id: &str, value: &Value) -> Result<(), StoreError> {
    forget_user(target, id)?;
    let Some(roles) = value["roles"].as_object() else {
        return Ok(());
    };
    let names: Vec<&str> = ROLE_COLUMNS.iter().map(|(name, _)| *name).collect();
    let marks: Vec<String> = (4..4 + names.len()).map(|at| format!("?{at}")).collect();
    let sql = format!(
        "INSERT INTO user_roles (district_id, user_id, role, {}) VALUES (?1, ?2, ?3, {})",
        names.join(", "),
        marks.join(", ")
    );
    for (role, held) in roles.iter().filter(|(_, held)| held.is_object()) {
        let mut values = vec![
            Some(target.district_id.to_owned()),
            Some(id.to_owned()),
            Some(role.clone()),
        ];
        values.extend(
            ROLE_COLUMNS
                .iter()
                .map(|(_, places)| places.iter().find_map(|place| columns::text(held, place))),
        );
        target
            .connection
            .prepare_cached(&sql)?
            .execute(params_from_iter(values))?;
    }
    let contact = &value["roles"]["contact"];
    let mut statement = target.connection.prepare_cached(
        "INSERT OR REPLACE INTO contacts (district_id, contact_id, student_id, relationship, type, phone, phone_type)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for relation in contact["student_relationships"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(student) = columns::text(relation, "/student") else {
            continue;
        };
        statement.execute(params![
            target.district_id,
            id,
            student,
            columns::text(relation, "/relationship"),
            columns::text(relation, "/type"),
            columns::text(contact, "/phone"),
            columns::text(contact, "/phone_type"),
        ])?;
    }
    Ok(())
}

fn section_rows(target: &Target<'_>, section: i64, value: &Value) -> Result<(), StoreError> {
    let connection = target.connection;
    connection
        .prepare_cached("DELETE FROM _enrollments WHERE district = ?1 AND section = ?2")?
        .execute(params![target.district, section])?;
    let mut intern = connection
        .prepare_cached("INSERT OR IGNORE INTO _people (district, id) VALUES (?1, ?2)")?;
    let mut find =
        connection.prepare_cached("SELECT key FROM _people WHERE district = ?1 AND id = ?2")?;
    let mut place = connection.prepare_cached(
        "INSERT OR IGNORE INTO _enrollments (district, section, role, person, is_primary) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let primary = columns::text(value, "/teacher");
    let mut teachers = columns::ids(value, "/teachers");
    // The primary teacher belongs to the list, and is named alone in some records.
    if let Some(primary) = primary
        .as_deref()
        .filter(|primary| !teachers.contains(primary))
    {
        teachers.push(primary);
    }
    let students = columns::ids(value, "/students")
        .into_iter()
        .map(|id| (0, id));
    for (role, id) in students.chain(teachers.into_iter().map(|id| (1, id))) {
        intern.execute(params![target.district, id])?;
        let person: i64 = find.query_row(params![target.district, id], |row| row.get(0))?;
        let is_primary = role == 1 && primary.as_deref() == Some(id);
        place.execute(params![target.district, section, role, person, is_primary])?;
    }
    Ok(())
}
