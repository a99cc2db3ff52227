//! Notes of who was forgotten, and who of them may not come in again.
//!
//! Decision: a note has a digest in the place of an id. The digest's key lies beside the notes, because each run must know whom
//! to keep out: whoever has the store and an id can tell whether it was forgotten, and nobody can read ids from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_model::{DistrictId, Timestamp};
use serde::Serialize;

use crate::store::sql::{Backend, RosterDb, Row, Sql, SqlStore, Transaction};
use crate::store::{StoreError, moves, odd_row};

/// What stands in the feed in the place of a forgotten id, before the digest.
const PLACE: &str = "forgotten-";

/// The key of a district's digests.
#[derive(Clone)]
pub(crate) struct DigestKey([u8; 32]);

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

impl DigestKey {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The digest of an id: 32 hex digits.
    pub(crate) fn digest(&self, id: &str) -> String {
        let hash = blake3::keyed_hash(&self.0, id.as_bytes());
        hash.to_hex().chars().take(32).collect()
    }
}

/// What the feed calls somebody who was forgotten.
pub(crate) fn place_of(digest: &str) -> String {
    format!("{PLACE}{digest}")
}

/// Who may not come in again, by digests.
#[derive(Debug, Clone)]
pub struct KeptOut {
    key: DigestKey,
    digests: BTreeSet<String>,
}

impl KeptOut {
    /// Says whether an id is of somebody who is kept out.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.digests.contains(&self.key.digest(id))
    }

    #[cfg(test)]
    pub(crate) fn of(ids: &[&str]) -> Self {
        let key = DigestKey([3; 32]);
        let digests = ids.iter().map(|id| key.digest(id)).collect();
        Self { key, digests }
    }
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// One person.
    Person,
    /// A district, with all that was of it.
    District,
}

impl Subject {
    /// The subject in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::District => "district",
        }
    }
}

/// A note of what was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    /// The district.
    pub district_id: String,
    /// Its number within the district, from 1.
    pub note: u64,
    /// What was forgotten.
    pub what: Subject,
    /// The digest of its id.
    pub digest: String,
    /// When it was forgotten.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
    /// The person or program that did it, by its own name.
    pub actor: String,
    /// The run that did it.
    pub run: u64,
    /// The change that tells of it.
    pub change: u64,
    /// How many rows were erased or changed, by what they are.
    pub counts: BTreeMap<String, u64>,
    /// Whether it may not come in again.
    pub kept_out: bool,
    /// Whether the feed still has the id, for readers who have not come that far.
    pub is_named: bool,
    /// The signature over the note and the one before it.
    pub signature: String,
}

const COLUMNS: &str = "district_id, note, what, digest, at, actor, run, change, counts, kept_out, is_named, signature";

impl<B: RosterDb> SqlStore<B> {
    /// The notes of what was forgotten: of one district, or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn forgotten(&mut self, district: Option<&str>) -> Result<Vec<Note>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM main.forgotten WHERE CAST(?1 AS TEXT) IS NULL OR district_id = ?1 ORDER BY district_id, note"
        );
        let rows = self.db.query(&sql, &[district.into()]).await?;
        rows.into_iter().map(|mut row| note(&mut row)).collect()
    }

    /// Lets those come in again who were forgotten and kept out: a person, with the contacts who were forgotten at the same
    /// time, or without a person the district itself. Says how many notes that was.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be written.
    pub async fn readmit(
        &mut self,
        district: &DistrictId,
        person: Option<&str>,
    ) -> Result<u64, StoreError> {
        let Some(key) = key(&mut self.db, district).await? else {
            return Ok(0);
        };
        let what = match person {
            Some(_) => Subject::Person,
            None => Subject::District,
        };
        let params = [
            district.as_str().into(),
            what.as_str().into(),
            key.digest(person.unwrap_or(district.as_str())).into(),
        ];
        let sql = "UPDATE main.forgotten SET kept_out = 0
             WHERE district_id = ?1 AND what = ?2 AND kept_out = 1 AND run IN (
                 SELECT run FROM main.forgotten WHERE district_id = ?1 AND what = ?2 AND digest = ?3)";
        let mut writing = Transaction::write(&mut self.db).await?;
        moves::stays(&mut *writing, district.as_str()).await?;
        let readmitted = writing.execute(sql, &params).await?;
        writing.commit().await?;
        Ok(readmitted)
    }
}

fn note(row: &mut Row) -> Result<Note, StoreError> {
    let counts = row.text(8)?;
    Ok(Note {
        district_id: row.text(0)?,
        note: row.count(1)?,
        what: match row.text(2)?.as_str() {
            "person" => Subject::Person,
            "district" => Subject::District,
            _ => return Err(odd_row(2)),
        },
        digest: row.text(3)?,
        at: row.text(4)?.parse().map_err(|_| odd_row(4))?,
        actor: row.text(5)?,
        run: row.count(6)?,
        change: row.count(7)?,
        counts: serde_json::from_str(&counts).map_err(|_| odd_row(8))?,
        kept_out: row.int(9)? != 0,
        is_named: row.int(10)? != 0,
        signature: row.text(11)?,
    })
}

/// Keeps a note.
pub(crate) async fn keep<B: Backend>(db: &mut B, note: &Note) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO main.forgotten ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    let counts = serde_json::to_string(&note.counts).unwrap_or_default();
    let params = [
        note.district_id.as_str().into(),
        note.note.into(),
        note.what.as_str().into(),
        note.digest.as_str().into(),
        note.at.to_string().into(),
        note.actor.as_str().into(),
        note.run.into(),
        note.change.into(),
        counts.into(),
        note.kept_out.into(),
        note.is_named.into(),
        note.signature.as_str().into(),
    ];
    db.execute(&sql, &params).await?;
    Ok(())
}

/// The number and the signature of a district's last note; 0 and nothing before the first.
pub(crate) async fn last<B: Backend>(
    db: &mut B,
    district: &DistrictId,
) -> Result<(u64, String), StoreError> {
    let sql = "SELECT note, signature FROM main.forgotten WHERE district_id = ?1 ORDER BY note DESC LIMIT 1";
    match db.maybe(sql, &[district.as_str().into()]).await? {
        Some(mut row) => Ok((row.count(0)?, row.text(1)?)),
        None => Ok((0, String::new())),
    }
}

/// The key of a district's digests; none where nothing was ever forgotten.
pub(crate) async fn key<B: Backend>(
    db: &mut B,
    district: &DistrictId,
) -> Result<Option<DigestKey>, StoreError> {
    let sql = "SELECT key FROM main._forget_keys WHERE district_id = ?1";
    let row = db.maybe(sql, &[district.as_str().into()]).await?;
    row.map(|mut row| Ok(DigestKey(row.bytes(0)?))).transpose()
}

/// Keeps the key of a district's digests.
pub(crate) async fn keep_key<B: Backend>(
    db: &mut B,
    district: &DistrictId,
    key: &DigestKey,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO main._forget_keys (district_id, key) VALUES (?1, ?2)";
    let params = [district.as_str().into(), Sql::Blob(key.0.as_slice().into())];
    db.execute(sql, &params).await?;
    Ok(())
}

/// Reads who is kept out of a district.
///
/// # Errors
///
/// [`StoreError::Forgotten`] where it is the district itself.
pub(crate) async fn kept_out<B: Backend>(
    db: &mut B,
    district: &DistrictId,
) -> Result<Option<KeptOut>, StoreError> {
    let sql = "SELECT what, digest FROM main.forgotten WHERE district_id = ?1 AND kept_out = 1";
    let mut digests = BTreeSet::new();
    for mut row in db.query(sql, &[district.as_str().into()]).await? {
        if row.text(0)? == Subject::District.as_str() {
            return Err(StoreError::Forgotten(district.clone()));
        }
        digests.insert(row.text(1)?);
    }
    if digests.is_empty() {
        return Ok(None);
    }
    let key = key(db, district).await?;
    Ok(key.map(|key| KeptOut { key, digests }))
}

/// Takes the ids out of the feed that every reader has passed: who was forgotten is named no longer than readers need it.
pub(crate) async fn unname<B: Backend>(db: &mut B, district: &str) -> Result<(), StoreError> {
    let sql = "SELECT note, digest, change FROM main.forgotten WHERE district_id = ?1 AND is_named = 1
         AND change <= coalesce((SELECT min(seq) FROM main.consumers WHERE district_id = ?1), change)";
    for mut row in db.query(sql, &[district.into()]).await? {
        let (note, place) = (row.count(0)?, place_of(&row.text(1)?));
        let params = [district.into(), row.count(2)?.into(), place.into()];
        let sql = "UPDATE main._changes SET id = ?3 WHERE district_id = ?1 AND seq = ?2 AND op = 'forget'";
        db.execute(sql, &params).await?;
        let sql = "UPDATE main.forgotten SET is_named = 0 WHERE district_id = ?1 AND note = ?2";
        db.execute(sql, &[district.into(), note.into()]).await?;
    }
    Ok(())
}
