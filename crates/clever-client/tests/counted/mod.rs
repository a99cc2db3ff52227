//! What was counted through the `metrics` facade, to be compared.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, Snapshotter};

/// The numbers of all metrics so far: of a counter its value, of a histogram how many values it has. A key is the name
/// and the labels' values: `clever_answers_total api,200`.
pub(crate) fn counted(shots: &Snapshotter) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for (key, _, _, value) in shots.snapshot().into_vec() {
        let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
        let number = match value {
            DebugValue::Counter(number) => number,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => 0,
        };
        counted.insert(format!("{} {}", key.key().name(), labels.join(",")), number);
    }
    counted
}
