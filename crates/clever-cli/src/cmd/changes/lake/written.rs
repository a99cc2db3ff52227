//! The lake written: district by district, one that fails keeping no other from it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clever_lake::{
    AppendRequest, Appended, FILE_SIZE, Lake, PER_COMMIT, append, compact, erase, vacuum,
};
use clever_model::SystemClock;
use clever_sync::{AnyStore, ChangeFilter};

use super::told::{OfDistrict, Told};
use crate::cmd::changes::ChangesArgs;
use crate::diagnostics::{self, Exit};
use crate::settings::StoreUrl;
use crate::signals::Stop;
use crate::ui::{Ui, counted};

/// The name of the lake as a reader of the feed.
pub(super) const CONSUMER: &str = "lake";

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Appends, and does the upkeep that is asked for.
pub(in crate::cmd::changes) async fn run(
    folder: &Path,
    url: &StoreUrl,
    args: &ChangesArgs,
    ui: &Ui,
) -> Result<Exit> {
    let mut store = url.open_existing().await?;
    let mut lake = Lake::open(folder)
        .await
        .with_context(|| format!("could not open the lake in {}", folder.display()))?;
    // A commit is not cut short: what it has written would lie about.
    let is_asked = Arc::new(AtomicBool::new(false));
    let mut stop = Stop::listen();
    let (asked, heard) = (Arc::clone(&is_asked), Arc::new(tokio::sync::Notify::new()));
    let hear = Arc::clone(&heard);
    tokio::spawn(async move {
        stop.asked().await;
        asked.store(true, Ordering::SeqCst);
        hear.notify_one();
    });
    let mut told = Told::default();
    let mut failed;
    loop {
        failed = false;
        for district in districts(&lake, &mut store, args).await? {
            if is_asked.load(Ordering::SeqCst) {
                break;
            }
            match one(&mut lake, &mut store, &district, args, &is_asked).await {
                Ok(appended) => {
                    let of = told.districts.entry(district).or_default();
                    of.appended += appended.changes;
                    of.position = appended.position;
                }
                Err(error) if args.district.is_some() && !args.follow => return Err(error),
                Err(error) => {
                    diagnostics::tell_of(ui, &district, &error);
                    failed = true;
                }
            }
        }
        if !args.follow || is_asked.load(Ordering::SeqCst) {
            break;
        }
        tokio::select! {
            () = heard.notified() => break,
            () = tokio::time::sleep(args.poll) => {}
        }
    }
    if !failed && !is_asked.load(Ordering::SeqCst) {
        upkeep(&mut lake, &mut store, args, &mut told).await?;
    }
    say(&told, ui)?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// The districts that are meant: the one that is named, or all of the store; also those of the lake that the store has forgotten,
/// whose feed says so.
async fn districts(
    lake: &Lake,
    store: &mut AnyStore,
    args: &ChangesArgs,
) -> Result<BTreeSet<String>> {
    if let Some(one) = &args.district {
        return Ok(BTreeSet::from([one.clone()]));
    }
    let mut all: BTreeSet<String> = store.districts().await?.into_iter().collect();
    let first = ChangeFilter {
        limit: 1,
        ..ChangeFilter::default()
    };
    for district in lake.districts()? {
        // Others may be of another store.
        if !all.contains(&district) && !store.changes(&district, &first).await?.is_empty() {
            all.insert(district);
        }
    }
    Ok(all)
}

async fn one(
    lake: &mut Lake,
    store: &mut AnyStore,
    district: &str,
    args: &ChangesArgs,
    is_asked: &AtomicBool,
) -> Result<Appended> {
    let request = AppendRequest {
        district_id: district.to_owned(),
        consumer: args.consumer.as_deref().unwrap_or(CONSUMER).to_owned(),
        pruned_is_fine: args.lake.from_what_is_left,
        per_commit: PER_COMMIT,
    };
    let appended = append(lake, store, &request, &SystemClock, &mut |_| {
        !is_asked.load(Ordering::SeqCst)
    })
    .await?;
    if appended.position == 0 && args.district.is_some() {
        return Err(crate::cmd::changes::not_in_the_store(district).into());
    }
    Ok(appended)
}

async fn upkeep(
    lake: &mut Lake,
    store: &mut AnyStore,
    args: &ChangesArgs,
    told: &mut Told,
) -> Result<()> {
    let failed = "the changes are in the lake, and its upkeep failed";
    if args.lake.erase {
        for district in districts(lake, store, args).await? {
            let erased = erase(lake, store, &district).await.context(failed)?;
            told.erased += erased.rows;
            told.deleted += erased.swept;
        }
    }
    if args.lake.compact {
        let compacted = compact(lake, args.district.as_deref(), FILE_SIZE).await;
        told.compacted += compacted.context(failed)?.files_before;
    }
    if let Some(days) = args.lake.vacuum {
        let keep = Duration::from_secs(u64::from(days) * DAY);
        told.deleted += vacuum(lake, keep, &SystemClock).await.context(failed)?;
    }
    Ok(())
}

fn say(told: &Told, ui: &Ui) -> Result<()> {
    if ui.json {
        return ui.document(told);
    }
    let appended: u64 = told
        .districts
        .values()
        .map(|of: &OfDistrict| of.appended)
        .sum();
    if appended > 0 || !ui.quiet {
        ui.line(format!(
            "{} appended.",
            counted(appended, "change was", "changes were")
        ))?;
    }
    for (number, what) in [
        (told.erased, "erased"),
        (told.compacted, "compacted"),
        (told.deleted, "deleted"),
    ] {
        if number > 0 {
            let unit = match what {
                "erased" => counted(number, "row was", "rows were"),
                _ => counted(number, "file was", "files were"),
            };
            ui.line(format!("{unit} {what}."))?;
        }
    }
    Ok(())
}
