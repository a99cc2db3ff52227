//! What others' records, the feed and the reports of runs say of people who are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, RecordKind};
use serde_json::Value;

use crate::check::policy::SyncPolicy;
use crate::learn::columns;
use crate::learn::diff::hash_of;
use crate::learn::kept_out::without;
use crate::learn::reading;
use crate::store::forgotten::{DigestKey, place_of};
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql};
use crate::store::{ABSENT, StoreError};

/// Rows of the feed read at once.
const CHUNK: usize = 500;

/// What stands in a text in the place of a name.
const PLACE: &str = "[forgotten]";

/// What people are known by.
pub(super) struct Traces {
    /// Their ids, with what stands in their place.
    ids: BTreeMap<String, String>,
    /// Their addresses of mail, in small letters.
    mails: BTreeSet<String>,
    /// Their full names, in small letters.
    names: BTreeSet<String>,
}

impl Traces {
    /// Begins with the ids.
    pub(super) fn of(people: &[String], digests: &DigestKey) -> Self {
        let ids = people.iter();
        Self {
            ids: ids
                .map(|id| (id.clone(), place_of(&digests.digest(id))))
                .collect(),
            mails: BTreeSet::new(),
            names: BTreeSet::new(),
        }
    }

    /// Adds what a record of one of them says.
    pub(super) fn read(&mut self, json: &str) {
        let record = reading::value(json).unwrap_or_default();
        let small = |place: &str| columns::text(&record, place).map(|text| text.to_lowercase());
        self.mails.extend(small("/email"));
        if let (Some(first), Some(last)) = (small("/name/first"), small("/name/last")) {
            self.names.insert(format!("{first} {last}"));
            self.names.insert(format!("{last}, {first}"));
        }
    }

    /// Counts the active records of others that name one of them.
    pub(super) async fn named<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
    ) -> Result<u64, StoreError> {
        let mut named = 0;
        for kind in RecordKind::ALL {
            for id in self.ids.keys() {
                let sql = format!(
                    "SELECT id, record FROM main.{kind} WHERE district_id = ?1 AND archived_at IS NULL AND record LIKE ?2"
                );
                let params = [district.as_str().into(), format!("%{id}%").into()];
                for mut row in store.db.query(&sql, &params).await? {
                    let own = kind == RecordKind::Users && self.ids.contains_key(&row.text(0)?);
                    let json = row.text(1)?;
                    named += u64::from(!own && without(&json, &|text| text == id).is_some());
                }
            }
        }
        Ok(named)
    }

    /// Takes them out of everything that is not theirs, and their own rows of the feed down to what keeps its numbers.
    /// Returns how many rows of what were changed. The rows of people themselves are gone already.
    pub(super) async fn take_out<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
        policy: &SyncPolicy,
    ) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let mut done = Vec::new();
        for kind in RecordKind::ALL {
            done.push((
                "records of others",
                self.of_records(store, district, kind, policy).await?,
            ));
        }
        done.push(("changes", self.own_changes(store, district).await?));
        done.push(("changes of others", self.of_changes(store, district).await?));
        done.push(("reports", self.of_reports(store, district).await?));
        Ok(done)
    }

    /// What to look for in records of a kind. An address may be of two people, and a person's own stays.
    fn looked_for(&self, kind: Option<RecordKind>) -> Vec<String> {
        let mails = self
            .mails
            .iter()
            .filter(|_| kind != Some(RecordKind::Users));
        let all = self.ids.keys().chain(mails);
        all.map(|text| format!("%{}%", text.replace(['%', '\\'], "_")))
            .collect()
    }

    async fn of_records<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
        kind: RecordKind,
        policy: &SyncPolicy,
    ) -> Result<u64, StoreError> {
        let ours = columns::ours(kind, &policy.sticky);
        let mut changed = 0;
        for pattern in self.looked_for(Some(kind)) {
            let sql = format!(
                "SELECT id, record FROM main.{kind} WHERE district_id = ?1 AND lower(record) LIKE lower(?2)"
            );
            let params = [district.as_str().into(), pattern.into()];
            for mut row in store.db.query(&sql, &params).await? {
                let (id, json) = (row.text(0)?, row.text(1)?);
                let Some(rest) = self.rest(kind, &json) else {
                    continue;
                };
                let value = reading::value(&rest).unwrap_or_default();
                let sets = ours.iter().zip(4..);
                let sets: String = sets
                    .map(|((name, _), at)| format!(", {name} = ?{at}"))
                    .collect();
                let mut params: Vec<Sql<'_>> = vec![
                    district.as_str().into(),
                    id.as_str().into(),
                    rest.as_str().into(),
                ];
                let cells = ours.iter().map(|(_, place)| columns::text(&value, place));
                params.extend(cells.map(Sql::from));
                let sql = format!(
                    "UPDATE main.{kind} SET record = ?3{sets} WHERE district_id = ?1 AND id = ?2"
                );
                store.db.execute(&sql, &params).await?;
                let sql = "UPDATE main._state SET hash = ?4 WHERE district = ?1 AND kind = ?2 AND id = ?3 AND hash <> ?5";
                let params = [
                    store.number().into(),
                    (kind as i64).into(),
                    id.as_str().into(),
                    hash_of(&rest).into(),
                    ABSENT.into(),
                ];
                store.db.execute(sql, &params).await?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    async fn own_changes<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        let sql = "UPDATE main._changes SET op = 'forget', id = ?3, fields = NULL, before = NULL, after = NULL,
             event = NULL, prev = NULL WHERE district_id = ?1 AND kind = 'users' AND id = ?2";
        for (id, place) in &self.ids {
            let params = [
                district.as_str().into(),
                id.as_str().into(),
                place.as_str().into(),
            ];
            changed += store.db.execute(sql, &params).await?;
        }
        Ok(changed)
    }

    async fn of_changes<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        // Of the view: a record that followed a change counts with it, though it is kept once.
        let columns = "SELECT seq, kind, before, after, fields FROM main.changes WHERE district_id = ?1 AND seq > ?3
             AND (lower(before) LIKE lower(?2) OR lower(after) LIKE lower(?2) OR fields LIKE ?2) ORDER BY seq LIMIT ?4";
        for pattern in self.looked_for(None) {
            let mut after = 0;
            loop {
                let params = [
                    district.as_str().into(),
                    pattern.as_str().into(),
                    after.into(),
                    CHUNK.into(),
                ];
                let rows = store.db.query(columns, &params).await?;
                if rows.is_empty() {
                    break;
                }
                for mut row in rows {
                    after = row.int(0)?;
                    let kind: RecordKind =
                        row.text(1)?.parse().map_err(|_| crate::store::odd_row(1))?;
                    let was = [row.maybe_text(2)?, row.maybe_text(3)?];
                    let fields = row.maybe_text(4)?;
                    let now = was.clone().map(|json| {
                        let json = json?;
                        Some(self.rest(kind, &json).unwrap_or(json))
                    });
                    let said = fields
                        .clone()
                        .map(|text| self.in_words(&text).unwrap_or(text));
                    if now == was && said == fields {
                        continue;
                    }
                    let [before, now] = now;
                    let sql = "UPDATE main._changes SET before = ?3, after = CASE WHEN after IS NOT NULL THEN ?4 END, fields = ?5 WHERE district_id = ?1 AND seq = ?2";
                    let params = [
                        district.as_str().into(),
                        after.into(),
                        before.into(),
                        now.into(),
                        said.into(),
                    ];
                    store.db.execute(sql, &params).await?;
                    changed += 1;
                }
            }
        }
        Ok(changed)
    }

    /// Puts something else in the place of ids in what runs and tries said.
    async fn of_reports<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        district: &DistrictId,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (table, key, text) in [
            ("runs", "run", "report"),
            ("attempts", "key", "says"),
            ("attempts", "key", "next_step"),
            ("audit", "key", "subject"),
            ("audit", "key", "reason"),
        ] {
            let asked = format!(
                "SELECT {key}, {text} FROM main.{table} WHERE district_id = ?1 AND {text} LIKE ?2"
            );
            let put = format!(
                "UPDATE main.{table} SET {text} = ?3 WHERE district_id = ?1 AND {key} = ?2"
            );
            for pattern in self.looked_for(None) {
                let params = [district.as_str().into(), pattern.as_str().into()];
                for mut row in store.db.query(&asked, &params).await? {
                    let of = row.int(0)?;
                    let Some(now) = self.in_words(&row.text(1)?) else {
                        continue;
                    };
                    let params = [district.as_str().into(), of.into(), now.into()];
                    store.db.execute(&put, &params).await?;
                    changed += 1;
                }
            }
        }
        Ok(changed)
    }

    /// A record of somebody or something else without them; `None` where it says nothing of them.
    fn rest(&self, kind: RecordKind, json: &str) -> Option<String> {
        let mails = kind != RecordKind::Users;
        let is_out = |text: &str| {
            self.ids.contains_key(text) || (mails && self.mails.contains(&text.to_lowercase()))
        };
        let rest = without(json, &is_out)?;
        // A class may be called after its teacher. Others with the name are left alone: their records do not name these ids.
        let mut value = reading::value(&rest)?;
        if mails {
            self.in_texts(&mut value);
        }
        Some(value.to_string())
    }

    /// Puts something else in the place of full names within texts.
    fn in_texts(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for name in &self.names {
                    let small = text.to_lowercase();
                    let Some(at) = small.find(name.as_str()) else {
                        continue;
                    };
                    let end = at + name.len();
                    // Small letters may be longer than capital ones: then the whole text goes.
                    let whole = small.len() != text.len() || text.get(at..end).is_none();
                    if whole {
                        PLACE.clone_into(text);
                    } else {
                        text.replace_range(at..end, PLACE);
                    }
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| self.in_texts(one)),
            Value::Object(fields) => fields.values_mut().for_each(|one| self.in_texts(one)),
            _ => {}
        }
    }

    /// A text with other words in the place of the ids; `None` where it has none of them.
    fn in_words(&self, text: &str) -> Option<String> {
        let of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let mut out = String::with_capacity(text.len());
        let (mut found, mut rest) = (false, text);
        while let Some(first) = rest.find(of_id) {
            let (other, word) = rest.split_at(first);
            let end = word.find(|c| !of_id(c)).unwrap_or(word.len());
            let (word, left) = word.split_at(end);
            out.push_str(other);
            let place = self.ids.get(word);
            found |= place.is_some();
            out.push_str(place.map_or(word, String::as_str));
            rest = left;
        }
        out.push_str(rest);
        found.then_some(out)
    }
}
