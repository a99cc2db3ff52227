//! What is known of an error: a word that stays, how the program ends by it, what to do.

use super::Exit;

/// A word, an exit code, and perhaps a next step.
pub(super) type Cause = (&'static str, Exit, Option<String>);

/// A failure, and what to do.
pub(super) fn failed(code: &'static str, hint: impl Into<String>) -> Cause {
    (code, Exit::Failed, Some(hint.into()))
}

/// Something that was given wrong, and how it is given right.
pub(super) fn usage(code: &'static str, hint: impl Into<String>) -> Cause {
    (code, Exit::Usage, Some(hint.into()))
}

/// A refusal of Clever, and what to do.
pub(super) fn refused(code: &'static str, hint: impl Into<String>) -> Cause {
    (code, Exit::Refused, Some(hint.into()))
}
