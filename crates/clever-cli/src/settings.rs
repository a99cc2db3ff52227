//! Where things are and how a secret reaches the program.

mod address;
mod places;
pub(crate) mod stores;
pub(crate) mod toml_file;

use std::env::VarError;
use std::fmt;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::DistrictAppToken;
use clever_sql::AddressError;

pub(crate) use address::StoreUrl;
pub(crate) use places::{Place, Places};

use crate::diagnostics::Usage;
use crate::settings::stores::Stores;

/// The environment variable that holds a district-app token.
pub(crate) const TOKEN_VARIABLE: &str = "CLEVER_TOKEN";

/// Largest token file read, in bytes; a token has about 40.
const MAX_TOKEN_BYTES: u64 = 4096;

/// Where the rows live.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// The database: `FILE.db` or `postgres://USER@HOST/DATABASE`.
    ///
    /// SQLite is `sqlite:PATH`, or a file's name that ends in `.db`, `.sqlite` or `.sqlite3`. For PostgreSQL over TLS,
    /// add `?sslmode=verify-full`. Put an address that contains a password in CLEVER_STORE. It stands over `[stores]` of
    /// clever.toml, which names several databases and the districts of each.
    #[arg(
        long,
        help_heading = "Store",
        env = "CLEVER_STORE",
        hide_env_values = true,
        default_value = "sqlite:clever.db",
        value_name = "URL"
    )]
    store: Option<StoreUrl>,
    /// The schema of the tables in PostgreSQL [default: clever].
    ///
    /// The address may name one too, with `?schema=NAME`. The schema is made if it is missing.
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    schema: Option<String>,
    /// The directory of stores. It has no word on the command line: the file of settings gives it to each command that has this.
    #[arg(long = "stores-of-settings", hide = true, value_parser = nobody_types_it)]
    stores: Option<Stores>,
}

/// Refuses a directory on the command line.
fn nobody_types_it(_: &str) -> Result<Stores, &'static str> {
    Err("several stores are named in `[stores]` of clever.toml")
}

impl StoreArgs {
    /// A store that is known already.
    pub(crate) fn at(url: StoreUrl) -> Self {
        Self {
            store: Some(url),
            schema: None,
            stores: None,
        }
    }

    /// Stores that are known already.
    #[cfg(feature = "console")]
    pub(crate) fn of_places(places: Places) -> Self {
        match places {
            Places::One(url) => Self::at(url),
            Places::Many(stores) => Self {
                store: None,
                schema: None,
                stores: Some(stores),
            },
        }
    }

    /// Where districts are kept. A store that was named stands over the directory.
    pub(crate) fn places(&self) -> Result<Places, AddressError> {
        let schema = self.schema.as_deref();
        match (&self.store, &self.stores) {
            (None, Some(stores)) => Ok(Places::Many(stores.clone().in_schema(schema)?)),
            (Some(url), _) => Ok(Places::One(url.clone().in_schema(schema)?)),
            // The argument has a default, which only a directory takes away.
            (None, None) => Err(AddressError::Scheme),
        }
    }

    /// The store of a district; of the only one, if none is named.
    pub(crate) async fn of(&self, district: Option<&str>) -> Result<StoreUrl> {
        Ok(self.places()?.holding(district).await?.url)
    }

    /// The store that is named, or that of districts of which nobody says anything.
    pub(crate) fn url(&self) -> Result<StoreUrl, AddressError> {
        Ok(self.places()?.first())
    }
}

/// Reads the district-app token from `file` (`-` is standard input), else from the environment.
pub(crate) fn district_token(file: Option<&Path>) -> Result<DistrictAppToken> {
    let Some((text, source)) = secret(file, TOKEN_VARIABLE)? else {
        return Err(MissingToken.into());
    };
    DistrictAppToken::new(text).with_context(|| format!("the token in {source} can't be used"))
}

/// Reads a secret from `file` (`-` is standard input), else from the environment's `variable`; gives it
/// with the name of its source.
pub(crate) fn secret(file: Option<&Path>, variable: &str) -> Result<Option<(String, String)>> {
    Ok(Some(match file {
        Some(path) if path == Path::new("-") => (
            read_token(std::io::stdin().lock(), "standard input")?,
            "standard input".to_owned(),
        ),
        Some(path) => {
            let shown = path.display().to_string();
            let open = std::fs::File::open(path).with_context(|| {
                Usage::new(format!("could not open the secret's file {shown}"))
                    .hint(format!("check the path, or put the secret into {variable}"))
            })?;
            (read_token(open, &shown)?, shown)
        }
        None => match std::env::var(variable) {
            Ok(text) => (text, variable.to_owned()),
            Err(VarError::NotUnicode(_)) => {
                return Err(Usage::new(format!("{variable} is not text")).into());
            }
            Err(VarError::NotPresent) => return Ok(None),
        },
    }))
}

fn read_token(from: impl Read, shown: &str) -> Result<String> {
    let mut text = String::new();
    from.take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("could not read the secret from {shown}"))?;
    Ok(text)
}

/// No token was given.
#[derive(Debug)]
pub(crate) struct MissingToken;

impl fmt::Display for MissingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no district-app token: {TOKEN_VARIABLE} is not set")
    }
}

impl std::error::Error for MissingToken {}
