//! From an error to what a person reads: what failed, why, and the next step; and to an exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use clever_auth::credential::CredentialError;
use clever_auth::login::Rejection;
use clever_auth::{AnswerError, KindError};
use clever_client::{ClientError, ErrorKind, SetupError, SignInError};
use clever_emulator::StartError;
use clever_provision::store::StoreError as AccountError;
use clever_sync::{AddressError, DatabaseError, PlanError, StoreError, SyncError};

use crate::access::MissingApp;
use crate::cmd::demo::FileExists;
use crate::settings::{MissingToken, TOKEN_VARIABLE};
use crate::vault::NoCredential;

/// How a run ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
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

/// Writes `error` with its causes and, where one is known, the next step.
pub(crate) fn render(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let shown = cause.to_string();
        // A transparent wrapper says the same words again.
        if shown != last {
            // Writing to a String can't fail.
            let _ = write!(text, "\n  caused by: {shown}");
        }
        last = shown;
    }
    if let Some(hint) = hint(error) {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
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
    match client_kind(error) {
        Some(ErrorKind::Unauthorized | ErrorKind::NotShared | ErrorKind::WrongTokenKind) => {
            Exit::Refused
        }
        _ if refused_sign_in(error) => Exit::Refused,
        _ => Exit::Failed,
    }
}

/// Says whether the login service refused: its status, another app's token, an `error` in a callback.
fn refused_sign_in(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<AnswerError>(),
            Some(AnswerError::Refused { status: 400..=499 })
        ) || matches!(cause.downcast_ref::<KindError>(), Some(KindError::OtherApp))
            || cause.downcast_ref::<Rejection>().is_some()
    })
}

/// The client's error in the chain of `error`, if there is one.
fn client_kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<ClientError>())
        .map(ClientError::kind)
}

/// Says whether an error of this type is in the chain.
fn has<T: std::error::Error + 'static>(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<T>().is_some())
}

/// Says whether a file could not be written for want of room.
fn is_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        matches!(
            kind,
            Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        )
    })
}

/// The next step for whoever sees `error`.
fn hint(error: &anyhow::Error) -> Option<String> {
    if has::<MissingToken>(error) {
        return Some(format!(
            "put a district-app token into {TOKEN_VARIABLE} or name a file with --token-file; \
             `cleverctl demo` needs none"
        ));
    }
    if has::<MissingApp>(error) {
        return Some(
            "set CLEVER_CLIENT_ID and CLEVER_CLIENT_SECRET (your Clever dashboard, Settings > General), or keep them \
             with `cleverctl credential add NAME --client-id ID` and use --credential NAME"
                .to_owned(),
        );
    }
    if has::<NoCredential>(error) {
        return Some("`cleverctl credential list` shows the names".to_owned());
    }
    #[cfg(not(feature = "parquet"))]
    if has::<crate::cmd::export::NoParquet>(error) {
        return Some(
            "build it with `cargo build --release -p clever-cli --features parquet`, or choose csv or oneroster"
                .to_owned(),
        );
    }
    if has::<FileExists>(error) {
        return Some("remove the file, or name another with --store sqlite:PATH".to_owned());
    }
    if let Some(kind) = client_kind(error) {
        return client_hint(kind).map(ToOwned::to_owned);
    }
    if has::<crate::cmd::export::NotForSpreadsheets>(error) {
        return Some("choose --format csv, or leave --for out".to_owned());
    }
    if is_full(error) {
        return Some("free some space and run again; what was there is as it was".to_owned());
    }
    error.chain().find_map(|cause| {
        if let Some(store) = cause.downcast_ref::<StoreError>() {
            store_hint(store)
        } else if let Some(AccountError::Database(error)) = cause.downcast_ref() {
            error.hint()
        } else if let Some(address) = cause.downcast_ref::<AddressError>() {
            address.hint()
        } else if let Some(sync) = cause.downcast_ref::<SyncError>() {
            sync_hint(sync)
        } else if let Some(sign_in) = cause.downcast_ref::<SignInError>() {
            sign_in_hint(sign_in).map(ToOwned::to_owned)
        } else if let Some(kept) = cause.downcast_ref::<CredentialError>() {
            credential_hint(kept).map(ToOwned::to_owned)
        } else if cause.is::<StartError>() {
            Some("choose another address with --listen, or port 0 for a free one".to_owned())
        } else if cause.is::<SetupError>() {
            Some("the API's address looks like https://api.clever.com".to_owned())
        } else {
            None
        }
    })
}

fn client_hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Unauthorized => {
            "the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN"
        }
        ErrorKind::NotShared => {
            "the token does not open this: Secure Sync may not be enabled for the app, or the district shares nothing"
        }
        ErrorKind::WrongTokenKind => {
            "this path answers with a web page: check --api-url (https://api.clever.com), and that the token is a \
             district-app token"
        }
        ErrorKind::RateLimited => {
            "other programs use the same token; run again when the limit's window is over"
        }
        ErrorKind::Server => "Clever is failing: see https://status.clever.com and run again later",
        ErrorKind::Network => {
            "check --api-url and the network, then run again; the roster is unchanged"
        }
        ErrorKind::Undecodable => {
            "the answer was cut or is not Clever's: check --api-url, then run again"
        }
        ErrorKind::TooLarge => "ask for smaller pages with --page-size",
        ErrorKind::Walk => "the list changed while it was read, or is not Clever's: run again",
        _ => return None,
    })
}

fn store_hint(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Moved => {
            Some("run again: the next run starts from what the other one wrote".to_owned())
        }
        StoreError::Database(error) => database_hint(error),
        _ => None,
    }
}

/// What to do about a roster's database, in words of this program where it has better ones.
fn database_hint(error: &DatabaseError) -> Option<String> {
    let hint = match error {
        DatabaseError::Missing { .. } => {
            "make one with `cleverctl sync`, or name another with --store sqlite:PATH"
        }
        DatabaseError::Unreadable { .. } => {
            "check the path's folder and permissions, or name another store with --store sqlite:PATH"
        }
        DatabaseError::Broken { .. } | DatabaseError::Foreign { .. } => {
            "the file was left as it is; name another with --store sqlite:PATH"
        }
        DatabaseError::Version {
            found, expected, ..
        } if found > expected => "a newer cleverctl wrote it: use that one",
        DatabaseError::Version { .. } => "`cleverctl sync` brings it up to date",
        DatabaseError::Taken { .. } => {
            "nothing was made; give the roster a schema of its own with --schema NAME, or leave --schema and `?schema=` out"
        }
        other => return other.hint(),
    };
    Some(hint.to_owned())
}

fn sign_in_hint(error: &SignInError) -> Option<&'static str> {
    Some(match error {
        SignInError::Network(_) => {
            "check --auth-url and the network; `cleverctl doctor` checks step by step"
        }
        SignInError::Kind(KindError::OtherApp) => {
            "use a token of this app, or the other app's id and secret"
        }
        SignInError::Login(_) => "begin again; a code is good for one minute and one use",
        SignInError::Answer(AnswerError::Refused { status: 400..=499 }) => {
            "the client id, its secret or the token is wrong: `cleverctl doctor` tells which"
        }
        SignInError::Answer(_) => {
            "this is not Clever's login service: check --auth-url (https://clever.com)"
        }
        _ => return None,
    })
}

fn credential_hint(error: &CredentialError) -> Option<&'static str> {
    Some(match error {
        CredentialError::Taken(_) => "remove it first, or choose another name",
        CredentialError::NotOurs(_) => {
            "the key is another one: name the right file with --key-file, or set CLEVER_KEY"
        }
        _ => return None,
    })
}

fn sync_hint(error: &SyncError) -> Option<String> {
    Some(match error {
        SyncError::OtherPlan { .. } => {
            "look at what is held now with `cleverctl sync --dry-run`, and approve that plan's hash"
                .to_owned()
        }
        SyncError::EventsAlone { .. } => {
            "leave --events out: a snapshot is read where it is needed".to_owned()
        }
        SyncError::Plan(PlanError::Stale { .. }) => {
            "make the plan anew with `cleverctl sync --dry-run --plan FILE`".to_owned()
        }
        SyncError::Plan(PlanError::Tampered { .. }) => {
            "do not trust this file; make the plan anew with `cleverctl sync --dry-run --plan FILE`"
                .to_owned()
        }
        SyncError::NotOneDistrict { .. } => {
            "use a district-app token: it opens exactly one district".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let missing = DatabaseError::Missing {
            place: "roster.db".to_owned(),
        };
        let error =
            anyhow::Error::from(StoreError::from(missing)).context("could not show the status");
        insta::assert_snapshot!(render(&error), @r"
        error: could not show the status
          caused by: there is no store at roster.db
        hint: make one with `cleverctl sync`, or name another with --store sqlite:PATH
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
        };
        let fetch = SyncError::Fetch {
            kind: clever_model::RecordKind::Users,
            source: Box::new(answer),
        };
        let error = Err::<(), _>(fetch).context("sync failed").unwrap_err();
        assert_eq!(exit(&error), Exit::Refused);
        insta::assert_snapshot!(render(&error), @r"
        error: sync failed
          caused by: could not read users; the roster is unchanged
          caused by: /v3.1/users: answered 401: Unauthorized (request r1)
        hint: the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN
        ");
    }
}
