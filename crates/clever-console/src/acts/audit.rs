//! Who did what, over all stores.

use clever_sync::look::Judged;

use crate::site::Site;
use crate::trouble::Trouble;

/// The deeds before this number, newest first, and the number that the next page begins before. Deeds have numbers within a store: of
/// several stores the newest are given, and further back leads whoever names a district.
pub(crate) async fn deeds(
    site: &Site,
    district: Option<&str>,
    before: Option<i64>,
    page: u32,
) -> Result<(Vec<Judged>, Option<i64>), Trouble> {
    if let (None, true) = (district, site.stores.are_many()) {
        let mut all = Vec::new();
        for mut store in site.stores.all().await? {
            all.extend(store.judged(None, None, page).await?);
            store.back();
        }
        all.sort_by_key(|deed| std::cmp::Reverse(deed.at));
        all.truncate(page as usize);
        return Ok((all, None));
    }
    let mut store = site.stores.of(district.unwrap_or_default()).await?;
    let deeds = store.judged(district, before, page).await?;
    store.back();
    let last = deeds.last().filter(|_| deeds.len() == page as usize);
    let next = last.map(|last| last.key);
    Ok((deeds, next))
}
