//! Where things are and how a secret reaches the program.

use std::env::VarError;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clever_auth::DistrictAppToken;
use clever_sync::{AnyStore, StoreError, sqlite_path};
use url::Url;

/// The environment variable that holds a district-app token.
pub(crate) const TOKEN_VARIABLE: &str = "CLEVER_TOKEN";

/// Largest token file read, in bytes; a token has about 40.
const MAX_TOKEN_BYTES: u64 = 4096;

/// A store's address: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres(Url),
}

impl StoreUrl {
    /// The SQLite file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// Opens the store; makes it where there is none.
    pub(crate) async fn open(&self) -> Result<AnyStore, StoreError> {
        AnyStore::open_url(&self.address(), true).await
    }

    /// Opens the store if there is one.
    pub(crate) async fn open_existing(&self) -> Result<AnyStore, StoreError> {
        AnyStore::open_url(&self.address(), false).await
    }

    /// Opens the store if there is one, to look at it: one that can only be read does.
    pub(crate) async fn look(&self) -> Result<AnyStore, StoreError> {
        AnyStore::look_url(&self.address()).await
    }

    /// The address with its password, for the database alone.
    fn address(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.to_string(),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let mut url = url.clone();
                // An address without a host has no password to hide.
                let _ = url.set_password(None);
                url.set_query(None);
                write!(f, "{url}")
            }
        }
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The error is not shown: the text may hold a password.
            return text
                .parse()
                .map(Self::Postgres)
                .map_err(|_| "this is no address of a PostgreSQL database".to_owned());
        }
        sqlite_path(text)
            .map(|path| Self::Sqlite(path.to_owned()))
            .ok_or_else(|| format!("{}, as in `sqlite:clever.db`", StoreError::Address))
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
            let open = std::fs::File::open(path)
                .with_context(|| format!("could not open the secret's file {shown}"))?;
            (read_token(open, &shown)?, shown)
        }
        None => match std::env::var(variable) {
            Ok(text) => (text, variable.to_owned()),
            Err(VarError::NotUnicode(_)) => bail!("{variable} is not text"),
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
            "a.db",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:file:x.db",
            "sqlite:x.db?mode=ro",
            "postgres://[/x",
        ] {
            assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
        }
        let server: StoreUrl = "postgres://app:secret@db/roster?password=secret"
            .parse()
            .unwrap();
        assert_eq!(
            format!("{server} {server:?}"),
            "postgres://app@db/roster postgres://app@db/roster"
        );
    }
}
