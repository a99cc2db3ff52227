//! A dry run: what a sync would do now. It changes nothing.

use std::sync::Arc;

use super::districts::there;
use crate::door::Visitor;
use crate::looks::{Look, Seen};
use crate::site::{On, Site, Started, may_see, needs};
use crate::trouble::Trouble;
use crate::who::Role;

/// Begins a dry run of a district, and does not wait for its end.
pub(crate) async fn begin(
    site: &Arc<Site>,
    visitor: &Visitor,
    district: &str,
) -> Result<Started, Trouble> {
    needs(visitor, Role::Operator)?;
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    let runner = site.options.runner.clone().ok_or(Trouble::Missing)?;
    if !site.looks.begin(district, site.now()) {
        store.back();
        return Ok(Started::Already);
    }
    let (looking, id) = (Arc::clone(site), district.to_owned());
    drop(tokio::spawn(async move {
        let of = id.clone();
        // In a task of its own, so that one that panics has ended too.
        let looked = tokio::spawn(async move { runner.look(&of).await }).await;
        let seen = match looked {
            Ok(Ok(report)) => Seen::Report(Arc::new(report)),
            Ok(Err(says)) => Seen::Failed(says),
            Err(_) => Seen::Failed("it broke off: this is a fault of the console".to_owned()),
        };
        looking.looks.end(&id, seen);
    }));
    let on = On::of(district, "");
    site.judge(&mut store, visitor, "dry_run", on).await?;
    store.back();
    Ok(Started::Now)
}

/// The last dry run of a district, if this console made one.
pub(crate) fn last(
    site: &Site,
    visitor: &Visitor,
    district: &str,
) -> Result<Option<Look>, Trouble> {
    may_see(visitor, district)?;
    Ok(site.looks.last(district))
}
