//! Forgets a district: all its rows but the notes, how far readers have come, and the row that tells them.

use clever_model::RecordKind;

use crate::act::forget::{ForgetError, Forgetting};
use crate::store::run::SqlRun;
use crate::store::sql::RosterDb;

/// The tables whose rows have the small number of the district.
const BY_NUMBER: [&str; 3] = ["_enrollments", "_people", "_state"];

/// The tables whose rows have the district's id, besides those of records.
const BY_ID: [&str; 10] = [
    "user_roles",
    "_user_schools",
    "_contacts",
    "_changes",
    "runs",
    "findings",
    "attempts",
    "_alerts",
    "_approvals",
    "_pauses",
];

impl Forgetting<'_> {
    /// Erases all rows of the district.
    pub(super) async fn district<B: RosterDb>(
        &mut self,
        store: &mut SqlRun<'_, B>,
    ) -> Result<(), ForgetError> {
        let id = self.district.as_str();
        for table in BY_NUMBER {
            let sql = format!("DELETE FROM main.{table} WHERE district = ?1");
            let rows = store.db.execute(&sql, &[store.number.into()]).await?;
            self.count(table.trim_start_matches('_'), rows);
        }
        let records = RecordKind::ALL.map(RecordKind::as_str);
        for table in records.iter().chain(&BY_ID).chain(&["_districts"]) {
            let sql = format!("DELETE FROM main.{table} WHERE district_id = ?1");
            let rows = store.db.execute(&sql, &[id.into()]).await?;
            if *table != "_districts" {
                self.count(table.trim_start_matches('_'), rows);
            }
        }
        // Who did what stays, without whom it was about.
        let sql = "UPDATE main.audit SET subject = '', reason = '' WHERE district_id = ?1";
        store.db.execute(sql, &[id.into()]).await?;
        if self.counts.is_empty() {
            let district = self.district.to_string();
            return Err(ForgetError::UnknownDistrict { district });
        }
        store.number = None;
        Ok(())
    }
}
