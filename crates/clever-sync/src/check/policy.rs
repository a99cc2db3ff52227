//! What may change without a person's word, how often a snapshot is due, and which columns are the app's own;
//! the same for all districts or for each its own, from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clever_model::RecordKind;
use serde::Deserialize;

use crate::learn::columns;

/// How much may change without a person's word. The shares are those of Clever's own safety thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPolicy {
    /// Largest share of a kind that may be archived, in percent.
    pub max_archived_percent: u64,
    /// Largest share of one school's people, or sections, that may be archived, in percent.
    pub max_school_archived_percent: u64,
    /// Largest share of a kind, and of one school's part of it, that may be updated, in percent.
    pub max_updated_percent: u64,
    /// Largest share of the places in sections that may be taken away, in percent.
    pub max_unenrolled_percent: u64,
    /// Below this many records, shares say little: only losing most of a kind is held.
    pub floor: u64,
    /// After how long a snapshot is read although events may do, to mend what they missed.
    pub snapshot_every: Duration,
    /// Whether the app's content as mapped by the district is synced too. Few apps have the scope; without it
    /// nothing of it changes, and the rest is synced as ever.
    pub resources: bool,
    /// Columns that the app owns, by kind: never written by a sync.
    pub sticky: BTreeMap<RecordKind, BTreeSet<String>>,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        Self {
            max_archived_percent: 10,
            max_school_archived_percent: 50,
            max_updated_percent: 75,
            max_unenrolled_percent: 30,
            floor: 25,
            snapshot_every: Duration::from_secs(7 * 86_400),
            resources: false,
            sticky: BTreeMap::new(),
        }
    }
}

impl SyncPolicy {
    /// The kinds of record that are synced, in reading order.
    #[must_use]
    pub fn kinds(&self) -> &'static [RecordKind] {
        if self.resources {
            &RecordKind::ALL
        } else {
            &RecordKind::ROSTER
        }
    }
}

/// The policies of all districts: a file in TOML.
///
/// ```
/// let text = r#"
///     max_archived_percent = 5
///     snapshot_every_hours = 24
///
///     [sticky]
///     sections = ["name"]
///
///     [district.5a25ffb0c1bc2a0036000001]
///     max_archived_percent = 20
/// "#;
/// let policies = clever_sync::SyncPolicies::read(text)?;
/// assert_eq!(policies.of("another").max_archived_percent, 5);
/// assert_eq!(policies.of("5a25ffb0c1bc2a0036000001").max_archived_percent, 20);
/// # Ok::<(), clever_sync::PolicyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SyncPolicies {
    default: SyncPolicy,
    districts: BTreeMap<String, SyncPolicy>,
}

/// A policy can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is no policy.
    #[error("the policy can't be read: {0}")]
    Read(#[source] toml::de::Error),
    /// A sticky column is none that a sync writes.
    #[error("{kind} have no column {column} that a sync writes; there are: {known}")]
    NoColumn {
        /// The kind.
        kind: RecordKind,
        /// The column that was named.
        column: String,
        /// Those that there are.
        known: String,
    },
    /// A share is more than all.
    #[error("{field} is a share in percent, not {value}")]
    Percent {
        /// The field.
        field: &'static str,
        /// What it says.
        value: u64,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    max_archived_percent: Option<u64>,
    max_school_archived_percent: Option<u64>,
    max_updated_percent: Option<u64>,
    max_unenrolled_percent: Option<u64>,
    floor: Option<u64>,
    snapshot_every_hours: Option<u64>,
    resources: Option<bool>,
    sticky: Option<BTreeMap<RecordKind, BTreeSet<String>>>,
    #[serde(default)]
    district: BTreeMap<String, Self>,
}

impl SyncPolicies {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the first thing wrong: a typing error must not loosen a guard.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut file: File = toml::from_str(text).map_err(PolicyError::Read)?;
        let districts = std::mem::take(&mut file.district);
        let default = file.over(&SyncPolicy::default())?;
        let districts = districts
            .into_iter()
            .map(|(id, file)| Ok((id, file.over(&default)?)))
            .collect::<Result<_, PolicyError>>()?;
        Ok(Self { default, districts })
    }

    /// The policy of a district.
    #[must_use]
    pub fn of(&self, district_id: &str) -> &SyncPolicy {
        self.districts.get(district_id).unwrap_or(&self.default)
    }
}

impl File {
    fn over(self, base: &SyncPolicy) -> Result<SyncPolicy, PolicyError> {
        let percent = |field, value: Option<u64>, base| match value {
            Some(value) if value > 100 => Err(PolicyError::Percent { field, value }),
            value => Ok(value.unwrap_or(base)),
        };
        for (kind, names) in self.sticky.iter().flatten() {
            let known: Vec<&str> = columns::columns(*kind)
                .iter()
                .map(|(name, _)| *name)
                .collect();
            if let Some(column) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(PolicyError::NoColumn {
                    kind: *kind,
                    column: column.clone(),
                    known: known.join(", "),
                });
            }
        }
        Ok(SyncPolicy {
            max_archived_percent: percent(
                "max_archived_percent",
                self.max_archived_percent,
                base.max_archived_percent,
            )?,
            max_school_archived_percent: percent(
                "max_school_archived_percent",
                self.max_school_archived_percent,
                base.max_school_archived_percent,
            )?,
            max_updated_percent: percent(
                "max_updated_percent",
                self.max_updated_percent,
                base.max_updated_percent,
            )?,
            max_unenrolled_percent: percent(
                "max_unenrolled_percent",
                self.max_unenrolled_percent,
                base.max_unenrolled_percent,
            )?,
            floor: self.floor.unwrap_or(base.floor),
            snapshot_every: self
                .snapshot_every_hours
                .map_or(base.snapshot_every, |hours| {
                    Duration::from_secs(hours.saturating_mul(3600))
                }),
            resources: self.resources.unwrap_or(base.resources),
            sticky: self.sticky.unwrap_or_else(|| base.sticky.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_loosens_no_guard() {
        for (text, part) in [
            ("max_archved_percent = 5", "max_archved_percent"),
            ("max_archived_percent = 500", "not 500"),
            ("[sticky]\nusers = [\"nickname\"]", "nickname"),
            ("[sticky]\npeople = [\"name\"]", "people"),
            ("[district.d]\nfloor = -1", "floor"),
        ] {
            let error = SyncPolicies::read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_district_has_what_it_names_and_the_rest_from_all() {
        let text = "floor = 3\n[sticky]\nusers = [\"email\"]\n[district.d]\nsnapshot_every_hours = 2\nresources = true";
        let policies = SyncPolicies::read(text).unwrap();
        let district = policies.of("d");
        assert_eq!(district.snapshot_every, Duration::from_secs(7200));
        assert_eq!(district.floor, 3);
        assert!(district.resources && !policies.of("e").resources);
        assert!(district.sticky[&RecordKind::Users].contains("email"));
        assert_eq!(
            policies.of("e").snapshot_every,
            SyncPolicy::default().snapshot_every
        );
    }
}
