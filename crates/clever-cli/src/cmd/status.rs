//! `cleverctl status`: how each district of the store stands, for a person or for an alarm.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clever_model::{Clock, RecordKind, SystemClock, Timestamp, read_span};
use clever_sync::report::Doubt;
use clever_sync::{AnyStore, DistrictStatus};
use serde::Serialize;

use crate::cmd::changes::{NoDistrict, not_in_the_store};
use crate::cmd::holds::{Holds, Schools};
use crate::diagnostics::Exit;
use crate::settings::{StoreArgs, TOKEN_VARIABLE};
use crate::ui::{self, Tone, Ui, count, counted, grouped, word};
use crate::vault::VaultArgs;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl status                             Every district of clever.db
  cleverctl status --check --max-age 26h       For an alarm: say it by exit code
  cleverctl status --letter                    What to send to a district whose
                                               changes are held

With --check: 0 all is well, 1 stale, empty or missing, 3 something is held.")]
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
    /// 1 if a district is stale, shares nobody, or is expected and missing; 3 if something is held.
    #[arg(long, help_heading = ALARM)]
    check: bool,
    /// With --check: fail if the store does not hold this district.
    #[arg(long, help_heading = ALARM, value_name = "ID", requires = "check")]
    expect: Vec<String>,
    /// Call a district stale after this time without a success (`90m`, `26h`).
    #[arg(long, help_heading = ALARM, value_name = "TIME", value_parser = read_span, default_value = "26h")]
    max_age: Duration,
    /// Name this policy in the commands of the next steps.
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

const ALARM: &str = "For alarms";

/// What is to be said of a district in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// In step, and lately.
    Ok,
    /// Part of the last run waits for approval.
    Held,
    /// Nothing is held, and the last success is too long ago; or no run at all came lately.
    Stale,
    /// In step with a district that shares nobody with the app.
    Empty,
}

/// A district's status, and what follows from it now.
#[derive(Debug, Serialize)]
struct Standing {
    #[serde(flatten)]
    status: DistrictStatus,
    verdict: Verdict,
    /// Seconds since the last success; none where there never was one.
    lag_seconds: Option<i64>,
    /// Seconds from the event that was applied to the newest that was read; none where that is not known.
    events_behind_seconds: Option<i64>,
    /// What a person should do; none where nothing.
    next_step: Option<String>,
}

/// Prints a table a district, or one line a district where there are several.
pub(crate) async fn run(args: &StatusArgs, ui: &Ui) -> Result<Exit> {
    let url = args.store.url()?;
    let mut store = url.look().await?;
    let mut all = store.status().await.context("could not read the status")?;
    if all.is_empty() {
        return Err(NoDistrict.into());
    }
    if let Some(wanted) = &args.district {
        all.retain(|status| status.district_id == *wanted);
        if all.is_empty() {
            return Err(not_in_the_store(wanted).into());
        }
    }
    let now = SystemClock.now();
    let several = all.len() > 1;
    let (how, which) = args.how();
    let all: Vec<Standing> = all
        .into_iter()
        .map(|status| {
            let mut sync = format!("cleverctl sync --store {}", word(&url.to_string()));
            if several {
                let _ = write!(sync, " --district {}", word(&status.district_id));
            }
            let mut standing = standing(status, now, args.max_age, &(sync + &how));
            if let (Some(step), Some(which)) = (&mut standing.next_step, &which)
                && step.contains(&how)
            {
                step.push_str(which);
            }
            standing
        })
        .collect();
    let mut exit = if args.check { worst(&all) } else { Exit::Done };
    for id in args.expect.iter().filter(|_| args.check) {
        if !all.iter().any(|one| one.status.district_id == *id) {
            exit = Exit::Failed;
            ui.note(format!(
                "error: {id} is expected, and no sync of it ever ended in this store"
            ));
        }
    }
    if args.letter {
        return letters(&mut store, &all, now, ui).await;
    }
    if ui.json {
        ui.list("districts", &all)?;
        return Ok(exit);
    }
    match all.as_slice() {
        [only] => detail(ui, &mut store, only, now).await?,
        many => fleet(ui, &mut store, many, now).await?,
    }
    Ok(exit)
}

impl StatusArgs {
    /// What a sync is to be given besides its store and district: a credential, if any is kept and no token is at
    /// hand, and the policy. Also which credentials there are, if they are several.
    fn how(&self) -> (String, Option<String>) {
        let (mut how, mut which) = (String::new(), None);
        let token = std::env::var_os(TOKEN_VARIABLE).is_some_and(|token| !token.is_empty());
        // Credentials that can't be read are no matter of how districts stand.
        let kept = self.vault.read().unwrap_or_default();
        let names: Vec<&str> = kept.iter().map(|(name, _)| name).collect();
        match names.as_slice() {
            [only] if !token => how = format!(" --credential {only}"),
            [_, _, ..] if !token => {
                " --credential NAME".clone_into(&mut how);
                let names = names.join(" or ");
                which = Some(format!("; NAME is {names}, whichever opens the district"));
            }
            _ => {}
        }
        if let Some(policy) = &self.policy {
            let _ = write!(how, " --policy {}", word(&policy.display().to_string()));
        }
        (how, which)
    }
}

/// Failing outranks waiting: a stale district gets no rosters, a held one gets all but a part.
fn worst(all: &[Standing]) -> Exit {
    let any = |verdict| all.iter().any(|standing| standing.verdict == verdict);
    if any(Verdict::Stale) || any(Verdict::Empty) {
        Exit::Failed
    } else if any(Verdict::Held) {
        Exit::Held
    } else {
        Exit::Done
    }
}

fn standing(status: DistrictStatus, now: Timestamp, max_age: Duration, sync: &str) -> Standing {
    let max_age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
    let lag_seconds = status.last_done_at.map(|at| age(at, now));
    let last_run = age(status.last_run_at, now);
    let held = !status.holds.is_empty();
    let verdict = if last_run > max_age || (!held && lag_seconds.is_none_or(|lag| lag > max_age)) {
        Verdict::Stale
    } else if held {
        Verdict::Held
    } else if active(&status, RecordKind::Users) == 0 {
        Verdict::Empty
    } else {
        Verdict::Ok
    };
    let next_step = match (verdict, &status.held_hash) {
        (Verdict::Stale, _) if last_run > max_age => Some(format!(
            "no run came to its end lately: run `{sync}` and see what it says"
        )),
        (Verdict::Stale, _) => {
            Some("syncs finish, but none has been complete: see the doubts".to_owned())
        }
        (Verdict::Held, Some(hash)) => Some(format!(
            "look with `{sync} --dry-run --plan held.plan` and `cleverctl plan show held.plan`; ask the district \
             (`cleverctl status --letter` writes the text); if it is right, `{sync} --approve {hash}`"
        )),
        (Verdict::Empty, _) => Some(format!(
            "the district shares {} with the app: its admin chooses in Clever which schools and people are shared; \
             `cleverctl doctor` checks the connection, and `{sync}` brings what is shared",
            if active(&status, RecordKind::Schools) + active(&status, RecordKind::Sections) == 0 {
                "no school, user or section"
            } else {
                "no user"
            }
        )),
        (Verdict::Ok | Verdict::Held, _) => None,
    };
    let told = |event: &Option<String>| event.as_deref().and_then(event_time);
    let events_behind_seconds = told(&status.event_cursor)
        .zip(told(&status.newest_event))
        .map(|(applied, newest)| newest.saturating_sub(applied).max(0));
    Standing {
        events_behind_seconds,
        status,
        verdict,
        lag_seconds,
        next_step,
    }
}

/// How many active records of a kind the store has.
fn active(status: &DistrictStatus, kind: RecordKind) -> u64 {
    let of = status.records.iter().filter(|(of, ..)| *of == kind);
    of.map(|(_, active, _)| *active).sum()
}

/// When an event was made, in seconds since 1970: Clever's ids of 24 hex digits begin with it.
fn event_time(id: &str) -> Option<i64> {
    let seconds = id.get(..8).filter(|_| id.len() == 24)?;
    u32::from_str_radix(seconds, 16).ok().map(i64::from)
}

/// One line a district, a total, and what to do.
async fn fleet(ui: &Ui, store: &mut AnyStore, all: &[Standing], now: Timestamp) -> Result<()> {
    let headers = [
        "District",
        "Name",
        "Status",
        "Last success",
        "Last run",
        "Held",
        "Findings",
        "Drift",
    ];
    let mut table = ui::table(&headers, 5);
    let (mut held, mut findings, mut drift) = (0, 0, 0);
    for Standing {
        status, verdict, ..
    } in all
    {
        let odd: u64 = status.findings.iter().map(|finding| finding.count).sum();
        let unknown = unknown(status);
        let waits = status.holds.len() as u64;
        (held, findings, drift) = (held + waits, findings + odd, drift + unknown);
        table.add_row([
            status.district_id.clone(),
            status.name.clone().unwrap_or_else(|| "unnamed".to_owned()),
            named(*verdict).to_owned(),
            since(status.last_done_at, now),
            since(Some(status.last_run_at), now),
            count(waits),
            count(odd),
            count(unknown),
        ]);
    }
    let of = |verdict| all.iter().filter(|one| one.verdict == verdict).count();
    table.add_row([
        counted(all.len() as u64, "district", "districts"),
        String::new(),
        format!("{} ok", of(Verdict::Ok)),
        String::new(),
        String::new(),
        count(held),
        count(findings),
        count(drift),
    ]);
    ui.rows(&table)?;
    for standing in all {
        if standing.verdict != Verdict::Ok {
            headline(ui, standing)?;
        }
        holds(ui, store, standing, now).await?;
        if let Some(step) = &standing.next_step {
            ui.toned(Tone::Hint, "hint:", &format!(" {step}"))?;
        }
    }
    ui.line("`cleverctl status --district ID` says more of one.")
}

fn named(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Empty => "empty",
        Verdict::Ok => "ok",
        Verdict::Held => "held",
        Verdict::Stale => "stale",
    }
}

/// Places of which the models do not know something.
fn unknown(status: &DistrictStatus) -> u64 {
    let drift = &status.drift;
    (drift.undeclared_fields.len() + drift.unknown_values.len() + drift.wrong_types.len()) as u64
}

async fn holds(ui: &Ui, store: &mut AnyStore, standing: &Standing, now: Timestamp) -> Result<()> {
    let held = &standing.status.holds;
    let schools = schools(store, &standing.status).await?;
    Holds::new(held.iter().map(|one| &one.hold), &schools).print(ui, |at| {
        let one = held.get(at)?;
        Some(since(Some(one.since), now))
    })
}

/// The names of the schools that a status names.
async fn schools(store: &mut AnyStore, status: &DistrictStatus) -> Result<Schools> {
    let held = status
        .holds
        .iter()
        .filter_map(|one| one.hold.school.clone());
    let odd = status.findings.iter();
    let odd = odd.filter(|finding| finding.target == RecordKind::Schools);
    let ids: Vec<String> = held
        .chain(odd.flat_map(|finding| finding.samples.clone()))
        .collect();
    Schools::read(store, &status.district_id, ids).await
}

/// For each district of which something is held, a text to send to it.
async fn letters(store: &mut AnyStore, all: &[Standing], now: Timestamp, ui: &Ui) -> Result<Exit> {
    let mut letters = Vec::new();
    for standing in all {
        let status = &standing.status;
        let Some(first) = status.holds.iter().map(|one| one.since).min() else {
            continue;
        };
        let schools = schools(store, status).await?;
        let name = status.name.as_deref().unwrap_or(&status.district_id);
        let since = first.strftime("%F");
        let lines = Holds::new(status.holds.iter().map(|one| &one.hold), &schools).letter(
            name,
            &format!("{since} ({})", self::since(Some(first), now)),
        );
        letters.push((status.district_id.clone(), lines));
    }
    if ui.json {
        let texts = letters.iter().map(|(district, lines)| {
            serde_json::json!({ "district_id": district, "text": lines.join("\n") })
        });
        ui.list("letters", &texts.collect::<Vec<_>>())?;
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
        Verdict::Held | Verdict::Empty => Tone::Doubtful,
        Verdict::Stale => Tone::Bad,
    };
    ui.toned(
        tone,
        &named(standing.verdict).to_uppercase(),
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
    ui.line(format!(
        "last success: {}; last run: {} {} by {}, {}",
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
    let schools = schools(store, status).await?;
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
    holds(ui, store, standing, now).await?;
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

/// Seconds since an instant.
fn age(at: Timestamp, now: Timestamp) -> i64 {
    now.as_second().saturating_sub(at.as_second())
}

/// How long ago an instant was.
fn since(at: Option<Timestamp>, now: Timestamp) -> String {
    match at.map(|at| age(at, now)) {
        None => "never".to_owned(),
        Some(..60) => "just now".to_owned(),
        Some(seconds) => for_people(seconds) + " ago",
    }
}

fn for_people(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_tells_when_it_was() {
        assert_eq!(event_time("5a25ffb0c1bc2a0036000001"), Some(1_512_439_728));
        for odd in ["", "5a25ffb0", "zz25ffb0c1bc2a0036000001", "ééééééééé"] {
            assert_eq!(event_time(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_instant_is_told_by_its_age() {
        let now = "2026-09-14T12:00:00Z".parse().unwrap();
        let told = |at: &str| since(Some(at.parse().unwrap()), now);
        assert_eq!(told("2026-09-14T11:59:50Z"), "just now");
        assert_eq!(told("2026-09-14T11:00:00Z"), "60 min ago");
        assert_eq!(told("2026-09-13T12:00:00Z"), "24 h ago");
        assert_eq!(told("2026-09-01T12:00:00Z"), "13 days ago");
        assert_eq!(since(None, now), "never");
    }
}
