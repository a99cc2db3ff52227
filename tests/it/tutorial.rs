//! The tutorial for Rust, `docs/tutorials/rust.md`: what it shows is from here, and does what it says.

use std::error::Error;
use std::path::Path;

use clever_emulator::{EmulatorConfig, WorldSource};
use clever_sync::given::{ClientOptions, Clock, District, DistrictAppToken, SystemClock};
use clever_sync::{Record, SqliteStore, SyncOptions, SyncPolicy, SyncReport, changes, sync};

/// One night: the store is brought in step with the district.
async fn night(api: &str, token: &str, file: &Path) -> Result<SyncReport, Box<dyn Error>> {
    let options = ClientOptions {
        api_url: api.parse()?,
        ..ClientOptions::default()
    };
    let district = District::new(options, DistrictAppToken::new(token)?)?;
    let mut store = SqliteStore::open(file)?;
    let (policy, how) = (SyncPolicy::default(), SyncOptions::default());
    let report = sync(&district, &mut store, &policy, &how, &SystemClock, &()).await?;
    Ok(report)
}

/// The next morning: who is new, changed or gone since the app looked last.
async fn news(file: &Path, district: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut store = SqliteStore::open(file)?;
    let mut feed = changes(&mut store, district, "app").await?;
    let mut news = Vec::new();
    while let Some(change) = feed.next().await? {
        if let Some(Record::User(user)) = change.after_record()? {
            news.push(format!("{} {}", change.op, user.id.unwrap_or_default()));
        }
        // What is not acknowledged comes again after a crash.
        feed.acknowledge(SystemClock.now()).await?;
    }
    Ok(news)
}

#[tokio::test]
async fn the_tutorial_reads_a_roster_and_then_what_changed() {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 5,
            students: 40,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roster.db");
    let (api, token) = (emulator.base_url().as_str(), emulator.district_token());
    let first = night(api, token, &file).await.unwrap();
    assert!(first.whole && first.holds.is_empty());
    let all = news(&file, &first.district_id).await.unwrap();
    assert!(all.len() > 40 && all.iter().all(|one| one.starts_with("create ")));
    assert!(news(&file, &first.district_id).await.unwrap().is_empty());
    drop(emulator.advance_days(3));
    drop(night(api, token, &file).await.unwrap());
    let some = news(&file, &first.district_id).await.unwrap();
    assert!(!some.is_empty() && some.len() < all.len(), "{some:?}");
    emulator.stop().await;
}
