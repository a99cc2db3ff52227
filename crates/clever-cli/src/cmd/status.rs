//! `cleverctl status`: how each district of the store stands, for a person or for an alarm.

mod said;
mod stores;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clever_model::{Clock, SystemClock, Timestamp, read_span};
use clever_sync::report::Doubt;
use clever_sync::words::{
    self, Holds, Limits, NeverSynced, Schools, Standing, Verdict, for_people, never_synced, since,
    standing,
};
use clever_sync::{AnyStore, DistrictStatus};
use serde::Serialize;

use crate::cmd::changes::{NoDistrict, not_in_the_store};
use crate::cmd::holds;
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Tone, Ui, count, counted, grouped, word};
use crate::vault::VaultArgs;
use said::how;
pub(crate) use said::{Said, said, sync_command};
use stores::Stores;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl status                             Every district of clever.db
  cleverctl status --check --max-age 26h       For an alarm: say it by exit code
  cleverctl status --letter                    What to send to a district whose
                                               changes are held

With --check: 0 all is well, 1 failing, stale, empty or missing,
3 something is held.")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Show this district only, in detail.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
    /// Print a text to send to the district about what is held.
    #[arg(long, conflicts_with = "check")]
    letter: bool,
    /// Exit with 1 or 3 if a district needs somebody.
    ///
    /// 1 if syncs of a district fail, or it is stale, shares nobody, or is expected and missing; 3 if something is held.
    #[arg(long, help_heading = ALARM)]
    check: bool,
    /// With --check: fail if the store does not hold this district.
    #[arg(long, help_heading = ALARM, value_name = "ID", requires = "check")]
    expect: Vec<String>,
    /// Call a district stale after this time without a success (`90m`, `26h`).
    #[arg(long, help_heading = ALARM, value_name = "TIME", value_parser = read_span, default_value = "26h")]
    max_age: Duration,
    /// Call a district failing after N failed attempts in a row.
    #[arg(long, help_heading = ALARM, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: u64,
    /// Name this policy in the commands of the next steps.
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

const ALARM: &str = "For alarms";

/// Prints a table a district, or one line a district where there are several.
pub(crate) async fn run(args: &StatusArgs, ui: &Ui) -> Result<Exit> {
    let places = args.store.places()?;
    let mut stores = Stores::look(&places).await?;
    let (mut all, mut attempts) = stores.read(ui).await?;
    let now = SystemClock.now();
    if let Some(wanted) = &args.district {
        all.retain(|status| status.district_id == *wanted);
        attempts.retain(|id, _| id == wanted);
        if all.is_empty() && attempts.is_empty() {
            return Err(not_in_the_store(wanted).into());
        }
    }
    let never = never_synced(&all, &attempts);
    if all.is_empty() {
        if never.is_empty() {
            return Err(NoDistrict.into());
        }
        if ui.json {
            ui.document(&Told {
                districts: &[],
                never_synced: &never,
                stores: None,
            })?;
        } else {
            never_print(ui, &never, now)?;
        }
        return Ok(Exit::Failed);
    }
    let limits = Limits {
        max_age: args.max_age,
        max_failures: args.max_failures,
    };
    let several = all.len() > 1 || places.are_many();
    let (how, which) = how(&args.vault, args.policy.as_deref());
    let all: Vec<Standing> = all
        .into_iter()
        .map(|status| {
            let mut sync = said::syncing(&places);
            if several {
                let _ = write!(sync, " --district {}", word(&status.district_id));
            }
            let tries = attempts.remove(&status.district_id).unwrap_or_default();
            let mut standing = standing(status, tries, now, limits, &(sync + &how));
            if let (Some(step), Some(which)) = (&mut standing.next_step, &which)
                && step.contains(&how)
            {
                step.push_str(which);
            }
            standing
        })
        .collect();
    let mut exit = if args.check {
        worst(&all, &never, limits)
    } else {
        Exit::Done
    };
    for id in args.expect.iter().filter(|_| args.check) {
        if !all.iter().any(|one| one.status.district_id == *id) {
            exit = Exit::Failed;
            ui.note(format!(
                "error: {id} is expected, and no sync of it ever ended in this store"
            ));
        }
    }
    if args.letter {
        return letters(&mut stores, &all, now, ui).await;
    }
    if ui.json {
        ui.document(&Told {
            districts: &all,
            never_synced: &never,
            stores: places.are_many().then(|| stores.names()),
        })?;
        return Ok(exit);
    }
    match all.as_slice() {
        [only] => detail(ui, stores.of(only)?, only, now).await?,
        many => of_many(ui, &mut stores, many, now).await?,
    }
    never_print(ui, &never, now)?;
    Ok(exit)
}

/// Prints those that never synced.
fn never_print(ui: &Ui, all: &[NeverSynced], now: Timestamp) -> Result<()> {
    for one in all {
        let name = one.district_id.as_deref();
        ui.toned(
            Tone::Bad,
            "NEVER SYNCED",
            &format!("  {}", name.unwrap_or("a district that is not known yet")),
        )?;
        for sentence in words::sentences(&one.attempts, now) {
            ui.line(sentence)?;
        }
        if let Some(step) = words::next_step(&one.attempts) {
            let step = format!(" {step}; then run `cleverctl sync` again");
            ui.toned(Tone::Hint, "hint:", &step)?;
        }
    }
    Ok(())
}

/// The document that scripts get.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    districts: &'a [Standing],
    never_synced: &'a [NeverSynced],
    /// The name of the store of each district, if there are several stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    stores: Option<BTreeMap<&'a str, &'a str>>,
}

impl Document for Told<'_> {
    const NAME: &'static str = "status";
    const VERSION: u32 = 3;
}

/// A text to send to a district.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Letter {
    district_id: String,
    text: String,
}

/// The texts to send.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Letters {
    letters: Vec<Letter>,
}

impl Document for Letters {
    const NAME: &'static str = "status-letter";
}

/// Failing outranks waiting: a stale district gets no rosters, a held one gets all but a part.
fn worst(all: &[Standing], never: &[NeverSynced], limits: Limits) -> Exit {
    let any = |verdict| all.iter().any(|standing| standing.verdict == verdict);
    let failing = |one: &NeverSynced| one.attempts.failed_in_a_row >= limits.max_failures;
    let failing = any(Verdict::Failing) || never.iter().any(failing);
    if failing || any(Verdict::Stale) || any(Verdict::Empty) {
        Exit::Failed
    } else if any(Verdict::Held) {
        Exit::Held
    } else {
        Exit::Done
    }
}

/// One line a district, a total, and what to do.
async fn of_many(ui: &Ui, stores: &mut Stores, all: &[Standing], now: Timestamp) -> Result<()> {
    let mut headers = vec![
        "District",
        "Name",
        "Status",
        "Last success",
        "Last run",
        "Held",
        "Findings",
        "Drift",
    ];
    if stores.are_named() {
        headers.insert(1, "Store");
    }
    let mut table = ui::table(&headers, headers.len() - 3);
    let (mut held, mut findings, mut drift) = (0, 0, 0);
    for Standing {
        status, verdict, ..
    } in all
    {
        let odd: u64 = status.findings.iter().map(|finding| finding.count).sum();
        let unknown = unknown(status);
        let waits = status.holds.len() as u64;
        (held, findings, drift) = (held + waits, findings + odd, drift + unknown);
        let mut row = vec![
            status.district_id.clone(),
            status.name.clone().unwrap_or_else(|| "unnamed".to_owned()),
            verdict.word().to_owned(),
            since(status.last_done_at, now),
            since(Some(status.last_run_at), now),
            count(waits),
            count(odd),
            count(unknown),
        ];
        if stores.are_named() {
            let name = stores.name(&status.district_id).unwrap_or_default();
            row.insert(1, name.to_owned());
        }
        table.add_row(row);
    }
    let of = |verdict| all.iter().filter(|one| one.verdict == verdict).count();
    let mut row = vec![
        counted(all.len() as u64, "district", "districts"),
        String::new(),
        format!("{} ok", of(Verdict::Ok)),
        String::new(),
        String::new(),
        count(held),
        count(findings),
        count(drift),
    ];
    if stores.are_named() {
        row.insert(1, String::new());
    }
    table.add_row(row);
    ui.rows(&table)?;
    for standing in all {
        let sentences = standing.sentences(now);
        if standing.verdict != Verdict::Ok || !sentences.is_empty() {
            headline(ui, standing)?;
        }
        for sentence in sentences {
            ui.line(sentence)?;
        }
        waiting(ui, stores.of(standing)?, standing, now).await?;
        if let Some(step) = &standing.next_step {
            ui.toned(Tone::Hint, "hint:", &format!(" {step}"))?;
        }
    }
    ui.line("`cleverctl status --district ID` says more of one.")
}

/// Places of which the models do not know something.
fn unknown(status: &DistrictStatus) -> u64 {
    let drift = &status.drift;
    (drift.undeclared_fields.len() + drift.unknown_values.len() + drift.wrong_types.len()) as u64
}

async fn waiting(ui: &Ui, store: &mut AnyStore, standing: &Standing, now: Timestamp) -> Result<()> {
    let held = &standing.status.holds;
    let schools = Schools::of_status(store, &standing.status).await?;
    let all = Holds::new(held.iter().map(|one| &one.hold), &schools);
    holds::print(ui, &all, |at| {
        let one = held.get(at)?;
        Some(since(Some(one.since), now))
    })
}

/// For each district of which something is held, a text to send to it.
async fn letters(stores: &mut Stores, all: &[Standing], now: Timestamp, ui: &Ui) -> Result<Exit> {
    let mut letters = Vec::new();
    for standing in all {
        let status = &standing.status;
        let Some(first) = status.holds.iter().map(|one| one.since).min() else {
            continue;
        };
        let schools = Schools::of_status(stores.of(standing)?, status).await?;
        let name = status.name.as_deref().unwrap_or(&status.district_id);
        let day = first.strftime("%F");
        let lines = Holds::new(status.holds.iter().map(|one| &one.hold), &schools)
            .letter(name, &format!("{day} ({})", since(Some(first), now)));
        letters.push((status.district_id.clone(), lines));
    }
    if ui.json {
        let texts = letters.into_iter().map(|(district_id, lines)| Letter {
            district_id,
            text: lines.join("\n"),
        });
        ui.document(&Letters {
            letters: texts.collect(),
        })?;
        return Ok(Exit::Done);
    }
    if letters.is_empty() {
        ui.note("nothing is held, so there is nothing to ask a district");
    }
    for (at, (_, lines)) in letters.iter().enumerate() {
        if at > 0 {
            ui.line("")?;
        }
        for line in lines {
            ui.line(line)?;
        }
    }
    Ok(Exit::Done)
}

/// Begins with one word, in colour, and says of which district it is.
fn headline(ui: &Ui, standing: &Standing) -> Result<()> {
    let status = &standing.status;
    let tone = match standing.verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Held | Verdict::Empty | Verdict::Paused => Tone::Doubtful,
        Verdict::Failing | Verdict::Stale => Tone::Bad,
    };
    ui.toned(
        tone,
        &standing.verdict.word().to_uppercase(),
        &format!(
            "  {} ({})",
            status.name.as_deref().unwrap_or("unnamed"),
            status.district_id
        ),
    )
}

/// All that there is to say of one district.
async fn detail(ui: &Ui, store: &mut AnyStore, standing: &Standing, now: Timestamp) -> Result<()> {
    let status = &standing.status;
    headline(ui, standing)?;
    for sentence in standing.sentences(now) {
        ui.line(sentence)?;
    }
    ui.line(format!(
        "last success: {}; last run: {}, {}, by {}, {}",
        since(status.last_done_at, now),
        status.last_run,
        since(Some(status.last_run_at), now),
        status.path,
        status.outcome,
    ))?;
    ui.line(format!(
        "at Clever: {}, which read the district's own data {}",
        status.state.as_deref().unwrap_or("of unknown state"),
        last_sync(status, now),
    ))?;
    ui.line(format!(
        "last snapshot: {}; {}; {} changes in the feed",
        since(status.snapshot_at, now),
        status.event_cursor.as_deref().map_or_else(
            || "no events followed".to_owned(),
            |cursor| format!("events followed to {cursor}")
        ),
        grouped(status.changes)
    ))?;
    if let Some(behind) = standing.events_behind_seconds.filter(|behind| *behind > 0) {
        ui.line(format!(
            "the newest event that was read is {} later than the last one applied",
            for_people(behind)
        ))?;
    }
    let mut table = ui::table(&["", "Active", "Archived"], 1);
    for (kind, active, archived) in &status.records {
        table.add_row([kind.to_string(), count(*active), count(*archived)]);
    }
    ui.rows(&table)?;
    let schools = Schools::of_status(store, status).await?;
    for finding in &status.findings {
        ui.line(format!("finding: {}", schools.named(&finding.to_string())))?;
    }
    for (kind, doubts) in &status.doubts {
        ui.line(if doubts.contains(&Doubt::Closed) {
            format!("{kind}: the app may not read them")
        } else {
            format!(
                "doubt: the list of {kind} was not provably complete; nothing of it was archived"
            )
        })?;
    }
    if !status.drift.is_empty() {
        ui.line("drift: what Clever sent last and the models do not know")?;
        super::drift::print(ui, &status.drift)?;
    }
    waiting(ui, store, standing, now).await?;
    if let Some(step) = &standing.next_step {
        ui.toned(Tone::Hint, "hint:", &format!(" {step}"))?;
    }
    Ok(())
}

/// When Clever last read the district's data, as Clever writes it.
fn last_sync(status: &DistrictStatus, now: Timestamp) -> String {
    let Some(text) = &status.last_sync else {
        return "at no known time".to_owned();
    };
    let at = text
        .parse()
        .map_or_else(|_| "?".to_owned(), |at| since(Some(at), now));
    format!("{text} ({at})")
}
