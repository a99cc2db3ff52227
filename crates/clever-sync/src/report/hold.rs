//! What waits for approval, by which size it was judged, and what probably caused it.

use std::fmt;

use clever_model::{RecordKind, Role};
use serde::{Deserialize, Serialize};

/// Which part of a kind's changes is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The archiving.
    Archive,
    /// The updates.
    Update,
    /// Changes that an undo took back, and that Clever still tells.
    Reapply,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Archive => "archiving",
            Self::Update => "updating",
            Self::Reapply => "applying again",
        })
    }
}

/// What a hold counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Records of the kind.
    #[default]
    Records,
    /// Places in sections.
    Places,
}

/// A part of the plan that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// The kind of record.
    pub kind: RecordKind,
    /// What is held.
    pub part: Part,
    /// The school, where only what is of one school is held.
    #[serde(default)]
    pub school: Option<String>,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// How many it concerns.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share that is let through, in percent.
    pub limit_percent: u64,
    /// What probably caused it.
    pub cause: Cause,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            part,
            unit,
            count,
            of,
            limit_percent,
            cause,
            ..
        } = self;
        match &self.school {
            Some(school) if *kind == RecordKind::Schools => {
                write!(f, "{part} school {school}, one of {of}; {cause}")
            }
            Some(school) => write!(
                f,
                "{part} {count} of {of} {kind} of school {school} (limit {limit_percent} %); {cause}"
            ),
            None if *unit == Unit::Places => write!(
                f,
                "taking away {count} of {of} places in {kind} (limit {limit_percent} %); {cause}"
            ),
            // It is held for what it is, not for a share.
            None if *part == Part::Reapply || matches!(cause, Cause::StillNamed(_)) => {
                write!(f, "{part} {count} of {of} {kind}; {cause}")
            }
            None => write!(
                f,
                "{part} {count} of {of} {kind} (limit {limit_percent} %); {cause}"
            ),
        }
    }
}

/// What probably caused a large change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The list came empty.
    EmptyAnswer,
    /// Clever paused the district: its data is frozen or being exchanged.
    DistrictPaused,
    /// Every user of a role is gone: the role was switched off for the app.
    RoleSwitchedOff(Role),
    /// Schools are gone with it: a school is no longer shared.
    SchoolUnshared,
    /// Terms or grades moved on with it, or the sections are others: a semester or school year turned over.
    Rollover,
    /// Most of what is gone is here again under new ids: the district's system was changed, or its numbers.
    SisRekeyed,
    /// Sections lost all of their students: so many.
    SectionsEmptied(u64),
    /// Most of the places are of these few sections.
    FewSections(Vec<String>),
    /// Records of this kind are held, and still name what is gone.
    StillNamed(RecordKind),
    /// An undo took it back, and Clever still tells it.
    Undone,
    /// Nothing in the data explains it.
    Unexplained,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyAnswer => f.write_str("the list came empty"),
            Self::DistrictPaused => f.write_str("the district is paused at Clever"),
            Self::RoleSwitchedOff(role) => {
                write!(
                    f,
                    "every {role} is gone: the role may have been switched off for this app"
                )
            }
            Self::SchoolUnshared => {
                f.write_str("schools are gone too: a school may no longer be shared")
            }
            Self::Rollover => f.write_str(
                "terms, grades or sections moved on together: a term or school year may have turned over",
            ),
            Self::SisRekeyed => f.write_str(
                "most of what is gone is here again under other ids: the SIS may have given new ids",
            ),
            Self::SectionsEmptied(1) => f.write_str("a section lost all of its students"),
            Self::SectionsEmptied(count) => {
                write!(f, "{count} sections lost all of their students")
            }
            Self::FewSections(sections) => {
                let are = if sections.len() == 1 { "section" } else { "sections" };
                write!(f, "most of it is of {are} {}", sections.join(", "))
            }
            Self::StillNamed(kind) => write!(f, "{kind} that are held still name what is gone"),
            Self::Undone => f.write_str("an undo took it back, and Clever still tells it"),
            Self::Unexplained => f.write_str("nothing in the data explains it"),
        }
    }
}

/// A record that is held: enough to find it in the store, and nothing that it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeldSample {
    /// The kind of record.
    pub kind: RecordKind,
    /// What would be done, as the feed says it.
    pub op: String,
    /// The record.
    pub id: String,
    /// The fields that would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// How large a kind was when something of it was first held. What is applied beside a hold must not dilute it:
/// else so many new records would let the same archiving through on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Size {
    /// Active records.
    pub active: u64,
    /// Places in sections.
    pub enrolled: u64,
    /// Records that came since, with the hold's first run: what is gone may have come again as these.
    pub created: u64,
}
