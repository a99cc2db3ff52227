//! Remembers which authorization codes were redeemed, so that none is redeemed twice.
//!
//! Browsers repeat callbacks: back button, reload, double delivery. The memory is one process's; where
//! several serve one app, Clever itself refuses the second redemption.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use clever_model::Timestamp;
use sha2::{Digest, Sha256};

/// How long a code is remembered, in seconds; Clever's codes live for one minute.
const KEEP_S: i64 = 600;
/// Most codes remembered; the oldest give way.
const MAX_CODES: usize = 100_000;

/// A code's digest: the code itself is not kept.
pub(crate) type CodeDigest = [u8; 32];

pub(crate) fn digest(code: &str) -> CodeDigest {
    Sha256::digest(code.as_bytes()).into()
}

/// What is known of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody has redeemed it: the caller may, once.
    Fresh,
    /// It was claimed for another login.
    Elsewhere,
    /// It was claimed for this very login, and is being redeemed, or could not be.
    Taken,
    /// It was claimed for this very login, and ended it.
    Done,
}

#[derive(Debug)]
struct Entry {
    at: i64,
    done: bool,
    /// The login's `state`, as a digest; none for one that had none.
    login: Option<CodeDigest>,
}

#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<BTreeMap<CodeDigest, Entry>>);

impl Codes {
    /// Claims a code for the login with this `state`; only the first claim is [`Claim::Fresh`].
    pub(crate) fn claim(&self, code: CodeDigest, state: Option<&str>, now: Timestamp) -> Claim {
        let login = state.map(digest);
        let now = now.as_second();
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = codes.get(&code) {
            return match (login.is_some() && login == entry.login, entry.done) {
                (false, _) => Claim::Elsewhere,
                (true, false) => Claim::Taken,
                (true, true) => Claim::Done,
            };
        }
        if codes.len() >= MAX_CODES {
            codes.retain(|_, entry| now - entry.at < KEEP_S);
        }
        if codes.len() >= MAX_CODES
            && let Some(oldest) = codes.iter().min_by_key(|(_, e)| e.at).map(|(c, _)| *c)
        {
            codes.remove(&oldest);
        }
        codes.insert(
            code,
            Entry {
                at: now,
                done: false,
                login,
            },
        );
        Claim::Fresh
    }

    /// Notes that a claimed code gave a login.
    pub(crate) fn done(&self, code: CodeDigest) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = codes.get_mut(&code) {
            entry.done = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a12_of_many_at_once_one_redeems() {
        let codes = Arc::new(Codes::default());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let codes = Arc::clone(&codes);
                std::thread::spawn(move || {
                    codes.claim(digest("c"), Some("s"), Timestamp::UNIX_EPOCH)
                })
            })
            .collect();
        let fresh = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|claim| *claim == Claim::Fresh)
            .count();
        assert_eq!(fresh, 1);
        codes.done(digest("c"));
        for (code, state, claim) in [
            ("c", Some("s"), Claim::Done),
            ("c", Some("t"), Claim::Elsewhere),
            ("c", None, Claim::Elsewhere),
            ("d", None, Claim::Fresh),
            ("d", None, Claim::Elsewhere),
        ] {
            let claimed = codes.claim(digest(code), state, Timestamp::UNIX_EPOCH);
            assert_eq!(claimed, claim, "{code} {state:?}");
        }
    }
}
