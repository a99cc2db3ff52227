//! A program that keeps a district in a store of its own and reads what changed.
//!
//! ```sh
//! cleverctl emulator                      # prints its address and token
//! CLEVER_API_URL=http://127.0.0.1:8787 CLEVER_TOKEN=… cargo run -p clever-sync --example own_store
//! ```

mod store;

use std::error::Error;
use std::io::Write;

use clever_sync::given::{ClientOptions, Clock as _, District, DistrictAppToken, SystemClock};
use clever_sync::{SyncOptions, SyncPolicy, changes, sync};

use crate::store::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = ClientOptions {
        api_url: std::env::var("CLEVER_API_URL")?.parse()?,
        ..ClientOptions::default()
    };
    let token = DistrictAppToken::new(std::env::var("CLEVER_TOKEN")?)?;
    let district = District::new(options, token)?;
    let mut store = MemoryStore::default();
    let (policy, how) = (SyncPolicy::default(), SyncOptions::default());
    let report = sync(&district, &mut store, &policy, &how, &SystemClock, &()).await?;
    let mut feed = changes(&mut store, &report.district_id, "example").await?;
    #[expect(clippy::disallowed_methods, reason = "an example prints for itself")]
    let mut out = std::io::stdout().lock();
    while let Some(change) = feed.next().await? {
        writeln!(out, "{} {} {}", change.op, change.kind, change.id)?;
        feed.acknowledge(SystemClock.now()).await?;
    }
    Ok(())
}
