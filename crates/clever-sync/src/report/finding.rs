//! What is odd in a roster and stops nothing.

use std::fmt;

use clever_model::RecordKind;
use serde::{Deserialize, Serialize};

/// The scope for resources, and the field of the finding that an app lost it.
pub(crate) const RESOURCES_SCOPE: &str = "read:resources";

/// The field of the finding that nothing is shared.
pub(crate) const SHARES: &str = "shared";

/// The kinds without which there is no roster.
pub(crate) const SHARED: [RecordKind; 3] =
    [RecordKind::Schools, RecordKind::Users, RecordKind::Sections];

/// Something odd in the roster that stops nothing: a reference that leads nowhere, or a list that was read once and is
/// closed to the app now (its field is the scope, and the count that of the records which stay).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The kind of the records that refer.
    pub kind: RecordKind,
    /// The field that refers.
    pub field: String,
    /// The kind of what they refer to.
    pub target: RecordKind,
    /// How many references lead nowhere.
    pub count: u64,
    /// Up to three ids that do not exist in the roster; none that has not the form of an id.
    pub samples: Vec<String>,
}

impl Finding {
    /// Says whether it is that the district shares nothing without which there is no roster.
    #[must_use]
    pub fn is_of_sharing(&self) -> bool {
        self.field == SHARES && self.kind == RecordKind::Districts
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            field,
            target,
            count,
            samples,
        } = self;
        if field == RESOURCES_SCOPE {
            return write!(
                f,
                "{kind}: the app may no longer read them (scope {field}); {count} in the store stay as they were"
            );
        }
        if self.is_of_sharing() {
            return f.write_str("the district shares no school, user or section with the app");
        }
        let times = if *count == 1 { "time" } else { "times" };
        write!(
            f,
            "{kind}.{field} names {target} that the roster lacks, {count} {times}"
        )?;
        match samples.first() {
            Some(sample) => write!(f, ", as {sample}"),
            None => Ok(()),
        }
    }
}
