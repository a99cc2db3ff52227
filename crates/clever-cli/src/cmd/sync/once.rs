//! One sync of one district: from the arguments to a report.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clever_client::{ClientOptions, District};
use clever_model::{DistrictId, SystemClock, Timestamp};
use clever_sync::words::Schools;
use clever_sync::{
    Admit, AnyStore, DatabaseError, Outcome, PolicyError, StoreError, SyncError, SyncOptions,
    SyncPolicies, SyncPolicy, SyncReport, Way, mark_edited,
};

use super::args::SyncArgs;
use super::attempt::Attempt;
use super::report;
use crate::access;
use crate::audit;
use crate::diagnostics::{self, Exit, Usage};
use crate::progress::Watch;
use crate::settings::{StoreUrl, toml_file};
use crate::ui::{Ui, counted, word};

/// Reads the policy's file; without one, the default holds.
pub(crate) fn policies(file: Option<&Path>) -> Result<SyncPolicies> {
    let Some(file) = file else {
        return Ok(SyncPolicies::default());
    };
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| {
        Usage::new(format!("could not read the policy {shown}"))
            .hint("name the file with --policy or CLEVER_POLICY; without one, the default holds")
    })?;
    SyncPolicies::read(&text).map_err(|error| match error {
        PolicyError::Read(error) => toml_file::unreadable(&shown.to_string(), &text, &error).into(),
        error => anyhow::Error::from(error).context(format!("the policy {shown} can't be used")),
    })
}

/// When `wait` is over: the time of day, and the date if it is not today's.
pub(super) fn over_at(now: Timestamp, wait: Duration) -> String {
    let then = clever_sync::turns::later(now, wait);
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let form = if day(then) == day(now) {
        "%H:%M:%S UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    };
    then.strftime(form).to_string()
}

/// Syncs once, and keeps in `attempt` how far it came and how it ended.
pub(super) async fn once(
    args: &SyncArgs,
    policies: &SyncPolicies,
    attempt: &mut Attempt,
    ui: &Ui,
) -> Result<Exit> {
    let (report, told) = match tried(args, policies, attempt, ui).await {
        Ok((report, told)) => (report, told),
        Err(error) => {
            match diagnostics::paused(&error) {
                Some(_) => attempt.stopped().await,
                None => attempt.end(&Err(&error)).await,
            }
            return Err(error);
        }
    };
    attempt.end(&Ok(&report)).await;
    told?;
    Ok(if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    })
}

/// A report, and whether it could be printed.
async fn tried(
    args: &SyncArgs,
    policies: &SyncPolicies,
    attempt: &mut Attempt,
    ui: &Ui,
) -> Result<(SyncReport, Result<()>)> {
    let (report, known, mut store) = ran(args, policies, attempt, ui).await?;
    if let Some(hash) = report
        .approved
        .as_ref()
        .filter(|hash| !args.dry_run && args.approve.as_ref() == Some(hash))
    {
        audit::note(&mut store, &report.district_id, "approve", hash, ui).await;
    }
    let told = tell(args, &report, &known, &mut store, ui).await;
    Ok((report, told))
}

/// The district that the arguments open: the one that is named, else the one that Clever says.
pub(super) async fn district_of(args: &SyncArgs) -> Result<String> {
    if let Some(named) = &args.district {
        return Ok(named.to_string());
    }
    let file = args.token_file.as_deref();
    if file == Some(Path::new("-")) {
        return Err(Usage::new(
            "a token from standard input is read once, and does not say in which store its district is",
        )
        .hint("name the district with --district, or the store with --store")
        .into());
    }
    let way = access::way(&args.app, file, None, &args.service).await?;
    if let Some(known) = way.district() {
        return Ok(known.to_string());
    }
    let opened = way.open(args.service.options()).await?;
    let page = opened.district().await?;
    let id = page.records().next().map_or("", |record| record.id);
    Ok(id.to_owned())
}

/// A run of which nothing is printed.
#[cfg(feature = "console")]
pub(super) async fn looked(
    args: &SyncArgs,
    policies: &SyncPolicies,
    attempt: &mut Attempt,
    ui: &Ui,
) -> Result<SyncReport> {
    let (report, ..) = ran(args, policies, attempt, ui).await?;
    Ok(report)
}

/// Runs; gives the report, which districts the store had before, and the store.
async fn ran(
    args: &SyncArgs,
    policies: &SyncPolicies,
    attempt: &mut Attempt,
    ui: &Ui,
) -> Result<(SyncReport, BTreeSet<String>, AnyStore)> {
    let watch = Arc::new(Watch::new(ui));
    // The token first: a run that can't start makes no store.
    let way = access::way(
        &args.app,
        args.token_file.as_deref(),
        args.district.as_ref(),
        &args.service,
    )
    .await?;
    let options = ClientOptions {
        page_limit: args.page_size,
        watch: Arc::clone(&watch) as _,
        ..args.service.options()
    };
    let meant = args.district.as_ref().or_else(|| way.district()).cloned();
    let by_token = matches!(way, access::Way::Token(_));
    let district = way.open(options).await?;
    if let (true, Some(wanted)) = (by_token, &args.district) {
        // Before there is a store: a token that was mixed up leaves nothing behind.
        let page = district.district().await?;
        let opened: Option<DistrictId> = page.records().next().and_then(|one| one.id.parse().ok());
        if let Some(opened) = opened {
            let admitted = Admit::Only(wanted.clone()).check(&opened);
            admitted.map_err(|error| {
                Usage::new(error.to_string())
                    .hint("leave --district out, or use that district's token")
            })?;
        }
    }
    let mut store = open(&args.store.url()?, args.dry_run).await?;
    attempt.stored(&mut store).await;
    let known: BTreeSet<String> = store.districts().await?.into_iter().collect();
    let admit = admit(args, meant, &known)?;
    let report = reconcile(
        args, policies, admit, &district, &mut store, &watch, attempt,
    )
    .await?;
    watch.end();
    Ok((report, known, store))
}

/// Prints what a run did.
async fn tell(
    args: &SyncArgs,
    report: &SyncReport,
    known: &BTreeSet<String>,
    store: &mut AnyStore,
    ui: &Ui,
) -> Result<()> {
    if !known.is_empty() && !known.contains(&report.district_id) {
        ui.note(format!(
            "{} ({}) is new to the store, which has {}",
            report.district_name,
            report.district_id,
            counted(known.len() as u64, "other district", "other districts")
        ));
    }
    // A night on which nothing happened is no mail from cron.
    let uneventful = report.is_unchanged() && report.whole && report.holds.is_empty();
    if ui.json {
        ui.document(report)?;
    } else if !(ui.quiet && uneventful && args.plan.is_none()) {
        let schools = Schools::of_report(store, report).await?;
        report::print(ui, report, &schools)?;
        let url = args.store.url()?.to_string();
        report::next_step(ui, report, &schools, &url)?;
        if let Some(plan) = &args.plan {
            let file = plan.display().to_string();
            ui.line(format!(
                "The plan is in {file}: `cleverctl plan show {}`",
                word(&file)
            ))?;
        }
    }
    Ok(())
}

/// Which district may be brought into a store that has these. One that nobody named must not be new beside others: a token
/// that was mixed up would double everything, and no run would say a word.
fn admit(
    args: &SyncArgs,
    meant: Option<DistrictId>,
    known: &BTreeSet<String>,
) -> Result<Admit, SyncError> {
    // A look writes nothing, and says what is new.
    let named = args.district.is_some() || args.new_district || args.dry_run;
    let guarded = !named && !known.is_empty();
    let only_known = Admit::Known(known.clone());
    match meant {
        Some(meant) => {
            if guarded {
                only_known.check(&meant)?;
            }
            Ok(Admit::Only(meant))
        }
        None if guarded => Ok(only_known),
        None => Ok(Admit::Any),
    }
}

/// Opens the store; a look makes none.
pub(crate) async fn open(url: &StoreUrl, dry_run: bool) -> Result<AnyStore> {
    if !dry_run {
        return Ok(url.open().await?);
    }
    match url.open_existing().await {
        Err(StoreError::Database(DatabaseError::Missing { .. })) => Ok(AnyStore::nowhere()?),
        found => Ok(found?),
    }
}

/// Brings the store in step with one district, as the arguments say.
pub(crate) async fn reconcile(
    args: &SyncArgs,
    policies: &SyncPolicies,
    admit: Admit,
    district: &District,
    store: &mut AnyStore,
    watch: &Watch,
    attempt: &Attempt,
) -> Result<SyncReport> {
    let options = SyncOptions {
        admit,
        dry_run: args.dry_run,
        approve: args.approve.clone(),
        way: match (args.full || args.verify, args.events) {
            (true, _) => Way::Snapshot,
            (_, true) => Way::Events,
            _ => Way::Auto,
        },
        plan: args.plan.clone(),
    };
    let mut policy = SyncPolicy::default();
    if args.policy.is_some() || args.verify {
        let page = district.district().await?;
        let id = page.records().next().map_or("", |record| record.id);
        policy = policies.of(id).clone();
        if args.verify {
            let id: DistrictId = id.parse()?;
            options.admit.check(&id)?;
            let edited = mark_edited(store, &id, &policy).await?;
            watch.ui().note(format!(
                "{} by hand",
                counted(edited, "row was edited", "rows were edited")
            ));
        }
    }
    let steps = attempt.steps(watch);
    clever_sync::sync(district, store, &policy, &options, &SystemClock, &steps)
        .await
        .context("sync failed")
}
