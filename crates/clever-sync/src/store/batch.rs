//! New records as the staging area has them: many in one value.
//!
//! Pure. What a page of a first load brings is all new, and stays as it came until the end: a row and a key for each of its
//! records would be written, sought and read for nothing. A batch is read as a whole, in order.

use clever_model::RecordKind;
use xxhash_rust::xxh3::xxh3_64;

use crate::store::{Edit, Hash, Staged};

/// From so many new records on they are staged together.
pub(crate) const LEAST: usize = 32;

/// So many records a batch has at most: as many as are read back at once.
pub(crate) const MOST: usize = 1000;

/// New records of one kind, in order of their ids.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Sums over the rest of these bytes and over the records; then of each record its id and the hash and the length of its JSON.
    pub(crate) heads: Vec<u8>,
    /// Their JSON, one after the other. No `Debug` of it: it may be of a child.
    pub(crate) records: Hidden,
}

/// A text that `Debug` does not show.
#[derive(Default)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The new JSON of a row of which a batch can hold all: a record that is new, and nothing is said of it besides.
fn plain(row: &Staged) -> Option<&str> {
    let is_plain = matches!(row.edit, Edit::Create { .. })
        && row.event.is_none()
        && row.refused.is_none()
        && !row.held
        && u16::try_from(row.id.len()).is_ok();
    let record = row.record.as_deref().filter(|_| is_plain);
    record.filter(|record| u32::try_from(record.len()).is_ok())
}

/// Puts rows together; `None` if one of them is more than a new record.
pub(crate) fn pack(rows: &[Staged]) -> Option<Batch> {
    let mut batch = Batch::default();
    for row in rows {
        let record = plain(row)?;
        let id = u16::try_from(row.id.len()).ok()?;
        let length = u32::try_from(record.len()).ok()?;
        batch.heads.extend(id.to_le_bytes());
        batch.heads.extend(row.id.as_bytes());
        batch.heads.extend(row.edit.hash());
        batch.heads.extend(length.to_le_bytes());
        batch.records.0.push_str(record);
    }
    let sums = [&batch.heads, batch.records.0.as_bytes()].map(|bytes| xxh3_64(bytes).to_le_bytes());
    batch.heads.splice(..0, sums.into_iter().flatten());
    Some(batch)
}

/// Takes a number of bytes from the front.
fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

/// Reads up to `limit` rows after one of this id, with their JSON if it is given; `None` for bytes that are no batch.
pub(crate) fn unpack(
    kind: RecordKind,
    mut heads: &[u8],
    records: Option<&str>,
    after: &str,
    limit: usize,
) -> Option<Vec<Staged>> {
    let [of_heads, of_records] = [*take(&mut heads)?, *take(&mut heads)?].map(u64::from_le_bytes);
    // A page of a file that is broken may be one within a value, where no database looks.
    let is_sound = of_heads == xxh3_64(heads)
        && records.is_none_or(|records| of_records == xxh3_64(records.as_bytes()));
    if !is_sound {
        return None;
    }
    let mut rows = Vec::with_capacity(limit.min(MOST));
    let mut rest = records;
    while !heads.is_empty() && rows.len() < limit {
        let length = usize::from(u16::from_le_bytes(*take(&mut heads)?));
        let (id, others) = heads.split_at_checked(length)?;
        heads = others;
        let id = std::str::from_utf8(id).ok()?;
        let hash: Hash = *take(&mut heads)?;
        let length = usize::try_from(u32::from_le_bytes(*take(&mut heads)?)).ok()?;
        let mut record = None;
        if let Some(text) = rest {
            let (first, others) = text.split_at_checked(length)?;
            (record, rest) = (Some(first), Some(others));
        }
        if id > after {
            rows.push(Staged {
                kind,
                id: id.to_owned(),
                edit: Edit::Create { hash },
                record: record.map(ToOwned::to_owned),
                event: None,
                refused: None,
                held: false,
            });
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::Op;

    fn new(id: &str, json: &str) -> Staged {
        Staged {
            record: Some(json.to_owned()),
            ..Staged::sample(RecordKind::Users, id, Op::Create)
        }
    }

    #[test]
    fn only_what_is_new_and_no_more_is_put_together() {
        let row = new("a", "{}");
        assert!(pack(std::slice::from_ref(&row)).is_some());
        let others = [
            Staged::sample(RecordKind::Users, "a", Op::Update),
            Staged::sample(RecordKind::Users, "a", Op::Restore),
            Staged {
                event: Some("e".to_owned()),
                ..row.clone()
            },
            Staged {
                refused: Some([1; 16]),
                ..row.clone()
            },
            Staged {
                held: true,
                ..row.clone()
            },
            Staged {
                record: None,
                ..row.clone()
            },
        ];
        for other in others {
            assert!(pack(&[row.clone(), other]).is_none());
        }
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_read_in_order(all in prop::collection::btree_map("\\PC{1,9}", "\\PC{0,30}", 1..20), after in "\\PC{0,3}", limit in 1..25_usize) {
            let rows: Vec<Staged> = all.iter().map(|(id, json)| new(id, json)).collect();
            let batch = pack(&rows).unwrap();
            let later = rows.iter().filter(|row| row.id > after).take(limit);
            let later: Vec<Staged> = later.cloned().collect();
            let read = unpack(RecordKind::Users, &batch.heads, Some(&batch.records.0), &after, limit);
            prop_assert!(read == Some(later.clone()));
            let bare = later.into_iter().map(|row| Staged { record: None, ..row });
            let read = unpack(RecordKind::Users, &batch.heads, None, &after, limit);
            prop_assert!(read == Some(bare.collect()));
            let mut broken = batch.heads.clone();
            let middle = broken.len() / 2;
            broken[middle] ^= 1;
            prop_assert_eq!(unpack(RecordKind::Users, &broken, None, "", limit), None);
            let other = format!("{} ", batch.records.0);
            prop_assert_eq!(unpack(RecordKind::Users, &batch.heads, Some(&other), "", limit), None);
        }

        #[test]
        fn no_bytes_make_it_panic(heads in prop::collection::vec(any::<u8>(), 0..60), records in "\\PC{0,9}") {
            let _ = unpack(RecordKind::Users, &heads, Some(&records), "", 10);
        }
    }
}
