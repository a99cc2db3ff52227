//! Where things are and how a secret reaches the program.

pub(crate) mod toml_file;

use std::env::VarError;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::DistrictAppToken;
use clever_sql::{Address, AddressError};
use clever_sync::{AnyStore, Open, StoreError};

use crate::diagnostics::Usage;

/// The environment variable that holds a district-app token.
pub(crate) const TOKEN_VARIABLE: &str = "CLEVER_TOKEN";

/// Largest token file read, in bytes; a token has about 40.
const MAX_TOKEN_BYTES: u64 = 4096;

/// A store's address, which shows no password.
#[derive(Debug, Clone)]
pub(crate) struct StoreUrl(Address);

impl StoreUrl {
    /// The SQLite file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            _ => None,
        }
    }

    /// The address itself.
    #[cfg(feature = "console")]
    pub(crate) fn address(&self) -> &Address {
        &self.0
    }

    /// The same in this schema, if one is named.
    pub(crate) fn in_schema(self, schema: Option<&str>) -> Result<Self, AddressError> {
        match schema {
            Some(name) => self.0.with_schema(name).map(Self),
            None => Ok(self),
        }
    }

    /// Opens the store; makes it where there is none.
    pub(crate) async fn open(&self) -> Result<AnyStore, StoreError> {
        AnyStore::open(&self.0, Open::Create).await
    }

    /// Opens the store if there is one.
    pub(crate) async fn open_existing(&self) -> Result<AnyStore, StoreError> {
        AnyStore::open(&self.0, Open::Existing).await
    }

    /// Opens the store if there is one, to look at it: one that can only be read does.
    pub(crate) async fn look(&self) -> Result<AnyStore, StoreError> {
        AnyStore::open(&self.0, Open::Look).await
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for StoreUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self)
    }
}

/// Where the rows live.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The database: `FILE.db` or `postgres://USER@HOST/DATABASE`.
    ///
    /// SQLite is `sqlite:PATH`, or a file's name that ends in `.db`, `.sqlite` or `.sqlite3`. For PostgreSQL over TLS,
    /// add `?sslmode=verify-full`. Put an address that contains a password in CLEVER_STORE.
    #[arg(
        long,
        help_heading = "Store",
        env = "CLEVER_STORE",
        hide_env_values = true,
        default_value = "sqlite:clever.db",
        value_name = "URL"
    )]
    store: StoreUrl,
    /// The schema of the tables in PostgreSQL [default: clever].
    ///
    /// The address may name one too, with `?schema=NAME`. The schema is made if it is missing.
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    schema: Option<String>,
}

impl StoreArgs {
    /// The store's address.
    pub(crate) fn url(&self) -> Result<StoreUrl, AddressError> {
        self.store.clone().in_schema(self.schema.as_deref())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_file_alone_is_an_address() {
        for (text, path) in [
            ("x.db", "x.db"),
            ("/var/lib/x.sqlite", "/var/lib/x.sqlite"),
            ("../a b.sqlite3", "../a b.sqlite3"),
        ] {
            let store = text.parse::<StoreUrl>().unwrap();
            assert_eq!(store.path(), Some(Path::new(path)), "{text}");
        }
    }

    #[test]
    fn store_addresses_read() {
        assert_eq!(
            "sqlite:a.db".parse::<StoreUrl>().unwrap().path(),
            Some(Path::new("a.db"))
        );
        assert_eq!(
            "sqlite:///tmp/a".parse::<StoreUrl>().unwrap().path(),
            Some(Path::new("/tmp/a"))
        );
        // Two that keep nothing or make a file of that name (case 20 of the field), among others.
        for wrong in [
            "",
            ".db",
            "a.txt",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:file:x.db",
            "sqlite:x.db?mode=ro",
            "postgres://[/x",
            "postgres://h/d?sslmode=allow",
        ] {
            assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
        }
        let server: StoreUrl = "postgres://app:secret@db/roster?password=secret&sslmode=require"
            .parse()
            .unwrap();
        assert!(!format!("{server:?}").contains("secret"));
        let server = server.in_schema(Some("school")).unwrap();
        assert_eq!(
            server.to_string(),
            "postgres://app@db/roster?sslmode=require&schema=school"
        );
        let file: StoreUrl = "sqlite:a.db".parse().unwrap();
        assert!(file.clone().in_schema(Some("school")).is_err());
        assert!(file.in_schema(None).is_ok());
    }
}
