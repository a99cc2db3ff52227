//! From an error to what a person reads: what failed, why, and the next step; and to an exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use clever_auth::credential::CredentialError;
use clever_auth::login::Rejection;
use clever_auth::{AnswerError, KindError};
use clever_client::{ClientError, ErrorKind, SetupError, SignInError, WalkError};
use clever_emulator::StartError;
use clever_sync::{PlanError, StoreError, SyncError};

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
    // What stands before Clever refuses in passing; only what a second call confirms is Clever's word.
    let refused = client_error(error).is_some_and(ClientError::is_refusal);
    if refused || refused_sign_in(error) {
        Exit::Refused
    } else {
        Exit::Failed
    }
}

/// Says whether a schedule ends with `error`: no later run would do better. A sign-in has no second call that would
/// confirm a refusal, so it has to be refused in this many runs in a row.
pub(crate) fn ends_a_schedule(error: &anyhow::Error, refused_in_a_row: u32) -> bool {
    exit(error) == Exit::Refused
        && (client_error(error).is_some() || refused_in_a_row >= REFUSED_RUNS)
}

/// So many runs in a row that the login service refuses end a schedule.
const REFUSED_RUNS: u32 = 3;

/// Says whether the login service refused: its status, another app's token, an `error` in a callback.
fn refused_sign_in(error: &anyhow::Error) -> bool {
    // What discovery or keys answered is no verdict on anybody.
    let unchecked = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(SignInError::NoKeys(_)))
    };
    if error.chain().any(unchecked) {
        return false;
    }
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<AnswerError>(),
            Some(AnswerError::Refused { status: 400..=499 })
        ) || matches!(cause.downcast_ref::<KindError>(), Some(KindError::OtherApp))
            || cause.downcast_ref::<Rejection>().is_some()
    })
}

/// The client's error in the chain of `error`, if there is one.
fn client_error(error: &anyhow::Error) -> Option<&ClientError> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<ClientError>())
}

/// Says whether an error of this type is in the chain.
fn has<T: std::error::Error + 'static>(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<T>().is_some())
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
    if let Some(error) = client_error(error) {
        return client_hint(error).map(ToOwned::to_owned);
    }
    error.chain().find_map(|cause| {
        if let Some(store) = cause.downcast_ref::<StoreError>() {
            store_hint(store)
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

fn client_hint(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::Answer {
            status: 300..=399, ..
        } => {
            return Some(
                "Clever's API redirects nobody: something before it does; check --api-url and proxies, or run again later",
            );
        }
        ClientError::Answer {
            kind: ErrorKind::Unauthorized,
            confirmed: false,
            ..
        } => {
            return Some(
                "the token still opens its district, or nobody can tell: something before Clever may refuse in passing; run \
                 again later, and if it stays so, look at the app's access in your Clever dashboard",
            );
        }
        ClientError::Walk {
            source: WalkError::NotOneDistrict { .. },
            ..
        } => return Some(ONE_DISTRICT),
        ClientError::Walk {
            source: WalkError::Links { .. } | WalkError::NoProgress { .. },
            ..
        } => {
            return Some(
                "the list does not say where it ends, so nothing was taken from it: run again later, and if it stays so, tell \
                 Clever's support",
            );
        }
        ClientError::Silent { .. } => {
            return Some(
                "Clever answers too slowly: run again later, or with smaller pages (--page-size)",
            );
        }
        _ => {}
    }
    Some(match error.kind() {
        ErrorKind::Unauthorized => {
            "the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN"
        }
        ErrorKind::NotShared => {
            "the token does not open this: Secure Sync may not be enabled for the app, or the district shares nothing"
        }
        ErrorKind::WrongTokenKind => {
            "a web page came: if it worked before, something before Clever is failing and a later run may do better; else \
             check --api-url (https://api.clever.com), and that the token is a district-app token"
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
    Some(match error {
        StoreError::Missing { .. } => "make one with `cleverctl sync`, or name another with --store sqlite:PATH".to_owned(),
        StoreError::Unreadable { .. } => {
            "check the path's folder and permissions, or name another store with --store sqlite:PATH".to_owned()
        }
        StoreError::NotAStore { .. } => "the file was left as it is; name another with --store sqlite:PATH".to_owned(),
        StoreError::OtherVersion { found, .. } if *found > clever_sync::SCHEMA_VERSION => {
            "a newer cleverctl wrote it: use that one".to_owned()
        }
        StoreError::OtherVersion { .. } => "name another store with --store sqlite:PATH and sync into it".to_owned(),
        StoreError::Locked => "another process is writing: run again when it is done".to_owned(),
        StoreError::Full => "free some space and run again; nothing was written".to_owned(),
        StoreError::Server(_) => "check the address, the server and the rights of its user; nothing was written".to_owned(),
        StoreError::Moved => "run again: the next run starts from what the other one wrote".to_owned(),
        _ => return None,
    })
}

fn sign_in_hint(error: &SignInError) -> Option<&'static str> {
    Some(match error {
        SignInError::Network(_) => {
            "check --auth-url and the network; `cleverctl doctor` checks step by step"
        }
        SignInError::NoKeys(_) => {
            "sign in again in half a minute; `cleverctl doctor` says whether discovery and keys can be read"
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
        CredentialError::Taken(_) => {
            "`cleverctl credential replace` puts another secret in its place; or choose another name"
        }
        CredentialError::OtherKey => {
            "name the file of the key that sealed them with --key-file, or set CLEVER_KEY"
        }
        CredentialError::Empty | CredentialError::Cut | CredentialError::Damaged => {
            "bring the file back from a backup; or remove it and add the credentials again"
        }
        CredentialError::Foreign => {
            "name the right file with --credentials; nothing was changed in this one"
        }
        CredentialError::Form => "a newer cleverctl wrote it: use that one",
        _ => return None,
    })
}

/// What to do about a token that opens no district, or several.
const ONE_DISTRICT: &str = "use a district-app token: it opens exactly one district";

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
        SyncError::NotOneDistrict { .. } => ONE_DISTRICT.to_owned(),
        SyncError::EndedEarly { .. } => {
            "the list changed while it was read, or a link in it was lost: run again".to_owned()
        }
        SyncError::DistrictRecord { .. } => {
            "what the district's record says can't be relied on: run again, and if it stays so, tell Clever's support"
                .to_owned()
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
        let missing = StoreError::Missing {
            path: "roster.db".into(),
        };
        let error = anyhow::Error::from(missing).context("could not show the status");
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
            confirmed: true,
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
