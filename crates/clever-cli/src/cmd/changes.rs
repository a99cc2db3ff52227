//! `cleverctl changes`: the feed of what changed, oldest first.

pub(crate) mod deliver;
pub(crate) mod lake;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{ArgGroup, Args, ValueEnum};
use clever_model::{Clock, RecordKind, SystemClock, Timestamp, read_span};
use clever_sync::{AnyStore, Change, ChangeFilter, DatabaseError, Feed, Open, StoreError, changes};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use crate::diagnostics::{Exit, NotThere, Usage};
use crate::settings::{Places, StoreArgs};
use crate::signals::Stop;
use crate::ui::{self, Document, Records, Ui, word};
use crate::webhook::Webhook;

/// Arguments of `changes`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("reader").args(["consumer", "webhook", "to_delta"]).multiple(true))]
#[command(after_help = "\
Examples:
  cleverctl changes --since 1d                  What changed since yesterday
  cleverctl changes --run 41 --op archive --kind users
  cleverctl changes --consumer app --follow --json
                                                Feed another program for ever
  cleverctl changes --webhook https://app.example/clever --follow
                                                The same, pushed and signed
  cleverctl changes --to-delta lake --compact --vacuum 7
                                                As a table, in a nightly job")]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The district; needed if the store holds several.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<String>,
    /// Start after the change with this number.
    #[arg(
        long,
        help_heading = PART,
        default_value_t = 0,
        value_name = "SEQ",
        conflicts_with = "consumer"
    )]
    pub(crate) after: u64,
    /// Only changes of this last while (`90m`, `1d`).
    #[arg(long, help_heading = PART, value_name = "TIME", value_parser = read_span, conflicts_with = "consumer")]
    pub(crate) since: Option<Duration>,
    /// Only changes of the run with this number.
    #[arg(long, help_heading = PART, value_name = "N", conflicts_with = "consumer")]
    pub(crate) run: Option<u64>,
    /// Only changes of this sort.
    #[arg(long, help_heading = PART, value_name = "OP", value_enum, conflicts_with = "consumer")]
    pub(crate) op: Option<Operation>,
    /// Only records of this kind.
    #[arg(long, help_heading = PART, value_name = "KIND")]
    pub(crate) kind: Option<RecordKind>,
    /// Show at most this many.
    #[arg(long, help_heading = PART, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Show values, which may be personal data.
    ///
    /// Without this option, only the names of changed fields are shown.
    #[arg(long)]
    pub(crate) values: bool,
    /// Go on from where the consumer NAME stopped, to the end of the feed.
    ///
    /// Each change is one line (with --json one document a line). It is acknowledged after each batch that was written.
    #[arg(long, help_heading = CONSUMER, value_name = "NAME", conflicts_with = "limit")]
    pub(crate) consumer: Option<String>,
    /// Send changes to this address, signed with CLEVER_WEBHOOK_SECRET.
    ///
    /// A message is JSON in the form of Standard Webhooks, with up to 100 changes of one district. Each change is sent at
    /// least once, in order within its district, of every district unless --district names one. A message that is not
    /// taken is sent again, at longer and longer intervals; without --follow about a minute long. Values are sent only with
    /// --values. The receiver is the consumer `webhook`, unless --consumer names another.
    #[arg(long, help_heading = CONSUMER, value_name = "URL", conflicts_with_all = ["limit", "after", "since", "run", "op"])]
    pub(crate) webhook: Option<Url>,
    /// Read the webhook's secret from FILE, and not from CLEVER_WEBHOOK_SECRET.
    #[arg(long, help_heading = CONSUMER, value_name = "FILE", requires = "webhook")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Wait for new changes, until stopped; requires --consumer, --webhook or --to-delta.
    #[arg(long, help_heading = CONSUMER, requires = "reader")]
    pub(crate) follow: bool,
    /// Look for new changes this often; requires --follow.
    #[arg(long, help_heading = CONSUMER, value_name = "TIME", value_parser = read_span, default_value = "5s", requires = "follow")]
    pub(crate) poll: Duration,
    #[command(flatten)]
    pub(crate) lake: lake::LakeArgs,
}

const PART: &str = "Which changes";
const CONSUMER: &str = "For another program";

/// What a change did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// A record that is new.
    Create,
    /// A record that says something else.
    Update,
    /// A record that left the roster.
    Archive,
    /// A record that came back.
    Restore,
    /// A record that was erased at somebody's request.
    Forget,
}

impl Operation {
    /// The word in the feed.
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Forget => "forget",
        }
    }
}

/// Changes written and acknowledged together.
const BATCH: u32 = 200;

/// How long one that does not follow waits for another process that writes; a first load may take minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Acknowledges what was written, as soon as nobody else writes. Says whether it did, and was not asked to stop.
async fn acknowledge(
    feed: &mut Feed<'_, AnyStore>,
    stop: &mut Stop,
    longest: Option<Duration>,
) -> Result<bool> {
    let begun = Instant::now();
    loop {
        match feed.acknowledge(SystemClock.now()).await {
            Err(StoreError::Database(DatabaseError::Locked))
                if longest.is_none_or(|longest| begun.elapsed() < longest) => {}
            done => {
                done?;
                return Ok(true);
            }
        }
        tokio::select! {
            // What was written is written again to whoever comes next as this consumer.
            () = stop.asked() => return Ok(false),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Writes what a consumer has not seen, a line a change, and acknowledges what was written.
async fn consume(
    store: &mut AnyStore,
    district: &str,
    consumer: &str,
    args: &ChangesArgs,
    ui: &Ui,
) -> Result<Exit> {
    let mut stop = Stop::listen();
    let mut feed = changes(store, district, consumer).await?.batch(BATCH);
    if let Some(kind) = args.kind {
        feed = feed.kind(kind);
    }
    loop {
        let mut lines = Records::default();
        let mut written = 0;
        while written < BATCH
            && let Some(mut change) = feed.next().await?
        {
            if !args.values {
                (change.before, change.after) = (None, None);
            }
            if ui.json {
                lines.document(&change)?;
            } else {
                lines.line(&line(&change));
            }
            written += 1;
        }
        if written > 0 {
            lines.print(ui)?;
            let longest = (!args.follow).then_some(PATIENCE);
            if !acknowledge(&mut feed, &mut stop, longest).await? {
                return Ok(Exit::Done);
            }
            let asked = tokio::select! {
                biased;
                () = stop.asked() => true,
                () = std::future::ready(()) => false,
            };
            if asked {
                return Ok(Exit::Done);
            }
            continue;
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            () = tokio::time::sleep(args.poll) => {}
        }
    }
}

/// The same, wherever the district moves meanwhile: its feed continues there, from where the consumer stands.
async fn consume_on(consumer: &str, args: &ChangesArgs, ui: &Ui) -> Result<Exit> {
    let places = args.store.places()?;
    let mut named = args.district.clone();
    loop {
        let url = places.holding(named.as_deref()).await?.url;
        // It keeps how far it came.
        let mut store = url.open_existing().await?;
        let id = district(&mut store, named.as_deref()).await?;
        match consume(&mut store, &id, consumer, args, ui).await {
            Err(error) if args.follow && places.are_many() && is_elsewhere(&error) => {
                named = Some(id);
                tokio::time::sleep(args.poll).await;
            }
            ended => return ended,
        }
    }
}

/// Says whether an error is that the district is in another store, or on its way.
fn is_elsewhere(error: &anyhow::Error) -> bool {
    let is = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(StoreError::Elsewhere(_)))
    };
    error.chain().any(is)
}

/// A change in one line, without values.
fn line(change: &Change) -> String {
    format!(
        "{} {} run {} {} {} {} {}",
        change.seq,
        change.at,
        change.run,
        change.op,
        change.kind,
        change.id,
        change.fields.join(",")
    )
}

/// The changes that the arguments ask for.
async fn wanted(store: &mut AnyStore, district: &str, args: &ChangesArgs) -> Result<Vec<Change>> {
    let mut filter = ChangeFilter {
        kind: args.kind,
        run: args.run,
        after: args.after,
        limit: args.limit,
        ..ChangeFilter::default()
    };
    if let Some(since) = args.since {
        let from = last_before(store, district, SystemClock.now(), since).await?;
        filter.after = filter.after.max(from);
    }
    let Some(op) = args.op else {
        return Ok(store.changes(district, &filter).await?);
    };
    // The feed is read on until enough of this sort were found.
    filter.limit = filter.limit.max(BATCH);
    let mut found = Vec::new();
    while found.len() < args.limit as usize {
        let changes = store.changes(district, &filter).await?;
        let Some(last) = changes.last() else { break };
        filter.after = last.seq;
        found.extend(
            changes
                .into_iter()
                .filter(|change| change.op.as_str() == op.as_str()),
        );
    }
    found.truncate(args.limit as usize);
    Ok(found)
}

/// The number of the last change before the time `since` that ends `now`; 0 if all came later.
///
/// Numbers have no gap and times do not fall, so that a few looks find it in a feed of any length.
async fn last_before(
    store: &mut AnyStore,
    district: &str,
    now: Timestamp,
    since: Duration,
) -> Result<u64> {
    let begin = now.as_second().saturating_sub_unsigned(since.as_secs());
    let all = store.status().await?;
    let of = all.iter().find(|one| one.district_id == district);
    let (mut low, mut high) = (0, of.map_or(0, |status| status.changes));
    while low < high {
        let middle = low + (high - low) / 2;
        let filter = ChangeFilter {
            after: middle,
            limit: 1,
            ..ChangeFilter::default()
        };
        let change = store.changes(district, &filter).await?;
        match change.first() {
            Some(change) if change.at.as_second() < begin => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The changes of a district.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Listed {
    changes: Vec<Change>,
}

impl Document for Listed {
    const NAME: &'static str = "changes";
}

// A line of what a consumer gets.
impl Document for Change {
    const NAME: &'static str = "change";
}

/// Prints changes as lines, or as one JSON list.
pub(crate) async fn run(args: &ChangesArgs, ui: &Ui) -> Result<Exit> {
    let named = args.district.as_deref();
    if let Some(folder) = &args.lake.to_delta {
        return lake::run(folder, &args.store.of(named).await?, args, ui).await;
    }
    if let Some(address) = &args.webhook {
        let webhook = Webhook::signed(address, args.secret_file.as_deref())?;
        let places = match named {
            Some(_) => Places::One(args.store.of(named).await?),
            None => args.store.places()?,
        };
        let stores = places.open_all(Open::Existing).await?.into_iter();
        let mut stores: Vec<AnyStore> = stores.map(|(_, store)| store).collect();
        let consumer = args.consumer.as_deref().unwrap_or("webhook");
        return deliver::deliver(&mut stores, consumer, &webhook, args, ui).await;
    }
    if let Some(consumer) = &args.consumer {
        return consume_on(consumer, args, ui).await;
    }
    let mut store = args.store.of(named).await?.look().await?;
    let district = district(&mut store, named).await?;
    let mut changes = wanted(&mut store, &district, args).await?;
    if !args.values {
        for change in &mut changes {
            (change.before, change.after) = (None, None);
        }
    }
    if ui.json {
        ui.document(&Listed { changes })?;
        return Ok(Exit::Done);
    }
    if changes.is_empty() {
        if !ui.quiet {
            ui.line("No changes.")?;
        }
        return Ok(Exit::Done);
    }
    let mut table = ui::table(
        &["Seq", "Run", "When", "What", "Kind", "Record", "Fields"],
        7,
    );
    for change in &changes {
        table.add_row([
            change.seq.to_string(),
            change.run.to_string(),
            change.at.to_string(),
            change.op.to_string(),
            change.kind.to_string(),
            change.id.clone(),
            change.fields.join(", "),
        ]);
    }
    ui.rows(&table)?;
    if args.values {
        for Change {
            seq, before, after, ..
        } in &changes
        {
            ui.line(format!(
                "{seq} before: {}",
                before.as_ref().map_or("-", |raw| raw.get())
            ))?;
            ui.line(format!(
                "{seq} after:  {}",
                after.as_ref().map_or("-", |raw| raw.get())
            ))?;
        }
    }
    if let Some(last) = changes
        .last()
        .filter(|_| changes.len() == args.limit as usize)
    {
        ui.line(format!("There may be more: --after {}", last.seq))?;
    }
    Ok(Exit::Done)
}

/// The store has not been synced yet.
#[derive(Debug, thiserror::Error)]
#[error("the store holds no district yet")]
pub(crate) struct NoDistrict;

/// A district was named that the store does not hold.
pub(crate) fn not_in_the_store(named: &str) -> NotThere {
    NotThere::new(
        format!("the store holds no district {named}"),
        "`cleverctl status` shows the districts of the store",
    )
}

/// The district that is meant: the one that is named, or the only one.
pub(crate) async fn district(store: &mut AnyStore, named: Option<&str>) -> Result<String> {
    let all = store.districts().await?;
    if let Some(named) = named
        && !all.iter().any(|id| id == named)
        && let Some(away) = store.away(named).await?
    {
        return Err(StoreError::Elsewhere(Box::new(away)).into());
    }
    match (named, all.as_slice()) {
        (Some(named), all) if all.iter().any(|id| id == named) => Ok(named.to_owned()),
        (_, []) => Err(NoDistrict.into()),
        (Some(named), _) => Err(not_in_the_store(named).into()),
        (None, [only]) => Ok(only.clone()),
        (None, several) => Err(Usage::new(format!(
            "the store holds {} districts, and none is named",
            several.len()
        ))
        .hint(format!(
            "name one with --district: {}",
            several
                .iter()
                .map(|id| word(id))
                .collect::<Vec<_>>()
                .join(", ")
        ))
        .into()),
    }
}
