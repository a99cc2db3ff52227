//! The list of what changed, and whose records those are.

use std::collections::BTreeMap;

use clever_sync::look::{ChangePage, Looked};
use clever_sync::words::counted;

use super::districts::there;
use crate::door::Visitor;
use crate::html::names;
use crate::site::{On, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// A page of changes, newest first.
pub(crate) async fn list(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    looked: &Looked,
) -> Result<ChangePage, Trouble> {
    let mut store = site.stores.of(district).await?;
    there(&mut store, visitor, district).await?;
    let page = store.look_through(district, looked).await?;
    store.back();
    Ok(page)
}

/// The same for an admin who sees what each record is called: names in the order of the changes, empty for whoever was forgotten. It
/// is one deed, whatever the number of people.
pub(crate) async fn reveal(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    looked: &Looked,
    why: &str,
) -> Result<(ChangePage, Vec<String>), Trouble> {
    needs(visitor, Role::Admin)?;
    let why = reason(why)?;
    let page = list(site, visitor, district, looked).await?;
    let mut store = site.stores.of(district).await?;
    // One record may have changed many times.
    let mut called: BTreeMap<_, String> = BTreeMap::new();
    let mut all = Vec::new();
    for change in &page.changes {
        let record = (change.kind, change.id.as_str());
        let name = match called.get(&record) {
            Some(name) => name.clone(),
            None => {
                let json = store.record(district, change.kind, &change.id).await?;
                let value = json.and_then(|json| serde_json::from_str(&json).ok());
                let name = value.as_ref().map(names).unwrap_or_default();
                called.insert(record, name.clone());
                name
            }
        };
        all.push(name);
    }
    let subject = format!(
        "names in {}",
        counted(page.changes.len() as u64, "change", "changes")
    );
    let on = On {
        district,
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, visitor, "reveal", on).await?;
    store.back();
    Ok((page, all))
}
