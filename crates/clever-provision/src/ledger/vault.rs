//! A district's key: seals personal data beside the ledger, and makes the digests in it.

use std::fmt;

use clever_auth::seal::{KeyId, NoRandomness, Randomness, SealingKeys};
use clever_model::{DistrictId, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::hash::Hash;
use crate::directory::AccountId;
use crate::evidence::Evidence;

/// A digest under a district's key: without the key it says nothing, and the key dies with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Pair(Hash);

/// A sealed text was not opened, or could not be sealed.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultError {
    /// No randomness to be had.
    #[error("the system gave no randomness; nothing was written")]
    NoRandomness,
    /// Sealed under another key, for another place, or changed.
    #[error("what was sealed for `{place}` does not open: it was erased, moved or changed")]
    NotOurs {
        /// What it was sealed for.
        place: String,
    },
}

impl From<NoRandomness> for VaultError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

/// The key of a district's personal data. Whoever destroys it has erased them.
pub(crate) struct DistrictKey {
    district: Option<DistrictId>,
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for DistrictKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistrictKey")
            .field("district", &self.district)
            .finish_non_exhaustive()
    }
}

impl DistrictKey {
    /// Makes a new one; `None` is for people whom no district shares.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoRandomness`].
    pub(crate) fn make(
        district: Option<DistrictId>,
        random: &dyn Randomness,
    ) -> Result<Self, VaultError> {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(secret.as_mut_slice())?;
        Ok(Self { district, secret })
    }

    /// Wraps it under the app's own keys, to be kept.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoRandomness`].
    pub(crate) fn wrap(
        &self,
        keys: &SealingKeys,
        random: &dyn Randomness,
    ) -> Result<String, VaultError> {
        Ok(keys.seal(
            &["district key", self.name()],
            self.secret.as_slice(),
            random,
        )?)
    }

    /// Unwraps what [`DistrictKey::wrap`] made for the same district.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotOurs`].
    pub(crate) fn from_wrapped(
        district: Option<DistrictId>,
        wrapped: &str,
        keys: &SealingKeys,
    ) -> Result<Self, VaultError> {
        let name = district.as_ref().map_or("", DistrictId::as_str);
        let not_ours = || VaultError::NotOurs {
            place: format!("district key {name}"),
        };
        let opened = keys
            .open(&["district key", name], wrapped)
            .map_err(|_| not_ours())?;
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| not_ours())?;
        Ok(Self {
            secret: Zeroizing::new(bytes),
            district,
        })
    }

    fn name(&self) -> &str {
        self.district.as_ref().map_or("", DistrictId::as_str)
    }

    fn keys(&self) -> SealingKeys {
        SealingKeys::new(KeyId(0), &self.secret)
    }

    /// Seals personal data for its place.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoRandomness`].
    pub(crate) fn seal(
        &self,
        place: &str,
        text: &[u8],
        random: &dyn Randomness,
    ) -> Result<String, VaultError> {
        Ok(self
            .keys()
            .seal(&["personal", self.name(), place], text, random)?)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotOurs`].
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self.keys().open(&["personal", self.name(), place], sealed);
        opened.map_err(|_| VaultError::NotOurs {
            place: place.to_owned(),
        })
    }

    /// The digest of a person and an account.
    #[must_use]
    pub(crate) fn pair(&self, id: &UserId, account: &AccountId) -> Pair {
        self.digest(&[b"pair", id.as_str().as_bytes(), account.as_str().as_bytes()])
    }

    /// The digest of what speaks for an account and against it.
    #[must_use]
    pub(crate) fn evidence<'a>(&self, evidence: impl IntoIterator<Item = &'a Evidence>) -> Pair {
        self.words(&evidence_words(evidence))
    }

    pub(crate) fn words(&self, words: &[String]) -> Pair {
        self.digest(&[b"evidence", words.join("\n").as_bytes()])
    }

    /// A digest to find a value by: 64 bits, so that others have it now and then.
    #[cfg(feature = "store")]
    pub(crate) fn clue(&self, sort: &str, text: &str) -> i64 {
        let Pair(Hash(digest)) = self.digest(&[b"clue", sort.as_bytes(), text.as_bytes()]);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn digest(&self, parts: &[&[u8]]) -> Pair {
        let mut hash = blake3::Hasher::new_keyed(&self.secret);
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Pair(Hash(*hash.finalize().as_bytes()))
    }
}

/// Evidence in words. A score counts only if nothing else was found, and in steps of four bits: it depends on who else
/// came that day, and that is no new evidence.
pub(crate) fn evidence_words<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> Vec<String> {
    let (mut words, mut scores) = (Vec::new(), Vec::new());
    for one in evidence {
        match one {
            Evidence::Score { millibits } => {
                scores.push(format!("score {}", millibits.div_euclid(4_000)));
            }
            other => words.push(format!("{other:?}")),
        }
    }
    if words.is_empty() { scores } else { words }
}
