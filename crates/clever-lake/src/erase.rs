//! Erasing from the lake what the store has forgotten.
//!
//! The store keeps the numbers of a forgotten person's changes and takes the rest away, also out of what others' changes say
//! (`clever_sync::erase`). So the lake is made what the store is: a row that says something else there is written again.
//!
//! Decision: what the store has pruned can't be compared. There a person is known by the id that other rows had, or that the
//! feed said was to be forgotten: own rows lose what they say, rows of others that name the id lose their two records. A name
//! in a text is not searched for.

use std::collections::BTreeMap;

use clever_sync::ChangeLog;
use deltalake::arrow::array::RecordBatch;
use deltalake::protocol::DeltaOperation;

use crate::append::{AppendError, after, is_forgotten, same_store};
use crate::columns::{Row, batch, rows, signed};
use crate::rewrite::{Reading, Replacement};
use crate::table::{DataFile, Lake, TableError, checked};
use crate::upkeep::sweep;

/// What erasing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// So many rows say less now, or are gone.
    pub rows: u64,
    /// So many files were written again.
    pub files: u64,
    /// So many old files are gone from the folder.
    pub swept: u64,
    /// So many rows are older than what the store's feed begins with, and were searched by ids alone.
    pub by_id: u64,
}

/// What the store says of rows.
struct Said {
    /// The number with which the store's feed begins.
    floor: i64,
    /// Rows before this number are gone altogether: the district was forgotten then.
    gone_before: i64,
    /// The ids of who was forgotten, with what stands in their place.
    forgotten: BTreeMap<String, String>,
}

/// Erases from a district's rows what the store has forgotten, and takes the old files away at once.
///
/// Whoever reads an older version at this moment loses its files; a copy of the folder elsewhere is not reached.
///
/// # Errors
///
/// [`AppendError`]; what was committed before it stays, and the next time does the rest.
pub async fn erase<S: ChangeLog>(
    lake: &mut Lake,
    store: &mut S,
    district: &str,
) -> Result<Erased, AppendError> {
    checked(district)?;
    lake.look().await?;
    same_store(lake, store, district).await?;
    let mut erased = Erased::default();
    let mut said = Said {
        floor: 0,
        gone_before: 0,
        forgotten: BTreeMap::new(),
    };
    let Some(first) = after(store, district, 0, 1).await?.pop() else {
        return Ok(erased);
    };
    said.floor = signed(first.seq);
    if is_forgotten(&first) {
        said.gone_before = said.floor;
    }
    // First what can be compared, which says who was forgotten; then what is known by ids alone.
    let mut files = lake.files(Some(district))?;
    files.sort_by_key(|file| file.last < said.floor);
    for file in files {
        learn(lake, store, &file, &mut said).await?;
    }
    for file in lake.files(Some(district))? {
        one(lake, store, &file, &said, &mut erased).await?;
    }
    erased.swept = sweep(lake).await?;
    Ok(erased)
}

/// Notes the ids that the store calls something else now.
async fn learn<S: ChangeLog>(
    lake: &Lake,
    store: &mut S,
    file: &DataFile,
    said: &mut Said,
) -> Result<(), AppendError> {
    let mut reading = Reading::open(lake, file)?;
    while file.last >= said.floor
        && let Some(read) = reading.next()?
    {
        let old = ours(&read)?;
        for (old, new) in old.iter().zip(compared(store, file, &old, said).await?) {
            if let Some(new) = new.filter(|new| new.id != old.id) {
                said.forgotten.insert(old.id.clone(), new.id);
            }
        }
    }
    Ok(())
}

/// Writes a file again if something of it is to go.
async fn one<S: ChangeLog>(
    lake: &mut Lake,
    store: &mut S,
    file: &DataFile,
    said: &Said,
    erased: &mut Erased,
) -> Result<(), AppendError> {
    let mut differs = 0;
    let mut reading = Reading::open(lake, file)?;
    while let Some(read) = reading.next()? {
        let old = ours(&read)?;
        let new = become_of(store, file, &old, said).await?;
        differs += old
            .iter()
            .zip(&new)
            .filter(|(old, new)| new.as_ref() != Some(*old))
            .count();
        erased.by_id += old
            .iter()
            .filter(|old| old.seq < said.floor && old.seq >= said.gone_before)
            .count() as u64;
    }
    if differs == 0 {
        return Ok(());
    }
    let mut replacement = Replacement::of(lake, std::slice::from_ref(file), true)?;
    let schema = lake.schema()?;
    let mut reading = Reading::open(lake, file)?;
    while let Some(read) = reading.next()? {
        let old = ours(&read)?;
        let new = become_of(store, file, &old, said).await?;
        for piece in pieces(&old, new) {
            let of = read.slice(piece.from, piece.rows.len());
            let others = (!piece.is_new).then_some(&of);
            let rows = batch(&schema, &file.district, &piece.rows, others);
            replacement.write(rows.map_err(TableError::from)?).await?;
        }
    }
    let operation = DeltaOperation::Update { predicate: None };
    if !replacement.commit(lake, operation).await? {
        return Err(AppendError::Raced);
    }
    erased.rows += differs as u64;
    erased.files += 1;
    Ok(())
}

/// Rows that follow each other in a file, all as they were or all said otherwise.
struct Piece {
    from: usize,
    rows: Vec<Row>,
    is_new: bool,
}

/// Cuts rows into pieces. What somebody else's columns say of a row is kept only if the row is as it was.
fn pieces(old: &[Row], new: Vec<Option<Row>>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, (old, new)) in old.iter().zip(new).enumerate() {
        let Some(new) = new else { continue };
        let is_new = new != *old;
        match pieces.last_mut() {
            Some(last) if last.is_new == is_new && last.from + last.rows.len() == at => {
                last.rows.push(new);
            }
            _ => pieces.push(Piece {
                from: at,
                rows: vec![new],
                is_new,
            }),
        }
    }
    pieces
}

fn ours(read: &RecordBatch) -> Result<Vec<Row>, TableError> {
    rows(read).ok_or_else(|| TableError::NotALake("a file of it lacks a column".to_owned()))
}

/// What the store has in the place of rows; none for what it has not.
async fn compared<S: ChangeLog>(
    store: &mut S,
    file: &DataFile,
    old: &[Row],
    said: &Said,
) -> Result<Vec<Option<Row>>, AppendError> {
    let numbers = || {
        old.iter()
            .map(|row| row.seq)
            .filter(|seq| *seq >= said.floor)
    };
    let mut there = BTreeMap::new();
    if let (Some(first), Some(last)) = (numbers().min(), numbers().max()) {
        let mut from = u64::try_from(first - 1).unwrap_or(0);
        let to = u64::try_from(last).unwrap_or(0);
        while from < to {
            let limit = u32::try_from(to - from).unwrap_or(u32::MAX).min(200);
            let changes = after(store, &file.district, from, limit).await?;
            let Some(last) = changes.last() else { break };
            from = last.seq;
            there.extend(
                changes
                    .iter()
                    .map(|change| (signed(change.seq), Row::of(change))),
            );
        }
    }
    Ok(old.iter().map(|row| there.remove(&row.seq)).collect())
}

/// What becomes of rows: none where one is to go altogether.
async fn become_of<S: ChangeLog>(
    store: &mut S,
    file: &DataFile,
    old: &[Row],
    said: &Said,
) -> Result<Vec<Option<Row>>, AppendError> {
    let there = compared(store, file, old, said).await?;
    let of = |(old, there): (&Row, Option<Row>)| match there {
        Some(there) => Some(there),
        None if old.seq < said.gone_before => None,
        None => Some(without(old, &said.forgotten)),
    };
    Ok(old.iter().zip(there).map(of).collect())
}

/// A row without those who were forgotten, by their ids.
fn without(row: &Row, forgotten: &BTreeMap<String, String>) -> Row {
    let mut row = row.clone();
    if let Some(place) = forgotten.get(&row.id).filter(|_| row.kind == "users") {
        row.id.clone_from(place);
        "forget".clone_into(&mut row.op);
        (row.fields, row.before, row.after, row.event) = (None, None, None, None);
        return row;
    }
    let names = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| words(text).any(|word| forgotten.contains_key(word)))
    };
    if names(&row.before) || names(&row.after) || names(&row.fields) {
        (row.fields, row.before, row.after) = (None, None, None);
    }
    row
}

/// What may be ids in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64, id: &str, after: &str) -> Row {
        Row {
            seq,
            run: 1,
            at: 0,
            kind: "users".to_owned(),
            id: id.to_owned(),
            op: "create".to_owned(),
            fields: None,
            before: None,
            after: Some(after.to_owned()),
            event: None,
        }
    }

    #[test]
    fn who_is_known_by_an_id_alone_loses_rows_and_is_named_nowhere() {
        let forgotten = BTreeMap::from([("u1".to_owned(), "forgotten-1".to_owned())]);
        let own = without(&row(1, "u1", r#"{"name":"x"}"#), &forgotten);
        assert_eq!(
            (own.id.as_str(), own.op.as_str()),
            ("forgotten-1", "forget")
        );
        assert!(own.after.is_none());
        let other = without(&row(2, "u2", r#"{"students":["u1"]}"#), &forgotten);
        assert_eq!((other.id.as_str(), other.op.as_str()), ("u2", "create"));
        assert!(other.after.is_none());
        let far = row(3, "u11", r#"{"students":["u12"]}"#);
        assert!(
            without(&far, &forgotten) == far,
            "an id within an id is another's"
        );
    }

    #[test]
    fn pieces_are_what_follows_and_is_alike() {
        let old = vec![
            row(1, "a", ""),
            row(2, "b", ""),
            row(3, "c", ""),
            row(4, "d", ""),
        ];
        let mut new: Vec<Option<Row>> = old.iter().cloned().map(Some).collect();
        new[1] = None;
        new[3] = Some(row(4, "d", "other"));
        let cut = pieces(&old, new);
        let cut: Vec<_> = cut
            .iter()
            .map(|one| (one.from, one.rows.len(), one.is_new))
            .collect();
        assert_eq!(cut, [(0, 1, false), (2, 1, false), (3, 1, true)]);
    }
}
