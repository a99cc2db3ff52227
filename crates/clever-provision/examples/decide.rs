//! A student whom a district shares: what is decided the first time, and what the next time.
//!
//! ```sh
//! cargo run -p clever-provision --features store --example decide
//! ```

use std::error::Error;

use clever_auth::seal::{KeyId, SealingKeys};
use clever_model::{Clock, SystemClock};
use clever_provision::person::RecordSource;
use clever_provision::store::AccountStore;
use clever_provision::{AccountId, Decided, Person, Policy, Subject, decide};

/// Decides about the same student in two rosters, and does what was decided in between.
pub(crate) async fn twice() -> Result<[Decided; 2], Box<dyn Error>> {
    let record = serde_json::json!({
        "id": "5a25ffb0c1bc2a0036000001",
        "district": "5a25ffb0c1bc2a0036000002",
        "name": { "first": "Ana", "last": "Núñez" },
        "roles": { "student": { "sis_id": "S-7" } },
    });
    let person = Person::from_record(&record, &RecordSource::default())?.person;
    let subject = Subject::roster(&person)?;
    // An app opens its database, with a key of its own. This store lives as long as the program.
    let keys = SealingKeys::new(KeyId(1), &[7; 32]);
    let mut accounts = AccountStore::in_memory(keys).await?;
    // Accounts are made for all whom a district shares, and not when each first signs in.
    let policy = Policy {
        create_at_sync: true,
        ..Policy::default()
    };
    let now = SystemClock.now();

    let directory = accounts.directory(&subject, &[], Vec::new()).await?;
    let first = decide(&subject, &[], &directory, &policy, now);
    let id = AccountId::new("account-1");
    accounts
        .apply(&subject, &first, &[], Some(&id), None, now)
        .await?;

    let directory = accounts.directory(&subject, &[], Vec::new()).await?;
    let second = decide(&subject, &[], &directory, &policy, now);
    Ok([first, second])
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    for decided in twice().await? {
        println!("{:?}, by {:?}", decided.decision, decided.why.rule);
    }
    Ok(())
}
