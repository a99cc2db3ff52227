//! Seconds, CPU seconds and memory of this process, as Linux tells them.

use std::fs;
use std::time::Instant;

/// A step's cost.
#[derive(Default)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// Does something and says what it cost.
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (begin, before) = (Instant::now(), cpu());
    let result = work();
    (
        result,
        Cost {
            wall: begin.elapsed().as_secs_f64(),
            cpu: cpu() - before,
        },
    )
}

/// CPU seconds of all threads so far: user's and system's hundredths of a second.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks = ticks
        .into_iter()
        .flatten()
        .filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The largest memory so far, in MiB.
pub(crate) fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
