//! What is kept of each record besides its row: its state, and its changes in the feed, each with the one before it.
//!
//! Decision: the feed keeps no record a second time. What followed a change is what the record's next change has for
//! `before`, or its row; the view `changes` looks there. If a row is written over otherwise, by hand or by a touch, the
//! database keeps what it was in the feed (the triggers of the schema), so that an audit finds it. An index of the chain was
//! rejected for the reason that the chain exists; a copy made with the next change, for the pages that it would cost.

use std::collections::BTreeMap;

use clever_model::RecordKind;

use crate::act::write::Writer;
use crate::store::sql::{RosterDb, Sql, Type, pairs, texts};
use crate::store::{Op, Staged, StoreError, Stored};

/// A place in the chain of a record's changes.
pub(super) struct Link {
    /// Its last change.
    seq: u64,
    /// The one before that; 0 where there is none.
    prev: u64,
}

impl<B: RosterDb> Writer<'_, '_, B> {
    /// Numbers the changes of rows, and finds the change before of each record.
    pub(super) async fn link(
        &mut self,
        kind: RecordKind,
        rows: &[Staged],
        before: &BTreeMap<String, (Stored, u64)>,
    ) -> Result<Vec<Link>, StoreError> {
        // A record whose row somebody deleted is written again, and has a history.
        let others = rows.iter().map(|row| row.id.as_str());
        let others: Vec<&str> = others.filter(|id| !before.contains_key(*id)).collect();
        let mut earlier = BTreeMap::new();
        if !self.fresh.contains("_state") && !others.is_empty() {
            let sql = format!(
                "SELECT id, seq FROM main._state WHERE district = ?1 AND kind = ?2 AND id {}",
                self.store.db.kind().among(3)
            );
            let params = [
                self.store.number().into(),
                (kind as i64).into(),
                texts(others),
            ];
            earlier = pairs(self.store.db.query(&sql, &params).await?)?;
        }
        let links = rows.iter().map(|row| {
            let prev = match before.get(&row.id) {
                Some((_, seq)) => *seq,
                None => u64::try_from(earlier.get(&row.id).copied().unwrap_or(0)).unwrap_or(0),
            };
            if row.op() == Op::Touch {
                return Link { seq: prev, prev };
            }
            self.seq += 1;
            Link {
                seq: self.seq,
                prev,
            }
        });
        Ok(links.collect())
    }

    pub(super) async fn keep_state(
        &mut self,
        kind: RecordKind,
        rows: &[Staged],
        links: &[Link],
    ) -> Result<(), StoreError> {
        let number = self.store.number();
        let columns = [
            ("district", Type::Int),
            ("kind", Type::Int),
            ("id", Type::Text),
            ("hash", Type::Blob),
            ("archived", Type::Int),
            ("refused", Type::Blob),
            ("seq", Type::Int),
        ];
        let mut state = Vec::with_capacity(rows.len() * columns.len());
        for (row, link) in rows.iter().zip(links) {
            state.extend([
                number.into(),
                (kind as i64).into(),
                Sql::from(&row.id),
                row.edit.hash().into(),
                (row.op() == Op::Archive).into(),
                row.refused.as_ref().into(),
                link.seq.into(),
            ]);
        }
        let conflict = self.conflict(
            "_state",
            "ON CONFLICT (district, kind, id) DO UPDATE SET hash = excluded.hash,
             archived = excluded.archived, refused = excluded.refused, seq = excluded.seq",
        );
        let written = self
            .store
            .db
            .insert("main._state", &columns, &state, conflict)
            .await;
        Ok(written?)
    }

    /// Writes the feed.
    pub(super) async fn tell(
        &mut self,
        kind: RecordKind,
        rows: &[Staged],
        links: &[Link],
        before: &BTreeMap<String, (Stored, u64)>,
    ) -> Result<(), StoreError> {
        let columns = [
            ("district_id", Type::Text),
            ("seq", Type::Int),
            ("run", Type::Int),
            ("kind", Type::Text),
            ("id", Type::Text),
            ("op", Type::Text),
            ("fields", Type::Text),
            ("before", Type::Text),
            ("at", Type::Text),
            ("event", Type::Text),
            ("prev", Type::Int),
        ];
        let mut changes = Vec::with_capacity(rows.len() * columns.len());
        for (row, link) in rows.iter().zip(links) {
            if !row.op().is_told() {
                continue;
            }
            let before = before.get(&row.id).map(|(before, _)| &before.record);
            changes.extend([
                self.district_id.into(),
                link.seq.into(),
                self.run.into(),
                kind.as_str().into(),
                Sql::from(&row.id),
                row.op().as_str().into(),
                row.edit.fields().into(),
                before.into(),
                self.at.as_str().into(),
                row.event.as_ref().into(),
                Some(link.prev).filter(|prev| *prev > 0).into(),
            ]);
        }
        let written = self
            .store
            .db
            .insert("main._changes", &columns, &changes, "")
            .await;
        Ok(written?)
    }
}
