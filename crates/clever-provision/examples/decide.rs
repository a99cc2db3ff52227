//! A student whom a district shares: what is decided the first time, and what the next time.
//!
//! ```sh
//! cargo run -p clever-provision --example decide
//! ```

use std::error::Error;

use clever_model::{Clock, SystemClock};
use clever_provision::{
    AccountId, Decided, MemoryAccounts, Person, Policy, RecordSource, Subject, decide,
};

/// Decides about the same student in two rosters, and does what was decided in between.
pub(crate) fn twice() -> Result<[Decided; 2], Box<dyn Error>> {
    let record = serde_json::json!({
        "id": "5a25ffb0c1bc2a0036000001",
        "district": "5a25ffb0c1bc2a0036000002",
        "name": { "first": "Ana", "last": "Núñez" },
        "roles": { "student": { "sis_id": "S-7" } },
    });
    let person = Person::from_record(&record, &RecordSource::default())?.person;
    let subject = Subject::roster(&person)?;
    // An app keeps its accounts in an `AccountStore`; these live as long as the program.
    let mut app = MemoryAccounts::new([]);
    let (policy, now) = (Policy::default(), SystemClock.now());

    let directory = app.directory(&subject, Vec::new());
    let first = decide(&subject, &[], &directory, &policy, now);
    app.apply(&subject, &first, &AccountId::new("account-1"), now)?;

    let directory = app.directory(&subject, Vec::new());
    let second = decide(&subject, &[], &directory, &policy, now);
    Ok([first, second])
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    for decided in twice()? {
        println!("{:?}, by {:?}", decided.decision, decided.why.rule);
    }
    Ok(())
}
