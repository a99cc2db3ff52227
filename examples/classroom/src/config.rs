//! Settings, from the environment.

use std::env;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness, random_text};
use clever_model::read_span;
use url::Url;

/// How the app runs.
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its address as browsers see it, if that is another.
    pub url: Option<String>,
    /// The folder of its key, and of its databases if they are files.
    pub data: PathBuf,
    /// The address of a PostgreSQL database for accounts and roster; else they are files.
    pub database: Option<String>,
    /// Its client id and secret at Clever; without them it brings its own Clever.
    pub client: Option<(String, String)>,
    /// Another place of Clever, such as an emulator.
    pub clever: Option<Url>,
    /// How long the roster is left alone between two readings.
    pub sync_every: Duration,
    /// Accounts from before Clever: addresses and passwords.
    pub before: Vec<(String, String)>,
}

fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// Names the variable that can't be read.
    pub fn from_env() -> anyhow::Result<Self> {
        let listen = var("CLASSROOM_LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
        let client = match (var("CLEVER_CLIENT_ID"), var("CLEVER_CLIENT_SECRET")) {
            (Some(id), Some(secret)) => Some((id, secret)),
            (None, None) => None,
            _ => anyhow::bail!("set both CLEVER_CLIENT_ID and CLEVER_CLIENT_SECRET, or neither"),
        };
        let clever = var("CLEVER_URL").map(|url| url.parse()).transpose();
        let sync_every = var("CLASSROOM_SYNC_EVERY").unwrap_or_else(|| "5m".to_owned());
        Ok(Self {
            listen: listen
                .parse()
                .context("CLASSROOM_LISTEN is no address with a port, such as 127.0.0.1:3000")?,
            url: var("CLASSROOM_URL"),
            data: var("CLASSROOM_DATA")
                .unwrap_or_else(|| ".".to_owned())
                .into(),
            database: var("CLASSROOM_DATABASE"),
            client,
            clever: clever.context("CLEVER_URL is no address")?,
            sync_every: read_span(&sync_every)
                .context("CLASSROOM_SYNC_EVERY is no time such as 30s or 5m")?,
            before: Vec::new(),
        })
    }

    /// Where the accounts are, with the app's own tables, and where the roster is.
    pub(crate) fn addresses(&self) -> (String, String) {
        let file = |name: &str| format!("sqlite:{}", self.data.join(name).display());
        match &self.database {
            Some(database) => (database.clone(), database.clone()),
            None => (file("classroom.db"), file("classroom-roster.db")),
        }
    }

    /// The app's key: made at the first start, so that sign-ins and sessions outlive a restart.
    pub(crate) fn keys(&self) -> anyhow::Result<SealingKeys> {
        fs::create_dir_all(&self.data)?;
        let path = self.data.join("classroom.key");
        if !path.exists() {
            let text = random_text(&SystemRandomness)?;
            clever_files::write_whole(&path, |file| file.write_all(text.as_bytes()))?;
        }
        let text = fs::read_to_string(&path)?;
        SealingKeys::from_text(KeyId(1), text.trim())
            .with_context(|| format!("{} holds no key: remove it for a new one", path.display()))
    }
}
