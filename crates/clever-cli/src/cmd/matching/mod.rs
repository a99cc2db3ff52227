//! `cleverctl match`: which rows of two files of people, or of one, are the same person's?
//!
//! What it writes holds ids and weights; only the review file holds personal data, and only its owner may
//! read that.

mod columns;
mod config;
mod decided;
mod landing;
mod roll;
mod table;
mod written;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use clever_linkage::{Linkage, Model, Nicknames, Pair, PeopleBuilder, Run, Side};
use clever_model::Clock as _;
use clever_model::SystemClock;
use clever_provision::duplicates;
use clever_provision::store::AccountStore;
use csv::StringRecord;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::progress;
use crate::signals::leave_nothing_half_written;
use crate::ui::{self, Document, Ui, grouped};
use crate::vault::VaultArgs;
use crate::writing::write_whole;
use columns::ColumnSummary;
use config::MatchFile;
use decided::Shown;
use landing::Landed;
use roll::Roll;
use table::{SeparatedFile, Separator, Table};

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

Only accounts that the person's district governs are linked. The columns that say so:

  reach = { left = \"managed_by\", right = \"district\" }
  class = { left = \"kind\", right = \"role\" }   # or \"student\" for all

What is linked without a person's word, and from which weight on:

  [decide]
  managed_auto = true
  score_auto = true
  rare_names_auto = true
  another_name_auto = true
  auto = 26000
  margin = 6000

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
    /// Where the decisions go, as CSV; with --dedupe the clusters.
    #[arg(long, value_name = "FILE", required_unless_present = "accounts")]
    out: Option<PathBuf>,
    /// The database of accounts that the links and the open questions go into: `sqlite:PATH` or
    /// `postgres://USER@HOST/DATABASE`. It says who governs which account; `cleverctl review` answers the questions.
    #[arg(long, value_name = "URL", conflicts_with = "dedupe")]
    accounts: Option<String>,
    #[command(flatten)]
    vault: VaultArgs,
    /// Where both records of what a person must look at go, side by side. Holds personal data.
    #[arg(long, value_name = "FILE")]
    review: Option<PathBuf>,
    /// The frozen model to use; with --train, where the new one goes.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Train a model on these files, without labels. So it is also if no model is named.
    #[arg(long)]
    train: bool,
    /// Find who is in the left file more than once.
    #[arg(long)]
    dedupe: bool,
    /// With --dedupe: join two rows from this weight on, in millibits; else from `decide.auto` on.
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
    /// What separates the columns of the right file, if that is another.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    left: usize,
    right: usize,
    trained: bool,
    columns: Vec<ColumnSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<LinkSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<ClusterSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    landed: Option<Landed>,
}

impl Document for Summary {
    const NAME: &'static str = "match";
}

#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct LinkSummary {
    /// How often each decision was made, by its name.
    decisions: BTreeMap<String, usize>,
    /// How many of the new links are false, as the weights expect it.
    expected_false: f64,
    /// Why people must look, and how often.
    doubts: BTreeMap<String, usize>,
    /// For whom a block was too large to be read.
    cut: usize,
}

#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct ClusterSummary {
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

/// Matches, decides, and writes what was decided.
pub(crate) async fn run(args: &MatchArgs, ui: &Ui) -> Result<Exit> {
    leave_nothing_half_written();
    let text = std::fs::read_to_string(&args.config)
        .with_context(|| format!("could not read {}", args.config.display()))?;
    let unusable = || format!("{} can't be used", args.config.display());
    let file = MatchFile::parse(&text).with_context(unusable)?;
    let mut store = match &args.accounts {
        Some(address) => Some(args.open(address, &file).await?),
        None => None,
    };
    let mut people = PeopleBuilder::new(file.compared(args.least)).with_context(unusable)?;
    let mut roll = Roll::new(&file, store.is_some());
    let left = args.left_file();
    load(&mut people, &mut roll, &file, Side::Left, left, ui)?;
    let right = args.right_file();
    if let Some(right) = right {
        load(&mut people, &mut roll, &file, Side::Right, right, ui)?;
    }
    let files = [Some(left), right];
    let columns = columns::columns(files, &file, &people.readings(), args.allow_unread)?;
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
        landed: None,
    };
    match right {
        None => dedupe(args, &file, &linkage, &model, &roll, ui, &mut summary)?,
        Some(right) => {
            let files = [left, right];
            let work = Work {
                args,
                file: &file,
                linkage: &linkage,
                model: &model,
                roll: &roll,
                ui,
            };
            work.link(files, store.as_mut(), &mut summary).await?;
        }
    }
    if ui.json {
        ui.document(&summary)?;
    } else {
        print(ui, args, &summary)?;
    }
    Ok(Exit::Done)
}

/// What the matching of two files needs.
struct Work<'a> {
    args: &'a MatchArgs,
    file: &'a MatchFile,
    linkage: &'a Linkage,
    model: &'a Model,
    roll: &'a Roll,
    ui: &'a Ui,
}

impl Work<'_> {
    async fn link(
        &self,
        files: [SeparatedFile<'_>; 2],
        store: Option<&mut AccountStore>,
        summary: &mut Summary,
    ) -> Result<()> {
        let Self {
            args, file, roll, ..
        } = *self;
        let comparison = working(args, self.ui, "comparing", summary.right, |run| {
            self.linkage.compare(self.model, run)
        })
        .context("the model does not fit")?;
        let (policy, now) = (file.policy(None), SystemClock.now());
        let (decided, landed) = match store {
            None => (decided::by_files(&comparison, roll, &policy, now), None),
            Some(store) => {
                let of = (file, files[0]);
                let decided = landing::by_store(store, &comparison, of, roll, &policy, now).await?;
                let of = (file, files);
                let landed =
                    landing::land(store, &comparison, of, roll, &decided, &policy, now).await?;
                (decided, Some(landed))
            }
        };
        let shown = decided::shown(&comparison, &decided, file.shown())?;
        if let Some(out) = &args.out {
            written::decisions(out, file, &comparison, &shown)?;
        }
        if let Some(review) = &args.review {
            let right = (files[1], Side::Right);
            written::review(review, file, &comparison, &shown, files[0], right)?;
        }
        let linked = shown.iter().filter_map(|one| one.linked.as_ref());
        summary.links = Some(LinkSummary {
            decisions: decided::decisions(&shown),
            // The sum of nothing is -0.0.
            expected_false: linked
                .map(Pair::chance_of_error)
                .fold(0.0, |sum, one| sum + one),
            doubts: decided::doubts(&shown),
            cut: comparison.all.iter().filter(|one| one.cut).count(),
        });
        summary.landed = landed;
        Ok(())
    }
}

/// Finds who is in the left file more than once.
fn dedupe(
    args: &MatchArgs,
    file: &MatchFile,
    linkage: &Linkage,
    model: &Model,
    roll: &Roll,
    ui: &Ui,
    summary: &mut Summary,
) -> Result<()> {
    let comparison = working(args, ui, "comparing", summary.left, |run| {
        linkage.compare_within(model, run)
    })
    .context("the model does not fit")?;
    let holder = |record: usize| {
        let id = format!("record-{record}");
        let subject = roll.subject(Side::Left, record, &id)?;
        Some((subject, roll.account(Side::Left, record, &id)?))
    };
    let policy = file.policy(args.least);
    let found = duplicates::find(&comparison, holder, &policy, SystemClock.now());
    let unsure = found.unsure.iter();
    let shown: Result<Vec<Shown>> = unsure
        .map(|one| decided::shown_again(one, file.shown()))
        .collect();
    let shown = shown?;
    if let Some(out) = &args.out {
        written::clusters(out, &found.clusters)?;
    }
    if let Some(review) = &args.review {
        let left = args.left_file();
        written::review(review, file, &comparison, &shown, left, (left, Side::Left))?;
    }
    summary.clusters = Some(ClusterSummary {
        clusters: found.clusters.len(),
        records: found.clusters.iter().map(|one| one.ids.len()).sum(),
        pairs: comparison.all.iter().map(|one| one.pairs.len()).sum(),
        review: shown.len(),
        doubts: decided::doubts(&shown),
        cut: comparison.all.iter().filter(|one| one.cut).count(),
    });
    Ok(())
}

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

    /// Opens the store of accounts, for which the configuration must say whose roster the people are in.
    async fn open(&self, address: &str, file: &MatchFile) -> Result<AccountStore> {
        let config = self.config.display();
        ensure!(
            file.reach(Side::Right).is_some(),
            "{config} does not say which column has a person's district: add `reach = {{ left = …, right = … }}`"
        );
        ensure!(
            file.says_class(),
            "{config} does not say what sort of people they are: add `class = \"student\"`, or the columns that say it"
        );
        AccountStore::open(address, self.vault.key(false)?)
            .await
            .context("could not open the accounts")
    }
}

fn print(ui: &Ui, args: &MatchArgs, summary: &Summary) -> Result<()> {
    if let Some(links) = &summary.links {
        let mut table = ui::table(&["Decision", "People"], 1);
        for (word, number) in &links.decisions {
            table.add_row([word.replace('_', " "), grouped(*number as u64)]);
        }
        ui.rows(&table)?;
        print_doubts(ui, &links.doubts, links.cut)?;
        ui.line(format!(
            "false among the links, by their weights: {:.4}",
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
    if let Some(landed) = &summary.landed {
        print_landed(ui, landed)?;
    }
    if let Some(out) = &args.out {
        ui.line(format!("wrote {}", out.display()))?;
    }
    if let Some(review) = &args.review {
        ui.line(format!("wrote {} (personal data)", review.display()))?;
    }
    Ok(())
}

fn print_landed(ui: &Ui, landed: &Landed) -> Result<()> {
    ui.line(format!(
        "in the store: {} linked, {} open",
        ui::counted(landed.linked as u64, "account", "accounts"),
        ui::counted(landed.reviews as u64, "question", "questions"),
    ))?;
    if landed.reviews > 0 {
        ui.line("  `cleverctl review` asks them one after another")?;
    }
    if landed.changed_meanwhile > 0 {
        ui.line(format!(
            "  the accounts of {} changed meanwhile: run it again",
            ui::counted(landed.changed_meanwhile as u64, "person", "people"),
        ))?;
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
    roll: &mut Roll,
    config: &MatchFile,
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
        let place = || format!("{}, line {line}", table.name);
        let id = value(&table.id);
        people
            .push(side, id, table.columns.iter().map(value))
            .with_context(place)?;
        let says = |column: &Option<usize>| column.as_ref().map(value);
        roll.push(side, id, says(&table.reach), says(&table.class))
            .with_context(place)?;
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
