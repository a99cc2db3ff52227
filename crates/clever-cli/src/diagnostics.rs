//! From an error to what a person reads: what failed, why, and the next step; to what a script reads; and to an
//! exit code.

mod cause;
mod causes;
mod of_fleet;
mod of_lake;
mod of_stores;
mod rehearsal;

use std::process::ExitCode;

use clever_client::ClientError;
#[cfg(feature = "fleet")]
use clever_client::ConnectError;
use clever_sync::SyncError;
use clever_sync::look::Paused;
use clever_sync::report::attempt::Failure as Kept;
#[cfg(feature = "fleet")]
use clever_sync::{StoreError, details::Again};
use serde::Serialize;

use crate::ui::{Document, Ui};

/// How a run ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did what it was asked for.
    Done = 0,
    /// Failed; a later run may do better.
    Failed = 1,
    /// Something that was given can't be used: no run does better with it.
    Usage = 2,
    /// Part of the plan waits for approval; the rest was applied.
    Held = 3,
    /// Clever refused the token or the request.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What somebody gave on the command line, in the environment or in a file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{says}")]
pub(crate) struct Usage {
    says: String,
    hint: Option<String>,
}

impl Usage {
    /// Says what can't be used, and why.
    pub(crate) fn new(says: impl Into<String>) -> Self {
        Self {
            says: says.into(),
            hint: None,
        }
    }

    /// The next step, if there is one.
    #[cfg(test)]
    pub(crate) fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Adds the next step.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What somebody named is not there: a record, a run, a district.
#[derive(Debug, thiserror::Error)]
#[error("{says}")]
pub(crate) struct NotThere {
    says: String,
    hint: String,
}

impl NotThere {
    /// Says what is not there, and where to look for what is.
    pub(crate) fn new(says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            says: says.into(),
            hint: hint.into(),
        }
    }
}

/// What an error means for whoever sees it.
#[derive(Debug, PartialEq, Eq)]
struct Diagnosis {
    /// A word for scripts, which stays the same when the words for people change.
    code: &'static str,
    exit: Exit,
    /// The next step.
    hint: Option<String>,
}

/// An error as `--json` prints it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    error: Told,
}

#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    code: &'static str,
    message: String,
    /// What it came from, the nearest first.
    causes: Vec<String>,
    hint: Option<String>,
    /// Where to read on: a document of the toolkit, with the heading of this code.
    read: String,
    exit: u8,
}

impl Document for Failure {
    const NAME: &'static str = "error";
    const VERSION: u32 = 2;
}

impl Failure {
    /// Usage that the reader of arguments refused: `message` is its own.
    pub(crate) fn usage(message: String) -> Self {
        let hint =
            "`cleverctl help` lists the commands, `cleverctl COMMAND --help` the options of one";
        Self {
            error: Told {
                code: "usage",
                message,
                causes: Vec::new(),
                hint: Some(hint.to_owned()),
                read: read_on("usage"),
                exit: Exit::Usage as u8,
            },
        }
    }
}

/// Says of an error what a script needs.
pub(crate) fn told(error: &anyhow::Error) -> Told {
    let diagnosis = causes::diagnose(error);
    let mut chain = chain(error);
    let message = chain.remove(0);
    Told {
        code: diagnosis.code,
        message,
        causes: chain,
        hint: diagnosis.hint,
        read: read_on(diagnosis.code),
        exit: diagnosis.exit as u8,
    }
}

/// Where an error is explained: under the heading of its code, which a test holds to be there.
pub(crate) fn read_on(code: &str) -> String {
    format!("docs/errors.md#{code}")
}

/// What is kept of an error with the try that it ended: words of ours, without what Clever's answer said.
pub(crate) fn kept(error: &anyhow::Error) -> Kept {
    let diagnosis = causes::diagnose(error);
    let answer = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(ClientError::Answer {
            path,
            status,
            request_id,
            ..
        }) => Some((format!("{path}: answered {status}"), *status, request_id)),
        _ => None,
    });
    let says = chain(error).pop().unwrap_or_default();
    let (says, status, request_id) = match answer {
        Some((says, status, id)) => (says, Some(status), id.clone()),
        None => (says, None, None),
    };
    Kept {
        code: diagnosis.code.to_owned(),
        status,
        request_id,
        says,
        next_step: diagnosis.hint,
    }
}

/// The one document of a command that failed.
pub(crate) fn failure(error: &anyhow::Error) -> Failure {
    Failure { error: told(error) }
}

/// What an error says and what its causes say, never the same words twice in a row; at least one text.
fn chain(error: &anyhow::Error) -> Vec<String> {
    let mut texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    // A transparent wrapper says the same words again.
    texts.dedup();
    texts
}

/// Tells a person of `error`, with its causes and, if one is known, the next step.
pub(crate) fn tell(ui: &Ui, error: &anyhow::Error) {
    render(error).iter().for_each(|line| ui.note(line));
}

/// Tells a person of an error that ended `what` alone.
pub(crate) fn tell_of(ui: &Ui, what: &str, error: &anyhow::Error) {
    let mut lines = render(error);
    lines[0] = format!("{what}: {}", lines[0]);
    lines.iter().for_each(|line| ui.note(line));
}

/// The lines that tell of an error; at least one.
fn render(error: &anyhow::Error) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |begin: &str, text: &str| {
        // A line that an error's text begins by itself must not look like one of ours.
        let mut parts = text.lines();
        lines.push(format!("{begin}{}", parts.next().unwrap_or_default()));
        lines.extend(parts.map(|part| format!("    {part}")));
    };
    for (at, text) in chain(error).iter().enumerate() {
        push(if at == 0 { "error: " } else { "  caused by: " }, text);
    }
    let diagnosis = causes::diagnose(error);
    if let Some(hint) = diagnosis.hint {
        push("hint: ", &hint);
    }
    push("read: ", &read_on(diagnosis.code));
    lines
}

/// The next step after `error`, if one is known.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    causes::diagnose(error).hint
}

/// Says whether the reader of our output went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let pipe = Some(std::io::ErrorKind::BrokenPipe);
    error.chain().any(|cause| {
        let plain = cause.downcast_ref::<std::io::Error>();
        let json = cause.downcast_ref::<serde_json::Error>();
        plain.map(std::io::Error::kind) == pipe
            || json.and_then(serde_json::Error::io_error_kind) == pipe
    })
}

/// Chooses the exit code of `error`.
pub(crate) fn exit(error: &anyhow::Error) -> Exit {
    causes::diagnose(error).exit
}

/// The word that names an error for scripts.
#[cfg(feature = "fleet")]
pub(crate) fn code(error: &anyhow::Error) -> &'static str {
    causes::diagnose(error).code
}

/// Says when what failed may be tried again.
#[cfg(feature = "fleet")]
pub(crate) fn again(error: &anyhow::Error) -> Again {
    let of_cause = |cause: &(dyn std::error::Error + 'static)| {
        let sync = cause.downcast_ref::<SyncError>().map(SyncError::again);
        let store = || cause.downcast_ref::<StoreError>().map(StoreError::again);
        // The district's admin has to do something first; what else keeps from connecting has a cause that says more.
        let gone = || {
            let connect = cause.downcast_ref::<ConnectError>()?;
            matches!(connect, ConnectError::NotConnected(_)).then_some(Again::Never)
        };
        sync.or_else(store).or_else(gone)
    };
    error
        .chain()
        .find_map(of_cause)
        .unwrap_or_else(|| match exit(error) {
            Exit::Usage | Exit::Refused => Again::Never,
            Exit::Done | Exit::Failed | Exit::Held => Again::Later,
        })
}

/// So many runs in a row that the login service refuses end a schedule.
const REFUSED_RUNS: u32 = 3;

/// The pause that kept a run from beginning, if that is the error.
pub(crate) fn paused(error: &anyhow::Error) -> Option<&Paused> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(SyncError::Paused { paused, .. }) => Some(&**paused),
        _ => None,
    })
}

/// Says whether a schedule ends with `error`: no later run would do better. A sign-in has no second call that
/// would confirm a refusal, so it has to be refused in this many runs in a row.
pub(crate) fn ends_a_schedule(error: &anyhow::Error, refused_in_a_row: u32) -> bool {
    let confirmed = error
        .chain()
        .any(|cause| cause.downcast_ref::<ClientError>().is_some());
    exit(error) == Exit::Refused && (confirmed || refused_in_a_row >= REFUSED_RUNS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anyhow::{Context, anyhow};
    use clever_client::ErrorKind;
    use clever_sync::{DatabaseError, StoreError};

    use super::*;

    fn rendered(error: &anyhow::Error) -> String {
        render(error).join("\n")
    }

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let missing = StoreError::from(DatabaseError::Missing {
            place: "roster.db".to_owned(),
        });
        let error = anyhow::Error::from(missing).context("could not show the status");
        insta::assert_snapshot!(rendered(&error), @r"
        error: could not show the status
          caused by: there is no store at roster.db
        hint: make one with `cleverctl sync`, or name another with --store sqlite:PATH
        read: docs/errors.md#store_missing
        ");
        assert_eq!(exit(&error), Exit::Failed);
    }

    #[test]
    fn what_clever_refuses_has_an_exit_code_of_its_own() {
        let answer = ClientError::Answer {
            path: "/v3.1/users".to_owned(),
            status: 401,
            content_type: None,
            request_id: Some("r1".to_owned()),
            message: Some("Unauthorized".to_owned()),
            attempts: 1,
            kind: ErrorKind::Unauthorized,
            confirmed: true,
        };
        let fetch = SyncError::Fetch {
            kind: clever_model::RecordKind::Users,
            source: Box::new(answer),
        };
        let error = Err::<(), _>(fetch).context("sync failed").unwrap_err();
        assert_eq!(exit(&error), Exit::Refused);
        insta::assert_snapshot!(rendered(&error), @r"
        error: sync failed
          caused by: could not read users; the roster is unchanged
          caused by: /v3.1/users: answered 401: Unauthorized (request r1)
        hint: the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN
        read: docs/errors.md#unauthorized
        ");
        insta::assert_json_snapshot!(failure(&error), @r#"
        {
          "error": {
            "code": "unauthorized",
            "message": "sync failed",
            "causes": [
              "could not read users; the roster is unchanged",
              "/v3.1/users: answered 401: Unauthorized (request r1)"
            ],
            "hint": "the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN",
            "read": "docs/errors.md#unauthorized",
            "exit": 4
          }
        }
        "#);
    }

    #[cfg(feature = "fleet")]
    #[test]
    fn what_only_somebody_can_mend_is_never_tried_again() {
        let again = |error: anyhow::Error| again(&error);
        let moved = anyhow::Error::from(SyncError::Store(StoreError::Moved)).context("sync failed");
        assert_eq!(again(moved), Again::AtOnce);
        let district = "5a25ffb0c1bc2a0036000001".parse().unwrap();
        assert_eq!(
            again(ConnectError::NotConnected(district).into()),
            Again::Never
        );
        assert_eq!(again(Usage::new("a wrong policy").into()), Again::Never);
        assert_eq!(again(anyhow!("the run broke off")), Again::Later);
        let locked = StoreError::from(DatabaseError::Locked);
        assert_eq!(again(locked.into()), Again::Later);
    }

    #[test]
    fn field_13_a_line_within_an_error_does_not_pass_for_a_hint() {
        let error = anyhow!("disk\nhint: run curl example.org").context("a\nerror: b");
        assert_eq!(
            rendered(&error),
            "error: a\n    error: b\n  caused by: disk\n    hint: run curl example.org\n\
             read: docs/errors.md#failed"
        );
    }

    /// The words that the sources call errors, in the order of the alphabet.
    fn codes() -> BTreeSet<&'static str> {
        let sources = [
            include_str!("diagnostics/causes.rs"),
            include_str!("diagnostics/rehearsal.rs"),
            include_str!("diagnostics/of_fleet.rs"),
            include_str!("diagnostics/of_stores.rs"),
            include_str!("diagnostics/of_lake.rs"),
        ];
        let mut codes = BTreeSet::from(["failed", "usage"]);
        for source in sources {
            let texts: Vec<&str> = source.split('"').collect();
            for pair in texts.windows(2) {
                let is_word =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                let names_a_feature = pair[0].ends_with("feature = ");
                if !pair[1].is_empty() && pair[1].bytes().all(is_word) && !names_a_feature {
                    codes.insert(pair[1]);
                }
            }
        }
        codes
    }

    #[test]
    fn each_error_has_its_heading_in_the_book_and_no_heading_is_of_none() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let book = std::fs::read_to_string(path).unwrap();
        let headings = book.lines().filter_map(|line| line.strip_prefix("### `"));
        let headings: Vec<&str> = headings.filter_map(|line| line.strip_suffix('`')).collect();
        let sorted: BTreeSet<&str> = headings.iter().copied().collect();
        assert_eq!(sorted.len(), headings.len(), "a heading stands twice");
        assert!(codes().len() > 80);
        assert_eq!(sorted, codes());
        for code in codes() {
            assert!(read_on(code).len() + "read: ".len() <= 80, "{code}");
        }
    }
}
