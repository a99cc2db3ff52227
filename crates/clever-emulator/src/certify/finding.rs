//! What a check found.

use serde::Serialize;

use crate::certify::check::Check;

/// How a check ended; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// As Clever expects it.
    Passed,
    /// It was not tried; the finding says why.
    NotRun,
    /// Clever's reviewers would ask about it.
    NeedsWork,
    /// Not as Clever expects it.
    Failed,
}

impl Verdict {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotRun => "not run",
            Self::NeedsWork => "needs work",
            Self::Failed => "failed",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it ended.
    pub verdict: Verdict,
    /// What was done to the app.
    pub sent: String,
    /// What the app did.
    pub came_back: String,
    /// What the browser showed at the end, as a PNG.
    pub picture: Option<Vec<u8>>,
}

/// A verdict and what came back, before it is known what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) came_back: String,
}

impl Outcome {
    pub(crate) fn passed(came_back: impl Into<String>) -> Self {
        Self::of(Verdict::Passed, came_back)
    }

    pub(crate) fn failed(came_back: impl Into<String>) -> Self {
        Self::of(Verdict::Failed, came_back)
    }

    pub(crate) fn needs_work(came_back: impl Into<String>) -> Self {
        Self::of(Verdict::NeedsWork, came_back)
    }

    pub(crate) fn not_run(why: impl Into<String>) -> Self {
        Self::of(Verdict::NotRun, why)
    }

    fn of(verdict: Verdict, came_back: impl Into<String>) -> Self {
        Self {
            verdict,
            came_back: came_back.into(),
        }
    }

    pub(crate) fn found(self, check: Check, sent: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict: self.verdict,
            sent: sent.into(),
            came_back: self.came_back,
            picture: None,
        }
    }
}
