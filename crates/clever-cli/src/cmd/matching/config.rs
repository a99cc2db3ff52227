//! The configuration of `match`: what to compare, who governs whom, and what may be linked without a person's word.

use anyhow::{Result, bail, ensure};
use clever_linkage::{ColumnPair, FieldConfig, MatchConfig, Side, SideConfig};
use clever_model::Role;
use clever_provision::Policy;
use serde::Deserialize;

/// The configuration as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchFile {
    left: SideConfig,
    right: SideConfig,
    pub(super) field: Vec<FieldConfig>,
    #[serde(default)]
    block: Vec<Vec<String>>,
    block_limit: Option<u32>,
    /// Who governs an account, and whose roster a person is in. Without it, everybody is one district's.
    reach: Option<ColumnPair>,
    /// Whether people are students, employees or contacts. Without it, all are students.
    class: Option<ClassOf>,
    #[serde(default)]
    decide: DecideConfig,
}

/// Where the class of a record stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum ClassOf {
    Everybody(String),
    Columns(ColumnPair),
}

/// What may be decided without a person's word.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DecideConfig {
    managed_auto: bool,
    score_auto: bool,
    rare_names_auto: bool,
    another_name_auto: bool,
    id_change_auto: bool,
    auto: i32,
    margin: i32,
    review: i32,
    idle_limit_days: u32,
    candidates: u8,
}

impl Default for DecideConfig {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            // Whoever runs `match` asks for links; each of these can be taken back in the file.
            managed_auto: true,
            score_auto: true,
            rare_names_auto: true,
            another_name_auto: true,
            id_change_auto: policy.id_change_auto,
            auto: policy.auto_millibits,
            margin: policy.margin_millibits,
            review: MatchConfig::LEAST,
            idle_limit_days: policy.idle_limit_days,
            candidates: 5,
        }
    }
}

impl MatchFile {
    /// Reads the configuration, and says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let file: Self = toml::from_str(text)?;
        let decide = &file.decide;
        ensure!(
            (1..=20).contains(&decide.candidates),
            "`decide.candidates` is {}, and must be from 1 to 20",
            decide.candidates
        );
        ensure!(
            decide.margin >= 0,
            "`decide.margin` is {}, and must be at least 0",
            decide.margin
        );
        ensure!(
            decide.auto > decide.review,
            "`decide.auto` is {}, and must be above decide.review",
            decide.auto
        );
        if let Some(ClassOf::Everybody(class)) = &file.class
            && role(class).is_none()
        {
            bail!("`class` is `{class}`, and must be {ROLES}, or name a column of each file");
        }
        Ok(file)
    }

    /// What is compared. A pair with less than `least` is no evidence.
    pub(super) fn compared(&self, least: Option<i32>) -> MatchConfig {
        let review = self.decide.review;
        MatchConfig {
            left: self.left.clone(),
            right: self.right.clone(),
            field: self.field.clone(),
            block: self.block.clone(),
            block_limit: self.block_limit.unwrap_or(MatchConfig::BLOCK_LIMIT),
            least: least.map_or(review, |least| least.min(review)),
        }
    }

    /// What may be linked without a person's word; `auto` is another threshold than the file's.
    pub(super) fn policy(&self, auto: Option<i32>) -> Policy {
        let decide = &self.decide;
        Policy {
            managed_auto: decide.managed_auto,
            score_auto: decide.score_auto,
            rare_names_auto: decide.rare_names_auto,
            another_name_auto: decide.another_name_auto,
            id_change_auto: decide.id_change_auto,
            auto_millibits: auto.unwrap_or(decide.auto),
            margin_millibits: decide.margin,
            idle_limit_days: decide.idle_limit_days,
            ..Policy::default()
        }
    }

    /// How many candidates the files show of each person.
    pub(super) fn shown(&self) -> usize {
        self.decide.candidates.into()
    }

    /// The column with the records' ids.
    pub(super) fn id(&self, side: Side) -> &str {
        match side {
            Side::Left => &self.left.id,
            Side::Right => &self.right.id,
        }
    }

    /// The column that says who governs.
    pub(super) fn reach(&self, side: Side) -> Option<&str> {
        self.reach.as_ref().map(|columns| columns.column(side))
    }

    /// The column that says what sort of person it is.
    pub(super) fn class(&self, side: Side) -> Option<&str> {
        match &self.class {
            Some(ClassOf::Columns(columns)) => Some(columns.column(side)),
            _ => None,
        }
    }

    /// Whether the file says what sort of people they are.
    pub(super) const fn says_class(&self) -> bool {
        self.class.is_some()
    }

    /// The role of everybody, if no column says it.
    pub(super) fn role_of_all(&self) -> Role {
        match &self.class {
            Some(ClassOf::Everybody(class)) => role(class).unwrap_or(Role::Student),
            _ => Role::Student,
        }
    }
}

/// The words that [`role`] reads.
pub(super) const ROLES: &str =
    "one of student, teacher, staff, district_admin, employee and contact";

/// The role that a word means.
pub(super) fn role(word: &str) -> Option<Role> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "student" => Role::Student,
        "teacher" | "employee" => Role::Teacher,
        "staff" => Role::Staff,
        "district_admin" => Role::DistrictAdmin,
        "contact" => Role::Contact,
        _ => return None,
    })
}
