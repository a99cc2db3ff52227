//! What is read and done, whoever asks: the pages and the API show and do the same by these functions alone.
//!
//! Each checks the role and the district of the visitor, and each deed is a row of the audit.

pub(crate) mod accounts;
pub(crate) mod districts;
pub(crate) mod forget;
pub(crate) mod holds;
pub(crate) mod records;
pub(crate) mod reviews;
pub(crate) mod runs;
