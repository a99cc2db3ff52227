//! Reach: the accounts that an authority governs already.

use crate::directory::{Account, Custody, Directory};
use crate::subject::{Authority, Class, Subject};

/// Whether the subject's authority governs `account`, so that no proof of its holder is needed.
///
/// A district reaches what its roster made and what its contract manages, and accounts that a teacher made
/// who is rostered in it today, for students of that teacher's sections. A teacher reaches what her class
/// made. Nobody reaches a personal account. The class must be the subject's.
#[must_use]
pub fn in_reach(subject: &Subject, class: Class, account: &Account, directory: &Directory) -> bool {
    if account.class != class {
        return false;
    }
    match (&subject.authority, &account.custody) {
        (Authority::District(district), Custody::Unclaimed { by } | Custody::Managed { by }) => {
            district == by
        }
        (Authority::District(_), Custody::ClassMade { by }) => {
            class == Class::Student && directory.teachers_of_subject.contains(by)
        }
        (Authority::Teacher(teacher), Custody::ClassMade { by }) => teacher == by,
        (Authority::Teacher(_), Custody::Unclaimed { .. } | Custody::Managed { .. })
        | (_, Custody::Personal) => false,
    }
}
