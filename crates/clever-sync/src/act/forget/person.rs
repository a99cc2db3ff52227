//! Forgets one person, and the contacts who are known for that person alone.

use std::collections::BTreeSet;

use clever_model::RecordKind;

use crate::act::findings;
use crate::act::forget::traces::Traces;
use crate::act::forget::{ForgetError, Forgetting};
use crate::act::totals::Changed;
use crate::check::policy::SyncPolicy;
use crate::learn::derived;
use crate::learn::reading;
use crate::store::StoreError;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql, texts};

impl Forgetting<'_> {
    /// Erases a person. Returns who was forgotten: the person and such contacts.
    pub(super) async fn person<B: RosterDb>(
        &mut self,
        store: &mut SqlRun<'_, B>,
        id: &str,
        policy: &SyncPolicy,
    ) -> Result<Vec<String>, ForgetError> {
        let mut people = vec![id.to_owned()];
        people.extend(self.contacts(store, id).await?);
        let mut traces = Traces::of(&people, &self.digests);
        for id in &people {
            if let Some(json) = self.record(store, id).await? {
                traces.read(&json);
            }
        }
        let named = traces.named(store, self.district).await?;
        let sql = format!(
            "SELECT count(*) FROM main.users WHERE district_id = ?1 AND archived_at IS NULL AND id {}",
            store.db.kind().among(2)
        );
        let among = [
            self.district.as_str().into(),
            texts(people.iter().map(String::as_str)),
        ];
        let active = store.db.one(&sql, &among).await?.count(0)?;
        if !self.request.keep_out && active + named > 0 {
            return Err(ForgetError::Active {
                district: self.district.to_string(),
                people: active,
                named,
            });
        }
        self.erase(store, &people).await?;
        for (what, rows) in traces.take_out(store, self.district, policy).await? {
            self.count(what, rows);
        }
        if self.counts.is_empty() {
            return Err(ForgetError::Unknown {
                district: self.district.to_string(),
            });
        }
        let all = BTreeSet::from(RecordKind::ALL);
        let changed = Changed {
            referring: all.clone(),
            moved: all,
            ..Changed::default()
        };
        findings::renew(store.db, self.district.as_str(), &changed).await?;
        Ok(people)
    }

    /// The contacts who are related to nobody else. Of one who left, the record alone says it.
    async fn contacts<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        id: &str,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id, record FROM main.users WHERE district_id = ?1 AND id <> ?2 AND record LIKE ?3 ORDER BY id";
        let params = [
            self.district.as_str().into(),
            id.into(),
            format!("%{id}%").into(),
        ];
        let mut contacts = Vec::new();
        for mut row in store.db.query(sql, &params).await? {
            let (contact, json) = (row.text(0)?, row.text(1)?);
            let tree = reading::tree(&json).unwrap_or_default();
            let mut roles = derived::roles(&tree);
            let Some(held) = roles.remove("contact") else {
                continue;
            };
            let related = derived::relations(held);
            let alone = !related.is_empty() && related.keys().all(|student| student == id);
            if alone && roles.is_empty() {
                contacts.push(contact);
            }
        }
        Ok(contacts)
    }

    async fn record<B: RosterDb>(
        &self,
        store: &mut SqlRun<'_, B>,
        id: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT record FROM main.users WHERE district_id = ?1 AND id = ?2";
        let params = [self.district.as_str().into(), id.into()];
        let row = store.db.maybe(sql, &params).await?;
        Ok(row.map(|mut row| row.text(0)).transpose()?)
    }

    /// Erases the rows that are of these people.
    async fn erase<B: RosterDb>(
        &mut self,
        store: &mut SqlRun<'_, B>,
        people: &[String],
    ) -> Result<(), StoreError> {
        let among = store.db.kind().among(2);
        let ids = || texts(people.iter().map(String::as_str));
        let district = self.district.as_str();
        let of_id: [(&str, String); 5] = [
            (
                "records",
                format!("main.users WHERE district_id = ?1 AND id {among}"),
            ),
            (
                "roles",
                format!("main.user_roles WHERE district_id = ?1 AND user_id {among}"),
            ),
            (
                "schools",
                format!("main._user_schools WHERE district_id = ?1 AND user_id {among}"),
            ),
            (
                "relations",
                format!("main._contacts WHERE district_id = ?1 AND contact_id {among}"),
            ),
            (
                "relations",
                format!("main._contacts WHERE district_id = ?1 AND student_id {among}"),
            ),
        ];
        for (what, from) in of_id {
            let params = [district.into(), ids()];
            let sql = format!("DELETE FROM {from}");
            let rows = store.db.execute(&sql, &params).await?;
            self.count(what, rows);
        }
        let users: Sql<'_> = (RecordKind::Users as i64).into();
        let keys = format!("SELECT key FROM main._people WHERE district = ?1 AND id {among}");
        let of_number = [
            (
                "places",
                format!("main._enrollments WHERE district = ?1 AND person IN ({keys})"),
            ),
            (
                "numbers",
                format!("main._people WHERE district = ?1 AND id {among}"),
            ),
        ];
        for (what, from) in of_number {
            let params = [store.number().into(), ids()];
            let sql = format!("DELETE FROM {from}");
            let rows = store.db.execute(&sql, &params).await?;
            self.count(what, rows);
        }
        let params = [store.number().into(), ids(), users];
        let sql =
            format!("DELETE FROM main._state WHERE district = ?1 AND id {among} AND kind = ?3");
        let rows = store.db.execute(&sql, &params).await?;
        self.count("states", rows);
        Ok(())
    }
}
