//! The small numbers of people, by which places in sections are kept.
//!
//! If a district is new, its people are numbered as they come, and their ids kept in memory: 12 bytes a
//! person. Their numbers follow each other, so only the breaks are kept. Else, and for unknown people, the store is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::StoreError;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql, Type, pairs, texts};

/// An id of 24 hex digits.
type Short = [u8; 12];

/// Which number each person has.
#[derive(Debug, Default)]
pub(crate) struct Persons {
    /// The ids of the people, in ascending order.
    ids: Vec<Short>,
    /// Places in `ids` from which on numbers follow each other, with the first number of each; ascending.
    runs: Vec<(usize, i64)>,
}

/// Reads an id that is written as 24 lower-case hex digits; those sort as their bytes do.
fn short(id: &str) -> Option<Short> {
    let digits: &[u8; 24] = id.as_bytes().try_into().ok()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut short = [0; 12];
    for (byte, two) in short.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = two else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(short)
}

impl Persons {
    /// Numbers people whom the store does not know, in the order of their ids.
    pub(crate) async fn number<B: RosterDb>(
        &mut self,
        store: &mut SqlRun<'_, B>,
        ids: &[&str],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let keys = store.keys("_people", ids.len()).await?;
        let number = store.number();
        let columns = [
            ("key", Type::Int),
            ("district", Type::Int),
            ("id", Type::Text),
            ("known", Type::Int),
        ];
        let mut rows: Vec<Sql<'_>> = Vec::with_capacity(ids.len() * columns.len());
        for (id, key) in ids.iter().zip(keys) {
            rows.extend([key.into(), number.into(), (*id).into(), true.into()]);
            // Whoever's id is odd, or out of order, is asked for.
            if let Some(short) = short(id).filter(|short| self.ids.last() < Some(short)) {
                if self.key(self.ids.len()) != Some(key) {
                    self.runs.push((self.ids.len(), key));
                }
                self.ids.push(short);
            }
        }
        Ok(store.db.insert("main._people", &columns, &rows, "").await?)
    }

    /// Puts numbers for the people of places; who has none gets one.
    pub(crate) async fn places<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        told: &[(i64, i64, &str, bool)],
    ) -> Result<Vec<(i64, i64, i64, bool)>, StoreError> {
        let mut places = Vec::with_capacity(told.len());
        let mut others: BTreeMap<&str, i64> = BTreeMap::new();
        let mut here: Vec<(Short, usize)> = Vec::new();
        for (at, (.., id, _)) in told.iter().enumerate() {
            match short(id).filter(|_| !self.ids.is_empty()) {
                Some(short) => here.push((short, at)),
                None => {
                    others.insert(id, 0);
                }
            }
        }
        here.sort_unstable();
        // Both sides ascend, so each is looked for from where the last was found.
        let mut from = 0;
        let mut keys: Vec<Option<i64>> = vec![None; told.len()];
        for (short, at) in here {
            from = self.seek(from, &short);
            if self.ids.get(from) == Some(&short) {
                if let Some(key) = keys.get_mut(at) {
                    *key = self.key(from);
                }
            } else if let Some((.., id, _)) = told.get(at) {
                others.insert(id, 0);
            }
        }
        self.ask(store, &mut others).await?;
        for ((section, role, id, primary), key) in told.iter().zip(keys) {
            if let Some(person) = key.or_else(|| others.get(id).copied()) {
                places.push((*section, *role, person, *primary));
            }
        }
        Ok(places)
    }

    /// The number of the person at a place; at the end, the one that would follow.
    fn key(&self, at: usize) -> Option<i64> {
        let run = self.runs.partition_point(|(begin, _)| *begin <= at);
        let (begin, first) = self.runs.get(run.checked_sub(1)?)?;
        Some(first + i64::try_from(at - begin).ok()?)
    }

    /// The first place from `from` whose id is not smaller.
    fn seek(&self, from: usize, id: &Short) -> usize {
        let mut step = 1;
        let mut low = from;
        while self.ids.get(low + step).is_some_and(|other| other < id) {
            low += step;
            step *= 2;
        }
        let high = (low + step + 1).min(self.ids.len());
        let window = self.ids.get(low..high).unwrap_or_default();
        low + window.partition_point(|other| other < id)
    }

    /// Asks the store for the numbers of these people, and numbers those whom it does not know.
    async fn ask<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        people: &mut BTreeMap<&str, i64>,
    ) -> Result<(), StoreError> {
        let ids: BTreeSet<&str> = people.keys().copied().collect();
        let known = name(store, &ids).await?;
        for (id, key) in people {
            *key = known.get(*id).copied().unwrap_or_default();
        }
        Ok(())
    }
}

/// Finds the numbers of people whom a record names, and numbers those who have none.
pub(crate) async fn name<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, i64>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let number = store.number();
    let sql = format!(
        "SELECT id, key FROM main._people WHERE district = ?1 AND id {}",
        store.db.kind().among(2)
    );
    let params = [number.into(), texts(ids.iter().copied())];
    let mut known = pairs(store.db.query(&sql, &params).await?)?;
    let new: BTreeSet<&str> = ids
        .iter()
        .copied()
        .filter(|id| !known.contains_key(*id))
        .collect();
    if !new.is_empty() {
        let rows: Vec<Sql<'_>> = new
            .iter()
            .flat_map(|id| [number.into(), (*id).into()])
            .collect();
        let columns = [("district", Type::Int), ("id", Type::Text)];
        store.db.insert("main._people", &columns, &rows, "").await?;
        let params = [number.into(), texts(new.iter().copied())];
        known.extend(pairs(store.db.query(&sql, &params).await?)?);
        learn(store, &new).await?;
    }
    Ok(known)
}

/// Notes of numbered people that there is a record of them, if there is.
pub(crate) async fn learn<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    ids: &BTreeSet<&str>,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE main._people SET known = 1 WHERE district = ?1 AND id {} AND known = 0 AND EXISTS (
             SELECT 1 FROM main.users t WHERE t.district_id = ?3 AND t.id = _people.id)",
        store.db.kind().among(2)
    );
    let district = store.district_id();
    let params = [
        store.number().into(),
        texts(ids.iter().copied()),
        district.into(),
    ];
    store.db.execute(&sql, &params).await?;
    Ok(())
}

/// Numbers all whom contacts name and nobody knows: after a load, for which [`name`] would ask too often.
pub(crate) async fn name_children<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
) -> Result<(), StoreError> {
    let params = [store.number().into(), store.district_id().into()];
    let sql = "INSERT INTO main._people (district, id)
         SELECT DISTINCT CAST(?1 AS BIGINT), c.student_id FROM main._contacts c WHERE c.district_id = ?2
         AND NOT EXISTS (SELECT 1 FROM main.users t WHERE t.district_id = ?2 AND t.id = c.student_id)
         AND NOT EXISTS (SELECT 1 FROM main._people p WHERE p.district = ?1 AND p.id = c.student_id)";
    store.db.execute(sql, &params).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn short_ids_are_read_and_odd_ones_are_not() {
        assert_eq!(
            short("0123456789abcdef01234567"),
            Some([1, 35, 69, 103, 137, 171, 205, 239, 1, 35, 69, 103])
        );
        for odd in [
            "",
            "u1",
            "0123456789ABCDEF01234567",
            "0123456789abcdef0123456g",
        ] {
            assert_eq!(short(odd), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn numbers_are_found_also_where_they_do_not_follow_each_other() {
        let mut store = crate::store::sqlite::SqliteStore::in_memory().unwrap();
        let district = clever_model::DistrictId::new("d").unwrap();
        let mut run = store.begin(&district).await.unwrap();
        let id = |number: u32| format!("{number:024x}");
        let mut persons = Persons::default();
        let first = ["odd".to_owned(), id(1), id(2), "odder".to_owned(), id(3)];
        // Somebody else took a number in between.
        let other = "INSERT INTO main._people (key, district, id) VALUES (90, -2, 'x')";
        let second = [id(4), id(5)];
        for (ids, then) in [(&first[..], other), (&second[..], "SELECT 1")] {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            persons.number(&mut run, &ids).await.unwrap();
            run.db.connection().execute_batch(then).unwrap();
        }
        assert_eq!(persons.runs, [(0, 2), (2, 5), (3, 91)]);
        let told: Vec<String> = (1..=5).map(id).chain(["odd".to_owned()]).collect();
        let told: Vec<(i64, i64, &str, bool)> =
            told.iter().map(|id| (7, 0, id.as_str(), false)).collect();
        let places = persons.places(&mut run, &told).await.unwrap();
        let keys: Vec<i64> = places.iter().map(|(_, _, key, _)| *key).collect();
        assert_eq!(keys, [2, 3, 5, 91, 92, 1]);
    }

    #[test]
    fn whoever_is_there_is_found_from_any_place_before() {
        let of = |number: u8| [number; 12];
        let persons = Persons {
            ids: (0..50).map(|number| of(number * 2)).collect(),
            runs: vec![(0, 0)],
        };
        for from in 0..50_usize {
            for number in from * 2..110 {
                let id = of(u8::try_from(number).unwrap());
                let expected = number.div_ceil(2).clamp(from, 50);
                assert_eq!(persons.seek(from, &id), expected, "{from} {number}");
            }
        }
    }
}
