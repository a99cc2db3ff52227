//! A store whose power goes at a call: that one and all after it fail.

use std::collections::BTreeMap;

use clever_model::{DistrictId, RecordKind, Role};
use clever_sync::store::{
    Base, Commit, Kept, Known, LastSync, Left, Op, Run, SchoolLimits, SchoolTally, Staged, Staging,
    State, Store, Stored, Tally, Which,
};
use clever_sync::{DatabaseError, Progress, StoreError, SyncReport};

/// The store, and how many calls it answers before it fails.
pub(crate) struct Crashing<S> {
    pub(crate) store: S,
    pub(crate) left: u32,
}

/// A run of it.
pub(crate) struct CrashingRun<'a, R> {
    run: R,
    left: &'a mut u32,
}

/// Counts a call, or refuses it.
fn call(left: &mut u32) -> Result<(), StoreError> {
    *left = left
        .checked_sub(1)
        .ok_or(StoreError::Database(DatabaseError::Full))?;
    Ok(())
}

impl<R> CrashingRun<'_, R> {
    fn call(&mut self) -> Result<&mut R, StoreError> {
        call(self.left)?;
        Ok(&mut self.run)
    }
}

impl<S: Store> Store for Crashing<S> {
    type Run<'a>
        = CrashingRun<'a, S::Run<'a>>
    where
        S: 'a;

    async fn begin<'a>(&'a mut self, district: &DistrictId) -> Result<Self::Run<'a>, StoreError> {
        call(&mut self.left)?;
        Ok(CrashingRun {
            run: self.store.begin(district).await?,
            left: &mut self.left,
        })
    }
}

impl<R: Run> Known for CrashingRun<'_, R> {
    fn base(&self) -> &Base {
        self.run.base()
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
    async fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> Result<Vec<SchoolTally>, StoreError> {
        self.call()?.touched_schools(kind, limits).await
    }
    async fn last_sync(&mut self) -> Result<LastSync, StoreError> {
        self.call()?.last_sync().await
    }
    async fn followed(&mut self, kind: RecordKind) -> Result<bool, StoreError> {
        self.call()?.followed(kind).await
    }
}

impl<R: Run> Staging for CrashingRun<'_, R> {
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
    async fn hold(
        &mut self,
        kind: RecordKind,
        op: Op,
        which: Which<'_>,
    ) -> Result<u64, StoreError> {
        self.call()?.hold(kind, op, which).await
    }
    async fn release(&mut self) -> Result<(), StoreError> {
        self.call()?.release().await
    }
}

impl<R: Run> Run for CrashingRun<'_, R> {
    async fn left(&mut self) -> Result<Left, StoreError> {
        self.call()?.left().await
    }
    async fn clear(&mut self) -> Result<(), StoreError> {
        self.call()?.clear().await
    }
    async fn keep(&mut self, note: &str) -> Result<(), StoreError> {
        self.call()?.keep(note).await
    }
    async fn resume(&mut self, kept: &BTreeMap<RecordKind, Kept>) -> Result<(), StoreError> {
        self.call()?.resume(kept).await
    }
    async fn commit(
        mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        self.call()?;
        self.run.commit(commit, report, progress).await
    }
    async fn discard(mut self) -> Result<(), StoreError> {
        self.call()?;
        self.run.discard().await
    }
    async fn leave(mut self) {
        // Without power, nothing is put in order.
        if self.call().is_ok() {
            self.run.leave().await;
        }
    }
}
