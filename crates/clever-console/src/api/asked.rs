//! What the API takes: queries and bodies.

use clever_model::RecordKind;
use clever_sync::store::Op;
use schemars::JsonSchema;
use serde::Deserialize;

/// A query or a body that asks for nothing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Nothing {}

/// A list of runs.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct BeforeRun {
    /// Only runs before this one.
    pub(super) before: Option<u64>,
}

/// A list of changes.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AskedChanges {
    /// Only records of this kind.
    pub(super) kind: Option<RecordKind>,
    /// Only this operation.
    pub(super) op: Option<Op>,
    /// Only changes of this field or of one within it.
    pub(super) field: Option<String>,
    /// Only what this run changed.
    pub(super) run: Option<u64>,
    /// Only changes before this number.
    pub(super) before: Option<u64>,
}

/// A list of changes whose names are to be seen.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RevealBody {
    /// Which changes.
    #[serde(flatten)]
    pub(super) asked: AskedChanges,
    /// Why, in a few words. The audit keeps it: name nobody.
    pub(super) reason: String,
}

/// A list of questions.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AfterQuestion {
    /// Only questions behind this one.
    pub(super) after: Option<u64>,
}

/// A list of accounts.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AfterAccount {
    /// Only accounts behind this one.
    pub(super) after: Option<String>,
}

/// The history of an account.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct BeforeEntry {
    /// Only events before this place in the ledger.
    pub(super) before: Option<u64>,
}

/// A list of deeds.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AskedDeeds {
    /// Only deeds of this district.
    pub(super) district: Option<String>,
    /// Only deeds before this number.
    pub(super) before: Option<i64>,
}

/// Why something is done.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct WhyBody {
    /// Why, in a few words. The audit keeps it: name nobody.
    pub(super) reason: String,
}

/// What approves.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ApproveBody {
    /// The hash of what is held, as it was looked at.
    pub(super) hash: String,
    /// How many are held.
    pub(super) count: u64,
    /// Why, in a few words.
    pub(super) reason: String,
}

/// What takes a run back.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct UndoBody {
    /// Only what is of this school.
    #[serde(default)]
    pub(super) school: String,
    /// Only say what it would do.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Why; needed unless it is a dry run.
    #[serde(default)]
    pub(super) reason: String,
}

/// Which account a question is answered with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct AnswerBody {
    /// The account.
    pub(super) account: String,
    /// Why, if there is something to say.
    #[serde(default)]
    pub(super) reason: String,
}

/// Why a question is declined.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct DeclineBody {
    /// Why, if there is something to say.
    #[serde(default)]
    pub(super) reason: String,
}

/// With which account one is merged.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct MergeBody {
    /// The other account.
    pub(super) other: String,
    /// Only say what it would do.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Why; needed unless it is a dry run.
    #[serde(default)]
    pub(super) reason: String,
}

/// Which merge is taken back.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct UnmergeBody {
    /// The merge.
    pub(super) merge: u64,
    /// Why, in a few words.
    pub(super) reason: String,
}

/// Which link is taken back.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct UnlinkBody {
    /// Clever's id of the person.
    pub(super) user: String,
    /// Why, in a few words.
    pub(super) reason: String,
}

/// What is exported.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ExportBody {
    /// `csv`, as districts send it to Clever; `spreadsheets`, the same with formulas made harmless; or `oneroster`.
    pub(super) format: String,
    /// Why, in a few words. The audit keeps it: name nobody.
    pub(super) reason: String,
}

/// What is forgotten.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ForgetBody {
    /// Never take the person in again.
    #[serde(default)]
    pub(super) keep_out: bool,
    /// Only say what would go.
    #[serde(default)]
    pub(super) dry_run: bool,
    /// Why; needed unless it is a dry run. Name nobody.
    #[serde(default)]
    pub(super) reason: String,
}

/// A reason, unless it is a dry run.
pub(super) fn unless(dry_run: bool, reason: &str) -> Option<&str> {
    (!dry_run).then_some(reason)
}
