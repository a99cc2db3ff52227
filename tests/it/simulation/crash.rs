//! A store whose power goes at a call: that one and all after it fail.

use std::collections::BTreeMap;

use clever_model::{DistrictId, RecordKind, Role};
use clever_sync::{
    Base, Commit, DatabaseError, Hold, Left, Op, Progress, SchoolLimits, SchoolTally, Size, Staged,
    State, Store, StoreError, Stored, SyncReport, Tally,
};

/// The store, and how many calls it answers before it fails.
pub(crate) struct Crashing<S> {
    pub(crate) store: S,
    pub(crate) left: u32,
}

impl<S> Crashing<S> {
    fn call(&mut self) -> Result<&mut S, StoreError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(StoreError::Database(DatabaseError::Full))?;
        Ok(&mut self.store)
    }
}

impl<S: Store> Store for Crashing<S> {
    async fn base(&mut self, district: &DistrictId) -> Result<Base, StoreError> {
        self.call()?.base(district).await
    }
    async fn begin(&mut self, district: &DistrictId) -> Result<(), StoreError> {
        self.call()?.begin(district).await
    }
    async fn left(&mut self, district: &DistrictId) -> Result<Left, StoreError> {
        self.call()?.left(district).await
    }
    async fn keep(&mut self, note: &str) -> Result<(), StoreError> {
        self.call()?.keep(note).await
    }
    async fn resume(&mut self, after: Option<(RecordKind, &str)>) -> Result<(), StoreError> {
        self.call()?.resume(after).await
    }
    async fn done(&mut self) -> Result<(), StoreError> {
        self.call()?.done().await
    }
    async fn states(
        &mut self,
        kind: RecordKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<State>, StoreError> {
        self.call()?.states(kind, after, limit).await
    }
    async fn find(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        self.call()?.find(kind, ids).await
    }
    async fn active(&mut self, kind: RecordKind) -> Result<u64, StoreError> {
        self.call()?.active(kind).await
    }
    async fn enrolled(&mut self, enough: u64) -> Result<u64, StoreError> {
        self.call()?.enrolled(enough).await
    }
    async fn lost_role(&mut self) -> Result<Option<Role>, StoreError> {
        self.call()?.lost_role().await
    }
    async fn sizes(
        &mut self,
        district: &DistrictId,
    ) -> Result<BTreeMap<RecordKind, Size>, StoreError> {
        self.call()?.sizes(district).await
    }
    async fn stage(&mut self, rows: Vec<Staged>) -> Result<(), StoreError> {
        self.call()?.stage(rows).await
    }
    async fn unstage(&mut self, kind: RecordKind, ids: &[&str]) -> Result<(), StoreError> {
        self.call()?.unstage(kind, ids).await
    }
    async fn unstage_archived(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        self.call()?.unstage_archived(kind).await
    }
    async fn staged(
        &mut self,
        after: (Option<RecordKind>, &str),
        limit: usize,
        records: bool,
    ) -> Result<Vec<Staged>, StoreError> {
        self.call()?.staged(after, limit, records).await
    }
    async fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Op>, StoreError> {
        self.call()?.staged_ops(kind, ids).await
    }
    async fn tally(&mut self) -> Result<Tally, StoreError> {
        self.call()?.tally().await
    }
    async fn hold(&mut self, kind: RecordKind, op: Op) -> Result<(), StoreError> {
        self.call()?.hold(kind, op).await
    }
    async fn followed(
        &mut self,
        district: &DistrictId,
        kind: RecordKind,
    ) -> Result<bool, StoreError> {
        self.call()?.followed(district, kind).await
    }
    async fn standing(&mut self, district: &DistrictId) -> Result<Vec<Hold>, StoreError> {
        self.call()?.standing(district).await
    }
    async fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> Result<Vec<SchoolTally>, StoreError> {
        self.call()?.touched_schools(kind, limits).await
    }
    async fn hold_records(
        &mut self,
        kind: RecordKind,
        op: Op,
        ids: &[&str],
    ) -> Result<u64, StoreError> {
        self.call()?.hold_records(kind, op, ids).await
    }
    async fn hold_schools(
        &mut self,
        kind: RecordKind,
        op: Op,
        schools: &[&str],
    ) -> Result<u64, StoreError> {
        self.call()?.hold_schools(kind, op, schools).await
    }
    async fn release(&mut self) -> Result<(), StoreError> {
        self.call()?.release().await
    }
    async fn commit(
        &mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        self.call()?.commit(commit, report, progress).await
    }
}
