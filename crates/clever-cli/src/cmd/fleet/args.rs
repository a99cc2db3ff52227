//! Where the engine is.

use anyhow::Result;
use clap::Args;
use clever_fleet::Engine;

const ENGINE: &str = "Engine";

/// Which engine, and which queue in it.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// The address of Temporal, HOST:PORT [default: TEMPORAL_ADDRESS, else localhost:7233].
    ///
    /// TLS, an API key and profiles are set as for every tool of Temporal's: TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH
    /// and the like, or a profile of `temporal.toml`.
    #[arg(long, help_heading = ENGINE, value_name = "ADDRESS")]
    engine: Option<String>,
    /// The namespace [default: TEMPORAL_NAMESPACE, else default].
    #[arg(long, help_heading = ENGINE, value_name = "NAME")]
    namespace: Option<String>,
    /// The queue that the fleet's work goes through.
    #[arg(long, help_heading = ENGINE, value_name = "NAME", default_value = "clever-fleet")]
    queue: String,
    /// How the engine names this process to whoever looks [default: cleverctl and the number of the process].
    #[arg(long, help_heading = ENGINE, value_name = "NAME")]
    identity: Option<String>,
}

impl EngineArgs {
    /// Connects to it under the name that was given, or under the number of the process.
    pub(crate) async fn connect(&self) -> Result<Engine> {
        let made = || format!("cleverctl {}", std::process::id());
        let identity = self.identity.clone().unwrap_or_else(made);
        let (address, namespace) = (self.engine.as_deref(), self.namespace.as_deref());
        Ok(clever_fleet::connect(address, namespace, &self.queue, &identity).await?)
    }
}
