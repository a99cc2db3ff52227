//! One pass over what Clever sends and what the store holds, both in order of ids: what is new, what
//! differs, what is gone.
//!
//! Memory is bounded by one page and one batch of the store's narrow state. What differs goes to a
//! staging table of this connection; equal bytes are not even decoded.

use std::collections::VecDeque;

use clever_model::RecordKind;
use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::canonical::{canonical, changed_paths};
use crate::certificate::Witness;
use crate::columns;
use crate::report::KindReport;
use crate::store::StoreError;

/// Rows of the state read at once.
const BATCH: usize = 4096;

/// What is staged for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// Not in the store.
    Create = 0,
    /// Says something else than before.
    Update = 1,
    /// Gone.
    Archive = 2,
    /// Was archived, and is here again.
    Restore = 3,
    /// Other bytes, same meaning.
    Touch = 4,
}

impl Op {
    pub(crate) const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::Archive,
        Self::Restore,
        Self::Touch,
    ];

    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|op| *op as u8 == number)
    }
}

/// One row of the store's narrow state.
#[derive(Debug, Clone)]
struct State {
    id: Box<str>,
    hash: [u8; 16],
    archived: bool,
}

/// Makes an empty staging table, in the connection's own temporary database.
pub(crate) fn stage(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "DROP TABLE IF EXISTS temp.staged;
         CREATE TEMP TABLE staged (
             kind INTEGER NOT NULL, id TEXT NOT NULL, op INTEGER NOT NULL,
             old_hash BLOB, hash BLOB, fields TEXT, record TEXT, held INTEGER NOT NULL DEFAULT 0,
             PRIMARY KEY (kind, id)
         );",
    )?;
    Ok(())
}

/// The comparison of one kind, fed page by page.
pub(crate) struct KindDiff<'a> {
    connection: &'a Connection,
    district: i64,
    kind: RecordKind,
    witness: Witness,
    /// State rows not yet passed, ascending.
    ahead: VecDeque<State>,
    /// The last id that was read from the state; `None` before the first batch.
    read_to: Option<Box<str>>,
    exhausted: bool,
    pub(crate) report: KindReport,
    pub(crate) drift: Drift,
    /// Places in sections that updates take away.
    pub(crate) unenrolled: u64,
}

impl<'a> KindDiff<'a> {
    pub(crate) fn new(connection: &'a Connection, district: i64, kind: RecordKind) -> Self {
        Self {
            connection,
            district,
            kind,
            witness: Witness::default(),
            ahead: VecDeque::new(),
            read_to: None,
            exhausted: false,
            report: KindReport::default(),
            drift: Drift::default(),
            unenrolled: 0,
        }
    }

    /// Compares one page.
    pub(crate) fn page(&mut self, page: &RawPage) -> Result<(), StoreError> {
        self.witness.page(page.count(), page.refused().len());
        for record in page.records() {
            let ascends = self.witness.record(record.id);
            self.report.seen += 1;
            let known = if ascends {
                self.pass_to(record.id)?
            } else if self.came_before(record.id)? {
                continue;
            } else {
                self.look_up(record.id)?
            };
            self.compare(record.id, record.json, known)?;
        }
        Ok(())
    }

    /// Ends the comparison: what the store has beyond the last record is gone.
    pub(crate) fn finish(mut self) -> Result<(KindReport, Drift, u64), StoreError> {
        while let Some(state) = self.next()? {
            self.gone(&state)?;
        }
        self.report.certificate = self.witness.judge();
        Ok((self.report, self.drift, self.unenrolled))
    }

    /// Passes the state up to `id`; rows that are passed by are gone. Returns the row of `id`, if any.
    fn pass_to(&mut self, id: &str) -> Result<Option<State>, StoreError> {
        while let Some(state) = self.next()? {
            match (*state.id).cmp(id) {
                std::cmp::Ordering::Less => self.gone(&state)?,
                std::cmp::Ordering::Equal => return Ok(Some(state)),
                std::cmp::Ordering::Greater => {
                    self.ahead.push_front(state);
                    break;
                }
            }
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<Option<State>, StoreError> {
        if self.ahead.is_empty() && !self.exhausted {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, hash, archived FROM _state WHERE district = ?1 AND kind = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
            )?;
            let after = self.read_to.as_deref().unwrap_or("");
            let rows = statement.query_map(
                params![self.district, self.kind as u8, after, BATCH],
                |row| {
                    Ok(State {
                        id: row.get::<_, String>(0)?.into(),
                        hash: row.get(1)?,
                        archived: row.get(2)?,
                    })
                },
            )?;
            for row in rows {
                self.ahead.push_back(row?);
            }
            self.exhausted = self.ahead.len() < BATCH;
            self.read_to = self
                .ahead
                .back()
                .map(|state| state.id.clone())
                .or(self.read_to.take());
        }
        Ok(self.ahead.pop_front())
    }

    /// Finds the state of an id that came out of order.
    fn look_up(&self, id: &str) -> Result<Option<State>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT hash, archived FROM _state WHERE district = ?1 AND kind = ?2 AND id = ?3",
        )?;
        let found = statement
            .query_row(params![self.district, self.kind as u8, id], |row| {
                Ok(State {
                    id: id.into(),
                    hash: row.get(0)?,
                    archived: row.get(1)?,
                })
            })
            .optional()?;
        Ok(found)
    }

    fn compare(&mut self, id: &str, json: &str, known: Option<State>) -> Result<(), StoreError> {
        let hash = xxh3_128(json.as_bytes()).to_be_bytes();
        let Some(known) = known else {
            self.observe(json);
            self.report.created += 1;
            return self.put(id, Op::Create, None, &hash, None, Some(json));
        };
        if known.hash == hash && !known.archived {
            self.report.unchanged += 1;
            return Ok(());
        }
        let after = self.observe(json);
        let before = self.stored(id)?;
        let (before, after) = (canonical(&before), canonical(&after));
        let fields = changed_paths(&before, &after);
        let op = match (known.archived, fields.is_empty()) {
            (true, _) => Op::Restore,
            (false, true) => Op::Touch,
            (false, false) => Op::Update,
        };
        match op {
            Op::Restore => self.report.restored += 1,
            Op::Touch => self.report.unchanged += 1,
            _ => {
                self.report.updated += 1;
                self.unenrolled += lost_places(&before, &after);
                for field in &fields {
                    *self.report.fields.entry(field.clone()).or_default() += 1;
                }
            }
        }
        let fields = serde_json::to_string(&fields).unwrap_or_default();
        self.put(id, op, Some(&known.hash), &hash, Some(&fields), Some(json))
    }

    /// Decodes a record that is new or differs, and counts what the models do not know of it.
    fn observe(&mut self, json: &str) -> Value {
        // A page is whole JSON, so each of its records reads.
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        self.drift.observe(self.kind.as_str(), &value);
        value
    }

    /// The record as the store has it.
    fn stored(&self, id: &str) -> Result<Value, StoreError> {
        let sql = format!(
            "SELECT t.record FROM {} t JOIN _districts d ON d.district_id = t.district_id WHERE d.district = ?1 AND t.id = ?2",
            self.kind
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let text: Option<String> = statement
            .query_row(params![self.district, id], |row| row.get(0))
            .optional()?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    fn gone(&mut self, state: &State) -> Result<(), StoreError> {
        if state.archived {
            return Ok(());
        }
        self.report.archived += 1;
        self.put(
            &state.id,
            Op::Archive,
            Some(&state.hash),
            &state.hash,
            None,
            None,
        )
    }

    /// Says whether a record that came out of order was staged before on this walk: it came twice.
    fn came_before(&self, id: &str) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM temp.staged WHERE kind = ?1 AND id = ?2 AND op <> ?3")?;
        Ok(statement.exists(params![self.kind as u8, id, Op::Archive as u8])?)
    }

    fn put(
        &mut self,
        id: &str,
        op: Op,
        old_hash: Option<&[u8; 16]>,
        hash: &[u8; 16],
        fields: Option<&str>,
        record: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO temp.staged (kind, id, op, old_hash, hash, fields, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement.execute(params![
            self.kind as u8,
            id,
            op as u8,
            old_hash,
            hash,
            fields,
            record
        ])?;
        Ok(())
    }
}

/// How many students and teachers a section loses.
fn lost_places(before: &Value, after: &Value) -> u64 {
    ["/students", "/teachers"]
        .iter()
        .map(|place| {
            let after = columns::ids(after, place);
            let after: std::collections::BTreeSet<_> = after.into_iter().collect();
            columns::ids(before, place)
                .iter()
                .filter(|id| !after.contains(*id))
                .count() as u64
        })
        .sum()
}
