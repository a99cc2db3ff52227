//! What is held: why, of which schools, what it would do; and the decision, with the way back.

use clever_model::Timestamp;
use clever_sync::AnyStore;
use clever_sync::look::{Approval, ApproveError, Deed, Judged};
use clever_sync::report::HeldSample;
use clever_sync::words::{Holds, Schools, Standing, grouped, since};
use serde_json::{Value, json};

use super::districts::stand;
use crate::door::Visitor;
use crate::site::{On, Site, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many deeds of the district are shown below.
const DEEDS: u32 = 8;

/// What a district's last run held.
pub(crate) struct Held {
    pub(crate) standing: Standing,
    pub(crate) hash: String,
    pub(crate) count: u64,
    pub(crate) schools: Schools,
    pub(crate) samples: Vec<(HeldSample, Option<Value>)>,
    pub(crate) approval: Option<Approval>,
}

impl Held {
    /// What each hold would do, in a sentence.
    pub(crate) fn lines(&self) -> Vec<String> {
        let all = self.standing.status.holds.iter().map(|one| &one.hold);
        let texts = Holds::new(all, &self.schools);
        texts.lines().map(|(what, _)| what).collect()
    }
}

async fn held(
    store: &mut AnyStore,
    district: &str,
    now: Timestamp,
) -> Result<Option<Held>, Trouble> {
    let (all, _) = stand(store, Some(district), now).await?;
    let standing = all.into_iter().next().ok_or(Trouble::Missing)?;
    let Some(hash) = standing.status.held_hash.clone() else {
        return Ok(None);
    };
    let report = store.run(district, standing.status.last_run).await?;
    let schools = Schools::of_status(store, &standing.status).await?;
    let mut samples = Vec::new();
    for sample in report.map(|report| report.held_samples).unwrap_or_default() {
        let json = store.record(district, sample.kind, &sample.id).await?;
        let record = json.and_then(|json| serde_json::from_str(&json).ok());
        samples.push((sample, record));
    }
    Ok(Some(Held {
        count: standing.status.holds.iter().map(|one| one.hold.count).sum(),
        approval: store
            .approval(district)
            .await?
            .filter(|one| one.hash == hash),
        standing,
        hash,
        schools,
        samples,
    }))
}

fn nothing() -> Trouble {
    Trouble::moved("Nothing is held any more.")
}

/// What the district's last run held, if anything; and what people did there lately.
pub(crate) async fn look(
    site: &Site,
    visitor: &Visitor,
    district: &str,
) -> Result<(Option<Held>, Vec<Judged>), Trouble> {
    may_see(visitor, district)?;
    let mut store = site.stores.of(district).await?;
    let held = held(&mut store, district, site.now()).await?;
    let deeds = store.judged(Some(district), None, DEEDS).await?;
    store.back();
    Ok((held, deeds))
}

/// The same for somebody who sees the samples' names.
pub(crate) async fn reveal(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    why: &str,
) -> Result<(Held, Vec<Judged>), Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let why = reason(why)?;
    let mut store = site.stores.of(district).await?;
    let held = held(&mut store, district, site.now()).await?;
    let held = held.ok_or_else(nothing)?;
    let subject = format!("samples of run {}", held.standing.status.last_run);
    let on = On {
        district,
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, visitor, "reveal", on).await?;
    let deeds = store.judged(Some(district), None, DEEDS).await?;
    store.back();
    Ok((held, deeds))
}

/// Approves for the next run what has this hash, and starts a run if the console may.
pub(crate) async fn approve(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    hash: &str,
    count: u64,
    why: &str,
) -> Result<Approval, Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let on = On {
        district,
        subject: hash,
        reason: reason(why)?,
    };
    // The same page may approve again after a withdrawal: who was first is known without a key.
    let deed = Deed {
        key: None,
        ..site.deed(visitor, "approve", &on)
    };
    let mut store = site.stores.of(district).await?;
    let approval = match store.approve_held(hash, count, &deed).await {
        Ok(approval) => approval,
        Err(refused) => {
            return Err(not_approved(&mut store, district, refused, site.now()).await?);
        }
    };
    let paused = store.paused(district).await?;
    store.back();
    // The first run after a pause honours it.
    if let (Some(runner), None) = (&site.options.runner, paused) {
        // The approval stands; a later run honours it too.
        if let Err(error) = runner.start(district).await {
            tracing::warn!(error, "the sync after an approval was not started");
        }
    }
    Ok(approval)
}

/// Says why nothing was approved: what is held by now, or who was first.
async fn not_approved(
    store: &mut AnyStore,
    district: &str,
    refused: ApproveError,
    now: Timestamp,
) -> Result<Trouble, Trouble> {
    Ok(match refused {
        ApproveError::Moved { now: None } => Trouble::Moved {
            says: "Nothing was approved: nothing is held any more.".to_owned(),
            now: json!({ "hash": null, "count": 0, "holds": [] }),
        },
        ApproveError::Moved { .. } => {
            let held = held(store, district, now).await?.ok_or_else(nothing)?;
            Trouble::Moved {
                says: format!(
                    "Nothing was approved: what is held has changed since you opened the page. It is now: {}.",
                    held.lines().join("; ")
                ),
                now: json!({ "hash": held.hash, "count": held.count, "holds": held.lines() }),
            }
        }
        ApproveError::Already(there) => Trouble::Moved {
            says: format!(
                "It is approved already, by {} {}.",
                there.by.actor,
                since(Some(there.by.at), now)
            ),
            now: json!({ "hash": there.hash, "approved_by": there.by.actor, "approved_at": there.by.at }),
        },
        ApproveError::Count { of } => Trouble::Wrong(format!(
            "Nothing was approved: the number that you typed is not the number that is held, {}.",
            grouped(of)
        )),
        ApproveError::Store(error) => error.into(),
        other => Trouble::Refused(other.to_string()),
    })
}

/// Notes that somebody looked and leaves it held.
pub(crate) async fn leave(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let why = reason(why)?;
    let mut store = site.stores.of(district).await?;
    let held = held(&mut store, district, site.now()).await?;
    let held = held.ok_or_else(nothing)?;
    let on = On {
        district,
        subject: &held.hash,
        reason: why,
    };
    site.judge(&mut store, visitor, "leave_held", on).await?;
    store.back();
    Ok(())
}

/// Takes an approval back that no run has honoured yet.
pub(crate) async fn withdraw(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let on = On {
        district,
        subject: "approval",
        reason: reason(why)?,
    };
    let deed = site.deed(visitor, "withdraw", &on);
    let mut store = site.stores.of(district).await?;
    if !store.withdraw_approval(&deed).await? {
        return Err(Trouble::moved(
            "There is no approval any more: a run has honoured it, or somebody took it back. What a run applied is taken \
             back from the page of that run.",
        ));
    }
    store.back();
    Ok(())
}
