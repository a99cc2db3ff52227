//! The places of sections: who learns and teaches where, by small numbers.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::Tree;

use crate::act::write::{Read, Writer};
use crate::learn::columns;
use crate::learn::derived;
use crate::learn::reading;
use crate::store::sql::{RosterDb, Sql, Type, pairs, texts};
use crate::store::{Op, StoreError, Stored};

/// The columns of a place, as it is inserted.
pub(crate) const PLACE_COLUMNS: [(&str, Type); 5] = [
    ("district", Type::Int4),
    ("section", Type::Int4),
    ("role", Type::Int2),
    ("person", Type::Int4),
    ("is_primary", Type::Int2),
];

/// A place of a section: its role, its person's number, whether it is the primary teacher's.
type Place = (i64, i64, bool);

/// A place as a record tells it, by its person's id.
type Told<'t> = (i64, &'t str, bool);

/// A section whose record is written.
struct Section<'t> {
    restored: bool,
    /// Ascending, once each.
    told: Vec<Told<'t>>,
    /// What its record told before, if there was one.
    said: Option<Vec<Told<'t>>>,
}

/// Places that sections have, by their keys.
type Places = BTreeMap<i64, BTreeSet<Place>>;

/// The places that a section's record tells, ascending, once each.
fn told<'t>(tree: &'t Tree<'_>) -> Vec<Told<'t>> {
    let mut told = derived::places(tree);
    told.sort_unstable();
    told.dedup();
    told
}

/// What of `these` is not among `those`.
fn beyond<'t>(these: &[Told<'t>], those: &[Told<'t>]) -> Vec<Told<'t>> {
    let there = |place: &&Told<'t>| those.binary_search(place).is_err();
    these.iter().filter(there).copied().collect()
}

/// Puts some places in the place of others; none where what goes is not there, or who comes has that role already.
fn exchanged(
    stood: &BTreeSet<Place>,
    gone: &BTreeSet<Place>,
    come: &BTreeSet<Place>,
) -> Option<BTreeSet<Place>> {
    let mut now = stood.clone();
    let mut fits = gone.iter().all(|place| now.remove(place));
    for place @ (role, person, _) in come {
        let same = (*role, *person, false)..=(*role, *person, true);
        fits &= now.range(same).next().is_none();
        now.insert(*place);
    }
    fits.then_some(now)
}

impl<B: RosterDb> Writer<'_, '_, B> {
    /// Writes the places of sections: only those that came or went. Without `keys` the store is asked for them.
    pub(super) async fn places(
        &mut self,
        read: &[Read<'_>],
        gone: &[&str],
        keys: BTreeMap<String, i64>,
        before: &BTreeMap<String, (Stored, u64)>,
    ) -> Result<(), StoreError> {
        let keys = if keys.is_empty() {
            let ids = read.iter().map(|read| read.staged.id.as_str());
            self.section_keys(ids.chain(gone.iter().copied())).await?
        } else {
            keys
        };
        for (target, place) in [
            (RecordKind::Schools, "/school"),
            (RecordKind::Courses, "/course"),
            (RecordKind::Terms, "/term_id"),
        ] {
            let refs = read.iter().map(|read| columns::cell(&read.tree, place));
            self.refer(RecordKind::Sections, target, refs);
        }
        let earlier: Vec<Option<Tree<'_>>> = read
            .iter()
            .map(|read| reading::tree(&before.get(&read.staged.id)?.0.record))
            .collect();
        let sections: BTreeMap<i64, Section<'_>> = read
            .iter()
            .zip(&earlier)
            .filter_map(|(read, earlier)| {
                let section = Section {
                    restored: read.staged.op() == Op::Restore,
                    told: told(&read.tree),
                    said: earlier.as_ref().map(told),
                };
                Some((*keys.get(&read.staged.id)?, section))
            })
            .collect();
        // A new section may have the key of one whose row was deleted by hand, and then finds that one's places.
        let fresh = self.fresh.contains("_enrollments");
        let old = read
            .iter()
            .filter(|read| !fresh || read.staged.op() != Op::Create);
        let old = old.filter_map(|read| keys.get(&read.staged.id));
        let archived = gone.iter().filter_map(|id| keys.get(*id));
        let stood = self.standing(old.chain(archived).copied()).await?;
        let now = self.now(&sections, &stood).await?;
        let none = BTreeSet::new();
        let mut rows: Vec<Sql<'_>> = Vec::new();
        for (key, stood) in &stood {
            // An archived section's places stay, and count no longer.
            if sections.get(key).is_none_or(|section| !section.restored) {
                stood
                    .iter()
                    .for_each(|(role, ..)| self.count_place(*role, -1));
            }
        }
        for (key, now) in &now {
            now.iter().for_each(|(role, ..)| self.count_place(*role, 1));
            let stood = stood.get(key).unwrap_or(&none);
            // A person who went, or whose part changed, is taken out of the section as a whole and put in again.
            let left: BTreeSet<i64> = stood
                .difference(now)
                .map(|(_, person, _)| *person)
                .collect();
            self.take_out(*key, &left).await?;
            for place in now {
                let (role, person, primary) = *place;
                if !stood.contains(place) || left.contains(&person) {
                    rows.extend([
                        self.store.number().into(),
                        (*key).into(),
                        role.into(),
                        person.into(),
                        primary.into(),
                    ]);
                }
            }
        }
        let written = self
            .store
            .db
            .insert("main._enrollments", &PLACE_COLUMNS, &rows, "")
            .await;
        Ok(written?)
    }

    /// The places that sections are to have. If the store has as many as the former record said, only those who
    /// come or go are looked for; if a row that somebody changed shows by not fitting, all are. One that stays and was
    /// exchanged for another is an audit's to find.
    async fn now(
        &mut self,
        sections: &BTreeMap<i64, Section<'_>>,
        stood: &Places,
    ) -> Result<Places, StoreError> {
        let none = BTreeSet::new();
        let stood = |key: &i64| stood.get(key).unwrap_or(&none);
        let (mut gone, mut come, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for (key, section) in sections {
            match &section.said {
                Some(said) if said.len() == stood(key).len() => {
                    gone.push((*key, beyond(said, &section.told)));
                    come.push((*key, beyond(&section.told, said)));
                }
                _ => whole.push(*key),
            }
        }
        let mut now = Places::new();
        let (left, came) = (self.find(&gone).await?, self.find(&come).await?);
        for (key, _) in gone {
            let [left, came] = [&left, &came].map(|of| of.get(&key).unwrap_or(&none));
            match exchanged(stood(&key), left, came) {
                Some(places) => {
                    now.insert(key, places);
                }
                None => whole.push(key),
            }
        }
        let told = |key: i64| Some((key, sections.get(&key)?.told.clone()));
        let whole: Vec<_> = whole.into_iter().filter_map(told).collect();
        for (key, _) in &whole {
            now.insert(*key, BTreeSet::new());
        }
        now.extend(self.find(&whole).await?);
        Ok(now)
    }

    /// Puts numbers for the people of places.
    async fn find(&mut self, told: &[(i64, Vec<Told<'_>>)]) -> Result<Places, StoreError> {
        let told: Vec<_> = told
            .iter()
            .flat_map(|(key, told)| {
                told.iter()
                    .map(|(role, id, primary)| (*key, *role, *id, *primary))
            })
            .collect();
        let mut places = Places::new();
        for (key, role, person, primary) in self.persons.places(self.store, &told).await? {
            places
                .entry(key)
                .or_default()
                .insert((role, person, primary));
        }
        Ok(places)
    }

    /// Takes people out of a section.
    async fn take_out(&mut self, section: i64, people: &BTreeSet<i64>) -> Result<(), StoreError> {
        if people.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "DELETE FROM main._enrollments WHERE district = ?1 AND section = ?2 AND person {}",
            self.store.db.kind().among(3)
        );
        let people = Sql::Ints(people.iter().copied().collect());
        let params = [self.store.number().into(), section.into(), people];
        self.store.db.execute(&sql, &params).await?;
        Ok(())
    }

    async fn section_keys(
        &mut self,
        ids: impl Iterator<Item = &str>,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let sql = format!(
            "SELECT id, key FROM main.sections WHERE district_id = ?1 AND id {}",
            self.store.db.kind().among(2)
        );
        let params = [self.district_id.into(), texts(ids)];
        pairs(self.store.db.query(&sql, &params).await?)
    }

    fn count_place(&mut self, role: i64, by: i64) {
        let totals = &mut self.changed.totals;
        if role == 0 {
            totals.students += by;
        } else {
            totals.teachers += by;
        }
    }

    /// The places that sections have in the store.
    async fn standing(
        &mut self,
        sections: impl Iterator<Item = i64>,
    ) -> Result<Places, StoreError> {
        let sections: Vec<i64> = sections.collect();
        let mut places = Places::new();
        if sections.is_empty() {
            return Ok(places);
        }
        let sql = format!(
            "SELECT section, role, person, is_primary FROM main._enrollments WHERE district = ?1 AND section {}",
            self.store.db.kind().among(2)
        );
        let params = [self.store.number().into(), Sql::Ints(sections)];
        for mut row in self.store.db.query(&sql, &params).await? {
            let place = (row.int(1)?, row.int(2)?, row.int(3)? != 0);
            places.entry(row.int(0)?).or_default().insert(place);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_exchanged_only_where_all_fits() {
        let [a, b, c] = [(0, 1, false), (0, 2, false), (1, 3, true)];
        let set = |places: &[Place]| places.iter().copied().collect::<BTreeSet<_>>();
        let exchange =
            |gone: &[Place], come: &[Place]| exchanged(&set(&[a, b]), &set(gone), &set(come));
        assert_eq!(exchange(&[], &[]), Some(set(&[a, b])));
        assert_eq!(exchange(&[a], &[c]), Some(set(&[b, c])));
        assert_eq!(exchange(&[a, b], &[]), Some(set(&[])));
        assert_eq!(
            exchange(&[a], &[(0, 1, true)]),
            Some(set(&[b, (0, 1, true)]))
        );
        assert_eq!(exchange(&[c], &[]), None, "who goes is not there");
        assert_eq!(
            exchange(&[a, (0, 2, true)], &[]),
            None,
            "or is there otherwise"
        );
        for there in [a, (0, 1, true)] {
            assert_eq!(exchange(&[], &[there]), None, "who comes has that role");
        }
    }

    #[test]
    fn what_comes_and_goes_is_told_by_two_records() {
        let (before, after) = (
            [(0, "a", false), (0, "b", false), (1, "t", true)],
            [(0, "b", false), (0, "c", false), (1, "t", false)],
        );
        assert_eq!(beyond(&before, &after), [(0, "a", false), (1, "t", true)]);
        assert_eq!(beyond(&after, &before), [(0, "c", false), (1, "t", false)]);
    }
}
