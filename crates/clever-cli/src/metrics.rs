//! What is measured, for Prometheus: over HTTP from a schedule, or in a file from cron.

mod recorder;
mod serve;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;

use crate::diagnostics::Usage;
use crate::settings::Places;
use crate::ui::Ui;
use recorder::{Handle, recorder};
use serve::Health;

const MEASURED: &str = "Measured";

/// Where a file of metrics goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// Write metrics to FILE when the command ends, for node_exporter's textfile collector.
    ///
    /// The name must end in `.prom` for node_exporter to read it. It is replaced whole. Counters count since the process began.
    #[arg(long, value_name = "FILE", help_heading = MEASURED)]
    pub(crate) metrics_file: Option<PathBuf>,
}

/// Where metrics of a schedule are served.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenArgs {
    /// Serve /metrics, /healthz and /readyz on this address, with --every.
    ///
    /// /readyz answers 503 while the store can't be reached, or after --max-failures failed attempts of a district.
    #[arg(long, value_name = "ADDR", help_heading = MEASURED)]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Call a district failing after N failed attempts in a row.
    #[arg(long, help_heading = MEASURED, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_failures: u64,
}

/// What takes what is measured, as long as the command lives.
#[derive(Debug)]
pub(crate) struct Metrics {
    handle: Option<Handle>,
    file: Option<PathBuf>,
    /// Whoever serves, until the command ends.
    server: Option<tokio::task::JoinHandle<()>>,
}

impl Metrics {
    /// Begins to take what is measured, if anybody wants it.
    pub(crate) fn begin(file: &FileArgs, is_served: bool) -> Result<Self> {
        let wanted = is_served || file.metrics_file.is_some();
        Ok(Self {
            handle: wanted.then(recorder).transpose()?,
            file: file.metrics_file.clone(),
            server: None,
        })
    }

    /// Says whether anybody wants what is measured.
    pub(crate) const fn are_wanted(&self) -> bool {
        self.handle.is_some()
    }

    /// Serves what is measured, and how the stores are.
    pub(crate) async fn serve(&mut self, args: &ListenArgs, stores: Places, ui: &Ui) -> Result<()> {
        if let (Some(address), Some(handle)) = (args.metrics_listen, &self.handle) {
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| {
                    Usage::new(format!("could not listen on {address}"))
                        .hint("choose another address with --metrics-listen")
                })?;
            let at = listener.local_addr()?;
            if !ui.quiet {
                ui.note(format!("metrics are at http://{at}/metrics"));
            }
            let health = Health {
                stores,
                max_failures: args.max_failures,
            };
            let router = serve::router(handle.clone(), Arc::new(health));
            self.server = Some(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::error!(%error, "metrics are served no more");
                }
            }));
        }
        Ok(())
    }

    /// Writes the file of metrics, if one is wanted.
    pub(crate) fn write(&self) -> Result<()> {
        let (Some(handle), Some(file)) = (&self.handle, &self.file) else {
            return Ok(());
        };
        let text = handle.render();
        clever_files::write_whole(file, |draft| {
            draft.for_everybody()?;
            draft.write_all(text.as_bytes())
        })
        .with_context(|| format!("could not write the metrics to {}", file.display()))
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}
