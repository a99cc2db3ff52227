//! Where the districts are: in one database, or in several that a directory names. Here a district's trail is followed.
//!
//! No question crosses stores: whoever wants to know something of all asks each.

use std::collections::BTreeSet;

use anyhow::Result;
use clever_sync::carry::{Away, Whereabouts};
use clever_sync::{AnyStore, DatabaseError, Open, StoreError};

use crate::diagnostics::Usage;
use crate::settings::address::StoreUrl;
use crate::settings::stores::Stores;

/// Where districts are kept.
#[derive(Debug, Clone)]
pub(crate) enum Places {
    /// All in one store.
    One(StoreUrl),
    /// Each in one of several.
    Many(Stores),
}

/// A store, and its name if the directory has one for it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: Option<String>,
    pub(crate) url: StoreUrl,
}

impl Place {
    /// Opens the store to read and write; none if nobody has made it yet.
    #[cfg(feature = "fleet")]
    pub(crate) async fn existing(&self) -> Result<Option<AnyStore>, StoreError> {
        there(self.url.open_existing().await)
    }

    /// Opens the store to look at it; none if nobody has made it yet.
    pub(crate) async fn look(&self) -> Result<Option<AnyStore>, StoreError> {
        there(self.url.look().await)
    }
}

/// A store, if there is one yet.
fn there(opened: Result<AnyStore, StoreError>) -> Result<Option<AnyStore>, StoreError> {
    match opened {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Database(DatabaseError::Missing { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says whether a store has traces of a district that is not its own, or not yet: what is arriving, and the notes of what was
/// forgotten.
async fn has_traces(store: &mut AnyStore, named: &str) -> Result<bool, StoreError> {
    Ok(match store.away(named).await? {
        Some(away) => away.whereabouts == Whereabouts::Arriving,
        None => !store.forgotten(Some(named)).await?.is_empty(),
    })
}

impl Places {
    /// Says whether there may be several stores.
    pub(crate) const fn are_many(&self) -> bool {
        matches!(self, Self::Many(_))
    }

    /// The only store, or that of districts of which nobody says anything.
    pub(crate) fn first(&self) -> StoreUrl {
        match self {
            Self::One(url) => url.clone(),
            Self::Many(stores) => stores.first().clone(),
        }
    }

    /// The store in which the districts of a credential begin that are in no list of their own.
    pub(crate) fn of_credential(&self, credential: &str) -> StoreUrl {
        match self {
            Self::One(url) => url.clone(),
            // No district has this id.
            Self::Many(stores) => {
                let url = stores.url(stores.of("", Some(credential)));
                url.unwrap_or_else(|| stores.first()).clone()
            }
        }
    }

    /// Every store; that of whoever is in no list comes first.
    pub(crate) fn all(&self) -> Vec<Place> {
        match self {
            Self::One(url) => vec![Place {
                name: None,
                url: url.clone(),
            }],
            Self::Many(stores) => {
                let mut all: Vec<(&str, &StoreUrl)> = stores.all().collect();
                all.sort_by_key(|(name, _)| *name != stores.default());
                let place = |(name, url): (&str, &StoreUrl)| Place {
                    name: Some(name.to_owned()),
                    url: url.clone(),
                };
                all.into_iter().map(place).collect()
            }
        }
    }

    /// Opens every store that is there. One that is missing is an error only if no other is there.
    pub(crate) async fn open_all(&self, how: Open) -> Result<Vec<(Place, AnyStore)>, StoreError> {
        let mut opened = Vec::new();
        let mut missing = None;
        for place in self.all() {
            match place.url.opened(how).await {
                Ok(store) => opened.push((place, store)),
                Err(error @ StoreError::Database(DatabaseError::Missing { .. })) => {
                    missing = missing.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if opened.is_empty() => Err(error),
            _ => Ok(opened),
        }
    }

    /// The store of this name.
    pub(crate) fn named(&self, name: &str) -> Result<Place> {
        let Self::Many(stores) = self else {
            return Err(Usage::new("there is no directory of stores")
                .hint("name the stores in `[stores.named]` of clever.toml, and leave --store and CLEVER_STORE out")
                .into());
        };
        match stores.url(name) {
            Some(url) => Ok(Place {
                name: Some(name.to_owned()),
                url: url.clone(),
            }),
            None => {
                let names: Vec<&str> = stores.all().map(|(name, _)| name).collect();
                Err(Usage::new(format!("no store is named `{name}`"))
                    .hint(format!(
                        "add it to `[stores.named]` of clever.toml; there are: {}",
                        names.join(", ")
                    ))
                    .into())
            }
        }
    }

    /// The store that a district is in: where it begins, and from there wherever it moved.
    pub(crate) async fn of(&self, district: &str, credential: Option<&str>) -> Result<Place> {
        let stores = match self {
            Self::One(url) => {
                return Ok(Place {
                    name: None,
                    url: url.clone(),
                });
            }
            Self::Many(stores) => stores,
        };
        let mut place = self.named(stores.of(district, credential))?;
        let mut seen = BTreeSet::new();
        while let Some(Away {
            store,
            whereabouts: Whereabouts::Moved,
            ..
        }) = self.away(&place, district).await?
        {
            if !seen.insert(place.name.take()) {
                return Err(Usage::new(format!(
                    "the stores send district {district} in a circle: `{store}` again"
                ))
                .hint("name the store that has it with --store, and tell us how this came about")
                .into());
            }
            place = self.named(&store)?;
        }
        Ok(place)
    }

    /// What a store says of a district that is not its own, or not for long.
    pub(crate) async fn away(&self, place: &Place, district: &str) -> Result<Option<Away>> {
        match place.look().await? {
            Some(mut store) => Ok(store.away(district).await?),
            None => Ok(None),
        }
    }

    /// The store of the district that is meant: the one that is named, or the only one of all. Whoever asks knows no credential, so
    /// the stores are asked which has it.
    pub(crate) async fn holding(&self, district: Option<&str>) -> Result<Place> {
        let stores = match (self, district) {
            (Self::One(_), _) => return self.of("", None).await,
            (Self::Many(stores), Some(district)) if stores.has(district) => {
                return self.of(district, None).await;
            }
            (Self::Many(stores), _) => stores,
        };
        let (mut found, mut traces) = (Vec::new(), None);
        let mut unread = None;
        for place in self.all() {
            let look = async || {
                let Some(mut store) = place.look().await? else {
                    return Ok((Vec::new(), false));
                };
                let mut all = store.districts().await?;
                let Some(named) = district else {
                    return Ok((all, false));
                };
                all.retain(|id| id == named);
                let has_traces = all.is_empty() && has_traces(&mut store, named).await?;
                Ok::<_, StoreError>((all, has_traces))
            };
            match look().await {
                Ok((all, has_traces)) => {
                    found.extend(all.into_iter().map(|id| (id, place.clone())));
                    traces = traces.or(has_traces.then_some(place));
                }
                // It may be the one that has it.
                Err(error) => unread = unread.or(Some(error)),
            }
        }
        match (found.as_slice(), unread, district) {
            ([(_, only)], None, _) => Ok(only.clone()),
            ([(_, only)], _, Some(_)) => Ok(only.clone()),
            // Neither is known to be the one that counts.
            ([(_, one), (_, other), ..], _, Some(district)) => {
                let name = |place: &Place| place.name.clone().unwrap_or_default();
                Err(Usage::new(format!(
                    "the stores `{}` and `{}` both have district {district}",
                    name(one),
                    name(other)
                ))
                .hint("say which is its own in `[stores.districts]` of clever.toml, or name a store with --store")
                .into())
            }
            (_, Some(error), _) => Err(error.into()),
            ([], None, Some(district)) => match traces {
                Some(place) => Ok(place),
                None => self.of(district, None).await,
            },
            ([], None, None) => self.named(stores.default()),
            (many, None, None) => {
                let ids: Vec<&str> = many.iter().map(|(id, _)| id.as_str()).collect();
                Err(Usage::new(format!(
                    "the stores hold {} districts, and none is named",
                    ids.len()
                ))
                .hint(format!("name one with --district: {}", ids.join(", ")))
                .into())
            }
        }
    }
}
