//! A run over a database: it owns the district and its staging area.

use clever_model::DistrictId;

use crate::report::SyncReport;
use crate::store::base::{base, last_report};
use crate::store::spans::Spans;
use crate::store::sql::{Connected, RosterDb, SqlStore};
use crate::store::staging::Staging as Area;
use crate::store::{Base, KeptOut, Store, StoreError, Tally, forgotten};

/// A run of one district over an SQL store.
#[derive(Debug)]
pub struct SqlRun<'a, B: RosterDb> {
    pub(crate) db: &'a mut B,
    pub(crate) district: DistrictId,
    /// The district's small number; none before its first commit.
    pub(crate) number: Option<i64>,
    pub(crate) base: Base,
    /// The staging area; none once the run ended.
    pub(crate) area: Option<Area>,
    /// Whether a note is kept with what is staged; none where nobody looked.
    pub(crate) noted: Option<bool>,
    /// Records that were staged.
    pub(crate) bodies: i64,
    /// Whether new records may be staged together.
    pub(crate) batched: bool,
    /// What was staged since the area was empty; none where that is not known.
    pub(crate) spans: Option<Spans>,
    /// How much is staged, if nothing was staged or held since it was counted.
    pub(crate) tallied: Option<Tally>,
    /// Whether something was staged that the database knows nothing of when it plans.
    pub(crate) unplanned: bool,
    /// The people who may not come in again, if anybody was forgotten.
    pub(crate) kept_out: Option<KeptOut>,
    /// The report of the last run, if its totals still stand; none before it was asked for.
    pub(crate) told: Option<Option<Box<SyncReport>>>,
}

impl<B: RosterDb> Store for SqlStore<B> {
    type Run<'a>
        = SqlRun<'a, B>
    where
        B: 'a;

    async fn begin<'a>(&'a mut self, district: &DistrictId) -> Result<SqlRun<'a, B>, StoreError> {
        if let Some(away) = self.away(district.as_str()).await? {
            return Err(StoreError::Elsewhere(Box::new(away)));
        }
        let kept_out = forgotten::kept_out(&mut self.db, district).await?;
        let area = self.db.open_staging(district.as_str()).await?;
        let mut run = SqlRun {
            db: &mut self.db,
            district: district.clone(),
            number: None,
            base: Base::default(),
            area: Some(area),
            noted: None,
            bodies: 0,
            batched: true,
            spans: None,
            tallied: None,
            unplanned: false,
            kept_out,
            told: None,
        };
        (run.base, run.number) = base(run.db, district).await?;
        Ok(run)
    }
}

impl<B: RosterDb> Connected for SqlRun<'_, B> {
    type Db = B;

    fn db(&mut self) -> &mut B {
        self.db
    }
}

impl<B: RosterDb> SqlRun<'_, B> {
    /// Reserves keys for that many rows of a table; nobody else gets them.
    pub(crate) async fn keys(&mut self, table: &str, count: usize) -> Result<Vec<i64>, StoreError> {
        let sql = self.db.dialect().keys.replace("{}", table);
        let rows = self.db.query(&sql, &[count.into()]).await?;
        let mut keys: Vec<i64> = rows
            .into_iter()
            .map(|mut row| row.int(0))
            .collect::<Result<_, _>>()?;
        if let &[first] = keys.as_slice() {
            keys.extend((first..).skip(1).take(count.saturating_sub(1)));
        }
        Ok(keys)
    }

    /// The small number of the district; one that nothing has, before its first commit.
    pub(crate) fn number(&self) -> i64 {
        self.number.unwrap_or(-1)
    }

    /// The id of the district.
    pub(crate) fn district_id(&self) -> String {
        self.district.to_string()
    }

    /// Reads the note that is kept with what is staged.
    pub(crate) async fn note(&mut self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT note FROM staging.staged_walk";
        let note = self.db.maybe(sql, &[]).await?;
        let note = note.map(|mut row| row.text(0)).transpose()?;
        Ok(note.filter(|note| !note.is_empty()))
    }

    /// Ends the run, with its staging area kept or thrown away.
    pub(crate) async fn end(&mut self, keep: bool) -> Result<(), StoreError> {
        match self.area.take() {
            Some(area) => self.db.close_staging(area, keep).await,
            None => Ok(()),
        }
    }

    /// Ends a run that failed.
    pub(crate) async fn give_up(&mut self) {
        let has_note = matches!(self.note().await, Ok(Some(_)));
        let now = base(self.db, &self.district).await;
        let stands = now.is_ok_and(|(now, _)| now == self.base);
        // The first failure is the one to report; the next run throws it away at the latest.
        drop(self.end(has_note && stands).await);
    }

    /// The report of the district's last run, if nobody changed rows since: its totals need not be counted.
    pub(crate) async fn told(&mut self) -> Result<Option<&SyncReport>, StoreError> {
        if self.told.is_none() {
            let sql = "SELECT counted FROM main._districts
                 WHERE district_id = ?1 AND counted = (SELECT max(run) FROM main.runs WHERE district_id = ?1)";
            let counted = self.db.maybe(sql, &[self.district.as_str().into()]).await?;
            let report = match counted {
                Some(_) => last_report(self.db, &self.district, &[]).await?,
                None => None,
            };
            self.told = Some(report.map(Box::new));
        }
        Ok(self.told.as_ref().and_then(Option::as_deref))
    }
}

impl<B: RosterDb> Drop for SqlRun<'_, B> {
    fn drop(&mut self) {
        if let Some(area) = self.area.take() {
            // What an earlier run left, and what has a note, is for a later run to judge.
            let keep = self.noted != Some(false);
            self.db.drop_staging(area, keep);
        }
    }
}
