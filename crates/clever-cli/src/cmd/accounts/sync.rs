//! `cleverctl accounts sync`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::Args;
use clever_model::{Clock as _, DistrictId, SystemClock};
use clever_provision::roster::{Followed, follow, random_id};
use clever_provision::store::AccountStore;
use clever_provision::{Class, Policy};
use clever_sync::{AnyStore, Open};
use serde::Serialize;

use crate::cmd::changes::district;
use crate::diagnostics::Exit;
use crate::metrics::{FileArgs, Metrics};
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Ui};

/// How the store names this reader of its changes.
const CONSUMER: &str = "accounts";

/// Arguments of `accounts sync`.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Only this district; else every one of the store.
    #[arg(long, value_name = "ID")]
    district: Option<DistrictId>,
    /// Make accounts now, and not when their people first sign in.
    #[arg(long)]
    create: bool,
    /// Give students whose Clever id changed their old accounts.
    ///
    /// Only if ids, or names and birth, agree and nobody else fits nearly as well. Without this, a person is asked.
    #[arg(long)]
    follow_changed_ids: bool,
    /// Link accounts that were used, if the district governs them.
    ///
    /// The district's id and both names must agree. Without this, a person is asked.
    #[arg(long)]
    managed_auto: bool,
    /// Serve contacts as well.
    #[arg(long)]
    contacts: bool,
    /// Follow the roster from its beginning; nothing is done twice.
    ///
    /// This is for a new store of the same roster.
    #[arg(long)]
    from_start: bool,
    #[command(flatten)]
    metrics: FileArgs,
}

impl SyncArgs {
    fn policy(&self) -> Policy {
        let mut policy = Policy {
            managed_auto: self.managed_auto,
            id_change_auto: self.follow_changed_ids,
            create_at_sync: self.create,
            ..Policy::default()
        };
        if self.contacts {
            policy.blocked.remove(&Class::Contact);
        }
        policy
    }
}

/// Follows the rosters of the store.
pub(super) async fn run(accounts: &mut AccountStore, args: &SyncArgs, ui: &Ui) -> Result<Exit> {
    let metrics = Metrics::begin(&args.metrics, false)?;
    let followed = follow_all(accounts, args, ui).await;
    metrics.write()?;
    followed
}

async fn follow_all(accounts: &mut AccountStore, args: &SyncArgs, ui: &Ui) -> Result<Exit> {
    let policy = args.policy();
    let mut all = BTreeMap::new();
    if let Some(one) = &args.district {
        let url = args.store.of(Some(one.as_str())).await?;
        let mut store = url.open_existing().await?;
        let districts = vec![district(&mut store, Some(one.as_str())).await?];
        follow_of(&mut store, districts, accounts, args, &policy, &mut all).await?;
    } else {
        for (_, mut store) in args.store.places()?.open_all(Open::Existing).await? {
            let districts = store.districts().await?;
            follow_of(&mut store, districts, accounts, args, &policy, &mut all).await?;
        }
    }
    if ui.json {
        ui.document(&Told { districts: &all })?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        ui.line("The store holds no district yet: sync one first with `cleverctl sync`.")?;
    }
    for (district, done) in &all {
        say(ui, district, done)?;
    }
    Ok(Exit::Done)
}

/// Follows the rosters of some districts of one store.
async fn follow_of(
    store: &mut AnyStore,
    districts: Vec<String>,
    accounts: &mut AccountStore,
    args: &SyncArgs,
    policy: &Policy,
    all: &mut BTreeMap<String, Followed>,
) -> Result<()> {
    for id in districts {
        let district = DistrictId::new(id.as_str()).context("the store holds an odd district")?;
        if args.from_start {
            accounts.rewind(&district).await?;
        }
        let now = SystemClock.now();
        let done = follow(store, accounts, &district, policy, &mut random_id, now).await?;
        // The accounts know themselves how far they are; here it is for `status` and people.
        store
            .acknowledge(district.as_str(), CONSUMER, done.position, now)
            .await?;
        all.insert(id, done);
    }
    Ok(())
}

/// What came of each district.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    districts: &'a BTreeMap<String, Followed>,
}

impl Document for Told<'_> {
    const NAME: &'static str = "accounts-sync";
}

fn say(ui: &Ui, district: &str, done: &Followed) -> Result<()> {
    if done.changes == 0 {
        return ui.line(format!("District {district}: nothing new."));
    }
    ui.line(format!(
        "District {district}: followed {}.",
        ui::counted(done.changes, "change of a person", "changes of people")
    ))?;
    let mut table = ui::table(&["What", "How many"], 1);
    for (what, many) in [
        ("accounts made", done.created),
        ("linked to an account from before", done.linked),
        ("account at the first sign-in", done.later),
        ("archived", done.archived),
        ("restored", done.restored),
        ("new reviews", done.reviews),
        ("not served", done.refused),
        ("records that nobody can read", done.unreadable),
    ] {
        if many > 0 {
            table.add_row([what.to_owned(), ui::grouped(many)]);
        }
    }
    ui.rows(&table)?;
    for (part, many) in done.unread.parts() {
        ui.line(format!(
            "{} could not be read and was left out: {part}",
            ui::counted(many, "value", "values")
        ))?;
    }
    if done.reviews > 0 {
        ui.line("`cleverctl review` shows what waits for a person.")?;
    }
    Ok(())
}
