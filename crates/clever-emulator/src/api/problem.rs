//! Errors in the words of each version.

use crate::reply::Reply;
use crate::versions::Version;

/// An error as `version` words it.
pub(crate) fn problem(version: Version, status: u16, message: &str) -> Reply {
    if version.is_first() {
        Reply::error(status, message)
    } else {
        Reply::message(status, message)
    }
}

/// The answer to an id that is not there.
pub(super) fn unknown(version: Version) -> Reply {
    problem(version, 404, "Resource not found")
}
