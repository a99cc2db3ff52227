//! Reach: the accounts that an authority governs already.
//!
//! Decision: an account that a Library class made is in that teacher's reach alone, even if her district connects later. All
//! that is known of its holder is a first name and an initial, which never speak for an account; so a district that reached
//! it could link it to nobody. The student's Clever id opens it as before.

use crate::directory::{Account, Custody};
use crate::subject::{Class, SharedBy, Subject};

/// Whether the subject's authority governs `account`, so that no proof of its holder is needed.
///
/// A district reaches what its roster made and what its contract manages. A teacher reaches what her class made. Nobody
/// reaches a personal account. The class must be the subject's.
#[must_use]
pub fn in_reach(subject: &Subject, class: Class, account: &Account) -> bool {
    if account.class != class {
        return false;
    }
    match (&subject.authority, &account.custody) {
        (SharedBy::District(district), Custody::Unclaimed { by } | Custody::Managed { by }) => {
            district == by
        }
        (SharedBy::Teacher(teacher), Custody::ClassMade { by }) => teacher == by,
        (SharedBy::District(_), Custody::ClassMade { .. })
        | (SharedBy::Teacher(_), Custody::Unclaimed { .. } | Custody::Managed { .. })
        | (_, Custody::Personal) => false,
    }
}
