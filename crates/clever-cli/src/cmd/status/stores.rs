//! The stores that `status` reads: one, or all of a directory.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clever_sync::report::attempt::Attempts;
use clever_sync::words::Standing;
use clever_sync::{AnyStore, DistrictStatus, Open};

use crate::cmd::changes::not_in_the_store;
use crate::settings::{Place, Places};
use crate::ui::Ui;

/// How districts stand, and the tries of each.
type Read = (Vec<DistrictStatus>, BTreeMap<String, Attempts>);

/// Stores that are open, and which district is in which.
pub(super) struct Stores {
    all: Vec<(Place, AnyStore)>,
    districts: BTreeMap<String, usize>,
}

impl Stores {
    /// Opens them to look at them.
    pub(super) async fn look(places: &Places) -> Result<Self> {
        Ok(Self {
            all: places.open_all(Open::Look).await?,
            districts: BTreeMap::new(),
        })
    }

    /// Reads how the districts of all stand, in the order of their ids. A district that two stores call theirs is said: nobody moved it.
    pub(super) async fn read(&mut self, ui: &Ui) -> Result<Read> {
        let (mut all, mut attempts) = (Vec::new(), BTreeMap::new());
        let names: Vec<Option<String>> = self
            .all
            .iter()
            .map(|(place, _)| place.name.clone())
            .collect();
        for (at, (_, store)) in self.all.iter_mut().enumerate() {
            let of_store = store.status().await.context("could not read the status")?;
            for status in of_store {
                if let Some(first) = self.districts.get(&status.district_id) {
                    let name = |at: usize| names.get(at).cloned().flatten().unwrap_or_default();
                    ui.note(format!(
                        "note: {} is in the stores {} and {}, and no move brought it there",
                        status.district_id,
                        name(*first),
                        name(at)
                    ));
                    continue;
                }
                self.districts.insert(status.district_id.clone(), at);
                all.push(status);
            }
            for (district, tries) in store.attempts().await? {
                attempts.entry(district).or_insert(tries);
            }
        }
        all.sort_by(|a, b| a.district_id.cmp(&b.district_id));
        Ok((all, attempts))
    }

    /// The store of a district that was read.
    pub(super) fn of(&mut self, standing: &Standing) -> Result<&mut AnyStore> {
        let id = &standing.status.district_id;
        let at = self.districts.get(id).copied();
        let store = at.and_then(|at| self.all.get_mut(at));
        Ok(&mut store.ok_or_else(|| not_in_the_store(id))?.1)
    }

    /// Says whether the stores have names.
    pub(super) fn are_named(&self) -> bool {
        self.all.iter().any(|(place, _)| place.name.is_some())
    }

    /// The name of the store of a district.
    pub(super) fn name(&self, district: &str) -> Option<&str> {
        let (place, _) = self.all.get(*self.districts.get(district)?)?;
        place.name.as_deref()
    }

    /// The names of the stores of all districts.
    pub(super) fn names(&self) -> BTreeMap<&str, &str> {
        let all = self.districts.keys();
        all.filter_map(|id| Some((id.as_str(), self.name(id)?)))
            .collect()
    }
}
