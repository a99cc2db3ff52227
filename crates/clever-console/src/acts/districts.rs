//! How districts stand, and syncs that somebody starts.

use std::time::Duration;

use clever_model::Timestamp;
use clever_sync::words::{Limits, NeverSynced, Standing, never_synced, pause, standing};
use clever_sync::{AnyStore, DistrictStatus};
use serde_json::json;

use crate::door::Visitor;
use crate::site::{On, Site, Started, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// When a district is called stale or failing, as `cleverctl status` does by default.
const LIMITS: Limits = Limits {
    max_age: Duration::from_secs(26 * 3600),
    max_failures: 3,
};

/// Districts as they stand now; of one, if one is named.
pub(crate) async fn stand(
    store: &mut AnyStore,
    district: Option<&str>,
    now: Timestamp,
) -> Result<(Vec<Standing>, Vec<NeverSynced>), Trouble> {
    let all = store.overview(district).await?;
    let mut attempts = store.attempts().await?;
    if let Some(only) = district {
        attempts.retain(|id, _| id == only);
    }
    let never = never_synced(&all, &attempts);
    let stand = |status: DistrictStatus| {
        let tries = attempts.remove(&status.district_id).unwrap_or_default();
        standing(status, tries, now, LIMITS, "cleverctl sync")
    };
    Ok((all.into_iter().map(stand).collect(), never))
}

/// The same over all stores, by id.
pub(crate) async fn stand_all(
    site: &Site,
    district: Option<&str>,
) -> Result<(Vec<Standing>, Vec<NeverSynced>), Trouble> {
    let (mut all, mut never) = (Vec::new(), Vec::new());
    for mut store in site.stores.all().await? {
        let stand = stand(&mut store, district, site.now()).await?;
        store.back();
        all.extend(stand.0);
        never.extend(stand.1);
    }
    all.sort_by(|a, b| a.status.district_id.cmp(&b.status.district_id));
    Ok((all, never))
}

/// Refuses a district that the store does not have, or that is not the visitor's to see.
pub(crate) async fn there(
    store: &mut AnyStore,
    visitor: &Visitor,
    district: &str,
) -> Result<(), Trouble> {
    may_see(visitor, district)?;
    if store.districts().await?.iter().any(|id| id == district) {
        return Ok(());
    }
    Err(Trouble::Missing)
}

/// Sends a test of alerts to everybody whom alerts go to; says how many took it.
pub(crate) async fn test_alerts(
    site: &Site,
    visitor: &Visitor,
    why: &str,
) -> Result<usize, Trouble> {
    needs(visitor, Role::Operator)?;
    let on = On {
        district: visitor.person.district.as_deref().unwrap_or_default(),
        subject: "alerts",
        reason: reason(why)?,
    };
    let alerts = site.options.alerts.as_ref().ok_or(Trouble::Missing)?;
    let told = alerts.test().await.map_err(Trouble::Refused)?;
    let mut store = site.stores.of(on.district).await?;
    site.judge(&mut store, visitor, "test_alerts", on).await?;
    store.back();
    Ok(told)
}

/// Refuses to start a run of a district that is paused: it would do nothing, and say so nowhere.
async fn goes_on(store: &mut AnyStore, site: &Site, district: &str) -> Result<(), Trouble> {
    match store.paused(district).await? {
        None => Ok(()),
        Some(paused) => Err(Trouble::Moved {
            says: format!(
                "No sync was started: the district is {}. Let it go on first.",
                pause(&paused, site.now())
            ),
            now: json!({ "paused": paused }),
        }),
    }
}

/// Starts a sync.
pub(crate) async fn sync(
    site: &Site,
    visitor: &Visitor,
    district: &str,
) -> Result<Started, Trouble> {
    needs(visitor, Role::Operator)?;
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    let runner = site.options.runner.as_ref().ok_or(Trouble::Missing)?;
    goes_on(&mut store, site, district).await?;
    let started = runner.start(district).await.map_err(Trouble::Refused)?;
    if started == Started::Now {
        let on = On::of(district, "");
        site.judge(&mut store, visitor, "sync", on).await?;
    }
    store.back();
    Ok(started)
}
