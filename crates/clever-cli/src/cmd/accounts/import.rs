//! `cleverctl accounts import`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clever_model::{Clock as _, DistrictId, SystemClock};
use clever_provision::import::{Column, CustodyWord, Defaults, read_row};
use clever_provision::store::{AccountStore, AccountsError, Facts, Refusal};
use clever_provision::{Account, Class};
use clever_sql::{Address, Backend as _, Database, Open, Value};
use serde::Serialize;

use crate::diagnostics::{Exit, Usage};
use crate::ui::{self, Document, Ui};

/// Accounts that are written in one transaction.
const BATCH: usize = 200;
/// Rows that are named of those that were not taken over.
const SHOWN: usize = 20;

/// Arguments of `accounts import`.
#[derive(Debug, Args)]
#[group(id = "source", required = true, args = ["csv", "query"])]
pub(super) struct ImportArgs {
    /// A CSV file whose header names the columns.
    ///
    /// The columns are account, class, custody, state, last_used, clever_id, sis_id, student_number, state_id,
    /// first_name, last_name, birth, email. Others are left out.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// A query on the app's database; --columns names what it yields.
    ///
    /// Its values must be texts or whole numbers: cast dates and the like to text.
    #[arg(long, value_name = "SQL", requires_all = ["from", "columns"])]
    query: Option<String>,
    /// The app's database, for --query.
    ///
    /// It is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. Put an address that contains a password in
    /// CLEVER_IMPORT_FROM.
    #[arg(
        long,
        env = "CLEVER_IMPORT_FROM",
        hide_env_values = true,
        value_name = "URL"
    )]
    from: Option<String>,
    /// The columns in their order, as in `account,class,first_name`.
    ///
    /// Needed for a query; for a file it stands in place of the header. `-` leaves a column out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Whose accounts they are, for rows that do not say it.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<Class>,
    /// Who governs them, for rows that do not say it.
    ///
    /// `personal` (somebody signed up; this is the default), `managed` (the district does, and they were entered) or
    /// `unclaimed` (the district does, and nobody ever entered them).
    #[arg(long, value_name = "WORD")]
    custody: Option<CustodyWord>,
    /// The district that their holders are of.
    #[arg(long, value_name = "ID")]
    district: Option<DistrictId>,
    /// Say what would be taken over; write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn class(text: &str) -> Result<Class, String> {
    match text {
        "student" => Ok(Class::Student),
        "employee" => Ok(Class::Employee),
        "contact" => Ok(Class::Contact),
        _ => Err("a class is student, employee or contact".to_owned()),
    }
}

/// A row that was not taken over. No value is in it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    /// Its number, from 1; the header is none.
    row: usize,
    why: String,
}

/// What came of an import.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    rows: usize,
    imported: u64,
    /// Accounts that were there; what is known of their holders was renewed.
    known: u64,
    refused: Vec<Refused>,
    /// Values that could not be read and were left out, by column, and the first row that has one.
    unread: BTreeMap<Column, (u64, usize)>,
    /// Columns of the file that mean nothing here.
    ignored: Vec<String>,
    dry_run: bool,
}

impl Document for Report {
    const NAME: &'static str = "accounts-import";
}

/// Takes accounts over.
pub(super) async fn run(accounts: &mut AccountStore, args: &ImportArgs, ui: &Ui) -> Result<Exit> {
    let mut report = Report {
        dry_run: args.dry_run,
        ..Report::default()
    };
    let rows = match (&args.csv, &args.query) {
        (Some(path), _) => of_file(path, args, &mut report)?,
        (None, Some(sql)) => of_query(sql, args).await?,
        (None, None) => return Err(Usage::new("name a source: --csv or --query").into()),
    };
    report.rows = rows.len();
    let defaults = Defaults {
        class: args.class,
        custody: args.custody,
        district: args.district.clone(),
    };
    let mut seen = BTreeSet::new();
    let mut ready: Vec<(usize, (Account, Facts))> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let cells = row.iter().map(|(column, text)| (*column, text.as_str()));
        match read_row(cells, &defaults) {
            Ok(read) if seen.insert(read.account.id.clone()) => {
                for column in read.unread {
                    let (many, _) = report.unread.entry(column).or_insert((0, at + 1));
                    *many += 1;
                }
                ready.push((at + 1, (read.account, read.facts)));
            }
            Ok(_) => report.refuse(at + 1, "an account of this id stands in a row before"),
            Err(error) => report.refuse(at + 1, error.to_string()),
        }
    }
    for batch in ready.chunks(BATCH) {
        write(accounts, batch, args.dry_run, &mut report).await?;
    }
    report.refused.sort_by_key(|refused| refused.row);
    let exit = if report.rows > 0 && report.imported + report.known == 0 {
        Exit::Failed
    } else {
        Exit::Done
    };
    if ui.json {
        ui.document(&report)?;
    } else {
        say(ui, &report)?;
    }
    Ok(exit)
}

/// Writes some accounts; those that are there only have their facts renewed.
async fn write(
    accounts: &mut AccountStore,
    batch: &[(usize, (Account, Facts))],
    dry_run: bool,
    report: &mut Report,
) -> Result<()> {
    let mut new = Vec::new();
    for (row, (account, facts)) in batch {
        if accounts.account(&account.id).await?.is_some() {
            report.known += 1;
            if !dry_run {
                accounts.remember_own(&account.id, facts.clone()).await?;
            }
        } else {
            new.push((*row, (account.clone(), facts.clone())));
        }
    }
    if dry_run {
        report.imported += new.len() as u64;
        return Ok(());
    }
    let now = SystemClock.now();
    let all: Vec<(Account, Facts)> = new.iter().map(|(_, one)| one.clone()).collect();
    match accounts.import_known(&all, now).await {
        Ok(()) => report.imported += all.len() as u64,
        // One of them can't be: which, is found one by one.
        Err(AccountsError::Refused(Refusal::Impossible(_))) => {
            for (row, one) in new {
                match accounts.import_known(&[one], now).await {
                    Ok(()) => report.imported += 1,
                    Err(AccountsError::Refused(Refusal::Impossible(why))) => {
                        report.refuse(row, why.to_string());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

impl Report {
    fn refuse(&mut self, row: usize, why: impl Into<String>) {
        self.refused.push(Refused {
            row,
            why: why.into(),
        });
    }
}

type Row = Vec<(Column, String)>;

/// What the named columns are; `None` for one that is left out.
fn named(names: &[String]) -> Result<Vec<Option<Column>>> {
    let mut seen = BTreeSet::new();
    let columns = names.iter().map(|name| {
        let name = name.trim();
        if name == "-" {
            return Ok(None);
        }
        let column: Column = name.parse().map_err(|()| {
            let known: Vec<&str> = Column::ALL.iter().map(|one| one.as_str()).collect();
            Usage::new(format!("there is no column `{name}`"))
                .hint(format!("the columns are {}", known.join(", ")))
        })?;
        if !seen.insert(column) {
            return Err(Usage::new(format!("the column `{name}` is named twice")).into());
        }
        Ok(Some(column))
    });
    columns.collect()
}

fn of_file(path: &Path, args: &ImportArgs, report: &mut Report) -> Result<Vec<Row>> {
    let failed = || format!("could not read {}", path.display());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .with_context(failed)?;
    let header = reader.headers().with_context(failed)?.clone();
    let columns = match &args.columns {
        Some(names) => named(names)?,
        None => {
            let mut seen = BTreeSet::new();
            let mut columns = Vec::new();
            for name in &header {
                let column: Option<Column> =
                    name.trim_start_matches('\u{feff}').trim().parse().ok();
                match column {
                    Some(column) if !seen.insert(column) => {
                        return Err(Usage::new(format!(
                            "{} has two columns `{column}`: which one is meant is not known",
                            path.display()
                        ))
                        .into());
                    }
                    None => report.ignored.push(name.to_owned()),
                    Some(_) => {}
                }
                columns.push(column);
            }
            columns
        }
    };
    if !columns.contains(&Some(Column::Account)) {
        return Err(
            Usage::new(format!("{} has no column `account`", path.display()))
                .hint("name its columns with --columns; is it separated by commas, and UTF-8?")
                .into(),
        );
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(failed)?;
        let cells = columns.iter().zip(record.iter());
        rows.push(
            cells
                .filter_map(|(column, text)| Some(((*column)?, text.to_owned())))
                .collect(),
        );
    }
    Ok(rows)
}

async fn of_query(sql: &str, args: &ImportArgs) -> Result<Vec<Row>> {
    let columns = named(args.columns.as_deref().unwrap_or_default())?;
    let address = Address::parse(args.from.as_deref().unwrap_or_default())?;
    let mut db = Database::open(&address, Open::Look).await?;
    let found = db.query(sql, &[]).await.context(
        "the query on the app's database failed; dates and the like must be cast to text",
    )?;
    let rows = found.into_iter().map(|row| {
        if row.0.len() != columns.len() {
            return Err(Usage::new(format!(
                "the query has {} columns, and --columns names {}",
                row.0.len(),
                columns.len()
            ))
            .into());
        }
        let cells = columns.iter().zip(row.0);
        Ok(cells
            .filter_map(|(column, value)| Some(((*column)?, text(value))))
            .collect())
    });
    rows.collect()
}

fn text(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.into_owned(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

fn say(ui: &Ui, report: &Report) -> Result<()> {
    let would = if report.dry_run { "would be " } else { "" };
    ui.line(format!(
        "{} read: {} {would}taken over, {} known before, {} refused.",
        ui::counted(report.rows as u64, "row", "rows"),
        ui::grouped(report.imported),
        ui::grouped(report.known),
        ui::grouped(report.refused.len() as u64)
    ))?;
    for (column, (many, first)) in &report.unread {
        ui.line(format!(
            "{column}: {} could not be read and was left out, first in row {first}",
            ui::counted(*many, "value", "values")
        ))?;
    }
    for refused in report.refused.iter().take(SHOWN) {
        ui.line(format!("row {}: {}", refused.row, refused.why))?;
    }
    if report.refused.len() > SHOWN {
        ui.line("… and more; --json lists all of them")?;
    }
    if !report.ignored.is_empty() {
        ui.line(format!("Columns left out: {}", report.ignored.join(", ")))?;
    }
    Ok(())
}
