//! What is measured of accounts, by the `metrics` crate: nothing happens unless the program installs a recorder. No label
//! is of a person.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::rule::Rule;
use crate::store::{AccountStore, AccountsError};

const DECISIONS: &str = "clever_provision_decisions_total";
const REVIEWS: &str = "clever_provision_reviews_open";

/// Everything that is measured of accounts: name, labels, and what it says.
pub const METRICS: [(&str, &[&str], &str); 2] = [
    (
        DECISIONS,
        &["row"],
        "Decisions about accounts that were written, by row of the decision table (docs/provisioning.md)",
    ),
    (
        REVIEWS,
        &[],
        "Reviews that wait for a person who may decide",
    ),
];

/// Tells the recorder what each metric says.
pub fn describe() {
    let [(_, _, decisions), (_, _, reviews)] = METRICS;
    describe_counter!(DECISIONS, decisions);
    describe_gauge!(REVIEWS, reviews);
}

/// A decision is written by this row of the table.
pub(crate) fn decided(rule: Rule) {
    counter!(DECISIONS, "row" => rule.to_string()).increment(1);
}

impl AccountStore {
    /// Sets the number of open reviews as the store has it.
    ///
    /// # Errors
    ///
    /// [`AccountsError`] if the database fails.
    pub async fn measure(&mut self) -> Result<(), AccountsError> {
        let open = self.count_reviews().await?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "no count of reviews reaches 2^53"
        )]
        gauge!(REVIEWS).set(open as f64);
        Ok(())
    }
}
