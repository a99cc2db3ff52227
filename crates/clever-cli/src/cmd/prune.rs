//! `cleverctl prune`: takes away what is kept for longer than the policy says.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::Args;
use clever_model::{Clock, SystemClock, Timestamp};
use clever_sync::erase::{PruneRequest, Pruned, prune};
use clever_sync::{AnyStore, Open};
use serde::Serialize;

use crate::cmd::changes::district;
use crate::diagnostics::{Exit, Usage};
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Ui, grouped};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Arguments of `prune`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl prune --archived-before 730d --dry-run   Say what would go
  cleverctl prune --archived-before 2024-07-01 --changes-before 365d --yes

Archived records go, active ones stay. Changes go only as far as every reader has passed
them. `[prune]` in clever.toml keeps the policy.")]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Only this district; else every one of the store.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
    /// Take away records that were archived before this: a date (`2025-07-01`), or so many days ago (`730d`).
    #[arg(long, value_name = "DATE|AGE")]
    archived_before: Option<Before>,
    /// Take away changes from before this, with the values in them.
    ///
    /// Nothing is taken away if a reader has not passed all of them. What comes later in the feed keeps its numbers.
    #[arg(long, value_name = "DATE|AGE")]
    changes_before: Option<Before>,
    /// Say what would be taken away; take nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before it is done; a script needs this.
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
}

/// A day, or so many days ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Day(Timestamp),
    Days(i64),
}

impl Before {
    fn instant(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day(at) => Some(at),
            Self::Days(days) => Timestamp::from_second(now.as_second() - days * DAY).ok(),
        }
    }
}

impl FromStr for Before {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text.strip_suffix('d').filter(|days| days.len() <= 5);
        if let Some(days) = days.and_then(|days| days.parse::<u16>().ok()) {
            return Ok(Self::Days(days.into()));
        }
        let day = text.len() == 10;
        day.then(|| format!("{text}T00:00:00Z").parse().ok())
            .flatten()
            .map(Self::Day)
            .ok_or("a date is written as in 2025-07-01, a number of days as in 730d")
    }
}

/// Takes away what the policy says, or says what that is.
pub(crate) async fn run(args: &PruneArgs, ui: &Ui) -> Result<Exit> {
    if args.archived_before.is_none() && args.changes_before.is_none() {
        return Err(Usage::new("nothing says what is too old")
            .hint("name it with --archived-before or --changes-before, or in `[prune]` of clever.toml")
            .into());
    }
    let mut stores = Vec::new();
    if let Some(named) = &args.district {
        let url = args.store.of(Some(named)).await?;
        let mut store = url.open_existing().await?;
        let districts = vec![district(&mut store, Some(named)).await?];
        stores.push((store, districts));
    } else {
        for (_, mut store) in args.store.places()?.open_all(Open::Existing).await? {
            let districts = store.districts().await?;
            stores.push((store, districts));
        }
    }
    let looked = go(&mut stores, args, true, ui).await?;
    if args.dry_run {
        return told(&looked, true, ui);
    }
    if !args.yes {
        if ui.json || !std::io::stdin().is_terminal() || !ui.is_read() {
            return Err(
                Usage::new("this can't be taken back, and there is nobody to ask")
                    .hint("look with --dry-run first, then say --yes")
                    .into(),
            );
        }
        told(&looked, true, ui)?;
        ui.prompt("Take this away for good? [y/N] ")?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            ui.line("Nothing was taken away.")?;
            return Ok(Exit::Done);
        }
    }
    let done = go(&mut stores, args, false, ui).await?;
    told(&done, false, ui)
}

async fn go(
    stores: &mut [(AnyStore, Vec<String>)],
    args: &PruneArgs,
    dry_run: bool,
    ui: &Ui,
) -> Result<BTreeMap<String, Pruned>> {
    let now = SystemClock.now();
    let instant = |before: Option<Before>| before.and_then(|before| before.instant(now));
    let mut all = BTreeMap::new();
    for (store, districts) in stores {
        for district in districts {
            let request = PruneRequest {
                district_id: district.clone(),
                archived_before: instant(args.archived_before),
                changes_before: instant(args.changes_before),
                dry_run,
            };
            let mut told = |rows| {
                if ui.is_talkative() && ui.is_watched() {
                    ui.note(format!("{} rows are gone", grouped(rows)));
                }
            };
            let pruned = prune(store, &request, &mut told).await.with_context(|| {
                format!("could not take away what is too old of district {district}")
            })?;
            all.insert(district.clone(), pruned);
        }
    }
    Ok(all)
}

/// What was taken away, by district.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    districts: &'a BTreeMap<String, Pruned>,
}

impl Document for Told<'_> {
    const NAME: &'static str = "prune";
}

fn told(all: &BTreeMap<String, Pruned>, dry_run: bool, ui: &Ui) -> Result<Exit> {
    if ui.json {
        ui.document(&Told { districts: all })?;
        return Ok(Exit::Done);
    }
    let nothing = all
        .values()
        .all(|one| one.records.is_empty() && one.changes == 0);
    if nothing {
        if !ui.quiet {
            ui.line("Nothing is too old.")?;
        }
        return Ok(Exit::Done);
    }
    let mut table = ui::table(&["District", "What", "Rows"], 2);
    for (district, pruned) in all {
        for (kind, rows) in &pruned.records {
            table.add_row([district.clone(), format!("archived {kind}"), grouped(*rows)]);
        }
        if pruned.changes > 0 {
            let what = format!("changes before {}", grouped(pruned.first_change));
            table.add_row([district.clone(), what, grouped(pruned.changes)]);
        }
    }
    ui.rows(&table)?;
    ui.line(if dry_run {
        "These rows would be taken away."
    } else {
        "These rows were taken away."
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_or_a_number_of_days_is_a_time_and_nothing_else_is() {
        assert_eq!("730d".parse(), Ok(Before::Days(730)));
        let day = "2025-07-01T00:00:00Z".parse().unwrap();
        assert_eq!("2025-07-01".parse(), Ok(Before::Day(day)));
        for text in [
            "",
            "d",
            "-1d",
            "2y",
            "2025-13-01",
            "2025-07-01T00:00:00Z",
            "999999d",
        ] {
            assert!(text.parse::<Before>().is_err(), "{text}");
        }
    }
}
