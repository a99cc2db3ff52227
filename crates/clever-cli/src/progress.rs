//! Progress of a sync: bars where a person watches, plain lines elsewhere, nothing when asked.

use std::sync::Mutex;
use std::time::Duration;

use clever_client::Notice;
use clever_model::{RecordKind, visible};
use clever_sync::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Shows a sync's progress on standard error.
#[derive(Debug)]
pub(crate) struct Watch {
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
    pub(crate) fn new(silent: bool) -> Self {
        let mode = match (silent, output::is_watched()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        Self {
            mode,
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
            output::note(read_line(kind, current.records, current.bytes));
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
                let of = total.map_or(String::new(), |total| {
                    format!(" of {}", output::grouped(total))
                });
                let (read, size) = (
                    output::grouped(current.records),
                    output::bytes(current.bytes),
                );
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
                let (done, total) = (output::grouped(done), output::grouped(total));
                bar.set_message(format!("writing changes: {done} of {total}"));
            }
            if done == total {
                if let Some(bar) = current.bar.take() {
                    bar.finish_and_clear();
                }
                if self.mode == Mode::Lines {
                    output::note(format!(
                        "wrote {}",
                        output::counted(total, "record", "records")
                    ));
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
            (_, Some(bar)) => bar.suspend(|| output::note(notice.to_string())),
            (_, None) => output::note(notice.to_string()),
        });
    }
}

/// Says for one of many districts what takes longer than it should.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl clever_client::Watch for Named {
    fn notice(&self, notice: &Notice) {
        output::note(format!("{}: {notice}", self.0));
    }
}

/// A bar over a number of records, where a person watches.
pub(crate) fn counting(shown: bool, what: &str, total: u64) -> ProgressBar {
    over(
        shown,
        total,
        "{msg} {wide_bar} {human_pos} of {human_len} {eta}",
        what,
    )
}

/// A bar over a file's bytes, where a person watches.
pub(crate) fn reading(shown: bool, name: &str, bytes: u64) -> ProgressBar {
    over(
        shown,
        bytes,
        "{msg} {wide_bar} {bytes} of {total_bytes} {eta}",
        &format!("reading {name}"),
    )
}

fn over(shown: bool, total: u64, template: &str, message: &str) -> ProgressBar {
    let terminal = output::is_watched();
    if shown && !terminal {
        output::note(message);
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
        output::grouped(records),
        output::bytes(bytes)
    )
}
