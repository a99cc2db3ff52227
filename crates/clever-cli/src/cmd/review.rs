//! `cleverctl review`: the accounts that a person must decide about, one after another.
//!
//! Records are shown on the terminal and in `--json` only; they are never written to a log. An answer is a row of the audit, as
//! one on a page is; the audit lies in the store of rosters.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use clever_model::{Clock as _, DistrictId, SystemClock};
use clever_provision::AccountId;
use clever_provision::ledger::{MergeId, ReviewId};
use clever_provision::store::{AccountStore, Answer, OwnedTable, Review};
use serde::{Deserialize, Serialize};

use crate::accounts_at::AccountsAt;
use crate::audit;
use crate::diagnostics::{Exit, Usage};
use crate::settings::StoreUrl;
use crate::ui::{self, Document, Ui};

/// Arguments of `review`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl review --as staff-7            One after another, on a terminal
  cleverctl review approve 12 --account a9 --as staff-7
  cleverctl review decline 12 --as staff-7")]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    place: AccountsAt,
    /// Who decides, as the ledger keeps it: your id in the app, not your name.
    #[arg(long = "as", value_name = "ID", global = true)]
    staff: Option<String>,
    /// The app's tables whose rows belong to accounts (TOML).
    ///
    /// The file is a list `table`; each entry has the name of a `table` and its `unique` columns.
    #[arg(long, value_name = "FILE", global = true)]
    tables: Option<PathBuf>,
    /// The app has no rows that belong to accounts, so that a merge moves none.
    #[arg(long, conflicts_with = "tables", global = true)]
    no_tables: bool,
    /// The store of rosters, whose audit keeps who answered.
    #[arg(
        long,
        env = "CLEVER_STORE",
        hide_env_values = true,
        default_value = "sqlite:clever.db",
        value_name = "URL",
        global = true
    )]
    store: StoreUrl,
    /// What to do; else the list, and on a terminal one after another.
    #[command(subcommand)]
    command: Option<ReviewCommand>,
}

/// What to do with a review.
#[derive(Debug, Subcommand)]
enum ReviewCommand {
    /// Show both records of one review.
    Show {
        /// Its number.
        id: u64,
    },
    /// It is this account: the person enters it from now on.
    Approve {
        /// The review's number.
        id: u64,
        /// The account.
        #[arg(long, value_name = "ID")]
        account: String,
    },
    /// It is none of them; not asked again until something else speaks for one.
    Decline {
        /// The review's number.
        id: u64,
    },
    /// End the reviews that nobody answered in time, and forget their records.
    Expire,
    /// Read the whole ledger again, and hold the tables against it.
    ///
    /// Also that each entry is found from every account and person that it is about.
    Verify,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TablesFile {
    table: Vec<OwnedTable>,
}

impl Document for Review {
    const NAME: &'static str = "review";
}

/// The queue.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Open<'a> {
    reviews: &'a [Review],
}

impl Document for Open<'_> {
    const NAME: &'static str = "reviews";
}

/// What came of an approval: the account that opens now, or the merge of two.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Default, Serialize)]
pub(crate) struct Approved<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    linked: Option<&'a AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<MergeId>,
}

impl<'a> Approved<'a> {
    fn of(answer: &'a Answer) -> Self {
        match answer {
            Answer::Linked(account) => Self {
                linked: Some(account),
                ..Self::default()
            },
            Answer::Merged(merge) => Self {
                merged: Some(*merge),
                ..Self::default()
            },
        }
    }
}

impl Document for Approved<'_> {
    const NAME: &'static str = "review-approve";
}

/// The review that was declined.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Declined {
    declined: u64,
}

impl Document for Declined {
    const NAME: &'static str = "review-decline";
}

/// How many reviews ended unanswered.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Expired {
    expired: u64,
}

impl Document for Expired {
    const NAME: &'static str = "review-expire";
}

/// How many entries of the ledger were read and held.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Verified {
    entries: u64,
}

impl Document for Verified {
    const NAME: &'static str = "review-verify";
}

/// Shows the queue, or answers.
pub(crate) async fn run(args: &ReviewArgs, ui: &Ui) -> Result<Exit> {
    let mut store = args.place.open(false).await?;
    match &args.command {
        None => list(&mut store, args, ui).await?,
        Some(ReviewCommand::Show { id }) => {
            let review = store.review(ReviewId(*id)).await?;
            if ui.json {
                ui.document(&review)?;
            } else {
                show(ui, &review)?;
            }
        }
        Some(ReviewCommand::Approve { id, account }) => {
            let account = AccountId::new(account.as_str());
            let answer = approve(&mut store, args, ReviewId(*id), &account, ui).await?;
            if ui.json {
                ui.document(&Approved::of(&answer))?;
            } else {
                ui.line(said(&answer))?;
            }
        }
        Some(ReviewCommand::Decline { id }) => {
            decline(&mut store, args, ReviewId(*id), ui).await?;
            if ui.json {
                ui.document(&Declined { declined: *id })?;
            } else {
                ui.line("declined: not asked again until something else speaks for it")?;
            }
        }
        Some(ReviewCommand::Expire) => {
            let ended = store.expire(SystemClock.now()).await?;
            if ended > 0 {
                let subject = ui::counted(ended, "question", "questions");
                kept(args, None, "expire", &subject, ui).await;
            }
            if ui.json {
                ui.document(&Expired { expired: ended })?;
            } else {
                ui.line(format!(
                    "{} expired",
                    ui::counted(ended, "review", "reviews")
                ))?;
            }
        }
        Some(ReviewCommand::Verify) => {
            let entries = store.verify().await?;
            if ui.json {
                ui.document(&Verified { entries })?;
            } else {
                ui.line(format!(
                    "{}: the chain holds, and the tables are what it folds to",
                    ui::counted(entries, "entry", "entries")
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Reads the file of the app's tables; without one, no table has rows of accounts.
pub(crate) fn tables_of(path: Option<&Path>) -> Result<Vec<OwnedTable>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    let file: TablesFile =
        toml::from_str(&text).with_context(|| format!("{} can't be used", path.display()))?;
    Ok(file.table)
}

fn staff(args: &ReviewArgs) -> Result<&str> {
    args.staff.as_deref().ok_or_else(|| {
        Usage::new("nobody is named who decides")
            .hint("say who decides with --as ID: the ledger keeps it")
            .into()
    })
}

async fn approve(
    store: &mut AccountStore,
    args: &ReviewArgs,
    id: ReviewId,
    account: &AccountId,
    ui: &Ui,
) -> Result<Answer> {
    let review = store.review(id).await?;
    let merges = review
        .meanwhile
        .as_ref()
        .is_some_and(|meanwhile| meanwhile != account);
    let tables = match &args.tables {
        path @ Some(_) => tables_of(path.as_deref())?,
        None if merges && !args.no_tables => bail!(
            "the person has account {} meanwhile, so this merges two accounts: name the tables whose rows belong to \
             accounts with --tables, or say --no-tables",
            review.meanwhile.as_ref().map_or("", AccountId::as_str)
        ),
        None => Vec::new(),
    };
    let answer = store
        .approve(id, account, staff(args)?, &tables, SystemClock.now())
        .await?;
    let deed = match answer {
        Answer::Linked(_) => "link",
        Answer::Merged(_) => "merge",
    };
    let district = review.district.as_ref();
    kept(args, district, deed, &format!("question {id}"), ui).await;
    Ok(answer)
}

async fn decline(store: &mut AccountStore, args: &ReviewArgs, id: ReviewId, ui: &Ui) -> Result<()> {
    let staff = staff(args)?;
    let review = store.review(id).await?;
    store.decline(id, staff, SystemClock.now()).await?;
    let district = review.district.as_ref();
    kept(args, district, "decline", &format!("question {id}"), ui).await;
    Ok(())
}

/// Writes into the audit what was answered, in the words of the console. An app may have accounts and no roster: then there is
/// no audit, which is said.
async fn kept(
    args: &ReviewArgs,
    district: Option<&DistrictId>,
    deed: &str,
    subject: &str,
    ui: &Ui,
) {
    let (by, district) = (
        args.staff.as_deref(),
        district.map_or("", DistrictId::as_str),
    );
    match args.store.open_existing().await {
        Ok(mut store) => audit::note_by(&mut store, by, district, deed, subject, ui).await,
        Err(error) => audit::unwritten(&error, ui),
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Linked(account) => format!("account {account} is the person's from now on"),
        Answer::Merged(merge) => format!(
            "both accounts are one from now on (merge {merge}; it can be undone for 90 days)"
        ),
    }
}

/// The queue as a table; on a terminal, one after another then.
async fn list(store: &mut AccountStore, args: &ReviewArgs, ui: &Ui) -> Result<()> {
    let open = store.reviews().await?;
    if ui.json {
        return ui.document(&Open { reviews: &open });
    }
    if open.is_empty() {
        return if ui.quiet {
            Ok(())
        } else {
            ui.line("Nothing to review.")
        };
    }
    let mut table = ui::table(
        &[
            "Review",
            "Person",
            "District",
            "Candidates",
            "Has meanwhile",
            "Until",
        ],
        6,
    );
    for review in &open {
        let candidates: Vec<&str> = review.candidates.keys().map(AccountId::as_str).collect();
        table.add_row([
            review.id.to_string(),
            review.user.to_string(),
            review
                .district
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            candidates.join(", "),
            review
                .meanwhile
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            review.expires.to_string().chars().take(10).collect(),
        ]);
    }
    ui.rows(&table)?;
    if ui.quiet || !std::io::stdin().is_terminal() || !ui.is_read() {
        return Ok(());
    }
    for review in &open {
        ui.line("")?;
        show(ui, review)?;
        if !ask(ui, store, args, review).await? {
            break;
        }
    }
    Ok(())
}

/// Asks for an answer until there is one; whether to go on.
async fn ask(
    ui: &Ui,
    store: &mut AccountStore,
    args: &ReviewArgs,
    review: &Review,
) -> Result<bool> {
    let accounts: Vec<&AccountId> = review.candidates.keys().collect();
    loop {
        let choice = match accounts.len() {
            0 => String::new(),
            many => format!("[1-{many}] it is this one   "),
        };
        ui.prompt(&format!("{choice}[d]ecline   [s]kip   [q]uit: "))?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let number = line
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let result = match (line.trim(), number.and_then(|at| accounts.get(at))) {
            (_, Some(account)) => approve(store, args, review.id, account, ui)
                .await
                .map(|answer| said(&answer)),
            ("d", _) => decline(store, args, review.id, ui)
                .await
                .map(|()| "declined".to_owned()),
            ("s", _) => return Ok(true),
            ("q", _) => return Ok(false),
            _ => continue,
        };
        match result {
            Ok(said) => {
                ui.line(said)?;
                return Ok(true);
            }
            // The question stays open; another answer may be possible.
            Err(error) => crate::diagnostics::tell(ui, &error),
        }
    }
}

/// Both records side by side, and what each answer does.
fn show(ui: &Ui, review: &Review) -> Result<()> {
    ui.line(format!(
        "Review {} of person {}, until {}",
        review.id, review.user, review.expires
    ))?;
    let Some(material) = &review.material else {
        return ui.line("The records were erased, or the app gave none.");
    };
    if review.candidates.is_empty() {
        let mut table = ui::table(&["Field", "Person"], 2);
        for (name, value) in &material.person {
            table.add_row([name, value]);
        }
        ui.rows(&table)?;
        return ui.line(
            "No account is named: too many records look alike. `match` with a higher block_limit compares them.",
        );
    }
    for (at, (account, effects)) in review.candidates.iter().enumerate() {
        let candidate = material
            .candidates
            .get(account)
            .cloned()
            .unwrap_or_default();
        let mut table = ui::table(&["Field", "Person", "Account", "Agreement", "Millibits"], 4);
        let names: std::collections::BTreeSet<&String> = material
            .person
            .keys()
            .chain(candidate.account.keys())
            .collect();
        for name in names {
            let value = |all: &std::collections::BTreeMap<String, String>| {
                all.get(name).cloned().unwrap_or_default()
            };
            let says = candidate.fields.get(name);
            table.add_row([
                name.clone(),
                value(&material.person),
                value(&candidate.account),
                says.map(|(agreement, _)| agreement.clone())
                    .unwrap_or_default(),
                says.map(|(_, weight)| weight.to_string())
                    .unwrap_or_default(),
            ]);
        }
        ui.line(format!("{}. account {account}", at + 1))?;
        ui.rows(&table)?;
        if let Some(millibits) = candidate.millibits {
            ui.line(format!("   together: {millibits} millibits"))?;
        }
        if let Some(of) = &candidate.of {
            ui.line(format!(
                "   careful: it is district {of}'s; whether the child moved is for both districts to say"
            ))?;
        }
        if candidate.sibling_known {
            ui.line("   careful: another person of that family and birthday is known")?;
        }
        let mut does = match &review.meanwhile {
            Some(meanwhile) if meanwhile != account => vec![format!(
                "merges it with account {meanwhile}, which the person has meanwhile"
            )],
            _ => vec!["lets the person in".to_owned()],
        };
        if effects.revoke_sessions_before.is_some() {
            does.push("ends its sessions and tells its holder".to_owned());
        }
        if !effects.quarantine.is_empty() {
            does.push(format!(
                "closes {}",
                ui::counted(
                    effects.quarantine.len() as u64,
                    "way in that nobody proved",
                    "ways in that nobody proved"
                )
            ));
        }
        ui.line(format!("   approving {}", does.join("; ")))?;
    }
    Ok(())
}
