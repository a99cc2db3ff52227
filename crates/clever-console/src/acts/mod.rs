//! What is read and done, whoever asks: the pages and the API show and do the same by these functions alone.
//!
//! Each checks the role and the district of the visitor, and each deed is a row of the audit.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod districts;
pub(crate) mod exports;
pub(crate) mod forget;
pub(crate) mod holds;
pub(crate) mod looks;
pub(crate) mod pauses;
pub(crate) mod records;
pub(crate) mod reviews;
pub(crate) mod runs;

use clever_model::DistrictId;

use crate::door::Visitor;
use crate::trouble::Trouble;

/// The one district of a visitor; an id that is none sees nothing.
fn only(visitor: &Visitor) -> Result<Option<DistrictId>, Trouble> {
    let only = visitor.person.district.as_deref();
    only.map(DistrictId::new)
        .transpose()
        .map_err(|_| Trouble::Missing)
}
