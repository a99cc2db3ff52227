//! `cleverctl move`: carries a district to another store of the directory, and says where it is from then on.

use anyhow::Result;
use clap::{ArgGroup, Args};
use clever_model::{DistrictId, SystemClock};
use clever_sync::AnyStore;
use clever_sync::carry::{Moving, Step, Tally, Whereabouts, call_off, carry, forget_old};
use serde::Serialize;

use crate::audit;
use crate::diagnostics::{Exit, NotThere, Usage};
use crate::settings::{Place, StoreArgs};
use crate::ui::{self, Document, Ui, counted, grouped};

/// Arguments of `move`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["to", "call_off", "forget_old"]))]
#[command(after_help = "\
Examples:
  cleverctl move 5a25ffb0c1bc2a0036000001 --to west
  cleverctl move 5a25ffb0c1bc2a0036000001 --forget-old main

The names are those of `[stores.named]` in clever.toml. The district is paused,
carried with its feed, its readers' positions and what is held, compared by
counts and hashes, switched, and goes on. If it is cut off, run it again.")]
pub(crate) struct MoveArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    pub(crate) district: DistrictId,
    /// Carry it to this store.
    #[arg(long, value_name = "STORE")]
    pub(crate) to: Option<String>,
    /// Call a move off that has not ended: the district stays where it is.
    #[arg(long)]
    call_off: bool,
    /// Take away the copy that a store still has of a district that moved.
    ///
    /// Only if the other store has the district, and came as far at least. What leads from the one to the other stays.
    #[arg(long, value_name = "STORE")]
    forget_old: Option<String>,
    /// Why, for whoever looks. The audit keeps it: name nobody.
    #[arg(long, value_name = "TEXT", default_value = "by an operator")]
    reason: String,
    /// Who does it, as the audit keeps it [default: your login].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// What became of a district that was to move.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    district_id: String,
    /// `moved`, `there` (it was there already), `stays` (the move was called off) or `forgotten` (the old copy is gone).
    pub(crate) said: &'static str,
    /// The store that it is in now.
    store: String,
    /// The store from which it came, or whose copy is gone.
    from: Option<String>,
    /// What was carried, table by table, as it was counted on both sides.
    tables: Vec<Tally>,
}

impl Document for Moved {
    const NAME: &'static str = "move";
}

/// Moves a district, or ends a move.
pub(crate) async fn run(args: &MoveArgs, ui: &Ui) -> Result<Exit> {
    let moved = relocate(args, None, ui).await?;
    tell(&moved, ui)?;
    Ok(Exit::Done)
}

/// Does it, and says what became of it. If nobody is logged in, as in a container, it is done in the name that is given.
pub(crate) async fn relocate(args: &MoveArgs, otherwise: Option<&str>, ui: &Ui) -> Result<Moved> {
    let places = args.store.places()?;
    let id = args.district.as_str();
    let here = places.holding(Some(id)).await?;
    let at = name(&here)?;
    let actor = match (audit::who(args.by.as_deref()), otherwise) {
        (Err(_), Some(name)) => name.to_owned(),
        (who, _) => who?,
    };
    let moving = |from, to| Moving {
        district: &args.district,
        from,
        to,
        actor: &actor,
        role: audit::ROLE,
        reason: &args.reason,
    };
    let told = |said, from: Option<&str>, tables| Moved {
        district_id: id.to_owned(),
        said,
        store: at.clone(),
        from: from.map(str::to_owned),
        tables,
    };
    if args.call_off {
        let mut store = here.url.open_existing().await?;
        return if call_off(&mut store, &moving(&at, ""), &SystemClock).await? {
            Ok(told("stays", None, Vec::new()))
        } else {
            let says = format!("no move of district {id} has begun that has not been switched");
            let hint = "`cleverctl move DISTRICT --to STORE` brings it back from where it is";
            Err(NotThere::new(says, hint).into())
        };
    }
    if let Some(old) = &args.forget_old {
        let mut store = places.named(old)?.url.open_existing().await?;
        let mut new = here.url.open_existing().await?;
        let is_gone = forget_old(&mut store, &mut new, &moving(old, &at)).await?;
        if !is_gone && !ui.quiet {
            ui.note(format!(
                "note: another program was reading, and old bytes are in the store `{old}` still; run this again"
            ));
        }
        return Ok(told("forgotten", Some(old), Vec::new()));
    }
    let to = args.to.as_deref().unwrap_or_default();
    let target = places.named(to)?;
    // It is there, but perhaps nobody has let it go on yet.
    let from = if at == to {
        match places.away(&here, id).await? {
            Some(away) if away.whereabouts == Whereabouts::Arriving => away.store,
            _ => return Ok(told("there", None, Vec::new())),
        }
    } else {
        at.clone()
    };
    let mut old = places.named(&from)?.url.open_existing().await?;
    let mut new = target.url.open().await?;
    patient([&mut old, &mut new])?;
    let mut progress = |step| say(ui, id, step);
    let tables = carry(
        &mut old,
        &mut new,
        &moving(&from, to),
        &SystemClock,
        &mut progress,
    )
    .await?;
    Ok(Moved {
        store: to.to_owned(),
        ..told("moved", Some(&from), tables)
    })
}

/// The name of a store: one without a name is in no directory.
fn name(place: &Place) -> Result<String> {
    place.name.clone().ok_or_else(|| {
        Usage::new("a district moves between stores of a directory, and there is none")
            .hint("name the stores in `[stores.named]` of clever.toml, and leave --store and CLEVER_STORE out")
            .into()
    })
}

/// Has both wait for whoever writes: a first load of another district may take minutes.
fn patient(stores: [&mut AnyStore; 2]) -> Result<()> {
    for store in stores {
        store.wait_for_others(crate::cmd::sync::one_of_many::PATIENCE)?;
    }
    Ok(())
}

/// Says how far it is, to whoever watches.
fn say(ui: &Ui, district: &str, step: Step) {
    if !ui.is_talkative() {
        return;
    }
    match step {
        Step::Fenced => ui.note(format!(
            "{district}: paused, and nobody writes of it any more"
        )),
        Step::Copied(rows) if rows % 100_000 < 1000 && rows >= 100_000 && ui.is_watched() => {
            ui.note(format!("{district}: {} rows are there", grouped(rows)));
        }
        Step::Copied(_) => {}
        Step::Compared => ui.note(format!(
            "{district}: counts and hashes are the same on both sides"
        )),
        Step::Switched => ui.note(format!("{district}: switched")),
    }
}

/// Says what became of it.
pub(crate) fn tell(moved: &Moved, ui: &Ui) -> Result<()> {
    if ui.json {
        return ui.document(moved);
    }
    if ui.quiet {
        return Ok(());
    }
    let (id, store) = (&moved.district_id, &moved.store);
    let from = moved.from.as_deref().unwrap_or_default();
    if !moved.tables.is_empty() {
        let mut table = ui::table(&["Table", "Rows"], 1);
        for tally in moved.tables.iter().filter(|tally| tally.rows > 0) {
            table.add_row([tally.table.clone(), grouped(tally.rows)]);
        }
        ui.rows(&table)?;
    }
    ui.line(match moved.said {
        "there" => format!("{id} is in `{store}` already."),
        "stays" => format!("{id} stays in `{store}`; the move was called off."),
        "forgotten" => format!("`{from}` has no copy of {id} any more; it is in `{store}`."),
        _ => format!("{id} is in `{store}`, and its runs continue unless somebody else paused it."),
    })?;
    if moved.said == "moved" {
        let rows: u64 = moved.tables.iter().map(|tally| tally.rows).sum();
        let rows = counted(rows, "row", "rows");
        ui.line(format!(
            "`{from}` keeps the copy ({rows}) until `cleverctl move {id} --forget-old {from}`."
        ))?;
    }
    Ok(())
}
