//! What takes metrics from every part of the process; in a build with the feature `prometheus`.

#[cfg(feature = "prometheus")]
pub(super) use prometheus::recorder;

/// What was taken so far, in Prometheus' words.
#[cfg(feature = "prometheus")]
pub(super) type Handle = metrics_exporter_prometheus::PrometheusHandle;

/// There is none in this build.
#[cfg(not(feature = "prometheus"))]
#[derive(Debug, Clone)]
pub(super) struct Handle;

#[cfg(not(feature = "prometheus"))]
impl Handle {
    pub(super) fn render(&self) -> String {
        String::new()
    }
}

/// Says that this build takes none.
#[cfg(not(feature = "prometheus"))]
pub(super) fn recorder() -> anyhow::Result<Handle> {
    Err(crate::cmd::not_built::NotBuilt::new("metrics for Prometheus", "prometheus").into())
}

#[cfg(feature = "prometheus")]
mod prometheus {
    use anyhow::{Context, Result};
    use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

    use super::Handle;

    /// Upper bounds of the buckets of times, in seconds.
    const SECONDS: [f64; 12] = [
        0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0,
    ];

    /// Installs what takes metrics from every part of the process.
    pub(in super::super) fn recorder() -> Result<Handle> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("what is measured is taken already")?;
        clever_sync::report::measure::describe();
        clever_provision::measure::describe();
        Ok(handle)
    }
}
