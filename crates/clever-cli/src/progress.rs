//! Progress of a sync: bars where a person watches, plain lines elsewhere, nothing when asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clever_client::Notice;
use clever_model::{RecordKind, visible};
use clever_sync::Progress;
use clever_sync::report::attempt::Stage;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::ui::{self, Ui};

/// The bars that a person watches, below what else is said.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    ui: Ui,
    mode: Mode,
    all: MultiProgress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

impl Bars {
    /// Chooses bars or lines by whether standard error is a terminal.
    pub(crate) fn new(ui: &Ui) -> Self {
        Self {
            ui: *ui,
            mode: match (ui.is_talkative(), ui.is_watched()) {
                (false, _) => Mode::Silent,
                (true, true) => Mode::Bars,
                (true, false) => Mode::Lines,
            },
            all: MultiProgress::new(),
        }
    }

    /// Says something above the bars.
    pub(crate) fn note(&self, text: &str) {
        if self.mode != Mode::Silent {
            self.all.suspend(|| self.ui.note(text));
        }
    }

    /// Says what is said by itself above the bars.
    pub(crate) fn suspend(&self, say: impl FnOnce()) {
        self.all.suspend(say);
    }

    /// Shows a bar above the others, or in the place of one: with a total, or without one while it is not known. It is
    /// ready before it is seen.
    fn show(&self, text: &str, total: Option<u64>, instead_of: Option<ProgressBar>) -> ProgressBar {
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{msg} {wide_bar} {human_pos} of {human_len}",
            ),
            None => (ProgressBar::no_length(), "{msg} {spinner}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let bar = bar.with_message(visible(text).into_owned());
        let bar = match instead_of {
            Some(old) => {
                let bar = self.all.insert_before(&old, bar);
                self.all.remove(&old);
                bar
            }
            None => self.all.insert(0, bar),
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// The bar over so many districts, below those of the runs; hidden where nobody watches.
    pub(crate) fn districts(&self, total: u64) -> ProgressBar {
        if self.mode != Mode::Bars {
            return ProgressBar::hidden();
        }
        self.show("districts", Some(total), None)
    }
}

/// Shows a sync's progress on standard error.
#[derive(Debug)]
pub(crate) struct Watch {
    bars: Bars,
    /// The district, if it is one of many.
    of: Option<String>,
    /// How many pages were read.
    pages: Arc<AtomicU64>,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    /// The lists that are read. The bar is of the first of them.
    lists: BTreeMap<RecordKind, List>,
    /// Events that were read.
    events: u64,
    bar: Option<ProgressBar>,
    /// What is done, in order, as far as that is known.
    steps: Vec<Step>,
}

/// What was read of a list.
#[derive(Debug, Default)]
struct List {
    records: u64,
    bytes: u64,
    total: Option<u64>,
}

/// A step that a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Read(RecordKind),
    Events,
    Check,
    Write,
}

impl Current {
    /// Which step of how many.
    fn at(&self, step: Step) -> String {
        match self.steps.iter().position(|one| *one == step) {
            Some(at) => format!("step {} of {}: ", at + 1, self.steps.len()),
            None => String::new(),
        }
    }
}

impl Watch {
    /// Shows one sync.
    pub(crate) fn new(ui: &Ui) -> Self {
        Self {
            bars: Bars::new(ui),
            of: None,
            pages: Arc::default(),
            current: Mutex::default(),
        }
    }

    /// Shows the sync of one of many districts: a bar if a person watches, else nothing: a line reports its end.
    pub(crate) fn of(bars: &Bars, district: &str) -> Self {
        Self {
            bars: bars.clone(),
            of: Some(district.to_owned()),
            pages: Arc::default(),
            current: Mutex::default(),
        }
    }

    /// The same, and counts the pages here, for whoever wants to know that it goes on.
    #[cfg(feature = "fleet")]
    pub(crate) fn counting(self, pages: Arc<AtomicU64>) -> Self {
        let mut watch = self;
        watch.pages = pages;
        watch
    }

    fn with(&self, change: impl FnOnce(&mut Current)) {
        // A panic elsewhere must not take the progress display with it.
        let mut current = self
            .current
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut current);
    }

    /// How the program speaks while it works.
    pub(crate) fn ui(&self) -> &Ui {
        &self.bars.ui
    }

    /// Ends the last line or bar, before anything else is said.
    pub(crate) fn end(&self) {
        self.with(|current| self.clear(current));
    }

    /// Says whether a line is said of each step.
    fn has_lines(&self) -> bool {
        self.bars.mode == Mode::Lines && self.of.is_none()
    }

    /// Takes the bar away.
    fn clear(&self, current: &mut Current) {
        if let Some(bar) = current.bar.take() {
            bar.finish_and_clear();
            self.bars.all.remove(&bar);
        }
    }

    /// Shows how far the first of the lists is.
    fn show_list(&self, current: &mut Current, anew: bool) {
        let Some((kind, list)) = current.lists.first_key_value() else {
            return;
        };
        let (step, records, total) = (Step::Read(*kind), list.records, list.total);
        let known = current.bar.as_ref().and_then(ProgressBar::length);
        if anew || known != total {
            self.begin(current, step, total);
        }
        if let Some(bar) = &current.bar {
            if total.is_none() && records > 0 {
                let says = self.says(current, step);
                bar.set_message(format!("{says}: {}", ui::grouped(records)));
            }
            bar.set_position(records);
        }
    }

    /// Begins a step's bar.
    fn begin(&self, current: &mut Current, step: Step, total: Option<u64>) {
        if self.bars.mode == Mode::Bars {
            let text = self.says(current, step);
            let bar = self.bars.show(&text, total, current.bar.take());
            current.bar = Some(bar);
        }
    }

    /// What a step's bar says.
    fn says(&self, current: &Current, step: Step) -> String {
        let district = self.of.as_ref().map(|district| format!("{district}: "));
        let does = match step {
            Step::Read(kind) => format!("reading {kind}"),
            Step::Events => format!("reading events: {}", ui::grouped(current.events)),
            Step::Check => "checking".to_owned(),
            Step::Write => "writing".to_owned(),
        };
        district.unwrap_or_default() + &current.at(step) + &does
    }
}

impl Progress for Watch {
    fn lists(&self, kinds: &[RecordKind]) {
        self.with(|current| {
            let lists = kinds
                .iter()
                .copied()
                .filter(|kind| *kind != RecordKind::Districts);
            current.steps = lists.map(Step::Read).collect();
            current.steps.extend([Step::Check, Step::Write]);
        });
    }

    fn stage(&self, stage: Stage) {
        if stage == Stage::Check {
            self.with(|current| self.begin(current, Step::Check, None));
        }
    }

    fn reading(&self, kind: RecordKind) {
        self.with(|current| {
            // The district's own record is read before the lists are.
            if kind == RecordKind::Districts {
                self.begin(current, Step::Read(kind), None);
                return;
            }
            current.lists.insert(kind, List::default());
            let is_first = current.lists.keys().next() == Some(&kind);
            if is_first {
                self.show_list(current, true);
            }
        });
    }

    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.with(|current| {
            if let Some(list) = current.lists.get_mut(&kind) {
                list.records += records as u64;
                list.bytes += bytes as u64;
                list.total = list.total.or(total);
                self.show_list(current, false);
            }
        });
    }

    fn read(&self, kind: RecordKind) {
        self.with(|current| {
            let list = current.lists.remove(&kind);
            if let Some(list) = list.filter(|list| list.bytes > 0 && self.has_lines()) {
                self.bars.note(&read_line(kind, list.records, list.bytes));
            }
            self.show_list(current, true);
        });
    }

    fn events(&self, events: usize) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.with(|current| {
            if current.steps.first() != Some(&Step::Events) {
                current.steps = vec![Step::Events, Step::Check, Step::Write];
                self.begin(current, Step::Events, None);
            }
            current.events += events as u64;
            if let Some(bar) = &current.bar {
                bar.set_message(self.says(current, Step::Events));
            }
        });
    }

    fn applying(&self, done: u64, total: u64) {
        self.with(|current| {
            let known = current.bar.as_ref().and_then(ProgressBar::length);
            if done == 0 || known != Some(total) {
                self.begin(current, Step::Write, Some(total));
            }
            if let Some(bar) = &current.bar {
                bar.set_position(done);
            }
            if done == total {
                self.clear(current);
                if self.has_lines() {
                    self.bars.note(&format!(
                        "wrote {}",
                        ui::counted(total, "record", "records")
                    ));
                }
            }
        });
    }
}

/// What takes longer than it should is said at once: above the bar, or as a line of its own.
impl clever_client::Watch for Watch {
    fn notice(&self, notice: &Notice) {
        self.bars.note(&match &self.of {
            Some(district) => format!("{district}: {notice}"),
            None => notice.to_string(),
        });
    }
}

/// A bar over a number of records, if a person watches.
pub(crate) fn counting(ui: &Ui, what: &str, total: u64) -> ProgressBar {
    over(
        ui,
        total,
        "{msg} {wide_bar} {human_pos} of {human_len} {eta}",
        what,
    )
}

/// A bar over a file's bytes, if a person watches.
pub(crate) fn reading(ui: &Ui, name: &str, bytes: u64) -> ProgressBar {
    over(
        ui,
        bytes,
        "{msg} {wide_bar} {bytes} of {total_bytes} {eta}",
        &format!("reading {name}"),
    )
}

fn over(ui: &Ui, total: u64, template: &str, message: &str) -> ProgressBar {
    let (shown, terminal) = (!ui.quiet, ui.is_watched());
    if shown && !terminal {
        ui.note(message);
    }
    if !shown || !terminal {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total).with_message(visible(message).into_owned());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

fn read_line(kind: RecordKind, records: u64, bytes: u64) -> String {
    format!(
        "read {kind}: {} ({})",
        ui::grouped(records),
        ui::bytes(bytes)
    )
}
