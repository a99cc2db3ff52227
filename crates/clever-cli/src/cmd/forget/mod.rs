//! `cleverctl forget`: erases a person or a district, wherever it is kept, and shows the notes of it.

mod files;
mod marks;

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use clever_model::{Clock as _, DistrictId, RecordKind, SystemClock, visible};
use clever_provision::roster::ForgottenAccounts;
use clever_sync::erase::{ForgetError, ForgetRequest, Forgotten, Note, Subject, sweep};
use clever_sync::look::Deed;
use clever_sync::{AnyStore, Open};
use clever_web::{EraseError, Erased, erase};
use serde::Serialize;

use self::files::FoundFiles;
use self::marks::Marks;
use crate::accounts_at::AccountsAt;
use crate::audit;
use crate::cmd::changes::district;
use crate::cmd::sync::policies;
use crate::diagnostics::{Exit, Usage};
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Tone, Ui, counted, grouped};

/// Arguments of `forget`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["person", "district", "list", "sweep"]))]
#[command(after_help = "\
Examples:
  cleverctl forget --person ID --dry-run          Say what would be erased
  cleverctl forget --person ID --accounts URL --exports out
  cleverctl forget --district ID --accounts URL   All of a district
  cleverctl forget --list                         The notes of what was forgotten, checked

This can't be taken back. docs/privacy.md says what is erased, what stays, and what you must do.")]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    accounts: AccountsAt,
    /// The person, by Clever's id.
    ///
    /// Contacts who are known for this person alone are forgotten too.
    #[arg(long, value_name = "ID")]
    person: Option<String>,
    /// The district. Without --person, all of it is forgotten.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
    /// Forget a person whom Clever still shares, and never take the person in again.
    #[arg(long, requires = "person")]
    keep_out: bool,
    /// Let in again whoever was forgotten and kept out.
    #[arg(long, conflicts_with_all = ["keep_out", "dry_run", "exports", "at_once"])]
    readmit: bool,
    /// Look through this folder too, and name the files that hold the person or the district. May be given several times.
    ///
    /// They are left as they are, unless --delete-files is given: delete them, or write them again with `cleverctl export`.
    /// A lake is named and never touched: `cleverctl changes --to-delta DIR --erase` erases from it.
    #[arg(long, value_name = "DIR")]
    exports: Vec<PathBuf>,
    /// Delete the files below --exports that hold the person or the district.
    ///
    /// After a person, write the exports again: a set that lacks a file is no set.
    /// A file that may be another district's is named and stays.
    #[arg(long, requires = "exports")]
    delete_files: bool,
    /// Do not wait for readers of the changes.
    ///
    /// Without this option, the change that tells them whom to forget has the person's id until each has read it.
    #[arg(long)]
    at_once: bool,
    /// Who forgets, for the note [default: the name of your login].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Read which columns are the app's own from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Say what would be erased; erase nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before it is done; a script needs this.
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Show the notes of what was forgotten, and check their signatures.
    #[arg(long, conflicts_with_all = ["person", "dry_run", "readmit", "exports"])]
    list: bool,
    /// Write the database again without what was erased, if another program was reading when it was erased.
    #[arg(long, conflicts_with_all = ["person", "district", "list", "readmit", "exports"])]
    sweep: bool,
}

/// What was forgotten, everywhere.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Everywhere {
    /// Whether it was done, or only looked at.
    dry_run: bool,
    /// In the store of rosters.
    roster: Option<Forgotten>,
    /// In the database of accounts.
    accounts: Option<ForgottenAccounts>,
    /// Sessions and what else sign-ins left.
    sessions: u64,
    /// Whether the bytes are gone from the database of accounts.
    accounts_swept: Option<bool>,
    /// Files that hold the person or the district, and files that could not be looked into.
    files: FoundFiles,
}

impl Document for Everywhere {
    const NAME: &'static str = "forget";
    const VERSION: u32 = 3;
}

/// What was forgotten before.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Notes<'a> {
    /// Whether there was a key to check the signatures with.
    checked: bool,
    notes: &'a [Note],
}

impl Document for Notes<'_> {
    const NAME: &'static str = "forget-list";
}

/// Whether the database was written again.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Swept {
    swept: bool,
}

impl Document for Swept {
    const NAME: &'static str = "forget-sweep";
}

/// How many notes kept somebody out until now.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Readmitted {
    readmitted: u64,
}

impl Document for Readmitted {
    const NAME: &'static str = "forget-readmit";
}

/// Forgets, or does what else is asked of the notes.
pub(crate) async fn run(args: &ForgetArgs, ui: &Ui) -> Result<Exit> {
    if args.list {
        return list(args, ui).await;
    }
    if args.sweep {
        return swept(args, ui).await;
    }
    let url = args.store.of(args.district.as_deref()).await?;
    let mut store = url.open_existing().await?;
    if args.readmit {
        return readmit(&mut store, args, ui).await;
    }
    let district = match &args.district {
        // It may be forgotten already, with accounts still to follow.
        Some(named) => named.clone(),
        None => district(&mut store, None).await?,
    };
    let policies = policies(args.policy.as_deref())?;
    let request = ForgetRequest {
        district_id: district,
        person: args.person.clone(),
        keep_out: args.keep_out,
        at_once: args.at_once,
        actor: audit::who(args.by.as_deref())?,
        dry_run: true,
    };
    let asks = !args.dry_run && !args.yes;
    if asks && (ui.json || !std::io::stdin().is_terminal() || !ui.is_read()) {
        return Err(
            Usage::new("this can't be taken back, and there is nobody to ask")
                .hint("look with --dry-run first, then say --yes")
                .into(),
        );
    }
    let key = args.accounts.notes_key(!args.dry_run)?;
    let policy = policies.of(&request.district_id);
    let deed = deed(&request);
    let looked = erase(
        &mut store,
        None,
        &request,
        policy,
        &key,
        &SystemClock,
        &deed,
    )
    .await;
    let known = match looked {
        Ok(looked) => looked,
        // The accounts may have more to forget than the roster.
        Err(EraseError::Roster(
            ForgetError::Unknown { .. } | ForgetError::UnknownDistrict { .. },
        )) if args.accounts.is_named() || !args.exports.is_empty() => Erased::default(),
        Err(error) => return Err(cause(error)).context("nothing was forgotten"),
    };
    let mut people = known
        .roster
        .as_ref()
        .map_or_else(Vec::new, |looked| looked.people.clone());
    people.extend(args.person.clone().filter(|id| !people.contains(id)));
    let files = match args.exports.as_slice() {
        [] => FoundFiles::default(),
        folders => looked_through(&mut store, folders, &request, &people).await?,
    };
    let mut done = Everywhere {
        dry_run: true,
        roster: known.roster,
        accounts: None,
        sessions: 0,
        accounts_swept: None,
        files,
    };
    if args.dry_run || asks {
        if args.dry_run && ui.json {
            ui.document(&done)?;
            return Ok(Exit::Done);
        }
        print(&done, args, ui)?;
        if args.dry_run {
            return Ok(Exit::Done);
        }
        if !agrees(ui)? {
            ui.line("Nothing was forgotten.")?;
            return Ok(Exit::Done);
        }
    }
    let request = ForgetRequest {
        dry_run: false,
        ..request.clone()
    };
    done.dry_run = false;
    if args.accounts.is_named() || done.roster.is_some() {
        let mut accounts = match args.accounts.is_named() {
            true => Some(args.accounts.open(true).await?),
            false => None,
        };
        let accounts = accounts.as_mut();
        let erased = erase(
            &mut store,
            accounts,
            &request,
            policy,
            &key,
            &SystemClock,
            &deed,
        )
        .await;
        let erased = erased.map_err(cause);
        let erased = erased.context("not everything was forgotten: run this again")?;
        done.roster = erased.roster;
        done.accounts = erased.accounts;
        done.sessions = erased.sessions;
        done.accounts_swept = erased.accounts_swept;
    }
    if args.delete_files {
        done.files.delete();
    }
    if ui.json {
        ui.document(&done)?;
    } else {
        print(&done, args, ui)?;
    }
    Ok(if done.files.are_clean() {
        Exit::Done
    } else {
        Exit::Held
    })
}

/// What went wrong itself, for which there may be advice.
fn cause(error: EraseError) -> anyhow::Error {
    match error {
        EraseError::Roster(error) => error.into(),
        EraseError::Accounts(error) => error.into(),
        EraseError::Follow(error) => error.into(),
        error => error.into(),
    }
}

/// What the audit says of it: not who it was.
fn deed(request: &ForgetRequest) -> Deed<'_> {
    Deed {
        district_id: &request.district_id,
        at: SystemClock.now(),
        actor: &request.actor,
        role: audit::ROLE,
        deed: "forget",
        subject: if request.person.is_some() {
            "a person"
        } else {
            "the district"
        },
        reason: "",
        key: None,
    }
}

/// Which files are of the person and the contacts who are known for that person alone, or of the district.
async fn looked_through(
    store: &mut AnyStore,
    folders: &[PathBuf],
    request: &ForgetRequest,
    people: &[String],
) -> Result<FoundFiles> {
    let district = request.district_id.as_str();
    if request.person.is_some() {
        let mut marks = Marks::of_person();
        for id in people {
            marks.id(id);
            let kind = RecordKind::Users;
            if let Some(json) = store.record(district, kind, id).await? {
                marks.record(kind, &json);
            }
        }
        return Ok(files::look(folders, &marks)?.found());
    }
    let marks = of_district(store, district).await?;
    let mut looked = files::look(folders, &marks)?;
    drop(marks);
    for other in store.districts().await? {
        if other != district && looked.rests_on_people() {
            looked.contest(&of_district(store, &other).await?);
        }
    }
    Ok(looked.found())
}

/// What a file of a district is recognised by.
async fn of_district(store: &mut AnyStore, district: &str) -> Result<Marks> {
    let mut marks = Marks::of_district();
    marks.id(district);
    for kind in RecordKind::ALL {
        let mut after = String::new();
        loop {
            let some = store.records_after(district, kind, &after).await?;
            let Some((last, _)) = some.last() else {
                break;
            };
            after.clone_from(last);
            for (id, json) in &some {
                marks.id(id);
                marks.record(kind, json);
            }
        }
    }
    Ok(marks)
}

fn print(done: &Everywhere, args: &ForgetArgs, ui: &Ui) -> Result<()> {
    let verb = if done.dry_run { "would be" } else { "were" };
    match &done.roster {
        Some(roster) => {
            let what = match roster.what {
                Subject::Person if roster.places.len() > 1 => format!(
                    "The person and {}",
                    counted(roster.places.len() as u64 - 1, "contact", "contacts")
                ),
                Subject::Person => "The person".to_owned(),
                Subject::District => format!("District {}", roster.district_id),
            };
            ui.line(format!(
                "{what}: these rows {verb} erased or freed of every trace."
            ))?;
            counts(&roster.counts, ui)?;
            told(roster, ui)?;
        }
        None => ui.line("The roster's store has nothing of it.")?,
    }
    if let Some(accounts) = &done.accounts {
        ui.line(format!(
            "Accounts: {} forgotten, {} of the ledger rewritten, {} ended.",
            counted(accounts.identities, "id", "ids"),
            counted(accounts.entries, "entry", "entries"),
            counted(
                done.sessions,
                "session or row of sign-ins",
                "sessions and rows of sign-ins"
            )
        ))?;
        for account in &accounts.accounts {
            ui.line(format!("Erase what your app has of account {account}."))?;
        }
        for account in &accounts.in_use {
            ui.line(format!(
                "Account {account} is in use still, and keeps what your app told of it."
            ))?;
        }
    } else if !args.accounts.is_named() {
        ui.line("No database of accounts was named (--accounts): none was looked at.")?;
    }
    let (whom, next) = match args.person {
        Some(_) => ("the person", "delete it, or export again"),
        None => ("the district", "delete it"),
    };
    for file in &done.files.deleted {
        let again = match args.person {
            Some(_) => " Write the export that it was part of again.",
            None => "",
        };
        ui.line(format!("Deleted {file}.{again}"))?;
    }
    let files = &done.files;
    for (names, says) in [
        (&files.holding, format!("holds {whom}: {next}")),
        (
            &files.doubtful,
            "may hold the district, or another: look at it".to_owned(),
        ),
        (&files.unread, format!("can't be looked into: {next}")),
    ] {
        for file in names {
            ui.toned(Tone::Doubtful, "file", &format!(" {file} {says}"))?;
        }
    }
    let unswept = done.roster.as_ref().is_some_and(|roster| !roster.is_swept)
        || done.accounts_swept == Some(false);
    if !done.dry_run && unswept {
        ui.toned(
            Tone::Doubtful,
            "not swept",
            ": another program was reading, and old bytes are in the database's file still; run `cleverctl forget --sweep`",
        )?;
    }
    Ok(())
}

fn told(roster: &Forgotten, ui: &Ui) -> Result<()> {
    if let (Some(first), Some(run)) = (roster.notes.first(), roster.run) {
        ui.line(format!(
            "Note {} of it is signed; run {}.",
            grouped(*first),
            grouped(run)
        ))?;
    }
    if !roster.waits_for.is_empty() {
        let readers: Vec<_> = roster
            .waits_for
            .iter()
            .map(|reader| visible(reader))
            .collect();
        ui.line(format!(
            "The last change has the id until these readers have come to it: {}.",
            readers.join(", ")
        ))?;
    }
    Ok(())
}

fn counts(counts: &BTreeMap<String, u64>, ui: &Ui) -> Result<()> {
    let mut table = ui::table(&["What", "Rows"], 1);
    for (what, rows) in counts {
        table.add_row([what.clone(), grouped(*rows)]);
    }
    ui.rows(&table)
}

/// Shows the notes, and checks them.
async fn list(args: &ForgetArgs, ui: &Ui) -> Result<Exit> {
    // The signatures of one district's notes are over each other alone.
    let mut notes = Vec::new();
    for (_, mut store) in args.store.places()?.open_all(Open::Look).await? {
        notes.extend(store.forgotten(args.district.as_deref()).await?);
    }
    let key = args.accounts.notes_key(false);
    let checked = match (&key, notes.is_empty()) {
        (_, true) => true,
        (Ok(key), _) => {
            key.check(&notes)?;
            true
        }
        (Err(_), _) => false,
    };
    if ui.json {
        ui.document(&Notes {
            checked,
            notes: &notes,
        })?;
        return Ok(Exit::Done);
    }
    if notes.is_empty() {
        ui.line("Nothing was forgotten.")?;
        return Ok(Exit::Done);
    }
    let mut table = ui::table(
        &[
            "District", "What", "When", "By", "Kept out", "Digest", "Note", "Run",
        ],
        6,
    );
    for note in &notes {
        table.add_row([
            note.district_id.clone(),
            note.what.as_str().to_owned(),
            note.at.to_string(),
            note.actor.clone(),
            if note.kept_out { "yes" } else { "no" }.to_owned(),
            note.digest.clone(),
            grouped(note.note),
            grouped(note.run),
        ]);
    }
    ui.rows(&table)?;
    ui.line(if checked {
        "Every note is what was written."
    } else {
        "The notes were not checked: there is no key (CLEVER_KEY or --key-file)."
    })?;
    Ok(Exit::Done)
}

async fn swept(args: &ForgetArgs, ui: &Ui) -> Result<Exit> {
    let mut done = true;
    for (_, mut store) in args.store.places()?.open_all(Open::Existing).await? {
        done &= sweep(&mut store).await?;
    }
    if args.accounts.is_named() {
        done &= args.accounts.open(false).await?.sweep().await?;
    }
    if ui.json {
        ui.document(&Swept { swept: done })?;
    } else if done {
        ui.line("The database was rewritten without what was erased.")?;
    } else {
        ui.line("Another program is reading the database: run this again when it is done.")?;
    }
    Ok(if done { Exit::Done } else { Exit::Failed })
}

async fn readmit(store: &mut AnyStore, args: &ForgetArgs, ui: &Ui) -> Result<Exit> {
    let named = match &args.district {
        Some(named) => named.clone(),
        None => district(store, None).await?,
    };
    let district = DistrictId::new(named).context("the district's id can't be used")?;
    let notes = store.readmit(&district, args.person.as_deref()).await?;
    if ui.json {
        ui.document(&Readmitted { readmitted: notes })?;
    } else if notes > 0 {
        ui.line("It may come in again: the next snapshot reads it (`cleverctl sync --full`).")?;
    } else {
        ui.line("Nobody of that id is kept out.")?;
    }
    Ok(Exit::Done)
}

/// Asks whether to do it; everything but a yes is a no.
fn agrees(ui: &Ui) -> Result<bool> {
    ui.prompt("Forget this for good? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
