//! How a district stands, in one word, and what follows from that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clever_model::{RecordKind, Timestamp};
use clever_sync::report::attempt::Attempts;
use clever_sync::report::measure::events_behind;
use clever_sync::{AnyStore, DistrictStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::tried::{self, NeverSynced};
use super::{age, schools, since};
use crate::settings::{StoreUrl, TOKEN_VARIABLE};
use crate::ui::word;
use crate::vault::VaultArgs;

/// What is to be said of a district in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// In step, and lately.
    Ok,
    /// The last attempts failed, one after the other.
    Failing,
    /// Part of the last run waits for approval.
    Held,
    /// Nothing is held, and the last success is too long ago; or no run at all came lately.
    Stale,
    /// In step with a district that shares nobody with the app.
    Empty,
}

impl Verdict {
    /// The word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Held => "held",
            Self::Stale => "stale",
            Self::Empty => "empty",
        }
    }
}

/// A district's status, and what follows from it now.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Standing {
    #[serde(flatten)]
    pub(super) status: DistrictStatus,
    pub(super) verdict: Verdict,
    /// Seconds since the last success; none where there never was one.
    pub(super) lag_seconds: Option<i64>,
    /// Seconds from the event that was applied to the newest that was read; none where that is not known.
    pub(super) events_behind_seconds: Option<i64>,
    /// What a person should do; none where nothing.
    pub(super) next_step: Option<String>,
    /// The tries since the last one that wrote the store.
    pub(super) attempts: Attempts,
}

/// What an alarm goes by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) max_age: Duration,
    pub(crate) max_failures: u64,
}

/// What an alert says of a district.
#[derive(Debug)]
pub(crate) struct Said {
    /// The district; none if no try came so far as to know it.
    pub(crate) district_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) sentences: Vec<String>,
    pub(crate) next_step: Option<String>,
}

/// What there is to say of each district, and of tries that came to none. `sync` is the command that syncs.
pub(crate) async fn said(
    store: &mut AnyStore,
    now: Timestamp,
    limits: Limits,
    sync: &str,
) -> Result<Vec<Said>> {
    let all = store.status().await?;
    let mut attempts = store.attempts().await?;
    let never = never_synced(&all, &attempts);
    let several = all.len() > 1;
    let mut told: Vec<Said> = Vec::new();
    for status in all {
        let tries = attempts.remove(&status.district_id).unwrap_or_default();
        let mut sync = sync.to_owned();
        if several {
            let _ = write!(sync, " --district {}", word(&status.district_id));
        }
        let schools = schools(store, &status).await?;
        let standing = standing(status, tries, now, limits, &sync);
        let mut sentences = tried::sentences(&standing.attempts, now);
        sentences.push(format!(
            "last success: {}",
            since(standing.status.last_done_at, now)
        ));
        let holds = standing.status.holds.iter();
        sentences
            .extend(holds.map(|one| format!("held: {}", schools.named(&one.hold.to_string()))));
        told.push(Said {
            district_id: Some(standing.status.district_id),
            name: standing.status.name,
            verdict: standing.verdict,
            sentences,
            next_step: standing.next_step,
        });
    }
    told.extend(never.into_iter().map(|one| Said {
        verdict: if one.attempts.failed_in_a_row >= limits.max_failures {
            Verdict::Failing
        } else {
            Verdict::Ok
        },
        sentences: tried::sentences(&one.attempts, now),
        next_step: tried::next_step(&one.attempts),
        district_id: one.district_id,
        name: None,
    }));
    Ok(told)
}

/// The command that syncs, as an alert names it.
pub(crate) fn sync_command(url: &StoreUrl, vault: &VaultArgs) -> String {
    let (how, _) = how(vault, None);
    format!("cleverctl sync --store {}{how}", word(&url.to_string()))
}

/// What a sync is to be given besides its store and district: a credential, if any is kept and no token is at
/// hand, and the policy. Also which credentials there are, if they are several.
pub(super) fn how(vault: &VaultArgs, policy: Option<&Path>) -> (String, Option<String>) {
    let (mut how, mut which) = (String::new(), None);
    let token = std::env::var_os(TOKEN_VARIABLE).is_some_and(|token| !token.is_empty());
    // Credentials that can't be read are no matter of how districts stand.
    let kept = vault.read().unwrap_or_default();
    let names: Vec<&str> = kept.iter().map(|(name, _)| name).collect();
    match names.as_slice() {
        [only] if !token => how = format!(" --credential {only}"),
        [_, _, ..] if !token => {
            " --credential NAME".clone_into(&mut how);
            let names = names.join(" or ");
            which = Some(format!("; NAME is {names}, whichever opens the district"));
        }
        _ => {}
    }
    if let Some(policy) = policy {
        let _ = write!(how, " --policy {}", word(&policy.display().to_string()));
    }
    (how, which)
}

/// Whom an attempt meant that failed, and of whom the store has no run.
pub(super) fn never_synced(
    all: &[DistrictStatus],
    attempts: &BTreeMap<String, Attempts>,
) -> Vec<NeverSynced> {
    let unknown = attempts.iter().filter(|(id, tries)| {
        let is_here = all.iter().any(|status| status.district_id == **id);
        !is_here && (tries.failed_in_a_row > 0 || tries.open.is_some())
    });
    unknown
        .map(|(id, attempts)| NeverSynced {
            district_id: Some(id.clone()).filter(|id| !id.is_empty()),
            attempts: attempts.clone(),
        })
        .collect()
}

pub(super) fn standing(
    status: DistrictStatus,
    attempts: Attempts,
    now: Timestamp,
    limits: Limits,
    sync: &str,
) -> Standing {
    let max_age = i64::try_from(limits.max_age.as_secs()).unwrap_or(i64::MAX);
    let lag_seconds = status.last_done_at.map(|at| age(at, now));
    let last_run = age(status.last_run_at, now);
    let held = !status.holds.is_empty();
    let verdict = if attempts.failed_in_a_row >= limits.max_failures {
        Verdict::Failing
    } else if last_run > max_age || (!held && lag_seconds.is_none_or(|lag| lag > max_age)) {
        Verdict::Stale
    } else if held {
        Verdict::Held
    } else if active(&status, RecordKind::Users) == 0 {
        Verdict::Empty
    } else {
        Verdict::Ok
    };
    let after_failure = tried::next_step(&attempts);
    let next_step = match (verdict, &status.held_hash) {
        // What failed says best why nothing came.
        (Verdict::Failing, _) => after_failure,
        (Verdict::Stale, _) if last_run > max_age && after_failure.is_some() => after_failure,
        (Verdict::Stale, _) if last_run > max_age => Some(format!(
            "no run came to its end lately: run `{sync}` and see what it says"
        )),
        (Verdict::Stale, _) => {
            Some("syncs finish, but none has been complete: see the doubts".to_owned())
        }
        (Verdict::Held, Some(hash)) => Some(format!(
            "look with `{sync} --dry-run --plan held.plan` and `cleverctl plan show held.plan`; ask the district \
             (`cleverctl status --letter` writes the text); if it is right, `{sync} --approve {hash}`"
        )),
        (Verdict::Empty, _) => Some(format!(
            "the district shares {} with the app: its admin chooses in Clever which schools and people are shared; \
             `cleverctl doctor` checks the connection, and `{sync}` brings what is shared",
            if active(&status, RecordKind::Schools) + active(&status, RecordKind::Sections) == 0 {
                "no school, user or section"
            } else {
                "no user"
            }
        )),
        (Verdict::Ok | Verdict::Held, _) => after_failure,
    };
    let (applied, newest) = (&status.event_cursor, &status.newest_event);
    let events_behind_seconds = events_behind(applied.as_deref(), newest.as_deref());
    Standing {
        events_behind_seconds,
        status,
        verdict,
        lag_seconds,
        next_step,
        attempts,
    }
}

/// How many active records of a kind the store has.
pub(super) fn active(status: &DistrictStatus, kind: RecordKind) -> u64 {
    let of = status.records.iter().filter(|(of, ..)| *of == kind);
    of.map(|(_, active, _)| *active).sum()
}
