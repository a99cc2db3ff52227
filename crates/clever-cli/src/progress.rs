//! Progress of a sync: bars where a person watches, plain lines elsewhere, nothing when asked.

use std::sync::Mutex;
use std::time::Duration;

use clever_client::Notice;
use clever_model::{RecordKind, visible};
use clever_sync::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::ui::{self, Ui};

/// Shows a sync's progress on standard error.
#[derive(Debug)]
pub(crate) struct Watch {
    ui: Ui,
    mode: Mode,
    current: Mutex<Current>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

#[derive(Debug, Default)]
struct Current {
    kind: Option<RecordKind>,
    records: u64,
    bytes: u64,
    bar: Option<ProgressBar>,
}

impl Watch {
    /// Chooses bars or lines by whether standard error is a terminal.
    pub(crate) fn new(ui: &Ui) -> Self {
        let mode = match (ui.is_talkative(), ui.is_watched()) {
            (false, _) => Mode::Silent,
            (true, true) => Mode::Bars,
            (true, false) => Mode::Lines,
        };
        Self {
            ui: *ui,
            mode,
            current: Mutex::default(),
        }
    }

    /// Shows nothing: the run is one of many.
    pub(crate) fn silent(ui: &Ui) -> Self {
        Self {
            ui: *ui,
            mode: Mode::Silent,
            current: Mutex::default(),
        }
    }

    fn bar(text: &str) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_message(visible(text).into_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
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
        &self.ui
    }

    /// Ends the last line or bar, before anything else is said.
    pub(crate) fn end(&self) {
        self.with(|current| self.close(current));
    }

    /// Ends the line or bar of the current kind.
    fn close(&self, current: &mut Current) {
        if let Some(bar) = current.bar.take() {
            bar.finish_and_clear();
        }
        // A list of which nothing was read failed; its error says so.
        let read = current.kind.take().filter(|_| current.bytes > 0);
        if let (Some(kind), Mode::Lines) = (read, self.mode) {
            self.ui
                .note(read_line(kind, current.records, current.bytes));
        }
        current.kind = None;
        (current.records, current.bytes) = (0, 0);
    }
}

impl Progress for Watch {
    fn reading(&self, kind: RecordKind) {
        self.with(|current| {
            self.close(current);
            current.kind = Some(kind);
            if self.mode == Mode::Bars {
                current.bar = Some(Self::bar(&format!("reading {kind}")));
            }
        });
    }

    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        self.with(|current| {
            current.records += records as u64;
            current.bytes += bytes as u64;
            if let Some(bar) = &current.bar {
                let of = total.map_or(String::new(), |total| format!(" of {}", ui::grouped(total)));
                let (read, size) = (ui::grouped(current.records), ui::bytes(current.bytes));
                bar.set_message(format!("reading {kind}: {read}{of} ({size})"));
            }
        });
    }

    fn applying(&self, done: u64, total: u64) {
        self.with(|current| {
            if current.kind.is_some() {
                self.close(current);
            }
            if self.mode == Mode::Bars {
                let bar = current.bar.get_or_insert_with(|| Self::bar(""));
                let (done, total) = (ui::grouped(done), ui::grouped(total));
                bar.set_message(format!("writing changes: {done} of {total}"));
            }
            if done == total {
                if let Some(bar) = current.bar.take() {
                    bar.finish_and_clear();
                }
                if self.mode == Mode::Lines {
                    self.ui
                        .note(format!("wrote {}", ui::counted(total, "record", "records")));
                }
            }
        });
    }
}

/// What takes longer than it should is said at once: above the bar, or as a line of its own.
impl clever_client::Watch for Watch {
    fn notice(&self, notice: &Notice) {
        self.with(|current| match (self.mode, &current.bar) {
            (Mode::Silent, _) => {}
            (_, Some(bar)) => bar.suspend(|| self.ui.note(notice.to_string())),
            (_, None) => self.ui.note(notice.to_string()),
        });
    }
}

/// Says for one of many districts what takes longer than it should.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String, pub(crate) Ui);

impl clever_client::Watch for Named {
    fn notice(&self, notice: &Notice) {
        self.1.note(format!("{}: {notice}", self.0));
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
