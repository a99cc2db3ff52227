//! Pausing a district, and letting it go on: the store says so to whoever starts runs.

use clever_sync::look::Paused;
use clever_sync::words;
use serde_json::json;

use super::districts::there;
use crate::door::Visitor;
use crate::site::{On, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// Keeps runs of a district from beginning; returns the pause.
pub(crate) async fn pause(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    why: &str,
) -> Result<Option<Paused>, Trouble> {
    needs(visitor, Role::Operator)?;
    let on = On::of(district, reason(why)?);
    let deed = site.deed(visitor, "pause", &on);
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    if let Some(paused) = store.pause(&deed).await? {
        let says = format!(
            "Nothing was done: it was {} already.",
            words::pause(&paused, site.now())
        );
        return Err(Trouble::Moved {
            says,
            now: json!({ "paused": paused }),
        });
    }
    let paused = store.paused(district).await?;
    store.back();
    Ok(paused)
}

/// Lets a paused district go on.
pub(crate) async fn resume(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    let on = On::of(district, reason(why)?);
    let deed = site.deed(visitor, "resume", &on);
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    if !store.resume(&deed).await? {
        return Err(Trouble::moved("It is not paused any more."));
    }
    store.back();
    Ok(())
}
