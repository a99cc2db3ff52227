//! What an alert says of each district, and how a next step names the command that syncs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use clever_model::Timestamp;
use clever_sync::AnyStore;
use clever_sync::words::{self, Limits, Schools, Verdict, never_synced, since, standing};

use crate::settings::{Places, TOKEN_VARIABLE};
use crate::ui::word;
use crate::vault::VaultArgs;

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
    // A command without a store looks for the district in all of them.
    let several = all.len() > 1 || !sync.contains(" --store ");
    let mut told: Vec<Said> = Vec::new();
    for status in all {
        let tries = attempts.remove(&status.district_id).unwrap_or_default();
        let mut sync = sync.to_owned();
        if several {
            let _ = write!(sync, " --district {}", word(&status.district_id));
        }
        let schools = Schools::of_status(store, &status).await?;
        let standing = standing(status, tries, now, limits, &sync);
        let mut sentences = standing.sentences(now);
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
        sentences: words::sentences(&one.attempts, now),
        next_step: words::next_step(&one.attempts),
        district_id: one.district_id,
        name: None,
    }));
    Ok(told)
}

/// The command that syncs, as an alert names it.
pub(crate) fn sync_command(places: &Places, vault: &VaultArgs) -> String {
    let (how, _) = how(vault, None);
    syncing(places) + &how
}

/// The beginning of that command: the directory of stores need not be named.
pub(super) fn syncing(places: &Places) -> String {
    match places {
        Places::One(url) => format!("cleverctl sync --store {}", word(&url.to_string())),
        Places::Many(_) => "cleverctl sync".to_owned(),
    }
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
