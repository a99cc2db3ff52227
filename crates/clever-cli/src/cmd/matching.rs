//! `cleverctl match`: which rows of two files of people, or of one, are the same person's?
//!
//! What it writes holds ids and weights; only the review file holds personal data, and only its owner may
//! read that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use clever_provision::linkage::{
    Clusters, Linkage, Links, MatchConfig, Model, Nicknames, PeopleBuilder, Run, Side, Verdict,
};
use csv::{Reader, StringRecord};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::output::{self, grouped};
use crate::progress;
use crate::signals::leave_nothing_half_written;
use crate::writing::write_whole;

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
    #[arg(long, value_name = "FILE", conflicts_with = "dedupe")]
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
    /// Names that one person may bear, beside the common ones: a line a person, comma-separated.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<LinkSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<ClusterSummary>,
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
    pairs: usize,
}

/// Matches, and writes what it found.
pub(crate) fn run(args: &MatchArgs, as_json: bool, quiet: bool) -> Result<Exit> {
    leave_nothing_half_written();
    let text = std::fs::read_to_string(&args.config)
        .with_context(|| format!("could not read {}", args.config.display()))?;
    let config: MatchConfig = toml::from_str(&text)
        .with_context(|| format!("{} can't be used", args.config.display()))?;
    let mut people = PeopleBuilder::new(config.clone())
        .with_context(|| format!("{} can't be used", args.config.display()))?;
    let bars = !quiet;
    load(&mut people, &config, Side::Left, &args.left, bars)?;
    if let Some(right) = &args.right {
        load(&mut people, &config, Side::Right, right, bars)?;
    }
    let linkage = Linkage::with_nicknames(people.finish()?, nicknames(args.nicknames.as_deref())?);
    let (model, trained) = model(args, &linkage, bars)?;
    let mut summary = Summary {
        left: linkage.people().len(Side::Left),
        right: linkage.people().len(Side::Right),
        trained,
        links: None,
        clusters: None,
    };
    if args.dedupe {
        let least = args.least.unwrap_or(config.decide.auto);
        let clusters = working(args, bars, "comparing", summary.left, |run| {
            linkage.clusters(&model, least, run)
        })
        .context("the model does not fit")?;
        write_clusters(&args.out, &clusters)?;
        summary.clusters = Some(ClusterSummary {
            clusters: clusters.all.len(),
            records: clusters
                .all
                .iter()
                .map(|one| clusters.ids(one).count())
                .sum(),
            pairs: clusters.pairs.len(),
        });
    } else {
        let links = working(args, bars, "comparing", summary.right, |run| {
            linkage.link(&model, run)
        })
        .context("the model does not fit")?;
        write_links(&args.out, &config, &links)?;
        if let (Some(review), Some(right)) = (&args.review, &args.right) {
            write_review(review, &config, &links, &args.left, right)?;
        }
        let mut doubts = BTreeMap::new();
        for doubt in links.all.iter().filter_map(|link| link.doubt) {
            *doubts.entry(word(doubt)?).or_default() += 1;
        }
        summary.links = Some(LinkSummary {
            auto: links.count(Verdict::Auto),
            review: links.count(Verdict::Review),
            create: links.count(Verdict::Create),
            expected_false: links.expected_false(),
            doubts,
            cut: links.all.iter().filter(|link| link.cut).count(),
        });
    }
    if as_json {
        output::json(&summary)?;
    } else {
        print(args, &summary)?;
    }
    Ok(Exit::Done)
}

fn print(args: &MatchArgs, summary: &Summary) -> Result<()> {
    if let Some(links) = &summary.links {
        let mut table = output::table(&["Decision", "People"], 1);
        for (word, number) in [
            ("auto", links.auto),
            ("review", links.review),
            ("create", links.create),
        ] {
            table.add_row([word.to_owned(), grouped(number as u64)]);
        }
        output::line(table.to_string())?;
        for (doubt, number) in &links.doubts {
            output::line(format!(
                "  for review because of {doubt}: {}",
                grouped(*number as u64)
            ))?;
        }
        if links.cut > 0 {
            output::line(format!(
                "  blocks were too large to be read for {}; raise block_limit to read them",
                output::counted(links.cut as u64, "person", "people")
            ))?;
        }
        output::line(format!(
            "false among the automatic ones, by their weights: {:.4}",
            links.expected_false
        ))?;
    }
    if let Some(clusters) = &summary.clusters {
        output::line(format!(
            "{} of {} are {}",
            output::counted(clusters.records as u64, "row", "rows"),
            grouped(summary.left as u64),
            output::counted(clusters.clusters as u64, "person", "people"),
        ))?;
    }
    output::line(format!("wrote {}", args.out.display()))?;
    if let Some(review) = &args.review {
        output::line(format!("wrote {} (personal data)", review.display()))?;
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
    bars: bool,
    what: &str,
    total: usize,
    work: impl FnOnce(&Run<'_>) -> T,
) -> T {
    let bar = progress::counting(bars, what, total as u64);
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
fn model(args: &MatchArgs, linkage: &Linkage, bars: bool) -> Result<(Model, bool)> {
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
            let model = working(args, bars, "training", people.len(side), |run| {
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

/// A file of people, and where its wanted columns are.
struct Table {
    name: String,
    reader: Reader<File>,
    id: usize,
    columns: Vec<usize>,
}

impl Table {
    fn open(path: &Path, config: &MatchConfig, side: Side) -> Result<Self> {
        let name = path.display().to_string();
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(path)
            .with_context(|| format!("could not read {name}"))?;
        let header = reader
            .headers()
            .with_context(|| format!("could not read {name}"))?
            .clone();
        let place = |column: &str| {
            let found = header.iter().position(|one| one == column);
            found.with_context(|| {
                let there: Vec<&str> = header.iter().collect();
                format!(
                    "{name} has no column `{column}`; it has: {}",
                    there.join(", ")
                )
            })
        };
        let id = match side {
            Side::Left => &config.left.id,
            Side::Right => &config.right.id,
        };
        Ok(Self {
            id: place(id)?,
            columns: config
                .columns(side)
                .into_iter()
                .map(place)
                .collect::<Result<_>>()?,
            name,
            reader,
        })
    }

    /// Reads the next record; whether there was one.
    fn next(&mut self, record: &mut StringRecord) -> Result<bool> {
        self.reader
            .read_record(record)
            .with_context(|| format!("could not read {}", self.name))
    }
}

fn load(
    people: &mut PeopleBuilder,
    config: &MatchConfig,
    side: Side,
    path: &Path,
    bars: bool,
) -> Result<()> {
    let mut table = Table::open(path, config, side)?;
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let bar: ProgressBar = progress::reading(bars, &table.name, size);
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

fn write_links(path: &Path, config: &MatchConfig, links: &Links<'_>) -> Result<()> {
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        let mut header: Vec<String> = [
            "right",
            "decision",
            "doubt",
            "rank",
            "left",
            "millibits",
            "lead",
        ]
        .map(str::to_owned)
        .into();
        header.extend(
            config
                .field
                .iter()
                .map(|field| format!("{}_millibits", field.name)),
        );
        out.write_record(&header)?;
        for link in &links.all {
            let doubt = link.doubt.map(word).transpose()?.unwrap_or_default();
            let begin = [links.right_id(link).to_owned(), word(link.verdict)?, doubt];
            if link.candidates.is_empty() {
                let blank = std::iter::repeat_n(String::new(), header.len() - begin.len());
                out.write_record(begin.into_iter().chain(blank))?;
                continue;
            }
            for (at, candidate) in link.candidates.iter().enumerate() {
                let lead = if at == 0 {
                    link.lead.to_string()
                } else {
                    String::new()
                };
                let middle = [
                    (at + 1).to_string(),
                    links.left_id(candidate).to_owned(),
                    candidate.millibits.to_string(),
                    lead,
                ];
                let fields = links
                    .fields(candidate)
                    .map(|(.., weight)| weight.to_string());
                out.write_record(begin.iter().cloned().chain(middle).chain(fields))?;
            }
        }
        Ok(out.flush()?)
    })
}

fn write_clusters(path: &Path, clusters: &Clusters<'_>) -> Result<()> {
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        out.write_record(["cluster", "record", "weakest_millibits"])?;
        for cluster in &clusters.all {
            // Named after its first record, so that it keeps its name from run to run.
            let name = clusters.ids(cluster).next().unwrap_or_default();
            for id in clusters.ids(cluster) {
                out.write_record([name, id, &cluster.weakest.to_string()])?;
            }
        }
        Ok(out.flush()?)
    })
}

/// Both records of each pair that a person must look at, side by side, with what each field says.
fn write_review(
    path: &Path,
    config: &MatchConfig,
    links: &Links<'_>,
    left: &Path,
    right: &Path,
) -> Result<()> {
    let asked = || {
        links
            .all
            .iter()
            .filter(|link| link.verdict == Verdict::Review)
    };
    let left_ids = asked()
        .flat_map(|link| &link.candidates)
        .map(|one| links.left_id(one));
    let left_rows = rows_of(left, config, Side::Left, &left_ids.collect())?;
    let right_rows = rows_of(
        right,
        config,
        Side::Right,
        &asked().map(|link| links.right_id(link)).collect(),
    )?;
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        let mut header: Vec<String> = [
            "right",
            "left",
            "rank",
            "millibits",
            "lead",
            "doubt",
            "sibling_known",
        ]
        .map(str::to_owned)
        .into();
        for field in &config.field {
            let name = &field.name;
            header.extend([
                format!("{name}_right"),
                format!("{name}_left"),
                format!("{name}_agreement"),
                format!("{name}_millibits"),
            ]);
        }
        out.write_record(&header)?;
        for link in asked() {
            let doubt = link.doubt.map(word).transpose()?.unwrap_or_default();
            for (at, candidate) in link.candidates.iter().enumerate() {
                let (right, left) = (links.right_id(link), links.left_id(candidate));
                let lead = if at == 0 {
                    link.lead.to_string()
                } else {
                    String::new()
                };
                let mut row = vec![
                    right.to_owned(),
                    left.to_owned(),
                    (at + 1).to_string(),
                    candidate.millibits.to_string(),
                    lead,
                    doubt.clone(),
                    link.sibling.to_string(),
                ];
                let mut places = (0, 0);
                for ((_, agreement, weight), field) in links.fields(candidate).zip(&config.field) {
                    let value = |rows: &BTreeMap<String, Vec<String>>, id: &str, at: usize| {
                        rows.get(id)
                            .and_then(|row| row.get(at))
                            .cloned()
                            .unwrap_or_default()
                    };
                    row.extend([
                        value(&right_rows, right, places.0),
                        value(&left_rows, left, places.1),
                        agreement.to_owned(),
                        weight.to_string(),
                    ]);
                    let width = 1 + usize::from(field.scope.is_some());
                    places = (places.0 + width, places.1 + width);
                }
                out.write_record(&row)?;
            }
        }
        Ok(out.flush()?)
    })
}

/// The wanted columns of some rows, by id.
fn rows_of(
    path: &Path,
    config: &MatchConfig,
    side: Side,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut table = Table::open(path, config, side)?;
    let mut rows = BTreeMap::new();
    let mut record = StringRecord::new();
    while table.next(&mut record)? {
        let id = record.get(table.id).unwrap_or_default();
        if ids.contains(id) {
            let values = table
                .columns
                .iter()
                .map(|at| record.get(*at).unwrap_or_default().to_owned());
            rows.insert(id.to_owned(), values.collect());
        }
    }
    Ok(rows)
}
