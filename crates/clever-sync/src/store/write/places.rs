//! The places of sections: who learns and teaches where, by small numbers.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;

use crate::columns;
use crate::store::derived;
use crate::store::sql::{Backend, Sql, Type, pairs, texts};
use crate::store::write::{Read, Writer};
use crate::store::{Op, StoreError};

/// A section's place: its section's key, its role, its person's key, whether it is the primary teacher's.
type Place = (i64, i64, i64, bool);

/// The numbers of people by their sections' keys and their ids.
type Names = BTreeMap<i64, BTreeMap<String, i64>>;

impl<B: Backend> Writer<'_, B> {
    /// Writes the places of sections: only those that came or went. Without `keys` the store is asked for them.
    pub(super) async fn places(
        &mut self,
        read: &[Read<'_>],
        gone: &[&str],
        keys: BTreeMap<String, i64>,
    ) -> Result<(), StoreError> {
        let number = self.store.number();
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
        let mut told: Vec<(i64, i64, &str, bool)> = Vec::new();
        for Read { staged, tree, .. } in read {
            let Some(section) = keys.get(&staged.id) else {
                continue;
            };
            let places = derived::places(tree).into_iter();
            told.extend(places.map(|(role, id, primary)| (*section, role, id, primary)));
        }
        // What stood before, and in which standing of its section.
        let of = |op: fn(Op) -> bool| -> BTreeSet<i64> {
            let rows = read.iter().filter(|read| op(read.staged.op));
            rows.filter_map(|read| keys.get(&read.staged.id).copied())
                .collect()
        };
        let restored = of(|op| op == Op::Restore);
        let archived: BTreeSet<i64> = gone
            .iter()
            .filter_map(|id| keys.get(*id).copied())
            .collect();
        // A new section may have the key of one whose row was deleted by hand, and then finds that one's places.
        let mut old = if self.fresh.contains("_enrollments") {
            of(|op| op != Op::Create)
        } else {
            of(|_| true)
        };
        old.extend(&archived);
        let (before, names) = self.standing(&old).await?;
        // Most of the people of a section that changed are in it already; only the others are looked for.
        let (here, others): (Vec<_>, Vec<_>) = told
            .into_iter()
            .map(|(section, role, id, primary)| {
                let person = names.get(&section).and_then(|of| of.get(id)).copied();
                (person, (section, role, id, primary))
            })
            .partition(|(person, _)| person.is_some());
        let others: Vec<_> = others.into_iter().map(|(_, place)| place).collect();
        let mut now: Vec<Place> = self.persons.places(self.store, &others).await?;
        now.extend(
            here.into_iter()
                .filter_map(|(person, (section, role, _, primary))| {
                    Some((section, role, person?, primary))
                }),
        );
        now.sort_unstable();
        now.dedup_by_key(|(section, role, person, _)| (*section, *role, *person));
        for (section, role, ..) in &before {
            // An archived section's places stay, and count no longer.
            if !restored.contains(section) {
                self.count_place(*role, -1);
            }
        }
        for (_, role, ..) in &now {
            self.count_place(*role, 1);
        }
        let standing: BTreeSet<&Place> = before.iter().collect();
        let staying: BTreeSet<&Place> = now
            .iter()
            .filter(|place| standing.contains(place))
            .collect();
        // A person who went, or whose part changed, is taken out of the section as a whole and put in again.
        let mut left: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for place in &before {
            if !staying.contains(place) && !archived.contains(&place.0) {
                left.entry(place.0).or_default().insert(place.2);
            }
        }
        for (section, persons) in &left {
            let sql = format!(
                "DELETE FROM _enrollments WHERE district = ?1 AND section = ?2 AND person {}",
                self.store.among(3)
            );
            let params = [
                number.into(),
                (*section).into(),
                Sql::Ints(persons.iter().copied().collect()),
            ];
            self.store.db.execute(&sql, &params).await?;
        }
        let mut rows: Vec<Sql<'_>> = Vec::new();
        for place in &now {
            let (section, role, person, primary) = *place;
            let taken = || {
                left.get(&section)
                    .is_some_and(|left| left.contains(&person))
            };
            if !staying.contains(place) || taken() {
                rows.extend([
                    number.into(),
                    section.into(),
                    role.into(),
                    person.into(),
                    primary.into(),
                ]);
            }
        }
        let columns = [
            ("district", Type::Int),
            ("section", Type::Int),
            ("role", Type::Int),
            ("person", Type::Int),
            ("is_primary", Type::Int),
        ];
        self.store
            .db
            .insert("_enrollments", &columns, &rows, "")
            .await
    }

    async fn section_keys(
        &mut self,
        ids: impl Iterator<Item = &str>,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let sql = format!(
            "SELECT id, key FROM sections WHERE district_id = ?1 AND id {}",
            self.store.among(2)
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

    /// The places that sections have in the store, and the numbers of the people there, by section and id.
    async fn standing(
        &mut self,
        sections: &BTreeSet<i64>,
    ) -> Result<(Vec<Place>, Names), StoreError> {
        let (mut places, mut names) = (Vec::new(), Names::new());
        if sections.is_empty() {
            return Ok((places, names));
        }
        let sql = format!(
            "SELECT e.section, e.role, e.person, e.is_primary, p.id
             FROM _enrollments e LEFT JOIN _people p ON p.key = e.person
             WHERE e.district = ?1 AND e.section {}",
            self.store.among(2)
        );
        let sections = Sql::Ints(sections.iter().copied().collect());
        let params = [self.store.number().into(), sections];
        for mut row in self.store.db.query(&sql, &params).await? {
            let (section, person) = (row.int(0)?, row.int(2)?);
            places.push((section, row.int(1)?, person, row.int(3)? != 0));
            // What is no text was not written by a sync.
            if let Ok(Some(id)) = row.maybe_text(4) {
                names.entry(section).or_default().insert(id, person);
            }
        }
        Ok((places, names))
    }
}
