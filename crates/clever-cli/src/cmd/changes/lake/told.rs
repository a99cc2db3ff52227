//! What is printed of a lake that was written. A build without the lake has the schema of it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ui::Document;

/// What was written to a lake.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    /// The districts that were appended from.
    pub(super) districts: BTreeMap<String, OfDistrict>,
    /// How many rows were erased in part or as a whole.
    pub(super) erased: u64,
    /// How many small files were written again.
    pub(super) compacted: u64,
    /// How many files were deleted.
    pub(super) deleted: u64,
}

/// What was appended of a district.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Default, Serialize)]
pub(crate) struct OfDistrict {
    /// So many changes.
    pub(super) appended: u64,
    /// The number of the last change that the table has.
    pub(super) position: u64,
}

impl Document for Told {
    const NAME: &'static str = "lake";
}
