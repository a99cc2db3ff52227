//! The notes of what was forgotten: signed, each over the one before it.

use std::fmt;

use clever_model::DistrictId;
use serde_json::json;

use crate::act::forget::{ForgetError, Forgetting};
use crate::store::forgotten::{self, DigestKey, Note};
use crate::store::run::SqlRun;
use crate::store::sql::RosterDb;

/// The key that signs notes. It lies not in the store: whoever can write there can't make a note.
#[derive(Clone)]
pub struct NotesKey([u8; 32]);

impl fmt::Debug for NotesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotesKey")
    }
}

/// A note that is not what was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A note is missing.
    #[error("note {note} of district {district} is missing")]
    Missing {
        /// The district.
        district: String,
        /// The note's number.
        note: u64,
    },
    /// A note was changed, or another key signed it.
    #[error("note {note} of district {district} is not what was written, or another key signed it")]
    Signature {
        /// The district.
        district: String,
        /// The note's number.
        note: u64,
    },
}

impl NotesKey {
    /// Derives the key from a secret of the app's, which may sign and seal other things too.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(blake3::derive_key(
            "clever-sync 2026 notes of what was forgotten",
            secret,
        ))
    }

    /// A new key for the digests of a district's notes.
    pub(super) fn digests(&self, district: &DistrictId) -> DigestKey {
        let text = format!("digests of {district}");
        DigestKey::new(*blake3::keyed_hash(&self.0, text.as_bytes()).as_bytes())
    }

    /// The signature over a note and the signature of the one before it. Whether somebody may come in again, and is still
    /// named to readers, changes later.
    fn sign(&self, note: &Note, before: &str) -> String {
        let signed = json!({
            "version": 1,
            "district": note.district_id,
            "note": note.note,
            "what": note.what.as_str(),
            "digest": note.digest,
            "at": note.at.to_string(),
            "actor": note.actor,
            "run": note.run,
            "change": note.change,
            "counts": note.counts,
            "before": before,
        });
        let hash = blake3::keyed_hash(&self.0, signed.to_string().as_bytes());
        hash.to_hex().to_string()
    }

    /// Checks the notes of all districts, in order: each is there, and is what was written.
    ///
    /// That the last one is missing can't be seen: keep its number elsewhere.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the first that is not.
    pub fn check(&self, notes: &[Note]) -> Result<(), Broken> {
        for of_district in notes.chunk_by(|a, b| a.district_id == b.district_id) {
            let mut before = String::new();
            for (note, number) in of_district.iter().zip(1..) {
                let district = note.district_id.clone();
                if note.note != number {
                    let note = number;
                    return Err(Broken::Missing { district, note });
                }
                if self.sign(note, &before) != note.signature {
                    let note = number;
                    return Err(Broken::Signature { district, note });
                }
                before.clone_from(&note.signature);
            }
        }
        Ok(())
    }
}

impl Forgetting<'_> {
    /// Keeps the note of one person or of the district.
    pub(super) async fn note<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        digest: String,
        is_named: bool,
        key: &NotesKey,
    ) -> Result<(), ForgetError> {
        let (last, before) = forgotten::last(store.db, self.district).await?;
        let mut note = Note {
            district_id: self.district.to_string(),
            note: last + 1,
            what: self.subject(),
            digest,
            at: self.now,
            actor: self.request.actor.clone(),
            run: self.run,
            change: self.change,
            counts: self.counts.clone(),
            kept_out: self.request.keep_out || self.request.person.is_none(),
            is_named,
            signature: String::new(),
        };
        note.signature = key.sign(&note, &before);
        Ok(forgotten::keep(store.db, &note).await?)
    }
}
