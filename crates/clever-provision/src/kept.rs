//! A subject that waits for its person's answer: sealed, bound to a place, and good for ten minutes.
//!
//! Only the end of a login makes a subject of a login. What waits outside of the process, in a table or a cookie,
//! must not become a second way to make one, so it is sealed under the app's keys.

use std::collections::BTreeSet;

use clever_auth::seal::{NoRandomness, NotOurs, Randomness, SealingKeys};
use clever_model::{DistrictId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::proof::MAX_PROOF_AGE_SECONDS;
use crate::subject::{Arrival, Class, Classes, Purpose, SharedBy, Subject};

/// By how much the clock of the machine that opens may be behind the one that sealed, in seconds.
const SKEW_S: i64 = 60;

/// Why a sealed subject is not given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// It was sealed under another key or for another place, or somebody changed it.
    #[error("what was kept of the sign-in does not open: sign in again")]
    NotOurs(#[from] NotOurs),
    /// Its ten minutes are over.
    #[error("the sign-in was more than ten minutes ago: sign in again")]
    TooOld,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    id: UserId,
    legacy_ids: BTreeSet<UserId>,
    district: Option<DistrictId>,
    teacher: Option<UserId>,
    classes: Vec<Class>,
    linking: bool,
    bound: bool,
    said_new: bool,
    verified_at: i64,
    connected: bool,
}

impl Subject {
    /// Seals the subject of a login, to be opened at the same `place` (such as a session) within ten minutes of
    /// the login. A subject of a roster is sealed, too, but never opens: a roster asks nobody.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn seal(
        &self,
        keys: &SealingKeys,
        place: &str,
        random: &dyn Randomness,
    ) -> Result<String, NoRandomness> {
        let (linking, bound, said_new, verified_at) = match self.arrival {
            Arrival::Login {
                purpose,
                bound,
                said_new,
                verified_at,
            } => (
                purpose == Purpose::Link,
                bound,
                said_new,
                verified_at.as_second(),
            ),
            Arrival::Roster => (false, false, false, i64::MIN),
        };
        let (district, teacher) = match &self.authority {
            SharedBy::District(id) => (Some(id.clone()), None),
            SharedBy::Teacher(id) => (None, Some(id.clone())),
        };
        let kept = Kept {
            id: self.id.clone(),
            legacy_ids: self.legacy_ids.clone(),
            district,
            teacher,
            classes: match self.classes {
                Classes::None => Vec::new(),
                Classes::One(class) => vec![class],
                Classes::Several => Class::ALL.to_vec(),
            },
            linking,
            bound,
            said_new,
            verified_at,
            connected: self.connected,
        };
        // Plain values always are JSON; an empty text would not open.
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        keys.seal(&purpose(place), &text, random)
    }

    /// Opens what [`Subject::seal`] made for the same `place`.
    ///
    /// # Errors
    ///
    /// [`KeptError`]: the person has to sign in again.
    pub fn unseal(
        keys: &SealingKeys,
        place: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<Self, KeptError> {
        let text = keys.open(&purpose(place), sealed)?;
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| NotOurs)?;
        let age = now.as_second().saturating_sub(kept.verified_at);
        if !(-SKEW_S..=MAX_PROOF_AGE_SECONDS).contains(&age) {
            return Err(KeptError::TooOld);
        }
        let authority = match (kept.district, kept.teacher) {
            (Some(district), None) => SharedBy::District(district),
            (None, Some(teacher)) => SharedBy::Teacher(teacher),
            _ => return Err(NotOurs.into()),
        };
        Ok(Self {
            id: kept.id,
            legacy_ids: kept.legacy_ids,
            authority,
            classes: match kept.classes.as_slice() {
                [] => Classes::None,
                [class] => Classes::One(*class),
                _ => Classes::Several,
            },
            arrival: Arrival::Login {
                purpose: if kept.linking {
                    Purpose::Link
                } else {
                    Purpose::SignIn
                },
                bound: kept.bound,
                said_new: kept.said_new,
                verified_at: Timestamp::from_second(kept.verified_at)
                    .map_err(|_| KeptError::TooOld)?,
            },
            connected: kept.connected,
        })
    }
}

fn purpose(place: &str) -> [&str; 3] {
    ["clever-provision", "subject", place]
}
