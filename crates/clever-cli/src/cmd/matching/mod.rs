//! `cleverctl match`: which rows of two files of people, or of one, are the same person's?
//!
//! What it writes holds ids and weights; only the review file holds personal data, and only its owner may
//! read that.

mod table;
mod written;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use clever_provision::linkage::{
    ColumnReading, DateForm, Kind, Linkage, Links, MatchConfig, Model, Nicknames, PeopleBuilder,
    Run, Side, Verdict,
};
use csv::StringRecord;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::progress;
use crate::signals::leave_nothing_half_written;
use crate::ui::{self, Ui, grouped};
use crate::writing::write_whole;
use table::{Separator, Table};

pub(crate) use table::TableError;

/// Arguments of `match`.
#[derive(Debug, Args)]
#[command(after_help = "\
The configuration names the columns; the same names on both sides need no mapping:

  left = { id = \"account\" }
  right = { id = \"clever_id\" }
  [[field]]
  name = \"sis\"
  kind = \"sis_id\"
  left = \"student_code\"
  scope = { left = \"district\", right = \"district\" }
  [[field]]
  name = \"first\"
  kind = \"given_name\"

Kinds: given_name, family_name, date, sis_id, student_number, state_id, id, email, grade, code, text.
Match weights are in millibits: 1,000 for each doubling of the odds.")]
pub(crate) struct MatchArgs {
    /// The app's accounts, as CSV with a header.
    #[arg(long, value_name = "FILE")]
    left: PathBuf,
    /// The people to find accounts for, as CSV with a header.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "dedupe",
        conflicts_with = "dedupe"
    )]
    right: Option<PathBuf>,
    /// The fields to compare, as TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the links go, as CSV; with --dedupe the clusters.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where both records of what a person must look at go, side by side. Holds personal data.
    #[arg(long, value_name = "FILE")]
    review: Option<PathBuf>,
    /// The frozen model to use; with --train, where the new one goes.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Train a model on these files, without labels. So it is also where no model is named.
    #[arg(long)]
    train: bool,
    /// Find who is in the left file more than once.
    #[arg(long)]
    dedupe: bool,
    /// With --dedupe: join two rows from this weight on, in millibits; else where a link is automatic.
    #[arg(
        long,
        value_name = "MILLIBITS",
        requires = "dedupe",
        allow_hyphen_values = true
    )]
    least: Option<i32>,
    /// What separates the columns of both files: one character, or `tab`; else a comma.
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<Separator>,
    /// What separates the columns of the right file, where that is another.
    #[arg(long, value_name = "CHARACTER", conflicts_with = "dedupe")]
    right_delimiter: Option<Separator>,
    /// How many of a column's dates may be in a form that can't be read, in percent; such a date is absent.
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 10,
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    allow_unread: u8,
    /// Short forms of names, beside the common ones: a line a name, the name first, comma-separated.
    #[arg(long, value_name = "FILE")]
    nicknames: Option<PathBuf>,
    /// Threads to work on; else all. Results don't depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
struct Summary {
    left: usize,
    right: usize,
    trained: bool,
    columns: Vec<ColumnSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<LinkSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<ClusterSummary>,
}

/// How a column was read, without its values.
#[derive(Debug, Serialize)]
struct ColumnSummary {
    file: String,
    field: String,
    column: String,
    /// Values that it has.
    told: usize,
    /// Those that stand for none: `Unknown`, `N/A`, 1900-01-01.
    placeholders: usize,
    /// Those that can't be read.
    unread: usize,
    /// The line of the first that can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_unread_line: Option<u64>,
    /// In what form dates were read, where that had to be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct LinkSummary {
    auto: usize,
    review: usize,
    create: usize,
    /// How many of the automatic links are false, as the weights expect it.
    expected_false: f64,
    /// Why people must look, and how often.
    doubts: BTreeMap<String, usize>,
    /// For whom a block was too large to be read.
    cut: usize,
}

#[derive(Debug, Serialize)]
struct ClusterSummary {
    clusters: usize,
    records: usize,
    /// Pairs that may be one person's, those for review among them.
    pairs: usize,
    /// Records that a person must look at.
    review: usize,
    /// Why, and how often.
    doubts: BTreeMap<String, usize>,
    /// For which records a block was too large to be read.
    cut: usize,
}

/// Matches, and writes what it found.
pub(crate) fn run(args: &MatchArgs, ui: &Ui) -> Result<Exit> {
    leave_nothing_half_written();
    let text = std::fs::read_to_string(&args.config)
        .with_context(|| format!("could not read {}", args.config.display()))?;
    let config: MatchConfig = toml::from_str(&text)
        .with_context(|| format!("{} can't be used", args.config.display()))?;
    let mut people = PeopleBuilder::new(config.clone())
        .with_context(|| format!("{} can't be used", args.config.display()))?;
    let left = args.left_file();
    load(&mut people, &config, Side::Left, left, ui)?;
    let right = args.right_file();
    if let Some(right) = right {
        load(&mut people, &config, Side::Right, right, ui)?;
    }
    let columns = columns(args, &config, &people.readings())?;
    if !ui.quiet {
        for column in &columns {
            column.notes().into_iter().for_each(|line| ui.note(line));
        }
    }
    let linkage = Linkage::with_nicknames(people.finish()?, nicknames(args.nicknames.as_deref())?);
    let (model, trained) = model(args, &linkage, ui)?;
    let mut summary = Summary {
        left: linkage.people().len(Side::Left),
        right: linkage.people().len(Side::Right),
        trained,
        columns,
        links: None,
        clusters: None,
    };
    if args.dedupe {
        let least = args.least.unwrap_or(config.decide.auto);
        let clusters = working(args, ui, "comparing", summary.left, |run| {
            linkage.clusters(&model, least, run)
        })
        .context("the model does not fit")?;
        written::clusters(&args.out, &clusters)?;
        if let Some(review) = &args.review {
            written::review(review, &config, &clusters.review, left, (left, Side::Left))?;
        }
        summary.clusters = Some(ClusterSummary {
            clusters: clusters.all.len(),
            records: clusters
                .all
                .iter()
                .map(|one| clusters.ids(one).count())
                .sum(),
            pairs: clusters.pairs.len(),
            review: clusters.review.all.len(),
            doubts: doubts(&clusters.review)?,
            cut: cut(&clusters.review),
        });
    } else {
        let links = working(args, ui, "comparing", summary.right, |run| {
            linkage.link(&model, run)
        })
        .context("the model does not fit")?;
        written::links(&args.out, &config, &links)?;
        if let (Some(review), Some(right)) = (&args.review, right) {
            written::review(review, &config, &links, left, (right, Side::Right))?;
        }
        summary.links = Some(LinkSummary {
            auto: links.count(Verdict::Auto),
            review: links.count(Verdict::Review),
            create: links.count(Verdict::Create),
            expected_false: links.expected_false(),
            doubts: doubts(&links)?,
            cut: cut(&links),
        });
    }
    if ui.json {
        ui.document(&summary)?;
    } else {
        print(ui, args, &summary)?;
    }
    Ok(Exit::Done)
}

fn doubts(links: &Links<'_>) -> Result<BTreeMap<String, usize>> {
    let mut all = BTreeMap::new();
    for doubt in links.all.iter().filter_map(|link| link.doubt) {
        *all.entry(word(doubt)?).or_default() += 1;
    }
    Ok(all)
}

fn cut(links: &Links<'_>) -> usize {
    links.all.iter().filter(|link| link.cut).count()
}

/// A file, and what separates its columns.
type SeparatedFile<'a> = (&'a Path, Separator);

impl MatchArgs {
    fn left_file(&self) -> SeparatedFile<'_> {
        (&self.left, self.delimiter.unwrap_or_default())
    }

    fn right_file(&self) -> Option<SeparatedFile<'_>> {
        let separator = self.right_delimiter.or(self.delimiter);
        self.right
            .as_deref()
            .map(|right| (right, separator.unwrap_or_default()))
    }
}

/// How the columns were read.
///
/// # Errors
///
/// [`TableError::Unread`] where too many dates of a column were not.
fn columns(
    args: &MatchArgs,
    config: &MatchConfig,
    readings: &[ColumnReading],
) -> Result<Vec<ColumnSummary>> {
    let mut all = Vec::new();
    for reading in readings {
        let file = match reading.side {
            Side::Left => args.left_file(),
            Side::Right => args.right_file().context("no right file was read")?,
        };
        let line = match reading.first_unread {
            Some(record) => Some(Table::open(file, config, reading.side)?.line_of(record)?),
            None => None,
        };
        let column = ColumnSummary {
            file: file.0.display().to_string(),
            field: reading.field.clone(),
            column: reading.column.clone(),
            told: reading.told,
            placeholders: reading.placeholders,
            unread: reading.unread,
            first_unread_line: line,
            dates: reading.dates.map(|form| match form {
                DateForm::DayFirst => "day_first",
                DateForm::Serial => "spreadsheet_number",
            }),
        };
        // A grade is the weakest evidence and has many spellings: that is said, and stops nothing.
        let is_date = reading.kind == Kind::Date;
        if is_date && reading.unread * 100 > reading.told * usize::from(args.allow_unread) {
            return Err(TableError::Unread(column.unread()).into());
        }
        all.push(column);
    }
    Ok(all)
}

impl ColumnSummary {
    fn name(&self) -> String {
        if self.field == self.column {
            format!("{}, {}", self.file, self.field)
        } else {
            format!("{}, {} (column `{}`)", self.file, self.field, self.column)
        }
    }

    fn unread(&self) -> String {
        let line = self.first_unread_line.unwrap_or_default();
        format!(
            "{}: {} of {} not read, e.g. line {line}",
            self.name(),
            grouped(self.unread as u64),
            grouped(self.told as u64)
        )
    }

    /// What a person should know of it.
    fn notes(&self) -> Vec<String> {
        let name = self.name();
        let mut all = Vec::new();
        if self.told == 0 {
            all.push(format!("{name}: no row has a value"));
        }
        if self.unread > 0 {
            all.push(self.unread());
        }
        if self.placeholders > 0 {
            all.push(format!(
                "{name}: {} of {} stand for no value, as `Unknown` or `N/A` does",
                grouped(self.placeholders as u64),
                grouped(self.told as u64)
            ));
        }
        match self.dates {
            Some("day_first") => all.push(format!("{name}: read with the day before the month")),
            Some(_) => all.push(format!("{name}: read as a spreadsheet's numbers of days")),
            None => {}
        }
        all
    }
}

fn print(ui: &Ui, args: &MatchArgs, summary: &Summary) -> Result<()> {
    if let Some(links) = &summary.links {
        let mut table = ui::table(&["Decision", "People"], 1);
        for (word, number) in [
            ("auto", links.auto),
            ("review", links.review),
            ("create", links.create),
        ] {
            table.add_row([word.to_owned(), grouped(number as u64)]);
        }
        ui.rows(&table)?;
        print_doubts(ui, &links.doubts, links.cut)?;
        ui.line(format!(
            "false among the automatic ones, by their weights: {:.4}",
            links.expected_false
        ))?;
    }
    if let Some(clusters) = &summary.clusters {
        ui.line(format!(
            "{} of {} are {}",
            ui::counted(clusters.records as u64, "row", "rows"),
            grouped(summary.left as u64),
            ui::counted(clusters.clusters as u64, "person", "people"),
        ))?;
        print_doubts(ui, &clusters.doubts, clusters.cut)?;
        if clusters.review > 0 && args.review.is_none() {
            ui.line("  --review FILE lists them side by side")?;
        }
    }
    ui.line(format!("wrote {}", args.out.display()))?;
    if let Some(review) = &args.review {
        ui.line(format!("wrote {} (personal data)", review.display()))?;
    }
    Ok(())
}

fn print_doubts(ui: &Ui, doubts: &BTreeMap<String, usize>, cut: usize) -> Result<()> {
    for (doubt, number) in doubts {
        ui.line(format!(
            "  for review because of {doubt}: {}",
            grouped(*number as u64)
        ))?;
    }
    if cut > 0 {
        ui.line(format!(
            "  blocks were too large to be read for {}; raise block_limit to read them",
            ui::counted(cut as u64, "person", "people")
        ))?;
    }
    Ok(())
}

/// A unit variant's name, as it is written in files.
fn word(value: impl Serialize) -> Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}

/// Works with a bar that counts records.
fn working<T>(
    args: &MatchArgs,
    ui: &Ui,
    what: &str,
    total: usize,
    work: impl FnOnce(&Run<'_>) -> T,
) -> T {
    let bar = progress::counting(ui, what, total as u64);
    let done = AtomicUsize::new(0);
    let tell = |records| {
        bar.set_position((done.fetch_add(records, Ordering::Relaxed) + records) as u64);
    };
    let mut run = Run {
        progress: &tell,
        ..Run::default()
    };
    if let Some(threads) = args.threads {
        run.threads = threads;
    }
    let result = work(&run);
    bar.finish_and_clear();
    result
}

/// Reads the model that is named, or trains one; whether it was trained.
fn model(args: &MatchArgs, linkage: &Linkage, ui: &Ui) -> Result<(Model, bool)> {
    match &args.model {
        Some(path) if !args.train => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}; --train makes it", path.display()))?;
            let model =
                toml::from_str(&text).with_context(|| format!("{} is no model", path.display()))?;
            Ok((model, false))
        }
        path => {
            let people = linkage.people();
            let side = if args.dedupe { Side::Left } else { Side::Right };
            let model = working(args, ui, "training", people.len(side), |run| {
                if args.dedupe {
                    linkage.train_within(run)
                } else {
                    linkage.train(run)
                }
            });
            if let Some(path) = path {
                let text = toml::to_string(&model).context("the model could not be written")?;
                write_whole(path, |file| Ok(file.write_all(text.as_bytes())?))?;
            }
            Ok((model, true))
        }
    }
}

fn nicknames(path: Option<&Path>) -> Result<Nicknames> {
    let mut all = Nicknames::default();
    let Some(path) = path else {
        return Ok(all);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    for line in text.lines() {
        let names: Vec<String> = line
            .split(',')
            .map(|name| name.trim().to_lowercase())
            .collect();
        all.add(
            names
                .iter()
                .map(String::as_str)
                .filter(|name| !name.is_empty()),
        );
    }
    Ok(all)
}

fn load(
    people: &mut PeopleBuilder,
    config: &MatchConfig,
    side: Side,
    file: SeparatedFile<'_>,
    ui: &Ui,
) -> Result<()> {
    let mut table = Table::open(file, config, side)?;
    let size = std::fs::metadata(file.0).map_or(0, |file| file.len());
    let bar: ProgressBar = progress::reading(ui, &table.name, size);
    let mut record = StringRecord::new();
    let mut records = 0_u64;
    while table.next(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let value = |at: &usize| record.get(*at).unwrap_or_default();
        people
            .push(side, value(&table.id), table.columns.iter().map(value))
            .with_context(|| format!("{}, line {line}", table.name))?;
        records += 1;
        if records.is_multiple_of(4096) {
            bar.set_position(record.position().map_or(0, csv::Position::byte));
        }
    }
    bar.finish_and_clear();
    if records == 0 {
        bail!("{} has no rows under its header", table.name);
    }
    Ok(())
}
