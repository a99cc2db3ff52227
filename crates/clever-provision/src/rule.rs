//! The rows of the decision table, and what a decision comes to.

use std::fmt;

use serde::Serialize;

/// A row of the decision table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Rule {
    /// The subject can't be served.
    R0,
    /// The Clever id opens one account.
    R1,
    /// That account is archived.
    R1a,
    /// That account is suspended.
    R1b,
    /// That account is of another class.
    R1c,
    /// The Clever id opens several accounts, or none that stands.
    R1d,
    /// An id from before v3 opens an account.
    R2,
    /// An account was proven.
    R3,
    /// One account that nobody ever entered.
    R4,
    /// One account that the district manages.
    R5,
    /// One account that the district governs, by the score alone.
    R5a,
    /// One account that the district governs, by names that nobody else has in the school and grade, or on the birthday.
    R5b,
    /// One account that the district governs, under another name: by two ids and the birth date.
    R5c,
    /// One account whose Clever id is gone.
    R6,
    /// Accounts within reach, but not certainly the subject's.
    R7,
    /// Accounts out of reach only.
    R8,
    /// Two accounts were proven.
    R9,
    /// No candidate, at a login.
    R10,
    /// No candidate, in a roster.
    R11,
    /// Several subjects of one batch claim one account, or fit it nearly alike.
    Tie,
}

/// What a decision comes to, without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Into the account that the identity opens.
    LogIn,
    /// The identity opens this account from now on.
    Link,
    /// Several accounts become one.
    Merge,
    /// The person is asked.
    Ask,
    /// A new account.
    Create,
    /// A new account, and the candidates are kept for a person who may decide.
    CreateAndPark,
    /// A person must decide first.
    Review,
    /// The person is not let in.
    Refuse,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
